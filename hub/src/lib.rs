//! The shell in the middle: reads what the accounts say, and shows it to the people who answer for all of them.
//!
//! Read in this order: [`watch`] is the whole program on one screen; [`queue`] is where messages come from; [`ingest`] makes
//! reports of them; [`registrar`] finds out whose key has signed one, by [`sts`]; [`keep`] is where they go: into memory, or into a [`store`], which keeps them as a [`journal`] and beside it, in
//! the same transaction, a picture in tables; `fleet` says what of a report counts, and who is [`expected`], by lists and by what an
//! [`organization`] says, is held against it.
//! [`reading`] says what is new, and [`show`] prints it. `asked` and `shown` are what there is to ask a store for; [`web`] shows it as
//! pages, `data` for machines, [`ask`] in a terminal. [`carry`] takes a journal from one store to another.
//! [`retention`] says how long a journal is kept. [`alerts`] tells people what is not well. What the hub's role has to be allowed is
//! [`permission`].
//!
//! What is deliberately not here: no way to make an agent do anything.

pub mod alerts;
pub mod ask;
mod asked;
pub mod cli;
pub mod carry;
pub mod clock;
mod data;
pub mod expected;
pub mod ingest;
pub mod journal;
pub mod keep;
pub mod organization;
pub mod permission;
pub mod queue;
pub mod registrar;
pub mod retention;
pub mod reading;
pub mod show;
mod shown;
pub mod store;
pub mod sts;
pub mod watch;
pub mod web;

/// An error and its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
