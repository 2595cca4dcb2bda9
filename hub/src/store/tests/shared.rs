//! What a store in PostgreSQL has to stand beside what a file has to: several hubs at a time, connections that are lost, and a server
//! that is.

use super::*;
use crate::{
    ingest::tests::report,
    reading::{
        replay,
        tests::{is_added_up, stack},
    },
};
use cluster::{Cluster, DURABLE, signal};
use fleet::{page::View, presence::Patience};
use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Reports of seven accounts, so many.
fn messages(many: u64) -> Vec<String> {
    let one = |n: u64| {
        let mut report = report(n / 7 + 1, ["in-sync", "failed", "held"][n as usize % 3]);
        let id = (n % 7 + 1).to_string().repeat(12);
        (report["subject"], report["source"]) = (id.as_str().into(), format!("/holdfast/{id}").into());
        report["data"]["account"] = id.into();
        report["data"]["stacks"] = [stack((n as usize % 5, &"in-sync"))].into_iter().collect();
        report["data"]["stacks"][0]["provides"] = [format!("AC-{}", n % 4)].into_iter().collect();
        report.to_string()
    };
    (0..many).map(one).collect()
}

/// Whatever else is so, it is what one hub would have made of it.
#[track_caller]
fn is_sound(store: &mut Store, messages: &[String]) {
    let end = store.verify(None).unwrap();
    let mut kept = bodies(store);
    assert_eq!(kept.len() as u64, end.entries);
    kept.sort();
    let mut sent = messages.to_vec();
    sent.sort();
    assert!(kept == sent, "{} messages were sent, and {} are in the journal", sent.len(), kept.len());
    let view = View { expected: None, suspended: &Default::default(), patience: Patience::default(), now: at(10_000) };
    assert_eq!(store.page(&view).unwrap(), Page::of(&replay(store, None).unwrap(), &view));
    is_added_up(store);
}

#[test]
fn several_hubs_on_one_queue_keep_every_message_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let place = Place::from(Path::new(&cluster.database()));
    let messages = messages(210);
    // Everything is delivered twice, in other company the second time.
    let twice: Vec<&String> = messages.iter().chain(messages.iter().rev()).collect();
    let queue: Mutex<Vec<Vec<&str>>> =
        Mutex::new(twice.chunks(10).map(|batch| batch.iter().map(|it| it.as_str()).collect()).collect());
    let (begin, known) = (Barrier::new(3), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                begin.wait();
                // The first makes it a store, whichever that is.
                let mut store = Store::open(&place, Access::Write(None)).unwrap();
                let next = || queue.lock().unwrap().pop();
                while let Some(batch) = next() {
                    let heard = store.keep(&batch, at(1)).unwrap();
                    let again = heard.iter().filter(|heard| heard.outcome == Outcome::Known).count();
                    known.fetch_add(again, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(known.into_inner(), messages.len());
    is_sound(&mut Store::open(&place, Access::Write(None)).unwrap(), &messages);
}

#[test]
fn a_hub_that_brings_a_journal_in_and_one_that_keeps_do_not_miss_each_others() {
    let Some(cluster) = Cluster::shared() else { return };
    let (source, place) = (cluster.database(), Place::from(Path::new(&cluster.database())));
    let messages = messages(60);
    let mut other = Store::open(Path::new(&source), Access::Write(None)).unwrap();
    other.keep(&messages.iter().map(String::as_str).collect::<Vec<_>>(), at(1)).unwrap();
    let all = entries(&other);
    let (mut one, mut two) =
        (Store::open(&place, Access::Write(None)).unwrap(), Store::open(&place, Access::Write(None)).unwrap());
    one.take(&all[..20]).unwrap();
    // It has kept nothing itself, and its picture goes on from what the other one brought.
    two.keep(&[&messages[20]], all[20].received).unwrap();
    one.take(&all).unwrap();
    is_sound(&mut two, &messages);
}

/// Passes on what the server says, and hears it to its end when there is nobody to pass it on to: a server that nobody listens to
/// would stop.
fn pass(mut from: UnixStream, mut to: UnixStream) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let _ = to.write_all(&bytes[..read]);
    }
}

/// Stands between a hub and the server, and cuts the connection once, when the server has done what it was told last and before the
/// hub hears of it.
fn cut(server: &Path, after: &'static str) -> (TempDir, mpsc::Receiver<()>) {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let (server, (tell, told)) = (server.to_owned(), mpsc::channel());
    thread::spawn(move || {
        let mut is_cut = false;
        for client in listener.incoming() {
            let (Ok(mut client), Ok(mut there)) = (client, UnixStream::connect(&server)) else { return };
            let (back, to_client) = (there.try_clone().unwrap(), client.try_clone().unwrap());
            let passes = thread::spawn(move || pass(back, to_client));
            let (mut bytes, mut is_prepared) = (vec![0; 1 << 20], false);
            while let Ok(read @ 1..) = client.read(&mut bytes) {
                if is_prepared && !is_cut {
                    is_cut = true;
                    let mut last = bytes[..read].to_vec();
                    client.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
                    while let Ok(read @ 1..) = client.read(&mut bytes) {
                        last.extend(&bytes[..read]);
                    }
                    // Nobody hears the answer: first nothing is passed on any more, then it is done.
                    client.shutdown(std::net::Shutdown::Both).unwrap();
                    there.write_all(&last).unwrap();
                    there.shutdown(std::net::Shutdown::Write).unwrap();
                    tell.send(()).unwrap();
                    break;
                }
                is_prepared |= bytes[..read].windows(after.len()).any(|part| part == after.as_bytes());
                if there.write_all(&bytes[..read]).is_err() {
                    break;
                }
            }
            drop(there);
            drop(passes.join());
        }
    });
    (folder, told)
}

#[test]
fn a_hub_that_does_not_know_whether_it_committed_keeps_nothing_twice() {
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database();
    let (database, socket) = address.split_once("?host=").unwrap();
    let socket = socket.split('&').next().unwrap();
    let (folder, cut) = cut(&Path::new(socket).join(".s.PGSQL.5432"), "COMMIT\0");
    let through = format!("{database}?host={}", folder.path().display());
    // Made beforehand, by another way.
    drop(Store::open(Path::new(&address), Access::Write(None)).unwrap());
    let mut store = Store::open(Path::new(&through), Access::Write(None)).unwrap();
    let messages = messages(5);
    let batch: Vec<&str> = messages.iter().map(String::as_str).collect();
    let error = store.keep(&batch, at(1)).unwrap_err();
    cut.recv().unwrap();
    assert!(matches!(error, StoreError::Postgres(_)), "{error:?}");
    let mut there = Store::open(Path::new(&address), Access::Write(None)).unwrap();
    until(|| there.verify(None).unwrap().entries == 5);
    // It comes again, and is known.
    let heard = store.keep(&batch, at(2)).unwrap();
    assert!(heard.iter().all(|heard| heard.outcome == Outcome::Known), "{heard:?}");
    is_sound(&mut there, &messages);
}

/// Waits for what comes by itself.
#[track_caller]
pub(super) fn until(mut is: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it did not come");
}

#[test]
fn what_was_acknowledged_outlives_the_server_and_each_of_its_processes() {
    let Some(mut cluster) = Cluster::start(DURABLE) else { return };
    let address = cluster.database();
    let messages = messages(400);
    let (acknowledged, stop) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast-hub' AND datname IS NOT NULL";
    thread::scope(|scope| {
        let hub = scope.spawn(|| {
            let (mut store, mut failed) = (Store::open(Path::new(&address), Access::Write(None)).unwrap(), 0);
            for batch in messages.chunks(4) {
                let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
                // As the queue would: what was not acknowledged comes again.
                while let Err(error) = store.keep(&batch, at(1)) {
                    assert!(matches!(error, StoreError::Postgres(_) | StoreError::Unreachable { .. }), "{error:?}");
                    failed += 1;
                    thread::sleep(std::time::Duration::from_millis(100));
                }
                acknowledged.fetch_add(batch.len(), Ordering::Relaxed);
            }
            stop.store(1, Ordering::Relaxed);
            failed
        });
        let at_least =
            |n: usize| until(|| acknowledged.load(Ordering::Relaxed) >= n || stop.load(Ordering::Relaxed) == 1);
        at_least(40);
        // One process of the server, upon which it ends all others and recovers.
        let pid = cluster.sql(&address, backends).unwrap();
        signal("KILL", pid.lines().next().unwrap().parse().unwrap());
        at_least(120);
        // And the server itself, which finds what it had on its disk.
        let before = acknowledged.load(Ordering::Relaxed);
        cluster.kill();
        cluster.restart();
        let kept: usize = cluster.sql(&address, "SELECT count(*) FROM journal").unwrap().parse().unwrap();
        assert!(kept >= before, "{before} were acknowledged, and {kept} are there");
        let failed: u32 = hub.join().unwrap();
        assert!(failed >= 2, "it was in the middle of nothing");
    });
    is_sound(&mut Store::open(Path::new(&address), Access::Write(None)).unwrap(), &messages);
}

#[test]
fn a_batch_for_which_the_server_has_no_room_is_not_kept_and_costs_nothing_that_was() {
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database();
    let mut store = Store::open(Path::new(&address), Access::Write(None)).unwrap();
    store.keep(&["small"], at(1)).unwrap();
    let end = store.end();
    // As a disk does that has room for the small and not for the large.
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
                CREATE TRIGGER full_disk BEFORE INSERT ON journal FOR EACH ROW
                    WHEN (length(NEW.body) > 5000) EXECUTE FUNCTION full_disk()";
    cluster.sql(&address, full).unwrap();
    let large = "x".repeat(6_000);
    let error = store.keep(&["another", &large], at(2)).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert_eq!((store.end(), store.verify(None).unwrap()), (end, end));
    store.keep(&["another"], at(3)).unwrap();
    cluster.sql(&address, "DROP TRIGGER full_disk ON journal").unwrap();
    store.keep(&["another", &large], at(4)).unwrap();
    assert_eq!(store.verify(None).unwrap().entries, 3);
}

#[test]
fn a_hub_needs_no_more_rights_than_the_readme_says() {
    let Some(cluster) = Cluster::shared() else { return };
    let address = cluster.database();
    drop(Store::open(Path::new(&address), Access::Write(None)).unwrap());
    let readme = include_str!("../../../../README.md");
    let grants = readme.split("```sql\n").find(|text| text.contains("GRANT")).and_then(|text| text.split("```").next());
    let name = address.split(['/', '?']).nth(3).unwrap();
    let as_role = |role: &str| cluster.address(&format!("{role}_{name}"), name);
    let own = |role: &str| format!("{role}_{name}");
    let grants = ["hub_writer", "hub_reader"]
        .iter()
        .fold(grants.unwrap().to_owned(), |text, role| text.replace(role, &own(role)));
    cluster.sql(&address, &grants).unwrap();
    let mut store = Store::open(Path::new(&as_role("hub_writer")), Access::Write(None)).unwrap();
    let messages = messages(40);
    store.keep(&messages.iter().map(String::as_str).collect::<Vec<_>>(), at(1)).unwrap();
    is_sound(&mut store, &messages);
    for sql in
        ["DELETE FROM journal", "TRUNCATE journal", "DROP TRIGGER journal_is_not_cut ON journal", "DROP TABLE mark"]
    {
        let refused = cluster.sql(&as_role("hub_writer"), sql).unwrap_err();
        assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{refused}");
    }
    let reader = Store::open(Path::new(&as_role("hub_reader")), Access::Read).unwrap();
    assert_eq!(reader.verify(None).unwrap(), store.end());
    let error =
        Store::open(Path::new(&as_role("hub_reader")), Access::Write(None)).unwrap().keep(&["x"], at(1)).unwrap_err();
    assert!(matches!(error, StoreError::Denied(_)), "{error:?}");
}

#[test]
fn a_server_that_can_not_be_reached_is_said_without_a_password_and_not_asked_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("postgres://hub:secret@/fleet?host={}", folder.path().display());
    let error = Store::open(Path::new(&address), Access::Read).unwrap_err();
    let text = format!("{} {error:?}", crate::chain(&error));
    assert!(
        matches!(error, StoreError::Unreachable { .. }) && text.contains("`postgres:///fleet` can't be reached"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
    let size = Store::open(Path::new(&address), Access::Write(Some(1 << 20))).unwrap_err();
    assert!(matches!(size, StoreError::Unbounded), "{size:?}");
    let other = Store::open(Path::new("postgres://hub:secret@h/fleet?colour=secret"), Access::Read).unwrap_err();
    assert!(
        matches!(other, StoreError::Address(_)) && !format!("{} {other:?}", crate::chain(&other)).contains("secret")
    );
}

#[test]
fn a_text_that_a_database_has_no_place_for_holds_up_nobody() {
    on_each(|spot| {
        let mut odd = report(1, "failed");
        odd["data"]["accountName"] = "a\u{0}b".into();
        odd["data"]["agent"]["version"] = "\u{0}".into();
        let provides: Vec<String> = (0..50).map(|n| format!("{n}{}", "\u{10348}".repeat(120))).collect();
        let mut told = stack((0, &"failed"));
        (told["why"], told["provides"]) = ("\u{0}".into(), provides.into());
        odd["data"]["stacks"] = [told].into_iter().collect();
        let mut store = spot.write("store");
        store.keep(&[&odd.to_string(), "\u{0} no report"], at(1)).unwrap();
        odd["data"]["sequence"] = 2.into();
        odd["data"]["agent"]["version"] = "\u{fffd}".into();
        odd["id"] = format!("{}-2", odd["data"]["epoch"].as_str().unwrap()).into();
        store.keep(&[&odd.to_string()], at(2)).unwrap();
        is_added_up(&store);
        // Nor do two that become one.
        let told = |account: u8, version: &str, provides: [&str; 2]| {
            let (mut report, id) = (report(1, "held"), account.to_string().repeat(12));
            (report["subject"], report["source"]) = (id.as_str().into(), format!("/holdfast/{id}").into());
            (report["data"]["account"], report["data"]["agent"]["version"]) = (id.into(), version.into());
            let mut one = stack((0, &"held"));
            one["provides"] = provides.into_iter().collect();
            for text in ["resource", "by"] {
                one["drift"]["drifted"][0][text] = provides[0].into();
            }
            let mut same = one["drift"]["drifted"][0].clone();
            same["resource"] = provides[1].into();
            one["drift"]["drifted"].as_array_mut().unwrap().push(same);
            report["data"]["stacks"] = [one].into_iter().collect();
            report.to_string()
        };
        let names = ["a\u{0}", "a\u{fffd}"];
        let batch = [told(7, names[0], names), told(8, names[1], names), told(9, names[0], [names[1], "b"])];
        store.keep(&batch.each_ref().map(String::as_str), at(3)).unwrap();
        store.verify(None).unwrap();
        assert_eq!(
            store.overview(view::Moment { patience: Patience::default(), now: at(9) }).unwrap().quarantine,
            Some(1)
        );
    });
}
