//! Drift detection.

use super::{
    Cfn, Due,
    api::{CfnError, DescribeStackResourceDrifts, DetectionDescription, Page, StackResourceDrift},
    invalid,
    quirk::Quirk,
    read::page,
    stack::{Detection, Stack},
    status::{self, Asked},
    words::{DetectionStatus, ResourceDriftStatus, StackDriftStatus},
};
use serde_json::json;

impl Cfn<'_> {
    /// Whether drift detection can look at a stack now.
    fn detectable(&mut self, name: &str) -> Result<Stack, CfnError> {
        let stack = self.look_at(name)?.clone();
        if !status::lets(stack.status, Asked::Detect) {
            return Err(invalid(format!(
                "Stack [{}] is in {} state; drift detection is available in CREATE_COMPLETE, UPDATE_COMPLETE, UPDATE_ROLLBACK_COMPLETE and UPDATE_ROLLBACK_FAILED",
                stack.name,
                stack.status.as_str()
            )));
        }
        let running =
            |detection: &Detection| detection.stack_id == stack.id && detection.status == DetectionStatus::InProgress;
        if self.stacks().detections.values().any(running) {
            return Err(invalid(format!("Drift detection is already in progress for stack {}", stack.id)));
        }
        Ok(stack)
    }

    /// DetectStackDrift: answers the id of the detection.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn detect_stack_drift(&mut self, stack_name: &str, logical: &[String]) -> Result<String, CfnError> {
        let stack = self.detectable(stack_name)?;
        if let Some(unknown) = logical.iter().find(|name| !stack.resources.contains_key(*name)) {
            return Err(invalid(format!("Resource {unknown} does not exist for stack {}", stack.name)));
        }
        let id = self.uuid();
        let takes = self.detection_takes(&stack);
        let detection = Detection {
            stack_id: stack.id,
            logical: logical.to_vec(),
            status: DetectionStatus::InProgress,
            reason: None,
            drift: None,
            drifted: None,
            at: self.now,
        };
        self.announce_detection(&id, &detection);
        self.stacks().detections.insert(id.clone(), detection);
        if let Some(takes) = takes {
            self.schedule(takes, Due::Detection(id.clone()));
        }
        Ok(id)
    }

    pub(crate) fn step_detection(&mut self, id: &str) {
        let Some(mut detection) = self.stacks().detections.get(id).cloned() else { return };
        let (logical, stack_id) = (detection.logical.clone(), detection.stack_id.clone());
        self.with_stack(&stack_id, |cfn, stack| {
            let names: Vec<String> =
                stack.resources.keys().filter(|name| logical.is_empty() || logical.contains(name)).cloned().collect();
            names.iter().for_each(|name| {
                cfn.detect(stack, name);
            });
            let has = |status| {
                stack.resources.values().filter(|m| m.drift.as_ref().is_some_and(|d| d.status == status)).count()
            };
            let unknown = has(ResourceDriftStatus::Unknown);
            let drifted = has(ResourceDriftStatus::Modified) + has(ResourceDriftStatus::Deleted);
            detection.drifted = u32::try_from(drifted).ok();
            detection.drift = Some(stack.drift.status);
            detection.status = if unknown > 0 { DetectionStatus::Failed } else { DetectionStatus::Complete };
            detection.reason = (unknown > 0).then(|| format!("Failed to detect drift on {unknown} resource(s)"));
        });
        self.announce_detection(id, &detection);
        self.stacks().detections.insert(id.to_owned(), detection);
    }

    fn announce_detection(&mut self, id: &str, detection: &Detection) {
        let status = detection.drift.unwrap_or(StackDriftStatus::NotChecked);
        let detail = json!({
            "stack-id": detection.stack_id,
            "stack-drift-detection-id": id,
            "status-details":
                { "stack-drift-status": status.as_str(), "detection-status": detection.status.as_str() },
            // -1 while it is in progress.
            "drift-detection-details": { "drifted-stack-resource-count": detection.drifted.map_or(-1, i64::from) },
            "client-request-token": "",
        });
        self.announce("CloudFormation Drift Detection Status Change", &detection.stack_id, detail);
    }

    /// Looks at one resource, and sums the stack up again.
    fn detect(&mut self, stack: &mut Stack, logical: &str) -> Option<StackResourceDrift> {
        let member = stack.resources.get(logical)?;
        let mut drift = self.drift_of(stack, logical, member);
        if drift.status != ResourceDriftStatus::NotChecked && self.quirky(stack, logical, &Quirk::DetectionFails) {
            drift.status = ResourceDriftStatus::Unknown;
            drift.status_reason = Some("Rate exceeded".to_owned());
            drift.property_differences.clear();
        }
        if let Some(member) = stack.resources.get_mut(logical) {
            member.drift = Some(drift.clone());
        }
        let seen = stack.resources.values().filter_map(|member| member.drift.as_ref()).map(|drift| drift.status);
        let worst = seen.map(|status| match status {
            ResourceDriftStatus::Modified | ResourceDriftStatus::Deleted => (2, StackDriftStatus::Drifted),
            ResourceDriftStatus::Unknown => (1, StackDriftStatus::Unknown),
            // A stack without any resource that can be checked is in sync as well.
            ResourceDriftStatus::InSync | ResourceDriftStatus::NotChecked | ResourceDriftStatus::Unsupported => {
                (0, StackDriftStatus::InSync)
            }
        });
        stack.drift.status = worst.max().map_or(StackDriftStatus::InSync, |(_, status)| status);
        stack.drift.last_check = Some(self.now);
        Some(drift)
    }

    /// DescribeStackDriftDetectionStatus.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_stack_drift_detection_status(
        &mut self,
        detection_id: &str,
    ) -> Result<DetectionDescription, CfnError> {
        let missing = || invalid(format!("Drift detection {detection_id} does not exist"));
        let detection = self.stacks().detections.get(detection_id).ok_or_else(missing)?;
        Ok(DetectionDescription {
            stack_id: detection.stack_id.clone(),
            stack_drift_detection_id: detection_id.to_owned(),
            detection_status: detection.status,
            detection_status_reason: detection.reason.clone(),
            stack_drift_status: detection.drift,
            drifted_stack_resource_count: detection.drifted,
            timestamp: detection.at,
        })
    }

    /// DescribeStackResourceDrifts: what was looked at, as it was found last. What was never looked at, or can't be, is
    /// left out (API reference of the action: resources that do not support drift detection "aren't checked, and so
    /// not included").
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_stack_resource_drifts(
        &mut self,
        request: &DescribeStackResourceDrifts,
    ) -> Result<Page<StackResourceDrift>, CfnError> {
        self.whole(request.next_token.as_deref())?;
        let stack = self.look_at(&request.stack_name)?;
        let wanted = |drift: &&StackResourceDrift| {
            let asked = request.status_filters.is_empty() || request.status_filters.contains(&drift.status);
            asked && drift.status != ResourceDriftStatus::NotChecked
        };
        let drifts = stack.resources.values().filter_map(|member| member.drift.as_ref()).filter(wanted).cloned();
        page(drifts.collect(), request.next_token.as_deref(), request.max_results.unwrap_or(100).clamp(1, 100))
    }

    /// DetectStackResourceDrift: at once, for one resource.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn detect_stack_resource_drift(
        &mut self,
        stack_name: &str,
        logical: &str,
    ) -> Result<StackResourceDrift, CfnError> {
        let stack = self.detectable(stack_name)?;
        let missing = || invalid(format!("Resource {logical} does not exist for stack {}", stack.name));
        let member = stack.resources.get(logical).ok_or_else(missing)?;
        if crate::types::find(&member.kind).is_none_or(|kind| !kind.drift) {
            return Err(invalid(format!("Drift detection is not supported for resource type {}", member.kind)));
        }
        let mut found = None;
        self.with_stack(&stack.id, |cfn, stack| found = cfn.detect(stack, logical));
        found.ok_or_else(missing)
    }
}
