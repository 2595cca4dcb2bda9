//! Whether calls are let in, asked without changing anything: each is made for something that is not there, or under a
//! condition that does not hold, so that whoever is let in is told just that.
//!
//! Only an answer that speaks of what was named proves that it was looked for, and AWS authorizes before it looks. Every other
//! refusal proves nothing: an input may be found wrong before anybody asks who sent it. The name is part of the question,
//! because a policy may allow a call for some names only.
//!
//! Not here: a call that can't be asked about like this (`sns:Publish` is a message, `s3:DeleteObject` leaves a marker in a
//! bucket with versions); and no permit, because there is nothing that could be done.

use super::{CloudError, Trouble, count::Calls, objects, trouble::trouble};
use aws_config::SdkConfig;
use aws_sdk_cloudformation as cfn;
use aws_sdk_ssm as ssm;
use aws_smithy_types::base64;
use cfn::types::{ChangeSetType, ListHookResultsTargetType};
use manifests::id::{Arn, Digest, Region};
use plan::{resolve::OWNER, shelf::Shelf};

/// A call, and whether it is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    /// `service:Action`, as an IAM policy spells it.
    pub(crate) call: &'static str,
    /// That it is, or why it is not, or why that could not be told.
    pub(crate) answer: Result<(), CloudError>,
}

/// A call of which only matters whether it was let in.
pub(crate) fn let_in<T>(call: &'static str, answer: Result<T, CloudError>) -> Probe {
    let answer = match answer {
        Ok(_) => Ok(()),
        Err(error) => match error.problem {
            Trouble::NotFound | Trouble::Busy | Trouble::AlreadyExists => Ok(()),
            Trouble::Denied
            | Trouble::Credentials
            | Trouble::Unavailable
            | Trouble::Invalid
            | Trouble::Limit
            | Trouble::Other => Err(error),
        },
    };
    Probe { call, answer }
}

/// What tells a change set of ours, by which a policy may let it in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks<'a> {
    /// A change set's name, which nobody has.
    pub(crate) change_set: &'a str,
    /// The installation's name.
    pub(crate) owner: &'a str,
    /// The service role of stacks whose manifests name none.
    pub(crate) role: Option<&'a Arn>,
}

/// Who asks, in one region.
pub(crate) struct Prober<'a> {
    cfn: cfn::Client,
    config: &'a SdkConfig,
    calls: &'a Calls,
    region: Region,
}

impl<'a> Prober<'a> {
    pub(super) fn new(cfn: cfn::Client, (config, calls): (&'a SdkConfig, &'a Calls), region: &Region) -> Self {
        Self { cfn, config, calls, region: region.clone() }
    }

    /// The calls that look at a stack and at a change set (ARN), neither of which anybody has.
    pub(crate) async fn looks(&self, stack: &str, change_set: &str) -> [Probe; 4] {
        let set = self.cfn.describe_change_set().stack_name(stack).change_set_name(stack).send().await;
        let happened = self.cfn.describe_stack_events().stack_name(stack).send().await;
        let events = self.cfn.describe_events().stack_name(stack).send().await;
        let hooks = self.cfn.list_hook_results().target_type(ListHookResultsTargetType::ChangeSet);
        let hooks = hooks.target_id(change_set).send().await;
        [
            asked("cloudformation:DescribeChangeSet", set),
            asked("cloudformation:DescribeStackEvents", happened),
            asked("cloudformation:DescribeEvents", events),
            asked("cloudformation:ListHookResults", hooks),
        ]
    }

    /// The calls that look for drift of a stack that nobody has.
    pub(crate) async fn drift(&self, stack: &str) -> [Probe; 6] {
        const NOBODYS: &str = "00000000-0000-0000-0000-000000000000";
        let detect = self.cfn.detect_stack_drift().stack_name(stack).send().await;
        let one = self.cfn.detect_stack_resource_drift().stack_name(stack).logical_resource_id(stack.replace('-', ""));
        let one = one.send().await;
        let status = self.cfn.describe_stack_drift_detection_status().stack_drift_detection_id(NOBODYS).send().await;
        let drifts = self.cfn.describe_stack_resource_drifts().stack_name(stack).send().await;
        let resources = self.cfn.list_stack_resources().stack_name(stack).send().await;
        let owner = self.cfn.describe_stack_resources().physical_resource_id(stack).send().await;
        [
            asked("cloudformation:DetectStackDrift", detect),
            asked("cloudformation:DetectStackResourceDrift", one),
            asked("cloudformation:DescribeStackDriftDetectionStatus", status),
            asked("cloudformation:DescribeStackResourceDrifts", drifts),
            asked("cloudformation:ListStackResources", resources),
            asked("cloudformation:DescribeStackResources", owner),
        ]
    }

    /// The calls that change a stack and say so when there is none of that name.
    pub(crate) async fn writes(&self, stack: &str, marks: &Marks<'_>) -> [Probe; 5] {
        let Marks { change_set, owner, role } = *marks;
        let create = self.cfn.create_change_set().stack_name(stack).change_set_name(change_set);
        let create = create.tags(cfn::types::Tag::builder().key(OWNER).value(owner).build());
        let create = create.set_role_arn(role.map(ToString::to_string));
        // A change set that updates makes no stack, and a template that is to be the stack's own makes no resource.
        let create = create.change_set_type(ChangeSetType::Update).use_previous_template(true).send().await;
        let execute = self.cfn.execute_change_set().stack_name(stack).change_set_name(change_set).send().await;
        let discard = self.cfn.delete_change_set().stack_name(stack).change_set_name(change_set).send().await;
        let go_on = self.cfn.continue_update_rollback().stack_name(stack).send().await;
        let back = self.cfn.rollback_stack().stack_name(stack).send().await;
        [
            asked("cloudformation:CreateChangeSet", create),
            asked("cloudformation:ExecuteChangeSet", execute),
            asked("cloudformation:DeleteChangeSet", discard),
            asked("cloudformation:ContinueUpdateRollback", go_on),
            asked("cloudformation:RollbackStack", back),
        ]
    }

    /// Deletes nothing: CloudFormation answers well when there is no stack of that name. Whoever calls this has seen that there
    /// is none.
    pub(crate) async fn delete(&self, nobodys: &str) -> Probe {
        asked("cloudformation:DeleteStack", self.cfn.delete_stack().stack_name(nobodys).send().await)
    }

    /// Reads a parameter, which may be missing.
    pub(crate) async fn parameter(&self, name: &str) -> Probe {
        asked("ssm:GetParameter", self.ssm().get_parameter().name(name).send().await)
    }

    /// Does not write a parameter that is there: it is not to be written over. Should it go in just this moment, the value still
    /// does not fit its own pattern.
    pub(crate) async fn put_parameter(&self, there: &str) -> Probe {
        let put = self.ssm().put_parameter().name(there).r#type(ssm::types::ParameterType::String).overwrite(false);
        let put = put.value("holdfast doctor").allowed_pattern("^never$").send().await;
        asked("ssm:PutParameter", put)
    }

    /// Reads an object that nobody has.
    pub(crate) async fn object(&self, shelf: &Shelf, nobodys: &str) -> Probe {
        let get = objects::client(self.config, self.calls, shelf).get_object().bucket(&shelf.bucket).key(nobodys);
        asked("s3:GetObject", get.expected_bucket_owner(shelf.owner.as_ref()).send().await)
    }

    /// Does not put an object: only one that is there already was to be put anew.
    pub(crate) async fn put_object(&self, shelf: &Shelf, nobodys: &str) -> Probe {
        const BODY: &[u8] = b"holdfast doctor";
        let put = objects::client(self.config, self.calls, shelf).put_object().bucket(&shelf.bucket).key(nobodys);
        let put = put.expected_bucket_owner(shelf.owner.as_ref()).checksum_sha256(base64::encode(Digest::of(BODY).0));
        let put = put.if_match("\"00000000000000000000000000000000\"").body(BODY.to_vec().into()).send().await;
        asked("s3:PutObject", put)
    }

    fn ssm(&self) -> ssm::Client {
        let config = ssm::config::Builder::from(self.config)
            .region(ssm::config::Region::new(self.region.to_string()))
            .interceptor(self.calls.clone());
        ssm::Client::from_conf(config.build())
    }
}

fn asked<T, E, R>(call: &'static str, answer: Result<T, cfn::error::SdkError<E, R>>) -> Probe
where
    E: cfn::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    let_in(call, answer.map_err(|error| trouble(call, &error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(problem: Trouble, is_let_in: bool) {
        let error = CloudError { call: "s3:GetObject", problem, message: String::new() };
        assert_eq!(let_in("s3:GetObject", Err::<(), _>(error)).answer.is_ok(), is_let_in, "{problem:?}");
    }

    #[test]
    fn only_an_answer_about_what_was_named_proves_that_a_call_is_let_in() {
        [Trouble::NotFound, Trouble::Busy, Trouble::AlreadyExists].into_iter().for_each(|problem| check(problem, true));
        [Trouble::Denied, Trouble::Credentials, Trouble::Unavailable, Trouble::Invalid, Trouble::Limit, Trouble::Other]
            .into_iter()
            .for_each(|problem| check(problem, false));
    }
}
