//! The simulated accounts over HTTP, in AWS's own wire protocols, for unmodified SDKs and command lines.
//!
//! One port serves every account and region: [`caller`] reads whose call it is and what for from the request's
//! signature, which is not verified. [`server`] makes the call in the world, which counts it and lets it go wrong;
//! `dispatch` hands it to its service; `protocol` says how each service speaks. Beside AWS there is the operator's
//! side [`door`].

mod answer;
mod authorize;
pub mod caller;
mod chunked;
mod cloudformation;
mod cloudwatch;
mod deed;
mod dispatch;
pub mod door;
mod lambda;
pub mod ledger;
mod line;
pub mod params;
mod protocol;
mod request;
mod s3;
pub mod server;
mod sns;
mod sts;
pub mod xml;

pub use server::{Server, serve};
