//! Drift detection, over the AWS SDK. Not here: when to look, and what of it matters (`plan::drift`).

use super::{CloudError, map, trouble::trouble};
use aws_sdk_cloudformation::{
    Client,
    types::{self as sdk, StackDriftDetectionStatus, StackResourceDriftStatus},
};
use manifests::id::{Region, StackKey};
use plan::{
    drift::seen::{Detection, Deviation, Difference, Member, Place, Resource},
    facts::Seen,
};

/// How many pages of a listing are read: a stack has at most 500 resources, a hundred a page.
const PAGES: usize = 20;

pub(super) async fn detect(client: &Client, place: &Place) -> Result<String, CloudError> {
    const CALL: &str = "cloudformation:DetectStackDrift";
    let answer = client.detect_stack_drift().stack_name(&place.stack_id).send().await;
    let answer = answer.map_err(|error| trouble(CALL, &error))?;
    answer
        .stack_drift_detection_id()
        .map(ToOwned::to_owned)
        .ok_or_else(|| CloudError::odd(CALL, &"the answer was empty"))
}

pub(super) async fn detection(client: &Client, id: &str) -> Result<Detection, CloudError> {
    const CALL: &str = "cloudformation:DescribeStackDriftDetectionStatus";
    let call = client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) => match trouble(CALL, &error) {
            error if error.is_missing() => return Ok(Detection::Gone),
            error => return Err(error),
        },
    };
    let reason = || answer.detection_status_reason().unwrap_or("CloudFormation does not say why").to_owned();
    Ok(match answer.detection_status() {
        Some(StackDriftDetectionStatus::DetectionComplete) => Detection::Done,
        Some(StackDriftDetectionStatus::DetectionFailed) => Detection::Failed(reason()),
        Some(StackDriftDetectionStatus::DetectionInProgress) => Detection::Running,
        Some(other) => Detection::Failed(other.as_str().to_owned()),
        None => Detection::Failed(reason()),
    })
}

pub(super) async fn resource(client: &Client, place: &Place, logical: &str) -> Result<Deviation, CloudError> {
    const CALL: &str = "cloudformation:DetectStackResourceDrift";
    let call = client.detect_stack_resource_drift().stack_name(&place.stack_id).logical_resource_id(logical);
    let answer = call.send().await.map_err(|error| trouble(CALL, &error))?;
    answer.stack_resource_drift().map(deviation).ok_or_else(|| CloudError::odd(CALL, &"the answer was empty"))
}

pub(super) async fn resources(client: &Client, place: &Place) -> Result<Vec<Resource>, CloudError> {
    const CALL: &str = "cloudformation:ListStackResources";
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES {
        let call = client.list_stack_resources().stack_name(&place.stack_id).set_next_token(token.take());
        let page = call.send().await.map_err(|error| trouble(CALL, &error))?;
        all.extend(page.stack_resource_summaries().iter().map(one));
        token = page.next_token().filter(|next| !next.is_empty()).map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(all);
        }
    }
    Err(CloudError::odd(CALL, &"it has more pages than a stack has resources"))
}

pub(super) async fn deviations(client: &Client, place: &Place) -> Result<Vec<Deviation>, CloudError> {
    const CALL: &str = "cloudformation:DescribeStackResourceDrifts";
    let filters =
        [StackResourceDriftStatus::Modified, StackResourceDriftStatus::Deleted, StackResourceDriftStatus::UnknownValue];
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES {
        let call = client.describe_stack_resource_drifts().stack_name(&place.stack_id).max_results(100);
        let call = call.set_stack_resource_drift_status_filters(Some(filters.to_vec())).set_next_token(token.take());
        let page = call.send().await.map_err(|error| trouble(CALL, &error))?;
        all.extend(page.stack_resource_drifts().iter().map(deviation));
        token = page.next_token().filter(|next| !next.is_empty()).map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(all);
        }
    }
    Err(CloudError::odd(CALL, &"it has more pages than a stack has resources"))
}

pub(super) async fn owner(client: &Client, region: &Region, physical: &str) -> Result<Option<Member>, CloudError> {
    const CALL: &str = "cloudformation:DescribeStackResources";
    let answer = match client.describe_stack_resources().physical_resource_id(physical).send().await {
        Ok(answer) => answer,
        Err(error) => match trouble(CALL, &error) {
            // It belongs to no stack.
            error if error.is_missing() => return Ok(None),
            error => return Err(error),
        },
    };
    let meant = |resource: &&sdk::StackResource| resource.physical_resource_id() == Some(physical);
    Ok(answer.stack_resources().iter().find(meant).and_then(|resource| {
        let key = StackKey { region: region.clone(), stack: resource.stack_name()?.parse().ok()? };
        Some(Member {
            place: Place { key, stack_id: resource.stack_id()?.to_owned() },
            logical: resource.logical_resource_id()?.to_owned(),
        })
    }))
}

fn one(summary: &sdk::StackResourceSummary) -> Resource {
    let status = summary.drift_information().and_then(|drift| drift.stack_resource_drift_status());
    Resource {
        logical: summary.logical_resource_id().unwrap_or_default().to_owned(),
        physical: map::text(summary.physical_resource_id()),
        kind: summary.resource_type().unwrap_or_default().to_owned(),
        touched: summary.last_updated_timestamp().and_then(map::time),
        // Where nothing is said, nobody has looked.
        seen: status.map_or(Some(Seen::NotChecked), |status| Seen::from_word(status.as_str())),
    }
}

fn deviation(drift: &sdk::StackResourceDrift) -> Deviation {
    let difference = |one: &sdk::PropertyDifference| Difference {
        path: one.property_path().unwrap_or_default().to_owned(),
        expected: one.expected_value().unwrap_or_default().to_owned(),
        actual: one.actual_value().unwrap_or_default().to_owned(),
        how: one.difference_type().map_or_else(String::new, |how| how.as_str().to_owned()),
    };
    Deviation {
        logical: drift.logical_resource_id().unwrap_or_default().to_owned(),
        physical: map::text(drift.physical_resource_id()),
        kind: drift.resource_type().unwrap_or_default().to_owned(),
        seen: drift.stack_resource_drift_status().and_then(|status| Seen::from_word(status.as_str())),
        reason: map::text(drift.drift_status_reason()),
        differences: drift.property_differences().iter().map(difference).collect(),
    }
}
