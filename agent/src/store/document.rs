//! What is kept, document by document: who writes which, and what each is called.

/// One of the documents that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// What the agent remembers.
    Memory,
    /// What the account allows.
    Guardrails,
    /// Whose turn it is.
    Lease,
    /// What people hold.
    Hold,
    /// Where people pinned the account.
    Pin,
    /// What people approved.
    Approvals,
    /// What people sent back to an earlier form.
    Rollbacks,
    /// The commit that people let be followed all the same.
    Reset,
    /// Who may sign commits.
    Signers,
    /// What the agent remembers of drift.
    Drift,
}

impl Document {
    pub(super) const ALL: [Self; 10] = [
        Self::Memory,
        Self::Guardrails,
        Self::Lease,
        Self::Hold,
        Self::Pin,
        Self::Approvals,
        Self::Rollbacks,
        Self::Reset,
        Self::Signers,
        Self::Drift,
    ];

    /// The last part of its name, beside memory's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Guardrails => "guardrails",
            Self::Lease => "lease",
            Self::Hold => "hold",
            Self::Pin => "pin",
            Self::Approvals => "approvals",
            Self::Rollbacks => "rollbacks",
            Self::Reset => "reset",
            Self::Signers => "signers",
            Self::Drift => "drift",
        }
    }

    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Guardrails => "yaml",
            Self::Signers => "txt",
            Self::Memory
            | Self::Lease
            | Self::Hold
            | Self::Pin
            | Self::Approvals
            | Self::Rollbacks
            | Self::Reset
            | Self::Drift => "json",
        }
    }
}
