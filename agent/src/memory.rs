//! Memory as a text: checksummed, versioned, and made to fit where it is kept.
//!
//! Not here: the place ([`crate::store`]).

use manifests::id::{Digest, StackKey};
use plan::{
    drift::remembered::Drifts,
    memory::{Known, Memory},
    short::Short,
};
use serde::{Deserialize, Serialize};

/// What is written: a version, a checksum, the memory.
#[derive(Serialize, Deserialize)]
struct Sealed {
    version: u32,
    sha256: String,
    memory: serde_json::Value,
}

const VERSION: u32 = 1;

/// Memory as a text, under its checksum.
pub(crate) fn seal(memory: &Memory) -> String {
    let memory = serde_json::to_value(memory).unwrap_or_default();
    let sha256 = Digest::of(memory.to_string().as_bytes()).to_string();
    serde_json::json!({ "version": VERSION, "sha256": sha256, "memory": memory }).to_string()
}

/// A text that was read.
#[derive(Debug, PartialEq)]
pub(crate) enum Opened {
    /// What was remembered.
    Memory(Box<Memory>),
    /// It is not what was written.
    Damaged,
    /// A newer agent wrote it: it knows what this one doesn't.
    Newer(u32),
}

/// The other way.
pub(crate) fn open(text: &str) -> Opened {
    let Ok(sealed) = serde_json::from_str::<Sealed>(text) else { return Opened::Damaged };
    if Digest::of(sealed.memory.to_string().as_bytes()).to_string() != sealed.sha256 {
        return Opened::Damaged;
    }
    match (sealed.version, serde_json::from_value(sealed.memory)) {
        (version, _) if version > VERSION => Opened::Newer(version),
        (VERSION, Ok(memory)) => Opened::Memory(Box::new(memory)),
        _ => Opened::Damaged,
    }
}

/// Memory in at most that many bytes. What happened is forgotten first (oldest first), because the report's picture still
/// shows how everything stands; then how often a stack came up lately, then marks (oldest first) and held changes, each of
/// which costs a change set to find out again; then why something failed or did not help, but not that it did; then what was
/// good last (oldest first) and what is on trial, without which nothing is taken back; then which stacks are ours, beyond
/// their tags. What was started is not forgotten, for it would be done again, nor what was
/// destroyed, for it would be destroyed again.
///
/// # Errors
/// How many bytes are left when that is still too much.
pub(crate) fn fitting(memory: &Memory, most: usize) -> Result<String, usize> {
    let mut memory = memory.clone();
    loop {
        let text = seal(&memory);
        let over = text.len().saturating_sub(most);
        if over == 0 {
            return Ok(text);
        }
        if !memory.outbox.is_empty() {
            memory.outbox.remove(0);
        } else if !memory.births.is_empty() {
            let forgotten = over.div_ceil(Short::BYTES).min(memory.births.len());
            memory.births.drain(..forgotten);
        } else if !memory.settled.is_empty() {
            let forgotten = over.div_ceil(Short::BYTES).min(memory.settled.len());
            memory.settled.drain(..forgotten);
        } else if let Some(key) = first(&memory, |known| known.held.is_some()) {
            memory.change(&key, |known| known.held = None);
        } else if let Some(key) = first(&memory, |known| known.failed.is_some()) {
            memory.give_up(&key);
        } else if let Some(key) =
            first(&memory, |known| known.tried.as_ref().is_some_and(|tried| !tried.why.is_empty()))
        {
            memory.change(&key, |known| known.tried.iter_mut().for_each(|tried| tried.why.clear()));
        } else if !memory.good.is_empty() {
            memory.good.remove(0);
        } else if let Some(key) = first(&memory, |known| known.trial.is_some()) {
            memory.give_up_trial(&key);
        } else if !memory.owned.is_empty() {
            memory.owned.clear();
            memory.noticed.clear();
        } else {
            return Err(text.len());
        }
    }
}

/// What is remembered of drift, in at most that many bytes: what matters least is forgotten first.
pub(crate) fn drifts(drifts: &Drifts, most: usize) -> String {
    let mut drifts = drifts.clone();
    loop {
        let text = serde_json::to_string(&drifts).unwrap_or_default();
        if text.len() <= most || !drifts.forget() {
            return text;
        }
    }
}

/// The first stack of which this is remembered.
fn first(memory: &Memory, is: impl Fn(&Known) -> bool) -> Option<StackKey> {
    memory.stacks().iter().find(|(_, known)| is(known)).map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::{
        asked::Fingerprint,
        memory::{Pending, Started, WasHeld},
        trial::{Fell, Trial},
    };

    /// The most that a parameter holds.
    const MOST: usize = 8192;

    fn remembering(happened: usize) -> Memory {
        let mut memory = Memory::new("e1".into());
        for number in 0..happened {
            let at = jiff::Timestamp::UNIX_EPOCH;
            let what = manifests::report::What::Created;
            let sentence = format!("{number}: {}", "x".repeat(100));
            memory.outbox.push(manifests::report::Happening {
                at,
                what,
                region: None,
                stack: None,
                commit: None,
                sentence,
            });
        }
        memory
    }

    #[test]
    fn what_is_sealed_opens_again() {
        assert_eq!(opened(&seal(&remembering(3))), Some(remembering(3)));
    }

    #[test]
    fn a_changed_byte_is_not_believed_and_a_newer_version_is_known_for_one() {
        let text = seal(&remembering(1));
        assert_eq!(open(&text.replace("e1", "e2")), Opened::Damaged);
        assert_eq!(open(&text.replace("\"version\":1", "\"version\":0")), Opened::Damaged);
        assert_eq!(open(&text.replace("\"version\":1", "\"version\":2")), Opened::Newer(2));
        assert_eq!(open(""), Opened::Damaged);
    }

    /// The memory in a text that this version wrote.
    fn opened(text: &str) -> Option<Memory> {
        match open(text) {
            Opened::Memory(memory) => Some(*memory),
            Opened::Damaged | Opened::Newer(_) => None,
        }
    }

    fn key(number: usize) -> StackKey {
        let stack = format!("baseline-audit-{number:03}").parse().unwrap();
        StackKey { region: "ap-southeast-2".parse().unwrap(), stack }
    }

    /// The same, with so many stacks settled, all that four seats can have under way, and so many held.
    fn busy(happened: usize, marks: usize, held: usize) -> Memory {
        let mut memory = remembering(happened);
        let one = Fingerprint::of(b"one");
        let commit = Some("a".repeat(40).parse().unwrap());
        (memory.accepted, memory.applied) = (commit.clone(), commit.clone());
        memory.regions = ["ap-southeast-2", "eu-central-1", "us-east-1"].map(|name| name.parse().unwrap()).into();
        (0..marks).for_each(|number| memory.settle(&key(number), one, one));
        for number in 0..4 {
            let pending = Pending {
                act: Started::Update,
                fingerprint: Some(one),
                generation: Some(one),
                token: one.change_set(),
                since: jiff::Timestamp::UNIX_EPOCH,
                attempt: 1,
                commit: commit.clone(),
                allowed: vec![],
            };
            memory.change(&key(number), |known| known.pending = Some(pending));
        }
        for number in 4..4 + held {
            let held =
                WasHeld { case: one, why: "w".repeat(300), plan: "0".repeat(64), leave: plan::orders::Leave::None };
            memory.change(&key(number), |known| known.held = Some(held));
        }
        memory
    }

    fn settled(memory: &Memory) -> Vec<usize> {
        let one = Fingerprint::of(b"one");
        (0..1_000).filter(|number| memory.is_settled(&key(*number), one, one)).collect()
    }

    #[test]
    fn too_much_forgets_the_oldest_first_and_nothing_else() {
        let kept = opened(&fitting(&remembering(100), MOST).unwrap()).unwrap();
        assert!(!kept.outbox.is_empty() && kept.outbox.len() < 100);
        assert!(kept.outbox.last().unwrap().sentence.starts_with("99:"));
        assert_eq!(kept.epoch, "e1");
    }

    #[test]
    fn two_hundred_settled_stacks_fit_into_a_standard_parameter_and_with_all_seats_taken_into_a_large_one() {
        let mut idle = busy(0, 200, 0);
        (0..4).for_each(|number| idle.change(&key(number), |known| known.pending = None));
        assert!(seal(&idle).len() <= 4096, "{} bytes", seal(&idle).len());
        let full = busy(0, 200, 4);
        assert_eq!(opened(&fitting(&full, MOST).unwrap()), Some(full));
    }

    #[test]
    fn marks_go_after_all_that_happened_and_the_oldest_first() {
        let full = busy(20, 600, 4);
        let text = fitting(&full, MOST).unwrap();
        let kept = opened(&text).unwrap();
        assert!(kept.outbox.is_empty());
        let (first, last) = (settled(&kept)[0], *settled(&kept).last().unwrap());
        assert!(first > 0 && last == 599 && settled(&kept).len() == 600 - first, "{first} to {last}");
        assert!(text.len() > MOST - 2 * Short::BYTES, "{} bytes: no more is forgotten than has to be", text.len());
        assert_eq!(kept.stacks(), full.stacks(), "nothing that was started or held is forgotten");
        assert_eq!(kept.regions, full.regions);
    }

    #[test]
    fn held_changes_go_after_marks_and_what_was_started_stays() {
        let kept = opened(&fitting(&busy(3, 200, 40), MOST).unwrap()).unwrap();
        let count = |is: fn(&Known) -> bool| kept.stacks().values().filter(|known| is(known)).count();
        assert!(settled(&kept).is_empty());
        assert_eq!(count(|known| known.pending.is_some()), 4);
        let held = count(|known| known.held.is_some());
        assert!(held > 0 && held < 40, "{held}");
    }

    /// The same, with so many stacks on trial that fell, and so many that were good at one of these commits.
    fn checked(mut memory: Memory, fell: usize, good: &[usize]) -> Memory {
        let one = Fingerprint::of(b"one");
        for number in 0..fell {
            let why = "w".repeat(300);
            let to = Some("a".repeat(40).parse().unwrap());
            let trial = Trial {
                fingerprint: one,
                since: jiff::Timestamp::UNIX_EPOCH,
                fell: Some(Fell { case: one, why, to, done: true }),
            };
            memory.change(&key(number), |known| known.trial = Some(trial));
        }
        for (number, many) in good.iter().enumerate() {
            let mark = |at: &usize| serde_json::to_string(&format!("{number:04}{at:04}")).unwrap();
            let stacks: Vec<String> = (0..*many).map(|at| mark(&at)).collect();
            let text = format!("{{\"commit\":\"{number:040}\",\"stacks\":\"{}\"}}", stacks.concat().replace('"', ""));
            memory.good.push(serde_json::from_str(&text).unwrap());
        }
        memory
    }

    #[test]
    fn two_hundred_stacks_with_checks_and_four_that_failed_them_fit_into_a_large_parameter() {
        let full = checked(busy(0, 200, 0), 4, &[8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 182]);
        assert_eq!(opened(&fitting(&full, MOST).unwrap()), Some(full));
    }

    #[test]
    fn when_trials_do_not_fit_it_is_still_known_which_changes_failed() {
        let full = checked(busy(0, 0, 0), 40, &[1, 1]);
        let kept = opened(&fitting(&full, MOST).unwrap()).unwrap();
        let one = Fingerprint::of(b"one");
        let count = |memory: &Memory| memory.stacks().values().filter(|known| known.trial.is_some()).count();
        assert!(count(&kept) > 0 && count(&kept) < 40 && kept.good.is_empty());
        let known = |number| kept.of(&key(number)).is_some_and(|known| known.trial.is_some());
        assert!((0..40).all(|number| known(number) != kept.has_given_up(&key(number), one)));
    }

    #[test]
    fn what_may_not_be_forgotten_and_does_not_fit_is_not_written() {
        let mut memory = busy(3, 200, 40);
        let pending = memory.of(&key(0)).unwrap().pending.clone();
        (0..60).for_each(|number| memory.change(&key(number), |known| known.pending = pending.clone()));
        assert!(fitting(&memory, MOST).unwrap_err() > MOST);
    }
}
