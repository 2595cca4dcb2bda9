//! Who somebody is, what they may see, and what of it needs more than to look.
//!
//! Pure. Not here: how it is proven who somebody is.

use super::{
    jwt::Claims,
    part::{Labels, Part},
};
use crate::{asked::Asked, show::clean};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What somebody may see. The greater may see what the lesser may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::web) enum Role {
    /// What is made of what some accounts reported.
    Part(Part),
    /// All pages that are made of what accounts reported.
    Reader,
    /// What strangers sent, and who looked at what, too.
    Operator,
}

/// By what somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum By {
    /// By being on this machine.
    Machine,
    /// By a token of the list.
    Token,
    /// By a token that the issuer made for a program.
    Bearer,
    /// By having signed in here; the session.
    Session(String),
    /// By a load balancer in front.
    Balancer,
}

/// Somebody who may look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Who {
    /// As people know them.
    pub(in crate::web) name: String,
    /// As the issuer knows them: a name may be given to somebody else, this may not.
    pub(in crate::web) subject: String,
    pub(in crate::web) role: Role,
    pub(in crate::web) by: By,
}

impl Who {
    /// Whoever is on this machine, where nobody is asked.
    pub(super) fn machine() -> Self {
        Self { name: "somebody on this machine".into(), subject: String::new(), role: Role::Operator, by: By::Machine }
    }

    /// Whom a token is about, as a role was found for them.
    pub(super) fn of(claims: &Claims, role: Role, by: By) -> Self {
        let short = |text: &str| clean(text).chars().take(100).collect::<String>();
        let subject = short(claims.subject().unwrap_or_default());
        let named = ["preferred_username", "email", "name"].into_iter().find_map(|name| claims.text(name));
        Self { name: named.filter(|name| !name.is_empty()).map_or_else(|| subject.clone(), short), subject, role, by }
    }

    /// How it is known who it is, as the log and the page say it.
    pub(in crate::web) fn known_by(&self) -> &'static str {
        match self.by {
            By::Machine => "machine",
            By::Token => "token",
            By::Bearer => "bearer",
            By::Session(_) => "session",
            By::Balancer => "load balancer",
        }
    }
}

impl Role {
    /// In a log, and on a page.
    pub(in crate::web) fn as_str(&self) -> &'static str {
        match self {
            Self::Part(_) => "reader of a part",
            Self::Reader => "reader",
            Self::Operator => "operator",
        }
    }
}

/// Who is what, by a claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Roles {
    #[serde(default = "groups")]
    pub(super) claim: String,
    #[serde(default)]
    pub(super) operator: Vec<String>,
    #[serde(default)]
    pub(super) reader: Vec<String>,
    /// Readers of the accounts with these labels.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, Labels>,
    /// What everybody is whom the issuer knows.
    #[serde(default)]
    pub(super) everybody: Option<Everybody>,
}

/// What everybody may be: more than this, nobody should be without being named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Everybody {
    Reader,
}

fn groups() -> String {
    "groups".into()
}

impl Roles {
    /// Whether anybody can have one at all.
    pub(super) fn name_anybody(&self) -> bool {
        !self.operator.is_empty() || !self.reader.is_empty() || !self.parts.is_empty() || self.everybody.is_some()
    }

    /// The greatest that a token gives.
    pub(super) fn of(&self, claims: &Claims) -> Option<Role> {
        let values = values(&self.claim, claims.get(&self.claim));
        let is = |name: &String| values.contains(&name.as_str());
        let is_one = |named: &[String]| named.iter().any(is);
        if is_one(&self.operator) {
            Some(Role::Operator)
        } else if is_one(&self.reader) {
            Some(Role::Reader)
        } else if let Some(Everybody::Reader) = self.everybody {
            Some(Role::Reader)
        } else {
            let theirs: Part =
                self.parts.iter().filter(|(name, _)| is(name)).map(|(_, labels)| labels.clone()).collect();
            (theirs != Part::default()).then_some(Role::Part(theirs))
        }
    }
}

/// The values of a claim. A text is one value, whatever stands in it, so that nobody gets into `platform` by a group called
/// `not platform`; only scopes are words by their standard.
fn values<'a>(name: &str, claim: Option<&'a Value>) -> Vec<&'a str> {
    match claim {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(words)) if ["scope", "scp"].contains(&name) => words.split(' ').collect(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

/// What it takes to be shown this. The address is the one that the page is found by, taken apart by the same hand.
pub(super) fn needed(asked: &Asked) -> Role {
    match asked.parts.first().map(String::as_str) {
        Some("quarantine" | "audit") => Role::Operator,
        // Sums of everybody.
        Some("metrics") => Role::Reader,
        Some(_) | None => Role::Part(Part::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_is_for_operators_however_it_is_spelled() {
        let check = |path: &str, expect: Role| {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            assert_eq!(needed(&Asked::of(path, query)), expect, "{path}");
        };
        for path in ["/quarantine", "/audit"] {
            let odd = format!("/%{:02x}{}", path.as_bytes()[1], &path[2..]);
            for path in [path, &odd, &format!("//{path}"), &format!("{path}//"), &format!("{path}/x")] {
                check(path, Role::Operator);
            }
            for end in [".json", ".csv", "%2Ejson", ".json/", "?format=csv", "/.json"] {
                check(&format!("{path}{end}"), Role::Operator);
                check(&format!("{odd}{end}"), Role::Operator);
            }
        }
        // Nothing is found under these, so there is nothing to keep from anybody.
        check("/metrics", Role::Reader);
        check("/metrics.json", Role::Reader);
        for path in ["/", "/accounts", "/Quarantine", "/accounts/quarantine", "/quarantine%00", "/x/../quarantine"] {
            check(path, Role::Part(Part::default()));
        }
    }
}
