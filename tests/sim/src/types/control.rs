//! What watches: CloudWatch, Logs, CloudTrail, Config, GuardDuty, Security Hub.

use super::Kind;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::CloudWatch::Alarm",
        required: &["ComparisonOperator"],
        optional: &[
            "AlarmName",
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluateLowSampleCountPercentile",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
            "Unit",
        ],
        replaces: &["AlarmName"],
        named: Some("AlarmName"),
        attributes: &[("Arn", "arn:aws:cloudwatch:{region}:{account}:alarm:{name}")],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Logs::LogGroup",
        optional: &[
            "LogGroupName",
            "DataProtectionPolicy",
            "DeletionProtectionEnabled",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
            "RetentionInDays",
            "Tags",
        ],
        replaces: &["LogGroupName"],
        named: Some("LogGroupName"),
        attributes: &[("Arn", "arn:aws:logs:{region}:{account}:log-group:{name}:*")],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Logs::MetricFilter",
        required: &["FilterPattern", "LogGroupName", "MetricTransformations"],
        optional: &["FilterName", "ApplyOnTransformedLogs", "FieldSelectionCriteria", "EmitSystemFieldDimensions"],
        replaces: &["LogGroupName", "FilterName"],
        named: Some("FilterName"),
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::CloudTrail::Trail",
        required: &["IsLogging", "S3BucketName"],
        optional: &[
            "TrailName",
            "AdvancedEventSelectors",
            "AggregationConfigurations",
            "CloudWatchLogsLogGroupArn",
            "CloudWatchLogsRoleArn",
            "EnableLogFileValidation",
            "EventSelectors",
            "IncludeGlobalServiceEvents",
            "InsightSelectors",
            "IsMultiRegionTrail",
            "IsOrganizationTrail",
            "KMSKeyId",
            "S3KeyPrefix",
            "SnsTopicName",
            "Tags",
        ],
        replaces: &["TrailName"],
        named: Some("TrailName"),
        attributes: &[
            ("Arn", "arn:aws:cloudtrail:{region}:{account}:trail/{name}"),
            ("SnsTopicArn", "{.SnsTopicName}"),
        ],
        seconds: [5, 4, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Config::ConfigRule",
        required: &["Source"],
        optional: &[
            "ConfigRuleName",
            "Compliance",
            "Description",
            "EvaluationModes",
            "InputParameters",
            "MaximumExecutionFrequency",
            "Scope",
        ],
        replaces: &["ConfigRuleName"],
        named: Some("ConfigRuleName"),
        attributes: &[
            ("Arn", "arn:aws:config:{region}:{account}:config-rule/config-rule-{tail}"),
            ("ConfigRuleId", "config-rule-{tail}"),
            ("Compliance.Type", "INSUFFICIENT_DATA"),
        ],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Config::ConfigurationRecorder",
        required: &["RoleARN"],
        optional: &["Name", "RecordingGroup", "RecordingMode"],
        replaces: &["Name"],
        named: Some("Name"),
        drift: false,
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::Config::DeliveryChannel",
        required: &["S3BucketName"],
        optional: &["Name", "ConfigSnapshotDeliveryProperties", "S3KeyPrefix", "S3KmsKeyArn", "SnsTopicARN"],
        replaces: &["Name"],
        named: Some("Name"),
        drift: false,
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::GuardDuty::Detector",
        required: &["Enable"],
        optional: &["DataSources", "Features", "FindingPublishingFrequency", "Tags"],
        id: "{hex}",
        attributes: &[("Id", "{id}")],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::SecurityHub::Hub",
        optional: &["AutoEnableControls", "ControlFindingGenerator", "EnableDefaultStandards", "Tags"],
        write_only: &["EnableDefaultStandards"],
        id: "arn:aws:securityhub:{region}:{account}:hub/default",
        attributes: &[("ARN", "{id}")],
        ..Kind::PLAIN
    },
];
