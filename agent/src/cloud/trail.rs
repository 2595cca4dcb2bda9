//! CloudTrail's own word for who did something. It may ask for two lookups a second in an account and region (CloudTrail
//! quotas), so nobody asks without a budget; and it tells of a call some minutes after it was made.

use super::{CloudError, Lookup, count::Calls, trouble::trouble};
use aws_config::SdkConfig;
use aws_sdk_cloudtrail::{
    Client,
    config::{Builder, Region as SdkRegion},
    types::{LookupAttribute, LookupAttributeKey},
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use manifests::id::Region;

/// The records, as the JSON that CloudTrail keeps; the newest first, one page.
pub(super) async fn lookup(
    config: &SdkConfig,
    calls: &Calls,
    region: &Region,
    what: &Lookup<'_>,
) -> Result<Vec<String>, CloudError> {
    const CALL: &str = "cloudtrail:LookupEvents";
    let config = Builder::from(config).region(SdkRegion::new(region.to_string())).interceptor(calls.clone());
    let client = Client::from_conf(config.build());
    let (key, value, since, until) = match what {
        Lookup::Event(id) => (LookupAttributeKey::EventId, *id, None, None),
        Lookup::Resource(name, (since, until)) => {
            (LookupAttributeKey::ResourceName, *name, Some(since), until.as_ref())
        }
    };
    let seconds = |time: &Timestamp| DateTime::from_secs(time.as_second());
    let attribute = LookupAttribute::builder().attribute_key(key).attribute_value(value).build();
    let attribute = attribute.map_err(|error| CloudError::odd(CALL, &error))?;
    let call = client.lookup_events().lookup_attributes(attribute).max_results(Lookup::PAGE as i32);
    let call = call.set_start_time(since.map(seconds)).set_end_time(until.map(seconds));
    let page = call.send().await.map_err(|error| trouble(CALL, &error))?;
    Ok(page.events().iter().filter_map(|event| event.cloud_trail_event().map(ToOwned::to_owned)).collect())
}
