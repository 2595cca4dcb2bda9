//! The services that are simulated, the ways in which they speak, and what an error looks like in each.

use super::{answer::Answer, cloudformation, cloudwatch, lambda, sns, sts, xml::Xml};
use crate::fault::Refusal;
use serde_json::json;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    CloudFormation,
    CloudTrail,
    CloudWatch,
    Lambda,
    S3,
    Sns,
    Sqs,
    Ssm,
    Sts,
}

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Form in, XML out, in this namespace.
    Query(&'static str),
    /// JSON in, JSON out, with this content type.
    Json(&'static str),
    /// CBOR in, CBOR out, and the path says what is asked.
    Cbor,
    /// S3: the method and the path say what is asked.
    Rest,
    /// Lambda: the same, with JSON in and out.
    RestJson,
}

impl Service {
    /// The service of a signing name.
    pub(crate) fn of(signing_name: &str) -> Option<Self> {
        // The one service whose signing name is not the prefix of its actions.
        if signing_name == "monitoring" {
            return Some(Self::CloudWatch);
        }
        let all = [
            Self::CloudFormation,
            Self::CloudTrail,
            Self::Lambda,
            Self::S3,
            Self::Sns,
            Self::Sqs,
            Self::Ssm,
            Self::Sts,
        ];
        all.into_iter().find(|service| service.name() == signing_name)
    }

    /// The prefix of its actions in IAM.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CloudFormation => "cloudformation",
            Self::CloudTrail => "cloudtrail",
            Self::CloudWatch => "cloudwatch",
            Self::Lambda => "lambda",
            Self::S3 => "s3",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Ssm => "ssm",
            Self::Sts => "sts",
        }
    }

    /// How it speaks.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::CloudFormation => Protocol::Query(cloudformation::NAMESPACE),
            Self::Sns => Protocol::Query(sns::NAMESPACE),
            Self::Sts => Protocol::Query(sts::NAMESPACE),
            Self::Sqs => Protocol::Json("application/x-amz-json-1.0"),
            Self::CloudTrail | Self::Ssm => Protocol::Json("application/x-amz-json-1.1"),
            Self::CloudWatch => Protocol::Cbor,
            Self::Lambda => Protocol::RestJson,
            Self::S3 => Protocol::Rest,
        }
    }
}

impl Protocol {
    /// An error in the shape of this protocol.
    pub(crate) fn refuse(self, refusal: &Refusal, request: &str) -> Answer {
        let (code, status) = self.spell(refusal);
        let message = &refusal.message;
        match self {
            Self::Query(namespace) => {
                let error = |x: &mut Xml| {
                    x.text("Type", if status >= 500 { "Receiver" } else { "Sender" });
                    x.text("Code", code);
                    x.text("Message", message);
                };
                Answer::xml(
                    status,
                    Xml::document("ErrorResponse", Some(namespace), |x| {
                        x.element("Error", error);
                        x.text("RequestId", request);
                    }),
                )
            }
            Self::Json(mime) => {
                let body = json!({ "__type": code, "message": message }).to_string();
                let answer = Answer::new(status, body.into_bytes()).with("content-type", mime);
                match legacy(code) {
                    Some(legacy) => answer.with("x-amzn-query-error", format!("{legacy};Sender")),
                    None => answer,
                }
            }
            Self::Cbor => cloudwatch::refuse(code, status, message),
            Self::RestJson => lambda::refuse(code, status, message),
            // S3 answers its errors without a namespace.
            Self::Rest => Answer::xml(
                status,
                Xml::document("Error", None, |x| {
                    x.text("Code", code);
                    x.text("Message", message);
                    x.text("RequestId", request);
                }),
            ),
        }
    }

    /// The same thing has other names in other protocols ("Common errors" of each service's API reference).
    fn spell(self, refusal: &Refusal) -> (&'static str, u16) {
        let Refusal { code, status, .. } = *refusal;
        match (self, code) {
            (Self::Query(_), _) => (code, status),
            (Self::Json(_) | Self::Cbor, "Throttling") => ("ThrottlingException", 400),
            (Self::Json(_) | Self::Cbor, "AccessDenied") => ("AccessDeniedException", 400),
            (Self::Json(_) | Self::Cbor, "ExpiredToken") => ("ExpiredTokenException", 400),
            (Self::Json(_) | Self::Cbor, "InternalFailure") => ("InternalServerError", status),
            (Self::Json(_) | Self::Cbor, "ServiceUnavailable") => ("ServiceUnavailableException", status),
            (Self::Json(_) | Self::Cbor, "MissingAuthenticationToken") => ("MissingAuthenticationTokenException", 400),
            (Self::Json(_) | Self::Cbor, "InvalidAction") => ("UnknownOperationException", 400),
            (Self::RestJson, "Throttling") => ("TooManyRequestsException", 429),
            (Self::RestJson, "AccessDenied") => ("AccessDeniedException", 403),
            (Self::RestJson, "ExpiredToken") => ("ExpiredTokenException", 403),
            (Self::RestJson, "InternalFailure") => ("ServiceException", status),
            (Self::Rest, "Throttling") => ("SlowDown", 503),
            (Self::Rest, "InternalFailure") => ("InternalError", status),
            (Self::Rest, "ExpiredToken") => ("ExpiredToken", 400),
            (Self::Rest, "MissingAuthenticationToken") => ("AccessDenied", 403),
            (Self::Rest, "InvalidAction") => ("NotImplemented", 501),
            (Self::Json(_) | Self::Cbor | Self::Rest | Self::RestJson, _) => (code, status),
        }
    }
}

/// The codes under which SQS's errors were known before it spoke JSON: clients of that time still look for them.
fn legacy(code: &str) -> Option<&'static str> {
    Some(match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "ReceiptHandleIsInvalid" => "ReceiptHandleIsInvalid",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(service: Service, refusal: &Refusal, status: u16, body: &str) {
        let answer = service.protocol().refuse(refusal, "r-1");
        assert_eq!(answer.status, status);
        assert!(String::from_utf8_lossy(&answer.body).contains(body), "{answer:?}");
    }

    #[test]
    fn an_error_has_the_shape_of_its_protocol() {
        let refusal = Refusal::new("ValidationError", 400, "no <b>");
        let xml = "<Error><Type>Sender</Type><Code>ValidationError</Code><Message>no &lt;b&gt;</Message></Error>";
        check(Service::CloudFormation, &refusal, 400, xml);
        check(Service::Ssm, &refusal, 400, r#""__type":"ValidationError""#);
        check(Service::S3, &refusal, 400, "<Error><Code>ValidationError</Code>");
    }

    #[test]
    fn a_throttled_call_is_told_in_the_words_of_its_service() {
        let refusal = Refusal::new("Throttling", 400, "Rate exceeded");
        check(Service::Sns, &refusal, 400, "<Code>Throttling</Code>");
        check(Service::Ssm, &refusal, 400, "ThrottlingException");
        check(Service::S3, &refusal, 503, "SlowDown");
    }

    #[test]
    fn a_fault_of_the_service_is_the_receivers() {
        check(Service::Sts, &Refusal::new("InternalFailure", 500, ""), 500, "<Type>Receiver</Type>");
    }
}
