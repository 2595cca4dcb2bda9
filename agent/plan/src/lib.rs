//! Every decision for one account. This crate knows no clock, no file and no socket: facts and time in, values out.
//!
//! In the order of a turn: [`select`] says which manifests are for this account; [`resolve`] turns a wanted stack into a
//! request; [`plan`] sets what is wanted against what was found, with [`stance`] as the one table of CloudFormation's
//! statuses, [`leave`] for what nobody wants any more, [`recover`] for what was
//! left half done, [`adopt`] for what is somebody else's so far, `order` for what is looked at first (with `along` to find it by) and `seat` for
//! who begins first; a [`step`] is what comes of it, and
//! [`lint`] checks all of them from outside; [`preview`] reads what CloudFormation made of a request; [`guard`] judges
//! that and alone can make a [`permit`]; [`watch`] says what became of what was started, [`health`] whether it is
//! any good, by what each [`check`] says; [`drift`] what somebody changed behind CloudFormation's back; [`shelf`] what of the artifact bucket is used; [`tell`] makes the report,
//! [`ready`] says when an account is ready for the first time, and [`update`] is about the agent's own version.
//!
//! Under all of them: [`facts`] is what was found, [`asked`] what is asked, [`memory`] what is remembered (in [`short`]
//! marks, with [`spent`] for what was destroyed and [`trial`] for what is not proven), [`orders`] what people told the account, [`lease`] whose turn it is,
//! [`fence`] what guardrails forbid by name, [`reach`] which addresses they let be asked, [`why`] every sentence about what is not in sync, and [`quote`] how somebody
//! else's words stand in one.
//!
//! What is deliberately not here: no `async`, no randomness, no setting that is read from anywhere.
#![no_std]
extern crate alloc;

pub mod select;
pub mod resolve;
pub mod plan;
pub mod stance;
pub mod leave;
pub mod recover;
mod along;
mod order;
mod seat;
mod window;
pub mod adopt;
pub mod bootstrap;
pub mod step;
pub mod lint;
pub mod preview;
pub mod shelf;
pub mod guard;
pub mod permit;
pub mod watch;
pub mod events;
pub mod check;
pub mod health;
pub mod rollback;
pub mod drift;
pub mod tell;
pub mod ready;
pub mod update;

pub mod facts;
pub mod asked;
pub mod memory;
mod texts;
pub mod spent;
pub mod trial;
mod trusted;
pub mod reach;
pub mod short;
pub mod pair;
pub mod owned;
pub mod teardown;
mod births;
pub mod orders;
pub mod lease;
pub mod fence;
pub mod why;
pub mod quote;
