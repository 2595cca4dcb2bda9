//! Requests over one connection, hardly a client: what is asked one after the other, and how long each took.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};
use tokio::time::Instant;

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Line {
    pub(super) fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // Nothing that is asked for takes so long.
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { writer: stream.try_clone()?, reader: BufReader::new(stream) })
    }

    /// What is there.
    pub(super) fn get(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// What is answered to a text that is handed in.
    pub(super) fn post(&mut self, headers: &str, body: &str) -> io::Result<Vec<u8>> {
        let length = body.len();
        self.ask(&format!("POST / HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
    }

    fn ask(&mut self, request: &str) -> io::Result<Vec<u8>> {
        self.writer.write_all(request.as_bytes())?;
        let mut answer = vec![0; self.head(request)?];
        self.reader.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// How long the answer is whose head this is.
    fn head(&mut self, request: &str) -> io::Result<usize> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            match line.trim().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or_default(),
                Some(_) => {}
                None if line.starts_with("HTTP/1.1 200") => {}
                None if line == "\r\n" => return Ok(length),
                None => {
                    return Err(io::Error::other(format!("{}: {line}", request.lines().next().unwrap_or_default())));
                }
            }
        }
    }

    /// Listens to what is told on an address, until the first word that is one.
    pub(super) fn listen(&mut self, path: &str) -> io::Result<()> {
        self.writer.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        self.head(path).map(drop)
    }

    /// Waits for the next word.
    pub(super) fn word(&mut self) -> io::Result<()> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.starts_with("data:") {
                return Ok(());
            }
        }
    }
}

/// Seconds until each of so many answers is there.
pub(super) fn times(address: SocketAddr, path: &str, asked: usize) -> io::Result<Vec<f64>> {
    let mut line = Line::to(address)?;
    let one = |_| {
        let began = Instant::now();
        line.get(path).map(|_| began.elapsed().as_secs_f64())
    };
    (0..asked).map(one).collect()
}

/// The half of them is no more, and all but one of a hundred.
pub(super) fn half_and_most(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    (at(50), at(99))
}
