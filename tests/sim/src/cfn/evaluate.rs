//! A stack's expressions, evaluated against what there is: its resources, other stacks' exports.

use super::{
    Cfn,
    api::Output,
    stack::{Goal, Member, Stack, Stacks},
};
use crate::{
    store::{Key, Properties, Store},
    template::{
        eval::{Evaluation, Outside, UNKNOWN},
        parse::text,
    },
    types,
};
use manifests::id::Region;
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// What can't be said of a resource before the change is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unknowns {
    /// Resources that get another physical id, perhaps.
    pub(crate) replaced: BTreeSet<String>,
    /// Resources that are changed in place.
    pub(crate) modified: BTreeSet<String>,
}

/// Where a stack's references lead.
pub(crate) struct Live<'a> {
    members: &'a BTreeMap<String, Member>,
    stacks: &'a Stacks,
    store: &'a Store,
    region: &'a Region,
    unknowns: &'a Unknowns,
    /// The exports that were asked for.
    pub(crate) imports: &'a RefCell<BTreeSet<String>>,
}

impl Live<'_> {
    fn member(&self, logical: &str) -> Result<(&Member, &str), String> {
        let known = self.members.get(logical).and_then(|member| Some((member, member.physical.as_deref()?)));
        known.ok_or_else(|| {
            format!(
                "Template format error: Unresolved resource dependencies [{logical}] in the Resources block of the \
                 template"
            )
        })
    }
}

impl Outside for Live<'_> {
    fn reference(&self, logical: &str) -> Result<Value, String> {
        if self.unknowns.replaced.contains(logical) {
            return Ok(UNKNOWN.into());
        }
        self.member(logical).map(|(_, physical)| physical.into())
    }

    fn attribute(&self, logical: &str, name: &str) -> Result<Value, String> {
        if self.unknowns.replaced.contains(logical) {
            return Ok(UNKNOWN.into());
        }
        let (member, physical) = self.member(logical)?;
        let moving = types::find(&member.kind).is_some_and(|kind| kind.moving.contains(&name));
        if self.unknowns.modified.contains(logical) && (moving || name.starts_with("Outputs.")) {
            return Ok(UNKNOWN.into());
        }
        let missing =
            || format!("Template error: resource {logical} does not support attribute type {name} in Fn::GetAtt");
        if let Some(output) = name.strip_prefix("Outputs.") {
            let child = self.stacks.stacks.get(physical).ok_or_else(missing)?;
            let found = child.outputs.iter().find(|candidate| candidate.key == output);
            return found.map(|output| output.value.clone().into()).ok_or_else(missing);
        }
        let kind = types::find(&member.kind).ok_or_else(missing)?;
        let pattern = kind.attributes.iter().find(|(attribute, _)| *attribute == name).map(|(_, pattern)| *pattern);
        let Some(resource) = self.store.get(&Key::new(self.region, &member.kind, physical)) else {
            return Err(format!("{physical} was not found, and so its attribute {name} is not known"));
        };
        let property = pattern.and_then(|p| p.strip_prefix("{.")).and_then(|p| p.strip_suffix('}'));
        let value = property.and_then(|p| resource.properties.get(p)).or_else(|| resource.attributes.get(name));
        value.cloned().ok_or_else(missing)
    }

    fn import(&self, name: &str) -> Result<Value, String> {
        self.imports.borrow_mut().insert(name.to_owned());
        let outputs = self.stacks.names.values().filter_map(|id| self.stacks.stacks.get(id)).flat_map(|s| &s.outputs);
        let mut found = outputs.filter(|output| output.export_name.as_deref() == Some(name));
        found.next().map(|output| output.value.clone().into()).ok_or_else(|| format!("No export named {name} found."))
    }
}

impl Cfn<'_> {
    /// Runs something with a stack's expressions.
    pub(crate) fn evaluating<T>(
        &self,
        members: &BTreeMap<String, Member>,
        goal: &Goal,
        unknowns: &Unknowns,
        act: impl FnOnce(&Evaluation<'_, Live<'_>>) -> T,
    ) -> (T, BTreeSet<String>) {
        let empty = Stacks::default();
        let imports = RefCell::new(BTreeSet::new());
        let values = goal.values();
        let live = Live {
            members,
            stacks: self.account.regions.get(&self.region).unwrap_or(&empty),
            store: &self.account.store,
            region: &self.region,
            unknowns,
            imports: &imports,
        };
        let result = act(&Evaluation::new(&goal.template, &values, &goal.pseudo, live));
        (result, imports.into_inner())
    }

    /// The properties that a goal gives a resource, the stack's tags among them.
    pub(crate) fn wanted(
        &self,
        members: &BTreeMap<String, Member>,
        goal: &Goal,
        logical: &str,
        unknowns: &Unknowns,
    ) -> Result<Properties, String> {
        let Some(declaration) = goal.template.resources.get(logical) else { return Ok(Properties::new()) };
        let (properties, _) =
            self.evaluating(members, goal, unknowns, |evaluation| evaluation.properties(&declaration.properties));
        let mut properties = properties?;
        if let Some(kind) = types::find(&declaration.kind) {
            types::shape::with_stack_tags(kind, &mut properties, &goal.tags);
        }
        Ok(properties)
    }

    /// The outputs that a goal gives a stack, and the exports that it imports.
    pub(crate) fn outputs(
        &self,
        stack: &Stack,
        goal: &Goal,
        unknowns: &Unknowns,
    ) -> Result<(Vec<Output>, BTreeSet<String>), String> {
        let (outputs, imports) = self.evaluating(&stack.resources, goal, unknowns, |evaluation| {
            // What the resources import counts as well.
            for declaration in goal.template.resources.values() {
                if evaluation.holds_opt(declaration.condition.as_deref())? {
                    evaluation.properties(&declaration.properties)?;
                }
            }
            let mut outputs = vec![];
            for (key, declared) in &goal.template.outputs {
                if !evaluation.holds_opt(declared.condition.as_deref())? {
                    continue;
                }
                let Some(value) = evaluation.value(&declared.value)? else { continue };
                let value = match value {
                    Value::String(text) => text,
                    Value::Number(_) | Value::Bool(_) => text(&value),
                    Value::Null | Value::Array(_) | Value::Object(_) => {
                        return Err(format!(
                            "Template format error: The Value field of every Outputs member must evaluate to a String. \
                             [{key}]"
                        ));
                    }
                };
                let export_name = declared.export.as_ref().map(|name| evaluation.value(name)).transpose()?.flatten();
                let export_name = export_name.map(|name| text(&name));
                let description = declared.description.clone();
                outputs.push(Output { key: key.clone(), value, description, export_name });
            }
            Ok::<_, String>(outputs)
        });
        Ok((outputs?, imports))
    }
}
