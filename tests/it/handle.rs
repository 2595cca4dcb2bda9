//! The other end of a wait condition's handle: a bucket of CloudFormation's that takes one kind of request, as the User Guide
//! has it ("Create wait conditions in a CloudFormation template").
//!
//! Not here: a stack that waits (ministack has those), and any signature: whoever has the URL may write.

use crate::wire::read_request;
use agent::{
    ready::{Answer, Gate},
    store::StoreError,
};
use plan::ready::{Ready, Signal, Waiting};
use serde_json::Value;
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What it does with what comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    /// Takes it.
    Takes,
    /// Answers with this status.
    Answers(u16),
    /// Says nothing.
    Silent,
}

struct Shared {
    mood: Mutex<Mood>,
    signals: Mutex<Vec<Value>>,
}

/// A handle.
pub(crate) struct Handle {
    port: u16,
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { mood: Mutex::new(Mood::Takes), signals: Mutex::default() });
        let here = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&here);
                thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { port, shared }
    }

    /// Its URL. What stands behind the question mark is a signature on AWS, and nobody else's business.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/arn%3Aaws%3Acloudformation/agent/Handle?X-Amz-Signature=canary", self.port)
    }

    pub(crate) fn is(&self, mood: Mood) {
        *lock(&self.shared.mood) = mood;
    }

    /// Everything that came so far, taken or not.
    pub(crate) fn came(&self) -> Vec<Value> {
        lock(&self.shared.signals).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, shared: &Shared) {
    let Ok(request) = read_request(&mut stream) else { return };
    let kind = request.headers.iter().any(|(name, value)| name == "content-type" && !value.is_empty());
    let fits = request.line.starts_with("PUT ") && !kind && request.line.contains("X-Amz-Signature=canary");
    lock(&shared.signals).push(serde_json::from_slice(&request.body).unwrap_or_default());
    let mood = *lock(&shared.mood);
    let status = match mood {
        Mood::Takes if fits => 200,
        Mood::Takes => 400,
        Mood::Answers(status) => status,
        Mood::Silent => {
            thread::sleep(Duration::from_secs(60));
            return;
        }
    };
    let body = if status == 200 {
        ""
    } else {
        "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    };
    // Whoever asked may be dead.
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

/// Nobody asks here whether an account is ready.
pub(crate) enum Closed {}

impl Gate for Closed {
    async fn read(&self) -> Result<Option<Ready>, StoreError> {
        match *self {}
    }

    async fn write(&self, _: &Ready) -> Result<(), StoreError> {
        match *self {}
    }

    fn waiting(&self) -> Option<Waiting<'_>> {
        match *self {}
    }

    async fn signal(&self, _: &Signal) -> Answer {
        match *self {}
    }
}
