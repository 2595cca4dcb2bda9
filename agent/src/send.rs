//! Hands a report over. A report that does not arrive costs nothing but its delay: what happened stays in memory until
//! one does.

use crate::cloud::{CloudError, count::Calls};
use manifests::report::Event;

/// Where reports go.
pub trait Sink {
    /// Hands it over; when it returns, it has arrived.
    fn send(&self, event: &Event) -> impl Future<Output = Result<(), CloudError>>;
}

/// The hub's topic, or nowhere.
pub enum Outlet {
    /// An SNS topic.
    Topic {
        /// SNS in the topic's own region.
        sns: aws_sdk_sns::Client,
        /// Its ARN.
        arn: String,
    },
    /// No topic is configured: reports are only logged.
    Nowhere,
}

impl Outlet {
    /// The topic with this ARN. SNS publishes only to topics of the region that it is asked in.
    pub fn topic(config: &aws_config::SdkConfig, calls: &Calls, arn: &str) -> Self {
        let mut builder = aws_sdk_sns::config::Builder::from(config).interceptor(calls.clone());
        if let Some(region) = arn.split(':').nth(3) {
            builder = builder.region(aws_sdk_sns::config::Region::new(region.to_owned()));
        }
        Self::Topic { sns: aws_sdk_sns::Client::from_conf(builder.build()), arn: arn.to_owned() }
    }
}

impl Sink for Outlet {
    async fn send(&self, event: &Event) -> Result<(), CloudError> {
        let Self::Topic { sns, arn } = self else {
            tracing::debug!(sequence = event.data.sequence, "no topic is configured; the report is not sent");
            return Ok(());
        };
        let message = serde_json::to_string(event).map_err(|error| CloudError::odd("sns:Publish", &error))?;
        let report = &event.data;
        let call = sns
            .publish()
            .topic_arn(arn)
            .message(message)
            .message_attributes("account", text(report.account.as_str()))
            .message_attributes("region", text(report.agent.region.as_str()))
            .message_attributes("severity", text(report.state.severity().as_str()))
            .message_attributes("type", text(&event.kind));
        call.send().await.map(drop).map_err(|error| crate::cloud::trouble::trouble("sns:Publish", &error))
    }
}

fn text(value: &str) -> aws_sdk_sns::types::MessageAttributeValue {
    let value = aws_sdk_sns::types::MessageAttributeValue::builder().data_type("String").string_value(value);
    value.build().unwrap_or_else(|_| unreachable!("the data type is given"))
}
