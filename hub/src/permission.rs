//! Every call that the hub makes to AWS, and what IAM has to allow for it: the one list from which its policy is written
//! (`cargo x policy`).
//!
//! It asks STS too, but with requests that accounts have signed: STS answers whoever can sign, and needs no permission of the hub's. Whoever has it ask another organization names the role
//! for that in `--organization`, and allows it `sts:AssumeRole` on that role.

/// What IAM has to allow, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// `service:Action`, as IAM spells it.
    pub action: &'static str,
    /// On what.
    pub scope: Scope,
    /// What for.
    pub why: &'static str,
}

/// On what a permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The queue that reports come through.
    Reports,
    /// The topics that alerts go to.
    Alerts,
    /// The key of a queue that is encrypted with one of its own.
    Key,
    /// Security Hub's default product of the hub's account.
    Findings,
    /// The organization of the hub's account.
    Organization,
}

/// All of them.
pub const ALL: &[Permission] = &[
    Permission { action: "sqs:ReceiveMessage", scope: Scope::Reports, why: "reports" },
    Permission { action: "sqs:DeleteMessage", scope: Scope::Reports, why: "those that are kept are taken off" },
    Permission {
        action: "organizations:ListAccounts",
        scope: Scope::Organization,
        why: "which accounts there are, where an organization is asked",
    },
    Permission {
        action: "kms:Decrypt",
        scope: Scope::Key,
        why: "reports, where the queue is encrypted with a key of its own",
    },
    Permission {
        action: "securityhub:BatchImportFindings",
        scope: Scope::Findings,
        why: "alerts, where Security Hub is to hear of them",
    },
    Permission { action: "sns:Publish", scope: Scope::Alerts, why: "alerts, where a topic is to hear of them" },
];
