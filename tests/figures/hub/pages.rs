//! How long pages take, and how heavy the first one is.

use super::{
    Extent, alone, fleet_of,
    http::{Line, half_and_most, times},
    senders::failed,
};
use crate::{
    figure::{Figure, Unit},
    process::MeasureError,
};
use fleet::presence::Patience;
use hub::{
    reading::Health,
    store::{Access, Store},
    web::{Pages, guard::Guard, listen, serve},
};
use jiff::Timestamp;
use std::{io, net::SocketAddr, path::Path};
use tokio::sync::watch;

/// What is asked for, and what half of the answers and all but one of a hundred may take, in milliseconds.
const ASKED: [(&str, &str, f64, f64); 5] = [
    ("overview", "/", 0.2, 5.0),
    ("an account", "/accounts/100000000050", 0.1, 2.0),
    ("a stack over all accounts", "/stacks/platform-stack-7", 2.0, 10.0),
    ("the accounts that failed", "/accounts?state=failed", 0.2, 5.0),
    ("a search", "/search?q=1000000000", 5.0, 20.0),
];

/// How long pages of a store take.
pub(super) fn pages(file: &Path, accounts: usize, extent: Extent) -> Result<Vec<Figure>, MeasureError> {
    let broken = |error: io::Error| MeasureError::Program("the hub's pages".into(), error);
    let (address, health) = served(file)?;
    // What no page takes less than: a text that is at hand.
    let (least, _) = half_and_most(times(address, "/live.js", extent.asked).map_err(broken)?);
    let (naive, of) = (alone::added_up(file)?, fleet_of(accounts));
    let mut figures = Vec::new();
    for (what, path, p50, p99) in ASKED {
        let (half, most) = half_and_most(anew(address, path, extent.asked, &health).map_err(broken)?);
        let figure = Figure::new(format!("{what}, {of}, after news: p50"), half, Unit::Seconds).at_most(p50 / 1e3);
        let figure = figure.beside("a text that is at hand", least);
        figures.push(if path == "/" { figure.beside("GROUP BY over all rows", naive) } else { figure });
        figures.push(Figure::new(format!("{what}: p99"), most, Unit::Seconds).at_most(p99 / 1e3));
    }
    let (half, most) = half_and_most(times(address, "/", extent.asked).map_err(broken)?);
    figures.push(Figure::new("overview, asked for again: p50", half, Unit::Seconds).beside("p99", most));
    let mut line = Line::to(address).map_err(broken)?;
    let mut weigh = |path| line.get(path).map(|page| page.len() as f64).map_err(broken);
    let page = weigh("/")?;
    let whole = page + weigh("/style.css")? + weigh("/live.js")?;
    let weight = Figure::new("weight of the overview, with its style and its script", whole, Unit::Bytes);
    figures.push(weight.at_most(40.0 * 1_024.0).beside("the page alone", page));
    Ok(figures)
}

/// Seconds until each of so many answers is there, each after the hub had news.
fn anew(address: SocketAddr, path: &str, asked: usize, health: &watch::Sender<Health>) -> io::Result<Vec<f64>> {
    let mut all = Vec::with_capacity(asked);
    let mut line = Line::to(address)?;
    for _ in 0..asked {
        health.send_modify(|health| health.newest += 1);
        let began = tokio::time::Instant::now();
        line.get(path)?;
        all.push(began.elapsed().as_secs_f64());
    }
    Ok(all)
}

/// The pages of a store, served for as long as this process lives; and what tells them how the hub is doing.
fn served(file: &Path) -> Result<(SocketAddr, watch::Sender<Health>), MeasureError> {
    let store = Store::open(file, Access::Read).map_err(failed)?;
    let (tell, health) = watch::channel(Health::default());
    let broken = |error: io::Error| MeasureError::Program("the hub's pages".into(), error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let listener = runtime.block_on(listen(SocketAddr::from(([127, 0, 0, 1], 0)), false));
    let listener = listener.map_err(|error| MeasureError::Failed("the hub's pages".into(), hub::chain(&error)))?;
    let guard = Guard::open(None, None, None);
    let guard = guard.map_err(|error| MeasureError::Failed("the hub's pages".into(), hub::chain(&error)))?;
    let address = listener.local_addr().map_err(broken)?;
    let pages = Pages { store, health, patience: Patience::default(), clock: || Timestamp::UNIX_EPOCH, guard };
    std::thread::spawn(move || runtime.block_on(serve(listener, pages)));
    Ok((address, tell))
}
