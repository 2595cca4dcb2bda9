//! A thread that drives a connection. Whoever asks hands it what is to be done and waits: a runtime can't wait inside of another,
//! and the hub's own is where most of the asking is done.
//!
//! Not here: anything about PostgreSQL.

use std::{
    io,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// After how long nobody waits any more: far longer than a server that is well lets anything take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum DriveError {
    /// Not for so long.
    Silent(Duration),
    /// And there will be none.
    Gone,
}

/// The thread; it ends with this.
#[derive(Debug)]
pub(super) struct Driver {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Driver {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let drive = move || drop(runtime.block_on(stopped));
        thread::Builder::new().name("postgres".into()).spawn(drive)?;
        Ok(Self { handle, _stop: stop })
    }

    /// Does it there, and waits for what comes of it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        act: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, DriveError> {
        self.run_for(PATIENCE, act)
    }

    /// The same, with another patience.
    pub(super) fn run_for<T: Send + 'static>(
        &self,
        patience: Duration,
        act: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, DriveError> {
        let (tell, told) = sync_channel(1);
        let task = self.handle.spawn(async move {
            // Whoever asked may have stopped waiting.
            let _ = tell.send(act.await);
        });
        told.recv_timeout(patience).map_err(|error| {
            task.abort();
            match error {
                RecvTimeoutError::Timeout => DriveError::Silent(patience),
                RecvTimeoutError::Disconnected => DriveError::Gone,
            }
        })
    }
}
