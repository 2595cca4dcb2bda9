//! The service control policy that keeps an account's administrators from disarming their agent
//! (`packaging/cloudformation/protect.json`), held against the agent's own templates: whatever those make, there are ways to break
//! it, and each of them is denied to everybody but who provisions.
//!
//! The evaluator here knows what the policy uses and stops at everything else. What AWS makes of it is AWS's to say.

use serde_json::{Map, Value};
use sim::template::{Declaration, Template, parse};
use std::collections::BTreeSet;

const POLICY: &str = include_str!("../../packaging/cloudformation/protect.json");
/// The agent in each of its forms.
const AGENTS: [&str; 3] = [
    include_str!("../../packaging/cloudformation/agent.yaml"),
    include_str!("../../packaging/cloudformation/agent-fargate.yaml"),
    include_str!("../../packaging/cloudformation/agent-ec2.yaml"),
];
/// The longest that Organizations takes, blanks included.
const LONGEST: usize = 5_120;

const ACCOUNT: &str = "111111111111";
const ADMINISTRATOR: &str =
    "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Administrator_0123";
const AGENT_ROLE: &str = "arn:aws:iam::111111111111:role/holdfast/holdfast-agent";
/// Whoever provisions, by the mechanisms there are.
const PROVISIONERS: [&str; 5] = [
    "arn:aws:iam::111111111111:role/holdfast-deploy",
    "arn:aws:iam::111111111111:role/stacksets-exec-0123456789abcdef",
    "arn:aws:iam::111111111111:role/AWSCloudFormationStackSetExecutionRole",
    "arn:aws:iam::111111111111:role/AWSControlTowerExecution",
    "arn:aws:iam::111111111111:role/AWSAFTExecution",
];

/// One call.
#[derive(Debug, Clone)]
struct Call {
    action: String,
    resource: String,
    /// Keys of its context beside who calls.
    context: Vec<(&'static str, String)>,
}

fn call(action: &str, resource: impl Into<String>) -> Call {
    Call { action: action.into(), resource: resource.into(), context: Vec::new() }
}

/// `*` is anything, as in IAM.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => text.strip_prefix(before).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| like(rest, &text[at..]))
        }),
    }
}

/// The same of ARNs, part by part; the last of six may have colons.
fn like_arn(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), text.splitn(6, ':').collect());
    pattern.len() == text.len() && pattern.iter().zip(&text).all(|(pattern, text)| like(pattern, text))
}

/// One text, or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().map(|text| text.as_str().unwrap()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => panic!("no text: {value}"),
    }
}

fn holds(condition: &Map<String, Value>, by: &str, call: &Call) -> bool {
    condition.iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, patterns)| {
            let found = call.context.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            let found = if key == "aws:PrincipalArn" { Some(by) } else { found };
            let any = |like: fn(&str, &str) -> bool| {
                found.is_some_and(|found| texts(patterns).iter().any(|pattern| like(pattern, found)))
            };
            match operator.as_str() {
                "ArnLike" => any(like_arn),
                "ArnNotLike" => !any(like_arn),
                "StringLike" => any(like),
                other => panic!("the evaluator knows no `{other}`"),
            }
        })
    })
}

fn is_denied(by: &str, call: &Call) -> bool {
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    policy["Statement"].as_array().unwrap().iter().any(|statement| {
        assert_eq!(statement["Effect"], "Deny", "a policy that only takes away: {statement}");
        let meant = texts(&statement["Action"]).iter().any(|action| like(action, &call.action));
        let meant =
            meant && texts(&statement["Resource"]).iter().any(|arn| *arn == "*" || like_arn(arn, &call.resource));
        meant && statement["Condition"].as_object().is_none_or(|condition| holds(condition, by, call))
    })
}

/// A name as the template gives it to an installation that is called as usual.
fn name(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text,
        Value::Object(function) if function.get("Ref").is_some_and(|name| name == "Prefix") => "${Prefix}",
        Value::Object(function) => {
            let of = &function["Fn::Sub"];
            of.as_str().or_else(|| of[0].as_str()).unwrap_or_else(|| panic!("no name that this test can read: {of}"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => panic!("no name: {value}"),
    };
    let text = text.replace("${Prefix}", "holdfast").replace("${AWS::AccountId}", ACCOUNT);
    let text = text.replace("${Suffix}", "0123456789ab");
    assert!(!text.contains("${"), "a name that this test can't read: {text}");
    text
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:eu-central-1:{ACCOUNT}:{rest}")
}

/// A call on what has no name that it is known by, but the tags that the template gives it.
fn tagged(action: &str, resource: String, declared: &Declaration) -> Call {
    let tags = declared.properties.get("Tags").or_else(|| declared.properties["TagSpecifications"][0].get("Tags"));
    let part = tags.and_then(Value::as_array).into_iter().flatten().find(|tag| tag["Key"] == "holdfast:part");
    let part = part.and_then(|tag| tag["Value"].as_str()).expect("it is known by its tag");
    Call { context: vec![("aws:ResourceTag/holdfast:part", part.to_owned())], ..call(action, resource) }
}

/// How somebody would break what a resource is for. A kind that is new here has to be thought about.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn breaks(logical: &str, declared: &Declaration) -> Vec<Call> {
    let named = |property: &str| {
        name(declared.properties.get(property).unwrap_or_else(|| panic!("{logical} has no {property}")))
    };
    let calls =
        |actions: &[&str], resource: String| actions.iter().map(|action| call(action, resource.clone())).collect();
    match declared.kind.as_str() {
        "AWS::SSM::Parameter" => calls(
            &["ssm:PutParameter", "ssm:DeleteParameter", "ssm:DeleteParameters"],
            arn("ssm", &format!("parameter{}", named("Name"))),
        ),
        "AWS::S3::Bucket" => {
            let bucket = format!("arn:aws:s3:::{}", named("BucketName"));
            let of_bucket =
                ["s3:DeleteBucket", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutLifecycleConfiguration"];
            let mut all: Vec<Call> = calls(&of_bucket, bucket.clone());
            all.extend::<Vec<Call>>(calls(&["s3:PutObject", "s3:DeleteObject"], format!("{bucket}/holdfast/one")));
            all
        }
        "AWS::IAM::Role" => calls(
            &[
                "iam:DeleteRole",
                "iam:UpdateRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:AttachRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PassRole",
                "iam:TagRole",
                "iam:PutRolePermissionsBoundary",
                "iam:DeleteRolePermissionsBoundary",
                "iam:CreateRole",
            ],
            format!("arn:aws:iam::{ACCOUNT}:role{}{}", named("Path"), named("RoleName")),
        ),
        "AWS::IAM::ManagedPolicy" => calls(
            &["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion", "iam:DeletePolicy"],
            format!("arn:aws:iam::{ACCOUNT}:policy{}{}", named("Path"), named("ManagedPolicyName")),
        ),
        "AWS::Lambda::Function" => calls(
            &[
                "lambda:DeleteFunction",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
                "lambda:PutFunctionConcurrency",
                "lambda:AddPermission",
                "lambda:TagResource",
            ],
            arn("lambda", &format!("function:{}", named("FunctionName"))),
        ),
        "AWS::Lambda::EventSourceMapping" => {
            let function = arn("lambda", "function:holdfast-agent");
            let of = |action: &str| Call {
                context: vec![("lambda:FunctionArn", function.clone())],
                ..call(action, arn("lambda", "event-source-mapping:0123"))
            };
            vec![of("lambda:DeleteEventSourceMapping"), of("lambda:UpdateEventSourceMapping")]
        }
        "AWS::SQS::Queue" => calls(
            &[
                "sqs:DeleteQueue",
                "sqs:PurgeQueue",
                "sqs:SetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:AddPermission",
                "sqs:RemovePermission",
                "sqs:ChangeMessageVisibility",
            ],
            arn("sqs", &named("QueueName")),
        ),
        "AWS::Events::Rule" => calls(
            &["events:DeleteRule", "events:DisableRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"],
            arn("events", &format!("rule/{}", named("Name"))),
        ),
        "AWS::Scheduler::Schedule" => calls(
            &["scheduler:UpdateSchedule", "scheduler:DeleteSchedule"],
            arn("scheduler", &format!("schedule/holdfast/{}", named("Name"))),
        ),
        "AWS::Scheduler::ScheduleGroup" => {
            calls(&["scheduler:DeleteScheduleGroup"], arn("scheduler", &format!("schedule-group/{}", named("Name"))))
        }
        "AWS::Logs::LogGroup" => calls(
            &["logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy"],
            arn("logs", &format!("log-group:{}:log-stream:x", named("LogGroupName"))),
        ),
        // It is the log group's.
        "AWS::Logs::MetricFilter" => {
            calls(&["logs:DeleteMetricFilter"], arn("logs", "log-group:/holdfast/agent-0123456789ab:log-stream:"))
        }
        "AWS::ECS::Cluster" => {
            calls(&["ecs:DeleteCluster", "ecs:UpdateCluster"], arn("ecs", &format!("cluster/{}", named("ClusterName"))))
        }
        "AWS::ECS::Service" => {
            let name = named("ServiceName");
            let of_service = ["ecs:DeleteService", "ecs:UpdateService"];
            let mut all: Vec<Call> = calls(&of_service, arn("ecs", &format!("service/holdfast-agent/{name}")));
            let of_task = ["ecs:StopTask", "ecs:ExecuteCommand"];
            all.extend::<Vec<Call>>(calls(&of_task, arn("ecs", "task/holdfast-agent/0123")));
            all
        }
        "AWS::AutoScaling::AutoScalingGroup" => {
            let group = format!("autoScalingGroup:0123:autoScalingGroupName/{}", named("AutoScalingGroupName"));
            let actions =
                ["DeleteAutoScalingGroup", "UpdateAutoScalingGroup", "SuspendProcesses", "SetDesiredCapacity"];
            let mut all: Vec<Call> = actions
                .iter()
                .map(|action| call(&format!("autoscaling:{action}"), arn("autoscaling", &group)))
                .collect();
            let actions = ["ec2:TerminateInstances", "ec2:StopInstances", "ec2:DeleteTags", "ssm:SendCommand"];
            all.extend(actions.map(|action| tagged(action, arn("ec2", "instance/i-0123"), declared)));
            all
        }
        "AWS::EC2::LaunchTemplate" => ["ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate"]
            .map(|action| tagged(action, arn("ec2", "launch-template/lt-0123"), declared))
            .into(),
        "AWS::EC2::SecurityGroup" => ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"]
            .map(|action| tagged(action, arn("ec2", "security-group/sg-0123"), declared))
            .into(),
        "AWS::IAM::InstanceProfile" => calls(
            &["iam:RemoveRoleFromInstanceProfile", "iam:AddRoleToInstanceProfile", "iam:DeleteInstanceProfile"],
            format!("arn:aws:iam::{ACCOUNT}:instance-profile{}{}", named("Path"), named("InstanceProfileName")),
        ),
        "AWS::CloudWatch::Alarm" => calls(
            &[
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DisableAlarmActions",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:SetAlarmState",
            ],
            arn("cloudwatch", &format!("alarm:{}", named("AlarmName"))),
        ),
        // Parts of what is named above, and what only the stack has.
        "AWS::IAM::Policy"
        | "AWS::ECS::TaskDefinition"
        | "AWS::SQS::QueuePolicy"
        | "AWS::S3::BucketPolicy"
        | "AWS::CloudFormation::WaitCondition"
        | "AWS::CloudFormation::WaitConditionHandle" => Vec::new(),
        other => {
            panic!("{logical} is an {other}: say how somebody would break it, and see that protect.json denies that")
        }
    }
}

fn templates() -> [Template; 3] {
    AGENTS.map(|text| parse::template(text).unwrap())
}

#[track_caller]
fn check(calls: &[Call]) {
    for call in calls {
        assert!(is_denied(ADMINISTRATOR, call), "an administrator may {call:?}");
        for by in PROVISIONERS {
            assert!(!is_denied(by, call), "{by} may not {call:?}");
        }
    }
}

#[test]
fn organizations_takes_it() {
    assert!(POLICY.len() <= LONGEST, "{} characters", POLICY.len());
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap();
    let names: BTreeSet<&str> = statements.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    assert_eq!(names.len(), statements.len(), "each has a name of its own");
    for action in statements.iter().flat_map(|statement| texts(&statement["Action"])) {
        // Older partitions take no other.
        assert!(!action.trim_end_matches('*').contains('*'), "{action}: a wildcard stands at the end");
    }
}

#[test]
fn no_administrator_breaks_what_the_template_makes_and_who_provisions_changes_it() {
    for template in templates() {
        for (logical, declared) in &template.resources {
            check(&breaks(logical, declared));
        }
    }
}

#[test]
fn the_stack_is_changed_by_who_provisions_alone() {
    let actions = [
        "DeleteStack",
        "UpdateStack",
        "CreateChangeSet",
        "ExecuteChangeSet",
        "DeleteChangeSet",
        "CancelUpdateStack",
        "ContinueUpdateRollback",
        "RollbackStack",
        "SetStackPolicy",
        "UpdateTerminationProtection",
        "SignalResource",
    ];
    for stack in ["holdfast-agent/0123", "StackSet-holdfast-agent-0123/0123"] {
        let of =
            |action: &&str| call(&format!("cloudformation:{action}"), arn("cloudformation", &format!("stack/{stack}")));
        check(&actions.iter().map(of).collect::<Vec<_>>());
    }
    assert!(!is_denied(ADMINISTRATOR, &call("cloudformation:DeleteStack", arn("cloudformation", "stack/shop/0123"))));
}

#[test]
fn nobody_makes_himself_one_who_provisions() {
    for role in PROVISIONERS {
        for action in ["iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy", "iam:PassRole"] {
            assert!(is_denied(ADMINISTRATOR, &call(action, role)), "an administrator may {action} on {role}");
        }
    }
    assert!(!is_denied(ADMINISTRATOR, &call("iam:CreateRole", format!("arn:aws:iam::{ACCOUNT}:role/shop"))));
    assert!(is_denied(ADMINISTRATOR, &call("organizations:LeaveOrganization", "*")));
}

#[test]
fn whoever_only_looks_is_let_in() {
    // Every action of these services that reads, by the beginnings of their names ("Service Authorization Reference").
    let looks = [
        (
            "cloudformation",
            "stack/holdfast-agent/0123",
            &["Describe", "Detect", "Estimate", "Get", "List", "Validate"][..],
        ),
        ("lambda", "function:holdfast-agent", &["Get", "Invoke", "List"]),
        ("autoscaling", "autoScalingGroup:0123:autoScalingGroupName/holdfast", &["Describe"]),
        ("ssm", "parameter/holdfast/memory", &["Describe", "Get", "List"]),
        ("events", "rule/holdfast-agent-writes", &["Describe", "List", "Test"]),
        ("sqs", "holdfast-wake.fifo", &["Get", "List"]),
    ];
    for (service, resource, beginnings) in looks {
        for beginning in beginnings {
            let call = call(&format!("{service}:{beginning}Something"), arn(service, resource));
            assert!(!is_denied(ADMINISTRATOR, &call), "{call:?}");
        }
    }
    for beginning in ["Generate", "Get", "List", "Simulate"] {
        let call = call(&format!("iam:{beginning}Something"), AGENT_ROLE);
        assert!(!is_denied(ADMINISTRATOR, &call), "{call:?}");
    }
}

#[test]
fn the_agent_goes_on_with_what_it_does_and_people_steer_it() {
    let parameter = |name: &str| arn("ssm", &format!("parameter/holdfast/{name}"));
    let own = ["memory", "lease", "drift", "report-key", "ready", "release", "proof", "update", "memory-before"];
    for name in own {
        assert!(!is_denied(AGENT_ROLE, &call("ssm:PutParameter", parameter(name))), "{name}");
        assert!(is_denied(ADMINISTRATOR, &call("ssm:PutParameter", parameter(name))), "{name}");
    }
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage"] {
        assert!(!is_denied(AGENT_ROLE, &call(action, arn("sqs", "holdfast-wake.fifo"))));
    }
    // Who knows the key that signs reports can report in the account's name.
    let context = vec![("kms:EncryptionContext:PARAMETER_ARN", parameter("report-key"))];
    let decrypt = Call { context, ..call("kms:Decrypt", arn("kms", "key/0123")) };
    assert!(is_denied(ADMINISTRATOR, &decrypt) && !is_denied(AGENT_ROLE, &decrypt));
    let other = vec![("kms:EncryptionContext:PARAMETER_ARN", arn("ssm", "parameter/shop/secret"))];
    assert!(!is_denied(ADMINISTRATOR, &Call { context: other, ..call("kms:Decrypt", arn("kms", "key/0123")) }));
    // A hold ends by itself and is told, so people may still say one.
    for name in ["hold", "pin", "approvals", "rollbacks", "reset", "again"] {
        assert!(!is_denied(ADMINISTRATOR, &call("ssm:PutParameter", parameter(name))), "{name}");
    }
    assert!(!is_denied(ADMINISTRATOR, &call("lambda:InvokeFunction", arn("lambda", "function:holdfast-agent"))));
}
