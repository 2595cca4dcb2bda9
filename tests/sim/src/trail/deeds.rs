//! Which call does a thing to a resource: the API's action, and how it names the resource.
//!
//! The names are those of CloudTrail's records, which for Lambda end in the version of its API.

use super::only;
use crate::store::{Key, Resource};
use manifests::id::AccountId;
use serde_json::{Value, json};

/// What was done, as CloudTrail tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// `ssm.amazonaws.com`, …
    pub source: String,
    /// The API's action.
    pub name: String,
    /// `requestParameters`.
    pub parameters: Value,
    /// Types and names of what it was done to; ARNs among the names go into the record itself.
    pub resources: Vec<(String, String)>,
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done<'a> {
    /// It was made.
    Made,
    /// This property of it was changed.
    Changed(&'a str),
    /// It was deleted.
    Deleted,
}

/// Type, event source, the actions that make, change and delete it, and the parameter that names it.
type Row = (&'static str, &'static str, [&'static str; 3], &'static str);

const ROWS: [Row; 15] = [
    ("AWS::SSM::Parameter", "ssm.amazonaws.com", ["PutParameter", "PutParameter", "DeleteParameter"], "name"),
    ("AWS::SNS::Topic", "sns.amazonaws.com", ["CreateTopic", "SetTopicAttributes", "DeleteTopic"], "topicArn"),
    ("AWS::SQS::Queue", "sqs.amazonaws.com", ["CreateQueue", "SetQueueAttributes", "DeleteQueue"], "queueUrl"),
    ("AWS::IAM::Role", "iam.amazonaws.com", ["CreateRole", "UpdateRole", "DeleteRole"], "roleName"),
    ("AWS::S3::Bucket", "s3.amazonaws.com", ["CreateBucket", "PutBucketVersioning", "DeleteBucket"], "bucketName"),
    (
        "AWS::Lambda::Function",
        "lambda.amazonaws.com",
        ["CreateFunction20150331", "UpdateFunctionConfiguration20150331v2", "DeleteFunction20150331"],
        "functionName",
    ),
    ("AWS::DynamoDB::Table", "dynamodb.amazonaws.com", ["CreateTable", "UpdateTable", "DeleteTable"], "tableName"),
    (
        "AWS::Logs::LogGroup",
        "logs.amazonaws.com",
        ["CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup"],
        "logGroupName",
    ),
    (
        "AWS::CloudWatch::Alarm",
        "monitoring.amazonaws.com",
        ["PutMetricAlarm", "PutMetricAlarm", "DeleteAlarms"],
        "alarmName",
    ),
    ("AWS::Events::Rule", "events.amazonaws.com", ["PutRule", "PutRule", "DeleteRule"], "name"),
    ("AWS::KMS::Key", "kms.amazonaws.com", ["CreateKey", "PutKeyPolicy", "ScheduleKeyDeletion"], "keyId"),
    ("AWS::KMS::Alias", "kms.amazonaws.com", ["CreateAlias", "UpdateAlias", "DeleteAlias"], "aliasName"),
    (
        "AWS::EC2::SecurityGroup",
        "ec2.amazonaws.com",
        ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"],
        "groupId",
    ),
    ("AWS::EC2::VPC", "ec2.amazonaws.com", ["CreateVpc", "ModifyVpcAttribute", "DeleteVpc"], "vpcId"),
    ("AWS::IAM::User", "iam.amazonaws.com", ["CreateUser", "UpdateUser", "DeleteUser"], "userName"),
];

/// Properties that have an action of their own.
const PROPERTIES: [(&str, &str, &str); 12] = [
    ("AWS::IAM::Role", "Policies", "PutRolePolicy"),
    ("AWS::IAM::Role", "ManagedPolicyArns", "AttachRolePolicy"),
    ("AWS::IAM::Role", "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy"),
    ("AWS::IAM::Role", "Tags", "TagRole"),
    ("AWS::S3::Bucket", "BucketEncryption", "PutBucketEncryption"),
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration", "PutBucketPublicAccessBlock"),
    ("AWS::S3::Bucket", "LifecycleConfiguration", "PutBucketLifecycle"),
    ("AWS::S3::Bucket", "Tags", "PutBucketTagging"),
    ("AWS::Lambda::Function", "Code", "UpdateFunctionCode20150331v2"),
    ("AWS::KMS::Key", "EnableKeyRotation", "EnableKeyRotation"),
    ("AWS::KMS::Key", "Description", "UpdateKeyDescription"),
    ("AWS::EC2::SecurityGroup", "SecurityGroupEgress", "AuthorizeSecurityGroupEgress"),
];

impl Deed {
    /// What was done to a resource.
    pub fn to(account: &AccountId, key: &Key, resource: &Resource, done: Done<'_>) -> Self {
        let row = ROWS.iter().find(|(kind, ..)| *kind == key.kind);
        let names = match row {
            Some((_, source, actions, parameter)) => {
                ((*source).to_owned(), own_action(&key.kind, actions, done), only(parameter, key.id.as_str()))
            }
            None => (source(&key.kind), any_action(&key.kind, done), json!({ "id": key.id })),
        };
        let (source, name, mut parameters) = names;
        if name == "DeleteAlarms" {
            parameters = json!({ "alarmNames": [key.id] });
        }
        let mut resources = vec![(key.kind.clone(), key.id.clone())];
        resources.extend(arn(account, key, resource).filter(|arn| *arn != key.id).map(|arn| (key.kind.clone(), arn)));
        Self { source, name, parameters, resources }
    }
}

fn own_action(kind: &str, [make, change, delete]: &[&'static str; 3], done: Done<'_>) -> String {
    let action = match done {
        Done::Made => make,
        Done::Deleted => delete,
        Done::Changed(property) => {
            let own = PROPERTIES.iter().find(|(of, name, _)| *of == kind && *name == property);
            own.map_or(*change, |(.., action)| action)
        }
    };
    (*action).to_owned()
}

fn any_action(kind: &str, done: Done<'_>) -> String {
    let thing = kind.rsplit("::").next().unwrap_or_default();
    let verb = match done {
        Done::Made => "Create",
        Done::Changed(_) => "Update",
        Done::Deleted => "Delete",
    };
    format!("{verb}{thing}")
}

/// The source of a type that has no row.
fn source(kind: &str) -> String {
    format!("{}.amazonaws.com", kind.split("::").nth(1).unwrap_or_default().to_lowercase())
}

/// A resource's ARN, if it has one.
fn arn(account: &AccountId, key: &Key, resource: &Resource) -> Option<String> {
    let said = ["Arn", "TopicArn"].iter().find_map(|name| resource.attributes.get(*name)?.as_str());
    match key.kind.as_str() {
        _ if key.id.starts_with("arn:") => Some(key.id.clone()),
        _ if said.is_some() => said.map(str::to_owned),
        "AWS::SSM::Parameter" => {
            let slash = if key.id.starts_with('/') { "" } else { "/" };
            Some(format!("arn:aws:ssm:{}:{account}:parameter{slash}{}", key.region, key.id))
        }
        "AWS::S3::Bucket" => Some(format!("arn:aws:s3:::{}", key.id)),
        _ => None,
    }
}
