//! Reports in, picture out: what many accounts said, as one value. This crate knows no clock, no file and no socket.
//!
//! Read in this order: [`belief`] says whom to believe; [`fold`] adds one report to a [`fold::Fleet`]; [`presence`] says who should
//! have spoken and did not; [`cut`] what stays of a past that is too long ago; [`page`] turns a fleet into rows and words; [`alert`] says what of all
//! that somebody has to be told.
//!
//! A fleet that does not fit into memory is kept in the hub's tables, by the same rules: which report counts ([`fold::Standing`]),
//! what it brings to the shares ([`presence::Share`]), how bad an account is ([`page::worst`]) and when something happened
//! ([`presence::happened`]).
//!
//! What is deliberately not here yet: what an organization knows of suspended accounts.
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod numbers;

pub mod alert;
pub mod belief;
pub mod cut;
pub mod fold;
pub mod page;
pub mod presence;
pub mod quota;
