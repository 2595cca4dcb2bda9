//! What one look at the remote may cost, and what all of them have cost so far.
//!
//! gix reads and writes as if a network could not stall; every wait of its connection, over HTTP and over ssh, goes
//! through a [`Leash`] instead, which ends it at the deadline, when nothing comes for too long, or when nobody wants the
//! answer any more.

use super::{
    error::{Fault, FetchError},
    limits::option,
};
use std::{
    cell::{Cell, RefCell},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, time::Instant};

/// Requests and bytes since the start. Of HTTP, bodies are counted exactly; heads as HTTP/1.1 would write them, whatever is
/// really spoken, and TLS not at all. Of ssh, what it hands on, and a conversation is a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// HTTP requests.
    pub requests: u64,
    /// Bytes sent.
    pub up: u64,
    /// Bytes received.
    pub down: u64,
}

/// The running count behind [`Traffic`].
#[derive(Debug, Default)]
pub(super) struct Meter {
    requests: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl Meter {
    pub(super) fn sent(&self, bytes: u64) {
        self.requests.fetch_add(1, Relaxed);
        self.up.fetch_add(bytes, Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.down.fetch_add(bytes, Relaxed);
    }

    pub(super) fn read(&self) -> Traffic {
        Traffic { requests: self.requests.load(Relaxed), up: self.up.load(Relaxed), down: self.down.load(Relaxed) }
    }
}

/// Held by whoever waits for the answer: dropping it calls the work off.
pub(super) struct Interest {
    stop: Arc<AtomicBool>,
    _open: watch::Sender<()>,
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// What a leash is made of; it can travel to the thread that does the work.
pub(super) struct Terms {
    runtime: Handle,
    gone: watch::Receiver<()>,
    stop: Arc<AtomicBool>,
    deadline: Instant,
    idle: Duration,
    bytes: u64,
    objects: u64,
    meter: Arc<Meter>,
}

impl Terms {
    /// Terms for one look at the remote, from now on.
    pub(super) fn new(limits: &super::Limits, meter: Arc<Meter>) -> (Self, Interest) {
        let (open, gone) = watch::channel(());
        let stop = Arc::new(AtomicBool::new(false));
        let interest = Interest { stop: Arc::clone(&stop), _open: open };
        let deadline = Instant::now() + limits.deadline;
        let super::Limits { idle, bytes, objects, .. } = *limits;
        let terms = Self { runtime: Handle::current(), gone, stop, deadline, idle, bytes, objects, meter };
        (terms, interest)
    }

    /// When it is over.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// The bounds on one look at the remote, and the first reason why it failed.
pub(super) struct Leash {
    terms: Terms,
    left: Cell<u64>,
    failure: RefCell<Option<FetchError>>,
}

impl Leash {
    pub(super) fn new(terms: Terms) -> Self {
        Self { left: Cell::new(terms.bytes), terms, failure: RefCell::new(None) }
    }

    /// The flag that gix looks at between two pieces of work.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.terms.stop
    }

    /// Does something that the runtime has to know of: starts what is waited for later.
    pub(super) fn within<T>(&self, start: impl FnOnce() -> T) -> T {
        let _inside = self.terms.runtime.enter();
        start()
    }

    /// Waits for the network.
    ///
    /// # Errors
    /// When the wait is over before the answer is there, or the answer is an error.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let Terms { runtime, deadline, idle, .. } = &self.terms;
        let mut gone = self.terms.gone.clone();
        let until = (Instant::now() + *idle).min(*deadline);
        runtime.block_on(async {
            tokio::select! {
                biased;
                // Nothing is ever sent: the channel changes only by closing.
                _ = gone.changed() => Err(FetchError::new(Fault::Slow, "the look at the remote was called off")),
                answer = tokio::time::timeout_at(until, answer) => match answer {
                    Ok(answer) => answer,
                    Err(_) if until == *deadline => Err(late()),
                    Err(_) => Err(FetchError::new(
                        Fault::Slow,
                        format!("the git server sent nothing for {} seconds (`{}` waits longer)", idle.as_secs_f32(), option::IDLE),
                    )),
                },
            }
        })
    }

    /// Counts a request.
    pub(super) fn sent(&self, bytes: u64) {
        self.terms.meter.sent(bytes);
    }

    /// Counts what came in.
    ///
    /// # Errors
    /// When it is more than the budget.
    pub(super) fn received(&self, bytes: u64) -> Result<(), FetchError> {
        self.terms.meter.received(bytes);
        let left = self.left.get().checked_sub(bytes).ok_or_else(|| {
            let most = self.terms.bytes;
            too_much(&format!("the git server sent more than the {most} bytes that one look may cost"), option::BYTES)
        })?;
        self.left.set(left);
        Ok(())
    }

    /// Hears how many objects a pack will have.
    ///
    /// # Errors
    /// When they are too many.
    pub(super) fn announced(&self, objects: u64) -> Result<(), FetchError> {
        let most = self.terms.objects;
        if objects <= most {
            return Ok(());
        }
        let message = format!("the git server announces a pack of {objects} objects, and at most {most} are taken");
        Err(too_much(&message, option::OBJECTS))
    }

    /// Keeps the first failure and answers what gix is to be told. The kind is never `Interrupted`, which readers take
    /// for an invitation to try again, nor `PermissionDenied`, which makes gix look for credentials of its own.
    pub(super) fn fail(&self, error: FetchError) -> io::Error {
        let told = io::Error::other(error.to_string());
        self.failure.borrow_mut().get_or_insert(error);
        told
    }

    /// The first failure, if there was one.
    pub(super) fn failure(&self) -> Option<FetchError> {
        self.failure.borrow().clone()
    }
}

/// The deadline has passed.
pub(super) fn late() -> FetchError {
    let message =
        format!("the git server did not get done before the deadline (`{}` gives it longer)", option::TIMEOUT);
    FetchError::new(Fault::Slow, message)
}

/// A limit is met, which that option sets.
pub(super) fn too_much(what: &str, option: &str) -> FetchError {
    FetchError::new(Fault::TooMuch, format!("{what} (`{option}` allows more)"))
        .hint("a manifests repository is text: keep large files out of it")
}
