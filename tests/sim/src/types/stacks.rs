//! CloudFormation's own types, and custom resources.

use super::{Kind, Making};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::CloudFormation::WaitConditionHandle",
        id: "https://cloudformation-waitcondition-{region}.s3.{region}.amazonaws.com/{stack}/{logical}/{tail}",
        drift: false,
        seconds: [0, 0, 0],
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::CloudFormation::WaitCondition",
        optional: &["Count", "Handle", "Timeout"],
        // "Updates aren't supported for this resource" (its page in the Template Reference).
        replaces: &["Count", "Handle", "Timeout"],
        attributes: &[("Data", "{data}")],
        making: Making::Wait,
        drift: false,
        ..Kind::PLAIN
    },
    Kind {
        name: "AWS::CloudFormation::Stack",
        required: &["TemplateURL"],
        optional: &["NotificationARNs", "Parameters", "Tags", "TimeoutInMinutes"],
        making: Making::Stack,
        drift: false,
        ..Kind::PLAIN
    },
];

/// `Custom::…`: any property is known, and a new `ServiceToken` is refused by AWS, here replaced.
pub(super) const CUSTOM: Kind = Kind {
    name: "Custom::",
    required: &["ServiceToken"],
    replaces: &["ServiceToken"],
    making: Making::Custom,
    drift: false,
    ..Kind::PLAIN
};
