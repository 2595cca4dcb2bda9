//! What CloudFormation refuses in a template before anything is evaluated: references that lead nowhere, circles.
//!
//! Not here: what a resource type demands of its properties ([`crate::types`]).

use super::{Declaration, Reference, Template, references};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::Region",
    "AWS::StackName",
    "AWS::StackId",
    "AWS::Partition",
    "AWS::URLSuffix",
    "AWS::NoValue",
    "AWS::NotificationARNs",
];

/// Checks every reference of a template.
///
/// # Errors
/// CloudFormation's sentence.
pub fn template(template: &Template) -> Result<(), String> {
    if let Some(transform) = template.transforms.first() {
        return Err(format!("No transform named {transform} found."));
    }
    unresolved(template, "Resources", template.resources.values().flat_map(expressions))?;
    unresolved(
        template,
        "Outputs",
        template.outputs.values().flat_map(|o| [Some(&o.value), o.export.as_ref()]).flatten(),
    )?;
    let conditions = template.resources.values().filter_map(|r| r.condition.as_ref());
    let conditions = conditions.chain(template.outputs.values().filter_map(|o| o.condition.as_ref()));
    let missing: BTreeSet<&str> =
        conditions.map(String::as_str).filter(|name| !template.conditions.contains_key(*name)).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.into_iter().collect();
        return Err(format!(
            "Template format error: Unresolved condition dependency {} in the Resources block of the template",
            names.join(", ")
        ));
    }
    order(&dependencies(template)).map(drop)
}

fn expressions(resource: &Declaration) -> impl Iterator<Item = &Value> {
    resource.properties.values().chain(&resource.metadata)
}

fn unresolved<'a>(
    template: &Template,
    block: &str,
    expressions: impl Iterator<Item = &'a Value>,
) -> Result<(), String> {
    let known = |reference: &Reference| match reference {
        Reference::Name(name) => {
            template.parameters.contains_key(name)
                || template.resources.contains_key(name)
                || PSEUDO.contains(&name.as_str())
        }
        Reference::Attribute(logical, _) => template.resources.contains_key(logical),
    };
    let mut missing: BTreeSet<String> = expressions
        .flat_map(references)
        .filter(|reference| !known(reference))
        .map(|reference| match reference {
            Reference::Name(name) | Reference::Attribute(name, _) => name,
        })
        .collect();
    if block == "Resources" {
        let named = template.resources.values().flat_map(|resource| &resource.depends_on);
        missing.extend(named.filter(|name| !template.resources.contains_key(*name)).cloned());
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.into_iter().collect();
    Err(format!(
        "Template format error: Unresolved resource dependencies [{}] in the {block} block of the template",
        names.join(", ")
    ))
}

/// Which resources each resource needs first.
pub fn dependencies(template: &Template) -> BTreeMap<String, BTreeSet<String>> {
    let needs = |resource: &Declaration| {
        let referred = expressions(resource).flat_map(references).map(|reference| match reference {
            Reference::Name(name) | Reference::Attribute(name, _) => name,
        });
        referred.chain(resource.depends_on.clone()).filter(|name| template.resources.contains_key(name)).collect()
    };
    template.resources.iter().map(|(name, resource)| (name.clone(), needs(resource))).collect()
}

/// The resources in an order in which each comes after what it needs.
///
/// # Errors
/// The circle, in CloudFormation's sentence.
pub fn order(needs: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, String> {
    let mut order: Vec<String> = vec![];
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    while placed.len() < needs.len() {
        let ready: Vec<&str> = needs
            .iter()
            .filter(|(name, needs)| {
                !placed.contains(name.as_str()) && needs.iter().all(|n| placed.contains(n.as_str()))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        if ready.is_empty() {
            let circle: Vec<&str> = needs.keys().map(String::as_str).filter(|name| !placed.contains(name)).collect();
            return Err(format!("Circular dependency between resources: [{}]", circle.join(", ")));
        }
        order.extend(ready.iter().map(|name| (*name).to_owned()));
        placed.extend(ready);
    }
    Ok(order)
}
