//! Brings one AWS account to what a commit says, and reports what came of it.
//!
//! Read in this order: [`turn`] is the product on one screen, `rounds` its inside, `look` what it reads, [`checks`] what it
//! asks about health, `preview` how CloudFormation is asked what a step would do; `plan` (a crate of its own) decides; [`git`] is where commits come from and [`accept`] the one
//! door to believing one; [`cloud`] is everything that is ever asked of AWS; [`store`] what survives, [`send`] where
//! reports go out, [`seal`] what proves whose they are, [`wake`] what wakes it between turns and [`eyes`] what it knows by then of whose resource is whose. [`world`] names these doors, so that a test can build its own; [`shipped`] is the one that ships.
//! Around that: [`run`] is the daemon, [`lambda`] the function, [`itself`] what either knows of itself and [`update`] who changes that, [`forecast`] is `holdfast plan`, [`people`] writes what people tell their account,
//! [`history`] tells what was done to a stack, [`drift`] what somebody changed in it, [`doctor`] looks at what the agent needs, [`adopt`] writes manifests of what is there already, [`patch`] changes templates into what is there; [`cli`], [`config`],
//! [`error`] and [`show`] are what a person sees.
//!
//! What is deliberately not here:
//! * no way in — nothing listens, and a hub can't make an agent do anything;
//! * no decision — those are in `plan`, which can't do anything;
//! * no retry — the SDK retries a call, and the next turn is the retry of a turn;
//! * no state but what [`store`] keeps, all of which can be lost without harm.

pub mod turn;
mod rounds;
mod look;
mod ending;
pub mod checks;
mod preview;
mod template;
mod package;
pub mod zip;
mod shelve;
mod law;
mod refusal;
pub mod git;
pub mod accept;
pub mod trust;
pub mod reading;
mod folder;
pub mod cloud;
pub mod store;
pub mod memory;
pub mod send;
pub mod ready;
pub mod seal;
pub mod stop;
pub mod world;
pub mod shipped;
mod secret;
mod codecommit;
pub mod itself;
pub mod clock;
pub mod wake;
pub mod eyes;

pub mod run;
pub mod update;
pub mod lambda;
pub mod pace;
pub mod forecast;
pub mod adopt;
pub mod bootstrap;
pub mod teardown;
pub mod uninstall;
pub mod patch;
pub mod people;
mod revision;
pub mod history;
pub mod doctor;
pub mod drift;
pub mod verify;
mod validate;
pub mod cli;
pub mod config;
pub mod error;
pub mod show;
