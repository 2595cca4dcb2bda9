//! What the hub costs: a report taken in, its pages in a small fleet and a large one, and the program as it runs, with a queue, beside
//! an account that floods it.
//!
//! Processor time is of this process, with the functions that `holdfast-hub run` calls; where the store is in PostgreSQL, beside it that
//! of its server, which is on this machine and has every batch on disk too. The reports are signed by keys that are on record, and
//! each signature is verified; what the queue itself costs, and asking STS once for each key, is not in it.

mod alone;
mod senders;
mod http;
mod ingest;
mod pages;
mod running;

use crate::{
    complain,
    figure::{Chapter, Unit},
    print::amount,
    process::MeasureError,
    stage::Stage,
};
use senders::STACKS;
use std::path::Path;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// How often each batch is taken in.
    runs: usize,
    /// Accounts that report, where a batch's cost is measured.
    some: usize,
    /// Accounts of the fleets whose pages are asked for, the largest last.
    many: &'static [usize],
    /// How often a page is asked for.
    asked: usize,
    /// For how many seconds one account floods, and with how many reports in each.
    flood: (u64, u64),
    /// How often something new is waited for on a live page.
    live: usize,
}

impl Extent {
    /// All of it.
    pub(crate) const WHOLE: Self =
        Self { runs: 3, some: 1_000, many: &[10_000, 100_000], asked: 400, flood: (20, 1_000), live: 60 };
    /// As much as tells that it can be measured.
    pub(crate) const QUICK: Self = Self { runs: 1, some: 100, many: &[1_000], asked: 50, flood: (3, 100), live: 3 };
}

/// All of it, of this program.
pub(crate) fn hub(stage: &Stage, program: &Path, extent: Extent) -> Result<Vec<Chapter>, MeasureError> {
    let folder = tempfile::tempdir().map_err(|error| MeasureError::File(std::env::temp_dir(), error))?;
    complain("the hub takes reports in");
    let (figures, few) = ingest::ingest(folder.path(), extent)?;
    let mut chapters = vec![Chapter {
        title: "The hub: signed reports of 50 stacks taken in, every batch on disk before the next",
        figures,
    }];
    let (mut shown, mut held) = (Vec::new(), Vec::new());
    for accounts in extent.many {
        complain(&format!("the hub with {accounts} accounts"));
        let file = folder.path().join(format!("{accounts}.sqlite"));
        drop(senders::filled(file.as_path().into(), *accounts, true)?);
        held.extend(ingest::room(&file, *accounts)?);
        shown.extend(pages::pages(&file, *accounts, extent)?);
        let is_largest = extent.many.last() == Some(accounts);
        if is_largest {
            held.extend(ingest::growth(&file, *accounts, &few)?);
        }
        let running = running::Running::start(stage, program, &file, *accounts)?;
        held.extend(running.holds()?);
        if extent.many.first() == Some(accounts) {
            complain("the hub beside a flood");
            held.extend(running.flooded(extent.flood)?);
            complain("a live page");
            shown.push(running.live(extent.live)?);
        }
    }
    chapters.push(Chapter {
        title: "The hub's pages, asked for over HTTP on this machine (time on the clock)",
        figures: shown,
    });
    chapters.push(Chapter { title: "The hub in a large fleet, and beside a flood", figures: held });
    Ok(chapters)
}

/// So many accounts, with their stacks.
fn fleet_of(accounts: usize) -> String {
    format!("{} accounts × {STACKS} stacks", amount(accounts as f64, Unit::Count))
}
