//! What a report costs: read, its signature verified, kept in the journal, and brought into the picture.

use super::{
    Extent, alone, fleet_of,
    senders::{STACKS, failed, filled, report},
};
use crate::{
    figure::{Figure, Unit, median},
    machine::spent,
    print::amount,
    process::MeasureError,
};
use cluster::{Cluster, DURABLE};
use hub::{
    keep::Keep,
    store::{Access, Place, Store},
};
use jiff::Timestamp;
use std::path::Path;

/// As many as come off a queue in one answer, and as many as the hub takes at once off a queue that has more.
const ONE: usize = 10;
const FULL: usize = 40;
/// A fleet of few accounts.
const FEW: usize = 100;
/// Of how many reports the cost of one is made, in a fleet of few and in one of many.
const SAMPLE: usize = 1_000;

/// Processor seconds for one report, of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Of an account that nobody has heard before.
    new: f64,
    /// That says the same as the last.
    same: f64,
    /// In which every stack stands otherwise.
    changed: f64,
}

/// What reports cost in a fleet of some, and what they cost in one of few.
pub(super) fn ingest(folder: &Path, extent: Extent) -> Result<(Vec<Figure>, Times), MeasureError> {
    let place = |name: &'static str| move |run: usize| Place::from(folder.join(format!("{name}-{run}.sqlite")));
    let some = times(place("full"), (extent.some, FULL), extent.runs, || 0.0)?.0;
    let one = times(place("one"), (extent.some, ONE), extent.runs, || 0.0)?.0;
    let few = times(place("few"), (FEW, FULL), extent.runs * SAMPLE / FEW, || 0.0)?.0;
    let (verified, written) = (alone::verified(extent.some)?, alone::written(&folder.join("rows"), extent.some, FULL)?);
    let rate = |what: &str, seconds: f64| Figure::new(what, 1.0 / seconds, Unit::Count);
    let mut figures = vec![
        rate("reports in a processor second that say the same as before, 40 to a batch (a full queue)", some.same)
            .at_least(7_000.0)
            .beside("verifying their signatures alone", verified)
            .beside("10 to a batch", 1.0 / one.same),
        rate("in which all 50 stacks changed", some.changed)
            .at_least(2_800.0)
            .beside("writing their rows alone", written)
            .beside("10 to a batch", 1.0 / one.changed),
        rate("of accounts that are new", some.new).beside("10 to a batch", 1.0 / one.new),
        Figure::new(
            "bytes of such a report",
            report(1, (1, Timestamp::UNIX_EPOCH), "in-sync").len() as f64,
            Unit::Bytes,
        ),
    ];
    figures.extend(shared(extent)?);
    Ok((figures, few))
}

/// The same with a store in PostgreSQL.
fn shared(extent: Extent) -> Result<Vec<Figure>, MeasureError> {
    let Some(cluster) = Cluster::start(DURABLE) else { return Ok(Vec::new()) };
    let place = |_| Path::new(&cluster.database()).into();
    let (own, its) = times(place, (extent.some, FULL), extent.runs, || cluster.processor_seconds())?;
    let figure = |what: &str, own: f64, its: f64| {
        let what = format!("with PostgreSQL: {what}");
        Figure::new(what, 1.0 / own, Unit::Count).beside("in one of its server's", 1.0 / its)
    };
    Ok(vec![
        figure("reports that say the same as before", own.same, its.same),
        figure("in which all 50 stacks changed", own.changed, its.changed).at_least(1_000.0),
        figure("of accounts that are new", own.new, its.new),
    ])
}

/// Processor seconds of this process, and of whatever else is asked for them.
fn times(
    place: impl Fn(usize) -> Place,
    (accounts, batch): (usize, usize),
    runs: usize,
    other: impl Fn() -> f64,
) -> Result<(Times, Times), MeasureError> {
    let mut all: [Vec<[f64; 2]>; 3] = Default::default();
    for run in 0..runs {
        let mut store = filled(place(run), accounts, false)?;
        let every: Vec<usize> = (0..accounts).collect();
        for (all, (sequence, state)) in all.iter_mut().zip([(1, "in-sync"), (2, "in-sync"), (3, "failed")]) {
            let before = other();
            let time = taken_in(&mut store, &every, (sequence, state), batch)?;
            all.push([time, (other() - before) / accounts as f64]);
        }
    }
    let [new, same, changed] = all;
    let of = |which: usize| {
        let middle = |all: &[[f64; 2]]| median(all.iter().map(|both| both[which]).collect());
        Times { new: middle(&new), same: middle(&same), changed: middle(&changed) }
    };
    Ok((of(0), of(1)))
}

/// Takes a report of each of these accounts in: processor seconds for each.
fn taken_in(
    store: &mut Store,
    accounts: &[usize],
    (sequence, state): (usize, &str),
    batch: usize,
) -> Result<f64, MeasureError> {
    let all: Vec<String> =
        accounts.iter().map(|account| report(*account, (sequence, Timestamp::UNIX_EPOCH), state)).collect();
    let keep = |batch: &[String]| {
        let bodies: Vec<&str> = batch.iter().map(String::as_str).collect();
        store.keep(&bodies, Timestamp::from_millisecond(sequence as i64).unwrap_or_default()).map(drop)
    };
    let (kept, time) = spent(|| all.chunks(batch).try_for_each(keep));
    kept.map(|()| time / accounts.len() as f64).map_err(failed)
}

/// How much more a report costs in a fleet of many than it did in one of few. The accounts that report are spread over all of it.
pub(super) fn growth(file: &Path, accounts: usize, few: &Times) -> Result<Vec<Figure>, MeasureError> {
    let mut store = Store::open(file, Access::Write(None)).map_err(failed)?;
    // By an odd number: of every fiftieth account something is wrong already, and those are left out.
    let spread: Vec<usize> =
        (0..accounts).step_by((accounts / SAMPLE) | 1).filter(|account| !account.is_multiple_of(50)).collect();
    let mut figures = Vec::new();
    for (what, number, before) in [
        ("says the same as before", (2, "in-sync"), few.same),
        ("tells that all 50 stacks changed", (3, "failed"), few.changed),
    ] {
        let time = taken_in(&mut store, &spread, number, FULL)?;
        let what = format!("cost of a report that {what}, 100 → {} accounts", amount(accounts as f64, Unit::Count));
        figures.push(Figure::new(what, time / before, Unit::Times).at_most(1.3));
    }
    // As it was, but for the reports.
    taken_in(&mut store, &spread, (4, "in-sync"), FULL)?;
    Ok(figures)
}

/// How much room a store takes.
pub(super) fn room(file: &Path, accounts: usize) -> Result<Vec<Figure>, MeasureError> {
    let (picture, journal) = alone::sizes(file)?;
    let each = (accounts * STACKS) as f64;
    let what = format!("bytes on disk for each account-stack of the picture, {}", fleet_of(accounts));
    Ok(vec![Figure::new(what, picture / each, Unit::Bytes).at_most(80.0).beside("of the journal", journal / each)])
}
