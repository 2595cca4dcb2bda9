//! A small real proxy: it forwards what names its target in the first line, and opens a tunnel to what is asked for with
//! `CONNECT`. It remembers who wanted to go where, and what they showed.

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// One request to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    /// How.
    pub(crate) method: String,
    /// Host and port.
    pub(crate) target: String,
    /// The header `Proxy-Authorization`.
    pub(crate) shown: String,
    /// Whether it also had the header `Authorization`, as the target's server will see it.
    pub(crate) open: bool,
}

/// A proxy on a port of its own, for as long as the process lives.
pub(crate) struct Proxy {
    port: u16,
    demands: Option<String>,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Proxy {
    /// One that lets everybody through, or whoever shows this.
    pub(crate) fn start(demands: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            demands: demands.map(str::to_owned),
            passed: Arc::default(),
        };
        let (demands, passed) = (proxy.demands.clone(), Arc::clone(&proxy.passed));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (demands, passed) = (demands.clone(), Arc::clone(&passed));
                // A client that hangs up is its own business.
                thread::spawn(move || serve(stream, demands.as_deref(), |one| passed.lock().unwrap().push(one)).ok());
            }
        });
        proxy
    }

    /// Its URL, with what stands before the `@`.
    pub(crate) fn url(&self, user: &str) -> String {
        format!("http://{user}127.0.0.1:{}", self.port)
    }

    /// What went, or wanted to go, to this port of this machine.
    pub(crate) fn passed(&self, port: u16) -> Vec<Passed> {
        let passed = self.passed.lock().unwrap();
        passed.iter().filter(|passed| passed.target.ends_with(&format!(":{port}"))).cloned().collect()
    }
}

/// Serves one request, and closes the connection.
fn serve(mut client: TcpStream, demands: Option<&str>, pass: impl Fn(Passed)) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or("", |(_, value)| value)
    };
    let mut words = line.split(' ');
    let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let rest = uri.strip_prefix("http://").unwrap_or(uri);
    let (target, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let shown = header("proxy-authorization").to_owned();
    let refused = demands.is_some_and(|demanded| demanded != shown);
    let open = !header("authorization").is_empty();
    pass(Passed { method: method.into(), target: target.into(), shown, open });
    if refused {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
    let mut server = TcpStream::connect(target)?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
        let (mut reads, mut writes) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || io::copy(&mut reads, &mut writes).and_then(|_| writes.shutdown(Shutdown::Write)).ok());
        return io::copy(&mut server, &mut client).and_then(|_| client.shutdown(Shutdown::Both));
    }
    let own = |name: &str| name.eq_ignore_ascii_case("connection") || name.to_ascii_lowercase().starts_with("proxy-");
    let kept = headers.iter().filter(|(name, _)| !own(name));
    let kept: String = kept.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    server.write_all(format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{kept}\r\n").as_bytes())?;
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    client.read_exact(&mut body)?;
    server.write_all(&body)?;
    let mut status = Vec::new();
    while !status.ends_with(b"\r\n") {
        server.read_exact(&mut byte)?;
        status.push(byte[0]);
    }
    client.write_all(&status)?;
    client.write_all(b"Connection: close\r\n")?;
    io::copy(&mut server, &mut client).and_then(|_| client.shutdown(Shutdown::Both))
}
