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
    /// The version of itself that the agent finds asked for: it writes that, and the updater reads it.
    Release,
    /// What the agent says of its own turns, while the updater wants to know.
    Proof,
    /// What the updater of a function remembers; on a machine it keeps that itself.
    Update,
    /// Memory as it was before a version of the agent was tried.
    Before,
    /// A person's word that what was given up is to be tried once more.
    Again,
}

impl Document {
    /// What is about the agent's own version: read when another one is asked for, and else not.
    pub(super) const OWN: [Self; 5] = [Self::Release, Self::Proof, Self::Update, Self::Before, Self::Again];
    /// What every turn begins with: as many as SSM reads in one call.
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
            Self::Release => "release",
            Self::Proof => "proof",
            Self::Update => "update",
            Self::Before => "memory-before",
            Self::Again => "again",
        }
    }

    /// How it is read from a file: more bytes than it ever has, which is all that anybody need take in; and whether agents alone
    /// write it, so that what lies there is a file that one of them made, and no link.
    pub(super) fn limits(self) -> (u64, bool) {
        match self {
            Self::Lease | Self::Release | Self::Proof | Self::Update => (64 << 10, true),
            Self::Memory | Self::Drift | Self::Before => (64 << 20, true),
            Self::Guardrails
            | Self::Hold
            | Self::Pin
            | Self::Approvals
            | Self::Rollbacks
            | Self::Reset
            | Self::Again
            | Self::Signers => (8 << 20, false),
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
            | Self::Drift
            | Self::Release
            | Self::Proof
            | Self::Update
            | Self::Before
            | Self::Again => "json",
        }
    }
}
