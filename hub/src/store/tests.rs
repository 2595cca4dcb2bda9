use super::*;
use crate::journal::tests::at;
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
    assert_eq!((store.end(), store.verify().unwrap()), (end, end));
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
    store.verify().unwrap();
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
    assert_eq!((store.end(), store.verify().unwrap()), (end, end));
    store.keep(&["another"], at(3)).unwrap();
    drop(store);
    // With more room the same batch, which comes again, is kept.
    let mut store = write(&path);
    store.keep(&batch, at(4)).unwrap();
    assert_eq!(store.verify().unwrap().entries, 7);
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
    let verify = || Store::open(&path, Access::Read).unwrap().verify().map_err(|error| error.to_string());
    verify().unwrap();
    meddle(&path, "DROP TRIGGER journal_is_not_changed; UPDATE journal SET body = x'78' WHERE n = 1").unwrap();
    assert!(verify().unwrap_err().contains("entry 1 does not follow"));
    meddle(&path, "DROP TRIGGER journal_is_not_cut; DELETE FROM journal WHERE n = 1").unwrap();
    assert!(verify().unwrap_err().contains("entry 1 should come next, and it is 2"));
}

#[test]
fn there_is_one_writer_and_any_number_of_readers() {
    let (_folder, path) = folder();
    let mut store = write(&path);
    assert!(matches!(Store::open(&path, Access::Write(None)), Err(StoreError::InUse { .. })));
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
    check(&newer, Access::Write(None), "is of version 7, and this hub knows 1");
    check(&newer, Access::Read, "is of version 7");
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
    assert_eq!(copy.verify().unwrap(), store.end());
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
