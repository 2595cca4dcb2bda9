//! Taking over a stack that somebody else made: whether it can be done at all, the manifest that asks for the stack as it
//! is, and what of a change is more than taking over.
//!
//! Not here: whether a turn may do it. That is [`crate::plan`]'s and [`crate::guard`]'s business, as of every other change.

use crate::{
    facts::{Action, Change, FoundStack, Replacement},
    memory::Memory,
    plan::Policy,
    quote::quote,
    resolve::{MANIFEST, OWNER},
    stance::Stance,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::{self, Write as _};
use manifests::{
    id::{AccountId, StackKey},
    stack::{Capability, Stack},
};

/// What CloudFormation shows in place of a secret parameter's value (`NoEcho`).
const MASK: &str = "****";
/// The only kind of rollback trigger that a manifest can ask for.
const ALARM: &str = "AWS::CloudWatch::Alarm";

/// A stack that is there, with all that a manifest of it has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// The stack, as any other is found.
    pub found: FoundStack,
    /// The ARN of the outermost stack that it is nested in.
    pub root: Option<String>,
    /// What its template may do, in CloudFormation's words.
    pub capabilities: BTreeSet<String>,
    /// The service role that CloudFormation acts as.
    pub role: Option<String>,
    /// Its rollback triggers: ARN and type.
    pub alarms: Vec<(String, String)>,
    /// Minutes for which they are watched.
    pub monitor_min: u64,
}

/// A manifest on its way into a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The file that it is for.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The file that its template is for, beside it.
    pub template: String,
    /// Parameters whose values can't be read back, so that a person has to fill them in.
    pub secrets: BTreeSet<String>,
    /// What there is to know about it, a sentence each.
    pub notes: Vec<String>,
}

/// What stands in a draft in place of what can't be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// A place to be filled in: no manifest is accepted before it is.
    Open,
    /// A value that is never sent, for a preview in which the stack keeps its own.
    Kept,
}

/// What stands between a stack that is not ours and its being taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bar {
    /// It is another installation's.
    Another,
    /// No manifest says so.
    Manifest,
    /// The account's guardrails don't let it.
    Guardrails,
    /// Its status, which takes no change set.
    Status(String),
}

/// What keeps a stack that is not ours from being taken over by this manifest, if something does: nobody else's tag may be
/// on it, and manifest and account both have to say so.
pub fn bar(policy: &Policy, stack: Option<&Stack>, found: &FoundStack) -> Option<Bar> {
    if found.tags.get(OWNER).is_some_and(|owner| *owner != policy.owner) {
        Some(Bar::Another)
    } else if !stack.is_some_and(|stack| stack.adopt) {
        Some(Bar::Manifest)
    } else if !policy.guardrails.may.adopt {
        Some(Bar::Guardrails)
    } else {
        let sound = matches!(found.stance(), Some(Stance::Ready | Stance::Undone));
        (!sound).then(|| Bar::Status(found.word()))
    }
}

/// As the last part of a sentence that says what ends it.
impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Another => f.write_str("or the other installation lets go of it"),
            Self::Manifest => {
                f.write_str("or a manifest takes it over with `adopt: true` (`holdfast adopt` writes one)")
            }
            Self::Guardrails => {
                f.write_str("or the account's guardrails let it be taken over (`may.adopt`), as its manifest asks")
            }
            Self::Status(word) => {
                write!(f, "or it is no longer {word}, in which it can't be taken over, as its manifest asks")
            }
        }
    }
}

/// Why a stack can't be taken over as it is now, in one sentence that says what ends it.
pub fn refused(key: &StackKey, existing: &Existing, owner: &str, memory: &Memory) -> Option<String> {
    let Existing { found, root, .. } = existing;
    let (stack, status) = (&key.stack, found.word());
    if found.nested {
        let root = root.as_deref().and_then(name_of).unwrap_or("its root stack");
        return Some(format!(
            "`{stack}` is nested in another stack and goes with it; adopt the root stack instead: `{root}`"
        ));
    }
    match found.tags.get(OWNER) {
        Some(other) if other != owner => {
            return Some(format!(
                "`{stack}` belongs to the installation {}; it can be taken over once that lets go of it (its tag `{OWNER}` \
                 is gone)",
                quote(other)
            ));
        }
        Some(_) if memory.owns(key, &found.id) != Some(false) => {
            let manifest = found.tags.get(MANIFEST).map(|name| format!(" (manifest {})", quote(name)));
            return Some(format!(
                "`{stack}` is this installation's already{}; there is nothing to take over",
                manifest.unwrap_or_default()
            ));
        }
        Some(_) | None => {}
    }
    match found.stance() {
        Some(Stance::Ready | Stance::Undone) => None,
        Some(Stance::Absent) => Some(format!("`{stack}` is gone ({status}); there is nothing to take over")),
        Some(Stance::Shell) => Some(format!(
            "`{stack}` holds nothing yet ({status}): it waits for its first change set; adopt it once that was executed, or \
             delete it and let a manifest make it"
        )),
        Some(Stance::Busy) => {
            Some(format!("`{stack}` is being changed ({status}); adopt it again when CloudFormation is done"))
        }
        Some(Stance::Stillborn) => {
            Some(format!("`{stack}` never came up ({status}); delete it, and let a manifest make it"))
        }
        Some(Stance::Stuck(way_out)) => {
            Some(format!("`{stack}` is half done ({status}) and takes no change set; first {}", way_out.advice()))
        }
        None => Some(format!("`{stack}` is {status}, which this version does not know; adopt it with a newer one")),
    }
}

/// `arn:…:stack/NAME/uuid` → name.
fn name_of(arn: &str) -> Option<&str> {
    arn.split_once(":stack/")?.1.split('/').next()
}

/// The changes that do more than take a stack over. Tags may change, and a nested stack may be looked through when
/// everything that changes inside it is in the list, too.
pub fn beyond_tags(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().filter(|change| {
        let in_place = change.action == Some(Action::Modify) && change.replacement == Some(Replacement::False);
        let tags = !change.details.is_empty() && change.details.iter().all(|detail| detail.attribute == "Tags");
        let seen_through = change.kind == "AWS::CloudFormation::Stack" && change.walked;
        !(in_place && (tags || seen_through))
    })
}

/// The manifest that asks this account for a stack as it is. It names the account: without that it would ask every other
/// for the same.
pub fn draft(key: &StackKey, existing: &Existing, account: &AccountId, template: &str, secrets: Secrets) -> Draft {
    let Existing { found, role, .. } = existing;
    let StackKey { stack, region } = key;
    let kind = if template.trim_start().starts_with('{') { "json" } else { "yaml" };
    let beside = format!("{stack}.template.{kind}");
    let hidden: BTreeSet<String> =
        found.parameters.iter().filter(|(_, value)| *value == MASK).map(|(name, _)| name.clone()).collect();
    let notes = notes(existing, &hidden, &format!("{stack}.yaml"));
    let mut text = format!("# Asks for the stack {} as it was found by `holdfast adopt`.\n", found.id);
    for note in &notes {
        let _ = writeln!(text, "# Note: {note}.");
    }
    let _ = write!(
        text,
        "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{ name: {stack} }}\nspec:\n  template: {{ path: {beside} }}\n\
         \x20 targets: {{ accounts: [\"{account}\"] }}   # without this, every account is asked for it\n\
         \x20 regions: [{region}]\n  adopt: true   # may go once the stack is taken over\n"
    );
    text.push_str(&parameters(&found.parameters, &hidden, secrets));
    let tags: Vec<String> = found
        .tags
        .iter()
        .filter(|(key, _)| !is_reserved(key))
        .map(|(key, value)| format!("{}: {}", scalar(key), scalar(value)))
        .collect();
    text.push_str(&block("tags", &tags));
    let capabilities: Vec<String> = existing.capabilities.iter().filter(|word| is_known(word)).cloned().collect();
    if !capabilities.is_empty() {
        let _ = writeln!(text, "  capabilities: [{}]", capabilities.join(", "));
    }
    if let Some(role) = role {
        let _ = writeln!(text, "  roleArn: {}", scalar(role));
    }
    text.push_str(&rollback(existing));
    Draft { file: format!("{stack}.yaml"), text, template: beside, secrets: hidden, notes }
}

/// Whether a tag is none that a manifest may write: AWS's, and our own.
fn is_reserved(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("aws:") || key.starts_with("holdfast:")
}

fn is_known(word: &str) -> bool {
    [Capability::Iam, Capability::NamedIam, Capability::AutoExpand].iter().any(|known| known.as_str() == word)
}

fn parameters(values: &BTreeMap<String, String>, hidden: &BTreeSet<String>, secrets: Secrets) -> String {
    let line = |(name, value): (&String, &String)| match (hidden.contains(name), secrets) {
        (true, Secrets::Open) => {
            format!("{}: {{ ssm: \"\" }}   # the SSM parameter that holds the value which it has now", scalar(name))
        }
        (true, Secrets::Kept) | (false, _) => format!("{}: {}", scalar(name), scalar(value)),
    };
    block("parameters", &values.iter().map(line).collect::<Vec<_>>())
}

fn rollback(existing: &Existing) -> String {
    let kept = existing.alarms.iter().filter(|(_, kind)| kind == ALARM);
    let alarms: Vec<String> = kept.map(|(arn, _)| scalar(arn)).collect();
    if alarms.is_empty() {
        return String::new();
    }
    let monitor = match existing.monitor_min {
        0 => String::new(),
        minutes => format!(", monitor: {minutes}m"),
    };
    format!("  rollback: {{ alarms: [{}]{monitor} }}\n", alarms.join(", "))
}

/// What a person has to know about the manifest or about the stack.
fn notes(existing: &Existing, hidden: &BTreeSet<String>, file: &str) -> Vec<String> {
    let mut notes: Vec<String> = hidden
        .iter()
        .map(|name| {
            format!(
                "the value of the parameter `{name}` is a secret, which CloudFormation does not show; {file} is not accepted \
                 before it names the SSM parameter (of type String) that holds it"
            )
        })
        .collect();
    if existing.found.protected {
        notes.push("the stack is protected against termination, and stays so: Holdfast never lifts that".into());
    }
    for (arn, kind) in existing.alarms.iter().filter(|(_, kind)| kind != ALARM) {
        notes.push(format!(
            "its rollback trigger {} is of type {}, which no manifest can ask for: taking it over takes it off",
            quote(arn),
            quote(kind)
        ));
    }
    for word in existing.capabilities.iter().filter(|word| !is_known(word)) {
        notes.push(format!("its capability {} is none that this version knows, and is left out", quote(word)));
    }
    notes
}

/// A field with a line for each entry; nothing when there is none.
fn block(field: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("  {field}:\n{lines}")
}

/// A text as a YAML scalar that every reader takes for just that text: bare when it is a plain word, otherwise in quotes,
/// with everything that can't be seen written as its escape.
pub fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_string();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_unseen(c) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What a text editor, or a YAML reader, does not show as it is.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}
