//! CloudTrail: who did what in an account, as `LookupEvents` tells it, a while later.
//!
//! Management events of what the operator does through the side door, as the service's own API call would have left them
//! (CloudTrail User Guide, "CloudTrail record contents"). Not here: what calls on the wire do, and how events travel to a
//! queue ([`crate::bus`]).

use crate::{store::Key, world::World};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{AccountId, Region};
use serde_json::{Value, json};
use std::time::Duration;

/// Who does something through the side door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The session's or user's ARN; absent for a person whom nobody named.
    pub arn: Option<String>,
    /// The address that it comes from.
    pub from: String,
}

impl Default for Actor {
    fn default() -> Self {
        Self { arn: None, from: "198.51.100.7".into() }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its number.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// Since when `LookupEvents` shows it.
    pub shown: Timestamp,
    /// Where.
    pub region: Region,
    /// Names of what was touched.
    pub names: Vec<String>,
    /// All of it.
    pub json: Value,
}

/// What is asked of the trail: everything that is given has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Of this number.
    pub event: Option<String>,
    /// About the resource of this name.
    pub resource: Option<String>,
    /// Since then.
    pub since: Option<Timestamp>,
}

/// What somebody did to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Changed it.
    Changed,
    /// Deleted it.
    Deleted,
}

impl World {
    /// Writes down that somebody did something to a resource. Answers the record.
    pub(crate) fn record(&mut self, account: &AccountId, key: &Key, deed: Deed, actor: &Actor) -> Record {
        let now = self.now();
        let late = SignedDuration::try_from(self.timing.of(LATE)).unwrap_or_default();
        let (service, call, parameters) = call(key, deed);
        self.records += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.records);
        let arn = actor.arn.clone().unwrap_or_else(|| format!("arn:aws:sts::{account}:assumed-role/Admin/mallory"));
        let json = json!({
            "eventVersion": "1.11",
            "userIdentity": identity(account, &arn),
            "eventTime": format!("{now:.0}"),
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": call,
            "awsRegion": key.region.to_string(),
            "sourceIPAddress": actor.from,
            "userAgent": "aws-cli/2.31.0",
            "requestParameters": parameters,
            "responseElements": null,
            "eventID": id,
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": account.to_string(),
            "eventCategory": "Management",
        });
        let shown = now.checked_add(late).unwrap_or(now);
        let names = vec![key.id.clone()];
        let record = Record { id, at: now, shown, region: key.region.clone(), names, json };
        self.account(account).trail.push(record.clone());
        record
    }

    /// `LookupEvents`: what is known by now, the newest first.
    pub fn lookup(&mut self, account: &AccountId, region: &Region, what: &Lookup) -> Vec<Record> {
        let now = self.now();
        let fits = |record: &&Record| {
            record.region == *region
                && record.shown <= now
                && what.event.as_ref().is_none_or(|id| *id == record.id)
                && what.resource.as_ref().is_none_or(|name| record.names.contains(name))
                && what.since.is_none_or(|since| record.at >= since)
        };
        self.account(account).trail.iter().rev().filter(fits).cloned().collect()
    }
}

/// "CloudTrail typically delivers events within an average of about 5 minutes of an API call" (User Guide).
const LATE: Duration = Duration::from_secs(5 * 60);

fn identity(account: &AccountId, arn: &str) -> Value {
    let role = arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    match role {
        Some(role) => json!({
            "type": "AssumedRole",
            "principalId": format!("AROA:{}", arn.rsplit('/').next().unwrap_or_default()),
            "arn": arn,
            "accountId": account.to_string(),
            "sessionContext": { "sessionIssuer": {
                "type": "Role",
                "arn": format!("arn:aws:iam::{account}:role/{role}"),
                "accountId": account.to_string(),
                "userName": role,
            }},
        }),
        None => json!({ "type": "IAMUser", "principalId": "AIDA", "arn": arn, "accountId": account.to_string() }),
    }
}

/// The call that does this to a resource: the service, its name, and what it is given. Of a type that is not listed, one
/// that names the resource.
fn call(key: &Key, deed: Deed) -> (&'static str, &'static str, Value) {
    let id = &key.id;
    let (service, changes, deletes, name) = match key.kind.as_str() {
        "AWS::SSM::Parameter" => ("ssm", "PutParameter", "DeleteParameter", "name"),
        "AWS::SNS::Topic" => ("sns", "SetTopicAttributes", "DeleteTopic", "topicArn"),
        "AWS::SQS::Queue" => ("sqs", "SetQueueAttributes", "DeleteQueue", "queueUrl"),
        "AWS::IAM::Role" => ("iam", "UpdateRole", "DeleteRole", "roleName"),
        "AWS::IAM::ManagedPolicy" => ("iam", "CreatePolicyVersion", "DeletePolicy", "policyArn"),
        "AWS::S3::Bucket" => ("s3", "PutBucketVersioning", "DeleteBucket", "bucketName"),
        "AWS::Lambda::Function" => {
            ("lambda", "UpdateFunctionConfiguration20150331v2", "DeleteFunction20150331", "functionName")
        }
        "AWS::DynamoDB::Table" => ("dynamodb", "UpdateTable", "DeleteTable", "tableName"),
        "AWS::Logs::LogGroup" => ("logs", "PutRetentionPolicy", "DeleteLogGroup", "logGroupName"),
        "AWS::CloudWatch::Alarm" => ("monitoring", "PutMetricAlarm", "DeleteAlarms", "alarmName"),
        "AWS::Events::Rule" => ("events", "PutRule", "DeleteRule", "name"),
        "AWS::KMS::Key" => ("kms", "PutKeyPolicy", "ScheduleKeyDeletion", "keyId"),
        "AWS::EC2::SecurityGroup" => ("ec2", "AuthorizeSecurityGroupIngress", "DeleteSecurityGroup", "groupId"),
        _ => ("cloudcontrolapi", "UpdateResource", "DeleteResource", "identifier"),
    };
    let call = match deed {
        Deed::Changed => changes,
        Deed::Deleted => deletes,
    };
    (service, call, json!({ name: id }))
}
