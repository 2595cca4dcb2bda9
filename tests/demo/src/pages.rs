//! The hub's pages, served until the demo ends.

use crate::{stage::StageError, telling::say};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// A hub that runs until it is dropped.
pub(crate) struct Pages {
    hub: Child,
    address: String,
}

impl Pages {
    /// Starts it, and waits until it says where its pages are.
    pub(crate) fn start(hub: &mut Command) -> Result<Self, StageError> {
        hub.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let failed = |error| StageError::Program("holdfast-hub run".into(), error);
        let mut pages = Self { hub: hub.spawn().map_err(failed)?, address: String::new() };
        let mut lines = BufReader::new(pages.hub.stderr.take().expect("it is piped")).lines();
        let line = lines.next().transpose().map_err(failed)?.unwrap_or_default();
        let address = line.split_once("pages at ").map(|(_, address)| address.trim_end_matches('/').to_owned());
        pages.address = address.ok_or_else(|| StageError::Failed("holdfast-hub run".into(), line))?;
        // What it says later is read, so that it never waits for somebody to.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(pages)
    }

    /// Where they are.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What a page has for machines, once everything that the accounts sent has been read.
    pub(crate) fn document(&self, path: &str) -> Result<Value, StageError> {
        for _ in 0..1_000 {
            let document = self.get(path)?;
            if document["hub"]["caughtUp"].is_string() {
                return Ok(document);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err(StageError::Untrue("the hub does not read its queue to the end".into()))
    }

    fn get(&self, path: &str) -> Result<Value, StageError> {
        let failed = |error| StageError::Program(self.address.clone(), error);
        let host = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).map_err(failed)?;
        // Version 1.0: the answer comes whole, and its end is the connection's.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).map_err(|error| StageError::Failed(path.into(), format!("{error}: {answer}")))
    }

    /// Lets whoever sits there look at them for as long as they like.
    pub(crate) fn look(&self) {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            say(&format!("\nLook around at {}/ — Enter ends it.", self.address));
            let _ = std::io::stdin().read_line(&mut String::new());
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.hub.kill();
        let _ = self.hub.wait();
    }
}
