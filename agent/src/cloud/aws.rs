//! The account over the AWS SDK: one client a region, each call counted, each error put into one of our kinds.
//!
//! Retries are the SDK's (adaptive: a throttled account slows us down before it slows its people down); nothing here
//! retries. What SDK shapes mean in our words is in `map`.

use super::{
    ChangeSetRequest, Cloud, CloudError, Lookup, Put, Template, Trouble, alarms, count::Calls, drift, is_secret, map,
    objects, probe::Prober, trail, trouble::trouble,
};
use aws_config::SdkConfig;
use aws_sdk_cloudformation as cfn;
use cfn::types::{ChangeSetType, DeploymentMode};
use jiff::Timestamp;
use manifests::id::{AccountId, Region, ResourcePath, StackKey};
use plan::{
    adopt::Existing,
    drift::seen::{Detection, Deviation, Member, Place, Resource},
    facts::{ChangeSet, FailedEvent, FailedHook, FoundStack, StackEvent},
    permit::{Act, Permit},
    shelf::{Object, Shelf},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// One AWS account, through the credentials that the SDK found.
pub struct Aws {
    config: SdkConfig,
    calls: Calls,
    clients: RefCell<BTreeMap<Region, cfn::Client>>,
}

/// Whose credentials there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The user, or the role with its session: who it was, as CloudTrail has it too.
    pub arn: String,
}

impl Caller {
    /// The last part of the ARN: a user's name, a role's session (often an address), or `root`.
    pub fn name(&self) -> &str {
        self.arn.rsplit(['/', ':']).next().filter(|name| !name.is_empty()).unwrap_or("somebody")
    }
}

impl Aws {
    /// An account over this configuration.
    pub fn new(config: SdkConfig, calls: Calls) -> Self {
        Self { config, calls, clients: RefCell::default() }
    }

    /// Whose credentials these are (`sts:GetCallerIdentity`).
    ///
    /// # Errors
    /// When AWS can't be asked, or answers no account.
    pub async fn caller(&self) -> Result<Caller, CloudError> {
        const CALL: &str = "sts:GetCallerIdentity";
        let config = aws_sdk_sts::config::Builder::from(&self.config).interceptor(self.calls.clone());
        let sts = aws_sdk_sts::Client::from_conf(config.build());
        let answer = sts.get_caller_identity().send().await.map_err(|error| trouble(CALL, &error))?;
        let account = answer.account().unwrap_or_default().parse().map_err(|error| CloudError::odd(CALL, &error))?;
        Ok(Caller { account, arn: answer.arn().unwrap_or_default().to_owned() })
    }

    /// How many stacks a region of the account may have, if CloudFormation says (`cloudformation:DescribeAccountLimits`).
    ///
    /// # Errors
    /// When AWS can't be asked.
    pub(crate) async fn most_stacks(&self, region: &Region) -> Result<Option<usize>, CloudError> {
        const CALL: &str = "cloudformation:DescribeAccountLimits";
        let answer = self.cfn(region).describe_account_limits().send().await.map_err(|error| trouble(CALL, &error))?;
        let most = answer.account_limits().iter().find(|limit| limit.name() == Some("StackLimit"));
        Ok(most.and_then(|limit| limit.value()).and_then(|value| usize::try_from(value).ok()))
    }

    /// Who asks in a region whether calls are let in.
    pub(crate) fn prober(&self, region: &Region) -> Prober<'_> {
        Prober::new(self.cfn(region), (&self.config, &self.calls), region)
    }

    fn cfn(&self, region: &Region) -> cfn::Client {
        let mut clients = self.clients.borrow_mut();
        let client = clients.entry(region.clone()).or_insert_with(|| {
            let config = cfn::config::Builder::from(&self.config)
                .region(cfn::config::Region::new(region.to_string()))
                .interceptor(self.calls.clone());
            cfn::Client::from_conf(config.build())
        });
        client.clone()
    }
}

impl Cloud for Aws {
    async fn account(&self) -> Result<AccountId, CloudError> {
        Ok(self.caller().await?.account)
    }

    async fn stacks(&self, region: &Region) -> Result<Vec<(StackKey, FoundStack)>, CloudError> {
        const CALL: &str = "cloudformation:DescribeStacks";
        let client = self.cfn(region);
        let mut stacks = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = client.describe_stacks().set_next_token(token.clone());
            let page = request.send().await.map_err(|error| trouble(CALL, &error))?;
            for stack in page.stacks() {
                stacks.push(map::stack(region, stack).map_err(|why| CloudError::odd(CALL, &why))?);
            }
            // A token that comes again would page for ever.
            match page.next_token().filter(|next| !next.is_empty()) {
                None => return Ok(stacks),
                Some(next) if token.as_deref() == Some(next) => {
                    return Err(CloudError::odd(CALL, &"the same page token came twice"));
                }
                Some(next) => token = Some(next.to_owned()),
            }
        }
    }

    async fn stack(&self, key: &StackKey) -> Result<Option<Existing>, CloudError> {
        const CALL: &str = "cloudformation:DescribeStacks";
        let page = match self.cfn(&key.region).describe_stacks().stack_name(key.stack.as_str()).send().await {
            Ok(page) => page,
            Err(error) => match trouble(CALL, &error) {
                error if error.problem == Trouble::NotFound => return Ok(None),
                error => return Err(error),
            },
        };
        let existing = page.stacks().first().map(|stack| map::existing(&key.region, stack));
        existing.transpose().map_err(|why| CloudError::odd(CALL, &why))
    }

    async fn template(&self, key: &StackKey, stack_id: &str) -> Result<String, CloudError> {
        const CALL: &str = "cloudformation:GetTemplate";
        let original = cfn::types::TemplateStage::Original;
        let call = self.cfn(&key.region).get_template().stack_name(stack_id).template_stage(original);
        let answer = call.send().await.map_err(|error| trouble(CALL, &error))?;
        answer.template_body().map(ToOwned::to_owned).ok_or_else(|| CloudError::odd(CALL, &"the answer was empty"))
    }

    async fn create_change_set(&self, request: &ChangeSetRequest<'_>) -> Result<(), CloudError> {
        const CALL: &str = "cloudformation:CreateChangeSet";
        let ChangeSetRequest { key, create, nested, revert, name, template, asked, kept, description } = *request;
        // No `OnStackFailure`: it excludes `DisableRollback`, which execution always sends.
        let call = self
            .cfn(&key.region)
            .create_change_set()
            .stack_name(key.stack.as_str())
            .change_set_name(name)
            .client_token(name)
            .description(description)
            .change_set_type(if create { ChangeSetType::Create } else { ChangeSetType::Update })
            .set_import_existing_resources(asked.import_existing.then_some(true))
            .set_include_nested_stacks(nested.then_some(true))
            .set_deployment_mode(revert.then_some(DeploymentMode::RevertDrift))
            .set_role_arn(asked.role.as_ref().map(ToString::to_string))
            .set_parameters(Some(map::parameters(&asked.parameters, kept)))
            .set_tags(Some(map::tags(&asked.tags)))
            .set_capabilities(Some(map::capabilities(&asked.capabilities)))
            // Always sent, also when empty: a configuration that is left out stays as it was.
            .rollback_configuration(map::rollback(&asked.alarms, asked.monitor_min));
        let call = match template {
            Template::Inline(body) => call.template_body(body),
            Template::Url(url) => call.template_url(url),
            Template::Kept => call.use_previous_template(true),
        };
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match trouble(CALL, &error) {
                // A request's name is its fingerprint; what one goes by that reverts may have changed since.
                error if error.problem == Trouble::AlreadyExists && !request.revert => Ok(()),
                error => Err(unread(error)),
            },
        }
    }

    async fn change_set(&self, key: &StackKey, name: &str, values: bool) -> Result<ChangeSet, CloudError> {
        let client = self.cfn(&key.region);
        // An ARN is of one stack, which may be another one: a nested change set.
        let stack = (!name.starts_with("arn:")).then(|| key.stack.as_str());
        let (mut set, nested) = described(&client, stack, name, values).await?;
        let mut left: Vec<(ResourcePath, String)> = nested;
        // Each is one call; a tree of stacks that is larger is left opaque from there on.
        for _ in 0..NESTED {
            let Some((path, arn)) = left.pop() else { break };
            let (inner, nested) = described(&client, None, &arn, values).await?;
            left.extend(nested.into_iter().map(|(inside, arn)| (inside.inside(&path), arn)));
            map::walk(&mut set, &path, inner);
        }
        Ok(set)
    }

    async fn delete_change_set(&self, key: &StackKey, name: &str) -> Result<(), CloudError> {
        let call = self.cfn(&key.region).delete_change_set().stack_name(key.stack.as_str()).change_set_name(name);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match trouble("cloudformation:DeleteChangeSet", &error) {
                error if error.problem == Trouble::NotFound => Ok(()),
                error => Err(error),
            },
        }
    }

    async fn validation(&self, key: &StackKey, change_set: &str) -> Result<Vec<FailedEvent>, CloudError> {
        // One page holds more than a sentence can.
        let filter = cfn::types::EventFilter::builder().failed_events(true).build();
        let call = self.cfn(&key.region).describe_events().change_set_name(change_set).filters(filter);
        let page = call.send().await.map_err(|error| trouble("cloudformation:DescribeEvents", &error))?;
        Ok(page.operation_events().iter().filter_map(map::validation).collect())
    }

    async fn hooks(&self, key: &StackKey, change_set: &str) -> Result<Vec<FailedHook>, CloudError> {
        const CALL: &str = "cloudformation:ListHookResults";
        let client = self.cfn(&key.region);
        let call = client.list_hook_results().target_type(cfn::types::ListHookResultsTargetType::ChangeSet);
        let page = call.target_id(change_set).send().await.map_err(|error| trouble(CALL, &error))?;
        Ok(page.hook_results().iter().filter_map(map::hook).collect())
    }

    async fn act(&self, permit: &Permit) -> Result<(), CloudError> {
        let client = self.cfn(&permit.key().region);
        match permit.act() {
            Act::Execute { change_set, stack_id } => {
                const CALL: &str = "cloudformation:ExecuteChangeSet";
                // `DisableRollback` is always sent: its documented default is not the one that everybody expects.
                // `RetainExceptOnCreate`: a failed creation leaves nothing behind whose name would block the next.
                let call = client
                    .execute_change_set()
                    // The change set's ARN would do; that it is this stack's lets a policy name the stack.
                    .stack_name(stack_id)
                    .change_set_name(change_set)
                    .client_request_token(permit.token())
                    .disable_rollback(false)
                    .retain_except_on_create(true);
                call.send().await.map(drop).map_err(|error| trouble(CALL, &error))
            }
            Act::Continue { stack_id, skip } => {
                const CALL: &str = "cloudformation:ContinueUpdateRollback";
                let skip = (!skip.is_empty()).then(|| skip.iter().map(ToString::to_string).collect());
                let call = client.continue_update_rollback().stack_name(stack_id).set_resources_to_skip(skip);
                let call = call.client_request_token(permit.token());
                call.send().await.map(drop).map_err(|error| trouble(CALL, &error))
            }
            Act::RollBack { stack_id } => {
                let call = client.rollback_stack().stack_name(stack_id).client_request_token(permit.token());
                let call = call.retain_except_on_create(true);
                call.send().await.map(drop).map_err(|error| trouble("cloudformation:RollbackStack", &error))
            }
            Act::Delete { stack_id, retain } => {
                let retain = (!retain.is_empty()).then(|| retain.iter().map(ToString::to_string).collect());
                let call = client.delete_stack().stack_name(stack_id).client_request_token(permit.token());
                let call = call.set_retain_resources(retain);
                call.send().await.map(drop).map_err(|error| trouble("cloudformation:DeleteStack", &error))
            }
        }
    }

    async fn events(
        &self,
        region: &Region,
        stack: &str,
        since: Option<Timestamp>,
    ) -> Result<Vec<StackEvent>, CloudError> {
        const CALL: &str = "cloudformation:DescribeStackEvents";
        // A hundred events each.
        const PAGES: usize = 20;
        let client = self.cfn(region);
        let mut events: Vec<StackEvent> = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let request = client.describe_stack_events().stack_name(stack).set_next_token(next.take());
            let page = request.send().await.map_err(|error| trouble(CALL, &error))?;
            events.extend(page.stack_events().iter().filter_map(map::event));
            next = page.next_token().filter(|next| !next.is_empty()).map(ToOwned::to_owned);
            let enough = since.is_some_and(|since| events.last().is_some_and(|oldest| oldest.at < since));
            if next.is_none() || enough {
                break;
            }
        }
        Ok(events)
    }

    async fn parameters(
        &self,
        region: &Region,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Result<String, String>>, CloudError> {
        const CALL: &str = "ssm:GetParameters";
        const PER_CALL: usize = 10;
        let config = aws_sdk_ssm::config::Builder::from(&self.config)
            .region(aws_sdk_ssm::config::Region::new(region.to_string()))
            .interceptor(self.calls.clone());
        let ssm = aws_sdk_ssm::Client::from_conf(config.build());
        let names: Vec<String> = names.iter().cloned().collect();
        let mut values = BTreeMap::new();
        for names in names.chunks(PER_CALL) {
            let answer = ssm.get_parameters().set_names(Some(names.to_vec())).send().await;
            let answer = answer.map_err(|error| trouble(CALL, &error))?;
            for parameter in answer.parameters() {
                let secret = parameter.r#type() == Some(&aws_sdk_ssm::types::ParameterType::SecureString);
                if let (Some(name), Some(value)) = (parameter.name(), parameter.value()) {
                    let value = if secret { Err(is_secret(name)) } else { Ok(value.to_owned()) };
                    values.insert(name.to_owned(), value);
                }
            }
        }
        Ok(values)
    }

    async fn detect(&self, place: &Place) -> Result<String, CloudError> {
        drift::detect(&self.cfn(&place.key.region), place).await
    }

    async fn detection(&self, region: &Region, id: &str) -> Result<Detection, CloudError> {
        drift::detection(&self.cfn(region), id).await
    }

    async fn detect_resource(&self, place: &Place, logical: &str) -> Result<Deviation, CloudError> {
        drift::resource(&self.cfn(&place.key.region), place, logical).await
    }

    async fn resources(&self, place: &Place) -> Result<Vec<Resource>, CloudError> {
        drift::resources(&self.cfn(&place.key.region), place).await
    }

    async fn deviations(&self, place: &Place) -> Result<Vec<Deviation>, CloudError> {
        drift::deviations(&self.cfn(&place.key.region), place).await
    }

    async fn owner(&self, region: &Region, physical: &str) -> Result<Option<Member>, CloudError> {
        drift::owner(&self.cfn(region), region, physical).await
    }

    async fn trail(&self, region: &Region, what: &Lookup<'_>) -> Result<Vec<String>, CloudError> {
        trail::lookup(&self.config, &self.calls, region, what).await
    }

    async fn alarms(&self, region: &Region, names: &BTreeSet<String>) -> Result<BTreeMap<String, String>, CloudError> {
        alarms::states(&self.config, &self.calls, region, names).await
    }

    async fn put(&self, put: &Put<'_>) -> Result<String, CloudError> {
        objects::put(&self.config, &self.calls, put).await
    }

    async fn shelved(&self, shelf: &Shelf, prefix: &str) -> Result<Vec<Object>, CloudError> {
        objects::listed(&self.config, &self.calls, shelf, prefix).await
    }

    async fn clear(&self, shelf: &Shelf, keys: &[&str]) -> Result<(), CloudError> {
        objects::clear(&self.config, &self.calls, shelf, keys).await
    }

    fn time(&self) -> Option<Timestamp> {
        self.calls.time()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.so_far()
    }
}

/// CloudFormation reads a template in our name, and calls it the request's fault when it may not.
fn unread(error: CloudError) -> CloudError {
    if error.message.contains("S3 error: Access Denied") {
        return CloudError { call: "s3:GetObject", problem: Trouble::Denied, ..error };
    }
    error
}

/// How many nested change sets of one change are looked into.
const NESTED: usize = 50;

/// One change set, all pages, and the change sets of the stacks nested in it.
async fn described(
    client: &cfn::Client,
    stack: Option<&str>,
    name: &str,
    values: bool,
) -> Result<(ChangeSet, Vec<(ResourcePath, String)>), CloudError> {
    const CALL: &str = "cloudformation:DescribeChangeSet";
    let mut all: Option<ChangeSet> = None;
    let mut nested = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let request = client.describe_change_set().set_stack_name(stack.map(ToOwned::to_owned)).change_set_name(name);
        // The plain description is asked for by leaving the parameter out: some emulators take `false` for `true`.
        let request = if values { request.include_property_values(true) } else { request };
        let page = request.set_next_token(token.take()).send().await.map_err(|error| trouble(CALL, &error))?;
        let next = page.next_token().filter(|next| !next.is_empty()).map(ToOwned::to_owned);
        nested.extend(map::nested(&page));
        let page = map::change_set(&page).map_err(|why| CloudError::odd(CALL, &why))?;
        match &mut all {
            None => all = Some(page),
            Some(all) => all.changes.extend(page.changes),
        }
        token = next;
        if token.is_none() {
            return all.map(|all| (all, nested)).ok_or_else(|| CloudError::odd(CALL, &"the answer was empty"));
        }
    }
}
