//! Whether calls that change something are allowed, asked without changing anything: each is made for a stack of a name that
//! nobody has, so that whoever is let in hears that there is no such stack.
//!
//! CloudFormation authorizes before it looks for what is named. The name is part of the question: a policy may allow a call
//! for some names only. Not here: a call of which nobody can tell beforehand that it changes nothing (`ssm:PutParameter`,
//! `sns:Publish`, `s3:PutObject`); and no permit, because there is nothing that could be done.

use super::{CloudError, Trouble, trouble::trouble};
use aws_sdk_cloudformation as cfn;
use cfn::types::ChangeSetType;

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
            Trouble::NotFound | Trouble::Invalid | Trouble::Busy | Trouble::AlreadyExists | Trouble::Other => Ok(()),
            Trouble::Denied | Trouble::Credentials | Trouble::Unavailable | Trouble::Limit => Err(error),
        },
    };
    Probe { call, answer }
}

/// Every call with which the agent changes stacks, for a stack of this name, which nobody has.
pub(crate) async fn writes(client: &cfn::Client, stack: &str) -> Vec<Probe> {
    let template = "{\"Resources\":{\"Topic\":{\"Type\":\"AWS::SNS::Topic\"}}}";
    let create = client.create_change_set().stack_name(stack).change_set_name(stack).template_body(template);
    let create = create.change_set_type(ChangeSetType::Update).send().await;
    let execute = client.execute_change_set().stack_name(stack).change_set_name(stack).send().await;
    let discard = client.delete_change_set().stack_name(stack).change_set_name(stack).send().await;
    let go_on = client.continue_update_rollback().stack_name(stack).send().await;
    let back = client.rollback_stack().stack_name(stack).send().await;
    let delete = client.delete_stack().stack_name(stack).send().await;
    vec![
        asked("cloudformation:CreateChangeSet", create),
        asked("cloudformation:ExecuteChangeSet", execute),
        asked("cloudformation:DeleteChangeSet", discard),
        asked("cloudformation:ContinueUpdateRollback", go_on),
        asked("cloudformation:RollbackStack", back),
        asked("cloudformation:DeleteStack", delete),
    ]
}

fn asked<T, E, R>(call: &'static str, answer: Result<T, cfn::error::SdkError<E, R>>) -> Probe
where
    E: cfn::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    let_in(call, answer.map_err(|error| trouble(call, &error)))
}
