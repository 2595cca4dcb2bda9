//! Who is told of what: each route gets its part of the news, and what many accounts say alike in one message.
//!
//! A fold does not begin anew with every account that joins it: once so many say the same, more are told when there are twice
//! as many, and again at twice that; on the way down at the half, and at last one by one. Not here: what is news
//! ([`super::look`]).

use super::{
    About, Change, Condition, Incident, News,
    message::{Message, NAMED, Named, What, plain, says, span, who},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Reverse;
use jiff::Timestamp;
use manifests::{
    fleet,
    id::{AccountId, Digest},
    report::{Severity, State},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Whom to tell, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it is called.
    pub name: String,
    /// What is told has at least this severity.
    pub least: Severity,
    /// Only of accounts in one of these rings; of all when it is empty.
    pub rings: Vec<String>,
    /// Only of accounts with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// From how many accounts on that say the same it is one message.
    pub fold_at: u64,
    /// Whether each change is told, and not only a digest.
    pub changes: bool,
}

impl Route {
    /// Whether it is told of this. What is about the hub itself is in no ring and has no labels.
    pub fn takes(&self, incident: &Incident, expected: Option<&fleet::Fleet>) -> bool {
        let labels = |id: &AccountId| expected.and_then(|fleet| fleet.accounts.get(id)).map(|account| &account.labels);
        let labels = incident.about.account.as_ref().and_then(labels);
        let has = |(name, value): (&String, &String)| labels.is_some_and(|labels| labels.get(name) == Some(value));
        let in_ring = self.rings.is_empty() || self.rings.contains(&incident.about.ring);
        incident.worst.severity() >= self.least && in_ring && self.labels.iter().all(has)
    }
}

/// What everybody who tells has to know.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// Whom to tell.
    pub routes: &'a [Route],
    /// Who is expected, with their labels.
    pub expected: Option<&'a fleet::Fleet>,
    /// What links begin with.
    pub link: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// What incidents that are alike have in common: their condition, and why (or else the commit).
fn group(incident: &Incident) -> String {
    let about = &incident.about;
    let why = incident.why.as_deref().map(|why| alike(about, why));
    let common = why.or_else(|| about.commit.clone()).unwrap_or_default();
    format!("{} {common}", incident.told.unwrap_or(incident.condition).word())
}

/// A text without what is different in every account: its id and name, and every word with a digit in it.
fn alike(about: &About, text: &str) -> String {
    let mut text = text.to_string();
    let names = [about.account.as_ref().map(AccountId::as_str), about.name.as_deref()];
    for name in names.into_iter().flatten().filter(|name| name.len() > 2) {
        text = text.replace(name, "#");
    }
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let plain: Vec<&str> =
        words.map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word }).collect();
    plain.join(" ")
}

/// The messages, each for the route of that name. `standing` is everything that was told and is not over yet, this look's
/// included.
pub fn messages(news: &[News], standing: &[Incident], telling: &Telling<'_>) -> Vec<(String, Message)> {
    if news.is_empty() {
        return Vec::new();
    }
    let standing: Vec<(&Incident, String)> = standing.iter().map(|one| (one, group(one))).collect();
    let mut all = Vec::new();
    for route in telling.routes.iter().filter(|route| route.changes) {
        let mut counts = BTreeMap::<&str, u64>::new();
        for (_, group) in standing.iter().filter(|(one, _)| !one.quiet && route.takes(one, telling.expected)) {
            *counts.entry(group).or_default() += 1;
        }
        let mine: Vec<&News> = news.iter().filter(|news| route.takes(&news.incident, telling.expected)).collect();
        let mut told = of_route(&mine, &counts, route, telling);
        told.sort_by_key(|(severity, _)| Reverse(*severity));
        all.extend(told.into_iter().map(|(_, message)| (route.name.clone(), message)));
    }
    all
}

type Told = (Severity, Message);

fn of_route(news: &[&News], counts: &BTreeMap<&str, u64>, route: &Route, telling: &Telling<'_>) -> Vec<Told> {
    let (mut told, mut singles) = (Vec::new(), Vec::new());
    let mut groups = BTreeMap::<(bool, String), Vec<&News>>::new();
    for one in news {
        let is_over = one.change == Change::Recovered;
        groups.entry((is_over, group(&one.incident))).or_default().push(one);
    }
    for ((is_over, group), members) in groups {
        let (now, some) = (counts.get(group.as_str()).copied().unwrap_or_default(), members.len() as u64);
        let is_hub = members.iter().any(|one| one.incident.about.account.is_none());
        let step = if is_over {
            fewer(now + some, now, route.fold_at)
        } else {
            more(now.saturating_sub(some), now, route.fold_at)
        };
        match step {
            _ if is_hub => singles.extend(members),
            Step::OneByOne => singles.extend(members),
            Step::Quiet => {}
            Step::Told => told.push(fold(&members, now, false, telling)),
        }
    }
    // What is said in many different words for one commit is one thing too.
    let mut commits = BTreeMap::<(bool, Condition, String), Vec<&News>>::new();
    for one in singles {
        match &one.incident.about.commit {
            Some(commit) => {
                let key = (one.change == Change::Recovered, one.incident.condition, commit.clone());
                commits.entry(key).or_default().push(one);
            }
            None => told.push(single(one, telling)),
        }
    }
    for members in commits.into_values() {
        if route.fold_at > 0 && members.len() as u64 >= route.fold_at {
            told.push(fold(&members, members.len() as u64, true, telling));
        } else {
            told.extend(members.into_iter().map(|one| single(one, telling)));
        }
    }
    told
}

/// What is done with those of a group that are news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    OneByOne,
    Told,
    Quiet,
}

/// There were so many, and now there are more.
fn more(before: u64, after: u64, fold_at: u64) -> Step {
    if fold_at == 0 || after < fold_at {
        return Step::OneByOne;
    }
    let mut next = fold_at;
    while next <= before {
        next = next.saturating_mul(2);
    }
    if after >= next { Step::Told } else { Step::Quiet }
}

/// There were so many, and now there are fewer.
fn fewer(before: u64, after: u64, fold_at: u64) -> Step {
    if fold_at == 0 || before < fold_at {
        return Step::OneByOne;
    }
    let mut last = fold_at;
    while last.saturating_mul(2) <= before {
        last *= 2;
    }
    if after < last { Step::Told } else { Step::Quiet }
}

fn single(News { change, incident }: &News, telling: &Telling<'_>) -> Told {
    let who = who(&incident.about);
    let severity = incident.worst.severity();
    let (what, word, title, previous) = match change {
        Change::Began => (What::Began, severity.as_str(), format!("{who} {}", says(incident.condition, true)), None),
        Change::Worsened(before) => {
            let title = format!("{who} {}; before, it {}", says(incident.condition, true), was(*before));
            (What::Worsened, severity.as_str(), title, Some(*before))
        }
        Change::Recovered => {
            let title = format!("{who} is well again after {}; it {}", span(took(incident)), was(incident.worst));
            (What::Recovered, "recovered", title, Some(incident.worst))
        }
    };
    let is_over = *change == Change::Recovered;
    let message = Message {
        id: format!("{}.{}.{}", incident.id, what.word(), telling.at.as_millisecond()),
        what,
        severity: severity.as_str().into(),
        title: format!("[{word}] {title}"),
        state: Some(if is_over { "recovered" } else { incident.condition.word() }.into()),
        previous_state: previous.map(|before| before.word().into()),
        why: incident.why.as_deref().map(|why| plain(why, 500)),
        link: format!("{}{}", telling.link, place(incident)),
        at: telling.at,
        since: Some(incident.since),
        recovered_after: is_over.then(|| took(incident).as_secs()),
        commit: incident.about.commit.clone(),
        incidents: [incident.id.clone()].into(),
        count: u64::from(incident.about.account.is_some()),
        accounts: Named::of(&incident.about).into_iter().collect(),
        lines: Vec::new(),
    };
    (severity, message)
}

/// Several in one. `now` are so, this look's included; those of one commit may each say something else of why.
fn fold(members: &[&News], now: u64, by_commit: bool, telling: &Telling<'_>) -> Told {
    let incidents = || members.iter().map(|one| &one.incident);
    let some = members.len() as u64;
    let is_over = members.iter().all(|one| one.change == Change::Recovered);
    let Some(worst) = incidents().max_by_key(|one| one.worst) else { unreachable!("a fold has members") };
    let severity = worst.worst.severity();
    let commits = || incidents().map(|one| one.about.commit.as_ref());
    let commit = commits().next().flatten().filter(|first| commits().all(|one| one == Some(*first))).cloned();
    let at = if by_commit { " at one commit, for different reasons" } else { "" };
    let (again, had) = match some {
        1 => ("1 account is well again".to_string(), was(worst.worst)),
        some => (format!("{some} accounts are well again"), were(worst.worst)),
    };
    let title = match (is_over, now) {
        (true, 0) => format!("[recovered] {again}, the last of those that {}", were(worst.worst)),
        (true, _) if by_commit => format!("[recovered] {again} that {had}{at}"),
        (true, left) => format!("[recovered] {again} that {had}; {left} are left"),
        (false, now) if now > some => {
            format!("[{}] {now} accounts {}: {some} more{at}", severity.as_str(), says(worst.condition, false))
        }
        (false, now) => format!("[{}] {now} accounts {}{at}", severity.as_str(), says(worst.condition, false)),
    };
    let what = if is_over { What::Recovered } else { What::Began };
    let mut ids: Vec<String> = incidents().map(|one| one.id.clone()).collect();
    ids.sort();
    let id = Digest::of(ids.join(" ").as_bytes()).short(16);
    ids.truncate(100);
    let message = Message {
        id: format!("{id}.{}.{}", what.word(), telling.at.as_millisecond()),
        what,
        severity: severity.as_str().into(),
        title,
        state: Some(if is_over { "recovered" } else { worst.condition.word() }.into()),
        previous_state: is_over.then(|| worst.worst.word().into()),
        why: worst.why.as_deref().map(|why| plain(why, 500)),
        link: format!("{}{}", telling.link, places(worst, commit.as_deref(), is_over)),
        at: telling.at,
        since: incidents().map(|one| one.since).min(),
        recovered_after: if is_over { incidents().map(|one| took(one).as_secs()).max() } else { None },
        commit,
        incidents: ids,
        count: some,
        accounts: incidents().filter_map(|one| Named::of(&one.about)).take(NAMED).collect(),
        lines: Vec::new(),
    };
    (severity, message)
}

fn took(incident: &Incident) -> jiff::SignedDuration {
    incident.ended.map_or(jiff::SignedDuration::ZERO, |ended| ended.duration_since(incident.since))
}

/// What one that is well again was.
fn was(condition: Condition) -> &'static str {
    match condition {
        Condition::State(State::NeedsAPerson) => "needed a person",
        Condition::State(State::Held) => "was held",
        Condition::State(State::Unknown) => "was in a state that is not known",
        Condition::State(State::InSync | State::Healed | State::Pending | State::Applying | State::Excepted) => {
            "was on its way"
        }
        Condition::State(State::Failed) => "failed",
        Condition::State(State::Drifted) => "drifted",
        Condition::Silent => "was silent",
        Condition::Unexpected => "spoke, and nobody expected it",
        Condition::NotReady => "had never spoken",
        Condition::Quarantine => "got messages that are no reports",
        Condition::Contested => "got reports that claim another one's number",
        Condition::Queue => "could not read its queue, or keep what came",
        Condition::List => "could not read who is expected",
    }
}

/// What several that are well again were.
fn were(condition: Condition) -> &'static str {
    match condition {
        Condition::State(State::Held) => "were held",
        Condition::State(State::Unknown) => "were in a state that is not known",
        Condition::Silent => "were silent",
        Condition::Unexpected => "spoke, and nobody expected them",
        Condition::State(_)
        | Condition::NotReady
        | Condition::Quarantine
        | Condition::Contested
        | Condition::Queue
        | Condition::List => was(condition),
    }
}

/// Where there is more of one.
pub fn place(incident: &Incident) -> String {
    match (&incident.about.account, incident.condition) {
        (Some(_), Condition::NotReady) => "/not-ready".into(),
        (Some(account), _) => format!("/accounts/{account}"),
        (None, Condition::Quarantine) => "/quarantine".into(),
        (None, _) => "/alerts".into(),
    }
}

/// Where those like it are listed.
fn places(like: &Incident, commit: Option<&str>, is_over: bool) -> String {
    let commit = commit.map(|commit| format!("&commit={}", utf8_percent_encode(commit, NON_ALPHANUMERIC)));
    let commit = commit.unwrap_or_default();
    match like.condition {
        _ if is_over => "/alerts".to_string(),
        Condition::State(_) => format!("/accounts?state={}{commit}", like.condition.word()),
        Condition::Silent => "/accounts?fresh=silent".into(),
        Condition::Unexpected => "/accounts?unexpected=1".into(),
        Condition::NotReady => "/not-ready".into(),
        Condition::Quarantine => "/quarantine".into(),
        Condition::Contested | Condition::Queue | Condition::List => "/alerts".into(),
    }
}
