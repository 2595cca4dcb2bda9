//! Everything that was received, in order, as it was received: each entry is bound to all before it by a digest, so that
//! nobody takes one out, changes one or puts one in between without the last digest being another.
//!
//! Whoever has noted a digest somewhere else can prove later that nothing before it was changed. Where the oldest part was taken
//! out, lines stand for it ([`Line`]): a record further on names them by a digest of their own, and the place from which on the rest
//! is bound. Not here: where entries lie ([`crate::store`]), and what they say (`fleet`).

use fleet::cut::Cut;
use jiff::Timestamp;
use manifests::id::Digest;
use serde::{Deserialize, Serialize};

/// Who wrote an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It was received.
    #[default]
    Queue,
    /// The hub itself: what its picture rests on beside messages (`fleet::belief::Record`).
    Hub,
}

impl Origin {
    fn is_queue(&self) -> bool {
        matches!(self, Self::Queue)
    }

    /// What a text is known by, and bound with. No message has the digest of what the hub wrote: that is one of a digest.
    pub fn digest(self, body: &str) -> Digest {
        let digest = Digest::of(body.as_bytes());
        match self {
            Self::Queue => digest,
            Self::Hub => Digest::of(&digest.0),
        }
    }
}

/// One message, or a record of the hub's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place, from 1, without a gap.
    pub n: u64,
    /// When it was received first: whole milliseconds.
    pub received: Timestamp,
    /// What binds it to everything before it.
    pub chain: Digest,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Origin::is_queue")]
    pub origin: Origin,
    /// Its text, byte for byte.
    pub body: String,
}

/// Where a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many entries it has.
    pub entries: u64,
    /// What binds the last one to all the others.
    pub chain: Digest,
}

impl End {
    /// The end of an empty journal.
    pub const NOTHING: Self = Self { entries: 0, chain: Digest([0; 32]) };

    /// The entry that comes next.
    pub fn next(&self, received: Timestamp, origin: Origin, body: &str) -> Entry {
        let End { entries: n, chain } = self.following(received, &origin.digest(body));
        Entry { n, received, chain, origin, body: body.to_owned() }
    }

    /// The end after a text with this digest that comes next.
    pub(crate) fn following(&self, received: Timestamp, digest: &Digest) -> Self {
        let entries = self.entries + 1;
        Self { entries, chain: link(&self.chain, entries, received, digest) }
    }

    /// The end after this entry, if it is the one that comes next and nothing of it was changed.
    ///
    /// # Errors
    /// When it is not.
    pub fn after(&self, entry: &Entry) -> Result<Self, Broken> {
        if entry.n != self.entries + 1 {
            return Err(Broken::Place { expected: self.entries + 1, found: entry.n });
        }
        if entry.received != whole(entry.received) {
            return Err(Broken::Odd { n: entry.n, what: "its time has parts of a millisecond" });
        }
        if link(&self.chain, entry.n, entry.received, &entry.origin.digest(&entry.body)) != entry.chain {
            return Err(Broken::Chain { n: entry.n });
        }
        Ok(Self { entries: entry.n, chain: entry.chain })
    }
}

/// A line of those that stand for what was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What it carries over (`fleet::cut::Carried`), byte for byte.
    pub carried: String,
    /// The entry that stays with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays: Option<Stays>,
}

/// An entry whose neighbours are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stays {
    /// What bound everything before it.
    pub after: Digest,
    /// Itself.
    pub entry: Entry,
}

/// The lines of a cut, as they are read or written one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// How many there were.
    pub lines: u64,
    /// What binds them.
    pub digest: Digest,
    /// The last entry that stays.
    last: u64,
}

impl Lines {
    /// Before the first.
    pub const NONE: Self = Self { lines: 0, digest: Digest([0; 32]), last: 0 };

    /// After this one, of a cut through that entry, if what stays with it is as it was received.
    ///
    /// # Errors
    /// When it is not.
    pub fn after(self, line: &Line, through: u64) -> Result<Self, Broken> {
        let mut last = self.last;
        if let Some(Stays { after, entry }) = &line.stays {
            if entry.n <= last || entry.n > through {
                return Err(Broken::Place { expected: last + 1, found: entry.n });
            }
            last = End { entries: entry.n - 1, chain: *after }.after(entry)?.entries;
        }
        Ok(Self { lines: self.lines + 1, digest: bound(&self.digest, line), last })
    }

    /// That these are all of what the cut says that it carries over.
    ///
    /// # Errors
    /// When they are not.
    pub fn are_of(self, cut: &Cut) -> Result<End, Broken> {
        if (self.lines, self.digest) != (cut.lines, cut.digest) {
            return Err(Broken::Carried { through: cut.through });
        }
        Ok(End { entries: cut.through, chain: cut.chain })
    }
}

/// SHA-256 of the digest before, where the entry stands and what binds it, and the digest of the text: all of fixed length.
fn bound(before: &Digest, line: &Line) -> Digest {
    let none = Digest([0; 32]);
    let (n, after, chain) =
        line.stays.as_ref().map_or((0, none, none), |stays| (stays.entry.n, stays.after, stays.entry.chain));
    let text = Digest::of(line.carried.as_bytes());
    Digest::of(&[before.0.as_slice(), &n.to_be_bytes(), &after.0, &chain.0, &text.0].concat())
}

/// Why a journal is not what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, or there twice.
    #[error("entry {expected} should come next, and it is {found}: something was taken out or put in")]
    Place {
        /// What should have come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// What stands in an entry's place is nothing that could have been received.
    #[error("entry {n} is nothing that was received: {what}")]
    Odd {
        /// Which, as far as that can be told.
        n: u64,
        /// What of it.
        what: &'static str,
    },
    /// The entry that somebody has noted is another one, or is not there.
    #[error("entry {n} is not the one that was noted: it, or something before it, was changed or taken out")]
    Noted {
        /// Which.
        n: u64,
    },
    /// An entry that a cut has left is not there.
    #[error("entry {n} is missing: it is one that a cut has left")]
    Missing {
        /// Which.
        n: u64,
    },
    /// What stands for the part that was taken out is not what the cut's record says.
    #[error(
        "what stands for the entries up to {through} is not what their cut has left: it was changed, or some of it was taken out"
    )]
    Carried {
        /// Up to where.
        through: u64,
    },
    /// Nothing says that it was to be taken out.
    #[error("the entries up to {through} are gone, and no record in the journal says that they were cut")]
    Gap {
        /// Up to where.
        through: u64,
    },
    /// It, or something before it, is not what it was.
    #[error("entry {n} does not follow from what is before it: it was changed, or something before it was")]
    Chain {
        /// Which.
        n: u64,
    },
}

/// A time as it is kept: whole milliseconds, so that what is read again is what was written.
pub fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// SHA-256 of the digest before, the place, the time and the digest of the text: all of fixed length, so that no two
/// journals read the same.
fn link(before: &Digest, n: u64, received: Timestamp, body: &Digest) -> Digest {
    let (n, received) = (n.to_be_bytes(), received.as_millisecond().to_be_bytes());
    Digest::of(&[before.0.as_slice(), &n, &received, &body.0].concat())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_777_636_800_000 + millisecond).unwrap()
    }

    /// A journal of these texts.
    pub(crate) fn journal(bodies: &[&str]) -> Vec<Entry> {
        let mut end = End::NOTHING;
        let next = |(body, n): (&&str, i64)| {
            let entry = end.next(at(n), Origin::Queue, body);
            end = end.after(&entry).unwrap();
            entry
        };
        bodies.iter().zip(0..).map(next).collect()
    }

    /// Reads a journal after somebody has been at it.
    fn read(change: impl FnOnce(&mut Vec<Entry>)) -> Result<End, Broken> {
        let mut all = journal(&["a", "b", "c", "d"]);
        change(&mut all);
        all.iter().try_fold(End::NOTHING, |end, entry| end.after(entry))
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        let end = read(|_| ()).unwrap();
        assert_eq!((end.entries, end.chain), (4, journal(&["a", "b", "c", "d"])[3].chain));
        assert_ne!(end.chain, journal(&["a", "b", "d", "c"])[3].chain);
    }

    #[test]
    fn whatever_somebody_does_to_it_is_found() {
        let check = |change: fn(&mut Vec<Entry>), broken| assert_eq!(read(change), Err(broken));
        check(|all| all[1].body.push('x'), Broken::Chain { n: 2 });
        check(|all| all[1].received = at(99), Broken::Chain { n: 2 });
        check(|all| all[1].origin = Origin::Hub, Broken::Chain { n: 2 });
        check(
            |all| all[1].received += jiff::SignedDuration::from_nanos(1),
            Broken::Odd { n: 2, what: "its time has parts of a millisecond" },
        );
        check(|all| drop(all.remove(1)), Broken::Place { expected: 2, found: 3 });
        check(|all| all.swap(1, 2), Broken::Place { expected: 2, found: 3 });
        check(|all| all.push(all[3].clone()), Broken::Place { expected: 5, found: 4 });
        check(
            |all| {
                all.remove(1);
                all.iter_mut().zip(1..).for_each(|(entry, n)| entry.n = n);
            },
            Broken::Chain { n: 2 },
        );
        // Whoever binds all of it anew has another end than the one that was noted.
        let forged = read(|all| *all = journal(&["a", "x", "c", "d"])).unwrap();
        assert_ne!(forged, read(|_| ()).unwrap());
    }

    #[test]
    fn whatever_somebody_does_to_the_lines_of_a_cut_is_found() {
        let all = journal(&["a", "b", "c", "d"]);
        let stays = |n: usize| {
            let after = n.checked_sub(1).map_or(Digest([0; 32]), |before| all[before].chain);
            Some(Stays { after, entry: all[n].clone() })
        };
        let lines = [
            Line { carried: "first".into(), stays: stays(0) },
            Line { carried: "third".into(), stays: stays(2) },
            Line { carried: "beside".into(), stays: None },
        ];
        let read = |lines: &[Line]| lines.iter().try_fold(Lines::NONE, |read, line| read.after(line, 3));
        let Lines { lines: number, digest, .. } = read(&lines).unwrap();
        let (before, last) = (at(9), at(2));
        let cut =
            Cut { through: 3, chain: all[2].chain, before, last, entries: 1, bytes: 1, stay: 2, lines: number, digest };
        let end = read(&lines).unwrap().are_of(&cut).unwrap();
        assert_eq!(end.after(&all[3]).unwrap().entries, 4);
        let check = |change: &dyn Fn(&mut Vec<Line>), broken| {
            let mut lines = lines.to_vec();
            change(&mut lines);
            assert_eq!(read(&lines).and_then(|read| read.are_of(&cut)), Err(broken));
        };
        let other = Broken::Carried { through: 3 };
        check(&|lines| lines[0].carried.push('x'), other);
        check(&|lines| lines[2].carried.push('x'), other);
        check(&|lines| drop(lines.pop()), other);
        check(&|lines| drop(lines.remove(0)), other);
        check(&|lines| lines.push(lines[2].clone()), other);
        check(&|lines| lines[1].stays = stays(1), other);
        check(&|lines| lines.swap(1, 2), other);
        check(&|lines| lines.swap(0, 1), Broken::Place { expected: 4, found: 1 });
        check(&|lines| lines[1].stays = stays(3), Broken::Place { expected: 2, found: 4 });
        check(&|lines| lines[0].stays.as_mut().unwrap().entry.body.push('x'), Broken::Chain { n: 1 });
        check(&|lines| lines[0].stays.as_mut().unwrap().after = digest, Broken::Chain { n: 1 });
    }

    #[test]
    fn a_time_is_kept_as_it_is_written() {
        let odd: Timestamp = "2026-05-01T12:00:00.123456789Z".parse().unwrap();
        assert_eq!(whole(odd).to_string(), "2026-05-01T12:00:00.123Z");
        let early: Timestamp = "1969-12-31T23:59:59.9995Z".parse().unwrap();
        assert_eq!(whole(whole(early)), whole(early));
    }
}
