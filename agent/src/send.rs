//! Hands a report over. A report that does not arrive costs nothing but its delay: what happened stays in memory until
//! one does.

use crate::{
    cloud::{CloudError, count::Calls},
    seal::Seal,
};
use manifests::report::{Event, State};

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
        /// What proves whose a report is.
        seal: Box<Seal>,
    },
    /// No topic is configured: reports are only logged.
    Nowhere,
}

impl Outlet {
    /// The topic with this ARN, and what proves whose a report is. SNS publishes only to topics of the region that it is asked in.
    pub(crate) fn topic(config: &aws_config::SdkConfig, calls: &Calls, (arn, seal): (&str, Seal)) -> Self {
        let mut builder = aws_sdk_sns::config::Builder::from(config).interceptor(calls.clone());
        if let Some(region) = arn.split(':').nth(3) {
            builder = builder.region(aws_sdk_sns::config::Region::new(region.to_owned()));
        }
        Self::Topic { sns: aws_sdk_sns::Client::from_conf(builder.build()), arn: arn.to_owned(), seal: Box::new(seal) }
    }
}

impl Sink for Outlet {
    async fn send(&self, event: &Event) -> Result<(), CloudError> {
        let Self::Topic { sns, arn, seal } = self else {
            tracing::debug!(sequence = event.data.sequence, "no topic is configured; the report is not sent");
            return Ok(());
        };
        let message = fitting(event).map_err(|error| CloudError::odd("sns:Publish", &error))?;
        let message = seal.sealed(message).await?;
        let report = &event.data;
        let call = sns
            .publish()
            .topic_arn(arn)
            .message(message)
            // A queue that is subscribed is a fair one then: whoever floods it delays nobody else.
            .message_group_id(report.account.as_str())
            .message_attributes("account", text(report.account.as_str()))
            .message_attributes("region", text(report.agent.region.as_str()))
            .message_attributes("severity", text(report.state.severity().as_str()))
            .message_attributes("type", text(&event.kind));
        call.send().await.map(drop).map_err(|error| crate::cloud::trouble::trouble("sns:Publish", &error))
    }
}

/// A topic takes 262,144 bytes, attributes and all; hubs read no more either. A proof is some hundred bytes, and a session token
/// in it up to some thousand.
const MOST: usize = 236 * 1024;

/// The event as JSON, small enough: of a very large account, stacks in sync are told more briefly, then not at all (their
/// number still is), because what is not in sync is what somebody needs to hear.
fn fitting(event: &Event) -> Result<String, serde_json::Error> {
    let whole = serde_json::to_string(event)?;
    if whole.len() <= MOST {
        return Ok(whole);
    }
    let mut event = event.clone();
    for stack in event.data.stacks.iter_mut().filter(|stack| stack.state == State::InSync) {
        (stack.status, stack.fingerprint) = (None, None);
    }
    let mut text = serde_json::to_string(&event)?;
    while text.len() > MOST {
        let least = event.data.stacks.len() / 10 + 1;
        let (fine, mut rest): (Vec<_>, Vec<_>) =
            event.data.stacks.drain(..).partition(|stack| stack.state == State::InSync);
        let left = fine.len().saturating_sub(least);
        let none_left = fine.is_empty();
        rest.extend(fine.into_iter().take(left));
        if none_left {
            rest.truncate(rest.len().saturating_sub(least));
        }
        rest.sort_by(|one, other| (&one.region, &one.stack).cmp(&(&other.region, &other.stack)));
        event.data.stacks = rest;
        text = serde_json::to_string(&event)?;
    }
    Ok(text)
}

fn text(value: &str) -> aws_sdk_sns::types::MessageAttributeValue {
    let value = aws_sdk_sns::types::MessageAttributeValue::builder().data_type("String").string_value(value);
    value.build().unwrap_or_else(|_| unreachable!("the data type is given"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifests::report::Report;

    /// An account of that many stacks in sync, and that many that are not.
    fn event(fine: usize, failed: usize) -> Event {
        let report = include_str!("../../manifests/tests/fixtures/report.v1.settled.json");
        let mut event: Event = serde_json::from_str(report).unwrap();
        let one = event.data.stacks[0].clone();
        let stack = |number: usize| {
            let mut stack = one.clone();
            stack.stack = format!("a-stack-with-a-long-name-{number:05}").parse().unwrap();
            stack
        };
        event.data.stacks = (0..fine + failed).map(stack).collect();
        for stack in &mut event.data.stacks[fine..] {
            stack.state = State::Failed;
            stack.why = Some("x".repeat(200));
        }
        event.data.stacks_total = event.data.stacks.len() as u64;
        event
    }

    #[track_caller]
    fn check(fine: usize, failed: usize, expect: impl Fn(&Report) -> bool) {
        let text = fitting(&event(fine, failed)).unwrap();
        assert!(text.len() <= MOST, "{}", text.len());
        let report: Event = serde_json::from_str(&text).unwrap();
        assert_eq!(report.data.stacks_total, (fine + failed) as u64);
        assert!(expect(&report.data), "{} stacks are left", report.data.stacks.len());
    }

    fn failed(report: &Report) -> usize {
        report.stacks.iter().filter(|stack| stack.state == State::Failed).count()
    }

    #[test]
    fn an_ordinary_account_is_told_whole() {
        check(200, 10, |report| report.stacks.len() == 210 && report.stacks[0].fingerprint.is_some());
    }

    #[test]
    fn a_very_large_one_is_told_briefly_and_what_is_wrong_in_full() {
        check(2_000, 50, |report| failed(report) == 50);
        check(2_000, 2_000, |report| failed(report) > 0 && report.stacks.len() == failed(report));
    }
}
