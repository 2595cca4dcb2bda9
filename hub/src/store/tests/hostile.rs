//! What an account may say to make the picture wrong for others, and does not.

use super::{spot::Spot, *};
use crate::{
    ingest::tests::report,
    store::view::{Filter, Moment, Of},
};
use fleet::{page::View, presence::Patience};
use manifests::{
    fleet::{Account, Fleet},
    id::AccountId,
    report::State,
    stack::Location,
};
use serde_json::{Value, json};

const COMMIT: &str = "0f3c2aa000000000000000000000000000000000";

fn moment() -> Moment {
    Moment { patience: Patience::default(), now: at(10_000) }
}

/// A report of the account of this digit, changed like that.
fn says(account: u8, sequence: u64, change: impl FnOnce(&mut Value)) -> String {
    let id = account.to_string().repeat(12);
    let mut report = report(sequence, "in-sync");
    report["subject"] = id.as_str().into();
    report["source"] = format!("/holdfast/{id}").into();
    report["data"]["account"] = id.into();
    change(&mut report);
    report.to_string()
}

fn stack(name: &str, region: &str, state: &str) -> Value {
    json!({"manifest": name, "region": region, "stack": name, "state": state, "provides": ["AC-2"]})
}

fn keep(store: &mut Store, bodies: &[String]) {
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    store.keep(&bodies, at(0)).unwrap();
}

/// A list of accounts by their digits and rings.
fn list(accounts: &[(u8, &str)]) -> Fleet {
    let at = || Location { file: "fleet.yaml".parse().unwrap(), line: 1 };
    let one = |(n, ring): &(u8, &str)| {
        let id: AccountId = n.to_string().repeat(12).parse().unwrap();
        let labels = [("ring".to_owned(), (*ring).to_owned())].into();
        (id.clone(), Account { id, name: None, labels, at: at() })
    };
    Fleet { accounts: accounts.iter().map(one).collect(), agent: None }
}

fn expect(store: &mut Store, fleet: &Fleet) {
    let view =
        View { expected: Some(fleet), suspended: &Default::default(), patience: Patience::default(), now: at(10_000) };
    store.page(&view).unwrap();
}

#[test]
fn a_commit_that_is_none_is_nobodys_and_rings_are_not_mixed_up() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let applied =
            |revision: String| move |report: &mut Value| report["data"]["source"]["applied"] = revision.into();
        keep(
            &mut store,
            &[
                says(1, 1, applied(format!("main@sha1:{COMMIT} non"))),
                says(2, 1, applied(format!("main@sha1:{COMMIT}"))),
                says(3, 1, applied("main@sha1:".into())),
            ],
        );
        for rings in [[(1, "prod"), (2, "non prod"), (3, "")], [(1, "non prod"), (2, "prod"), (3, "x y")]] {
            expect(&mut store, &list(&rings));
            let rings = store.rings(COMMIT).unwrap();
            assert_eq!(rings.iter().map(|ring| ring.applied).sum::<u64>(), 1, "{rings:?}");
            assert_eq!(rings.iter().map(|ring| ring.accounts).collect::<Vec<_>>(), [1, 1, 1]);
        }
        assert!(store.revision("").unwrap().is_none() && store.revision(&format!("{COMMIT} non")).unwrap().is_none());
    });
}

#[test]
fn what_was_told_and_is_gone_hides_nobody_elses() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let many: Vec<Value> = (0..600).map(|n| stack("baseline", &format!("aa-aa-{n}"), "in-sync")).collect();
        let more: Vec<Value> = (0..300).map(|n| stack(&format!("A{n:05}"), "eu-central-1", "failed")).collect();
        keep(
            &mut store,
            &[
                says(1, 1, |report| report["data"]["stacks"] = json!([stack("baseline", "eu-central-1", "in-sync")])),
                says(6, 1, |report| report["data"]["stacks"] = many.into()),
                says(7, 1, |report| report["data"]["stacks"] = more.into()),
            ],
        );
        keep(
            &mut store,
            &[
                says(6, 2, |report| report["data"]["stacks"] = json!([])),
                says(7, 2, |report| report["data"]["stacks"] = json!([])),
            ],
        );
        let placed = store.placed("baseline", None).unwrap();
        assert_eq!((placed.places.len(), placed.accounts.rows.len()), (1, 1));
        let places = store.places(None).unwrap();
        assert_eq!((places.rows.len(), places.next), (1, None));
        let left = |sql: &str| store.database.row(sql, &[], |row| row.get::<i64>(0)).unwrap().unwrap();
        assert_eq!(left("SELECT count(*) FROM tally WHERE n = 0"), 0);
        assert_eq!((left("SELECT count(*) FROM place"), left("SELECT count(*) FROM provided")), (1, 1));
    });
}

#[test]
fn every_stack_is_on_exactly_one_part_of_the_list() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let all = (0..10)
            .flat_map(|n| (0..17).map(move |region| stack(&format!("s{n}"), &format!("eu-west-{region}"), "held")));
        let all: Vec<Value> = all.collect();
        keep(&mut store, &[says(1, 1, |report| report["data"]["stacks"] = all.into())]);
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let part = store.places(after.as_deref()).unwrap();
            seen.extend(part.rows.into_iter().map(|place| (place.stack, place.region)));
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        let once: std::collections::BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!((seen.len(), once.len()), (170, 170));
    });
}

#[test]
fn of_a_stack_that_is_told_of_twice_the_worse_counts() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let twice = json!([stack("dup", "eu-central-1", "failed"), stack("dup", "eu-central-1", "in-sync")]);
        keep(&mut store, &[says(1, 1, |report| report["data"]["stacks"] = twice)]);
        assert_eq!(store.placed("dup", None).unwrap().accounts.rows[0].state, State::Failed);
        assert_eq!(store.overview(moment()).unwrap().stacks, [(State::Failed, 1)].into());
    });
}

#[test]
fn whom_nobody_expects_proves_no_control_and_moves_no_commit() {
    on_each(|spot| {
        let mut store = spot.write("store");
        expect(&mut store, &list(&[(1, "a"), (2, "a")]));
        let of = |account, commit: &str| {
            let revision = format!("main@sha1:{commit}");
            says(account, 1, move |report| {
                report["data"]["stacks"] = json!([stack("s", "eu-central-1", "in-sync")]);
                report["data"]["stacksTotal"] = if account == 9 { json!(u64::MAX) } else { json!(1) };
                (report["data"]["source"]["applied"], report["data"]["source"]["attempted"]) =
                    (revision.as_str().into(), revision.as_str().into());
            })
        };
        let other = "1".repeat(40);
        keep(&mut store, &[of(1, COMMIT), of(9, &other)]);
        let overview = store.overview(moment()).unwrap();
        assert_eq!((overview.compliance.stacks, overview.compliance.accounts, overview.unexpected), (1, 2, 1));
        assert_eq!(overview.stacks, [(State::InSync, 1)].into());
        assert_eq!(store.controls().unwrap()[0].states, [(State::InSync, 1)].into());
        assert_eq!(store.revisions(9).unwrap().iter().map(|it| it.commit.as_str()).collect::<Vec<_>>(), [COMMIT]);
        assert_eq!(store.rings(COMMIT).unwrap()[0].accounts, 2, "one of the two has not spoken");
        // It is expected from now on, and then no more.
        expect(&mut store, &list(&[(1, "a"), (9, "b")]));
        assert_eq!(store.controls().unwrap()[0].states, [(State::InSync, 2)].into());
        expect(&mut store, &list(&[(1, "a")]));
        assert_eq!(store.controls().unwrap()[0].states, [(State::InSync, 1)].into());
        assert_eq!(
            store.accounts(moment(), &Filter::default(), None).unwrap().rows.len(),
            2,
            "and is still to be seen"
        );
    });
}

#[test]
fn no_clock_but_the_hubs_moves_what_is_told_of_everybody() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let other = "1".repeat(40);
        let when = |account, time: &'static str, commit: &str, signature: &'static str| {
            let revision = format!("main@sha1:{commit}");
            says(account, 1, move |report| {
                report["time"] = time.into();
                report["data"]["happened"][0]["at"] = time.into();
                let source = &mut report["data"]["source"];
                (source["applied"], source["attempted"]) = (revision.as_str().into(), revision.as_str().into());
                (source["signature"], source["signer"]) = (signature.into(), "ada".into());
            })
        };
        let received = |n: i64| at(n * 1_000);
        for (n, body) in [
            (0, when(1, "9999-01-01T00:00:00Z", &other, "good")),
            (1, when(2, "2026-05-01T12:00:01Z", COMMIT, "good")),
            (2, when(3, "-009998-01-01T00:00:00Z", COMMIT, "good")),
        ] {
            store.keep(&[&body], received(n)).unwrap();
        }
        let revisions = store.revisions(9).unwrap();
        assert_eq!(revisions[1].commit, COMMIT, "one that was sent 14 days ago may be the older");
        assert!(
            revisions.iter().all(|it| it.first >= received(-14 * 86_400) && it.first <= received(2)),
            "{revisions:?}"
        );
        let newest = store.happened(&Of::All, None).unwrap().rows;
        assert!(newest.iter().all(|it| it.at <= received(2)), "{newest:?}");
        assert_eq!(revisions[1].signature, "good");
        // Whoever says the worst of a signature is heard, whenever.
        store.keep(&[&when(4, "2026-05-01T12:00:01Z", COMMIT, "tolerated")], received(3)).unwrap();
        assert_eq!(store.revision(COMMIT).unwrap().unwrap().signature, "not-good");
        store.keep(&[&when(5, "2026-05-01T12:00:01Z", COMMIT, "good")], received(4)).unwrap();
        assert_eq!(store.revision(COMMIT).unwrap().unwrap().signature, "not-good");
    });
}

#[test]
fn wherever_a_list_is_said_to_go_on_it_is_read_or_empty() {
    on_each(|spot| {
        let mut store = spot.write("store");
        keep(
            &mut store,
            &[says(1, 1, |report| report["data"]["stacks"] = json!([stack("s", "eu-central-1", "held")]))],
        );
        let (least, most) = (i64::MIN, i64::MAX);
        for after in
            [format!("{least}.{least}.{least}"), format!("{most}.{most}.{most}"), "x".into(), "7".into(), "[]".into()]
        {
            let after = Some(after.as_str());
            store.accounts(moment(), &Filter::default(), after).unwrap();
            store.placed("s", after).unwrap();
            store.places(after).unwrap();
            store.control("AC-2", after).unwrap();
            store.drifted(after).unwrap();
            store.exceptions(after).unwrap();
            store.happened(&Of::All, after).unwrap();
            store.not_ready(after).unwrap();
        }
    });
}

/// A store of the first form, with one entry, as the first hub made it.
fn first_form(spot: &Spot, name: &str, body: &str) {
    let database = match spot.place(name) {
        Place::File(path) => {
            let file = rusqlite::Connection::open(path).unwrap();
            file.execute_batch(FORMS[0]).unwrap();
            file.pragma_update(None, "application_id", APPLICATION).unwrap();
            file.pragma_update(None, "user_version", 1).unwrap();
            file.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
            Database::Sqlite(file)
        }
        place @ Place::Postgres(_) => Database::Postgres(Box::new(postgres::form::of_form(place, 1))),
    };
    let Entry { n, received, chain, .. } = End::NOTHING.next(at(1), Origin::Queue, body);
    let (digest, received) = (Digest::of(body.as_bytes()).0, received.as_millisecond());
    let sql = "INSERT INTO journal (n, received, chain, digest, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    database.execute(sql, params![signed(n), received, chain.0, digest, body.as_bytes()]).unwrap();
}

#[test]
fn a_journal_of_an_older_form_is_read_as_it_is() {
    on_each(|spot| {
        first_form(spot, "store", &says(1, 1, |_| ()));
        let open = |access| Store::open(spot.place("store"), access);
        assert_eq!(open(Access::Journal).unwrap().verify(None).unwrap().entries, 1);
        assert!(matches!(open(Access::Read), Err(StoreError::Older { found: 1, .. })));
        // Whoever writes brings it forward, and its picture with it.
        let store = spot.write("store");
        assert_eq!(store.accounts(moment(), &Filter::default(), None).unwrap().rows.len(), 1);
        store.verify(None).unwrap();
        assert_eq!(spot.read("store").end().entries, 1);
    });
}

#[test]
fn whoever_keeps_something_brings_a_picture_up_that_is_behind() {
    on_each(|spot| {
        let mut store = spot.write("store");
        keep(&mut store, &[says(1, 1, |_| ()), says(2, 1, |_| ())]);
        // As a form to come may leave it: with a journal that is to be read again.
        for table in ["account", "tally", "happened", "progress", "revision", "mark"] {
            spot.meddle("store", &format!("DELETE FROM {table}")).unwrap();
        }
        keep(&mut store, &[says(3, 1, |_| ())]);
        assert_eq!(store.accounts(moment(), &Filter::default(), None).unwrap().rows.len(), 3);
        crate::reading::tests::is_added_up(&store);
    });
}

#[test]
fn names_are_found_whatever_their_case_and_in_the_order_of_their_bytes() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let named = |n: u8, name: &'static str| says(n, 1, move |report| report["data"]["accountName"] = name.into());
        let names = ["Zebra-\u{e4}", "zebra-B", "ZEBRA-a", "zebra_c", "other", "zebra-\u{c4}"];
        keep(&mut store, &(1..).zip(names).map(|(n, name)| named(n, name)).collect::<Vec<_>>());
        for text in ["zebra-", "ZEBRA-", " Zebra- "] {
            let found = store.search(text, moment()).unwrap().accounts;
            let found: Vec<String> = found.into_iter().filter_map(|row| row.name).collect();
            assert_eq!(found, ["ZEBRA-a", "zebra-B", "zebra-\u{c4}", "Zebra-\u{e4}"], "{text}");
        }
        let many: Vec<Value> = ["b", "a", "B", "A", "a-b", "aa"].map(|name| stack(name, "eu-west-1", "held")).into();
        keep(&mut store, &[says(7, 1, |report| report["data"]["stacks"] = many.into())]);
        let places = store.places(None).unwrap().rows;
        assert_eq!(places.iter().map(|it| it.stack.as_str()).collect::<Vec<_>>(), ["A", "B", "a", "a-b", "aa", "b"]);
    });
}
