//! Which permissions a call asks for, on what, in which circumstances ("Service Authorization Reference", service by service;
//! "Control CloudFormation access with IAM"). Only sessions of a role that a test restricts are asked ([`crate::iam`]).
//!
//! Where the reference leaves open what an ARN is made of, the narrower reading is taken: a change set that is named by its ARN is
//! that ARN, to the resource and to `cloudformation:ChangeSetName`. Not here: what CloudFormation does as a service role.

use super::{
    lambda,
    params::Params,
    protocol::Service,
    request::{Call, Received},
    s3::Target,
};
use crate::{cfn::source::object, fault::Refusal, iam::Question, services::refused, template::parse, world::World};
use serde_json::Value;

/// Asks for all that a call needs.
///
/// # Errors
/// AWS's first refusal.
pub(super) fn authorize(world: &mut World, call: &Call, request: &Received) -> Result<(), Refusal> {
    let caller = &call.caller;
    let who = (&caller.account, caller.session.as_deref());
    if !world.confines(who.0, who.1) {
        return Ok(());
    }
    for question in questions(world, call, request) {
        let of_template = call.action == "CreateChangeSet" && question.action == "s3:GetObject";
        let question = question.with("aws:RequestedRegion", caller.region.to_string());
        let question = question.with("aws:PrincipalAccount", caller.account.to_string());
        world.authorize(who, question).map_err(|refusal| match of_template {
            // CloudFormation tells what another service told it.
            true => refused("ValidationError", "S3 error: Access Denied\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"),
            false => refusal,
        })?;
    }
    Ok(())
}

fn questions(world: &mut World, call: &Call, request: &Received) -> Vec<Question> {
    match call.service {
        Service::CloudFormation => of_cloudformation(world, call),
        Service::CloudTrail | Service::CloudWatch => vec![Question::new(call.name(), "*")],
        Service::Lambda => of_lambda(call, request),
        Service::S3 => of_s3(request),
        Service::Sns => vec![Question::new(call.name(), call.params.get("TopicArn").unwrap_or("*"))],
        Service::Sqs => of_sqs(call, request),
        Service::Ssm => of_ssm(call, request),
        // Whoever can sign is told who he is; who may become whom is not simulated.
        Service::Sts => Vec::new(),
    }
}

fn of_cloudformation(world: &mut World, call: &Call) -> Vec<Question> {
    let (name, params) = (call.name(), &call.params);
    let resource = match (params.get("StackName"), params.get("ChangeSetName")) {
        (Some(stack), _) if stack.starts_with("arn:") => stack.to_owned(),
        (Some(stack), _) => arn(call, "cloudformation", &format!("stack/{stack}/*")),
        (None, Some(set)) if set.starts_with("arn:") => set.to_owned(),
        (None, _) => "*".to_owned(),
    };
    let mut question = Question::new(&name, &resource);
    for (key, parameter) in [
        ("cloudformation:ChangeSetName", "ChangeSetName"),
        ("cloudformation:RoleArn", "RoleARN"),
        ("cloudformation:TemplateUrl", "TemplateURL"),
    ] {
        if let Some(value) = params.get(parameter) {
            question = question.with(key, value);
        }
    }
    for tag in params.members("Tags") {
        if let (Some(key), Some(value)) = (tag.get("Key"), tag.get("Value")) {
            question = question.with(&format!("aws:RequestTag/{key}"), value).with("aws:TagKeys", key);
        }
    }
    let tags = params.get("StackName").and_then(|stack| {
        let mut cfn = world.cfn(&call.caller.account, &call.caller.region);
        cfn.look(stack).ok().map(|stack| stack.describe().tags)
    });
    for (key, value) in tags.unwrap_or_default() {
        question = question.with(&format!("aws:ResourceTag/{key}"), value);
    }
    let mut all = beside(call, &question);
    all.insert(0, question);
    all
}

/// What CloudFormation asks for beside its own permission.
fn beside(call: &Call, question: &Question) -> Vec<Question> {
    let params = &call.params;
    match &*call.action {
        "DescribeStacks" if params.get("StackName").is_none() => vec![Question::new("cloudformation:ListStacks", "*")],
        "DetectStackDrift" | "DetectStackResourceDrift" => {
            vec![Question::new("cloudformation:BatchDescribeTypeConfigurations", "*")]
        }
        "CreateChangeSet" => {
            let pass =
                |role| Question::new("iam:PassRole", role).with("iam:PassedToService", "cloudformation.amazonaws.com");
            let read =
                |(bucket, key): (String, String)| Question::new("s3:GetObject", format!("arn:aws:s3:::{bucket}/{key}"));
            let role = params.get("RoleARN").map(pass);
            let object = params.get("TemplateURL").and_then(object).map(read);
            transforms(call, params, question).into_iter().chain(role).chain(object).collect()
        }
        _ => Vec::new(),
    }
}

/// A change set of a template with transforms is asked for on them too.
fn transforms(call: &Call, params: &Params, question: &Question) -> Vec<Question> {
    let template = params.get("TemplateBody").and_then(|body| parse::template(body).ok());
    let names = template.map(|template| template.transforms).unwrap_or_default();
    let one = |name: String| {
        // AWS's own are nobody's in particular.
        let (owner, name) = match name.strip_prefix("AWS::") {
            Some(name) => ("aws", name.to_owned()),
            None => (call.caller.account.as_str(), name),
        };
        let resource = format!("arn:aws:cloudformation:{}:{owner}:transform/{name}", call.caller.region);
        Question { resource, ..question.clone() }
    };
    names.into_iter().map(one).collect()
}

fn of_s3(request: &Received) -> Vec<Question> {
    let Target { action, bucket, .. } = Target::of(request);
    let whole = format!("arn:aws:s3:::{bucket}");
    let object = format!("{whole}/{}", Target::of(request).key());
    match action {
        "ListObjectsV2" => {
            let prefix = request.query.get("prefix").unwrap_or_default();
            vec![Question::new("s3:ListBucket", whole).with("s3:prefix", prefix)]
        }
        "HeadBucket" => vec![Question::new("s3:ListBucket", whole)],
        "HeadObject" => vec![Question::new("s3:GetObject", object)],
        "GetObject" | "DeleteObject" => vec![Question::new(format!("s3:{action}"), object)],
        "PutObject" => {
            // What is only to be replaced has to be seen.
            let over = request.header("if-match").map(|_| Question::new("s3:GetObject", &object));
            [Question::new("s3:PutObject", &object)].into_iter().chain(over).collect()
        }
        "ListBuckets" => vec![Question::new("s3:ListAllMyBuckets", "*")],
        other => vec![Question::new(format!("s3:{other}"), whole)],
    }
}

fn of_lambda(call: &Call, request: &Received) -> Vec<Question> {
    let (action, name) = lambda::target(request);
    // The one action that has another name than its call.
    let action = if action == "Invoke" { "InvokeFunction" } else { action };
    vec![Question::new(format!("lambda:{action}"), arn(call, "lambda", &format!("function:{name}")))]
}

fn of_sqs(call: &Call, request: &Received) -> Vec<Question> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let url = body["QueueUrl"].as_str().unwrap_or_default();
    let mut parts = url.rsplit('/');
    let (queue, owner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // A batch is as many calls of the one kind.
    let action = call.action.trim_end_matches("Batch");
    vec![Question::new(format!("sqs:{action}"), format!("arn:aws:sqs:{}:{owner}:{queue}", call.caller.region))]
}

fn of_ssm(call: &Call, request: &Received) -> Vec<Question> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let one = body["Name"].as_str().into_iter();
    let several = body["Names"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<&str> = one.chain(several).collect();
    names.dedup();
    let question = |name: &&str| {
        // A version is not part of the resource.
        let name = name.split(':').next().unwrap_or_default().trim_start_matches('/');
        Question::new(call.name(), arn(call, "ssm", &format!("parameter/{name}")))
    };
    names.iter().map(question).collect()
}

/// An ARN of the caller's account and region.
fn arn(call: &Call, service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{}:{}:{rest}", call.caller.region, call.caller.account)
}
