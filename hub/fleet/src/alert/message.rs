//! What is told: once as values, and in the forms in which it goes out: a subject and a text for people, Slack's form, and a
//! CloudEvent for programs.
//!
//! What an account wrote stands in it cut and without control characters, and where a form has marks of its own, without them.

use super::{About, Condition};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::report::{Severity, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The type of the event that programs get.
pub const TYPE: &str = "holdfast.alert.v1";

/// How many accounts are named in a message.
pub const NAMED: usize = 5;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Something is not well.
    Began,
    /// It is worse.
    Worsened,
    /// It is over.
    Recovered,
    /// How everything stands, once a day.
    Digest,
    /// Somebody tries a route out.
    Test,
}

impl What {
    /// As machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Worsened => "worsened",
            Self::Recovered => "recovered",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

/// An account, as it is named in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// Its id.
    pub account: String,
    /// What the fleet file calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The value of its label `ring`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ring: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The same however often it is sent.
    pub id: String,
    /// What it tells.
    pub what: What,
    /// How loudly: `info`, `warning` or `error`.
    pub severity: String,
    /// All of it in a line.
    pub title: String,
    /// In which way something is, or was, not well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// In which way it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_state: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Where there is more to see.
    pub link: String,
    /// When it was decided.
    pub at: Timestamp,
    /// Since when it has been so, of several the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// After how many seconds it was over, of several the longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_after: Option<i64>,
    /// The commit that all of it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The incidents it is about, at most a hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<String>,
    /// How many accounts it is about.
    pub count: u64,
    /// Of these, the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Named>,
    /// What else there is to say, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Message {
    /// One that only tries a route out.
    pub fn test(route: &str, link: &str, at: Timestamp) -> Self {
        Self {
            id: format!("test.{}", at.as_millisecond()),
            what: What::Test,
            severity: Severity::Info.as_str().into(),
            title: format!("[test] a test of the route {}: nothing is wrong", plain(route, 64)),
            state: None,
            previous_state: None,
            why: Some("somebody asked for it with `holdfast-hub alerts --test`".into()),
            link: link.into(),
            at,
            since: None,
            recovered_after: None,
            commit: None,
            incidents: Vec::new(),
            count: 0,
            accounts: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The subject of a mail, as SNS takes it: fewer than a hundred ASCII characters, in one line.
    pub fn subject(&self) -> String {
        let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        let subject: String = format!("Holdfast {}", self.title).chars().map(ascii).collect();
        if subject.len() < 100 { subject } else { format!("{}...", &subject[..96]) }
    }

    /// The text of a mail.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        if let Some(why) = &self.why {
            text.push_str(&format!("why: {why}\n"));
        }
        for (name, value) in self.beside() {
            text.push_str(&format!("{name}: {value}\n"));
        }
        self.lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text.push_str(&format!("\n{}\n", self.link));
        text
    }

    /// As Slack takes it, and what speaks its language. What an account wrote is no markup, names no channel and is no link.
    pub fn slack(&self) -> Value {
        let mut text = format!("*{}*", escaped(&self.title));
        if let Some(why) = &self.why {
            text.push_str(&format!("\n{}", escaped(why)));
        }
        let beside: Vec<String> = self.beside().map(|(name, value)| format!("{name} {}", escaped(&value))).collect();
        if !beside.is_empty() {
            text.push_str(&format!("\n{}", beside.join(" · ")));
        }
        self.lines.iter().for_each(|line| text.push_str(&format!("\n{}", escaped(line))));
        text.push_str(&format!("\n<{}|see it>", self.link.replace(['<', '>', '|'], "")));
        json!({ "text": text })
    }

    /// As a CloudEvent.
    pub fn event(&self) -> Value {
        json!({
            "specversion": "1.0",
            "id": self.id,
            "source": "/holdfast/hub",
            "type": TYPE,
            "subject": self.incidents.first().map_or(self.what.word(), String::as_str),
            "time": self.at,
            "datacontenttype": "application/json",
            "data": self,
        })
    }

    /// What stands beside the title and why.
    fn beside(&self) -> impl Iterator<Item = (&'static str, String)> {
        let since = self.since.map(|since| format!("{since:.0}"));
        let rings = self.accounts.first().map(|first| &first.ring);
        let ring = rings.filter(|ring| !ring.is_empty() && self.accounts.iter().all(|one| one.ring == **ring)).cloned();
        let commit = self.commit.as_ref().map(|commit| commit.chars().take(7).collect());
        let named: Vec<String> = self.accounts.iter().map(Named::says).collect();
        let more = self.count.saturating_sub(named.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let accounts = (self.count > 1).then(|| format!("{}{more}", named.join(", ")));
        let all = [("since", since), ("ring", ring), ("commit", commit), ("accounts", accounts)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Named {
    /// The account that something is about.
    pub fn of(about: &About) -> Option<Self> {
        let name = about.name.as_deref().map(|name| plain(name, 64));
        Some(Self { account: about.account.as_ref()?.to_string(), name, ring: plain(&about.ring, 64) })
    }

    fn says(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} ({})", self.account),
            None => self.account.clone(),
        }
    }
}

/// Whom something is about, in words.
pub(super) fn who(about: &About) -> String {
    Named::of(about).map_or_else(|| "the hub".into(), |named| named.says())
}

/// In which way it is not well, of one or of several.
pub(super) fn says(condition: Condition, is_one: bool) -> &'static str {
    match (condition, is_one) {
        (Condition::State(State::Failed), _) => "failed",
        (Condition::State(State::NeedsAPerson), true) => "needs a person",
        (Condition::State(State::NeedsAPerson), false) => "need a person",
        (Condition::State(State::Drifted), _) => "drifted",
        (Condition::State(State::Held), true) => "is held",
        (Condition::State(State::Held), false) => "are held",
        (Condition::State(State::InSync | State::Healed), true) => "is in sync",
        (Condition::State(State::InSync | State::Healed), false) => "are in sync",
        (Condition::State(State::Pending | State::Applying), true) => "is on its way",
        (Condition::State(State::Pending | State::Applying), false) => "are on their way",
        (Condition::State(State::Excepted), true) => "is excepted",
        (Condition::State(State::Excepted), false) => "are excepted",
        (Condition::State(State::Unknown), true) => "is in a state that is not known",
        (Condition::State(State::Unknown), false) => "are in a state that is not known",
        (Condition::Silent, true) => "is silent",
        (Condition::Silent, false) => "are silent",
        (Condition::Unexpected, true) => "speaks, and nobody expects it",
        (Condition::Unexpected, false) => "speak, and nobody expects them",
        (Condition::NotReady, _) => "never spoke, and should have",
        (Condition::Quarantine, _) => "gets messages that are no reports",
        (Condition::Contested, _) => "gets reports that claim another one's number",
        (Condition::Queue, _) => "can't read its queue, or keep what comes",
        (Condition::List, _) => "can't read who is expected",
    }
}

/// A time that something took, in two words.
pub(super) fn span(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let two = |n: i64, one: &str, rest: i64, other: &str| match rest {
        0 => format!("{n} {one}"),
        rest => format!("{n} {one} {rest} {other}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// What somebody else wrote, in a line: without what steers a terminal or turns the direction of writing round, and no longer
/// than so many characters.
pub(super) fn plain(text: &str, most: usize) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut plain: String = text.chars().take(most).map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        plain.push('…');
    }
    plain
}

/// Slack's three, by which everything that it takes for a link or a name begins; and what would be bold or code.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('*', "∗").replace('`', "'")
}
