//! How CloudWatch's alarms stand, by name.

use super::{CloudError, count::Calls, trouble::trouble};
use aws_config::SdkConfig;
use aws_sdk_cloudwatch as cloudwatch;
use cloudwatch::types::AlarmType;
use manifests::id::Region;
use std::collections::{BTreeMap, BTreeSet};

/// How many names one call takes (API reference of `DescribeAlarms`).
const PER_CALL: usize = 100;

/// The state of each alarm that exists, in CloudWatch's word.
pub(super) async fn states(
    config: &SdkConfig,
    calls: &Calls,
    region: &Region,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, CloudError> {
    let config = cloudwatch::config::Builder::from(config)
        .region(cloudwatch::config::Region::new(region.to_string()))
        .interceptor(calls.clone());
    let client = cloudwatch::Client::from_conf(config.build());
    let names: Vec<String> = names.iter().cloned().collect();
    let mut states = BTreeMap::new();
    for names in names.chunks(PER_CALL) {
        // Without types, only alarms of metrics are told of. So many names are one page.
        let call = client.describe_alarms().set_alarm_names(Some(names.to_vec()));
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).max_records(100);
        let page = call.send().await.map_err(|error| trouble("cloudwatch:DescribeAlarms", &error))?;
        let metric = page.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
        let composite = page.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
        for (name, state) in metric.chain(composite) {
            if let (Some(name), Some(state)) = (name, state) {
                states.insert(name.to_owned(), state.as_str().to_owned());
            }
        }
    }
    Ok(states)
}
