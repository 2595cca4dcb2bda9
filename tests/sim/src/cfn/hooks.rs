//! Hooks on change sets: what somebody in the organisation forbids, and what it says of it.
//!
//! A change set that a hook forbids fails without an event of its own; only ListHookResults tells more
//! (reference/cloudformation.md 1.3, after the CDK's stack diagnoser; CloudFormation Hooks User Guide, "View invocation
//! results").

use super::{
    Cfn,
    api::{CfnError, HookResult},
    invalid,
    stack::{ChangeSet, Goal},
};

impl Cfn<'_> {
    /// What the account's hooks say of a goal: one result for each hook that is there for one of its resources.
    pub(crate) fn hooked(&self, goal: &Goal, change_set: &str) -> Vec<HookResult> {
        let kinds = |kind: &String| goal.template.resources.values().any(|resource| resource.kind == *kind);
        let hooks = self.account.hooks.iter().filter(|(_, kind, _)| kinds(kind));
        hooks
            .map(|(name, _, reason)| HookResult {
                type_name: name.clone(),
                status: "HOOK_COMPLETE_FAILED",
                reason: Some(reason.clone()),
                target_id: change_set.to_owned(),
            })
            .collect()
    }

    /// ListHookResults, for change sets.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn list_hook_results(&mut self, target_type: &str, target_id: &str) -> Result<Vec<HookResult>, CfnError> {
        if target_type != "CHANGE_SET" {
            return Err(invalid(format!("TargetType {target_type} is not simulated")));
        }
        let missing =
            || CfnError::new("HookResultNotFound", 404, format!("No hook results were found for target {target_id}"));
        let set = self.find_change_set(target_id, None).map_err(|_| missing())?;
        if set.hooks.is_empty() { Err(missing()) } else { Ok(set.hooks.clone()) }
    }
}

/// The reason of a change set that hooks forbid.
pub(crate) fn reason(set: &ChangeSet) -> Option<String> {
    let names: Vec<&str> = set.hooks.iter().map(|hook| hook.type_name.as_str()).collect();
    (!names.is_empty()).then(|| format!("The following hook(s) failed: [{}]", names.join(", ")))
}
