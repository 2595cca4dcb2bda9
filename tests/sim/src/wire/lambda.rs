//! Lambda's protocol: REST paths and JSON bodies, errors by a header.
//!
//! Not here: what an action does ([`crate::services::lambda`]).

use super::{answer::Answer, request::Received};
use crate::{
    fault::Refusal,
    services::{
        Place,
        lambda::{self, Invoked},
        unknown,
    },
    world::World,
};
use serde_json::json;

/// What a request is about: the action's name in the API reference, and the function's.
pub(super) fn target(request: &Received) -> (&'static str, &str) {
    let Some(rest) = request.path.strip_prefix("/2015-03-31/functions/") else { return ("", "") };
    let (name, what) = rest.split_once('/').unwrap_or((rest, ""));
    let action = match (request.method.as_str(), what) {
        ("PUT", "code") => "UpdateFunctionCode",
        ("GET", "configuration") => "GetFunctionConfiguration",
        ("POST", "invocations") => "Invoke",
        _ => "",
    };
    (action, name)
}

/// Does one call; an invocation is only let in.
pub(super) fn call(world: &mut World, at: &Place<'_>, request: &Received) -> Result<Answer, Refusal> {
    let (action, name) = target(request);
    if action.is_empty() {
        return Err(unknown(&request.path));
    }
    lambda::call(&mut world.functions, at, (action, name), &request.body).map(|value| Answer::json(200, &value))
}

/// What came of an invocation.
pub(super) fn invoked(invoked: &Invoked) -> Answer {
    match invoked {
        Ok(value) => Answer::json(200, value),
        Err(value) => Answer::json(200, value).with("x-amz-function-error", "Unhandled"),
    }
}

/// An error in this protocol's shape.
pub(super) fn refuse(code: &str, status: u16, message: &str) -> Answer {
    let whose = if status >= 500 { "Service" } else { "User" };
    Answer::json(status, &json!({ "Type": whose, "Message": message, "message": message }))
        .with("x-amzn-errortype", code)
}
