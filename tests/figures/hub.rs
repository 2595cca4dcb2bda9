//! What a report costs the hub: read, kept in its journal, and brought into its picture, in batches of ten, as they come off a
//! queue, every batch on disk before the next. And how long its pages take then, asked for over HTTP on this machine.
//!
//! Processor time of this process, with the functions that `holdfast-hub run` calls; where the store is in PostgreSQL, beside it that
//! of its server, which is on this machine and has every batch on disk too. The reports are signed by keys that are on record, and
//! each signature is verified; what the queue itself costs, and asking STS once for each key, is not in it.

use crate::{
    figure::{Chapter, Figure, Unit, median},
    machine::spent,
    process::MeasureError,
};
use cluster::{Cluster, DURABLE};
use ed25519_dalek::{Signer, SigningKey};
use fleet::{
    belief::{Enrolled, Policy, Record, Unproven},
    presence::Patience,
};
use hub::{
    keep::Keep,
    reading::Health,
    store::{Access, Place, Store, StoreError},
    web::{Pages, guard::Guard, listen, serve},
};
use jiff::Timestamp;
use manifests::{
    id::Digest,
    report::proof::{Key, Proof, Signature, joined},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
};
use tokio::{sync::watch, time::Instant};

/// How often each is done.
const RUNS: usize = 3;
/// How many stacks each tells of.
const STACKS: usize = 50;
/// As many as come off a queue at once.
const BATCH: usize = 10;
/// A fleet of few accounts, one in between, and one of many.
const FEW: usize = 100;
const SOME: usize = 1_000;
/// (What a debug build takes for so many says nothing, and takes minutes.)
const MANY: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
/// How often a page is asked for.
const ASKED: usize = 400;

/// Processor seconds for one report of each account.
struct Times {
    /// That nobody has heard before.
    new: f64,
    /// That say the same as the last.
    same: f64,
    /// In which every stack stands otherwise.
    changed: f64,
}

/// All of it.
pub(crate) fn hub() -> Result<Chapter, MeasureError> {
    let folder = tempfile::tempdir().map_err(|error| MeasureError::File(std::env::temp_dir(), error))?;
    let place = |name: &'static str| {
        let file = folder.path().join(name);
        move |run: usize| Place::from(file.with_extension(run.to_string()))
    };
    let few = times(place("few"), FEW, || 0.0)?.0;
    let some = times(place("some"), SOME, || 0.0)?.0;
    let file = folder.path().join("many");
    let (bytes, texts) = fill(&file, MANY)?;
    let rate = |seconds: f64| SOME as f64 / seconds;
    let growth = (some.same / SOME as f64) / (few.same / FEW as f64);
    let mut figures = vec![
        Figure::new("reports in a processor second that say the same as before", rate(some.same), Unit::Count)
            .note("the goal is 7,000"),
        Figure::new("of accounts that are new", rate(some.new), Unit::Count),
        Figure::new("in which all 50 stacks changed", rate(some.changed), Unit::Count).note("the goal is 2,800"),
        Figure::new("a report's cost, 100 → 1,000 accounts", growth, Unit::Times).at_most(1.3),
        Figure::new(
            format!("bytes on disk for each of {} account-stacks, beside the journal", MANY * STACKS),
            bytes,
            Unit::Bytes,
        )
        .at_most(80.0)
        .beside("its report in the journal", texts / (MANY * STACKS) as f64),
    ];
    figures.extend(pages(&file)?);
    figures.extend(shared()?);
    Ok(Chapter { title: "The hub: signed reports of 50 stacks, in batches of 10, every batch on disk", figures })
}

/// The same with a store in PostgreSQL.
fn shared() -> Result<Vec<Figure>, MeasureError> {
    let Some(cluster) = Cluster::start(DURABLE) else { return Ok(Vec::new()) };
    let (own, its) = times(|_| Path::new(&cluster.database()).into(), FEW, || cluster.processor_seconds())?;
    let rate = |seconds: f64| FEW as f64 / seconds;
    let figure = |what: &str, own: f64, its: f64| {
        let what = format!("with PostgreSQL: {what}");
        Figure::new(what, rate(own), Unit::Count).beside("in one of its server's", rate(its))
    };
    Ok(vec![
        figure("reports that say the same as before", own.same, its.same),
        figure("of accounts that are new", own.new, its.new),
        figure("in which all 50 stacks changed", own.changed, its.changed).note("the goal is 1,000"),
    ])
}

/// Processor seconds of this process, and of whatever else is asked for them.
fn times(
    place: impl Fn(usize) -> Place,
    accounts: usize,
    other: impl Fn() -> f64,
) -> Result<(Times, Times), MeasureError> {
    let mut all: [Vec<[f64; 2]>; 3] = Default::default();
    for run in 0..RUNS {
        let mut store = Store::open(place(run), Access::Write(None)).map_err(failed)?;
        enrol(&mut store, accounts).map_err(failed)?;
        let mut round = |sequence: usize, state: &str| -> Result<[f64; 2], MeasureError> {
            let all: Result<Vec<String>, _> = (0..accounts).map(|account| report(account, sequence, state)).collect();
            let (all, before) = (all?, other());
            let (kept, time) = spent(|| keep(&mut store, &all));
            kept.map(|()| [time, other() - before]).map_err(failed)
        };
        for (all, (sequence, state)) in all.iter_mut().zip([(1, "in-sync"), (2, "in-sync"), (3, "failed")]) {
            all.push(round(sequence, state)?);
        }
    }
    let [new, same, changed] = all;
    let of = |which: usize| {
        let middle = |all: &[[f64; 2]]| median(all.iter().map(|both| both[which]).collect());
        Times { new: middle(&new), same: middle(&same), changed: middle(&changed) }
    };
    Ok((of(0), of(1)))
}

/// The topic that reports are signed for.
const HUB: &str = "arn:aws:sns:eu-central-1:999999999999:reports";

fn id(account: usize) -> String {
    format!("{:012}", 100_000_000_000 + account)
}

fn key(account: usize) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&account.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

fn public(key: &SigningKey) -> Key {
    Key(Digest(key.verifying_key().to_bytes()))
}

/// Puts on record what STS would have said.
fn enrol(store: &mut Store, accounts: usize) -> Result<(), StoreError> {
    let (hubs, at) = ([HUB.to_owned()].into(), Timestamp::UNIX_EPOCH);
    store.record(Record::Policy(Policy { hubs, unproven: Unproven::Refused }), at)?;
    (0..accounts).try_for_each(|account| {
        let Ok(of) = id(account).parse() else { return Ok(()) };
        let arn = "arn:aws:sts::100000000000:assumed-role/holdfast-agent/session".into();
        store.record(Record::Enrolled(Enrolled { account: of, key: public(&key(account)), arn, at }), at)
    })
}

/// The report as its agent sends it, with the session token that a role's credentials have.
fn sealed(event: &str, account: usize) -> Result<String, serde_json::Error> {
    let key = key(account);
    let mut proof = Proof {
        hub: HUB.into(),
        key: public(&key),
        signature: Signature([0; 64]),
        at: "20260501T120000Z".into(),
        id: "ASIAIOSFODNN7EXAMPLE".into(),
        session: Some("x".repeat(900)),
        enrolment: Digest([0; 32]),
    };
    proof.signature = Signature(key.sign(&proof.signed(event)).to_bytes());
    joined(event, &proof)
}

fn keep(store: &mut Store, all: &[String]) -> Result<(), StoreError> {
    all.chunks(BATCH).zip(0..).try_for_each(|(batch, n)| {
        let bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
        store.keep(&bodies, Timestamp::from_millisecond(n).unwrap_or_default()).map(drop)
    })
}

/// A store of so many accounts, of which one in fifty is not well: bytes for each account-stack beside the texts that were
/// received, and bytes of those.
fn fill(file: &Path, accounts: usize) -> Result<(f64, f64), MeasureError> {
    let mut store = Store::open(file, Access::Write(None)).map_err(failed)?;
    enrol(&mut store, accounts).map_err(failed)?;
    let state = |account: usize| if account.is_multiple_of(50) { "failed" } else { "in-sync" };
    let all: Result<Vec<String>, _> = (0..accounts).map(|account| report(account, 1, state(account))).collect();
    let all = all?;
    keep(&mut store, &all).map_err(failed)?;
    drop(store);
    let texts: usize = all.iter().map(String::len).sum();
    let size = std::fs::metadata(file).map_err(|error| MeasureError::File(file.into(), error))?.len();
    Ok(((size as f64 - texts as f64) / (accounts * STACKS) as f64, texts as f64))
}

/// How long pages take.
fn pages(file: &Path) -> Result<Vec<Figure>, MeasureError> {
    let store = Store::open(file, Access::Read).map_err(failed)?;
    let (_tell, health) = watch::channel(Health::default());
    let broken = |error: std::io::Error| MeasureError::Program("the hub's pages".into(), error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let listener = runtime.block_on(listen(SocketAddr::from(([127, 0, 0, 1], 0)), false));
    let listener = listener.map_err(|error| MeasureError::Failed("the hub's pages".into(), hub::chain(&error)))?;
    let guard = Guard::open(None, None, None);
    let guard = guard.map_err(|error| MeasureError::Failed("the hub's pages".into(), hub::chain(&error)))?;
    let address = listener.local_addr().map_err(broken)?;
    let pages = Pages { store, health, patience: Patience::default(), clock: || Timestamp::UNIX_EPOCH, guard };
    std::thread::spawn(move || runtime.block_on(serve(listener, pages)));
    let mut figures = Vec::new();
    for (what, path, p50, p99, naive) in [
        ("overview", "/", 0.2, 5.0, Some(202.0)),
        ("an account", "/accounts/100000000050", 0.1, 2.0, None),
        ("a stack over all accounts", "/stacks/platform-stack-7", 2.0, 10.0, None),
        ("the accounts that failed", "/accounts?state=failed", 0.2, 5.0, None),
        ("a search", "/search?q=1000000000", 5.0, 20.0, None),
    ] {
        let (median, slow) = asked(address, path).map_err(broken)?;
        let figure = Figure::new(format!("{what}, {MANY} accounts × {STACKS} stacks: p50"), median, Unit::Seconds);
        let figure = figure.at_most(p50 / 1e3);
        figures.push(match naive {
            Some(naive) => figure.beside("GROUP BY over all rows (cited)", naive / 1e3),
            None => figure,
        });
        figures.push(Figure::new(format!("{what}: p99"), slow, Unit::Seconds).at_most(p99 / 1e3));
    }
    Ok(figures)
}

/// Seconds until a page is there, over one connection: the half of them, and all but one of a hundred.
fn asked(address: SocketAddr, path: &str) -> std::io::Result<(f64, f64)> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut writer, mut reader) = (stream.try_clone()?, BufReader::new(stream));
    let mut times = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let began = Instant::now();
        writer.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or_default(),
                Some(_) => {}
                None if line.starts_with("HTTP/1.1 200") => {}
                None if line.trim().is_empty() => break,
                None => return Err(std::io::Error::other(format!("{path}: {line}"))),
            }
        }
        let mut page = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut page)?;
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[ASKED / 2], times[ASKED * 99 / 100]))
}

fn failed(error: StoreError) -> MeasureError {
    MeasureError::Failed("the hub's store".into(), hub::chain(&error))
}

/// An account's report.
fn report(account: usize, sequence: usize, state: &str) -> Result<String, MeasureError> {
    let fixture = include_str!("../../manifests/tests/fixtures/report.v1.settled.json");
    let mut event: Value =
        serde_json::from_str(fixture).map_err(|error| MeasureError::Failed("the fixture".into(), error.to_string()))?;
    let (number, account) = (account, id(account));
    let stack = |n: usize| {
        json!({
            "manifest": format!("stack-{n}"), "region": "eu-central-1", "stack": format!("platform-stack-{n}"),
            "state": state, "provides": ["CIS-3.1"],
        })
    };
    event["source"] = format!("/holdfast/{account}").into();
    event["id"] = format!("a-{sequence}").into();
    event["subject"] = account.clone().into();
    let data = &mut event["data"];
    (data["account"], data["epoch"], data["sequence"]) = (account.into(), "a".into(), sequence.into());
    data["state"] = state.into();
    (data["stacks"], data["stacksTotal"]) = ((0..STACKS).map(stack).collect(), STACKS.into());
    sealed(&event.to_string(), number).map_err(|error| MeasureError::Failed("a report".into(), error.to_string()))
}
