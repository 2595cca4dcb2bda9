//! AWS Lambda's runtime API, as a function sees it: it asks for the next event, and answers with a result or an error.
//!
//! After the Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes". Not here: any event.

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

use agent::{clock::SystemClock, cloud::Clock};
use serde_json::Value;
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread,
    time::Duration,
};

/// What became of an event.
#[derive(Debug)]
pub(crate) struct Ended {
    failed: bool,
    body: Value,
}

impl Ended {
    /// What the function answered.
    #[track_caller]
    pub(crate) fn answer(self) -> Value {
        assert!(!self.failed, "{self:?}");
        self.body
    }

    /// What the function answered, or why it failed.
    pub(crate) fn into_result(self) -> Result<Value, Value> {
        if self.failed { Err(self.body) } else { Ok(self.body) }
    }

    /// Why it failed.
    #[track_caller]
    pub(crate) fn error(self) -> Value {
        assert!(self.failed, "{self:?}");
        self.body
    }
}

/// One event, and who waits for what becomes of it.
struct Invocation {
    event: String,
    left: Duration,
    answer: Sender<Ended>,
}

struct Shared {
    waiting: Mutex<Receiver<Invocation>>,
    /// What the function has been given and has not answered.
    open: Mutex<Vec<(String, Sender<Ended>)>>,
    next: AtomicU64,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Receiver<Invocation>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<(String, Sender<Ended>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runtime of one function.
pub(crate) struct Runtime {
    port: u16,
    events: Sender<Invocation>,
}

impl Runtime {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (events, waiting) = channel();
        let shared =
            Arc::new(Shared { waiting: Mutex::new(waiting), open: Mutex::default(), next: AtomicU64::default() });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A function that ends is its own business.
                thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { port, events }
    }

    /// The program as this function's, in an execution environment of that name.
    pub(crate) fn of(&self, program: &mut Command, environment: &str) {
        program.env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{}", self.port));
        program.env("AWS_LAMBDA_FUNCTION_NAME", "holdfast").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        program.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256").env("AWS_LAMBDA_LOG_STREAM_NAME", environment);
    }

    /// Sends an event, which has so much time.
    pub(crate) fn send(&self, event: &Value, left: Duration) -> Receiver<Ended> {
        let (answer, answered) = channel();
        self.events.send(Invocation { event: event.to_string(), left, answer }).unwrap();
        answered
    }

    /// The same, and waits for what becomes of it.
    #[track_caller]
    pub(crate) fn invoke(&self, event: &Value) -> Ended {
        self.send(event, Duration::from_secs(900)).recv_timeout(Duration::from_secs(120)).unwrap()
    }
}

/// Serves one connection, until the function hangs up.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = body(&mut reader)?;
        let parts: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/invocation/").split('/').collect();
        match parts[..] {
            ["next"] => next(&mut writer, shared)?,
            [id, outcome] => {
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let mut open = shared.open();
                let at = open.iter().position(|(known, _)| known == id).ok_or(io::ErrorKind::InvalidData)?;
                // Nobody has to wait for it.
                drop(open.remove(at).1.send(Ended { failed: outcome != "response", body }));
                writer.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
            }
            _ => writer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
        }
    }
}

/// Reads headers and body.
fn body(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut length = Some(0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().ok());
        if line == "transfer-encoding: chunked" {
            length = None;
        }
    }
    let mut body = Vec::new();
    if let Some(length) = length {
        reader.take(length).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        reader.take(size).read_to_end(&mut body)?;
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Hands out the next event when there is one. A function that has died in the meantime gets none.
fn next(writer: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let Invocation { event, left, answer } = loop {
        writer.set_read_timeout(Some(Duration::from_millis(10)))?;
        let gone = matches!(writer.peek(&mut [0]), Ok(0));
        writer.set_read_timeout(None)?;
        if gone {
            return Ok(());
        }
        match shared.waiting().try_recv() {
            Ok(invocation) => break invocation,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    };
    let id = format!("request-{}", shared.next.fetch_add(1, Ordering::Relaxed));
    let deadline = i128::from(SystemClock.now().as_millisecond()) + i128::try_from(left.as_millis()).unwrap_or(0);
    shared.open().push((id.clone(), answer));
    write!(
        writer,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
         Lambda-Runtime-Deadline-Ms: {deadline}\r\nLambda-Runtime-Invoked-Function-Arn: \
         arn:aws:lambda:eu-central-1:111111111111:function:holdfast\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    )
}
