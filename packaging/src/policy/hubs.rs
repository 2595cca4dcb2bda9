//! The hub's policy: a statement for what it reads, one for whom it tells.

use super::statement::Statement;
use hub::permission::{ALL, Scope};

/// What the hub's role may do.
pub(super) fn hub() -> Vec<Statement> {
    let actions = |scope| ALL.iter().filter(|row| row.scope == scope).map(|row| row.action).collect();
    let queue = ["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Prefix}-reports"];
    let keys = ["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"];
    let product =
        ["arn:${AWS::Partition}:securityhub:${AWS::Region}:${AWS::AccountId}:product/${AWS::AccountId}/default"];
    let topics = ["arn:${AWS::Partition}:sns:*:${AWS::AccountId}:${Prefix}-alerts*"];
    vec![
        Statement::allow(("TakeReports", "The queue of reports, and no other"), actions(Scope::Reports), &queue, &[]),
        Statement::allow(
            ("ReadEncryptedReports", "A queue with a key of its own: through SQS alone; without one, leave it out"),
            actions(Scope::Key),
            &keys,
            &[("StringLike", "kms:ViaService", &["sqs.*"])],
        ),
        Statement::allow(
            ("TellSecurityHub", "The account's own product, and no other; without such a route, leave it out"),
            actions(Scope::Findings),
            &product,
            &[],
        ),
        Statement::allow(
            ("Tell", "The topics that alerts go to; without any, leave it out"),
            actions(Scope::Alerts),
            &topics,
            &[],
        ),
        Statement::allow(
            (
                "AskTheOrganization",
                "With --organization; IAM knows no resource for it, and only a delegated administrator is answered",
            ),
            actions(Scope::Organization),
            &["*"],
            &[],
        ),
    ]
}
