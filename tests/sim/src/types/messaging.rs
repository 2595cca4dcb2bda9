//! SNS, SQS, EventBridge.

use super::Kind;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::SNS::Topic",
        optional: &[
            "TopicName",
            "DisplayName",
            "KmsMasterKeyId",
            "FifoTopic",
            "ContentBasedDeduplication",
            "Subscription",
            "DataProtectionPolicy",
            "DeliveryStatusLogging",
            "SignatureVersion",
            "TracingConfig",
            "ArchivePolicy",
            "FifoThroughputScope",
            "Tags",
        ],
        replaces: &["TopicName", "FifoTopic"],
        named: Some("TopicName"),
        id: "arn:aws:sns:{region}:{account}:{name}",
        attributes: &[("TopicArn", "{id}"), ("TopicName", "{name}")],
        seconds: [6, 4, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::SNS::Subscription",
        required: &["TopicArn", "Protocol"],
        optional: &[
            "Endpoint",
            "FilterPolicy",
            "FilterPolicyScope",
            "RawMessageDelivery",
            "RedrivePolicy",
            "DeliveryPolicy",
            "Region",
            "ReplayPolicy",
            "SubscriptionRoleArn",
        ],
        replaces: &["TopicArn", "Protocol", "Endpoint"],
        id: "{.TopicArn}:{uuid}",
        attributes: &[("Arn", "{id}")],
        drift: false,
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::SNS::TopicPolicy",
        required: &["PolicyDocument", "Topics"],
        attributes: &[("Id", "{id}")],
        drift: false,
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::SQS::Queue",
        optional: &[
            "QueueName",
            "VisibilityTimeout",
            "MessageRetentionPeriod",
            "DelaySeconds",
            "MaximumMessageSize",
            "ReceiveMessageWaitTimeSeconds",
            "RedrivePolicy",
            "RedriveAllowPolicy",
            "KmsMasterKeyId",
            "KmsDataKeyReusePeriodSeconds",
            "SqsManagedSseEnabled",
            "FifoQueue",
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "FifoThroughputLimit",
            "Tags",
        ],
        replaces: &["QueueName", "FifoQueue"],
        named: Some("QueueName"),
        id: "https://sqs.{region}.amazonaws.com/{account}/{name}",
        attributes: &[("Arn", "arn:aws:sqs:{region}:{account}:{name}"), ("QueueName", "{name}"), ("QueueUrl", "{id}")],
        // SQS lets a deleted queue's name rest for 60 seconds, and CloudFormation waits as long.
        seconds: [5, 5, 60],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::SQS::QueuePolicy",
        required: &["PolicyDocument", "Queues"],
        attributes: &[("Id", "{id}")],
        drift: false,
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Events::Rule",
        optional: &[
            "Name",
            "Description",
            "EventBusName",
            "EventPattern",
            "RoleArn",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets",
        ],
        replaces: &["Name", "EventBusName"],
        named: Some("Name"),
        attributes: &[("Arn", "arn:aws:events:{region}:{account}:rule/{name}")],
        // CloudFormation lets a new rule spread for a minute.
        seconds: [60, 60, 5],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Scheduler::ScheduleGroup",
        optional: &["Name", "Tags"],
        replaces: &["Name"],
        named: Some("Name"),
        attributes: &[("Arn", "arn:aws:scheduler:{region}:{account}:schedule-group/{name}")],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Scheduler::Schedule",
        required: &["FlexibleTimeWindow", "ScheduleExpression", "Target"],
        optional: &[
            "Name",
            "Description",
            "EndDate",
            "GroupName",
            "KmsKeyArn",
            "ScheduleExpressionTimezone",
            "StartDate",
            "State",
        ],
        replaces: &["Name", "GroupName"],
        named: Some("Name"),
        attributes: &[("Arn", "arn:aws:scheduler:{region}:{account}:schedule/{.GroupName}/{name}")],
        ..Kind::PLAIN
    },
];
