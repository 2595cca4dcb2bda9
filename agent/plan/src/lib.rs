//! Every decision for one account. This crate knows no clock, no file and no socket: facts and time in, values out.
//!
//! In the order of a turn: [`select`] says which manifests are for this account; [`resolve`] turns a wanted stack into a
//! request; [`plan`] sets what is wanted against what was found, with [`stance`] as the one table of CloudFormation's
//! statuses; [`lint`] checks the plan from outside; [`preview`] reads what
//! CloudFormation made of a request; [`guard`] judges that and alone can make a [`permit`];
//! [`watch`] says what became of what was started; [`tell`] makes the report. [`facts`] is what was found, [`asked`] what
//! is asked, [`memory`] what is remembered, and [`why`] every sentence about what is not in sync.
//!
//! What is deliberately not here: no `async`, no randomness, no setting that is read from anywhere.
#![no_std]
extern crate alloc;

pub mod asked;
pub mod facts;
pub mod guard;
pub mod lint;
pub mod memory;
pub mod permit;
pub mod plan;
pub mod preview;
pub mod resolve;
pub mod select;
pub mod stance;
pub mod tell;
pub mod watch;
pub mod why;
