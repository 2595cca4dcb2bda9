//! An SDK error → one of our kinds, in words. The table follows the CloudFormation API's "Common Errors" and the
//! sentences that the service is known to say.

use super::{CloudError, Trouble, permission};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use plan::why::Why;
use std::{error::Error, fmt::Display};

/// What an SDK error means. Its `Debug` and its whole chain can hold the raw answer, so neither is ever shown.
pub(crate) fn trouble<E, R>(call: &'static str, error: &SdkError<E, R>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (problem, message) = match error {
        SdkError::ServiceError(service) => {
            let error = service.err();
            let (code, message) = (error.code().unwrap_or("(no code)"), error.message().unwrap_or_default());
            (kind(code, message), format!("{code}: {}", plan::quote::quote(message)))
        }
        SdkError::TimeoutError(_) => (Trouble::Unavailable, "no answer in time".into()),
        SdkError::ResponseError(_) => (Trouble::Unavailable, "the answer broke off or is not AWS's".into()),
        SdkError::ConstructionFailure(_) => (Trouble::Other, "the request holds a value that it may not carry".into()),
        SdkError::DispatchFailure(failure) => {
            let words = failure.as_connector_error().map_or_else(|| "no connection".into(), |error| innermost(error));
            let credentials = words.to_lowercase().contains("credential");
            (if credentials { Trouble::Credentials } else { Trouble::Unavailable }, words)
        }
        _ => (Trouble::Other, "an error that this version does not know".into()),
    };
    CloudError { call, problem, message }
}

/// What a service's error code, and for CloudFormation its sentence, means.
fn kind(code: &str, message: &str) -> Trouble {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceException"
        | "ServiceUnavailable" => Trouble::Unavailable,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AuthorizationError" => Trouble::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature" => Trouble::Credentials,
        "AlreadyExistsException" | "TokenAlreadyExistsException" | "ParameterAlreadyExists" | "PreconditionFailed" => {
            Trouble::AlreadyExists
        }
        "ChangeSetNotFound"
        | "HookResultNotFound"
        | "ParameterNotFound"
        | "ParameterVersionNotFound"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "ResourceNotFoundException"
        | "NotFound" => Trouble::NotFound,
        "InvalidChangeSetStatus" | "ResourceConflictException" => Trouble::Busy,
        "LimitExceededException"
        | "LimitExceeded"
        | "RequestEntityTooLargeException"
        | "CodeStorageExceededException" => Trouble::Limit,
        "InsufficientCapabilitiesException" => Trouble::Invalid,
        "ValidationError" if message.contains("does not exist") => Trouble::NotFound,
        "ValidationError" if message.contains("can not be updated") || message.contains("cannot be updated") => {
            Trouble::Busy
        }
        // Only one detection at a time looks at a stack.
        "ValidationError" if message.contains("is already in progress") => Trouble::Busy,
        // A listing that was stale: the stack is there, and the next look will show it.
        "ValidationError" if message.contains("already exists and cannot be created again") => Trouble::Busy,
        // A role that was just made takes a while to be known everywhere.
        "ValidationError" if message.contains("cannot be assumed") => Trouble::Other,
        "ValidationError" | "InvalidParameter" | "InvalidParameterValueException" | "ValidationException" => {
            Trouble::Invalid
        }
        _ => Trouble::Other,
    }
}

/// The last words of a chain of errors: the cause.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    plan::quote::quote(&error.to_string())
}

/// What an error means for the one stack that it is about.
pub(crate) fn why_of(error: &CloudError) -> Why {
    match error.problem {
        Trouble::Denied | Trouble::Credentials => Why::Denied(error.said()),
        Trouble::Invalid | Trouble::Limit => Why::Refused(error.said()),
        Trouble::Unavailable | Trouble::NotFound | Trouble::Busy | Trouble::AlreadyExists | Trouble::Other => {
            Why::Trouble(error.said())
        }
    }
}

impl CloudError {
    /// As a sentence, with what to do about it.
    pub(crate) fn said(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}; {hint}"))
    }

    /// Whether what was asked about is not there. (Of a detection or a physical id CloudFormation says so in more ways than of
    /// a stack.)
    pub(crate) fn is_missing(&self) -> bool {
        self.problem == Trouble::NotFound || (self.problem == Trouble::Invalid && self.message.contains("not exist"))
    }

    /// An answer that makes no sense.
    pub(crate) fn odd(call: &'static str, why: &dyn Display) -> Self {
        Self { call, problem: Trouble::Other, message: plan::quote::quote(&why.to_string()) }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self.problem {
            Trouble::Denied => {
                let missing = permission::named_in(&self.message).unwrap_or(self.call);
                Some(format!("give the agent's role the permission `{missing}`"))
            }
            Trouble::Credentials => {
                Some("check the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, the role) and this machine's clock".into())
            }
            Trouble::Unavailable
            | Trouble::NotFound
            | Trouble::Busy
            | Trouble::AlreadyExists
            | Trouble::Invalid
            | Trouble::Limit
            | Trouble::Other => None,
        }
    }
}
