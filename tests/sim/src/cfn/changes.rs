//! What a goal would change in a stack, resource by resource, as `DescribeChangeSet` tells it.
//!
//! Field by field after reference/cloudformation.md 1.4 and the API reference of `ResourceChange`. Property values are
//! always computed here; a plain description leaves them out ([`plain`]).

use super::{
    Cfn,
    api::{Action, Change, Detail, PolicyAction, Replacement, ResourceToImport, Target, TargetDrift},
    begin::differences,
    evaluate::Unknowns,
    stack::{Goal, Member, Stack},
    words::{ChangeSource, Evaluation, RequiresRecreation, ResourceDriftStatus, Scope},
};
use crate::{
    store::Properties,
    template::{Declaration, Policy, Reference, check, eval::UNKNOWN, references},
    types::{self, Kind, Making},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One comparison: a stack with a goal.
struct Comparison<'a> {
    stack: &'a Stack,
    goal: &'a Goal,
    revert_drift: bool,
    unknowns: Unknowns,
}

impl Cfn<'_> {
    /// The changes that bring a stack to a goal.
    pub(crate) fn changes(
        &self,
        stack: &Stack,
        goal: &Goal,
        revert_drift: bool,
        imports: &[ResourceToImport],
    ) -> Result<Vec<Change>, String> {
        let (present, _) = self.evaluating(&stack.resources, goal, &Unknowns::default(), |e| e.present());
        let present = present?;
        let order = check::order(&check::dependencies(&goal.template))?;
        let mut comparison = Comparison { stack, goal, revert_drift, unknowns: Unknowns::default() };
        let mut changes = vec![];
        for logical in order.iter().filter(|name| present.contains(*name)) {
            let Some(declaration) = goal.template.resources.get(logical) else { continue };
            if let Some(import) = imports.iter().find(|import| import.logical_resource_id == *logical) {
                let mut change = bare(Action::Import, logical, &declaration.kind);
                change.physical_resource_id = import.resource_identifier.values().next().cloned();
                changes.push(change);
                comparison.unknowns.replaced.insert(logical.clone());
                continue;
            }
            let member = stack.resources.get(logical).filter(|member| member.physical.is_some());
            let change = match member {
                None => Some(self.added(&comparison, logical, declaration)?),
                Some(member) if member.kind != declaration.kind => {
                    return Err(format!(
                        "Update of resource type is not permitted. The new template modifies resource type of the following resources: [{logical}]"
                    ));
                }
                Some(member) => self.modified(&comparison, logical, declaration, member)?,
            };
            let Some(change) = change else { continue };
            let moves = change.action == Action::Add
                || matches!(change.replacement, Some(Replacement::True | Replacement::Conditional));
            let unknown = if moves { &mut comparison.unknowns.replaced } else { &mut comparison.unknowns.modified };
            unknown.insert(logical.clone());
            changes.push(change);
        }
        let gone =
            stack.resources.iter().filter(|(name, member)| !present.contains(*name) && member.physical.is_some());
        changes.extend(gone.map(|(logical, member)| removed(logical, member)));
        changes.sort_by(|a, b| a.logical_resource_id.cmp(&b.logical_resource_id));
        Ok(changes)
    }

    fn added(&self, comparison: &Comparison<'_>, logical: &str, declaration: &Declaration) -> Result<Change, String> {
        let wanted = self.wanted(&comparison.stack.resources, comparison.goal, logical, &comparison.unknowns)?;
        let mut change = bare(Action::Add, logical, &declaration.kind);
        change.after_context = Some(context(&wanted));
        Ok(change)
    }

    fn modified(
        &self,
        comparison: &Comparison<'_>,
        logical: &str,
        declaration: &Declaration,
        member: &Member,
    ) -> Result<Option<Change>, String> {
        let Comparison { stack, goal, revert_drift, unknowns } = comparison;
        let Some(kind) = types::find(&member.kind) else { return Ok(None) };
        let wanted = self.wanted(&stack.resources, goal, logical, unknowns)?;
        let aware = *revert_drift && kind.drift;
        let drift = revert_drift.then(|| self.drift_of(stack, logical, member));
        let drift_status = match &drift {
            Some(drift) if kind.drift => Some(drift.status),
            Some(_) => Some(ResourceDriftStatus::Unsupported),
            None => None,
        };
        let mut change = bare(Action::Modify, logical, &member.kind);
        change.physical_resource_id.clone_from(&member.physical);
        change.resource_drift_status = drift_status;
        if aware && drift_status == Some(ResourceDriftStatus::Deleted) {
            change.action = Action::Add;
            change.after_context = Some(context(&wanted));
            return Ok(Some(change));
        }
        let base = if aware { self.actual(member, kind, &wanted) } else { member.declared.clone() };
        let changed = differences(&base, &wanted);
        if changed.is_empty() && aware && drift_status == Some(ResourceDriftStatus::Modified) {
            change.action = Action::SyncWithActual;
            return Ok(Some(change));
        }
        for (property, after) in &changed {
            let before = base.get(property);
            let mut details = self.details(comparison, declaration, kind, property, (before, after.as_ref()));
            let previous = member.declared.get(property);
            if aware && previous != before {
                let timestamp = self.now;
                for detail in &mut details {
                    detail.target.drift = Some(TargetDrift {
                        previous_value: printed(previous),
                        actual_value: printed(before),
                        drift_detection_timestamp: timestamp,
                    });
                }
            }
            change.details.extend(details);
        }
        if member.metadata != declaration.metadata {
            change.details.push(whole(Scope::Metadata, ChangeSource::DirectModification, Evaluation::Static));
        }
        if change.details.is_empty() && kind.making == Making::Stack {
            // A nested stack's template may have changed at its URL, so it is always walked.
            change.details.push(whole(Scope::Properties, ChangeSource::Automatic, Evaluation::Dynamic));
        }
        if change.details.is_empty() {
            return Ok(None);
        }
        change.replacement = Some(replacement(&change.details));
        if change.replacement != Some(Replacement::False) {
            change.policy_action = Some(match declaration.replacement.unwrap_or(Policy::Delete) {
                Policy::Delete => PolicyAction::ReplaceAndDelete,
                Policy::Retain | Policy::RetainExceptOnCreate => PolicyAction::ReplaceAndRetain,
                Policy::Snapshot => PolicyAction::ReplaceAndSnapshot,
            });
        }
        change.scope = scope(&change.details, declaration, member);
        change.before_context = Some(context(&base));
        change.after_context = Some(context(&wanted));
        Ok(Some(change))
    }

    /// Why one property changes: one entry for each cause.
    fn details(
        &self,
        comparison: &Comparison<'_>,
        declaration: &Declaration,
        kind: &Kind,
        property: &str,
        (before, after): (Option<&Value>, Option<&Value>),
    ) -> Vec<Detail> {
        let secret = |parameters: &BTreeSet<String>| {
            parameters.iter().any(|name| comparison.goal.parameters.get(name).is_some_and(|given| given.no_echo))
        };
        let expression = declaration.properties.get(property);
        let named = expression.map(references).unwrap_or_default();
        let changed = changed_parameters(comparison.stack, comparison.goal, &named);
        let mask = secret(&names(&named));
        let shown = |value: Option<&Value>| value.map(|_| if mask { "****".to_owned() } else { printed(value) });
        let tags = property == "Tags";
        let target = Target {
            attribute: if tags { Scope::Tags } else { Scope::Properties },
            name: (!tags).then(|| property.to_owned()),
            requires_recreation: match property {
                _ if kind.replaces.contains(&property) => RequiresRecreation::Always,
                _ if kind.maybe_replaces.contains(&property) => RequiresRecreation::Conditionally,
                _ => RequiresRecreation::Never,
            },
            path: Some(format!("/Properties/{property}")),
            before_value: shown(before),
            after_value: shown(after),
            attribute_change_type: Some(match (before, after) {
                (None, _) => "Add",
                (_, None) => "Remove",
                (Some(_), Some(_)) => "Modify",
            }),
            drift: None,
        };
        let detail = |evaluation, change_source, causing_entity| Detail {
            target: target.clone(),
            evaluation,
            change_source,
            causing_entity,
        };
        let mut details = vec![];
        let unknowns = &comparison.unknowns;
        for reference in &named {
            match reference {
                Reference::Name(name) if unknowns.replaced.contains(name) => {
                    details.push(detail(Evaluation::Dynamic, ChangeSource::ResourceReference, Some(name.clone())));
                }
                Reference::Attribute(name, attribute)
                    if unknowns.replaced.contains(name) || unknowns.modified.contains(name) =>
                {
                    let entity = Some(format!("{name}.{attribute}"));
                    details.push(detail(Evaluation::Dynamic, ChangeSource::ResourceAttribute, entity));
                }
                Reference::Name(_) | Reference::Attribute(..) => {}
            }
        }
        for name in &changed {
            details.push(detail(Evaluation::Static, ChangeSource::ParameterReference, Some(name.clone())));
        }
        if !changed.is_empty() {
            details.push(detail(Evaluation::Dynamic, ChangeSource::DirectModification, None));
        }
        let known = !after.is_some_and(|after| after.to_string().contains(UNKNOWN));
        if details.is_empty() || (known && changed.is_empty()) {
            details.push(detail(Evaluation::Static, ChangeSource::DirectModification, None));
        }
        details
    }
}

pub(crate) fn bare(action: Action, logical: &str, kind: &str) -> Change {
    Change {
        action,
        policy_action: None,
        logical_resource_id: logical.to_owned(),
        physical_resource_id: None,
        resource_type: kind.to_owned(),
        replacement: None,
        scope: vec![],
        details: vec![],
        change_set_id: None,
        resource_drift_status: None,
        before_context: None,
        after_context: None,
    }
}

fn removed(logical: &str, member: &Member) -> Change {
    let mut change = bare(Action::Remove, logical, &member.kind);
    change.physical_resource_id.clone_from(&member.physical);
    change.policy_action = Some(match member.deletion {
        Policy::Delete => PolicyAction::Delete,
        Policy::Retain | Policy::RetainExceptOnCreate => PolicyAction::Retain,
        Policy::Snapshot => PolicyAction::Snapshot,
    });
    change.before_context = Some(context(&member.declared));
    change
}

fn context(properties: &Properties) -> String {
    json!({ "Properties": properties }).to_string()
}

fn printed(value: Option<&Value>) -> String {
    value.map(crate::template::parse::text).unwrap_or_default()
}

/// A change of something that is no property.
fn whole(attribute: Scope, change_source: ChangeSource, evaluation: Evaluation) -> Detail {
    let target = Target {
        attribute,
        name: None,
        requires_recreation: RequiresRecreation::Never,
        path: None,
        before_value: None,
        after_value: None,
        attribute_change_type: None,
        drift: None,
    };
    Detail { target, evaluation, change_source, causing_entity: None }
}

/// Certain, when a property that always replaces certainly changes; otherwise possible, when one may.
fn replacement(details: &[Detail]) -> Replacement {
    let replaces = |detail: &Detail| match (detail.target.requires_recreation, detail.evaluation) {
        (RequiresRecreation::Always, Evaluation::Static) => Replacement::True,
        (RequiresRecreation::Always, Evaluation::Dynamic) | (RequiresRecreation::Conditionally, _) => {
            Replacement::Conditional
        }
        (RequiresRecreation::Never, _) => Replacement::False,
    };
    let worst = |a: Replacement, b: Replacement| match (a, b) {
        (Replacement::True, _) | (_, Replacement::True) => Replacement::True,
        (Replacement::Conditional, _) | (_, Replacement::Conditional) => Replacement::Conditional,
        (Replacement::False, Replacement::False) => Replacement::False,
    };
    details.iter().map(replaces).fold(Replacement::False, worst)
}

/// A policy alone is no change, but it is told of beside one.
fn scope(details: &[Detail], declaration: &Declaration, member: &Member) -> Vec<Scope> {
    let mut scope: BTreeSet<Scope> = details.iter().map(|detail| detail.target.attribute).collect();
    if declaration.deletion.unwrap_or(Policy::Delete) != member.deletion {
        scope.insert(Scope::DeletionPolicy);
    }
    if declaration.replacement.unwrap_or(Policy::Delete) != member.replacement {
        scope.insert(Scope::UpdateReplacePolicy);
    }
    scope.into_iter().collect()
}

fn names(references: &BTreeSet<Reference>) -> BTreeSet<String> {
    let names = references.iter().map(|reference| match reference {
        Reference::Name(name) | Reference::Attribute(name, _) => name.clone(),
    });
    names.collect()
}

fn changed_parameters(stack: &Stack, goal: &Goal, references: &BTreeSet<Reference>) -> Vec<String> {
    let empty = BTreeMap::new();
    let before = stack.goal.as_ref().map_or(&empty, |goal| &goal.parameters);
    let changed = |name: &String| match (before.get(name), goal.parameters.get(name)) {
        (Some(before), Some(after)) => before.value != after.value,
        _ => false,
    };
    names(references).into_iter().filter(changed).collect()
}

/// A change without property values, as a plain description shows it.
pub(crate) fn plain(mut change: Change) -> Change {
    change.before_context = None;
    change.after_context = None;
    for detail in &mut change.details {
        detail.target.before_value = None;
        detail.target.after_value = None;
        detail.target.attribute_change_type = None;
        detail.target.path = None;
    }
    change
}
