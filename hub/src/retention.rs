//! How long what was received is kept: looked at when a hub begins and once a day, beside everything else that it does, or by
//! somebody who asks for it.
//!
//! What is taken out goes in small steps, and whoever writes has their turn between them. Not here: what stays, and why the rest is
//! still proven ([`crate::store`]).

use crate::store::{Access, Cutting, Place, Plan, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// How often it is looked at.
const DAY: Duration = Duration::from_secs(86_400);
/// How soon again when that did not work, or another hub was at it.
const SOON: Duration = Duration::from_secs(3_600);
/// How long the step that is under way is waited for when the hub ends. One that takes longer ends with the process, and the
/// database undoes its half.
const GRACE: Duration = Duration::from_secs(5);
/// How long others have their turn between two steps.
const TURN: Duration = Duration::from_millis(20);

/// A thread that sees to it. Dropped, it stops after the step that it is at.
#[derive(Debug)]
pub struct Keeper {
    stop: Option<Sender<()>>,
    ended: Receiver<()>,
}

impl Keeper {
    /// Takes out of the store at this place what is older than that, from now on.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(place: &Place, keep: Duration, clock: fn() -> Timestamp) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let (ends, ended) = channel();
        let place = place.clone();
        let run = move || {
            let _ends: Sender<()> = ends;
            while let Some(wait) = look(&place, keep, clock(), &stopped) {
                if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        };
        thread::Builder::new().name("retention".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), ended })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Nothing is ever sent: it is told by the thread's end.
        self.ended.recv_timeout(GRACE).ok();
    }
}

/// Looks once; answers when to look again, and nothing when it was told to stop.
fn look(place: &Place, keep: Duration, now: Timestamp, stopped: &Receiver<()>) -> Option<Duration> {
    let mut goes_on = || stopped.recv_timeout(TURN) == Err(RecvTimeoutError::Timeout);
    let cut = Store::open(place, Access::Cut).and_then(|mut store| store.cut(before(keep, now), now, &mut goes_on));
    match cut {
        Ok(Cutting::Nothing) => Some(DAY),
        Ok(Cutting::Busy) => Some(SOON),
        Ok(Cutting::Stopped) => None,
        Ok(Cutting::Done(Plan { cut, .. })) => {
            tracing::info!(through = cut.through, entries = cut.entries, bytes = cut.bytes, "the journal was cut");
            Some(DAY)
        }
        Err(error) => {
            let error = crate::chain(&error);
            tracing::error!(error, "what is older than `--keep` is not taken out; it is tried again in an hour");
            Some(SOON)
        }
    }
}

fn before(keep: Duration, now: Timestamp) -> Timestamp {
    let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    now.checked_sub(keep).unwrap_or(Timestamp::MIN)
}

/// Why nothing was taken out, or not all.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output could not be written.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
    /// Another hub is at it.
    #[error("another hub is taking the same out at the moment; nothing is to be done")]
    Busy,
}

/// Says what would be taken out, or takes it out.
///
/// # Errors
/// When the store can't be used, or is not what was received.
pub fn prune(
    place: &Place,
    keep: Duration,
    yes: bool,
    now: Timestamp,
    mut say: impl FnMut(String) -> io::Result<()>,
) -> Result<(), PruneError> {
    let before = before(keep, now);
    if !yes {
        let plan = Store::open(place, Access::Read)?.plan(before)?;
        return Ok(say(match plan {
            None => format!("nothing would be taken out: nothing that may go was received before {before:.0}"),
            Some(plan) => format!("{} would be taken out; `--yes` does it", said(&plan)),
        })?);
    }
    let mut store = Store::open(place, Access::Write(None))?;
    match store.cut(before, now, &mut || true)? {
        Cutting::Nothing => say(format!("nothing that may go was received before {before:.0}"))?,
        Cutting::Busy | Cutting::Stopped => return Err(PruneError::Busy),
        Cutting::Done(plan) => say(format!("{} were taken out", said(&plan)))?,
    }
    if store.make_compact()? {
        say("the file was written anew, so that its room is given back".into())?;
    }
    let end = store.end();
    Ok(say(format!("{}:{}", end.entries, end.chain))?)
}

fn said(Plan { cut, first }: &Plan) -> String {
    format!(
        "{} entries through {}, of {first:.0} to {:.0}, with {} bytes of text ({} stay)",
        cut.entries, cut.through, cut.last, cut.bytes, cut.stay
    )
}
