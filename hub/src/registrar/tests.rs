//! Keys, enrolled and not.

use super::*;
use crate::{ingest, ingest::tests::report, journal::tests::at, keep::Memory, store::Access, store::Store};
use ed25519_dalek::{Signer, SigningKey};
use fleet::{belief::Unproven, fold::Outcome};
use manifests::{
    id::Digest,
    report::proof::{Key, Signature, joined},
};
use std::cell::{Cell, RefCell};

pub(crate) const HUB: &str = "arn:aws:sns:eu-central-1:999999999999:reports";

/// The time of every request here; the hub's clock stands a second later.
const THEN: &str = "20260501T120000Z";

/// An STS that knows every access key id by heart: it names the account.
#[derive(Default)]
struct Known {
    asked: RefCell<Vec<String>>,
    is_down: Cell<bool>,
}

impl Sts for &Known {
    async fn ask(&self, request: &Request, proof: &Proof) -> Answer {
        self.asked.borrow_mut().push(format!("{} {}", request.host, proof.id));
        if self.is_down.get() {
            return Answer::Unreachable("no route".into());
        }
        match proof.id.split_once('/') {
            Some((account, role)) => {
                let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/session");
                Answer::Signed { account: account.into(), arn }
            }
            None => Answer::Refused("InvalidClientTokenId: no such key".into()),
        }
    }
}

/// A report of 111111111111 as its agent would send it: with this key, enrolled by that access key id at that time.
fn sent(sequence: u64, (hub, key): (&str, u8), enrolment: (&str, &str)) -> String {
    sealed(&report(sequence, "in-sync").to_string(), (hub, key), enrolment)
}

/// An event as its agent would send it.
pub(crate) fn sealed(event: &str, (hub, key): (&str, u8), (id, time): (&str, &str)) -> String {
    let key = SigningKey::from_bytes(&[key; 32]);
    let mut proof = Proof {
        hub: hub.into(),
        key: Key(Digest(key.verifying_key().to_bytes())),
        signature: Signature([0; 64]),
        at: time.into(),
        id: id.into(),
        session: None,
        enrolment: Digest([0; 32]),
    };
    proof.signature = Signature(key.sign(&proof.signed(event)).to_bytes());
    joined(event, &proof).unwrap()
}

fn policy(unproven: Unproven) -> Policy {
    Policy { hubs: [HUB.to_owned()].into(), unproven }
}

/// Shows a hub one batch after another, and tells what came of each message: what it did, or why it was refused, or `waits`.
#[track_caller]
fn check(known: &Known, roles: &[&str], batches: &[&[String]], expect: &[&str]) -> Memory {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let mut registrar = Registrar::new(known, policy(Unproven::Refused), roles, None);
    let mut memory = Memory::default();
    registrar.begin(&mut memory, at(0)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut told = Vec::new();
    for batch in batches {
        let messages = batch.iter().map(|body| Message::read(body)).collect();
        let sifted = runtime.block_on(registrar.sift(messages, &mut memory, at(1_000))).unwrap();
        told.extend(sifted.waiting.iter().map(|_| "waits".to_owned()));
        told.extend(memory.hear(sifted.kept, at(1_000)).unwrap().into_iter().map(|heard| match heard.outcome {
            Outcome::Refused(why) => why,
            outcome @ (Outcome::Newest | Outcome::Late | Outcome::Known | Outcome::Contested) => {
                format!("{outcome:?}").to_lowercase()
            }
        }));
    }
    assert_eq!(told.len(), expect.len(), "{told:#?}");
    told.iter().zip(expect).for_each(|(told, expect)| assert!(told.contains(expect), "{expect}: {told:#?}"));
    memory
}

#[test]
fn a_key_is_proven_once_and_every_report_by_itself() {
    let known = Known::default();
    let send = |sequence| sent(sequence, (HUB, 1), ("111111111111/agent", THEN));
    let batches = [&[send(1)][..], &[send(2), send(3)], &[report(4, "in-sync").to_string()]];
    let memory = check(&known, &["agent"], &batches, &["newest", "newest", "newest", "signs its reports"]);
    assert_eq!(*known.asked.borrow(), ["sts.eu-central-1.amazonaws.com 111111111111/agent"]);
    assert!(memory.fleet.accounts.values().all(|account| account.standing.proven));
}

#[test]
fn what_was_changed_or_signed_by_another_key_is_refused() {
    let send = |sequence, key| sent(sequence, (HUB, key), ("111111111111/agent", THEN));
    let forged = send(2, 1).replace("in-sync", "healed!");
    let other = send(3, 2).replace(&key(2).to_string(), &key(1).to_string());
    let elsewhere = send(4, 1).replace(":reports\"", ":reporte\"");
    let batches = [&[send(1, 1)][..], &[forged, other, elsewhere], &[send(5, 2)]];
    let expect = ["newest", "its signature is not", "its signature is not", "its signature is not", "another key"];
    // The last has a request as old as the one on record.
    check(&Known::default(), &[], &batches, &expect);
}

pub(crate) fn key(seed: u8) -> Key {
    Key(Digest(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()))
}

#[test]
fn whoever_is_not_the_account_enrols_nothing_for_it() {
    let send = |id: &str, time: &str| sent(1, (HUB, 1), (id, time));
    for (id, time, asks) in [
        ("222222222222/agent", THEN, 1),
        ("111111111111/intern", THEN, 1),
        ("nobody", THEN, 1),
        ("111111111111/agent", "20260501T114500Z", 0),
        ("111111111111/agent", "20260501T121502Z", 0),
        ("111111111111/agent", "yesterday", 0),
        ("111111111111/a\nb", THEN, 0),
        ("", THEN, 0),
    ] {
        let known = Known::default();
        check(&known, &["agent"], &[&[send(id, time)]], &["nobody has proven"]);
        assert_eq!(known.asked.borrow().len(), asks, "{id} {time}");
    }
    let known = Known::default();
    let elsewhere = sent(1, ("arn:aws:sns:eu-central-1:222222222222:reports", 1), ("111111111111/agent", THEN));
    check(&known, &[], &[&[elsewhere]], &["signed for another hub"]);
    assert!(known.asked.borrow().is_empty());
}

#[test]
fn a_later_proof_brings_a_new_key_and_an_earlier_one_does_not() {
    let send = |sequence, key, time| sent(sequence, (HUB, key), ("111111111111/agent", time));
    let (first, later) = (THEN, "20260501T120001Z");
    let batches = [
        &[send(1, 1, first)][..],
        &[send(2, 2, later)],
        &[send(3, 1, first)],
        &[send(4, 2, first)],
        &[send(5, 1, later)],
    ];
    check(&Known::default(), &[], &batches, &["newest", "newest", "another key", "newest", "another key"]);
}

#[test]
fn what_can_not_be_asked_waits_and_nobody_else_does() {
    let known = Known::default();
    known.is_down.set(true);
    let batch = [sent(1, (HUB, 1), ("111111111111/agent", THEN)), "hello".into()];
    check(&known, &[], &[&batch], &["waits", "not a report"]);
}

#[test]
fn a_store_believes_the_same_when_it_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let registrar = |unproven| Registrar::new(Nobody, policy(unproven), BTreeSet::new(), None);
    let message = sent(1, (HUB, 1), ("111111111111/agent", THEN));
    let proof = ingest::read(&message).unwrap().proof.unwrap();
    {
        let mut store = Store::open(&path, Access::Write(None)).unwrap();
        registrar(Unproven::Allowed).begin(&mut store, at(0)).unwrap();
        store.keep(&[&report(1, "failed").to_string()], at(1)).unwrap();
        registrar(Unproven::Refused).begin(&mut store, at(2)).unwrap();
        registrar(Unproven::Refused).begin(&mut store, at(3)).unwrap();
        let account = "111111111111".parse().unwrap();
        let enrolled = Enrolled { account, key: proof.key, arn: "arn".into(), at: at(4) };
        store.record(Record::Enrolled(enrolled), at(4)).unwrap();
        store.keep(&[&message, &report(2, "failed").to_string()], at(5)).unwrap();
        registrar(Unproven::Allowed).begin(&mut store, at(6)).unwrap();
    }
    let store = Store::open(&path, Access::Read).unwrap();
    // Three policies, a key, three messages.
    assert_eq!(store.verify(None).unwrap().entries, 7);
    let fleet = crate::reading::replay(&store, None).unwrap();
    let account = fleet.accounts.values().next().unwrap();
    assert_eq!((account.standing.proven, account.newest.data.state.as_str()), (true, "in sync"));
    assert_eq!(fleet.quarantine.len(), 1);
    let mut copy = Store::open(folder.path().join("copy"), Access::Write(None)).unwrap();
    let mut text = Vec::new();
    crate::carry::export(&store, &mut text).unwrap();
    crate::carry::import(&mut copy, text.as_slice()).unwrap();
    assert_eq!(copy.end(), store.end());
    let account = "111111111111".parse().unwrap();
    assert_eq!(copy.enrolled(&account).unwrap(), fleet.belief.keys.get(&account).cloned());
    assert_eq!(copy.policy().unwrap(), policy(Unproven::Allowed));
}

#[test]
fn whoever_floods_is_cut_and_counted_and_nobody_else_pays() {
    let (known, mut memory) = (Known::default(), Memory::default());
    let quota = Some(Quota::new(5));
    let mut registrar = Registrar::new(&known, policy(Unproven::Allowed), BTreeSet::new(), quota);
    registrar.begin(&mut memory, at(0)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Nobody uses up the share of an account in whose name it speaks, not even before it has proven anything.
    let forged: Vec<String> = (100..130).map(|n| report(n, "failed").to_string()).collect();
    let own: Vec<String> = (1..=30).map(|n| sent(n, (HUB, 1), ("111111111111/agent", THEN))).collect();
    let mut sift = |bodies: &[String], sent: Option<Timestamp>| {
        let read = bodies.iter().map(|body| Message { sent, ..Message::read(body) }).collect();
        let sifted = runtime.block_on(registrar.sift(read, &mut memory, at(60_000))).unwrap();
        let kept = sifted.kept.len();
        memory.hear(sifted.kept, at(60_000)).unwrap();
        kept
    };
    assert_eq!(sift(&forged, None), 6, "and the newest");
    assert_eq!(sift(&own, None), 6);
    // What is forged now is nobody's; what has waited on the queue was sent in other minutes.
    assert_eq!((sift(&forged, None), sift(&own[..5], Some(at(0)))), (5, 5));
    let account = memory.fleet.accounts.values().next().unwrap();
    assert_eq!((account.standing.proven, account.newest.data.sequence), (true, 30));
    registrar.count(&mut memory, at(61_000), true).unwrap();
    let reasons: BTreeSet<String> = memory.fleet.quarantine.values().map(|refused| refused.reason.clone()).collect();
    let at = "from 2026-05-01T12:01:00Z to 2026-05-01T12:01:00Z were not kept";
    for (who, n) in
        [("111111111111 sent more than one account may", 48), ("more came that is nobody's than is kept", 25)]
    {
        assert!(reasons.contains(&format!("{who}: {n} messages {at}")), "{reasons:#?}");
    }
}

#[test]
fn while_sts_is_out_of_reach_it_is_left_alone_and_whoever_is_known_is_kept() {
    let (known, mut memory) = (Known::default(), Memory::default());
    let mut registrar = Registrar::new(&known, policy(Unproven::Refused), BTreeSet::new(), None);
    registrar.begin(&mut memory, at(0)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (first, second) = (sent(1, (HUB, 1), ("111111111111/agent", THEN)), sent(2, (HUB, 1), ("x", THEN)));
    let other = sent(1, (HUB, 2), ("111111111111/agent", "20260501T120005Z"));
    let mut sift = |bodies: [&String; 2], second: i64| {
        let read = bodies.into_iter().map(|body| Message::read(body)).collect();
        let sifted = runtime.block_on(registrar.sift(read, &mut memory, at(second * 1_000))).unwrap();
        (sifted.kept.len(), sifted.waiting.len(), sifted.why.is_some())
    };
    assert_eq!(sift([&first, &first], 1), (2, 0, false));
    let asked = known.asked.borrow().len();
    known.is_down.set(true);
    assert_eq!(sift([&second, &other], 2), (1, 1, true));
    assert_eq!(sift([&second, &other], 20), (1, 1, true));
    // That nothing waits at the moment does not mean that it can be reached.
    assert_eq!(sift([&second, &second], 21), (2, 0, true));
    assert_eq!(known.asked.borrow().len(), asked + 1);
    known.is_down.set(false);
    assert_eq!(sift([&second, &other], 40), (2, 0, false));
}

#[test]
fn nobody_sends_what_the_hub_puts_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut store = Store::open(&path, Access::Write(None)).unwrap();
    let recorded = r#"{"recorded":"2026-05-01T12:00:00Z","type":"holdfast.policy.v1","hubs":[],"unproven":"refused"}"#;
    // It is there already when the hub writes the same, letter by letter; and it is a message like any other.
    store.keep(&[recorded], at(0)).unwrap();
    let policy = Policy { hubs: BTreeSet::new(), unproven: Unproven::Refused };
    store.record(Record::Policy(policy.clone()), at(0)).unwrap();
    assert_eq!((store.policy().unwrap(), store.verify(None).unwrap().entries), (policy, 2));
    let mut copy = Store::open(folder.path().join("copy"), Access::Write(None)).unwrap();
    let mut text = Vec::new();
    crate::carry::export(&store, &mut text).unwrap();
    let forged = String::from_utf8(text).unwrap().replace(r#","origin":"hub""#, "");
    assert!(crate::carry::import(&mut copy, forged.as_bytes()).is_err());
}

#[test]
fn a_role_is_what_sts_says_that_it_is() {
    let check = |arn, expect| assert_eq!(role(arn), expect, "{arn}");
    check("arn:aws:sts::111111111111:assumed-role/agent/session", Some("agent"));
    check("arn:aws:sts::111111111111:assumed-role/agent", Some("agent"));
    check("arn:aws:iam::111111111111:user/assumed-role/agent/x", None);
    check("arn:aws:iam::111111111111:assumed-role/agent/x", None);
    check("arn:aws:sts::111111111111:federated-user/agent", None);
    check("agent", None);
}
