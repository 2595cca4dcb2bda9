//! The two documents that cross a boundary: the **manifest** says what is asked, the **report** says what came of it.
//!
//! Read in this order: [`id`] is the vocabulary that both share; [`stack`] and [`fleet`] are what a repository can
//! ask; [`parse`] turns files into those, with a [`problem`] for everything it could not read; [`report`] is the answer.
//!
//! What is deliberately not here: no file is opened, no clock is read, nothing is decided. Whether a stack is *due*
//! is `plan`'s business; what a fleet of reports *means* is `fleet`'s.

mod circle;
mod findings;
pub mod fleet;
mod graph;
pub mod id;
mod parameter;
pub mod parse;
pub mod problem;
pub mod report;
mod roster;
#[cfg(feature = "schema")]
pub mod schema;
pub mod stack;
mod typed;
mod validate;
mod written;
mod yaml;
