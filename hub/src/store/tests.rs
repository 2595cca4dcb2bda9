//! A store under whatever can happen to its file.

mod hostile;

use super::*;
use crate::journal::tests::at;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use std::os::unix::fs::PermissionsExt;
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
    store
        .each(|entry| {
            all.push(entry);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    all
}

fn bodies(store: &Store) -> Vec<String> {
    entries(store).into_iter().map(|entry| entry.body).collect()
}

/// Somebody goes at the file with SQLite's own tools.
fn meddle(path: &Path, sql: &str) -> rusqlite::Result<()> {
    Connection::open(path)?.execute_batch(sql)
}

#[test]
fn what_is_kept_is_there_when_it_is_opened_again() {
    let (_folder, path) = folder();
    let mut store = write(&path);
    store.keep(&["one", "two"], at(1)).unwrap();
    store.keep(&["three"], at(2)).unwrap();
    let end = store.end();
    drop(store);
    let store = write(&path);
    assert_eq!((store.end(), store.verify(None).unwrap()), (end, end));
    assert_eq!(bodies(&store), ["one", "two", "three"]);
    assert_eq!(entries(&store).iter().map(|entry| entry.received).collect::<Vec<_>>(), [at(1), at(1), at(2)]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_delivered_again_is_kept_once_and_keeps_its_time() {
    let (_folder, path) = folder();
    let mut store = write(&path);
    store.keep(&["one", "one", "two"], at(1)).unwrap();
    store.keep(&["two", "odd \u{0} text", "one"], at(2)).unwrap();
    assert_eq!(bodies(&store), ["one", "two", "odd \u{0} text"]);
    assert_eq!(entries(&store)[1].received, at(1));
    store.verify(None).unwrap();
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
    let (_folder, path) = folder();
    write(&path).keep(&["one", "two"], at(1)).unwrap();
    for sql in ["UPDATE journal SET body = x'78' WHERE n = 1", "DELETE FROM journal WHERE n = 2"] {
        let refused = meddle(&path, sql).unwrap_err().to_string();
        assert!(refused.contains("what was received is not"), "{refused}");
    }
    // Whoever goes round that is found.
    let verify = || Store::open(&path, Access::Read).unwrap().verify(None).map_err(|error| error.to_string());
    verify().unwrap();
    meddle(&path, "DROP TRIGGER journal_is_not_changed; UPDATE journal SET body = x'78' WHERE n = 1").unwrap();
    assert!(verify().unwrap_err().contains("entry 1 is nothing that was received: its text is another than it was"));
    let digest: String = Digest::of(b"x").to_string();
    meddle(&path, &format!("UPDATE journal SET digest = x'{digest}' WHERE n = 1")).unwrap();
    assert!(verify().unwrap_err().contains("entry 1 does not follow"));
    meddle(&path, "DROP TRIGGER journal_is_not_cut; DELETE FROM journal WHERE n = 1").unwrap();
    assert!(verify().unwrap_err().contains("entry 1 should come next, and it is 2"));
}

#[test]
fn what_only_looks_the_same_is_not_the_same() {
    let (_folder, path) = folder();
    write(&path).keep(&["a\u{fffd}b", "two"], at(1)).unwrap();
    let check = |sql: &str, words: &str| {
        let copy = path.with_extension("copy");
        std::fs::copy(&path, &copy).unwrap();
        let go_round = "DROP TRIGGER journal_is_not_changed; PRAGMA ignore_check_constraints = on;";
        meddle(&copy, &format!("{go_round} {sql}")).unwrap();
        let error = Store::open(&copy, Access::Read).unwrap().verify(None).unwrap_err().to_string();
        assert!(error.contains(words), "{sql}: {error}");
    };
    check("UPDATE journal SET body = x'61ff62' WHERE n = 1", "its text is another");
    check("UPDATE journal SET n = -1 WHERE n = 1", "its place is below zero");
    check("UPDATE journal SET received = 9223372036854775807 WHERE n = 1", "its time is none");
    let other = Digest::of(b"elsewhere").to_string();
    check(&format!("UPDATE journal SET digest = x'{other}' WHERE n = 2"), "its text is another");
}

#[test]
fn what_was_noted_is_found_again_or_missed() {
    let (_folder, path) = folder();
    let mut store = write(&path);
    assert_eq!(store.verify(Some(End::NOTHING)).unwrap(), End::NOTHING);
    store.keep(&["one", "two"], at(1)).unwrap();
    let noted = store.end();
    store.keep(&["three"], at(2)).unwrap();
    assert_eq!(store.verify(Some(noted)).unwrap().entries, 3);
    drop(store);
    meddle(&path, "DROP TRIGGER journal_is_not_cut; DELETE FROM journal WHERE n > 1").unwrap();
    let cut = Store::open(&path, Access::Read).unwrap();
    assert_eq!(cut.verify(None).unwrap().entries, 1, "nobody can tell that there was more");
    assert!(matches!(cut.verify(Some(noted)), Err(StoreError::Broken(Broken::Noted { n: 2 }))));
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
    drop(store);
    write(&path).keep(&["three"], at(3)).unwrap();
}

#[test]
fn what_is_no_store_is_not_touched() {
    let (folder, path) = folder();
    let check = |path: &Path, access, words: &str| {
        let error = crate::chain(&Store::open(path, access).unwrap_err());
        assert!(error.contains(words), "{error}");
    };
    check(&path, Access::Read, "can't be opened");
    check(&folder.path().join("no/such/folder"), Access::Write(None), "can't be opened");
    std::fs::write(&path, "something else entirely, and long enough to have a header of its own").unwrap();
    check(&path, Access::Write(None), "is no store of a hub");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("something else"));
    let other = folder.path().join("other.sqlite");
    meddle(&other, "CREATE TABLE theirs (a)").unwrap();
    check(&other, Access::Write(None), "is no store of a hub");
    check(&other, Access::Read, "is no store of a hub");
    let newer = folder.path().join("newer.sqlite");
    drop(write(&newer));
    meddle(&newer, "PRAGMA user_version = 7").unwrap();
    check(&newer, Access::Write(None), "is of version 7, and this hub knows 3");
    check(&newer, Access::Read, "is of version 7");
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
    let (folder, path) = folder();
    let mut store = write(&path);
    store.keep(&["one", "two", "three"], at(1)).unwrap();
    let all = entries(&store);
    let other = |name: &str| write(&folder.path().join(name));
    let mut copy = other("copy");
    copy.take(&all[..2]).unwrap();
    copy.take(&all).unwrap();
    assert_eq!(copy.verify(None).unwrap(), store.end());
    let mut theirs = other("theirs");
    theirs.keep(&["one", "elsewhere"], at(1)).unwrap();
    assert!(matches!(theirs.take(&all), Err(StoreError::Other { entries: 2, n: 2 })));
    assert!(matches!(other("gap").take(&all[1..]), Err(StoreError::Broken(Broken::Place { expected: 1, found: 2 }))));
    let mut changed = all.clone();
    changed[2].body.push('x');
    let mut half = other("half");
    assert!(matches!(half.take(&changed), Err(StoreError::Broken(Broken::Chain { n: 3 }))));
    assert_eq!(half.end(), End::NOTHING, "all of a batch or nothing");
}

/// Every statement that is made, and how SQLite means to answer it, where that is by reading a whole table. Those who are missing
/// and quarantine are bounded by what they are; of commits the newest are read, in the order of an index.
pub(crate) fn plans(store: &mut Store, act: impl FnOnce(&Store)) -> Vec<String> {
    let made = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = std::sync::Arc::clone(&made);
    let each = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            note.lock().unwrap().push(statement.expanded_sql().unwrap());
        }
    };
    store.database.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(each)).unwrap();
    act(store);
    store.database.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>).unwrap();
    let made: Vec<String> = std::mem::take(&mut *made.lock().unwrap());
    assert!(made.len() > 30, "{made:#?}");
    let mut bad = Vec::new();
    for sql in made {
        let mut plan = store.database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
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
            "SCAN (subquery",
        ];
        let is_scan = |step: &&String| step.starts_with("SCAN") && !bounded.iter().any(|known| step.contains(known));
        bad.extend(steps.iter().filter(is_scan).map(|step| format!("{step}: {sql}")));
    }
    bad
}
