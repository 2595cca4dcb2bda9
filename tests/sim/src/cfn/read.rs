//! The actions that only answer.

use super::{
    Cfn,
    api::{
        CfnError, Page, Parameter, StackDescription, StackResourceDescription, StackSummary, TemplateParameter,
        TemplateSource, TemplateSummary,
    },
    guard, invalid,
    stack::{Member, Stack},
    words::ResourceDriftStatus,
};
use crate::{
    fault::Fault,
    template::{Template, parameters::Given},
};
use plan::facts::Status;
use std::collections::{BTreeMap, BTreeSet};

/// Entries on a page of most listings.
const PAGE: usize = 100;
/// Characters on a page of DescribeStacks.
const PAGE_SIZE: usize = 1_000_000;
/// DescribeStacks answers that are remembered for stale reads.
const PAST: usize = 16;

/// A parameter as answers show it: masked, if it asked for that.
pub(crate) fn parameters(given: &BTreeMap<String, Given>) -> Vec<Parameter> {
    let shown = given.iter().map(|(key, given)| Parameter {
        key: key.clone(),
        value: Some(if given.no_echo { "****".to_owned() } else { given.text.clone() }),
        use_previous_value: false,
        resolved_value: given.resolved.clone(),
    });
    shown.collect()
}

/// Where a page begins: its number, from 1, and its first entry.
fn place(next_token: Option<&str>) -> Result<(usize, usize), CfnError> {
    let Some(token) = next_token else { return Ok((1, 0)) };
    let parts = token.strip_prefix("page-").and_then(|rest| rest.split_once('-'));
    let numbers = parts.and_then(|(page, first)| Some((page.parse().ok()?, first.parse().ok()?)));
    numbers.ok_or_else(|| invalid("Invalid NextToken"))
}

/// One page of a listing.
pub(crate) fn page<T>(all: Vec<T>, next_token: Option<&str>, most: usize) -> Result<Page<T>, CfnError> {
    page_by(all, next_token, most, |_| 0)
}

fn page_by<T>(
    all: Vec<T>,
    next_token: Option<&str>,
    most: usize,
    size: impl Fn(&T) -> usize,
) -> Result<Page<T>, CfnError> {
    let (number, first) = place(next_token)?;
    let total = all.len();
    let mut room = PAGE_SIZE;
    let mut items = vec![];
    for item in all.into_iter().skip(first).take(most) {
        let needs = size(&item);
        if needs > room && !items.is_empty() {
            break;
        }
        room = room.saturating_sub(needs);
        items.push(item);
    }
    let next = first + items.len();
    let next_token = (next < total).then(|| format!("page-{}-{next}", number + 1));
    Ok(Page { items, next_token })
}

/// About how much room a stack takes in an answer.
fn size(stack: &StackDescription) -> usize {
    let outputs: usize = stack.outputs.iter().map(|o| 200 + o.key.len() + o.value.len()).sum();
    let parameters: usize =
        stack.parameters.iter().map(|p| 150 + p.key.len() + p.value.as_ref().map_or(0, String::len)).sum();
    let tags: usize = stack.tags.iter().map(|(key, value)| 60 + key.len() + value.len()).sum();
    1_500 + outputs + parameters + tags
}

impl Cfn<'_> {
    /// A stack by name or ARN. A name leads to the one that is not deleted.
    pub(crate) fn look(&mut self, name: &str) -> Result<&Stack, CfnError> {
        let stacks = self.stacks();
        let id = if name.starts_with("arn:") { name } else { stacks.names.get(name).map_or(name, String::as_str) };
        stacks.stacks.get(id).ok_or_else(|| invalid(format!("Stack with id {name} does not exist")))
    }

    /// The same for the actions that say it in other words.
    pub(crate) fn look_at(&mut self, name: &str) -> Result<&Stack, CfnError> {
        self.look(name).map_err(|_| invalid(format!("Stack [{name}] does not exist")))
    }

    /// Whether this page of a listing may be read at all.
    pub(crate) fn whole(&self, next_token: Option<&str>) -> Result<(), CfnError> {
        let (number, _) = place(next_token)?;
        match self.world.present {
            Some(Fault::FailedPage { page }) if page == number => {
                Err(CfnError::new("InternalFailure", 500, "Internal failure"))
            }
            _ => Ok(()),
        }
    }

    /// Every stack of the region in brief, for the operator.
    pub(crate) fn survey(&mut self) -> Vec<serde_json::Value> {
        let region = self.region.clone();
        let stacks = self.stacks().stacks.values();
        let brief = |stack: &Stack| {
            let resources: BTreeMap<&String, serde_json::Value> = stack
                .resources
                .iter()
                .map(|(name, m)| {
                    (name, serde_json::json!({ "type": m.kind, "id": m.physical, "status": m.status.as_str() }))
                })
                .collect();
            serde_json::json!({
                "region": region, "id": stack.id, "name": stack.name, "status": stack.status.as_str(),
                "reason": stack.reason, "changeSet": stack.change_set, "resources": resources,
            })
        };
        stacks.map(brief).collect()
    }

    /// DescribeStacks.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_stacks(
        &mut self,
        stack_name: Option<&str>,
        next_token: Option<&str>,
    ) -> Result<Page<StackDescription>, CfnError> {
        self.whole(next_token)?;
        let stacks = self.stacks();
        let mut all: Vec<StackDescription> =
            stacks.names.values().filter_map(|id| stacks.stacks.get(id)).map(Stack::describe).collect();
        if self.world.faults.remembers() {
            let past = &mut self.stacks().past;
            past.push_front(all.clone());
            past.truncate(PAST);
        }
        let old = match self.world.present {
            Some(Fault::Stale { calls }) => {
                let past = &self.stacks().past;
                past.get(calls).or(past.back()).cloned()
            }
            _ => None,
        };
        let stale = old.is_some();
        all = old.unwrap_or(all);
        let Some(name) = stack_name else { return page_by(all, next_token, PAGE, size) };
        let found = all.into_iter().find(|stack| stack.stack_name == name || stack.stack_id == name);
        let found = match found {
            None if !stale => self.look(name).map(Stack::describe)?,
            found => found.ok_or_else(|| invalid(format!("Stack with id {name} does not exist")))?,
        };
        Ok(Page { items: vec![found], next_token: None })
    }

    /// ListStacks: the deleted ones too. No filter means all.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn list_stacks(&mut self, filter: &[Status], next_token: Option<&str>) -> Result<Page<StackSummary>, CfnError> {
        self.whole(next_token)?;
        let mut all: Vec<StackSummary> = self.stacks().stacks.values().map(Stack::summary).collect();
        all.retain(|stack| filter.is_empty() || filter.contains(&stack.stack_status));
        all.sort_by(|a, b| b.creation_time.cmp(&a.creation_time).then_with(|| a.stack_id.cmp(&b.stack_id)));
        page(all, next_token, PAGE)
    }

    /// DescribeStackResources: the first 100, of a stack or of the stack that has a physical resource.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_stack_resources(
        &mut self,
        stack_name: Option<&str>,
        logical: Option<&str>,
        physical: Option<&str>,
    ) -> Result<Vec<StackResourceDescription>, CfnError> {
        let stack = match (stack_name, physical) {
            (Some(name), None) => self.look(name)?,
            (None, Some(physical)) => {
                let has = |stack: &&Stack| stack.resources.values().any(|m| m.physical.as_deref() == Some(physical));
                let found = self.stacks().stacks.values().filter(|stack| stack.deleted.is_none()).find(has);
                found.ok_or_else(|| invalid(format!("Stack for {physical} does not exist")))?
            }
            _ => return Err(invalid("Exactly one of StackName or PhysicalResourceId must be specified.")),
        };
        let wanted = |(name, _): &(&String, &Member)| logical.is_none_or(|logical| *name == logical);
        Ok(stack.resources.iter().filter(wanted).take(PAGE).map(|(n, m)| resource(stack, n, m)).collect())
    }

    /// ListStackResources.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn list_stack_resources(
        &mut self,
        stack_name: &str,
        next_token: Option<&str>,
    ) -> Result<Page<StackResourceDescription>, CfnError> {
        self.whole(next_token)?;
        let stack = self.look(stack_name)?;
        page(stack.resources.iter().map(|(name, member)| resource(stack, name, member)).collect(), next_token, PAGE)
    }

    /// DescribeStackResource.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn describe_stack_resource(
        &mut self,
        stack_name: &str,
        logical: &str,
    ) -> Result<StackResourceDescription, CfnError> {
        let stack = self.look(stack_name)?;
        let missing = || invalid(format!("Resource {logical} does not exist for stack {}", stack.name));
        let member = stack.resources.get(logical).ok_or_else(missing)?;
        let mut found = resource(stack, logical, member);
        found.metadata = member.metadata.as_ref().map(ToString::to_string);
        Ok(found)
    }

    /// GetTemplate: the text as it was given; none for a stack that was never deployed (issue 273 of
    /// cdklabs/awscdk-v1-stack-finder, and what `cdk deploy` expects between its change set and its execution).
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn get_template(
        &mut self,
        stack_name: Option<&str>,
        change_set_name: Option<&str>,
    ) -> Result<String, CfnError> {
        if let Some(name) = change_set_name {
            return self.find_change_set(name, stack_name).map(|set| set.goal.template.body.clone());
        }
        let stack = self.look(stack_name.unwrap_or_default())?;
        Ok(stack.goal.as_ref().map(|goal| goal.template.body.clone()).unwrap_or_default())
    }

    /// GetTemplateSummary.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn get_template_summary(&mut self, source: &TemplateSource) -> Result<TemplateSummary, CfnError> {
        let Some(name) = &source.stack_name else { return self.validate_template(source) };
        let stack = self.look(name)?;
        let in_review = || invalid(format!("GetTemplateSummary cannot be called on {} stacks.", stack.status.as_str()));
        stack.goal.as_ref().map(|goal| summary(&goal.template)).ok_or_else(in_review)
    }

    /// ValidateTemplate.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn validate_template(&mut self, source: &TemplateSource) -> Result<TemplateSummary, CfnError> {
        let body = self.body(source.template_body.as_deref(), source.template_url.as_deref(), None)?;
        self.read_template(&body).map(|template| summary(&template))
    }
}

fn summary(template: &Template) -> TemplateSummary {
    let parameters = template.parameters.iter().map(|(name, declared)| TemplateParameter {
        parameter_key: name.clone(),
        default_value: declared.default.clone(),
        no_echo: declared.no_echo,
        description: declared.description.clone(),
        parameter_type: declared.kind.clone(),
        allowed_values: declared.allowed_values.clone(),
    });
    let needed = guard::needed(template);
    let types: BTreeSet<&String> = template.resources.values().map(|resource| &resource.kind).collect();
    let iam: Vec<&str> = types.iter().map(|kind| kind.as_str()).filter(|kind| kind.starts_with("AWS::IAM::")).collect();
    TemplateSummary {
        description: template.description.clone(),
        parameters: parameters.collect(),
        capabilities: needed.map(str::to_owned).into_iter().collect(),
        capabilities_reason: needed
            .map(|_| format!("The following resource(s) require capabilities: [{}]", iam.join(", "))),
        resource_types: types.into_iter().cloned().collect(),
        declared_transforms: template.transforms.clone(),
        version: template.version.clone(),
        metadata: template.metadata.as_ref().map(ToString::to_string),
    }
}

fn resource(stack: &Stack, logical: &str, member: &Member) -> StackResourceDescription {
    let drift = member.drift.as_ref().filter(|drift| drift.status != ResourceDriftStatus::NotChecked);
    StackResourceDescription {
        stack_id: stack.id.clone(),
        stack_name: stack.name.clone(),
        logical_resource_id: logical.to_owned(),
        physical_resource_id: member.physical.clone(),
        resource_type: member.kind.clone(),
        timestamp: member.at,
        resource_status: member.status,
        resource_status_reason: member.reason.clone(),
        drift_status: drift.map_or(ResourceDriftStatus::NotChecked, |drift| drift.status),
        drift_checked: drift.map(|drift| drift.timestamp),
        metadata: None,
    }
}
