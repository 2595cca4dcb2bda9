//! Drift detection and CloudTrail, as the agent asks for them. Not here: what they answer ([`crate::cfn`], [`crate::services::cloudtrail`]).

use super::{SimCloud, map::seen};
use crate::{
    cfn::{
        api::{DescribeStackResourceDrifts, StackResourceDrift},
        words::{DetectionStatus, ResourceDriftStatus},
    },
    services::{
        Place as Service,
        cloudtrail::{self, Lookup as Asked},
    },
};
use agent::cloud::{CloudError, Lookup, Trouble};
use manifests::id::{Region, StackKey};
use plan::drift::seen::{Detection, Deviation, Difference, Member, Place, Resource};

impl SimCloud {
    pub(super) async fn begin_detection(&self, place: &Place) -> Result<String, CloudError> {
        self.call("cloudformation:DetectStackDrift", |world| {
            world.cfn(self.account_id(), &place.key.region).detect_stack_drift(&place.stack_id, &[])
        })
        .await
    }

    pub(super) async fn detection_status(&self, region: &Region, id: &str) -> Result<Detection, CloudError> {
        let found = self.call("cloudformation:DescribeStackDriftDetectionStatus", |world| {
            world.cfn(self.account_id(), region).describe_stack_drift_detection_status(id)
        });
        match found.await {
            Ok(found) => Ok(match found.detection_status {
                DetectionStatus::InProgress => Detection::Running,
                DetectionStatus::Complete => Detection::Done,
                DetectionStatus::Failed => Detection::Failed(found.detection_status_reason.unwrap_or_default()),
            }),
            Err(error) if missing(&error) => Ok(Detection::Gone),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn one_resource(&self, place: &Place, logical: &str) -> Result<Deviation, CloudError> {
        let found = self.call("cloudformation:DetectStackResourceDrift", |world| {
            world.cfn(self.account_id(), &place.key.region).detect_stack_resource_drift(&place.stack_id, logical)
        });
        found.await.map(deviation)
    }

    pub(super) async fn all_resources(&self, place: &Place) -> Result<Vec<Resource>, CloudError> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let at = token.take();
            let page = self
                .call("cloudformation:ListStackResources", |world| {
                    world.cfn(self.account_id(), &place.key.region).list_stack_resources(&place.stack_id, at.as_deref())
                })
                .await?;
            all.extend(page.items.into_iter().map(|one| Resource {
                logical: one.logical_resource_id,
                physical: one.physical_resource_id,
                kind: one.resource_type,
                touched: Some(one.timestamp),
                seen: Some(seen(one.drift_status)),
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn all_deviations(&self, place: &Place) -> Result<Vec<Deviation>, CloudError> {
        let filters = vec![ResourceDriftStatus::Modified, ResourceDriftStatus::Deleted, ResourceDriftStatus::Unknown];
        let mut request = DescribeStackResourceDrifts {
            stack_name: place.stack_id.clone(),
            status_filters: filters,
            max_results: Some(100),
            next_token: None,
        };
        let mut all = Vec::new();
        loop {
            let page = self
                .call("cloudformation:DescribeStackResourceDrifts", |world| {
                    world.cfn(self.account_id(), &place.key.region).describe_stack_resource_drifts(&request)
                })
                .await?;
            all.extend(page.items.into_iter().map(deviation));
            request.next_token = page.next_token;
            if request.next_token.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn whose(&self, region: &Region, physical: &str) -> Result<Option<Member>, CloudError> {
        let found = self.call("cloudformation:DescribeStackResources", |world| {
            world.cfn(self.account_id(), region).describe_stack_resources(None, None, Some(physical))
        });
        let resources = match found.await {
            Ok(resources) => resources,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let meant = resources.into_iter().find(|one| one.physical_resource_id.as_deref() == Some(physical));
        Ok(meant.and_then(|one| {
            let key = StackKey { region: region.clone(), stack: one.stack_name.parse().ok()? };
            Some(Member { place: Place { key, stack_id: one.stack_id }, logical: one.logical_resource_id })
        }))
    }

    pub(super) async fn records(&self, region: &Region, what: &Lookup<'_>) -> Result<Vec<String>, CloudError> {
        let attribute = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        let asked = match what {
            Lookup::Event(id) => Asked { attributes: attribute("EventId", id), ..Asked::default() },
            Lookup::Resource(name, (since, until)) => Asked {
                attributes: attribute("ResourceName", name),
                start: Some(*since),
                end: *until,
                most: Some(Lookup::PAGE),
                ..Asked::default()
            },
        };
        let found = self.call("cloudtrail:LookupEvents", |world| {
            let at = Service { account: self.account_id(), region, now: world.now() };
            cloudtrail::lookup(world, &at, &asked)
        });
        Ok(found.await?.events.iter().map(|event| event.record.to_string()).collect())
    }
}

fn missing(error: &CloudError) -> bool {
    matches!(error.problem, Trouble::NotFound | Trouble::Invalid) && error.message.contains("does not exist")
}

fn deviation(found: StackResourceDrift) -> Deviation {
    let difference = |one: crate::cfn::api::PropertyDifference| Difference {
        path: one.property_path,
        expected: one.expected_value,
        actual: one.actual_value,
        how: one.difference_type.to_string(),
    };
    Deviation {
        logical: found.logical_resource_id,
        physical: found.physical_resource_id,
        kind: found.resource_type,
        seen: Some(seen(found.status)),
        reason: found.status_reason,
        differences: found.property_differences.into_iter().map(difference).collect(),
    }
}
