//! What was found: CloudFormation's answers in our own words, as values.
//!
//! Not here: any judgement. What a status *means* is [`crate::stance`]'s business, what a change may do is
//! [`crate::guard`]'s.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use jiff::Timestamp;
use manifests::id::{Region, ResourcePath, StackKey};
use serde::Serialize;

/// Declares an enum of CloudFormation's words, both ways, from one list.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[expect(missing_docs, reason = "each variant is CloudFormation's own word")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// CloudFormation's own word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// From CloudFormation's own word; `None` for one that it learned after us.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// All 23 values of CloudFormation's `StackStatus`.
    Status {
        CreateInProgress = "CREATE_IN_PROGRESS",
        CreateFailed = "CREATE_FAILED",
        CreateComplete = "CREATE_COMPLETE",
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        RollbackFailed = "ROLLBACK_FAILED",
        RollbackComplete = "ROLLBACK_COMPLETE",
        DeleteInProgress = "DELETE_IN_PROGRESS",
        DeleteFailed = "DELETE_FAILED",
        DeleteComplete = "DELETE_COMPLETE",
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        UpdateComplete = "UPDATE_COMPLETE",
        UpdateFailed = "UPDATE_FAILED",
        UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
        UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED",
        UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE",
        ReviewInProgress = "REVIEW_IN_PROGRESS",
        ImportInProgress = "IMPORT_IN_PROGRESS",
        ImportComplete = "IMPORT_COMPLETE",
        ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS",
        ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED",
        ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE",
    }
}

/// One stack as `DescribeStacks` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStack {
    /// Its ARN: a name can be used again, this can't.
    pub id: String,
    /// Its status, or the word that CloudFormation learned after us.
    pub status: Result<Status, String>,
    /// Why it is in that status, if CloudFormation says.
    pub reason: Option<String>,
    /// The *name* of the change set executed last; absent after a direct update.
    pub change_set: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its parameters; a secret's value is not shown.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Whether somebody protected it against deletion (`EnableTerminationProtection`).
    pub protected: bool,
    /// Whether it belongs to another stack (nested): then it is never acted on by itself.
    pub nested: bool,
}

/// All regions in use, as they were looked at. A region stands in exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The stacks of every region whose listing was complete.
    pub stacks: BTreeMap<StackKey, FoundStack>,
    /// The regions whose listing was complete.
    pub regions: BTreeSet<Region>,
    /// The regions whose listing was not, and why. Nothing is concluded from an incomplete listing.
    pub unreadable: BTreeMap<Region, String>,
}

words! {
    /// What a change set does to a resource.
    Action {
        Add = "Add",
        Modify = "Modify",
        Remove = "Remove",
        Import = "Import",
        Dynamic = "Dynamic",
        SyncWithActual = "SyncWithActual",
    }
}

words! {
    /// Whether a modification replaces the resource.
    Replacement {
        True = "True",
        False = "False",
        Conditional = "Conditional",
    }
}

words! {
    /// What becomes of the old resource.
    PolicyAction {
        Delete = "Delete",
        Retain = "Retain",
        Snapshot = "Snapshot",
        ReplaceAndDelete = "ReplaceAndDelete",
        ReplaceAndRetain = "ReplaceAndRetain",
        ReplaceAndSnapshot = "ReplaceAndSnapshot",
    }
}

words! {
    /// How a resource really is, beside what its stack asked of it (`StackResourceDriftStatus`, and `ResourceDriftStatus`
    /// of a change set).
    Seen {
        InSync = "IN_SYNC",
        Modified = "MODIFIED",
        Deleted = "DELETED",
        NotChecked = "NOT_CHECKED",
        Unknown = "UNKNOWN",
        Unsupported = "UNSUPPORTED",
    }
}

/// One resource in a change set. An action or word that CloudFormation learned after us is `None`, and is judged as
/// the worst that it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub action: Option<Action>,
    /// The resource's name in the template, through the nested stacks that it lies in.
    pub logical: ResourcePath,
    /// Its name in the account, if it has one already.
    pub physical: Option<String>,
    /// `AWS::…::…`.
    pub kind: String,
    /// Whether it is replaced; `None` where CloudFormation says nothing (an Add, a Remove).
    pub replacement: Option<Replacement>,
    /// What becomes of the old one.
    pub policy: Option<PolicyAction>,
    /// Which properties make the change: for people, and to tell a change of nothing but tags.
    pub details: Vec<Detail>,
    /// For a nested stack: whether everything that changes inside it stands in the change set too.
    pub walked: bool,
    /// How the resource really is, as a drift-aware change set found it; `None` in every other, and for a word that
    /// CloudFormation learned after us.
    pub drift: Option<Seen>,
}

/// One property in a change, for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Detail {
    /// `Properties`, `Tags`, `Metadata`, …
    pub attribute: String,
    /// The property's name, if CloudFormation says.
    pub name: Option<String>,
    /// The value before, when it was asked for.
    pub before: Option<String>,
    /// The value after, when it was asked for.
    pub after: Option<String>,
    /// Whether this property is why the resource is replaced: `Always`, `Conditionally` or `Never`.
    pub recreation: Option<String>,
}

impl Detail {
    /// Which property it is, or what else of the resource.
    pub fn place(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.attribute)
    }
}

/// How far a change set has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSetStatus {
    /// Still being made.
    Pending,
    /// Made, and can be executed.
    Ready,
    /// Could not be made: the reason says whether that is good ("didn't contain changes") or bad.
    Failed,
    /// It can't be executed any more (obsolete, executed, being deleted).
    Gone,
}

/// A change set, as a plain description (no property values) of all its pages shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The stack that it is for, by ARN.
    pub stack_id: String,
    /// How far it has come.
    pub status: ChangeSetStatus,
    /// Why, if CloudFormation says.
    pub reason: Option<String>,
    /// What it does, resource by resource.
    pub changes: Vec<Change>,
    /// Whether it is drift-aware (`DeploymentMode` `REVERT_DRIFT`).
    pub reverts: bool,
}

/// One event of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackEvent {
    /// When.
    pub at: Timestamp,
    /// The resource's name in the template; the stack's own for the stack itself.
    pub logical: String,
    /// The resource's name in the account, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical: Option<String>,
    /// `AWS::…::…`.
    pub kind: String,
    /// CloudFormation's word for how it stands.
    pub status: String,
    /// CloudFormation's own sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The `ClientRequestToken` of the operation, if it was given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether it tells of the stack itself, and not of a resource.
    pub itself: bool,
}

/// One failed event of a stack operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEvent {
    /// When.
    pub at: Timestamp,
    /// The resource's name in the template.
    pub logical: String,
    /// `AWS::…::…`.
    pub kind: String,
    /// CloudFormation's own sentence.
    pub reason: String,
    /// Where in the template, for what early validation found.
    pub path: Option<String>,
}

/// One hook that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedHook {
    /// Its type's name, `Company::Place::Hook`.
    pub hook: String,
    /// Its own sentence, if it has one.
    pub reason: Option<String>,
}
