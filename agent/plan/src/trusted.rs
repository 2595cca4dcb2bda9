//! What is remembered of trust: what the accepted commit's signature was worth, and what held of who may sign.
//!
//! Not here: whether a signature is any good. That takes keys, and is the shell's business.

use alloc::{collections::BTreeMap, string::String};
use serde::{Deserialize, Serialize};

/// What a commit's signature is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seal {
    /// Somebody signed it who may.
    Good {
        /// Who, as the account's list of signers has it.
        by: String,
        /// With which key.
        key: String,
        /// The tag that they signed, if it was not the commit itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    },
    /// Nobody did, and the account's policy lets it pass.
    Tolerated {
        /// What is wrong with it.
        why: String,
    },
}

/// What the repository itself said of who may sign: never to be gone back behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// The version that holds; 0 while it is the account's own list.
    pub version: u32,
    /// Digest of that version's document; empty for the account's own list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub document: String,
    /// Digest of the account's list, from which all of it was proved: another list begins anew.
    pub list: String,
    /// What was approved last, by the pattern of its paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approved: BTreeMap<String, Approved>,
}

/// What was approved of some paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The version of the approval.
    pub version: u32,
    /// Digest of what stands there.
    pub content: String,
}
