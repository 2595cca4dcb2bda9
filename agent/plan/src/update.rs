//! The agent's own version: whether another one is fetched, tried, kept, or given up.
//!
//! Two are installed, one that proved itself and one that has yet to. Whoever acts on what is decided here is never the one
//! that is on trial. A version has proved itself when it has finished as much as the one before it, twice: the second turn
//! reads what the first one wrote. What did not is gone back from, and is not tried again until another one is asked for.
//!
//! Not here: where versions lie, how one is fetched and put into its place, who starts it (the shell's business), and whether
//! the commit that asks may be believed: it is the one that is in force, so all of that has been judged.

mod known;
mod twin;

pub use known::{Asked, Did, Fell, Fetched, Proof, Slot, State, Trial, Turned, Unfetched};
pub use twin::{Again, Route, called, route, turned};

use crate::{
    orders::{Hold, Orders},
    quote::quote,
    select::Account,
    why::Why,
    window,
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::fmt;
use jiff::{SignedDuration, Timestamp};
use manifests::{
    fleet::Fleet,
    id::AccountId,
    release::{Form, Version},
    report::{UpdatePhase, UpdateReport},
    window::Window,
};

/// How many turns it takes.
pub const TURNS: usize = 2;
/// How often what is on trial may be started before it has.
pub const STARTS: u32 = 3;
/// How long the version that runs is waited for to show what it can do, at least: after that, anything is better.
const SILENT: SignedDuration = SignedDuration::from_mins(15);
/// How long a trial lasts at least: what is out of reach for a moment is nothing to hold against a version.
const LEAST: SignedDuration = SignedDuration::from_mins(30);
/// How many rests of an agent a trial leaves room for: one between two turns, one for a turn that was lost, and what
/// either is longer by chance.
const RESTS: i32 = 3;

/// What is known when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the commit in force asks; `None` when it asks nothing.
    pub asked: Option<&'a Asked>,
    /// Why that can't be understood, if that is so.
    pub garbled: Option<&'a str>,
    /// What the updater remembers.
    pub state: &'a State,
    /// What an agent said of its turns.
    pub proof: Option<&'a Proof>,
    /// Why nothing may begin in this account, if that is so.
    pub closed: Option<&'a str>,
    /// When something may.
    pub windows: &'a [Window],
    /// How long a trial may last.
    pub trial: SignedDuration,
    /// Now.
    pub now: Timestamp,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stay(Rest),
    /// What is asked is fetched.
    Fetch,
    /// What was fetched is put into its place and started. The version before it finished that much.
    Try(Did),
    /// What is on trial has proved itself.
    Keep,
    /// What is on trial is gone back from, for this reason; for none when nobody asks for it any more.
    FallBack(Option<String>),
}

/// Why nothing is done. Each says what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// Nobody asks for a version.
    Unasked,
    /// What is asked can't be understood.
    Garbled(String),
    /// It is here.
    Here,
    /// It is older than what is here, or another make of the same version.
    Backward(Version),
    /// It was tried, and given up.
    Fell(Fell),
    /// Its ring's turn is later.
    ForRing(Asked),
    /// Nothing may begin now.
    Closed(String),
    /// It could not be fetched.
    Unfetched(Unfetched),
    /// The version that runs finishes a turn first.
    ForTurn(Timestamp),
    /// It is in its place, and nobody has started it.
    Unstarted(String),
    /// It runs, and has yet to prove itself.
    Trial(Box<Trial>, Timestamp),
    /// It proved itself, and could not be put into the place of what is good.
    Unkept(Unfetched),
}

/// How long a version is on trial where nobody said: what an agent that rests so long, and takes so long for a turn at most,
/// may need to finish its turns. A good one must not be given up for being slow.
pub fn trial(rest: SignedDuration, turn: SignedDuration) -> SignedDuration {
    let turns = turn.checked_mul(i32::try_from(TURNS).unwrap_or(i32::MAX));
    let all = turns.zip(rest.checked_mul(RESTS)).and_then(|(turns, rests)| turns.checked_add(rests));
    all.unwrap_or(SignedDuration::MAX).max(LEAST)
}

/// What is done now.
pub fn decide(facts: &Facts<'_>) -> Step {
    match &facts.state.trial {
        Some(trial) => judge(trial, facts),
        None => go_on(facts),
    }
}

/// What becomes of the version on trial.
fn judge(trial: &Trial, facts: &Facts<'_>) -> Step {
    match facts.asked {
        Some(asked) if asked.sha256 == trial.slot.sha256 => {}
        Some(_) => return Step::FallBack(None),
        None => return Step::FallBack(unasked(trial, facts)),
    }
    let own = facts.proof.filter(|proof| proof.slot == trial.slot.name);
    let turns = || own.into_iter().flat_map(|proof| &proof.turns).filter(|turned| turned.at > trial.began);
    let as_good = turns().filter(|turned| turned.did.covers(trial.before)).count();
    if let Some(other) = own.map(|proof| &proof.version).filter(|version| **version != trial.slot.version.to_string()) {
        let why = format!("takes itself for version {}", quote(other));
        return Step::FallBack(Some(why));
    }
    if as_good >= TURNS {
        let trouble =
            facts.state.trouble.as_ref().filter(|it| it.sha256 == trial.slot.sha256 && facts.now < it.again());
        return match (trouble, worn(trial)) {
            (None, _) => Step::Keep,
            // It did prove itself, and has not done as much since.
            (Some(_), Some(_)) => Step::FallBack(Some(format!("proved itself, and then failed{}", last(trial)))),
            (Some(trouble), None) => Step::Stay(Rest::Unkept(trouble.clone())),
        };
    }
    if let Some(why) = worn(trial) {
        return Step::FallBack(Some(why));
    }
    // What never ran shows nothing, however long that was.
    if let Some(why) = &trial.waits {
        return Step::Stay(Rest::Unstarted(why.clone()));
    }
    let until = until(trial, facts.trial);
    if facts.now < until {
        return Step::Stay(Rest::Trial(Box::new(trial.clone()), until));
    }
    // What nobody could start shows nothing either.
    if trial.starts == 0 && trial.last.is_some() {
        return Step::FallBack(None);
    }
    let lacking = turns().next_back().and_then(|turned| turned.did.lacks(trial.before));
    Step::FallBack(Some(match (turns().count(), lacking) {
        (0, _) => format!("finished no turn in {}{}", span(facts.trial), last(trial)),
        (_, Some(lacking)) => {
            format!("finished turns in {}, but {lacking}, as the version before it did", span(facts.trial))
        }
        (n, None) => format!("finished {n} of {TURNS} turns in {}", span(facts.trial)),
    }))
}

/// Whether a version has been on trial for so long.
pub fn is_over(trial: &Trial, lasts: SignedDuration, now: Timestamp) -> bool {
    trial.waits.is_none() && now >= until(trial, lasts)
}

fn until(trial: &Trial, lasts: SignedDuration) -> Timestamp {
    trial.runs().checked_add(lasts).unwrap_or(Timestamp::MAX)
}

/// What is held against a version on trial when nothing is asked any more. It may be that the commit asks for nothing; or it
/// is what runs on trial that can't tell any more what is asked, and nobody would ever ask for another one. The version
/// before it knows, and asks again if that is so: then it is the second time.
fn unasked(trial: &Trial, facts: &Facts<'_>) -> Option<String> {
    let again = || facts.state.unasked == Some(trial.slot.sha256);
    match facts.garbled {
        Some(why) => Some(format!("leaves what is asked for so that it can't be understood ({why})")),
        None => again().then(|| "leaves nothing of what is asked for, for the second time".into()),
    }
}

/// Why a version on trial is started no more, if that is so: whoever starts it knows of no turns, and needs nobody for this.
pub fn worn(trial: &Trial) -> Option<String> {
    (trial.starts > STARTS).then(|| format!("was started {STARTS} times and did not prove itself{}", last(trial)))
}

/// What came of its last start, where anybody knows.
fn last(trial: &Trial) -> String {
    trial.last.as_ref().map(|last| format!(" (the last time: {last})")).unwrap_or_default()
}

/// What is done while nothing is on trial.
fn go_on(facts: &Facts<'_>) -> Step {
    let State { good, fetched, fell, trouble, trial: _, unasked: _ } = facts.state;
    let Some(asked) = facts.asked else {
        return Step::Stay(facts.garbled.map_or(Rest::Unasked, |why| Rest::Garbled(why.into())));
    };
    if asked.sha256 == good.sha256 {
        return Step::Stay(Rest::Here);
    }
    if asked.version <= good.version && !asked.downgrade {
        return Step::Stay(Rest::Backward(good.version.clone()));
    }
    if let Some(fell) = fell.as_ref().filter(|fell| fell.sha256 == asked.sha256) {
        return Step::Stay(Rest::Fell(fell.clone()));
    }
    if facts.now < asked.due {
        return Step::Stay(Rest::ForRing(asked.clone()));
    }
    if let Some(why) = facts.closed {
        return Step::Stay(Rest::Closed(why.to_string()));
    }
    if let Some(why) = window::shut(facts.windows, facts.now) {
        return Step::Stay(Rest::Closed(why.to_string()));
    }
    let Some(fetched) = fetched.as_ref().filter(|fetched| fetched.slot.sha256 == asked.sha256) else {
        let trouble = trouble.as_ref().filter(|trouble| trouble.sha256 == asked.sha256 && facts.now < trouble.again());
        return trouble.map_or(Step::Fetch, |trouble| Step::Stay(Rest::Unfetched(trouble.clone())));
    };
    let own = facts.proof.filter(|proof| proof.slot == good.name);
    let last = own.and_then(|proof| proof.turns.last()).filter(|turned| turned.at > fetched.at);
    let silent = SILENT.max(facts.trial / 2);
    let until = fetched.at.checked_add(silent).unwrap_or(Timestamp::MAX);
    match last {
        Some(turned) => Step::Try(turned.did),
        None if facts.now >= until => Step::Try(Did::default()),
        None => Step::Stay(Rest::ForTurn(until)),
    }
}

/// What a fleet asks of an account that is reached in this form. `since` is when the account first had a commit in force that
/// asks for just this.
pub fn asked(fleet: &Fleet, account: &Account, form: Form, since: Timestamp) -> Option<Asked> {
    let release = fleet.agent.as_ref()?;
    let download = release.downloads.get(&form)?;
    let ring = release.ring(&account.id, &account.labels)?;
    let wait = SignedDuration::try_from(ring.after).unwrap_or(SignedDuration::MAX);
    Some(Asked {
        version: release.version.clone(),
        sha256: download.sha256,
        from: filled(&download.from, &account.id, account.home.as_str()),
        downgrade: release.downgrade,
        ring: ring.name.clone(),
        due: since.checked_add(wait).unwrap_or(Timestamp::MAX),
    })
}

fn filled(from: &str, account: &AccountId, region: &str) -> String {
    from.replace("{account}", account.as_str()).replace("{region}", region)
}

/// The hold on the whole account that lasts longest, as the reason that nothing begins.
pub fn hold(orders: &Orders) -> Option<Why> {
    let whole = orders.holds.iter().filter(|hold| hold.stack.is_none());
    whole.max_by_key(|hold| hold.until).map(Hold::why)
}

/// What the report says of the agent's own version: nothing while that is what is asked.
pub fn told(facts: &Facts<'_>) -> Option<UpdateReport> {
    let asked = facts.asked?;
    let (phase, why) = match decide(facts) {
        Step::Stay(Rest::Here | Rest::Unasked) | Step::Keep => return None,
        Step::Stay(rest) => (rest.phase(), rest.to_string()),
        Step::Fetch => (UpdatePhase::Waiting, "is fetched next".into()),
        Step::Try(_) => (UpdatePhase::Waiting, "is tried next".into()),
        Step::FallBack(why) => {
            let why = why.unwrap_or_else(|| "is no longer asked for".into());
            (UpdatePhase::FellBack, format!("{why}; the version before it is started next"))
        }
    };
    Some(UpdateReport { wanted: asked.version.to_string(), digest: asked.sha256, phase, why })
}

/// The same where the updater has yet to look.
pub fn unlooked(asked: &Asked, trouble: Option<&str>) -> UpdateReport {
    UpdateReport {
        wanted: asked.version.to_string(),
        digest: asked.sha256,
        phase: UpdatePhase::Waiting,
        why: trouble.map_or_else(
            || "is looked at when this turn is over".into(),
            |why| format!("could not be looked at: {why}; it is tried again after this turn"),
        ),
    }
}

/// The same where nobody updates the agent.
pub fn unmanaged(asked: &Asked) -> UpdateReport {
    let why = "is not fetched, because nobody updates this agent: ends when its machine or function has the updater, or when \
               whoever installed it does";
    UpdateReport {
        wanted: asked.version.to_string(),
        digest: asked.sha256,
        phase: UpdatePhase::Unmanaged,
        why: why.into(),
    }
}

impl Rest {
    fn phase(&self) -> UpdatePhase {
        match self {
            Self::Trial(..) | Self::Unkept(_) => UpdatePhase::Trial,
            Self::Fell(_) => UpdatePhase::FellBack,
            Self::Unasked
            | Self::Garbled(_)
            | Self::Unstarted(_)
            | Self::Here
            | Self::Backward(_)
            | Self::ForRing(_)
            | Self::Closed(_)
            | Self::Unfetched(_)
            | Self::ForTurn(_) => UpdatePhase::Waiting,
        }
    }
}

/// A clause after "version 1.4.0".
impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("is not asked for"),
            Self::Garbled(why) => {
                write!(f, "what is asked for can't be understood: {why}; ends when the agent writes it anew")
            }
            Self::Here => f.write_str("is here"),
            Self::Backward(good) => write!(
                f,
                "is not newer than {good}, which is here; ends with a newer version, or when the commit says `downgrade: true`"
            ),
            Self::Fell(Fell { why, at, .. }) => write!(
                f,
                "{why}, and was given up at {at:.0}; ends when the fleet names another digest, or with `holdfast update --again`"
            ),
            Self::ForRing(Asked { ring, due, .. }) => {
                write!(f, "waits for its ring, `{ring}`, whose turn is at {due:.0}")
            }
            Self::Closed(why) => write!(f, "is not fetched: {why}"),
            Self::Unfetched(trouble) => {
                let again = trouble.again();
                write!(f, "could not be fetched: {}; it is tried again at {again:.0}", trouble.why)
            }
            Self::ForTurn(until) => {
                write!(f, "is here, and is tried when the version that runs has finished a turn, or at {until:.0}")
            }
            Self::Unstarted(why) => write!(f, "is in its place to run on trial, but {why}; ends when it is started"),
            Self::Trial(trial, until) => write!(
                f,
                "runs on trial since {:.0}; ends when it has finished {TURNS} turns, or goes back at {until:.0}",
                trial.runs()
            ),
            Self::Unkept(trouble) => {
                let again = trouble.again();
                write!(
                    f,
                    "proved itself and makes the turns, and could not be put into the place of the one before it: {}; it \
                     is tried again at {again:.0}",
                    trouble.why
                )
            }
        }
    }
}

/// A span as people say it.
fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    if seconds % 60 == 0 { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}
