//! What an EventBridge event says: which resources somebody may have touched, and who claims to have been it.
//!
//! An event is a hint. Nothing in it is believed but as a question to AWS; one that can't be understood, is of another
//! account, or tells of what CloudFormation or the agent did, says nothing.
//!
//! Not here: where events come from ([`super`]), and what a hint leads to (`rounds::drift`).

use jiff::Timestamp;
use manifests::id::{AccountId, Region, StackKey};
use plan::drift::author::Author;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Somebody made a call that may have changed one of these.
    Touched(Hint),
    /// This stack has come to another status, or somebody has looked at its drift.
    Stack(StackKey),
    /// Somebody pushed to a repository.
    Pushed,
    /// Nothing that matters here.
    Nothing,
}

/// Resources that somebody may have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Where the call was made. That of a global service is made in one region, wherever the stack is.
    pub region: Region,
    /// What may be a resource's name in the account, the likeliest first.
    pub names: Vec<String>,
    /// Who it is said to have been.
    pub author: Author,
}

/// The largest message that is looked into: what EventBridge sends at most.
const MOST: usize = 256 * 1024;
/// How many names are taken from one event. What has more is no call that changes one resource.
const NAMES: usize = 24;
/// The longest name that is one: an ARN has at most 2,048 letters.
const LONGEST: usize = 2_048;

/// Reads one event.
pub fn read(body: &str, account: &AccountId) -> Said {
    if body.len() > MOST {
        return Said::Nothing;
    }
    let Ok(event) = serde_json::from_str::<Value>(body) else { return Said::Nothing };
    if text(&event, "account") != Some(account.as_ref()) {
        return Said::Nothing;
    }
    match (text(&event, "source").unwrap_or_default(), text(&event, "detail-type").unwrap_or_default()) {
        (
            "aws.cloudformation",
            "CloudFormation Stack Status Change" | "CloudFormation Drift Detection Status Change",
        ) => event.get("detail").and_then(stack).map_or(Said::Nothing, Said::Stack),
        ("aws.codecommit", "CodeCommit Repository State Change") => Said::Pushed,
        // Nobody but AWS puts an event with such a source onto a bus (EventBridge User Guide, "Adding events with PutEvents").
        (source, "AWS API Call via CloudTrail") if source.starts_with("aws.") => {
            event.get("detail").and_then(touched).map_or(Said::Nothing, Said::Touched)
        }
        _ => Said::Nothing,
    }
}

/// The stack that an event of CloudFormation is about (User Guide, "CloudFormation event reference"): an ARN, at times without
/// its last part.
fn stack(detail: &Value) -> Option<StackKey> {
    let [_, _, "cloudformation", region, _, name] = parts(text(detail, "stack-id")?)? else { return None };
    let name = name.strip_prefix("stack/")?;
    let name = name.split_once('/').map_or(name, |(name, _)| name);
    Some(StackKey { region: region.parse().ok()?, stack: name.parse().ok()? })
}

fn parts(arn: &str) -> Option<[&str; 6]> {
    arn.splitn(6, ':').collect::<Vec<_>>().try_into().ok()
}

/// What a CloudTrail record says was touched; `None` when it says nothing, or was CloudFormation's own doing.
fn touched(record: &Value) -> Option<Hint> {
    let author = author(record)?;
    let region = text(record, "awsRegion")?.parse().ok()?;
    let names = names(record);
    (!names.is_empty()).then_some(Hint { region, names, author })
}

/// Who did what a CloudTrail record tells of; `None` when it changed nothing, failed, or was done by CloudFormation, in whose
/// name stacks are changed.
pub fn author(record: &Value) -> Option<Author> {
    let source = text(record, "eventSource")?;
    let service = source.strip_suffix(".amazonaws.com").unwrap_or(source);
    let identity = record.get("userIdentity")?;
    let invoked = text(identity, "invokedBy");
    // What calls itself so in its own words (`userAgent`) need not be it.
    let by_stack =
        [invoked, text(record, "sourceIPAddress")].into_iter().flatten().any(|by| by == "cloudformation.amazonaws.com");
    let is_true = |word: &Value| word.as_bool() == Some(true) || word.as_str() == Some("true");
    let reads = record.get("readOnly").is_some_and(is_true);
    let failed = text(record, "errorCode").is_some();
    if by_stack || reads || failed || service == "cloudformation" {
        return None;
    }
    let issuer = identity.get("sessionContext").and_then(|context| context.get("sessionIssuer"));
    let by = text(identity, "arn").or(text(identity, "principalId")).or(invoked)?;
    Some(Author {
        by: short(by),
        role: issuer.and_then(|issuer| text(issuer, "arn")).map(short),
        from: text(record, "sourceIPAddress").map(short),
        call: short(&format!("{service}:{}", text(record, "eventName")?)),
        at: text(record, "eventTime")?.parse::<Timestamp>().ok()?,
        event: short(text(record, "eventID")?),
        sure: false,
    })
}

/// Whether a CloudTrail record is about the resource of this name in the account.
pub fn is_about(record: &Value, physical: &str) -> bool {
    let short = last_part(physical).filter(|_| physical.starts_with("arn:"));
    names(record).iter().any(|name| name == physical || Some(name) == short.as_ref())
}

/// What may be a resource's name: what CloudTrail lists as touched, and what the call was given or answered; of an ARN its
/// last part too.
fn names(record: &Value) -> Vec<String> {
    let mut names = Vec::new();
    let listed = record.get("resources").and_then(Value::as_array).into_iter().flatten();
    names.extend(listed.filter_map(|one| text(one, "ARN").or(text(one, "arn"))).map(ToOwned::to_owned));
    for part in ["requestParameters", "responseElements"] {
        collect(record.get(part), 0, &mut names);
    }
    let mut seen = BTreeSet::new();
    let both = names.into_iter().flat_map(|name| {
        let last = name.starts_with("arn:").then(|| last_part(&name)).flatten();
        [Some(name), last]
    });
    let fit = both.flatten().filter(|name| (1..=LONGEST).contains(&name.len()) && !name.contains(char::is_control));
    fit.filter(|name| seen.insert(name.clone())).take(NAMES).collect()
}

/// Texts at most two levels down: deeper there is what was set, and not on what.
fn collect(value: Option<&Value>, depth: usize, names: &mut Vec<String>) {
    const DEEPEST: usize = 2;
    match value {
        Some(Value::String(text)) if names.len() < NAMES => names.push(text.clone()),
        Some(Value::Array(values)) if depth < DEEPEST => {
            values.iter().for_each(|value| collect(Some(value), depth + 1, names));
        }
        Some(Value::Object(values)) if depth < DEEPEST => {
            named_first(values).for_each(|value| collect(Some(value), depth + 1, names));
        }
        Some(_) | None => {}
    }
}

/// What is called a name, an id, an ARN or a URL first.
fn named_first(values: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let is_name = |key: &str| {
        let key = key.to_ascii_lowercase();
        ["name", "id", "arn", "url"].iter().any(|end| key.ends_with(end))
    };
    let (first, rest): (Vec<_>, Vec<_>) = values.iter().partition(|(key, _)| is_name(key));
    first.into_iter().chain(rest).map(|(_, value)| value)
}

fn last_part(arn: &str) -> Option<String> {
    arn.rsplit(['/', ':']).next().filter(|part| !part.is_empty()).map(ToOwned::to_owned)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Somebody else's words, as they are remembered.
fn short(words: &str) -> String {
    plan::quote::quote(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn me() -> AccountId {
        "111111111111".parse().unwrap()
    }

    /// A call, as EventBridge sends it, changed like that.
    fn call(change: impl FnOnce(&mut Value)) -> String {
        let mut event = json!({
            "version": "0", "id": "e", "account": "111111111111", "region": "eu-central-1",
            "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail", "resources": [],
            "detail": {
                "eventVersion": "1.11", "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter",
                "eventTime": "2026-11-26T10:00:00Z", "eventID": "1-2", "awsRegion": "eu-central-1",
                "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2", "readOnly": false,
                "userIdentity": {
                    "type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/Admin/mallory",
                    "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111111111111:role/Admin"}},
                },
                "requestParameters": {"name": "/app", "type": "String", "value": "***"},
            },
        });
        change(&mut event);
        event.to_string()
    }

    fn names_of(change: impl FnOnce(&mut Value)) -> Vec<String> {
        match read(&call(change), &me()) {
            Said::Touched(hint) => hint.names,
            Said::Stack(_) | Said::Pushed | Said::Nothing => Vec::new(),
        }
    }

    #[test]
    fn a_call_says_what_was_touched_and_by_whom() {
        let Said::Touched(hint) = read(&call(|_| ()), &me()) else { panic!("it is a hint") };
        assert_eq!(hint.names[0], "/app");
        let Author { by, role, from, call, sure, .. } = hint.author;
        assert_eq!(by, "arn:aws:sts::111111111111:assumed-role/Admin/mallory");
        assert_eq!(role.as_deref(), Some("arn:aws:iam::111111111111:role/Admin"));
        assert_eq!((from.as_deref(), call.as_str(), sure), (Some("198.51.100.7"), "ssm:PutParameter", false));
    }

    #[test]
    fn an_event_of_cloudformation_says_which_stack() {
        let said = |id: &str, kind: &str| {
            let event = json!({
                "account": "111111111111", "source": "aws.cloudformation",
                "detail-type": format!("CloudFormation {kind} Status Change"), "detail": {"stack-id": id},
            });
            match read(&event.to_string(), &me()) {
                Said::Stack(key) => key.to_string(),
                Said::Touched(_) | Said::Pushed | Said::Nothing => String::new(),
            }
        };
        let id = "arn:aws:cloudformation:eu-central-1:111111111111:stack/app/5c3c";
        let app = said(id, "Stack");
        assert!(app.contains("eu-central-1") && app.contains("app") && !app.contains("5c3c"), "{app}");
        assert_eq!(said(id, "Drift Detection"), app);
        assert_eq!(said("arn:aws-cn:cloudformation:eu-central-1:111111111111:stack/app", "Stack"), app);
        for id in ["", "app", "arn:aws:sns:eu-central-1:1:stack/app", "arn:aws:cloudformation:eu-central-1:1:app/x"] {
            assert_eq!(said(id, "Stack"), "", "{id}");
        }
        assert_eq!(said(id, "Resource"), "", "one comes for each resource that a stack changes");
    }

    #[test]
    fn what_says_nothing_is_no_hint() {
        let silent: [fn(&mut Value); 10] = [
            |event| event["account"] = json!("222222222222"),
            |event| event["detail-type"] = json!("Something else"),
            |event| event["source"] = json!("somebody.else"),
            |event| event["detail"] = json!(null),
            |event| event["detail"]["readOnly"] = json!(true),
            |event| event["detail"]["errorCode"] = json!("AccessDenied"),
            |event| event["detail"]["userIdentity"]["invokedBy"] = json!("cloudformation.amazonaws.com"),
            |event| event["detail"]["eventSource"] = json!("cloudformation.amazonaws.com"),
            |event| event["detail"]["requestParameters"] = json!(null),
            |event| event["detail"]["eventTime"] = json!("yesterday"),
        ];
        for (number, change) in silent.into_iter().enumerate() {
            assert!(names_of(change).is_empty(), "{number}");
        }
        for body in ["", "{}", "[]", "null", "\u{0}", &"[".repeat(9_000), &" ".repeat(MOST + 1)] {
            assert_eq!(read(body, &me()), Said::Nothing);
        }
    }

    #[test]
    fn a_record_is_about_what_it_names() {
        let record: Value = serde_json::from_str(&call(|_| ())).unwrap();
        let check = |physical: &str| is_about(&record["detail"], physical);
        assert!(check("/app") && check("arn:aws:ssm:eu-central-1:111111111111:parameter//app") == check("app"));
        assert!(!check("/other") && !check("") && !check("arn:") && !check("arn:aws:sns:eu-central-1:111111111111:t"));
    }

    #[test]
    fn an_arn_is_known_by_its_last_part_too_and_names_come_before_values() {
        let names = names_of(|event| {
            let arn = "arn:aws:sns:eu-central-1:111111111111:app-Topic";
            event["detail"]["resources"] = json!([{ "ARN": arn }]);
            event["detail"]["requestParameters"] = json!({ "attributeValue": "x", "topicArn": arn });
        });
        assert_eq!(names, ["arn:aws:sns:eu-central-1:111111111111:app-Topic", "app-Topic", "x"]);
    }

    #[test]
    fn an_event_that_names_very_much_names_no_more_than_so_many() {
        let names = names_of(|event| {
            let many: Vec<String> = (0..5_000).map(|number| format!("r{number}")).collect();
            event["detail"]["requestParameters"] = json!({ "ids": many, "long": "x".repeat(5_000) });
        });
        assert_eq!(names.len(), NAMES);
    }
}
