//! A journal whose oldest part was taken out, and whoever takes out anything else.

use super::{
    spot::{Spot, on_file, on_postgres},
    *,
};
use crate::{
    carry::{export, import},
    ingest::tests::report,
    reading::{
        replay,
        tests::{batches, is_added_up},
    },
    registrar::tests::{HUB, key},
};
use cluster::Cluster;
use fleet::{belief::Unproven, presence::Patience, quota::Dropped};
use jiff::Timestamp;
use manifests::report::proof::Key;
use proptest::prelude::*;

/// Everything that pages are read from, as text. Places and lists have numbers of their own in each store, and go by their names.
fn dump(store: &Store) -> Vec<String> {
    let tables = [
        (
            "id n epoch sequence time received seen heard missing state since why applied attempted version region good \
          stacks stacks_good resources compared proven ring unexpected name",
            "account",
        ),
        ("account p.stack p.region p.manifest state since why", "stack s JOIN place p ON p.id = s.place"),
        ("account p.stack resource how since mode", "drifted d JOIN place p ON p.id = d.place"),
        ("account i kind what until reason", "exception"),
        ("id account at what sentence revision", "happened"),
        ("id first signature signer old", "revision"),
        ("revision account attempted applied", "progress"),
        ("received reason begins", "quarantine"),
        ("what key value n", "tally WHERE what <> 'place' AND n <> 0"),
        ("account arn at", "enrolled"),
        ("name value", "mark WHERE name IN ('journal', 'policy')"),
    ];
    let mut all = Vec::new();
    for (columns, table) in tables {
        let each = columns.split_whitespace().map(|column| format!("coalesce(CAST({column} AS TEXT), '-')"));
        let sql = format!("SELECT {} FROM {table}", each.collect::<Vec<_>>().join(" || ' | ' || "));
        let mut rows = store.database.rows(&sql, params![], |row| row.get::<String>(0)).unwrap();
        rows.sort();
        all.push(table.to_owned());
        all.extend(rows);
    }
    all
}

fn exported(store: &Store) -> String {
    let mut text = Vec::new();
    export(store, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Whatever was cut: it is proven, and whoever reads what is left comes to the same.
#[track_caller]
fn is_whole(spot: &Spot, store: &mut Store, copy: &str) {
    let end = store.verify(None).unwrap();
    let view = View { expected: None, suspended: &Default::default(), patience: Patience::default(), now: at(10_000) };
    assert_eq!(store.page(&view).unwrap(), Page::of(&replay(store, None).unwrap(), &view));
    is_added_up(store);
    let mut other = spot.write(copy);
    let text = exported(store);
    assert_eq!(import(&mut other, text.as_bytes()).unwrap(), end);
    assert_eq!(dump(&other), dump(store));
    assert_eq!((exported(&other), other.verify(None).unwrap()), (text.clone(), end));
    // Again it is no harm.
    assert_eq!(import(&mut other, text.as_bytes()).unwrap(), end);
}

fn all_of_it(store: &mut Store, before: Timestamp, now: Timestamp) -> Cutting {
    store.cut(before, now, &mut || true).unwrap()
}

fn begin(store: &mut Store) {
    let policy = Policy { hubs: [HUB.to_owned()].into(), unproven: Unproven::Allowed };
    store.record(Record::Policy(policy), at(-1)).unwrap();
}

/// What is left of random journals after random cuts is what it would be.
fn shows(spot: &Spot, batches: &[Vec<String>], cuts: &[(usize, i64)], enrols: i64) {
    let mut store = spot.write("store");
    begin(&mut store);
    for (batch, n) in batches.iter().zip(0..) {
        if n == enrols {
            let account: AccountId = "1".repeat(12).parse().unwrap();
            let enrolled = Enrolled { account: account.clone(), key: key(1), arn: "arn".into(), at: at(0) };
            store.record(Record::Enrolled(enrolled), at(n)).unwrap();
            let dropped = Dropped { account: Some(account), messages: 3, first: at(n), last: at(n) };
            store.record(Record::Dropped(dropped), at(n)).unwrap();
        }
        let bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
        store.keep(&bodies, at(n)).unwrap();
        for (_, back) in cuts.iter().filter(|(when, _)| i64::try_from(*when).unwrap() == n) {
            let before = page_of(&mut store);
            let cut = all_of_it(&mut store, at(n - back), at(n));
            let after = page_of(&mut store);
            assert_eq!((&before.accounts, &before.states), (&after.accounts, &after.states), "{cut:?}");
            assert!(!matches!(cut, Cutting::Busy | Cutting::Stopped), "{cut:?}");
            let end = store.verify(None).unwrap();
            drop(store);
            store = spot.write("store");
            assert_eq!(store.end(), end);
        }
    }
    is_whole(spot, &mut store, "copy");
}

fn page_of(store: &mut Store) -> Page {
    store
        .page(&View { expected: None, suspended: &Default::default(), patience: Patience::default(), now: at(10_000) })
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_left_of_a_journal_tells_the_same_and_is_proven(
        batches in batches(), cuts in prop::collection::vec((0..6_usize, 0..3_i64), 1..4), enrols in 0..6_i64
    ) {
        on_file(|spot| shows(spot, &batches, &cuts, enrols));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn and_in_postgresql_too(
        batches in batches(), cuts in prop::collection::vec((0..6_usize, 0..3_i64), 1..4), enrols in 0..6_i64
    ) {
        on_postgres(|spot| shows(spot, &batches, &cuts, enrols));
    }
}

/// Reports of three accounts over ten batches, with refused ones among them; the first account falls silent early.
fn filled(spot: &Spot, name: &str) -> Store {
    let mut store = spot.write(name);
    begin(&mut store);
    for n in 0..10_i64 {
        let one = |account: u8| {
            let (mut one, id) =
                (report(n as u64 + 1, ["in-sync", "failed"][n as usize / 4 % 2]), account.to_string().repeat(12));
            (one["subject"], one["source"]) = (id.as_str().into(), format!("/holdfast/{id}").into());
            one["data"]["account"] = id.into();
            one["data"]["stacks"] = [crate::reading::tests::stack((n as usize / 3 % 2, &"held"))].into_iter().collect();
            one.to_string()
        };
        let mut all: Vec<String> = (if n < 2 { 1..=3 } else { 2..=3 }).map(one).collect();
        all.push(format!("no report {n}"));
        store.keep(&all.iter().map(String::as_str).collect::<Vec<_>>(), at(n)).unwrap();
    }
    store
}

#[test]
fn a_cut_says_what_it_takes_out_and_takes_out_that_and_nothing_else() {
    on_each(|spot| {
        let mut store = filled(spot, "store");
        let (end, noted) = (store.end(), spot.read("store").end());
        let early = {
            let all = entries(&store);
            End { entries: all[2].n, chain: all[2].chain }
        };
        let plan = spot.read("store").plan(at(6)).unwrap().unwrap();
        assert_eq!(store.end(), end, "a plan changes nothing");
        let Cutting::Done(done) = all_of_it(&mut store, at(6), at(20)) else { panic!() };
        assert_eq!(plan, done);
        // The policy, 4 + 4 + 4 × 3 messages; of those stay the policy and one report of each account.
        let Cut { through, entries: gone, stay, last, .. } = done.cut;
        assert_eq!((through, gone, stay, last, done.first), (21, 17, 4, at(5), at(-1)));
        assert_eq!(entries(&store).len() as u64, end.entries - gone + 1);
        assert_eq!(store.reach().unwrap(), Some(Reach { since: at(6), cut: 17 }));
        assert_eq!(all_of_it(&mut store, at(6), at(21)), Cutting::Nothing);
        is_whole(spot, &mut store, "copy");
        // What was refused then is gone, and so is what happened; what was refused since is not.
        let refused: Vec<String> = store.quarantine().unwrap().into_iter().map(|it| it.begins).collect();
        assert_eq!(refused, (6..10).map(|n| format!("no report {n}")).collect::<Vec<_>>());
        // What was noted is found, or it is said why it can't be.
        store.verify(Some(noted)).unwrap();
        assert!(matches!(store.verify(Some(early)), Err(StoreError::CutSince { n: 3, through: 21 })));
        assert_eq!(replay(&store, Some(at(5))).unwrap().accounts.len(), 3);
        assert!(matches!(replay(&store, Some(at(4))), Err(StoreError::CutBefore { .. })));
        // What comes again is not news: its number was heard.
        let mut old = report(2, "failed");
        (old["subject"], old["source"]) = ("2".repeat(12).into(), format!("/holdfast/{}", "2".repeat(12)).into());
        old["data"]["account"] = "2".repeat(12).into();
        let heard = store.keep(&[&old.to_string()], at(22)).unwrap();
        assert_eq!(heard[0].outcome, Outcome::Known);
        is_whole(spot, &mut store, "again");
    });
}

#[test]
fn whoever_is_killed_anywhere_leaves_a_whole_journal_and_the_next_one_goes_on() {
    on_each(|spot| {
        let (mut steps, mut whole) = (0, None);
        loop {
            let name = format!("store{steps}");
            let mut store = filled(spot, &name);
            let mut left = steps;
            let cut = store.cut(at(8), at(20), &mut || {
                left -= 1;
                left > 0
            });
            let is_done = matches!(cut, Ok(Cutting::Done(_)));
            drop(store);
            let mut store = spot.write(&name);
            store.verify(None).unwrap();
            exported(&store);
            // Somebody keeps something in between.
            store.keep(&["late"], at(21)).unwrap();
            let next = all_of_it(&mut store, at(8), at(20));
            assert!(matches!(next, Cutting::Done(_) | Cutting::Nothing), "{steps}: {next:?}");
            is_whole(spot, &mut store, &format!("copy{steps}"));
            let is = dump(&store).into_iter().filter(|row| !row.starts_with("journal")).collect::<Vec<_>>();
            assert_eq!(whole.get_or_insert_with(|| is.clone()), &is, "{steps}");
            if is_done {
                assert!(steps > 4, "{steps}");
                break;
            }
            steps += 1;
        }
    });
}

#[test]
fn whatever_else_is_taken_out_or_changed_is_found() {
    on_each(|spot| {
        let mut number = 0;
        let mut check = |guard: &str, sql: &str, words: &str| {
            number += 1;
            let name = format!("store{number}");
            let mut store = filled(spot, &name);
            assert!(matches!(all_of_it(&mut store, at(6), at(20)), Cutting::Done(_)));
            store.verify(None).unwrap();
            drop(store);
            if !guard.is_empty() {
                let refused = spot.meddle(&name, sql).unwrap_err();
                assert!(refused.contains("what was received is not"), "{refused}");
                spot.unguard(&name, guard);
            }
            spot.meddle(&name, sql).unwrap();
            let found = spot.read(&name).verify(None).map_err(|error| error.to_string());
            assert!(found.as_ref().is_err_and(|found| found.contains(words)), "{sql}: {found:?}");
        };
        let x = spot.bytes("78");
        check("journal_is_not_cut", "DELETE FROM journal WHERE n = 25", "entry 25 should come next, and it is 26");
        check("journal_is_not_cut", "DELETE FROM journal WHERE n = (SELECT min(n) FROM journal)", "entry 1 is missing");
        let stays = "(SELECT max(n) FROM journal WHERE n <= 21)";
        check(
            "journal_is_not_changed",
            &format!("UPDATE journal SET received = 7 WHERE n = {stays}"),
            "does not follow",
        );
        check(
            "journal_is_not_changed",
            &format!("UPDATE journal SET body = {x} WHERE n = {stays}"),
            "is another than it was",
        );
        check(
            "",
            "UPDATE kept SET carried = '{\"carried\":\"record\"} ' WHERE i = 1",
            "is not what their cut has left",
        );
        check("", "DELETE FROM kept WHERE i = (SELECT max(i) FROM kept)", "is not what their cut has left");
        check("", "UPDATE kept SET i = i + 100 WHERE i = 2", "entry");
        let forge = "UPDATE cut SET record = replace(record, '\"entries\":17', '\"entries\":1')";
        check("", forge, "no record in the journal says that they were cut");
        let record = "(SELECT max(n) FROM journal)";
        check(
            "journal_is_not_changed",
            &format!("UPDATE journal SET body = {x} WHERE n = {record}"),
            "is another than it was",
        );
        check(
            "journal_is_not_cut",
            &format!("DELETE FROM journal WHERE n = {record}"),
            "no record in the journal says",
        );
        check("", "DELETE FROM cut", "entry 2 should come next, and it is");
    });
}

#[test]
fn a_gap_that_somebody_writes_into_a_text_is_found() {
    on_each(|spot| {
        let mut store = filled(spot, "store");
        let whole = exported(&store);
        assert!(matches!(all_of_it(&mut store, at(6), at(20)), Cutting::Done(_)));
        let text = exported(&store);
        let lines: Vec<&str> = text.lines().collect();
        let mut number = 0;
        let mut check = |text: String, words: &str| {
            number += 1;
            let error = import(&mut spot.write(&format!("copy{number}")), text.as_bytes()).unwrap_err();
            let error = crate::chain(&error);
            assert!(error.contains(words), "{words}: {error}");
        };
        check(lines[1..].join("\n"), "line 1 comes after the last one");
        check([&lines[..2], &lines[3..]].concat().join("\n"), "is not what their cut has left");
        check(text.replace("\\\"proven\\\":false", "\\\"proven\\\":true"), "is not what their cut has left");
        check(text.replacen("\"entries\":17", "\"entries\":16", 1), "no record in the journal says");
        // Without its record, which is the last entry.
        let mut without = lines.clone();
        without.remove(lines.len() - 2);
        check(without.join("\n"), "says that it has");
        // A store that does not reach so far can't bridge it; one that has it all finds it the same.
        let mut short = spot.write("short");
        short.keep(&["one"], at(1)).unwrap();
        assert!(matches!(
            import(&mut short, text.as_bytes()),
            Err(crate::carry::CarryError::Store(StoreError::Behind { entries: 1, through: 21 }))
        ));
        let mut full = spot.write("full");
        import(&mut full, whole.as_bytes()).unwrap();
        assert_eq!(import(&mut full, text.as_bytes()).unwrap(), store.end());
        full.verify(None).unwrap();
        // And what has not been cut does not go into what has, only if it is another.
        import(&mut store, whole.as_bytes()).unwrap();
    });
}

#[test]
fn a_store_of_the_form_before_is_brought_forward_and_cut() {
    on_each(|spot| {
        let database = match spot.place("store") {
            Place::File(path) => {
                let file = rusqlite::Connection::open(path).unwrap();
                FORMS.iter().take(4).for_each(|form| file.execute_batch(form).unwrap());
                file.pragma_update(None, "application_id", APPLICATION).unwrap();
                file.pragma_update(None, "user_version", 4).unwrap();
                file.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
                Database::Sqlite(file)
            }
            place @ Place::Postgres(_) => Database::Postgres(Box::new(postgres::form::of_form(place, 4))),
        };
        for entry in entries(&filled(spot, "source")) {
            insert(&database, &entry).unwrap();
        }
        drop(database);
        assert_eq!(Store::open(spot.place("store"), Access::Journal).unwrap().verify(None).unwrap().entries, 33);
        let mut store = spot.write("store");
        assert!(matches!(all_of_it(&mut store, at(6), at(20)), Cutting::Done(_)));
        is_whole(spot, &mut store, "copy");
        // A file that was made before gives its room back when it is written anew, once.
        assert_eq!((store.make_compact().unwrap(), store.make_compact().unwrap()), (spot.is_file(), false));
        store.verify(None).unwrap();
    });
}

#[test]
fn the_room_of_what_is_gone_is_given_back() {
    let (_folder, path) = folder();
    let mut store = write(&path);
    for n in 0..40 {
        let all: Vec<String> = (0..10).map(|m| format!("{n} {m} {}", "x".repeat(20_000))).collect();
        store.keep(&all.iter().map(String::as_str).collect::<Vec<_>>(), at(n)).unwrap();
    }
    let pages = |store: &Store| {
        store
            .database
            .row("SELECT page_count FROM pragma_page_count", params![], |row| row.get::<i64>(0))
            .unwrap()
            .unwrap()
    };
    let before = pages(&store);
    assert!(matches!(all_of_it(&mut store, at(36), at(50)), Cutting::Done(_)));
    assert!(pages(&store) * 5 < before, "{} of {before} pages are left", pages(&store));
    store.verify(None).unwrap();
}

#[test]
fn one_hub_cuts_at_a_time_and_only_who_may() {
    let Some(cluster) = Cluster::shared() else { return };
    on_postgres(|spot| {
        let mut store = filled(spot, "store");
        let mut other = spot.write("store");
        let mut beside = None;
        store
            .cut(at(3), at(20), &mut || {
                beside.get_or_insert_with(|| all_of_it(&mut other, at(5), at(20)));
                true
            })
            .unwrap();
        assert_eq!(beside, Some(Cutting::Busy));
        assert!(matches!(all_of_it(&mut other, at(5), at(20)), Cutting::Done(_)));
        is_whole(spot, &mut other, "copy");
        // Whoever may not delete from the journal may not cut it, and what there is stays whole.
        let Place::Postgres(address) = spot.place("store") else { panic!() };
        let name = address.split(['/', '?']).nth(3).unwrap();
        let role = format!("writer_{name}");
        let grants = format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
             REVOKE UPDATE, DELETE ON journal FROM {role}; REVOKE INSERT, DELETE ON holdfast FROM {role}"
        );
        cluster.sql(&address, &grants).unwrap();
        let mut writer = Store::open(Path::new(&cluster.address(&role, name)), Access::Write(None)).unwrap();
        let denied = writer.cut(at(8), at(20), &mut || true);
        assert!(matches!(denied, Err(StoreError::Denied(_))), "{denied:?}");
        writer.verify(None).unwrap();
        cluster.sql(&address, &format!("GRANT DELETE ON journal TO {role}")).unwrap();
        assert!(matches!(all_of_it(&mut writer, at(9), at(20)), Cutting::Done(_)));
        is_whole(spot, &mut other, "again");
    });
}

#[test]
fn a_key_that_was_proven_before_the_cut_is_known_after_it() {
    on_each(|spot| {
        let mut store = filled(spot, "store");
        let account: AccountId = "2".repeat(12).parse().unwrap();
        let enrolled = |n: u8, second| Enrolled {
            account: account.clone(),
            key: Key(Digest([n; 32])),
            arn: "arn".into(),
            at: at(second),
        };
        for n in 1..4 {
            store.record(Record::Enrolled(enrolled(n, i64::from(n))), at(10)).unwrap();
        }
        store.record(Record::Policy(Policy::default()), at(10)).unwrap();
        assert!(matches!(all_of_it(&mut store, at(11), at(20)), Cutting::Done(_)));
        let known = replay(&store, None).unwrap().belief;
        assert_eq!((known.keys.get(&account), known.policy), (Some(&enrolled(3, 3)), Policy::default()));
        assert_eq!(store.key(&account).unwrap(), Some(enrolled(3, 3)));
        is_whole(spot, &mut store, "copy");
    });
}
