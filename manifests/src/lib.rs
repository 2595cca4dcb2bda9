//! The two documents that cross a boundary: the **manifest** says what is asked, the **report** says what came of it.
//!
//! Read in this order: [`id`] is the vocabulary that both share; [`stack`], [`fleet`] and its agents' [`release`] are what a repository
//! can ask; [`parse`] turns files into those, with a [`problem`] for everything it could not read; [`report`] is the answer.
//! Beside them stand an account's own [`guardrails`], with the [`window`]s of time in which changes may begin.
//!
//! What is deliberately not here: no file is opened, no clock is read, nothing is decided. Whether a stack is *due*
//! is `plan`'s business; what a fleet of reports *means* is `fleet`'s.

pub mod id;
pub mod stack;
pub mod artifact;
pub mod check;
pub mod drift;
pub mod nested;
pub mod fleet;
pub mod release;
pub mod approval;
pub mod trust;
pub mod parse;
pub mod guardrails;
pub mod window;
pub mod pattern;
pub mod document;
mod yaml;
mod written;
mod typed;
mod parameter;
mod roster;
mod graph;
mod circle;
mod validate;
mod findings;
pub mod problem;
pub mod report;
#[cfg(feature = "schema")]
pub mod schema;
