//! What a report costs the hub: kept in its store in batches of ten, as they come off a queue, and read again and added up.
//! Processor time of this process, with the functions that `holdfast-hub run` and `replay` call. The reports are not signed in
//! this version, and what the queue itself costs is not in it.

use crate::{
    figure::{Chapter, Figure, Unit, median},
    machine::spent,
    process::MeasureError,
};
use hub::{
    keep::Keep,
    reading::replay,
    store::{Access, Store, StoreError},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// How often each is done.
const RUNS: usize = 3;
/// How many reports each account sends.
const REPORTS: usize = 5;
/// How many stacks each tells of.
const STACKS: usize = 50;
/// As many as come off a queue at once.
const BATCH: usize = 10;

struct Times {
    keep: f64,
    replay: f64,
    bytes: u64,
}

/// All of it, for few and for many accounts.
pub(crate) fn hub() -> Result<Chapter, MeasureError> {
    let (few, many) = (times(100)?, times(1_000)?);
    let each = |times: &Times, accounts: usize| (times.keep + times.replay) / (accounts * REPORTS) as f64;
    let (least, most) = (each(&few, 100), each(&many, 1_000));
    let count = (1_000 * REPORTS) as f64;
    let figures = vec![
        Figure::new("reports in a processor second: kept, read and added up", 1.0 / most, Unit::Count)
            .note("the goal is 7,000 with a signature verified, of which there is none yet"),
        Figure::new("of those, kept alone", count / many.keep, Unit::Count),
        Figure::new("of those, read and added up alone", count / many.replay, Unit::Count),
        Figure::new("a report's cost, 100 → 1,000 accounts", most / least, Unit::Times).at_most(1.3),
        Figure::new("bytes on disk for each report", many.bytes as f64 / count, Unit::Bytes)
            .beside("the report itself", report(0, 1)?.len() as f64),
    ];
    Ok(Chapter { title: "The hub: reports of 50 stacks, in batches of 10, every batch on disk", figures })
}

fn times(accounts: usize) -> Result<Times, MeasureError> {
    let all = (1..=REPORTS).flat_map(|sequence| (0..accounts).map(move |account| report(account, sequence)));
    let all: Vec<String> = all.collect::<Result<_, _>>()?;
    let (mut keep, mut again, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let folder = tempfile::tempdir().map_err(|error| MeasureError::File(std::env::temp_dir(), error))?;
        let file = folder.path().join("hub.sqlite");
        let mut store = Store::open(&file, Access::Write(None)).map_err(failed)?;
        let (kept, time) = spent(|| {
            all.chunks(BATCH).zip(0..).try_for_each(|(batch, n)| {
                let bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
                store.keep(&bodies, Timestamp::from_millisecond(n).unwrap_or_default()).map(drop)
            })
        });
        kept.map_err(failed)?;
        keep.push(time);
        let (fleet, time) = spent(|| replay(&store, None));
        if fleet.map_err(failed)?.accounts.len() != accounts {
            return Err(MeasureError::Untrue("the hub does not know every account that reported".into()));
        }
        again.push(time);
        drop(store);
        bytes = std::fs::metadata(&file).map_err(|error| MeasureError::File(file.clone(), error))?.len();
    }
    Ok(Times { keep: median(keep), replay: median(again), bytes })
}

fn failed(error: StoreError) -> MeasureError {
    MeasureError::Failed("the hub's store".into(), hub::chain(&error))
}

/// A settled account's report.
fn report(account: usize, sequence: usize) -> Result<String, MeasureError> {
    let fixture = include_str!("../../manifests/tests/fixtures/report.v1.settled.json");
    let mut event: Value =
        serde_json::from_str(fixture).map_err(|error| MeasureError::Failed("the fixture".into(), error.to_string()))?;
    let account = format!("{:012}", 100_000_000_000 + account);
    let stack = |n: usize| {
        json!({
            "manifest": format!("stack-{n}"), "region": "eu-central-1", "stack": format!("platform-stack-{n}"),
            "state": "in-sync", "provides": [],
        })
    };
    event["source"] = format!("/holdfast/{account}").into();
    event["id"] = format!("a-{sequence}").into();
    event["subject"] = account.clone().into();
    let data = &mut event["data"];
    (data["account"], data["epoch"], data["sequence"]) = (account.into(), "a".into(), sequence.into());
    (data["stacks"], data["stacksTotal"]) = ((0..STACKS).map(stack).collect(), STACKS.into());
    Ok(event.to_string())
}
