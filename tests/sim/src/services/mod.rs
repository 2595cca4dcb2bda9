//! The services beside CloudFormation: what each action does to the live resources of an account.
//!
//! They work on the same [`crate::store::Store`] as CloudFormation, so that a parameter made by a stack is the parameter
//! that SSM reads, and what is changed here is drift there. Not here: how a call travels (that is [`crate::wire`]).

pub mod cloudtrail;
pub mod cloudwatch;
pub mod filter;
pub mod lambda;
pub mod message;
pub mod post;
pub mod queue;
pub mod s3;
pub mod sns;
pub mod sqs;
pub mod ssm;
pub mod sts;

use crate::fault::Refusal;
use jiff::Timestamp;
use manifests::id::{AccountId, Region};
use serde::de::DeserializeOwned;

/// Where and when a call works.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Whose account.
    pub account: &'a AccountId,
    /// In which region.
    pub region: &'a Region,
    /// The present, by the world's clock.
    pub now: Timestamp,
}

impl Place<'_> {
    /// An ARN of this account and region.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }
}

/// A refusal that is the sender's fault: HTTP 400.
pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(code, 400, message)
}

/// `ValidationException`, as the JSON services say that a request itself is wrong.
pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
    refused("ValidationException", message)
}

/// The action is none that is simulated.
pub(crate) fn unknown(action: &str) -> Refusal {
    refused("InvalidAction", format!("The simulated account does not know the action {action}"))
}

/// Reads the input of a JSON action; no body is an empty object.
pub(crate) fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    serde_json::from_slice(body).map_err(|error| refused("SerializationException", error.to_string()))
}
