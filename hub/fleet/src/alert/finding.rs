//! What is told, as AWS Security Hub keeps it: a finding in its format (ASFF), one for each account and kind of thing that is not well.
//!
//! A finding stays the same one for ever: what begins again after it was over makes it active again. Its account is the hub's own,
//! because Security Hub takes findings of nobody but the caller; whom it is about is its resource. Not here: how findings get there.

use super::{
    Condition,
    message::{Message, What},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
};
use core::{fmt, str::FromStr};
use manifests::{
    id::{AccountId, Region},
    report::{Severity, State, proof::domain},
};
use serde_json::{Value, json};

/// As what findings are imported: the product that every account has of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// `aws`, or where else it is.
    pub partition: String,
    /// The domain of its services.
    domain: &'static str,
    /// The region of the Security Hub.
    pub region: Region,
    /// Whose it is.
    pub account: AccountId,
}

impl FromStr for Product {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parts: alloc::vec::Vec<&str> = text.split(':').collect();
        let ["arn", partition, "securityhub", region, account, product] = parts[..] else {
            return Err("it is not the ARN of a product of Security Hub");
        };
        let (Some(domain), Ok(region), Ok(account)) = (domain(partition), region.parse(), account.parse::<AccountId>())
        else {
            return Err("its partition, region or account is none");
        };
        if product != format!("product/{account}/default") {
            return Err("only the default product of the account itself can be told");
        }
        Ok(Self { partition: partition.into(), domain, region, account })
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, domain: _, region, account } = self;
        write!(f, "arn:{partition}:securityhub:{region}:{account}:product/{account}/default")
    }
}

impl Product {
    /// The host that takes findings.
    pub fn host(&self) -> String {
        format!("securityhub.{}.{}", self.region, self.domain)
    }
}

/// A finding, and what it is known by.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The same for one account and kind of thing.
    pub id: String,
    /// In Security Hub's format.
    pub document: Value,
}

impl Message {
    /// As a finding; `None` of what is none: a digest.
    pub fn finding(&self, product: &Product) -> Option<Finding> {
        let is_over = match self.what {
            What::Began | What::Worsened => false,
            What::Recovered => true,
            What::Digest => return None,
            // A test is seen to arrive, and bothers nobody.
            What::Test => true,
        };
        let condition = [&self.state, &self.previous_state].into_iter().flatten().find_map(|word| Condition::of(word));
        let kind = condition.map_or("test", Condition::axis);
        let named = self.accounts.first();
        let about = named.map_or(product.account.as_str(), |named| named.account.as_str());
        let id = format!("holdfast/{}/{kind}", named.map_or("hub", |named| named.account.as_str()));
        let (status, label) = weight(condition, is_over);
        let since = self.since.unwrap_or(self.at);
        let document = json!({
            "SchemaVersion": "2018-10-08",
            "Id": id,
            "ProductArn": product.to_string(),
            "GeneratorId": format!("holdfast-hub/{kind}"),
            "AwsAccountId": product.account,
            "CreatedAt": since,
            "UpdatedAt": self.at,
            "FirstObservedAt": since,
            "LastObservedAt": self.at,
            "FindingProviderFields": {
                "Severity": { "Label": label, "Original": self.severity },
                "Types": ["Software and Configuration Checks"],
            },
            "Title": short(&self.title, 256),
            "Description": short(self.why.as_deref().unwrap_or(&self.title), 1_024),
            "Compliance": { "Status": status },
            "RecordState": if is_over { "ARCHIVED" } else { "ACTIVE" },
            "SourceUrl": self.link,
            "ProductFields": { "holdfast/message": short(&self.id, 256) },
            "Resources": [{
                "Type": "AwsAccount",
                "Id": format!("AWS::::Account:{about}"),
                "Partition": product.partition,
                "Region": product.region,
                "Details": { "Other": self.details() },
            }],
        });
        Some(Finding { id, document })
    }

    /// What is known of the account beside its number.
    fn details(&self) -> BTreeMap<&'static str, String> {
        let named = self.accounts.first();
        let all = [
            ("name", named.and_then(|named| named.name.clone())),
            ("ring", named.map(|named| named.ring.clone()).filter(|ring| !ring.is_empty())),
            ("state", self.state.clone()),
            ("previousState", self.previous_state.clone()),
            ("commit", self.commit.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, short(&value?, 1_024)))).collect()
    }
}

/// What Security Hub makes of it: whether a check is passed, and how bad it is that it is not.
fn weight(condition: Option<Condition>, is_over: bool) -> (&'static str, &'static str) {
    let Some(condition) = condition.filter(|_| !is_over) else { return ("PASSED", "INFORMATIONAL") };
    let label = match condition.severity() {
        Severity::Info => "LOW",
        Severity::Warning => "MEDIUM",
        Severity::Error => "HIGH",
    };
    let status = match condition {
        // Nobody knows how it stands.
        Condition::State(State::Unknown)
        | Condition::Silent
        | Condition::NotReady
        | Condition::Queue
        | Condition::List => "WARNING",
        Condition::State(_) | Condition::Unexpected | Condition::Quarantine | Condition::Contested => "FAILED",
    };
    (status, label)
}

/// No more than so many characters.
fn short(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::tests::second;
    use alloc::{string::ToString, vec, vec::Vec};

    const PRODUCT: &str = "arn:aws:securityhub:eu-central-1:999999999999:product/999999999999/default";

    fn message(what: What, states: (&str, Option<&str>)) -> Message {
        Message {
            what,
            title: "[error] sandbox (111111111111) failed".into(),
            state: Some(states.0.into()),
            previous_state: states.1.map(ToString::to_string),
            accounts: vec![super::super::message::Named {
                account: "111111111111".into(),
                name: Some("sandbox".into()),
                ring: "prod".into(),
            }],
            count: 1,
            ..Message::test("", "https://hub.example/accounts/111111111111", second(9))
        }
    }

    #[test]
    fn one_thing_is_one_finding_from_its_beginning_to_its_end() {
        let product: Product = PRODUCT.parse().unwrap();
        let told: Vec<(String, Value)> = [
            message(What::Began, ("drifted", None)),
            message(What::Worsened, ("needs-a-person", Some("drifted"))),
            message(What::Recovered, ("recovered", Some("needs-a-person"))),
            message(What::Began, ("silent", None)),
        ]
        .iter()
        .filter_map(|message| message.finding(&product))
        .map(|Finding { id, document }| {
            let of = |path: &str| document.pointer(path).unwrap().as_str().unwrap().to_string();
            let words = [
                of("/RecordState"),
                of("/Compliance/Status"),
                of("/FindingProviderFields/Severity/Label"),
                of("/Resources/0/Id"),
                of("/AwsAccountId"),
            ];
            (id, words.join(" ").into())
        })
        .collect();
        let state = "holdfast/111111111111/state".to_string();
        let end = "AWS::::Account:111111111111 999999999999";
        assert_eq!(
            told,
            [
                (state.clone(), format!("ACTIVE FAILED MEDIUM {end}").into()),
                (state.clone(), format!("ACTIVE FAILED HIGH {end}").into()),
                (state, format!("ARCHIVED PASSED INFORMATIONAL {end}").into()),
                ("holdfast/111111111111/silence".to_string(), format!("ACTIVE WARNING HIGH {end}").into()),
            ]
        );
    }

    #[test]
    fn what_security_hub_asks_for_is_there_and_no_longer_than_it_takes() {
        let long = Message {
            title: "t".repeat(9_000),
            why: Some("w".repeat(9_000)),
            ..message(What::Began, ("failed", None))
        };
        let document = long.finding(&PRODUCT.parse().unwrap()).unwrap().document;
        for name in [
            "AwsAccountId",
            "CreatedAt",
            "Description",
            "GeneratorId",
            "Id",
            "ProductArn",
            "SchemaVersion",
            "Title",
            "UpdatedAt",
        ] {
            let text = document[name].as_str().unwrap();
            assert!((1..=1_024).contains(&text.len()), "{name}: {text}");
        }
        assert_eq!((document["Title"].as_str().unwrap().len(), document.to_string().len() < 240_000), (256, true));
        assert_eq!(document["ProductArn"], PRODUCT);
        assert_eq!(message(What::Digest, ("", None)).finding(&PRODUCT.parse().unwrap()), None);
        // Of the hub itself, and of a test.
        let own = Message { accounts: Vec::new(), ..message(What::Began, ("queue", None)) };
        let own = own.finding(&PRODUCT.parse().unwrap()).unwrap();
        assert_eq!(
            (own.id.as_str(), &own.document["Resources"][0]["Id"]),
            ("holdfast/hub/queue", &json!("AWS::::Account:999999999999"))
        );
        let test = Message::test("hub", "/", second(1)).finding(&PRODUCT.parse().unwrap()).unwrap();
        assert_eq!((test.id.as_str(), &test.document["RecordState"]), ("holdfast/hub/test", &json!("ARCHIVED")));
    }

    #[test]
    fn a_product_is_the_account_s_own() {
        let check = |text: &str, host: Option<&str>| {
            let product: Option<Product> = text.parse().ok();
            assert_eq!(product.as_ref().map(ToString::to_string).as_deref(), host.map(|_| text), "{text}");
            assert_eq!(product.map(|product| product.host()).as_deref(), host, "{text}");
        };
        check(PRODUCT, Some("securityhub.eu-central-1.amazonaws.com"));
        check(
            "arn:aws-cn:securityhub:cn-north-1:111111111111:product/111111111111/default",
            Some("securityhub.cn-north-1.amazonaws.com.cn"),
        );
        check("arn:aws:securityhub:eu-central-1:999999999999:product/111111111111/default", None);
        check("arn:aws:securityhub:eu-central-1:999999999999:product/aws/guardduty", None);
        check("arn:aws:securityhub:a.evil/:999999999999:product/999999999999/default", None);
        check("arn:aws:sns:eu-central-1:999999999999:alerts", None);
    }
}
