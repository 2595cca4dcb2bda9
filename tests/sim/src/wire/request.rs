//! One request as it came in, and the call that it is.

use super::{
    caller::Caller,
    cloudwatch, lambda,
    params::Params,
    protocol::{Protocol, Service},
    s3,
};
use crate::{fault::Refusal, services::refused};
use axum::{
    body::Bytes,
    http::{HeaderMap, Method},
};
use manifests::id::AccountId;
use percent_encoding::percent_decode_str;

/// No request is larger: S3's templates have 1 MB, and artifacts are zipped.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// A request, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: Method,
    /// The path, decoded.
    pub(crate) path: String,
    pub(crate) query: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a request asks, and who asks it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) service: Service,
    /// The action's name in the service's API reference.
    pub(crate) action: String,
    /// The parameters of a query action.
    pub(crate) params: Params,
}

impl Received {
    /// Reads a request to its end.
    pub(crate) async fn read(request: axum::extract::Request) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, MOST_BYTES).await;
        Ok(Self {
            method: head.method,
            path: percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned(),
            query: Params::parse(head.uri.query().unwrap_or_default()),
            headers: head.headers,
            body: body.map_err(|error| refused("RequestEntityTooLarge", error.to_string()))?,
        })
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How this request's sender wants its errors, as far as can be told without knowing the service.
    pub(crate) fn protocol(&self) -> Protocol {
        if self.header("x-amz-target").is_some() {
            return Service::Ssm.protocol();
        }
        let form =
            self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if form || self.query.has("Action") { Service::Sts.protocol() } else { Protocol::Rest }
    }
}

impl Call {
    /// Tells who calls what.
    pub(crate) fn of(request: &Received, default: &AccountId) -> Result<Self, Refusal> {
        let caller = Caller::read(&request.headers, &request.query, default)?;
        let service = Service::of(&caller.service).ok_or_else(|| {
            refused("InvalidAction", format!("The simulated account has no service `{}`", caller.service))
        })?;
        let mut params = Params::default();
        let action = match service.protocol() {
            Protocol::Query(_) => {
                // A presigned request has its parameters in the query string.
                let body = String::from_utf8_lossy(&request.body);
                params = if body.is_empty() { request.query.clone() } else { Params::parse(&body) };
                params.text("Action").unwrap_or_default()
            }
            Protocol::Json(_) => {
                let target = request.header("x-amz-target").unwrap_or_default();
                target.rsplit_once('.').map_or("", |(_, action)| action).to_owned()
            }
            Protocol::Cbor => cloudwatch::action(request),
            Protocol::RestJson => lambda::target(request).0.to_owned(),
            Protocol::Rest => s3::Target::of(request).action.to_owned(),
        };
        if action.is_empty() {
            return Err(refused("InvalidAction", "The request names no action that the simulated account knows"));
        }
        Ok(Self { caller, service, action, params })
    }

    /// `service:Action`, as an IAM policy and the count of calls spell it.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.service.name(), self.action)
    }
}
