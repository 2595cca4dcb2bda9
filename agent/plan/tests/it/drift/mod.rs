//! What is decided of drift, as data: looks in a few words, and the only lines that know how to learn from one.
//!
//! A look: `Topic MODIFIED /DisplayName=b +/Tags/1=c -/Policy, Queue AWS::SQS::Queue DELETED`. A resource's name, its type
//! if it is no topic, CloudFormation's word, and its differences: what is there instead (`NOT_EQUAL`), what is there beside
//! it (`+`, `ADD`), what is gone (`-`, `REMOVE`).

mod agenda;
mod author;
mod doubt;
mod guard;
mod heal;
mod learn;
mod lint;
mod noise;
mod remembered;
mod schedule;
mod told;
mod verdict;

use crate::table::{World, at, key, word};
use jiff::Timestamp;
use manifests::{
    drift::{Drift, Ignore, Mode, Of},
    guardrails::{self, Guardrails},
    id::StackKey,
};
use plan::{
    drift::{
        author::Author,
        learn::{Lens, News, learn},
        remembered::{Drifted, Drifts, Finding},
        seen::{Deviation, Difference, Look, Resource},
    },
    facts::Seen,
};
use std::collections::BTreeMap;

/// No sentence and no report may hold it: it stands where the values are.
const CANARY: &str = "canary-hunter2";

/// `/DisplayName=b`, `+/Tags/1=c`, `-/Policy`.
fn difference(text: &str) -> Difference {
    let (how, text) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('+') => ("ADD", rest),
        Some(rest) => ("REMOVE", rest),
        None => ("NOT_EQUAL", text),
    };
    let (path, actual) = text.split_once('=').unwrap_or((text, "null"));
    Difference { path: path.into(), expected: "as-asked".into(), actual: actual.into(), how: how.into() }
}

fn deviation(text: &str) -> Deviation {
    let mut words = text.split_whitespace().peekable();
    let logical = words.next().expect(text);
    let kind = words.next_if(|word| word.contains("::")).unwrap_or("AWS::SNS::Topic");
    Deviation {
        logical: logical.into(),
        physical: Some(format!("{logical}-physical")),
        kind: kind.into(),
        seen: Seen::from_word(words.next().expect(text)),
        reason: None,
        differences: words.map(difference).collect(),
    }
}

fn resource(deviation: &Deviation, touched: Timestamp) -> Resource {
    let Deviation { logical, physical, kind, seen, .. } = deviation.clone();
    Resource { logical, physical, kind, touched: Some(touched), seen }
}

/// A look at a whole stack, so many seconds after the beginning of time.
fn look(seconds: i64, text: &str) -> Look {
    let deviations = text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(deviation).collect();
    Look { at: at(seconds), read: at(seconds), resources: vec![], deviations, only: None, failed: None }
}

/// A look at one resource.
fn only(seconds: i64, logical: &str, text: &str) -> Look {
    Look { only: Some(logical.into()), ..look(seconds, text) }
}

/// Somebody who changed something.
fn author(by: &str, seconds: i64, sure: bool) -> Author {
    Author {
        by: format!("arn:aws:sts::111122223333:assumed-role/{by}/jane"),
        role: Some(format!("arn:aws:iam::111122223333:role/{by}")),
        from: Some("192.0.2.7".into()),
        call: "sns:SetTopicAttributes".into(),
        at: at(seconds),
        event: "e-1".into(),
        sure,
    }
}

/// What looks at one stack, `app`, and remembers.
#[derive(Clone, Debug, Default)]
struct Eye {
    known: Drifted,
    rules: Drift,
    named: BTreeMap<String, Option<Author>>,
}

impl Eye {
    fn ignoring(what: &str, paths: &[&str]) -> Self {
        let what = Of::Resource(word(what));
        let rule = Ignore { what, paths: paths.iter().copied().map(word).collect() };
        Self { rules: Drift { ignore: vec![rule], ..Drift::default() }, ..Self::default() }
    }

    /// The same, with a resource that an event has named.
    fn named(mut self, logical: &str, author: Option<Author>) -> Self {
        self.named.insert(logical.into(), author);
        self
    }

    fn learns(&mut self, first: Option<Timestamp>, look: &Look) -> News {
        let key = key("app");
        let lens = Lens { key: &key, rules: &self.rules, first, named: &self.named };
        learn(&mut self.known, &lens, look)
    }

    /// Sees all of the stack. Answers what is new.
    fn sees(&mut self, seconds: i64, text: &str) -> News {
        self.learns(None, &look(seconds, text))
    }

    /// Sees all of the stack right after our own change of everything that is named.
    fn sees_first(&mut self, seconds: i64, text: &str) -> News {
        self.sees_change(seconds, seconds, text)
    }

    /// The same, where our change began at one time, and what is named was touched at another.
    fn sees_change(&mut self, began: i64, touched: i64, text: &str) -> News {
        let mut look = look(began, text);
        look.resources = look.deviations.iter().map(|one| resource(one, at(touched))).collect();
        self.learns(Some(at(began)), &look)
    }

    /// Sees one resource.
    fn sees_one(&mut self, seconds: i64, logical: &str, text: &str) -> News {
        self.learns(None, &only(seconds, logical, text))
    }

    /// What it knows somebody to have changed.
    fn found(&self) -> String {
        printed(&self.known.findings)
    }
}

/// Findings as a person reads them: `Topic /DisplayName, Queue gone`.
fn printed(findings: &[Finding]) -> String {
    let one = |finding: &Finding| {
        let what = if finding.gone { "gone".into() } else { finding.paths.join(" ") };
        format!("{} {what}", finding.logical).trim_end().to_owned()
    };
    findings.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What is remembered when a look, so many seconds after the beginning of time, has seen this in `app`.
fn drifts(seconds: i64, text: &str) -> Drifts {
    let mut eye = Eye::default();
    eye.sees(seconds, text);
    let mut drifts = Drifts::default();
    drifts.change(&key("app"), |known| *known = eye.known);
    drifts
}

/// A world in which `app` is as asked, and is put back when somebody changes it.
fn healing(there: &str) -> World {
    World::of("app@1", there).with("app", |stack| stack.drift.mode = Mode::Heal)
}

/// An account's guardrails, as it writes them.
fn rails(spec: &str) -> Guardrails {
    let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {spec}\n");
    guardrails::parse(&word("guardrails.yaml"), text.as_bytes()).expect("they are sound")
}

/// One of many stacks.
fn app(number: u32) -> StackKey {
    key(&format!("app-{number}"))
}
