//! Who looked at what, who signed in and out, and who was refused and why: in the log, on a page for operators, and in a file if
//! there is one.
//!
//! No token, code or cookie is ever in it: of an address, only what pages know is written down. What somebody does again and again
//! (a page follows what comes) is one entry that says how often. Not here: what accounts did ([`crate::journal`]).

use super::role::Who;
use crate::{
    asked::{Asked, Form},
    show::clean,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The newest of those who are known.
const KNOWN: usize = 1_000;
/// The newest of those who are not: however many they are, they push nobody else out.
const STRANGERS: usize = 200;
/// The same, so soon, is the same entry.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::web) enum Act {
    Looked,
    SignedIn,
    SignedOut,
    Refused,
}

impl Act {
    pub(in crate::web) fn as_str(self) -> &'static str {
        match self {
            Self::Looked => "looked",
            Self::SignedIn => "signed in",
            Self::SignedOut => "signed out",
            Self::Refused => "was refused",
        }
    }
}

/// An entry.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::web) struct Entry {
    /// When first.
    pub(in crate::web) at: Timestamp,
    /// When last, and how often.
    pub(in crate::web) last: Timestamp,
    pub(in crate::web) times: u64,
    pub(in crate::web) act: Act,
    pub(in crate::web) who: Option<String>,
    /// The issuer's own word for who it is.
    pub(in crate::web) subject: Option<String>,
    pub(in crate::web) role: Option<&'static str>,
    pub(in crate::web) by: Option<&'static str>,
    /// The address that it came from; behind a proxy, the proxy's.
    pub(in crate::web) from: Option<IpAddr>,
    pub(in crate::web) what: String,
    pub(in crate::web) why: Option<String>,
}

/// What a list of entries has for columns.
pub(in crate::web) const COLUMNS: [&str; 11] =
    ["at", "last", "times", "act", "who", "subject", "role", "by", "from", "what", "why"];

/// Everything that is kept of it.
#[derive(Debug, Default)]
pub(super) struct Audit {
    kept: Mutex<Kept>,
    file: Option<File>,
}

#[derive(Debug, Default)]
struct Kept {
    known: VecDeque<Entry>,
    strangers: VecDeque<Entry>,
}

impl Audit {
    /// One that is written to a file too, which nobody else may read.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path: &Path| OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        Ok(Self { kept: Mutex::default(), file: path.map(open).transpose()? })
    }

    /// Writes down that somebody did something.
    pub(super) fn note(
        &self,
        act: Act,
        (who, from): (Option<&Who>, Option<IpAddr>),
        what: String,
        why: Option<String>,
        now: Timestamp,
    ) {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let entry = Entry {
            at: now,
            last: now,
            times: 1,
            act,
            who: who.map(|who| who.name.clone()),
            subject: who.and_then(|who| text(&who.subject)),
            role: who.map(|who| who.role.as_str()),
            by: who.map(Who::known_by),
            from,
            what,
            why,
        };
        logged(&entry);
        let line = {
            let mut kept = self.kept();
            let (list, most) = if who.is_some() { (&mut kept.known, KNOWN) } else { (&mut kept.strangers, STRANGERS) };
            if let Some(same) = list.iter_mut().find(|known| known.is_again(&entry)) {
                (same.last, same.times) = (now, same.times.saturating_add(1));
                return;
            }
            let line = serde_json::to_string(&entry);
            list.push_front(entry);
            list.truncate(most);
            line
        };
        let Some(mut file) = self.file.as_ref() else { return };
        // In one piece, so that two hubs, or whoever turns the file over, cut no line in two.
        if let Err(error) = file.write_all(format!("{}\n", line.unwrap_or_default()).as_bytes()) {
            tracing::error!(%error, "the audit log can't be written to");
        }
    }

    /// The newest first.
    pub(super) fn newest(&self) -> Vec<Entry> {
        let kept = self.kept();
        let mut all: Vec<Entry> = kept.known.iter().chain(&kept.strangers).cloned().collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.last));
        all
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether the other is the same once more. Of strangers, what they asked for makes no difference: they try everything.
    fn is_again(&self, other: &Self) -> bool {
        let soon = other.at.duration_since(self.at).abs() < AGAIN;
        let same = (self.act, &self.who, &self.subject, self.by, self.from, &self.why)
            == (other.act, &other.who, &other.subject, other.by, other.from, &other.why);
        soon && same
            && (self.what == other.what || self.who.is_none())
            && matches!(self.act, Act::Looked | Act::Refused)
    }
}

fn logged(entry: &Entry) {
    let (who, uri) = (entry.who.as_deref().unwrap_or_default(), &entry.what);
    let from = entry.from.map(|from| from.to_string()).unwrap_or_default();
    let (by, why) = (entry.by.unwrap_or_default(), entry.why.as_deref().unwrap_or_default());
    match entry.act {
        Act::Looked => tracing::info!(target: "hub::audit", who, %uri, by, from, "looked"),
        Act::SignedIn => tracing::info!(target: "hub::audit", who, by, from, "signed in"),
        Act::SignedOut => tracing::info!(target: "hub::audit", who, by, from, "signed out"),
        Act::Refused => tracing::warn!(target: "hub::audit", who, %uri, by, from, why, "was refused"),
    }
}

/// Of an address what pages know of, and of that so much.
pub(super) fn what(asked: &Asked) -> String {
    const KNOWN: [&str; 12] = [
        "state",
        "ring",
        "commit",
        "agent",
        "fresh",
        "unexpected",
        "suspended",
        "sort",
        "account",
        "what",
        "after",
        "q",
    ];
    let form = match asked.form {
        Form::Html => None,
        Form::Json => Some("json"),
        Form::Csv => Some("csv"),
    };
    let whole = asked.of_these(&KNOWN).with("format", form);
    clean(&whole).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::at;

    fn who(name: &str) -> Who {
        Who { name: name.into(), ..Who::machine() }
    }

    fn look(audit: &Audit, name: Option<&str>, what: &str, millisecond: i64) {
        let who = name.map(who);
        let act = if who.is_some() { Act::Looked } else { Act::Refused };
        audit.note(act, (who.as_ref(), None), what.into(), None, at(millisecond));
    }

    #[test]
    fn what_somebody_does_again_is_one_entry_and_strangers_push_nobody_out() {
        let audit = Audit::default();
        for second in 0..700 {
            look(&audit, Some("ada"), "/", second * 1_000);
        }
        look(&audit, Some("ada"), "/accounts", 700_000);
        look(&audit, Some("bob"), "/", 700_000);
        for n in 0..1_000 {
            audit.note(Act::Refused, (None, Some(std::net::Ipv4Addr::from_bits(n).into())), "/x".into(), None, at(0));
            look(&audit, None, &format!("/{n}"), 0);
        }
        let all = audit.newest();
        let told: Vec<(Option<&str>, &str, u64)> =
            all.iter().take(4).map(|entry| (entry.who.as_deref(), entry.what.as_str(), entry.times)).collect();
        let expect =
            [(Some("bob"), "/", 1), (Some("ada"), "/accounts", 1), (Some("ada"), "/", 100), (Some("ada"), "/", 600)];
        assert_eq!(told, expect);
        assert_eq!(all.len(), 4 + STRANGERS);
        for n in 0..3_000 {
            look(&audit, Some("ada"), &format!("/accounts/{n}"), 800_000);
        }
        assert_eq!(audit.newest().len(), KNOWN + STRANGERS);
    }

    #[test]
    fn each_entry_is_a_line_of_a_file_that_nobody_else_reads() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for name in ["ada", "bob\n{}"] {
            let audit = Audit::open(Some(&path)).unwrap();
            look(&audit, Some(name), "/", 0);
            look(&audit, Some(name), "/", 1);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[1]["who"], &lines[1]["act"]), (2, &"bob\n{}".into(), &"looked".into()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Audit::open(Some(Path::new("/no/such/place"))).is_err());
    }

    #[test]
    fn of_an_address_only_what_pages_know_is_written_down() {
        let check = |path: &str, query: &str, expect: &str| assert_eq!(what(&Asked::of(path, query)), expect);
        check("/accounts.csv", "state=failed&access_token=SECRET&code=SECRET", "/accounts?state=failed&format=csv");
        check("/", "", "/");
        assert!(what(&Asked::of(&format!("/{}", "a".repeat(10_000)), "")).len() <= 300);
    }
}
