//! AWS accounts that live in memory, keep their own clock, and say no.
//!
//! [`world::World`] is the whole of it: a clock and accounts, each with its live resources ([`store`]) and its stacks
//! ([`cfn`]). Tests use it in process through [`cloud::SimCloud`]; the program `holdfast-sim` speaks AWS's wire
//! protocols in front of it. No background task: whoever calls brings the account forward to the present first.

pub mod bus;
pub mod cfn;
pub mod clock;
pub mod cloud;
pub mod fault;
pub mod iam;
pub mod seed;
pub mod services;
pub mod side_door;
pub mod store;
pub mod template;
pub mod trail;
pub mod types;
pub mod wire;
pub mod world;
