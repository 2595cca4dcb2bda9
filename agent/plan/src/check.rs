//! One check: what came back for it, and what that says.
//!
//! Not here: asking (that is the shell's), and what follows from it ([`crate::health`]).

use crate::{
    facts::{Found, FoundStack},
    memory::Memory,
    quote::quote,
    select::Selected,
    stance::Stance,
};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use manifests::{
    check::{Asks, Check, Expect, Http},
    id::{AccountId, StackKey},
};

/// What came back for the checks of this turn, by stack and by the check's place in its manifest. What stands in the
/// stack itself (its outputs) needs no asking and is not in here.
pub type Answers = BTreeMap<(StackKey, usize), Answer>;

/// What came back for one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An address answered.
    Http {
        /// With this status.
        status: u16,
        /// And whether the text that is wanted stood in what was read of it.
        contains: bool,
    },
    /// Nobody answered there, and why.
    Silence(String),
    /// An SSM parameter's value; `None` when it does not exist.
    Text(Option<String>),
    /// An alarm's state, in CloudWatch's word; `None` when it does not exist.
    Alarm(Option<String>),
    /// It could not be asked, or was not: why, and what ends that.
    Unasked(String),
}

/// What one check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is so.
    Good,
    /// It is not.
    Bad(String),
    /// Nobody can tell.
    Unknown(String),
}

/// The checks that have to be asked now: all of them once a turn, and those of stacks on trial whenever somebody looks. Of
/// what is not there, or half there, nothing is asked.
pub fn due<'a>(
    selected: &'a Selected,
    found: &Found,
    memory: &Memory,
    answers: &Answers,
) -> Vec<(&'a StackKey, usize, &'a Check)> {
    let sound = |key: &StackKey| {
        let stance = found.stacks.get(key).and_then(FoundStack::stance);
        matches!(stance, Some(Stance::Ready | Stance::Undone))
    };
    let open =
        |key: &StackKey| memory.of(key).and_then(|known| known.trial.as_ref()).is_some_and(|it| it.fell.is_none());
    let all = selected.wanted.iter().filter(|(key, wanted)| !wanted.manifest.checks.is_empty() && sound(key));
    let places = all.flat_map(|(key, wanted)| {
        wanted.manifest.checks.iter().enumerate().map(move |(place, check)| (key, place, check))
    });
    places
        .filter(|(_, _, check)| !matches!(check.asks, Asks::Output { .. }))
        .filter(|(key, place, _)| open(key) || !answers.contains_key(&((*key).clone(), *place)))
        .collect()
}

/// What one check says. No value that was found is repeated: it may be a secret, and reports travel.
pub(crate) fn said(check: &Check, answer: Option<&Answer>, found: &FoundStack, me: &AccountId) -> Said {
    let ensure = |good: bool, words: &str| if good { Said::Good } else { Said::Bad(words.into()) };
    match (&check.asks, answer) {
        (Asks::Output { key, expect }, _) => match found.outputs.get(key) {
            None => Said::Bad("the stack has no such output".into()),
            Some(value) => ensure(expects(expect, value), "the output is another one than it should be"),
        },
        (Asks::Alarm { account: Some(account), .. }, _) if account != me => {
            Said::Unknown(format!("the alarm is account {account}'s, and only this account's are looked at"))
        }
        (_, Some(Answer::Unasked(why))) => Said::Unknown(why.clone()),
        (_, None) => Said::Unknown("it was not asked this time".into()),
        (Asks::Http(http), Some(Answer::Http { status, contains })) => answered(http, *status, *contains),
        (Asks::Http(http), Some(Answer::Silence(why))) => {
            Said::Bad(format!("{} gave no answer ({why})", quote(http.shown())))
        }
        (Asks::Ssm { .. }, Some(Answer::Text(None))) => Said::Bad("the parameter does not exist".into()),
        (Asks::Ssm { equals, .. }, Some(Answer::Text(Some(value)))) => {
            ensure(value == equals, "the parameter is another one than it should be")
        }
        (Asks::Alarm { .. }, Some(Answer::Alarm(None))) => Said::Bad("the alarm does not exist".into()),
        (Asks::Alarm { .. }, Some(Answer::Alarm(Some(state)))) => match state.as_str() {
            "OK" => Said::Good,
            "ALARM" => Said::Bad("the alarm is in ALARM".into()),
            word => Said::Unknown(format!("the alarm is in {}, which is not OK", quote(word))),
        },
        (
            Asks::Http(_) | Asks::Ssm { .. } | Asks::Alarm { .. },
            Some(Answer::Http { .. } | Answer::Silence(_) | Answer::Text(_) | Answer::Alarm(_)),
        ) => Said::Unknown("what came back is no answer to it".into()),
    }
}

fn expects(expect: &Expect, value: &str) -> bool {
    match expect {
        Expect::Equals(text) => text == value,
        Expect::Matches(pattern) => pattern.fits(value),
    }
}

fn answered(http: &Http, status: u16, contains: bool) -> Said {
    let url = quote(http.shown());
    if status != http.status {
        let moved = if (300..400).contains(&status) { ", and redirects are not followed" } else { "" };
        return Said::Bad(format!("{url} answered {status} instead of {}{moved}", http.status));
    }
    if contains { Said::Good } else { Said::Bad(format!("{url} answered without the text that it should hold")) }
}
