//! A store under whatever can happen to it, in a file and in PostgreSQL.

mod cut;
pub(crate) mod excerpt;
mod hostile;
mod shared;
pub(crate) mod spot;
mod tls;

use super::*;
use crate::journal::tests::at;
pub(crate) use spot::on_each;
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.sqlite");
    (folder, file)
}

fn write(path: &Path) -> Store {
    Store::open(path, Access::Write(None)).unwrap()
}

fn entries(store: &Store) -> Vec<Entry> {
    let mut all = Vec::new();
    super::cut::entries(&store.database, None, u64::MAX, |entry| {
        all.push(entry);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    all
}

fn bodies(store: &Store) -> Vec<String> {
    entries(store).into_iter().map(|entry| entry.body).collect()
}

#[test]
fn what_is_kept_is_there_when_it_is_opened_again() {
    on_each(|spot| {
        let mut store = spot.write("store");
        store.keep(&["one", "two"], at(1)).unwrap();
        store.keep(&["three"], at(2)).unwrap();
        let end = store.end();
        drop(store);
        let store = spot.write("store");
        assert_eq!((store.end(), store.verify(None).unwrap()), (end, end));
        assert_eq!(bodies(&store), ["one", "two", "three"]);
        assert_eq!(entries(&store).iter().map(|entry| entry.received).collect::<Vec<_>>(), [at(1), at(1), at(2)]);
        if let Place::File(path) = spot.place("store") {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    });
}

#[test]
fn what_is_delivered_again_is_kept_once_and_keeps_its_time() {
    on_each(|spot| {
        let mut store = spot.write("store");
        store.keep(&["one", "one", "two"], at(1)).unwrap();
        store.keep(&["two", "odd \u{0} text", "one"], at(2)).unwrap();
        assert_eq!(bodies(&store), ["one", "two", "odd \u{0} text"]);
        assert_eq!(entries(&store)[1].received, at(1));
        store.verify(None).unwrap();
    });
}

#[test]
fn a_journal_of_many_steps_is_read_whole_and_in_order() {
    on_each(|spot| {
        let mut store = spot.write("store");
        let all: Vec<String> = (0..200).map(|n| format!("message {n}")).collect();
        store.keep(&all.iter().map(String::as_str).collect::<Vec<_>>(), at(1)).unwrap();
        assert_eq!(bodies(&store), all);
    });
}

#[test]
fn a_batch_for_which_there_is_no_room_is_not_kept_and_costs_nothing_that_was() {
    let (_folder, path) = folder();
    let mut store = Store::open(&path, Access::Write(Some(128 * 1024))).unwrap();
    store.keep(&["small"], at(1)).unwrap();
    let end = store.end();
    let large = "x".repeat(60_000);
    let batch: Vec<String> = (0..5).map(|n| format!("{n}{large}")).collect();
    let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
    assert!(matches!(store.keep(&batch, at(2)), Err(StoreError::Full(_))));
    assert_eq!((store.end(), store.verify(None).unwrap()), (end, end));
    store.keep(&["another"], at(3)).unwrap();
    drop(store);
    // With more room the same batch, which comes again, is kept.
    let mut store = write(&path);
    store.keep(&batch, at(4)).unwrap();
    assert_eq!(store.verify(None).unwrap().entries, 7);
}

#[test]
fn the_database_itself_refuses_to_change_what_was_received() {
    on_each(|spot| {
        spot.write("store").keep(&["one", "two"], at(1)).unwrap();
        let x = spot.bytes("78");
        let mut wrong =
            vec![format!("UPDATE journal SET body = {x} WHERE n = 1"), "DELETE FROM journal WHERE n = 2".into()];
        if !spot.is_file() {
            wrong.push("TRUNCATE journal".into());
        }
        for sql in wrong {
            let refused = spot.meddle("store", &sql).unwrap_err();
            assert!(refused.contains("what was received is not"), "{refused}");
        }
        // Whoever goes round that is found.
        let verify = || spot.read("store").verify(None).map_err(|error| error.to_string());
        verify().unwrap();
        spot.unguard("store", "journal_is_not_changed");
        spot.meddle("store", &format!("UPDATE journal SET body = {x} WHERE n = 1")).unwrap();
        let other = "entry 1 is nothing that was received: its text is another than it was";
        assert!(verify().unwrap_err().contains(other));
        let digest = spot.bytes(&Digest::of(b"x").to_string());
        spot.meddle("store", &format!("UPDATE journal SET digest = {digest} WHERE n = 1")).unwrap();
        assert!(verify().unwrap_err().contains("entry 1 does not follow"));
        spot.unguard("store", "journal_is_not_cut");
        spot.meddle("store", "DELETE FROM journal WHERE n = 1").unwrap();
        assert!(verify().unwrap_err().contains("entry 1 should come next, and it is 2"));
    });
}

#[test]
fn what_only_looks_the_same_is_not_the_same() {
    on_each(|spot| {
        let check = |name: &str, sql: &str, words: &str| {
            spot.write(name).keep(&["a\u{fffd}b", "two"], at(1)).unwrap();
            spot.unguard(name, "journal_is_not_changed");
            let unchecked = match spot.is_file() {
                true => "PRAGMA ignore_check_constraints = on",
                false => "ALTER TABLE journal DROP CONSTRAINT journal_n_check",
            };
            spot.meddle(name, &format!("{unchecked}; {sql}")).unwrap();
            let error = spot.read(name).verify(None).unwrap_err().to_string();
            assert!(error.contains(words), "{sql}: {error}");
        };
        let odd = spot.bytes("61ff62");
        check("text", &format!("UPDATE journal SET body = {odd} WHERE n = 1"), "its text is another");
        check("place", "UPDATE journal SET n = -1 WHERE n = 1", "its place is below zero");
        check("time", "UPDATE journal SET received = 9223372036854775807 WHERE n = 1", "its time is none");
        let other = spot.bytes(&Digest::of(b"elsewhere").to_string());
        check("digest", &format!("UPDATE journal SET digest = {other} WHERE n = 2"), "its text is another");
    });
}

#[test]
fn what_was_noted_is_found_again_or_missed() {
    on_each(|spot| {
        let mut store = spot.write("store");
        assert_eq!(store.verify(Some(End::NOTHING)).unwrap(), End::NOTHING);
        store.keep(&["one", "two"], at(1)).unwrap();
        let noted = store.end();
        store.keep(&["three"], at(2)).unwrap();
        assert_eq!(store.verify(Some(noted)).unwrap().entries, 3);
        drop(store);
        spot.unguard("store", "journal_is_not_cut");
        spot.meddle("store", "DELETE FROM journal WHERE n > 1").unwrap();
        let cut = spot.read("store");
        assert_eq!(cut.verify(None).unwrap().entries, 1, "nobody can tell that there was more");
        assert!(matches!(cut.verify(Some(noted)), Err(StoreError::Broken(Broken::Noted { n: 2 }))));
    });
}

#[test]
fn there_is_one_writer_and_any_number_of_readers() {
    let (_folder, path) = folder();
    let mut store = write(&path);
    assert!(matches!(Store::open(&path, Access::Write(None)), Err(StoreError::InUse { .. })));
    let link = path.with_extension("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(Store::open(&link, Access::Write(None)), Err(StoreError::InUse { .. })), "by another name too");
    store.keep(&["one"], at(1)).unwrap();
    let reader = Store::open(&path, Access::Read).unwrap();
    assert_eq!(bodies(&reader), ["one"]);
    store.keep(&["two"], at(2)).unwrap();
    assert_eq!(bodies(&reader), ["one", "two"], "it sees what is there when it looks");
    // Another thread may be starting a process, which has all open files until it is another program.
    let inherited = store.lock.as_ref().unwrap().inherited().unwrap();
    drop(store);
    write(&path).keep(&["three"], at(3)).unwrap();
    drop(inherited);
}

#[test]
fn what_is_no_store_is_not_touched() {
    on_each(|spot| {
        let check = |name: &str, access, words: &str| {
            let error = crate::chain(&Store::open(spot.place(name), access).unwrap_err());
            assert!(error.contains(words), "{error}");
        };
        if spot.is_file() {
            check("file", Access::Read, "can't be opened");
            check("no/such/folder", Access::Write(None), "can't be opened");
            let path = spot.file("file");
            std::fs::write(&path, "something else entirely, and long enough to have a header of its own").unwrap();
            check("file", Access::Write(None), "is no store of a hub");
            assert!(std::fs::read_to_string(&path).unwrap().starts_with("something else"));
        } else {
            check("empty", Access::Read, "is no store of a hub");
        }
        spot.meddle("other", "CREATE TABLE journal (a INTEGER)").unwrap();
        check("other", Access::Write(None), "is no store of a hub");
        check("other", Access::Read, "is no store of a hub");
        let mut old = spot.write("newer");
        let newer = if spot.is_file() { "PRAGMA user_version = 7" } else { "UPDATE holdfast SET version = 7" };
        spot.meddle("newer", newer).unwrap();
        if !spot.is_file() {
            assert!(matches!(old.keep(&["one"], at(1)), Err(StoreError::Newer { found: 7, .. })), "nor later");
        }
        drop(old);
        check("newer", Access::Write(None), &format!("is of version 7, and this hub knows {}", newest()));
        check("newer", Access::Read, "is of version 7");
    });
}

#[test]
fn whatever_its_name_a_store_is_a_file() {
    let (folder, _) = folder();
    for name in [":memory:", "file::memory:?mode=memory", "a?mode=ro", "%41", "ü b"] {
        let path = folder.path().join(name);
        write(&path).keep(&["one"], at(1)).unwrap();
        assert_eq!(bodies(&write(&path)), ["one"], "{name}");
        assert!(std::fs::metadata(&path).unwrap().len() > 0, "{name}");
    }
    // An empty path is none.
    assert!(matches!(Store::open(Path::new(""), Access::Write(None)), Err(StoreError::File { .. })));
}

#[test]
fn entries_of_another_store_are_taken_only_if_they_follow() {
    on_each(|spot| {
        let mut store = spot.write("store");
        store.keep(&["one", "two", "three"], at(1)).unwrap();
        let all = entries(&store);
        let mut copy = spot.write("copy");
        copy.take(&all[..2]).unwrap();
        copy.take(&all).unwrap();
        assert_eq!(copy.verify(None).unwrap(), store.end());
        let mut theirs = spot.write("theirs");
        theirs.keep(&["one", "elsewhere"], at(1)).unwrap();
        assert!(matches!(theirs.take(&all), Err(StoreError::Other { entries: 2, n: 2 })));
        let gap = spot.write("gap").take(&all[1..]);
        assert!(matches!(gap, Err(StoreError::Broken(Broken::Place { expected: 1, found: 2 }))));
        let mut changed = all.clone();
        changed[2].body.push('x');
        let mut half = spot.write("half");
        assert!(matches!(half.take(&changed), Err(StoreError::Broken(Broken::Chain { n: 3 }))));
        assert_eq!(half.end(), End::NOTHING, "all of a batch or nothing");
    });
}

/// Every statement that is made, at least so many, and how the database means to answer it, where that is by reading a whole table. Those who are
/// missing and quarantine are bounded by what they are; of commits the newest are read, in the order of an index.
pub(crate) fn plans(store: &Store, least: usize, act: impl FnOnce(&Store)) -> Vec<String> {
    sql::MADE.with(|made| made.borrow_mut().clear());
    act(store);
    let made: std::collections::BTreeSet<String> = sql::MADE.with(|made| made.take().into_iter().collect());
    assert!(made.len() >= least, "{made:#?}");
    // Whoever looks for nothing finds nothing.
    for whole in ["SELECT count(*) FROM stack WHERE why = ?1", "SELECT id FROM account ORDER BY region LIMIT 5"] {
        assert!(!whole_reads(&store.database, whole).is_empty(), "{whole}");
    }
    made.iter().flat_map(|sql| whole_reads(&store.database, sql)).collect()
}

/// Where a statement reads a whole table.
fn whole_reads(database: &Database, sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    match database {
        Database::Sqlite(database) => {
            let mut plan = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = plan.raw_query().mapped(|row| row.get(3)).collect::<Result<Vec<String>, _>>().unwrap();
            let bounded = [
                "USING COVERING INDEX expected_mute",
                "USING INDEX expected_mute",
                "USING INDEX revision_first",
                // What is open, and what waits, is what somebody has to do.
                "USING INDEX incident_open",
                "INDEX incident_worst",
                "USING INDEX account_unexpected",
                "USING INDEX outbox_waiting",
                "quarantine",
                "CONSTANT ROW",
                "SCAN told",
            ];
            let is_scan = |step: &String| step.starts_with("SCAN") && !bounded.iter().any(|known| step.contains(known));
            found.extend(steps.into_iter().filter(is_scan));
        }
        Database::Postgres(postgres) => {
            let plan: serde_json::Value = serde_json::from_str(&postgres.plan(sql)).unwrap();
            scans(sql, &plan[0]["Plan"], &mut |scan| found.push(scan));
        }
    }
    found.into_iter().map(|scan| format!("{scan}: {sql}")).collect()
}

/// Where a plan of PostgreSQL reads a whole table, or a whole index. (It is asked for tables that it takes to be large: it would
/// read one by an index that does not help rather than not at all.)
fn scans(sql: &str, node: &serde_json::Value, tell: &mut impl FnMut(String)) {
    let word = |name: &str| node[name].as_str().unwrap_or_default();
    let (kind, index) = (word("Node Type"), word("Index Name"));
    let bounded = [
        "expected_mute",
        "revision_first",
        "quarantine_received",
        "incident_open",
        "incident_worst",
        "incident_ended",
        "account_unexpected",
        "outbox_waiting",
    ];
    let is_whole = kind == "Seq Scan" || (kind.starts_with("Index") && node["Index Cond"].is_null());
    if is_whole && !bounded.contains(&index) {
        tell(format!("{kind} {index} of {}", word("Relation Name")));
    }
    // What is given in the order of an index is not put in order; what is bounded before may be.
    let is_bounded = sql.contains("AS told") || sql.contains("s.provided IN (");
    if kind.contains("Sort") && !is_bounded {
        tell(format!("{kind} by {}", node["Sort Key"]));
    }
    for inner in node["Plans"].as_array().into_iter().flatten() {
        scans(sql, inner, tell);
    }
}
