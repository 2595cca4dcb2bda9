//! The tests that cross crates, in one binary.
//!
//! Whole turns in memory ([`scenario`], [`chaos`]), the shipped programs over HTTP ([`shipped`], [`ministack`]), git
//! against a real server ([`git`]), the command line ([`cli`]), and the house rules that a machine can keep ([`tidy`]).

#![expect(clippy::unwrap_used, reason = "a test that can't go on stops there")]

mod bad_input;
mod binary;
mod browser;
mod bug;
mod chaos;
mod cli;
mod corpus;
mod git;
mod git_bad;
mod git_bombs;
mod git_place;
mod git_server;
mod git_ssh;
mod git_tree;
mod handle;
mod keys;
mod mechanisms;
mod meddled;
mod ministack;
mod notebook;
#[cfg(feature = "openpgp")]
mod openpgp;
mod protect;
mod proxy;
mod readme;
mod rollout;
mod runtime;
mod scenario;
mod shipped;
mod signatures;
mod site;
mod tags;
mod tidy;
mod tls;
mod wire;
mod world;
