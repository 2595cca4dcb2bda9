//! Reports in, picture out: what many accounts said, as one value. This crate knows no clock, no file and no socket.
//!
//! Read in this order: [`fold`] adds one report to a [`fold::Fleet`]; [`page`] turns a fleet into rows and words.
//!
//! What is deliberately not here yet: who *should* have spoken (silence needs the fleet file), whether the sender is
//! who it says (reports are not signed in this version), rollouts, controls, drift coverage and alerts.
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod numbers;

pub mod fold;
pub mod page;
