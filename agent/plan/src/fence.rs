//! What an account's guardrails forbid whatever is in a change: stacks by name, templates by what they are made of.
//!
//! None of it can be released by an approval or spelled out in a commit. What a change destroys is [`crate::guard`]'s
//! business.

use crate::{
    facts::{Action, Change},
    guard::is_code,
    quote::quote,
};
use alloc::{format, string::String};
use manifests::{
    guardrails::{Guardrails, Types},
    id::StackKey,
    stack::Stack,
};

/// Transforms that AWS itself carries out and that read nothing but the template.
const HARMLESS: [&str; 2] = ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"];

/// Why nothing may be done to this stack at all; judged before anything is asked of CloudFormation.
pub(crate) fn name(guardrails: &Guardrails, key: &StackKey) -> Option<String> {
    if let Some(pattern) = guardrails.protects(&key.stack) {
        return Some(ends(&format!("this account protects it (`stacks.protected: {pattern}`)")));
    }
    let prefix = guardrails.prefix.as_ref().filter(|prefix| !key.stack.as_str().starts_with(prefix.as_str()))?;
    Some(ends(&format!("this account only has stacks whose names begin with `{prefix}`")))
}

/// Why this manifest may not be brought up here, whatever its template holds.
pub(crate) fn manifest(guardrails: &Guardrails, stack: &Stack) -> Option<String> {
    let role = guardrails.role.as_ref().filter(|role| stack.role.as_ref() != Some(role))?;
    Some(format!(
        "this account only has stacks that CloudFormation changes as `{role}`; ends with a commit that writes it as \
         `roleArn` in {}, or {RAISED}",
        stack.at.file
    ))
}

/// Why a change set that holds this may not be executed.
pub(crate) fn change(guardrails: &Guardrails, change: &Change) -> Option<String> {
    let Change { kind, logical, action, physical, .. } = change;
    if let Some(pattern) = Types::fenced(&guardrails.types.denied, kind) {
        return Some(ends(&format!("would touch {logical} ({kind}), and this account denies `{pattern}`")));
    }
    if !guardrails.may.custom_resources && is_code(kind) {
        return Some(ends(&format!("would run the code behind {logical} ({kind}), and this account lets none run")));
    }
    // What is taken in is somebody else's so far, as a stack is that is taken over.
    if !guardrails.may.adopt && *action == Some(Action::Import) {
        let name = physical.as_deref().map(|name| format!(" {}", quote(name))).unwrap_or_default();
        return Some(ends(&format!(
            "would take in {logical} ({kind}{name}), which exists already, and this account lets nothing be taken over \
             (`may.adopt`)"
        )));
    }
    if !guardrails.may.nested_stacks && kind == "AWS::CloudFormation::Stack" {
        return Some(ends(&format!("holds the nested stack {logical}, and this account has none")));
    }
    None
}

/// Why a template that is rewritten by these transforms may not be used.
pub(crate) fn transforms(guardrails: &Guardrails, transforms: &[String]) -> Option<String> {
    let strange = transforms.iter().find(|name| !HARMLESS.contains(&name.as_str()))?;
    let why = format!("its template is rewritten by `{strange}`, and this account lets no macro do that");
    (!guardrails.may.macros).then(|| ends(&why))
}

const RAISED: &str = "when the account's guardrails change";

fn ends(why: &str) -> String {
    format!("{why}; ends with a commit that asks for something else, or {RAISED}")
}
