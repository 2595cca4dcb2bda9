//! Scenarios: scripts of what an operator does, and what CloudFormation says to it.

mod bench;
mod drift;
mod quirks;
mod refusals;
mod roads;
mod rollback;
mod traces;
