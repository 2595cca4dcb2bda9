//! The configuration file: the flags' names in camelCase, and no other key.
//!
//! Not here: what a value means, and which source of it wins.

use super::Caps;
use crate::trust::Policy;
use serde::Deserialize;
use std::path::PathBuf;

/// The configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) repository: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) path: Option<String>,
    pub(super) git_user: Option<String>,
    pub(super) git_secret_parameter: Option<String>,
    pub(super) git_secret_file: Option<PathBuf>,
    pub(super) git_authorities: Option<PathBuf>,
    pub(super) ssh_known_hosts: Option<PathBuf>,
    pub(super) ssh_key: Option<PathBuf>,
    pub(super) cache: Option<PathBuf>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) memory: Option<String>,
    pub(super) guardrails: Option<String>,
    pub(super) signers: Option<String>,
    pub(super) signatures: Option<Policy>,
    pub(super) signed_tags: Option<String>,
    pub(super) fresh: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) ready: Option<String>,
    pub(super) ready_signal: Option<String>,
    pub(super) ready_within: Option<String>,
    pub(super) artifact_bucket: Option<String>,
    pub(super) artifact_age: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) role: Option<String>,
    pub(super) interval: Option<String>,
    pub(super) heartbeat: Option<String>,
    pub(super) turn: Option<String>,
    pub(super) concurrency: Option<usize>,
    pub(super) attempts: Option<u32>,
    pub(super) retry_after: Option<String>,
    pub(super) events: Option<String>,
    pub(super) drift_calls: Option<u32>,
    git_timeout: Option<String>,
    git_idle: Option<String>,
    git_bytes: Option<String>,
    git_objects: Option<u64>,
    git_object_bytes: Option<String>,
    git_depth: Option<u32>,
    git_entries: Option<u64>,
    git_nesting: Option<u64>,
    git_manifests: Option<u64>,
    git_manifest_bytes: Option<String>,
    git_total_bytes: Option<String>,
}

impl File {
    /// What it says of caps.
    pub(super) fn caps(&mut self) -> Caps {
        Caps {
            git_timeout: self.git_timeout.take(),
            git_idle: self.git_idle.take(),
            git_bytes: self.git_bytes.take(),
            git_objects: self.git_objects,
            git_object_bytes: self.git_object_bytes.take(),
            git_depth: self.git_depth,
            git_entries: self.git_entries,
            git_nesting: self.git_nesting,
            git_manifests: self.git_manifests,
            git_manifest_bytes: self.git_manifest_bytes.take(),
            git_total_bytes: self.git_total_bytes.take(),
        }
    }
}
