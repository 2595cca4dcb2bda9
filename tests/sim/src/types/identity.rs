//! IAM, KMS, IAM Access Analyzer.

use super::{Kind, Reach};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::IAM::Role",
        required: &["AssumeRolePolicyDocument"],
        optional: &[
            "RoleName",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "Tags",
        ],
        replaces: &["RoleName", "Path"],
        named: Some("RoleName"),
        attributes: &[("Arn", "arn:aws:iam::{account}:role/{name}"), ("RoleId", "AROA{tail}")],
        reach: Reach::Account,
        // A new role is given time to spread.
        seconds: [16, 12, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::IAM::ManagedPolicy",
        required: &["PolicyDocument"],
        optional: &["ManagedPolicyName", "Description", "Path", "Groups", "Roles", "Users"],
        replaces: &["ManagedPolicyName", "Description", "Path"],
        named: Some("ManagedPolicyName"),
        id: "arn:aws:iam::{account}:policy/{name}",
        attributes: &[("PolicyArn", "{id}"), ("PolicyId", "ANPA{tail}")],
        reach: Reach::Account,
        seconds: [16, 12, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::IAM::Policy",
        required: &["PolicyName", "PolicyDocument"],
        optional: &["Groups", "Roles", "Users"],
        generated: "{stack}-{logical}-{tail}",
        attributes: &[("Id", "{id}")],
        reach: Reach::Account,
        drift: false,
        seconds: [16, 12, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::IAM::RolePolicy",
        required: &["PolicyName", "RoleName"],
        optional: &["PolicyDocument"],
        replaces: &["PolicyName", "RoleName"],
        id: "{.PolicyName}|{.RoleName}",
        reach: Reach::Account,
        seconds: [16, 12, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::IAM::InstanceProfile",
        required: &["Roles"],
        optional: &["InstanceProfileName", "Path"],
        replaces: &["InstanceProfileName", "Path"],
        named: Some("InstanceProfileName"),
        attributes: &[("Arn", "arn:aws:iam::{account}:instance-profile/{name}")],
        reach: Reach::Account,
        seconds: [120, 10, 3],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::KMS::Key",
        optional: &[
            "BypassPolicyLockoutSafetyCheck",
            "Description",
            "EnableKeyRotation",
            "Enabled",
            "KeyPolicy",
            "KeySpec",
            "KeyUsage",
            "MultiRegion",
            "Origin",
            "PendingWindowInDays",
            "RotationPeriodInDays",
            "Tags",
        ],
        replaces: &["KeySpec", "KeyUsage", "MultiRegion", "Origin"],
        write_only: &["BypassPolicyLockoutSafetyCheck", "PendingWindowInDays", "RotationPeriodInDays"],
        id: "{uuid}",
        attributes: &[("Arn", "arn:aws:kms:{region}:{account}:key/{id}"), ("KeyId", "{id}")],
        seconds: [20, 10, 10],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::KMS::Alias",
        required: &["AliasName", "TargetKeyId"],
        replaces: &["AliasName"],
        named: Some("AliasName"),
        drift: false,
        seconds: [10, 10, 5],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::AccessAnalyzer::Analyzer",
        required: &["Type"],
        optional: &["AnalyzerName", "AnalyzerConfiguration", "ArchiveRules", "Tags"],
        replaces: &["AnalyzerName", "Type"],
        named: Some("AnalyzerName"),
        id: "arn:aws:access-analyzer:{region}:{account}:analyzer/{name}",
        attributes: &[("Arn", "{id}")],
        ..Kind::PLAIN
    },
];
