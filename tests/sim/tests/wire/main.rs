//! The simulated accounts as the unmodified AWS SDK for Rust sees them: over HTTP, on one port.
//!
//! Not here: what CloudFormation decides, which the model's own tests hold.
#![expect(clippy::unwrap_used, reason = "a test whose stage can't be set has failed")]

mod alarms;
mod cloudformation;
mod door;
mod drift;
mod events;
mod faults;
mod messages;
mod objects;
mod parameters;
mod stage;
mod trail;
