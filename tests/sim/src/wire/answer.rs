//! What goes back over the wire.

use axum::{body::Body, http::HeaderValue, response::Response};

/// An answer: status, headers, body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// An answer without headers of its own.
    pub(crate) fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// An XML document.
    pub(crate) fn xml(status: u16, document: String) -> Self {
        Self::new(status, document.into_bytes()).with("content-type", "text/xml")
    }

    /// A JSON value.
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, value.to_string().into_bytes()).with("content-type", "application/json")
    }

    /// One more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As the server sends it, under a request id.
    pub(crate) fn into_response(self, request: &str) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status.try_into().unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
        let id = ("x-amzn-requestid", request.to_owned());
        for (name, value) in self.headers.into_iter().chain([id]) {
            // A value that is no header value came from a client's own text: it goes without.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
