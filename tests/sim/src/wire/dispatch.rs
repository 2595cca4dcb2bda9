//! From a call to the service that does it, and from what it answers to the wire.

use super::{
    answer::Answer,
    authorize, cloudformation, cloudwatch, deed, lambda,
    protocol::{Protocol, Service},
    request::{Call, Received},
    s3, sns, sts,
    xml::Xml,
};
use crate::{
    fault::Refusal,
    services::{Place, cloudtrail, post::Post, sqs, ssm},
    world::World,
};

/// Does one call, and records it if it was a write. `number` is the request's own, `id` the text made of it.
pub(crate) fn work(
    world: &mut World,
    post: &mut Post,
    call: &Call,
    request: &Received,
    id: (u64, &str),
) -> Result<Answer, Refusal> {
    authorize::authorize(world, call, request)?;
    let answer = serve(world, post, call, request, id)?;
    if let Some(deed) = deed::of(call, request) {
        world.record(&call.caller.account, &call.caller.region, deed, &deed::actor(call, request));
    }
    Ok(answer)
}

fn serve(
    world: &mut World,
    post: &mut Post,
    call: &Call,
    request: &Received,
    (number, id): (u64, &str),
) -> Result<Answer, Refusal> {
    let Call { caller, service, action, params } = call;
    let at = Place { account: &caller.account, region: &caller.region, now: world.now() };
    match service {
        Service::CloudFormation => {
            let mut cfn = world.cfn(&caller.account, &caller.region);
            xml(cloudformation::NAMESPACE, action, id, |x| cloudformation::call(&mut cfn, action, params, x))
        }
        Service::CloudTrail => cloudtrail::call(world, &at, action, &request.body).map(|value| json(*service, &value)),
        Service::CloudWatch => cloudwatch::call(world, &at, action, &request.body),
        Service::Sns => xml(sns::NAMESPACE, action, id, |x| sns::call(world, post, &at, (action, params), x)),
        Service::Sts => xml(sts::NAMESPACE, action, id, |x| sts::call(caller, &at, (action, params), number, x)),
        Service::Sqs => sqs::call(world, post, &at, action, &request.body).map(|value| json(*service, &value)),
        Service::Ssm => {
            let store = &mut world.account(&caller.account).store;
            ssm::call(store, &at, action, &request.body).map(|value| json(*service, &value))
        }
        Service::Lambda => lambda::call(world, &at, request),
        Service::S3 => s3::call(world, &at, request),
    }
}

fn xml(
    namespace: &str,
    action: &str,
    id: &str,
    result: impl FnOnce(&mut Xml) -> Result<(), Refusal>,
) -> Result<Answer, Refusal> {
    Xml::answer(action, namespace, id, result).map(|body| Answer::xml(200, body))
}

fn json(service: Service, value: &serde_json::Value) -> Answer {
    let answer = Answer::new(200, value.to_string().into_bytes());
    match service.protocol() {
        Protocol::Json(mime) => answer.with("content-type", mime),
        Protocol::Query(_) | Protocol::Cbor | Protocol::Rest | Protocol::RestJson => answer,
    }
}
