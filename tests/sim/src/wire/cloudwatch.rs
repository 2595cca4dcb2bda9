//! CloudWatch's requests and answers: Smithy's RPC v2 over CBOR. The path names the operation, the body is one map.
//!
//! Not here: what an action does ([`crate::services::cloudwatch`]).

use super::{answer::Answer, request::Received};
use crate::{
    fault::Refusal,
    services::{Place, cloudwatch, refused, unknown},
    world::World,
};
use ciborium::Value;

/// The operation that a request's path names: `/service/<service>/operation/<operation>`.
pub(crate) fn action(request: &Received) -> String {
    request.path.split_once("/operation/").map_or("", |(_, action)| action).to_owned()
}

/// Does one call.
pub(crate) fn call(world: &mut World, at: &Place<'_>, action: &str, body: &[u8]) -> Result<Answer, Refusal> {
    if action != "DescribeAlarms" {
        return Err(unknown(action));
    }
    let input: Value =
        ciborium::from_reader(body).map_err(|error| refused("SerializationException", error.to_string()))?;
    let asked = cloudwatch::Asked { names: texts(&input, "AlarmNames"), types: texts(&input, "AlarmTypes") };
    let alarms = cloudwatch::describe(&world.account(at.account).store, at, &asked)?;
    let list =
        |composite: bool| Value::Array(alarms.iter().filter(|it| it.composite == composite).map(alarm).collect());
    Ok(answer(200, &map(vec![("MetricAlarms", list(false)), ("CompositeAlarms", list(true))])))
}

/// An error in this protocol's shape.
pub(crate) fn refuse(code: &str, status: u16, message: &str) -> Answer {
    answer(status, &map(vec![("__type", text(code)), ("message", text(message))]))
}

fn answer(status: u16, value: &Value) -> Answer {
    let mut body = Vec::new();
    // Writing into a list of bytes can't fail.
    let _ = ciborium::into_writer(value, &mut body);
    Answer::new(status, body).with("content-type", "application/cbor").with("smithy-protocol", "rpc-v2-cbor")
}

fn alarm(alarm: &cloudwatch::Alarm) -> Value {
    map(vec![("AlarmName", text(&alarm.name)), ("AlarmArn", text(&alarm.arn)), ("StateValue", text(&alarm.state))])
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn map(fields: Vec<(&str, Value)>) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (text(name), value)).collect())
}

/// A list of texts in a map; none when it is not there.
fn texts(input: &Value, name: &str) -> Vec<String> {
    let fields = input.as_map().map_or(&[][..], Vec::as_slice);
    let list = fields.iter().find(|(key, _)| key.as_text() == Some(name)).and_then(|(_, list)| list.as_array());
    list.into_iter().flatten().filter_map(|text| text.as_text().map(ToOwned::to_owned)).collect()
}
