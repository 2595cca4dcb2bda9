//! Whom to believe: an account that has a key of its own speaks through it alone; of one that has none, the hub's policy says
//! whether it is heard at all.
//!
//! What this rests on (the policy, and who proved a key) is put on record beside the messages, so that whoever reads them again
//! believes the same. Not here: whether a signature is good, and asking STS (both are the hub's).

use crate::{cut::Cut, quota::Dropped};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
};
use jiff::Timestamp;
use manifests::{
    id::AccountId,
    report::proof::{Key, Proof},
};
use serde::{Deserialize, Serialize};

/// What is made of reports that prove nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unproven {
    /// They are taken, and shown as unproven.
    #[default]
    Allowed,
    /// They go into quarantine.
    Refused,
}

/// What the hub takes for a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The topics that are this hub's; reports are signed for one of them. Without any, no report proves anything.
    pub hubs: BTreeSet<String>,
    /// And the others?
    pub unproven: Unproven,
}

/// A key that is an account's: STS said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolled {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub key: Key,
    /// Who proved it, as STS names it.
    pub arn: String,
    /// When the proof was made, by its maker's clock, which STS has looked at.
    pub at: Timestamp,
}

/// What a hub puts on record itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Record {
    /// From here on this is its policy.
    #[serde(rename = "holdfast.policy.v1")]
    Policy(Policy),
    /// STS said whose key this is.
    #[serde(rename = "holdfast.enrolled.v1")]
    Enrolled(Enrolled),
    /// So much of a sender was not kept.
    #[serde(rename = "holdfast.dropped.v1")]
    Dropped(Dropped),
    /// The oldest part of the journal is taken out.
    #[serde(rename = "holdfast.cut.v1")]
    Cut(Cut),
}

/// What is on record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Belief {
    /// The policy.
    pub policy: Policy,
    /// The keys.
    pub keys: BTreeMap<AccountId, Enrolled>,
}

impl Belief {
    /// Takes in what the hub put on record. Of two keys the one that was proven later counts.
    pub fn learn(&mut self, record: Record) {
        match record {
            Record::Policy(policy) => self.policy = policy,
            Record::Enrolled(enrolled) => {
                if is_newer(&enrolled, self.keys.get(&enrolled.account)) {
                    self.keys.insert(enrolled.account.clone(), enrolled);
                }
            }
            // What is believed stays believed.
            Record::Dropped(_) | Record::Cut(_) => {}
        }
    }
}

/// Whether a key takes the place of the one that is known. A proof that somebody kept does not bring an old key back.
pub fn is_newer(enrolled: &Enrolled, known: Option<&Enrolled>) -> bool {
    known.is_none_or(|known| enrolled.at > known.at)
}

/// Whether a report is its account's, with this key on record: `true` when that is proven, `false` when it is taken without. That
/// the proof's signature is good was seen to before.
///
/// # Errors
/// Why it is refused, as a sentence without a full stop.
pub fn weigh(
    proof: Option<&Proof>,
    account: &AccountId,
    known: Option<&Enrolled>,
    policy: &Policy,
) -> Result<bool, String> {
    match (proof, known) {
        // A hub that was started without its topic does not forget what was proven to it.
        (Some(proof), Some(known)) if policy.hubs.is_empty() && known.key == proof.key => Ok(true),
        (_, None) if policy.hubs.is_empty() => match policy.unproven {
            Unproven::Allowed => Ok(false),
            Unproven::Refused => Err("nothing can prove whose it is: this hub knows no topic of its own".to_string()),
        },
        (Some(proof), _) if !policy.hubs.is_empty() && !policy.hubs.contains(&proof.hub) => {
            Err(format!("it is signed for another hub, `{}`", short(&proof.hub)))
        }
        (Some(proof), Some(known)) if known.key == proof.key => Ok(true),
        (Some(_), Some(_)) => Err(format!("it is signed with another key than {account} has proven to be its own")),
        (Some(_), None) => {
            Err(format!("it is signed with a key that nobody has proven to be {account}'s; the hub's log says why"))
        }
        (None, Some(_)) => Err(format!("{account} signs its reports, and this one is not signed")),
        (None, None) => match policy.unproven {
            Unproven::Allowed => Ok(false),
            Unproven::Refused => Err("it is not signed, and this hub takes no report without proof".to_string()),
        },
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use manifests::{id::Digest, report::proof::Signature};

    const HUB: &str = "arn:aws:sns:eu-central-1:999999999999:reports";

    fn account() -> AccountId {
        "111111111111".parse().unwrap()
    }

    pub(crate) fn signed(hub: &str, key: u8) -> Proof {
        Proof {
            hub: hub.to_string(),
            key: Key(Digest([key; 32])),
            signature: Signature([0; 64]),
            at: "20260501T120000Z".into(),
            id: "ASIAEXAMPLE".into(),
            session: None,
            enrolment: Digest([0; 32]),
        }
    }

    fn enrolled(key: u8, second: i64) -> Enrolled {
        let at = Timestamp::from_second(second).unwrap();
        Enrolled { account: account(), key: Key(Digest([key; 32])), arn: "arn:aws:sts::1:assumed-role/a/b".into(), at }
    }

    /// `claim` is `none`, `hub 1` or `other 1`; `known` the key on record, 0 for none.
    fn check(claim: &str, known: u8, unproven: Unproven, expect: Result<bool, &str>) {
        let proof = claim.split_once(' ').map(|(hub, key)| {
            let hub = if hub == "hub" { HUB } else { "arn:of:another" };
            signed(hub, key.parse().unwrap())
        });
        let policy = Policy { hubs: [HUB.to_string()].into(), unproven };
        let known = (known > 0).then(|| enrolled(known, 0));
        let found = weigh(proof.as_ref(), &account(), known.as_ref(), &policy);
        let same = match (&found, expect) {
            (Ok(found), Ok(expect)) => *found == expect,
            (Err(found), Err(expect)) => found.contains(expect),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        assert!(same, "{claim} {known:?} {unproven:?}: {found:?}");
    }

    #[test]
    fn an_account_with_a_key_speaks_through_it_alone() {
        for unproven in [Unproven::Allowed, Unproven::Refused] {
            check("hub 1", 1, unproven, Ok(true));
            check("hub 2", 1, unproven, Err("another key"));
            check("hub 1", 0, unproven, Err("nobody has proven"));
            check("other 1", 1, unproven, Err("another hub, `arn:of:another`"));
            check("other 1", 0, unproven, Err("another hub"));
            check("none", 1, unproven, Err("signs its reports"));
        }
    }

    #[test]
    fn the_policy_speaks_for_those_that_have_none() {
        check("none", 0, Unproven::Allowed, Ok(false));
        check("none", 0, Unproven::Refused, Err("no report without proof"));
    }

    #[test]
    fn a_hub_without_topics_believes_nobody_new_and_forgets_nobody() {
        let (policy, known) = (Policy::default(), enrolled(1, 0));
        let strict = Policy { unproven: Unproven::Refused, ..Policy::default() };
        for proof in [None, Some(signed(HUB, 1))] {
            assert_eq!(weigh(proof.as_ref(), &account(), None, &policy), Ok(false));
            assert!(weigh(proof.as_ref(), &account(), None, &strict).is_err());
        }
        assert_eq!(weigh(Some(&signed(HUB, 1)), &account(), Some(&known), &policy), Ok(true));
        assert!(weigh(Some(&signed(HUB, 2)), &account(), Some(&known), &policy).is_err());
        assert!(weigh(None, &account(), Some(&known), &policy).is_err());
    }

    #[test]
    fn an_old_proof_does_not_bring_an_old_key_back() {
        let mut belief = Belief::default();
        for (key, at, expect) in [(1, 10, 1), (2, 20, 2), (1, 10, 2), (3, 20, 2), (3, 21, 3)] {
            belief.learn(Record::Enrolled(enrolled(key, at)));
            assert_eq!(belief.keys[&account()].key, Key(Digest([expect; 32])), "{key} at {at}");
        }
    }

    #[test]
    fn what_is_on_record_is_read_again_as_it_was_written() {
        let policy = Policy { hubs: [HUB.to_string()].into(), unproven: Unproven::Refused };
        for (record, kind) in
            [(Record::Policy(policy), "holdfast.policy.v1"), (Record::Enrolled(enrolled(1, 5)), "holdfast.enrolled.v1")]
        {
            let text = serde_json::to_string(&record).unwrap();
            assert!(text.contains(kind), "{text}");
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }
}
