//! CloudWatch: how alarms stand ("DescribeAlarms" in the Amazon CloudWatch API Reference).
//!
//! An alarm is a live resource like any other; its state is the attribute `StateValue`, which the operator sets. One that
//! nobody has set has seen no data yet, as a new alarm on AWS has not. No metric is ever looked at.

use super::{Place, invalid};
use crate::{fault::Refusal, store::Store, world::World};
use manifests::id::{AccountId, Region};
use std::collections::{BTreeMap, BTreeSet};

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// Whether it is made of other alarms.
    pub composite: bool,
}

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only these; all of them when there are none.
    pub names: Vec<String>,
    /// `MetricAlarm`, `CompositeAlarm`; metric alarms when there are none.
    pub types: Vec<String>,
}

const METRIC: &str = "AWS::CloudWatch::Alarm";
const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";
/// The most names that a call takes.
const NAMES: usize = 100;

/// Describes alarms, by name.
///
/// # Errors
/// `ValidationError` when more names are asked for than a call takes.
pub fn describe(store: &Store, at: &Place<'_>, asked: &Asked) -> Result<Vec<Alarm>, Refusal> {
    if asked.names.len() > NAMES {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'alarmNames' failed to satisfy constraint: Member must have length less than or equal to {NAMES}"
        )));
    }
    let wants = |composite: bool| {
        let word = if composite { "CompositeAlarm" } else { "MetricAlarm" };
        if asked.types.is_empty() { !composite } else { asked.types.iter().any(|kind| kind == word) }
    };
    let alarms = store.iter().filter(|(key, _)| key.region == *at.region && [METRIC, COMPOSITE].contains(&&*key.kind));
    let alarms = alarms.map(|(key, resource)| Alarm {
        name: key.id.clone(),
        arn: at.arn("cloudwatch", &format!("alarm:{}", key.id)),
        state: resource
            .attributes
            .get("StateValue")
            .and_then(|state| state.as_str())
            .unwrap_or("INSUFFICIENT_DATA")
            .into(),
        composite: key.kind == COMPOSITE,
    });
    let named = |alarm: &Alarm| asked.names.is_empty() || asked.names.contains(&alarm.name);
    Ok(alarms.filter(|alarm| wants(alarm.composite) && named(alarm)).collect())
}

/// How alarms of any type stand, by name.
///
/// # Errors
/// As [`describe`]'s.
pub fn states(
    world: &mut World,
    account: &AccountId,
    region: &Region,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let types = ["MetricAlarm", "CompositeAlarm"].map(str::to_owned).into();
    let at = Place { account, region, now: world.now() };
    let alarms =
        describe(&world.account(account).store, &at, &Asked { names: names.iter().cloned().collect(), types })?;
    Ok(alarms.into_iter().map(|alarm| (alarm.name, alarm.state)).collect())
}
