//! STS, shown a request that somebody else has signed: everything of it is fixed but who signed and when, and it goes to the STS
//! of the hub's own region.
//!
//! The SDK makes the request as one of its own; its signature is exchanged for the account's just before it leaves. Not here: what
//! is made of the answer ([`crate::registrar`]).

use crate::registrar::{Answer, Sts};
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sts::{
    Client,
    config::Region,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextMut},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use manifests::report::proof::{Proof, Request};
use std::time::Duration;

/// STS of AWS.
#[derive(Debug)]
pub struct Aws(SdkConfig);

impl Aws {
    /// With the configuration from the usual places.
    pub async fn open() -> Self {
        // Others wait meanwhile.
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(3)).build();
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts);
        Self(config.retry_config(RetryConfig::standard().with_max_attempts(2)).load().await)
    }
}

impl Sts for Aws {
    async fn ask(&self, request: &Request, proof: &Proof) -> Answer {
        let mut headers = request.headers.clone();
        headers.push(("authorization", request.authorization(&proof.id, &proof.enrolment)));
        let region = Region::new(request.region().to_string());
        // Their hosts are others, and the host is under the signature.
        let config = aws_sdk_sts::config::Builder::from(&self.0).region(region).use_fips(false).use_dual_stack(false);
        let call = Client::from_conf(config.build()).get_caller_identity().customize().interceptor(Presented(headers));
        match call.send().await {
            Ok(answer) => Answer::Signed {
                account: answer.account().unwrap_or_default().to_owned(),
                arn: answer.arn().unwrap_or_default().to_owned(),
            },
            Err(error) => judged(&error),
        }
    }
}

/// AWS's own word that it is not good is one; everything else is nobody's.
fn judged<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> Answer {
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (error.code(), status) {
        (Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded"), _) => {
            Answer::Unreachable("it has too much to do".into())
        }
        (Some(code), Some(400..=499)) => Answer::Refused(format!("{code}: {}", error.message().unwrap_or_default())),
        _ if matches!(error, SdkError::ConstructionFailure(_)) => Answer::Refused(crate::chain(error)),
        _ => Answer::Unreachable(crate::chain(error)),
    }
}

/// The headers of somebody else's request.
#[derive(Debug)]
struct Presented(Vec<(&'static str, String)>);

impl Intercept for Presented {
    fn name(&self) -> &'static str {
        "Presented"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.remove("x-amz-security-token");
        for (name, value) in &self.0 {
            headers.try_insert(*name, value.clone())?;
        }
        Ok(())
    }
}
