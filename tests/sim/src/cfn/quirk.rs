//! What CloudFormation gets wrong about drift, on purpose: each misbehaviour is one that AWS's users have reported
//! (reference/cloudformation.md 1.4 to 1.6) or that its documentation leaves open.
//!
//! A quirk stays until all are cleared. Not here: failures of single pieces of work ([`crate::store::Break`]) and of
//! calls ([`crate::fault`]).

use super::{
    Cfn,
    api::{Action, Change, Detail, PolicyAction, PropertyDifference, Replacement, Target, TargetDrift},
    changes::bare,
    stack::{ChangeSet, Member, Stack},
    words::{ChangeSource, DifferenceType, Evaluation, RequiresRecreation, ResourceDriftStatus, Scope},
};
use crate::{fault::matches, types};
use manifests::id::AccountId;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One way to be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Quirk {
    /// A drift-aware change set modifies the resource though it is in sync, and executing it writes to it.
    Phantom,
    /// The same, and the resource is replaced.
    PhantomReplacement,
    /// DescribeChangeSet leaves the resource's row out.
    Dropped {
        /// Only when property values were asked for; then the status reason warns of it.
        #[serde(default)]
        only_with_values: bool,
    },
    /// Drift detection can't read the resource: it ends as `DETECTION_FAILED`.
    DetectionFails,
    /// Drift detection of the stack does not end.
    DetectionHangs {
        /// It ends after all, after so many seconds of the world's clock.
        #[serde(default)]
        seconds: Option<u64>,
    },
    /// A drift-aware change set of the stack is refused.
    RefusesRevert {
        /// The sentence.
        reason: String,
    },
    /// Drift detection finds a difference that is none, every time; a revert of it changes nothing.
    Noise {
        /// The property, as a JSON pointer: `/Value`.
        path: String,
        /// What detection says was expected.
        expected: String,
        /// What it says is there.
        actual: String,
    },
    /// Reverting the resource's drift goes well and changes nothing.
    NeverSticks,
}

/// A quirk, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quirky {
    /// In this account only.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// The stack's name; `*` stands for any text.
    pub stack: String,
    /// The resource's name in the template; `*`, and nothing, stand for any.
    #[serde(default = "any")]
    pub logical: String,
    /// What is wrong.
    pub quirk: Quirk,
}

fn any() -> String {
    "*".to_owned()
}

/// Everything that CloudFormation gets wrong about drift in one world.
#[derive(Debug, Clone, Default)]
pub struct Quirks {
    all: Vec<Quirky>,
}

impl Quirks {
    /// One more.
    pub fn add(&mut self, quirky: Quirky) {
        self.all.push(quirky);
    }

    /// From now on CloudFormation is right about drift.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    fn of_stack<'a>(&'a self, account: &AccountId, stack: &str) -> impl Iterator<Item = &'a Quirky> {
        self.all.iter().filter(move |quirky| {
            quirky.account.as_ref().is_none_or(|only| only == account) && matches(&quirky.stack, stack)
        })
    }
}

impl Cfn<'_> {
    /// The quirks of one resource of a stack.
    fn quirks<'a>(&'a self, stack: &Stack, logical: &str) -> impl Iterator<Item = &'a Quirk> {
        let here = self.world.quirks.of_stack(&self.id, &stack.name);
        here.filter(move |quirky| matches(&quirky.logical, logical)).map(|quirky| &quirky.quirk)
    }

    /// Whether one resource of a stack has this quirk.
    pub(crate) fn quirky(&self, stack: &Stack, logical: &str, quirk: &Quirk) -> bool {
        self.quirks(stack, logical).any(|own| own == quirk)
    }

    /// Why drift-aware change sets of a stack are refused.
    pub(crate) fn refuses_revert(&self, stack: &str) -> Option<String> {
        self.world.quirks.of_stack(&self.id, stack).find_map(|quirky| {
            let Quirk::RefusesRevert { reason } = &quirky.quirk else { return None };
            Some(reason.clone())
        })
    }

    /// How long drift detection of a stack takes; `None`: for ever.
    pub(crate) fn detection_takes(&self, stack: &Stack) -> Option<Duration> {
        let hangs = self.world.quirks.of_stack(&self.id, &stack.name).find_map(|quirky| {
            let Quirk::DetectionHangs { seconds } = quirky.quirk else { return None };
            Some(seconds)
        });
        hangs.map_or_else(|| Some(self.takes(self.world.timing.detection)), |seconds| seconds.map(Duration::from_secs))
    }

    /// The differences that are none.
    pub(crate) fn noise(&self, stack: &Stack, logical: &str) -> Vec<PropertyDifference> {
        let noise = |quirk: &Quirk| {
            let Quirk::Noise { path, expected, actual } = quirk else { return None };
            Some(PropertyDifference {
                property_path: path.clone(),
                expected_value: expected.clone(),
                actual_value: actual.clone(),
                difference_type: DifferenceType::NotEqual,
            })
        };
        self.quirks(stack, logical).filter_map(noise).collect()
    }

    /// The rows that a description of this change set leaves out.
    pub(crate) fn dropped(&self, change_set: &ChangeSet, values: bool) -> Vec<String> {
        let (stack, all) = (&change_set.summary.stack_name, &change_set.changes);
        let here: Vec<&Quirky> = self.world.quirks.of_stack(&self.id, stack).collect();
        let gone = |logical: &str| {
            here.iter().any(|quirky| {
                let dropped =
                    matches!(quirky.quirk, Quirk::Dropped { only_with_values } if values || !only_with_values);
                dropped && matches(&quirky.logical, logical)
            })
        };
        all.iter().map(|change| &change.logical_resource_id).filter(|logical| gone(logical)).cloned().collect()
    }

    /// Puts into a drift-aware change set what does not belong there.
    pub(crate) fn haunt(&self, stack: &Stack, change_set: &mut ChangeSet, changes: &mut Vec<Change>) {
        change_set.touches.clear();
        for (logical, member) in stack.resources.iter().filter(|(_, member)| member.physical.is_some()) {
            if !change_set.goal.template.resources.contains_key(logical) {
                continue;
            }
            let row = changes.iter().position(|change| change.logical_resource_id == *logical);
            let noise = self.noise(stack, logical);
            let there = row.and_then(|row| changes.get_mut(row)).filter(|change| change.action != Action::Add);
            if let Some(change) = there.filter(|_| !noise.is_empty()) {
                self.make_noise(change, &noise);
                change_set.touches.entry(logical.clone()).or_insert(false);
            }
            let replaced = self.quirky(stack, logical, &Quirk::PhantomReplacement);
            if row.is_none() && (replaced || self.quirky(stack, logical, &Quirk::Phantom)) {
                changes.push(phantom(logical, member, replaced));
                change_set.touches.insert(logical.clone(), replaced);
            }
        }
        changes.sort_by(|a, b| a.logical_resource_id.cmp(&b.logical_resource_id));
    }

    /// A row of a resource whose drift is noise: it is to be modified, as if that would help.
    fn make_noise(&self, change: &mut Change, noise: &[PropertyDifference]) {
        if change.action == Action::SyncWithActual {
            change.action = Action::Modify;
            change.replacement = Some(Replacement::False);
            change.scope = vec![Scope::Properties];
        }
        change.details.extend(noise.iter().map(|difference| {
            let name = difference.property_path.trim_start_matches('/').split('/').next().unwrap_or_default();
            let mut detail = row(name, &difference.property_path, RequiresRecreation::Never);
            detail.target.before_value = Some(difference.actual_value.clone());
            detail.target.after_value = Some(difference.expected_value.clone());
            detail.target.drift = Some(TargetDrift {
                previous_value: difference.expected_value.clone(),
                actual_value: difference.actual_value.clone(),
                drift_detection_timestamp: self.now,
            });
            detail
        }));
    }
}

/// A row of a resource that is in sync.
fn phantom(logical: &str, member: &Member, replaced: bool) -> Change {
    let mut change = bare(Action::Modify, logical, &member.kind);
    change.physical_resource_id.clone_from(&member.physical);
    let checked = types::find(&member.kind).is_some_and(|kind| kind.drift);
    change.resource_drift_status =
        Some(if checked { ResourceDriftStatus::InSync } else { ResourceDriftStatus::Unsupported });
    change.replacement = Some(if replaced { Replacement::True } else { Replacement::False });
    change.policy_action = replaced.then_some(PolicyAction::ReplaceAndDelete);
    change.scope = vec![Scope::Properties];
    let name = member.declared.keys().next().map_or("", String::as_str);
    let recreation = if replaced { RequiresRecreation::Always } else { RequiresRecreation::Never };
    change.details.push(row(name, &format!("/{name}"), recreation));
    change
}

fn row(name: &str, path: &str, requires_recreation: RequiresRecreation) -> Detail {
    let target = Target {
        attribute: Scope::Properties,
        name: Some(name.to_owned()),
        requires_recreation,
        path: Some(format!("/Properties{path}")),
        before_value: None,
        after_value: None,
        attribute_change_type: Some("Modify"),
        drift: None,
    };
    Detail {
        target,
        evaluation: Evaluation::Static,
        change_source: ChangeSource::DirectModification,
        causing_entity: None,
    }
}
