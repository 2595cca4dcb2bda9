//! CloudFormation's words for the states of things other than stacks, whose 23 are [`plan::facts::Status`].

/// Declares an enum of CloudFormation's words from one list.
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

            /// From CloudFormation's own word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The status of a resource in a stack, and of an event.
    ResourceStatus {
        CreateInProgress = "CREATE_IN_PROGRESS",
        CreateFailed = "CREATE_FAILED",
        CreateComplete = "CREATE_COMPLETE",
        DeleteInProgress = "DELETE_IN_PROGRESS",
        DeleteFailed = "DELETE_FAILED",
        DeleteComplete = "DELETE_COMPLETE",
        DeleteSkipped = "DELETE_SKIPPED",
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        UpdateFailed = "UPDATE_FAILED",
        UpdateComplete = "UPDATE_COMPLETE",
        ImportFailed = "IMPORT_FAILED",
        ImportComplete = "IMPORT_COMPLETE",
        ImportInProgress = "IMPORT_IN_PROGRESS",
        ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS",
        ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED",
        ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE",
    }
}

words! {
    /// `ChangeSetType`.
    ChangeSetType { Create = "CREATE", Update = "UPDATE", Import = "IMPORT" }
}

words! {
    /// A change set's `Status`. A deleted one is gone, so its deletion has no word here.
    ChangeSetStatus {
        CreatePending = "CREATE_PENDING",
        CreateInProgress = "CREATE_IN_PROGRESS",
        CreateComplete = "CREATE_COMPLETE",
        Failed = "FAILED",
    }
}

words! {
    /// A change set's `ExecutionStatus`.
    ExecutionStatus {
        Unavailable = "UNAVAILABLE",
        Available = "AVAILABLE",
        ExecuteInProgress = "EXECUTE_IN_PROGRESS",
        ExecuteComplete = "EXECUTE_COMPLETE",
        ExecuteFailed = "EXECUTE_FAILED",
        Obsolete = "OBSOLETE",
    }
}

words! {
    /// What becomes of a stack whose operation fails: `OnFailure`, `OnStackFailure`.
    OnFailure { DoNothing = "DO_NOTHING", Rollback = "ROLLBACK", Delete = "DELETE" }
}

words! {
    /// `OperationType`.
    OperationType {
        CreateStack = "CREATE_STACK",
        UpdateStack = "UPDATE_STACK",
        DeleteStack = "DELETE_STACK",
        ContinueRollback = "CONTINUE_ROLLBACK",
        Rollback = "ROLLBACK",
        CreateChangeset = "CREATE_CHANGESET",
    }
}

words! {
    /// A stack's drift.
    StackDriftStatus { Drifted = "DRIFTED", InSync = "IN_SYNC", Unknown = "UNKNOWN", NotChecked = "NOT_CHECKED" }
}

words! {
    /// A resource's drift. `UNSUPPORTED` is said in drift-aware change sets only.
    ResourceDriftStatus {
        InSync = "IN_SYNC",
        Modified = "MODIFIED",
        Deleted = "DELETED",
        NotChecked = "NOT_CHECKED",
        Unknown = "UNKNOWN",
        Unsupported = "UNSUPPORTED",
    }
}

words! {
    /// How far drift detection has come.
    DetectionStatus {
        InProgress = "DETECTION_IN_PROGRESS",
        Failed = "DETECTION_FAILED",
        Complete = "DETECTION_COMPLETE",
    }
}

words! {
    /// How a property drifted.
    DifferenceType { Add = "ADD", Remove = "REMOVE", NotEqual = "NOT_EQUAL" }
}

words! {
    /// Whether a property's change replaces its resource.
    RequiresRecreation { Never = "Never", Conditionally = "Conditionally", Always = "Always" }
}

words! {
    /// Whether a change's outcome is known before it is made.
    Evaluation { Static = "Static", Dynamic = "Dynamic" }
}

words! {
    /// Where a change comes from.
    ChangeSource {
        ResourceReference = "ResourceReference",
        ParameterReference = "ParameterReference",
        ResourceAttribute = "ResourceAttribute",
        DirectModification = "DirectModification",
        Automatic = "Automatic",
        NoModification = "NoModification",
    }
}

words! {
    /// Which part of a resource changes.
    Scope {
        Properties = "Properties",
        Metadata = "Metadata",
        CreationPolicy = "CreationPolicy",
        UpdatePolicy = "UpdatePolicy",
        DeletionPolicy = "DeletionPolicy",
        UpdateReplacePolicy = "UpdateReplacePolicy",
        Tags = "Tags",
    }
}
