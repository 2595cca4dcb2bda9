//! One Stack as it was written in, one [`Stack`] as the model has it out, or every reason why not.
//!
//! The limits are CloudFormation's own ("AWS CloudFormation quotas" and the API reference of `CreateChangeSet`), checked
//! here so that they are told with a line, before anything is asked of an account.
//!
//! Not here: what takes two manifests to see. [`crate::graph`] looks at those.

use crate::{
    artifact, check, drift,
    findings::Findings,
    id::{LogicalId, Name, RepoPath, ResourcePath, StackName},
    parameter::{Output, Parameter, Reference},
    parse::Tree,
    stack::{Allow, Limits, Location, Recovery, Rollback, Stack, Targets, Value},
    typed::At,
    written,
    written::{Allowed, StackManifest, Suspend, Texts},
    yaml::{Fault, Mark, brief},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Larger templates can't be given to CloudFormation at all (quota: 1 MB in S3).
const MAX_TEMPLATE: u64 = 1_000_000;
const MAX_PARAMETERS: usize = 200;
const MAX_VALUE: usize = 4_096;
const MAX_TAGS: usize = 50;
const MAX_TAG_VALUE: usize = 256;
const MAX_ALARMS: usize = 5;
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A manifest that another one names, and where it does.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) name: Name,
    pub(crate) at: Mark,
}

/// A stack whose own text is sound.
pub(crate) struct Sound {
    pub(crate) stack: Arc<Stack>,
    pub(crate) needs: Vec<Need>,
}

/// The stack that a manifest asks for. `None` when `findings` say why not.
pub(crate) fn stack(
    written: &StackManifest,
    name: Name,
    at: Location,
    tree: &impl Tree,
    findings: &mut Findings<'_>,
) -> Option<Sound> {
    let spec = &written.spec;
    let stack_name = match &spec.stack_name {
        Some(text) => findings.id(text),
        None => name.as_str().parse::<StackName>().ok(), // a Name is a stack name, letter by letter
    };
    let mut needs = needs(&spec.depends_on, findings);
    let parameters = parameters(&spec.parameters, &mut needs, findings);
    let template = template(&spec.template.path, tree, findings);
    let artifacts = artifact::artifacts(&spec.artifacts, &spec.parameters, tree, findings);
    let regions = spec.regions.as_ref().map(|regions| {
        not_empty(regions, regions.value.is_empty(), "every account's home region", findings);
        findings.ids(&regions.value)
    });
    let stack = Stack {
        labels: labels(&written.metadata.labels, findings),
        targets: targets(spec.targets.as_ref(), findings),
        regions: regions.unwrap_or_default(),
        parameters,
        artifacts,
        tags: tags(&spec.tags, findings),
        capabilities: spec.capabilities.iter().map(|capability| capability.value).collect(),
        role: spec.role_arn.as_ref().and_then(|text| findings.id(text)),
        depends_on: needs.iter().map(|need| need.name.clone()).collect(),
        prune: spec.prune,
        adopt: spec.adopt,
        import_existing: spec.import_existing,
        deletion: spec.deletion_policy,
        limits: spec.limits.as_ref().map(limits).unwrap_or_default(),
        allow: allow(&spec.allow, findings),
        rollback: spec.rollback.as_ref().map(|rollback| self::rollback(rollback, findings)).unwrap_or_default(),
        recovery: spec.recovery.as_ref().map(|recovery| self::recovery(recovery, findings)).unwrap_or_default(),
        drift: drift::drift(spec.drift.as_ref(), findings),
        checks: check::checks(&spec.checks, findings),
        provides: provides(&spec.provides, findings),
        timeout: timeout(spec.timeout.as_ref(), findings),
        suspend: spec.suspend.as_ref().map(|suspend| self::suspend(suspend, findings)),
        stack_name: stack_name?,
        template: template?,
        name,
        at,
    };
    findings.none().then(|| Sound { stack: Arc::new(stack), needs })
}

/// Where an empty list would read as "none" to some and as "all" to others, it is refused.
fn not_empty<T>(list: &At<T>, empty: bool, all: &str, findings: &mut Findings<'_>) {
    if empty {
        findings.fault(Fault::new(list.at, "nothing is listed here").hint(format!("for {all}, leave the field out")));
    }
}

fn needs(depends_on: &[At<String>], findings: &mut Findings<'_>) -> Vec<Need> {
    let names: Vec<Name> = findings.ids(depends_on);
    // Where a name is malformed the two do not pair up, and then there is no stack that they would be for.
    names.into_iter().zip(depends_on).map(|(name, text)| Need { name, at: text.at }).collect()
}

/// The template's path from the repository's root, if it is there and CloudFormation would take it.
fn template(path: &At<String>, tree: &impl Tree, findings: &mut Findings<'_>) -> Option<RepoPath> {
    let resolved =
        findings.file.beside(&path.value).map_err(|malformed| findings.refuse(path.at, malformed.to_string())).ok()?;
    match tree.size(&resolved) {
        None => {
            let fault = Fault::new(path.at, format!("the template `{resolved}` is not in this commit"));
            findings.fault(fault.hint("the path is relative to the manifest's own folder"));
        }
        Some(size) if size > MAX_TEMPLATE => {
            let fault = Fault::new(
                path.at,
                format!("the template `{resolved}` has {size} bytes, CloudFormation takes at most {MAX_TEMPLATE}"),
            );
            findings.fault(fault.hint("split it into several stacks"));
        }
        Some(_) => {}
    }
    Some(resolved)
}

pub(crate) fn targets(written: Option<&written::Targets>, findings: &mut Findings<'_>) -> Targets {
    let Some(written::Targets { accounts, labels: wanted, exclude }) = written else { return Targets::default() };
    let mut targets = Targets::default();
    if let Some(accounts) = accounts {
        not_empty(accounts, accounts.value.is_empty(), "every account", findings);
        targets.accounts = accounts.value.iter().filter_map(|text| findings.account(text)).collect();
    }
    if let Some(wanted) = wanted {
        not_empty(wanted, wanted.value.is_empty(), "accounts of any label", findings);
        targets.labels = labels(&wanted.value, findings);
    }
    if let Some(exclude) = exclude {
        targets.exclude_accounts = exclude.accounts.iter().filter_map(|text| findings.account(text)).collect();
        targets.exclude_labels = labels(&exclude.labels, findings);
    }
    targets
}

/// Labels: short texts by short keys.
pub(crate) fn labels(written: &Texts, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    for (key, value) in written {
        findings.length(key, "the label", 128);
        if !value.value.is_empty() {
            findings.length(value, "the label's value", 256);
        }
    }
    plain(written)
}

fn plain(written: &Texts) -> BTreeMap<String, String> {
    written.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect()
}

fn tags(written: &Texts, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    if let Some((key, _)) = written.iter().nth(MAX_TAGS) {
        findings.refuse(key.at, format!("{} tags are too many, CloudFormation takes {MAX_TAGS}", written.len()));
    }
    for (key, value) in written {
        findings.length(key, "the tag's key", 128);
        if !value.value.is_empty() {
            findings.length(value, "the tag's value", 256);
        }
        let lower = key.value.to_ascii_lowercase();
        if let Some(owner) = ["aws:", "holdfast:"].into_iter().find(|prefix| lower.starts_with(prefix)) {
            findings.refuse(
                key.at,
                format!(
                    "the tag `{}` is reserved: nobody else may set tags that begin with `{owner}`",
                    brief(&key.value)
                ),
            );
        }
    }
    plain(written)
}

fn parameters(
    written: &BTreeMap<At<String>, At<Parameter>>,
    needs: &mut Vec<Need>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, Value> {
    if let Some((key, _)) = written.iter().nth(MAX_PARAMETERS) {
        findings.refuse(
            key.at,
            format!("{} parameters are too many, CloudFormation takes {MAX_PARAMETERS}", written.len()),
        );
    }
    let mut parameters = BTreeMap::new();
    for (key, parameter) in written {
        findings.id::<LogicalId>(key);
        let value = match &parameter.value {
            Parameter::Literal(text) => Some(Value::Literal(text.clone())),
            Parameter::List(items) => list(items, findings),
            Parameter::Reference(reference) => self::reference(reference, parameter.at, needs, findings),
        };
        if let Some(Value::Literal(text)) = &value
            && text.len() > MAX_VALUE
        {
            findings.refuse(
                parameter.at,
                format!("the value has {} bytes, CloudFormation takes at most {MAX_VALUE}", text.len()),
            );
        }
        parameters.extend(value.map(|value| (key.value.clone(), value)));
    }
    parameters
}

/// A list as CloudFormation's `CommaDelimitedList` is given: an item with a comma in it would become two.
fn list(items: &[At<String>], findings: &mut Findings<'_>) -> Option<Value> {
    if let Some(item) = items.iter().find(|item| item.value.contains(',')) {
        findings.refuse(
            item.at,
            format!("`{}` has a comma in it, and a list's items are joined with commas", brief(&item.value)),
        );
        return None;
    }
    let items: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
    Some(Value::Literal(items.join(",")))
}

fn reference(written: &Reference, at: Mark, needs: &mut Vec<Need>, findings: &mut Findings<'_>) -> Option<Value> {
    match written {
        Reference { label: Some(label), output: None, ssm: None } => {
            findings.length(label, "the label", 128);
            Some(Value::Label(label.value.clone()))
        }
        Reference { label: None, output: Some(output), ssm: None } => self::output(output, needs, findings),
        Reference { label: None, output: None, ssm: Some(name) } => {
            findings.parameter(name);
            Some(Value::Ssm(name.value.clone()))
        }
        Reference { .. } => {
            findings.refuse(at, "a reference is exactly one of `{label: …}`, `{output: …}` and `{ssm: …}`");
            None
        }
    }
}

fn output(written: &Output, needs: &mut Vec<Need>, findings: &mut Findings<'_>) -> Option<Value> {
    let stack: Option<Name> = findings.id(&written.stack);
    findings.id::<LogicalId>(&written.key);
    let region = written.region.as_ref().and_then(|text| findings.id(text));
    let stack = stack?;
    needs.push(Need { name: stack.clone(), at: written.stack.at });
    Some(Value::Output { stack, key: written.key.value.clone(), region })
}

fn limits(written: &written::Limits) -> Limits {
    Limits { removals: written.removals, replacements: written.replacements }
}

fn allow(written: &[At<Allowed>], findings: &mut Findings<'_>) -> Allow {
    let mut allow = Allow::default();
    for entry in written {
        let Allowed { remove, replace, reason } = &entry.value;
        if let Some(reason) = reason {
            findings.length(reason, "the reason", 256);
        }
        let reason = reason.as_ref().map(|reason| reason.value.clone());
        let resource = |text| findings.id::<ResourcePath>(text).map(|resource| (resource, reason));
        match (remove, replace) {
            (Some(text), None) => allow.remove.extend(resource(text)),
            (None, Some(text)) => allow.replace.extend(resource(text)),
            (None, None) | (Some(_), Some(_)) => {
                findings.refuse(entry.at, "each entry is exactly one of `{remove: …}` and `{replace: …}`");
            }
        }
    }
    allow
}

fn rollback(written: &written::Rollback, findings: &mut Findings<'_>) -> Rollback {
    if let Some(alarm) = written.alarms.get(MAX_ALARMS) {
        findings.refuse(
            alarm.at,
            format!("{} alarms are too many, CloudFormation takes {MAX_ALARMS}", written.alarms.len()),
        );
    }
    let alarms = findings.ids(&written.alarms);
    let monitor = written.monitor.as_ref().and_then(|text| {
        let monitor = findings.duration(text, 0, 180 * 60, "alarms are watched for at most 180m")?;
        if monitor.as_secs() % 60 != 0 {
            findings
                .refuse(text.at, format!("`{}` is not in whole minutes, and CloudFormation counts those", text.value));
        }
        Some(monitor)
    });
    Rollback { alarms, monitor: monitor.unwrap_or_default() }
}

fn recovery(written: &written::Recovery, findings: &mut Findings<'_>) -> Recovery {
    let (skip, retain): (Vec<LogicalId>, Vec<LogicalId>) = (findings.ids(&written.skip), findings.ids(&written.retain));
    let (mut length, mut last) = (0, None);
    for text in &written.retain {
        length += text.value.len() + usize::from(last.is_some());
        last = Some(text);
    }
    if let Some(last) = last.filter(|_| length > MAX_TAG_VALUE) {
        let why =
            format!("the names to retain take {length} characters, and a tag that holds them has {MAX_TAG_VALUE}");
        findings.refuse(last.at, why);
    }
    Recovery { skip: skip.into_iter().collect(), retain: retain.into_iter().collect() }
}

fn provides(written: &[At<String>], findings: &mut Findings<'_>) -> BTreeSet<String> {
    for control in written {
        findings.length(control, "the control's name", 128);
    }
    written.iter().map(|control| control.value.clone()).collect()
}

fn timeout(written: Option<&At<String>>, findings: &mut Findings<'_>) -> Duration {
    let said = written.and_then(|text| findings.duration(text, 60, 7 * 86_400, "a change may take from 1m to 7d"));
    said.unwrap_or(TIMEOUT)
}

fn suspend(written: &Suspend, findings: &mut Findings<'_>) -> String {
    findings.length(&written.reason, "the reason", 256);
    written.reason.value.trim().to_owned()
}
