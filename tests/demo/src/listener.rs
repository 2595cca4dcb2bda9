//! An agent that runs, woken by a queue of its account's events.

use crate::stage::{Stage, StageError};
use manifests::id::AccountId;
use std::{
    io::Read,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// An agent that runs until it is dropped.
pub(crate) struct Listener(Child);

/// The longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl Listener {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(mut agent: Command, listens: impl Fn() -> bool) -> Result<Self, StageError> {
        agent.stdout(Stdio::null()).stderr(Stdio::piped());
        let child = agent.spawn().map_err(|error| StageError::Program("holdfast run".into(), error))?;
        let listener = Self(child);
        wait("the agent to listen", listens)?;
        Ok(listener)
    }

    /// Waits until what was changed is as it was, and tells what the agent said of it.
    pub(crate) fn healed(mut self, stage: &Stage, account: &AccountId) -> Result<Vec<String>, StageError> {
        wait("the heal", || stage.verified(account) >= 2)?;
        // What was put back is told once it was looked at again.
        wait("the report of it", || stage.told(account))?;
        self.stop();
        let mut log = String::new();
        if let Some(mut stderr) = self.0.stderr.take() {
            let read = stderr.read_to_string(&mut log);
            read.map_err(|error| StageError::Program("holdfast run".into(), error))?;
        }
        Ok(log.lines().filter_map(sentence).collect())
    }

    /// As an init system does: what is under way is told before it goes.
    fn stop(&mut self) {
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What happened, of a line of the log that tells it.
fn sentence(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("sentence=")?;
    Some(rest.trim_matches('"').to_owned())
}

fn wait(what: &str, is: impl Fn() -> bool) -> Result<(), StageError> {
    const EACH: Duration = Duration::from_millis(20);
    for _ in 0..PATIENCE.as_millis() / EACH.as_millis() {
        if is() {
            return Ok(());
        }
        std::thread::sleep(EACH);
    }
    Err(StageError::Untrue(format!("waited for {what}, and it never came")))
}
