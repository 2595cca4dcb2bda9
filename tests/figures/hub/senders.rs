//! The fleet whose reports are taken in: its keys, its reports as its agents send them, and stores that have heard of it.
//!
//! A report tells of 50 stacks, each with a control, and carries the session token that a role's credentials have. Not here: any
//! measuring.

use crate::process::MeasureError;
use ed25519_dalek::{Signer, SigningKey};
use fleet::belief::{Enrolled, Policy, Record, Unproven};
use hub::{
    journal::{End, Entry, Origin},
    store::{Access, Place, Store, StoreError},
};
use jiff::Timestamp;
use manifests::{
    id::{AccountId, Digest},
    report::proof::{Key, Proof, Signature, joined},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{iter::once, sync::LazyLock};

/// How many stacks each tells of.
pub(super) const STACKS: usize = 50;
/// The topic that reports are signed for.
pub(super) const TOPIC: &str = "arn:aws:sns:eu-central-1:999999999999:reports";
/// How many entries go into a store at once that is not measured.
const STEP: usize = 1_000;

/// An account.
pub(super) fn id(account: usize) -> AccountId {
    crate::stage::id(&format!("{:012}", 100_000_000_000 + account))
}

fn key(account: usize) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&account.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

/// What is under an account's signature, by which it is verified: the key, the text, and the signature.
pub(super) fn signed(account: usize, sequence: usize) -> ([u8; 32], Vec<u8>, [u8; 64]) {
    let (event, proof) = spoken(account, (sequence, Timestamp::UNIX_EPOCH), "in-sync");
    (proof.key.0.0, proof.signed(&event), proof.signature.0)
}

/// The report as its agent sends it.
pub(super) fn report(account: usize, number: (usize, Timestamp), state: &str) -> String {
    let (event, proof) = spoken(account, number, state);
    joined(&event, &proof).unwrap_or_default()
}

fn spoken(account: usize, (sequence, time): (usize, Timestamp), state: &str) -> (String, Proof) {
    let event = FORM.replace("@account", id(account).as_str()).replace("@state", state);
    let event = event.replace("@time", &time.to_string()).replace("\"@sequence\"", &sequence.to_string());
    let event = event.replace("@sequence", &sequence.to_string());
    let key = key(account);
    let mut proof = Proof {
        hub: TOPIC.into(),
        key: Key(Digest(key.verifying_key().to_bytes())),
        signature: Signature([0; 64]),
        at: "20260501T120000Z".into(),
        id: "ASIAIOSFODNN7EXAMPLE".into(),
        session: Some("x".repeat(900)),
        enrolment: Digest([0; 32]),
    };
    proof.signature = Signature(key.sign(&proof.signed(&event)).to_bytes());
    (event, proof)
}

/// A report with gaps for what differs.
static FORM: LazyLock<String> = LazyLock::new(|| {
    let fixture = include_str!("../../../manifests/tests/fixtures/report.v1.settled.json");
    let mut event: Value = serde_json::from_str(fixture).expect("the fixture is a report");
    let stack = |n: usize| {
        json!({
            "manifest": format!("stack-{n}"), "region": "eu-central-1", "stack": format!("platform-stack-{n}"),
            "state": "@state", "provides": ["CIS-3.1"],
        })
    };
    (event["source"], event["id"]) = ("/holdfast/@account".into(), "a-@sequence".into());
    (event["subject"], event["time"]) = ("@account".into(), "@time".into());
    let data = &mut event["data"];
    (data["account"], data["epoch"], data["sequence"]) = ("@account".into(), "a".into(), "@sequence".into());
    data["state"] = "@state".into();
    (data["stacks"], data["stacksTotal"]) = ((0..STACKS).map(stack).collect(), STACKS.into());
    event.to_string()
});

/// One account in fifty is not well.
pub(super) fn usual(account: usize) -> &'static str {
    if account.is_multiple_of(50) { "failed" } else { "in-sync" }
}

/// A store in which it is on record whose keys these are, and what each of so many accounts said first, if it spoke.
pub(super) fn filled(place: Place, accounts: usize, spoke: bool) -> Result<Store, MeasureError> {
    let mut store = Store::open(place, Access::Write(None)).map_err(failed)?;
    let policy = Policy { hubs: [TOPIC.to_owned()].into(), unproven: Unproven::Refused };
    let records = once(Record::Policy(policy)).chain((0..accounts).map(enrolled));
    let records = records.map(|record| (Origin::Hub, words(&record)));
    let first = |account| (Origin::Queue, report(account, (1, Timestamp::UNIX_EPOCH), usual(account)));
    let reports = (0..accounts).filter(|_| spoke).map(first);
    let mut end = store.end();
    let mut step: Vec<Entry> = Vec::with_capacity(STEP);
    for (origin, text) in records.chain(reports) {
        let entry = end.next(Timestamp::UNIX_EPOCH, origin, &text);
        end = End { entries: entry.n, chain: entry.chain };
        step.push(entry);
        if step.len() == STEP {
            store.take(&step).map_err(failed)?;
            step.clear();
        }
    }
    store.take(&step).map_err(failed)?;
    Ok(store)
}

/// What STS would have said.
fn enrolled(account: usize) -> Record {
    let key = Key(Digest(key(account).verifying_key().to_bytes()));
    let arn = "arn:aws:sts::100000000000:assumed-role/holdfast-agent/session".into();
    Record::Enrolled(Enrolled { account: id(account), key, arn, at: Timestamp::UNIX_EPOCH })
}

/// As the hub puts it on record.
fn words(record: &Record) -> String {
    #[derive(Serialize)]
    struct Recorded<'r> {
        recorded: Timestamp,
        #[serde(flatten)]
        record: &'r Record,
    }
    serde_json::to_string(&Recorded { recorded: Timestamp::UNIX_EPOCH, record }).unwrap_or_default()
}

pub(super) fn failed(error: StoreError) -> MeasureError {
    MeasureError::Failed("the hub's store".into(), hub::chain(&error))
}
