//! A git server for the tests: real repositories behind the real `git http-backend`, over a small HTTP server that
//! counts every byte and can misbehave. And the `git` program itself, kept away from the machine's configuration.

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// Runs git in `folder` and answers what it printed.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    text(&feed(folder, arguments, b""))
}

/// Makes a bare repository whose branch `main` is what the `git fast-import` script says.
pub(crate) fn import(folder: &Path, script: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "."]);
    more(folder, script);
}

/// Adds what another script says.
pub(crate) fn more(folder: &Path, script: &[u8]) {
    feed(folder, &["fast-import", "--quiet", "--force"], script);
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

pub(crate) fn feed(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = command(folder);
    let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("these tests need the `git` program: install git");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// How the server treats its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Honest,
    /// Understands only the protocol's first version, like a proxy that drops the `Git-Protocol` header.
    Old,
    /// Sends one byte at a time.
    Drip,
    /// Hangs up after so many bytes of a body, having announced its length or not.
    Cut { after: usize, announced: bool },
    /// Changes one byte of the answer to a fetch, counted from its end.
    Flip { back: usize },
    /// Sends a pack that never ends.
    Endless,
    /// Answers every request with this status and these header lines.
    Status(u16, String),
    /// Sends those who ask for one repository to another.
    Moved { from: &'static str, to: &'static str },
    /// Answers git's own way, with an error that repeats the client's `Authorization` header.
    Tell,
}

/// What the server has counted on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) up: u64,
    pub(crate) down: u64,
}

struct Shop {
    root: PathBuf,
    manner: Mutex<Manner>,
    authorization: Mutex<Option<String>>,
    requests: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

/// A server on a port of its own, for as long as the process lives.
pub(crate) struct GitServer {
    shop: Arc<Shop>,
    port: u16,
}

impl GitServer {
    /// Serves every repository below `root`.
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shop = Arc::new(Shop {
            root: root.to_owned(),
            manner: Mutex::new(Manner::Honest),
            authorization: Mutex::new(None),
            requests: AtomicU64::default(),
            up: AtomicU64::default(),
            down: AtomicU64::default(),
        });
        let served = Arc::clone(&shop);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shop = Arc::clone(&served);
                // A client that hangs up is its own business.
                thread::spawn(move || shop.serve(stream).ok());
            }
        });
        Self { shop, port }
    }

    /// The URL of a repository.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.shop.manner.lock().unwrap() = manner;
    }

    /// Demands this `Authorization` header from now on.
    pub(crate) fn demand(&self, authorization: &str) {
        *self.shop.authorization.lock().unwrap() = Some(authorization.to_owned());
    }

    pub(crate) fn counted(&self) -> Counted {
        let Shop { requests, up, down, .. } = &*self.shop;
        Counted { requests: requests.load(SeqCst), up: up.load(SeqCst), down: down.load(SeqCst) }
    }
}

struct Request {
    line: Vec<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    fn is_fetch(&self) -> bool {
        self.body.windows(13).any(|bytes| bytes == b"command=fetch")
    }
}

impl Shop {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut last = false;
        while !last && let Some(request) = self.read(&mut stream)? {
            last = request.header("connection").eq_ignore_ascii_case("close");
            self.requests.fetch_add(1, SeqCst);
            let manner = self.manner();
            if !self.admits(&request) {
                let head =
                    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\r\n";
                self.write(&mut stream, head.as_bytes())?;
                continue;
            }
            match manner {
                Manner::Status(status, lines) => {
                    let lines = if lines.is_empty() { lines } else { format!("{lines}\r\n") };
                    let head = format!("HTTP/1.1 {status} Said So\r\n{lines}Content-Length: 0\r\n\r\n");
                    self.write(&mut stream, head.as_bytes())?;
                }
                Manner::Moved { from, to } if request.line[1].starts_with(&format!("/{from}/")) => {
                    let location = request.line[1].replacen(from, to, 1);
                    let head = format!("HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
                    self.write(&mut stream, head.as_bytes())?;
                }
                Manner::Endless if request.is_fetch() => return self.endless(&mut stream),
                Manner::Tell => self.tell(&mut stream, &request)?,
                Manner::Honest
                | Manner::Old
                | Manner::Drip
                | Manner::Cut { .. }
                | Manner::Flip { .. }
                | Manner::Endless
                | Manner::Moved { .. } => {
                    if self.answer(&mut stream, &request, &manner)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn manner(&self) -> Manner {
        self.manner.lock().unwrap().clone()
    }

    fn admits(&self, request: &Request) -> bool {
        self.authorization.lock().unwrap().as_ref().is_none_or(|demanded| request.header("authorization") == demanded)
    }

    /// Reads a request; `None` when the client has hung up.
    fn read(&self, stream: &mut TcpStream) -> io::Result<Option<Request>> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default().split(' ').map(str::to_owned).collect();
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(k, v)| (k.to_owned(), v.trim().to_owned()));
        let mut request = Request { line, headers: headers.collect(), body: Vec::new() };
        let length = request.header("content-length").parse().unwrap_or(0);
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body)?;
        self.up.fetch_add((head.len() + length) as u64, SeqCst);
        Ok(Some(request))
    }

    fn write(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        self.down.fetch_add(bytes.len() as u64, SeqCst);
        stream.write_all(bytes)
    }

    /// Lets git answer; whether the connection is at its end.
    fn answer(&self, stream: &mut TcpStream, request: &Request, manner: &Manner) -> io::Result<bool> {
        let (status, headers, mut body) = self.backend(request, manner);
        let announced = !matches!(manner, Manner::Cut { announced: false, .. });
        let length =
            if announced { format!("Content-Length: {}\r\n", body.len()) } else { "Connection: close\r\n".into() };
        self.write(stream, format!("HTTP/1.1 {status}\r\n{headers}{length}\r\n").as_bytes())?;
        match manner {
            Manner::Drip => {
                for byte in &body {
                    thread::sleep(Duration::from_millis(50));
                    self.write(stream, &[*byte])?;
                }
                Ok(false)
            }
            Manner::Cut { after, announced } if body.len() > *after || !announced => {
                self.write(stream, &body[..body.len().min(*after)])?;
                Ok(true)
            }
            Manner::Flip { back } if request.is_fetch() => {
                body.iter_mut().rev().skip(*back).take(1).for_each(|byte| *byte ^= 1);
                self.write(stream, &body).map(|()| false)
            }
            Manner::Cut { .. }
            | Manner::Flip { .. }
            | Manner::Honest
            | Manner::Old
            | Manner::Endless
            | Manner::Status(..)
            | Manner::Moved { .. }
            | Manner::Tell => self.write(stream, &body).map(|()| false),
        }
    }

    /// Runs the CGI program: status, header lines and body.
    fn backend(&self, request: &Request, manner: &Manner) -> (String, String, Vec<u8>) {
        let (path, query) = request.line[1].split_once('?').unwrap_or((&request.line[1], ""));
        let mut command = command(&self.root);
        command.arg("http-backend").env("GIT_PROJECT_ROOT", &self.root).env("GIT_HTTP_EXPORT_ALL", "1");
        command.env("REQUEST_METHOD", &request.line[0]).env("PATH_INFO", path).env("QUERY_STRING", query);
        command.env("CONTENT_TYPE", request.header("content-type"));
        command.env("CONTENT_LENGTH", request.body.len().to_string());
        if *manner != Manner::Old {
            command.env("GIT_PROTOCOL", request.header("git-protocol"));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&request.body).ok();
        let output = child.wait_with_output().unwrap().stdout;
        let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
        for line in String::from_utf8_lossy(&output[..end]).lines() {
            match line.strip_prefix("Status: ") {
                Some(said) => said.clone_into(&mut status),
                None => headers.push_str(&format!("{line}\r\n")),
            }
        }
        (status, headers, output[end + 4..].to_vec())
    }

    /// A pack that announces more objects than it will ever have sent, each of them valid.
    fn endless(&self, stream: &mut TcpStream) -> io::Result<()> {
        self.write(stream, b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n\r\n")?;
        self.write(stream, &packet(b"packfile\n"))?;
        self.write(stream, &packet(b"\x01PACK\0\0\0\x02\0\x01\0\0"))?;
        // A blob of 15 zeros, "deflated" as one stored block, with its Adler-32.
        let object = b"\x01\x3f\x78\x01\x01\x0f\x00\xf0\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x00\x0f\x00\x01";
        loop {
            self.write(stream, &packet(object))?;
        }
    }

    fn tell(&self, stream: &mut TcpStream, request: &Request) -> io::Result<()> {
        let said = packet(format!("ERR no, not with {}\n", request.header("authorization")).as_bytes());
        let body = [packet(b"# service=git-upload-pack\n"), b"0000".to_vec(), said].concat();
        let kind = "application/x-git-upload-pack-advertisement";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        self.write(stream, head.as_bytes())?;
        self.write(stream, &body)
    }
}

fn packet(bytes: &[u8]) -> Vec<u8> {
    [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat()
}
