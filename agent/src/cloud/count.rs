//! Every AWS call is counted where it leaves, retries included, and traced; every answer tells AWS's time.
//!
//! A call that is not on the list ([`permission`]) has no permission in any account: a build for tests stops there.

use super::permission;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{
    config_bag::ConfigBag,
    date_time::{DateTime, Format},
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;

/// What is known of the calls so far, shared by all clients of a process.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// How often each was made, by `service:Action`.
    made: BTreeMap<String, u64>,
    /// The time that the last answer told, and when that was by a clock that nobody can set.
    told: Option<(Timestamp, Instant)>,
}

impl Calls {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often each was made so far.
    pub fn so_far(&self) -> BTreeMap<String, u64> {
        self.known().made.clone()
    }

    /// An answer tells whole seconds only, and arrives late: time does not go back for that.
    fn tell(&self, told: Timestamp) {
        const BLUR: SignedDuration = SignedDuration::from_secs(2);
        let known = self.time();
        if known.is_none_or(|known| told >= known || known.duration_since(told) > BLUR) {
            self.known().told = Some((told, Instant::now()));
        }
    }

    /// The time by AWS's clock: what its last answer said, and what has passed since.
    pub fn time(&self) -> Option<Timestamp> {
        let (told, then) = self.known().told?;
        told.checked_add(SignedDuration::try_from(then.elapsed()).ok()?).ok()
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = bag.load::<Metadata>() {
            let name = format!("{}:{}", call.service().to_lowercase(), call.name());
            debug_assert!(permission::is_listed(&name), "{name} is on no list of calls: `cloud/permission.rs`");
            tracing::debug!(call = %name, "aws");
            *self.known().made.entry(name).or_default() += 1;
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let told = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(told) = told.and_then(|told| Timestamp::from_second(told.secs()).ok()) {
            self.tell(told);
        }
        Ok(())
    }
}
