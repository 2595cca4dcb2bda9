//! Which calls are writes that CloudTrail records as management events, and what it records of them.
//!
//! Not here: data events (messages, objects), reads, and calls that were refused.

use super::{
    params::Params,
    protocol::{Protocol, Service},
    request::{Call, Received},
    s3,
};
use crate::trail::{Actor, Deed};
use serde_json::{Map, Value};

/// How the names of actions begin that change nothing, or that CloudTrail takes for data events.
const READS: [&str; 9] = ["Assume", "Describe", "Detect", "Get", "Head", "List", "Lookup", "Publish", "Validate"];
/// What data events are about.
const DATA: [&str; 2] = ["Message", "Object"];
/// Parameters that a record leaves out: they are long, or nobody's business.
const UNTOLD: [&str; 6] =
    ["action", "version", "templateBody", "stackPolicyBody", "stackPolicyDuringUpdateBody", "value"];
/// Parameters that name a resource, and its type.
const NAMES: [(&str, &str); 6] = [
    ("stackName", "AWS::CloudFormation::Stack"),
    ("topicArn", "AWS::SNS::Topic"),
    ("queueUrl", "AWS::SQS::Queue"),
    ("queueName", "AWS::SQS::Queue"),
    ("bucketName", "AWS::S3::Bucket"),
    ("name", "AWS::SSM::Parameter"),
];

/// What CloudTrail records of a call, if it records it.
pub(crate) fn of(call: &Call, request: &Received) -> Option<Deed> {
    let action = call.action.as_str();
    if READS.iter().any(|verb| action.starts_with(verb)) || DATA.iter().any(|data| action.contains(data)) {
        return None;
    }
    let source = match call.service {
        Service::CloudFormation => "cloudformation.amazonaws.com",
        Service::S3 => "s3.amazonaws.com",
        Service::Sns => "sns.amazonaws.com",
        Service::Sqs => "sqs.amazonaws.com",
        Service::Ssm => "ssm.amazonaws.com",
        // Lambda's would be recorded under names of their own (`UpdateFunctionCode20150331v2`), and nobody here asks for them.
        Service::CloudTrail | Service::CloudWatch | Service::Lambda | Service::Sts => return None,
    };
    let parameters = match call.service.protocol() {
        Protocol::Query(_) => of_query(&call.params),
        Protocol::Json(_) => of_json(&request.body),
        Protocol::Rest => Map::from_iter([("bucketName".to_owned(), s3::Target::of(request).bucket.into())]),
        Protocol::Cbor | Protocol::RestJson => Map::new(),
    };
    let resources = NAMES.iter().filter_map(|(parameter, kind)| {
        let fits = *parameter != "name" || call.service == Service::Ssm;
        let name = parameters.get(*parameter).filter(|_| fits)?.as_str()?;
        Some(((*kind).to_owned(), name.to_owned()))
    });
    let mut resources: Vec<_> = resources.collect();
    if let [(kind, name)] = &resources[..]
        && kind == "AWS::SSM::Parameter"
    {
        let slash = if name.starts_with('/') { "" } else { "/" };
        let (region, account) = (&call.caller.region, &call.caller.account);
        resources.push((kind.clone(), format!("arn:aws:ssm:{region}:{account}:parameter{slash}{name}")));
    }
    Some(Deed { source: source.to_owned(), name: call.action.clone(), parameters: parameters.into(), resources })
}

/// Who makes a call.
pub(crate) fn actor(call: &Call, request: &Received) -> Actor {
    let agent = request.header("user-agent").unwrap_or_default().to_owned();
    let (access_key, source_ip) = (call.caller.key.clone(), "127.0.0.1".to_owned());
    Actor { access_key, source_ip, user_agent: agent, ..Actor::new(call.caller.arn()) }
}

fn of_query(params: &Params) -> Map<String, Value> {
    let plain = params.iter().filter(|(name, _)| !name.contains('.'));
    plain.map(|(name, value)| (camel(name), Value::from(value))).filter(|(name, _)| told(name)).collect()
}

fn of_json(body: &[u8]) -> Map<String, Value> {
    let fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    fields.into_iter().map(|(name, value)| (camel(&name), value)).filter(|(name, _)| told(name)).collect()
}

fn told(name: &str) -> bool {
    !UNTOLD.contains(&name)
}

/// `StackName` as records spell it: `stackName`.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
