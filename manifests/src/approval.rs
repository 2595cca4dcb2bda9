//! `kind: Approval`: leave for one plan, in every account where that plan destroys exactly the same.
//!
//! It names the digest of what is destroyed, and no commit: the commit that brings the approval makes a new plan, whose
//! digest is the same as long as it destroys the same. An approval for another digest releases nothing.

use crate::{
    findings::Findings,
    id::PlanDigest,
    stack::{Location, Targets},
    validate::targets,
    written::ApprovalManifest,
    yaml::{Fault, brief},
};
use jiff::Timestamp;

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What is approved.
    pub plan: PlanDigest,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// In which accounts.
    pub targets: Targets,
    /// Where it stands.
    pub at: Location,
}

/// Reads one.
pub(crate) fn approval(written: &ApprovalManifest, at: Location, findings: &mut Findings<'_>) -> Option<Approval> {
    let spec = &written.spec;
    let plan = findings.id(&spec.plan);
    findings.length(&spec.reason, "the reason", 256);
    let until: Option<Timestamp> = spec.until.value.parse().ok();
    if until.is_none() {
        let fault = Fault::new(spec.until.at, format!("`{}` is no point in time", brief(&spec.until.value)));
        findings.fault(fault.hint("such as `2026-12-24T18:00:00Z`"));
    }
    let targets = targets(spec.targets.as_ref(), findings);
    let approval = Approval { plan: plan?, until: until?, reason: spec.reason.value.clone(), targets, at };
    findings.none().then_some(approval)
}
