//! `checks` of a Stack: what has to be so for it to be well, beside what CloudFormation says of it.
//!
//! Not here: who asks, and what comes of the answers (that is the agent's and `plan`'s); nor which addresses may be asked,
//! because that is the account's to say and not the repository's.

use crate::{
    findings::Findings,
    id::{AccountId, LogicalId, Region},
    pattern::Pattern,
    typed::At,
    yaml::{Fault, Mark, brief},
};
use std::time::Duration;

pub(crate) mod written;

/// How many a stack may have: each is asked on every turn.
pub const MOST: usize = 10;
/// How long after a change a check may not be so yet, unless said.
const WITHIN: Duration = Duration::from_secs(5 * 60);

/// One thing that has to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is called where it is told.
    pub name: String,
    /// What has to be so.
    pub asks: Asks,
    /// How long after a change it may not be so yet.
    pub within: Duration,
}

/// What has to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// What an address answers.
    Http(Http),
    /// What an output of the stack says.
    Output {
        /// Its key.
        key: String,
        /// What it has to say.
        expect: Expect,
    },
    /// What an SSM parameter says, in the stack's region.
    Ssm {
        /// Its name.
        name: String,
        /// What it has to say.
        equals: String,
    },
    /// That a CloudWatch alarm is OK.
    Alarm {
        /// Its name.
        name: String,
        /// Where it is; in the stack's own region unless said.
        region: Option<Region>,
        /// Whose it is, as its ARN says.
        account: Option<AccountId>,
    },
}

/// What an address answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Http {
    /// The address.
    pub url: String,
    /// The status that it has to answer.
    pub status: u16,
    /// A text that has to stand in the answer.
    pub contains: Option<String>,
}

/// What a text has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Just this.
    Equals(String),
    /// Something that fits.
    Matches(Pattern),
}

impl Http {
    /// The address as it is shown: a query can hold a secret.
    pub fn shown(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}

/// The checks of a manifest. No two are called the same, so that it is always clear which one is told of.
pub(crate) fn checks(written: &[At<written::Check>], findings: &mut Findings<'_>) -> Vec<Check> {
    if let Some(check) = written.get(MOST) {
        findings.refuse(check.at, format!("{} checks are too many, {MOST} are asked", written.len()));
    }
    let mut all: Vec<Check> = Vec::new();
    for At { at, value: written, .. } in written {
        let Some(check) = check(*at, written, findings) else { continue };
        if all.iter().any(|other| other.name == check.name) {
            let fault = Fault::new(*at, format!("a check `{}` stands here for the second time", brief(&check.name)));
            findings.fault(fault.hint("give it a `name` of its own"));
        }
        all.push(check);
    }
    all
}

fn check(at: Mark, written: &written::Check, findings: &mut Findings<'_>) -> Option<Check> {
    let written::Check { name, within, http, output, ssm, alarm } = written;
    let within = within
        .as_ref()
        .and_then(|text| findings.duration(text, 0, 6 * 3_600, "a check may take at most 6h to be so after a change"));
    if let Some(name) = name {
        findings.length(name, "the check's name", 64);
    }
    let asks = match (http, output, ssm, alarm) {
        (Some(http), None, None, None) => self::http(http, findings).map(Asks::Http),
        (None, Some(output), None, None) => self::output(output, findings),
        (None, None, Some(ssm), None) => Some(self::ssm(ssm, findings)),
        (None, None, None, Some(alarm)) => self::alarm(at, alarm, findings),
        _ => {
            findings.refuse(at, "a check is exactly one of `http`, `output`, `ssm` and `alarm`");
            None
        }
    }?;
    let name = name.as_ref().map_or_else(|| called(&asks), |name| name.value.trim().to_owned());
    Some(Check { name, asks, within: within.unwrap_or(WITHIN) })
}

/// What a check is called that was given no name.
fn called(asks: &Asks) -> String {
    match asks {
        Asks::Http(http) => brief(http.shown()),
        Asks::Output { key, .. } => format!("output {}", brief(key)),
        Asks::Ssm { name, .. } => format!("ssm {}", brief(name)),
        Asks::Alarm { name, .. } => format!("alarm {}", brief(name)),
    }
}

fn http(written: &written::Http, findings: &mut Findings<'_>) -> Option<Http> {
    let written::Http { url, status, contains } = written;
    if let Some(why) = no_address(&url.value) {
        findings
            .refuse(url.at, format!("`{}` is not an address to ask: it {why}", brief(&without_secrets(&url.value))));
    }
    if let Some(text) = contains {
        findings.length(text, "the text", 1_024);
    }
    let code = status.as_ref().map_or(200, |status| status.value);
    let code = u16::try_from(code).ok().filter(|code| (100..600).contains(code));
    if let (None, Some(status)) = (code, status) {
        findings.refuse(status.at, format!("`{}` is no HTTP status", status.value));
    }
    let contains = contains.as_ref().map(|text| text.value.clone());
    Some(Http { url: url.value.clone(), status: code?, contains })
}

/// A URL as it may be repeated: without a user, a password and a query.
pub(crate) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) =
        rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

/// Why this can't be asked, if it can't. The rest is seen by whoever asks.
pub(crate) fn no_address(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return Some("begins with neither `https://` nor `http://`") };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() {
        Some("names no host")
    } else if authority.contains('@') {
        Some("holds a user or a password, which everybody who reads the repository would know")
    } else if url.contains('#') {
        Some("has a fragment, which is never sent")
    } else if url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        Some("holds a space, a backslash or a control character")
    } else if url.len() > 2_048 {
        Some("has more than 2,048 bytes")
    } else {
        None
    }
}

fn output(written: &written::Output, findings: &mut Findings<'_>) -> Option<Asks> {
    let written::Output { key, equals, matches } = written;
    findings.id::<LogicalId>(key);
    let expect = match (equals, matches) {
        (Some(text), None) => Expect::Equals(text.value.clone()),
        (None, Some(text)) => {
            findings.length(text, "the pattern", 1_024);
            Expect::Matches(Pattern::new(&text.value))
        }
        (None, None) | (Some(_), Some(_)) => {
            findings.refuse(key.at, "an output has exactly one of `equals` and `matches`");
            return None;
        }
    };
    Some(Asks::Output { key: key.value.clone(), expect })
}

fn ssm(written: &written::Ssm, findings: &mut Findings<'_>) -> Asks {
    let written::Ssm { name, equals } = written;
    findings.parameter(name);
    Asks::Ssm { name: name.value.clone(), equals: equals.value.clone() }
}

fn alarm(at: Mark, written: &written::Alarm, findings: &mut Findings<'_>) -> Option<Asks> {
    match (&written.name, &written.arn, &written.region) {
        (Some(name), None, region) => {
            findings.length(name, "the alarm's name", 255);
            let region = region.as_ref().and_then(|text| findings.id(text));
            Some(Asks::Alarm { name: name.value.clone(), region, account: None })
        }
        (None, Some(arn), None) => {
            let read = of_arn(&arn.value);
            if read.is_none() {
                findings.refuse(arn.at, format!("`{}` is not the ARN of an alarm", brief(&arn.value)));
            }
            read
        }
        (None, Some(_), Some(region)) => {
            findings.refuse(region.at, "the alarm's ARN says its region already");
            None
        }
        (None, None, _) | (Some(_), Some(_), _) => {
            findings.refuse(at, "an alarm has exactly one of `name` and `arn`");
            None
        }
    }
}

/// `arn:aws:cloudwatch:<region>:<account>:alarm:<name>`; a name may hold colons.
fn of_arn(arn: &str) -> Option<Asks> {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", _, "cloudwatch", region, account, "alarm", name] = parts.as_slice() else { return None };
    let name = Some(*name).filter(|name| !name.is_empty() && name.len() <= 255)?.to_owned();
    Some(Asks::Alarm { name, region: Some(region.parse().ok()?), account: Some(account.parse().ok()?) })
}
