//! The agent as an AWS Lambda function: a turn for each event that is worth one, with the deadline in mind.
//!
//! A turn is told when its time is over, so it ends by telling what it has, and the next one finds what it began. One that
//! is cut off all the same is an agent that died: nothing it began is lost, and nothing is said twice.
//!
//! Not here: the runtime's protocol (`lambda_runtime`), what an event says ([`crate::wake::event`]), and how another version of
//! the agent is tried ([`trial`]).

mod trial;

pub use trial::{Alone, On, Twin, Unanswered};

use crate::{
    clock::SystemClock,
    cloud::Clock,
    config::Flags,
    error::{CommandError, Exit, chain},
    itself::Other,
    run::WOKEN,
    stop::Stopped,
    turn::{Standing, meet, turn},
    world::{Settings, World, now},
};
use jiff::SignedDuration;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use manifests::report::Report;
use plan::drift::schedule::Budget;
use serde::Serialize;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::{sync::Mutex, time::Instant};
use trial::Pair;

/// What AWS sets for every function and `lambda_runtime` can't do without.
const SET: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];
/// How long after a turn that could not look at what an event named there is another.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// Whether this process is a Lambda function's.
pub fn is_here() -> bool {
    std::env::var_os(SET[0]).is_some()
}

/// Answers the runtime until it ends the process. The agent is made when the first event comes, so that a mistake in its
/// configuration is what the invocation answers, and is looked at again with the next.
///
/// # Errors
/// When this is no function's environment, or the runtime can't be reached.
pub(crate) async fn serve<W: World, T: Twin>(
    flags: &Flags,
    make: impl AsyncFn(Flags) -> Result<Function<W, T>, CommandError>,
) -> Result<Exit, CommandError> {
    if let Some(missing) = SET.iter().find(|name| std::env::var_os(name).is_none()) {
        return Err(CommandError::Refused(format!(
            "{} is set and {missing} is not: this is no Lambda function",
            SET[0]
        )));
    }
    let function: Mutex<Option<Function<W, T>>> = Mutex::new(None);
    let (function, make) = (&function, &make);
    let answer = async |event: LambdaEvent<Value>| {
        // By the machine's clock, which Lambda's deadline goes by too.
        let now = SystemTime::from(SystemClock.now());
        let left = event.context.deadline().duration_since(now).unwrap_or_default();
        let mut function = function.lock().await;
        let function = match function.as_mut() {
            Some(function) => function,
            None => function.insert(make(flags.clone()).await.map_err(Failed)?),
        };
        function.invoke(&event.payload, left).await.map_err(|stopped| Failed(stopped.into()))
    };
    let served = Runtime::new(service_fn(answer)).run().await;
    served.map_err(|error| CommandError::Refused(format!("the Lambda runtime can't be reached: {error}")))?;
    Ok(Exit::Done)
}

/// An invocation that failed. The runtime tells it, and whoever sent the event sends it again.
#[derive(Debug)]
struct Failed(CommandError);

impl From<Failed> for Diagnostic {
    fn from(Failed(error): Failed) -> Self {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let error_message = format!("{}{hint}", chain(&error));
        tracing::error!(error = %error_message, "there was no turn");
        Self { error_type: format!("Holdfast.{:?}", error.exit()), error_message }
    }
}

/// What an invocation led to.
#[derive(Debug, Serialize)]
#[serde(tag = "turn", rename_all = "camelCase")]
pub enum Answer {
    /// A turn.
    Made {
        /// How the account stands.
        report: Box<Report>,
    },
    /// One, by the version on trial: its answer, as that one gives it.
    #[serde(rename = "made")]
    Handed {
        /// How the account stands.
        report: Value,
    },
    /// None: nothing that came is about a resource of ours.
    None,
    /// None yet: events have led to so many already. What they name is looked at in the next turn.
    Later,
}

/// An agent that makes a turn when it is told to.
#[derive(Debug)]
pub struct Function<W, T = Alone> {
    world: W,
    settings: Settings,
    standing: Standing,
    woken: Budget,
    pair: Option<Pair<T>>,
}

impl<W: World, T: Twin> Function<W, T> {
    /// An agent that has made no turn yet.
    pub fn new(world: W, settings: Settings) -> Self {
        Self { world, settings, standing: Standing::default(), woken: Budget::default(), pair: None }
    }

    /// The same, with the function on which another version is tried.
    #[must_use]
    pub fn with(self, twin: T, other: Other) -> Self {
        Self { pair: Some(Pair::new(twin, other)), ..self }
    }

    /// Does what the event asks for, in the time that is left.
    ///
    /// # Errors
    /// As [`turn`]: whatever woke it has to come again.
    pub async fn invoke(&mut self, event: &Value, left: Duration) -> Result<Answer, Stopped> {
        if let Some(Woken { events, tick }) = woken(event) {
            // What it is told is looked into, so it keeps in mind whose resource is whose.
            self.settings.listens = true;
            meet(&self.world, &self.settings, &mut self.standing).await?;
            if !self.standing.hear(&events) && !tick {
                return Ok(Answer::None);
            }
            if !self.woken.take(1, WOKEN, now(&self.world)) {
                return Ok(Answer::Later);
            }
        }
        let deadline = Instant::now() + left;
        if let Some(answer) = self.hand(event, deadline).await {
            self.update(true, deadline).await;
            return Ok(answer);
        }
        loop {
            let watching = watching(deadline.saturating_duration_since(Instant::now()));
            let settings = Settings { turn: self.settings.turn.min(watching), ..self.settings.clone() };
            let turned = turn(&self.world, &settings, &mut self.standing).await;
            self.excuse().await;
            let report = Box::new(turned?);
            // What an event named could not be looked at just now, and whoever sent it counts on it having been taken.
            let again = self.standing.has_hints() && watching > AGAIN && self.woken.take(1, WOKEN, now(&self.world));
            if !again {
                self.update(report.agent.update.is_some(), deadline).await;
                return Ok(Answer::Made { report });
            }
            self.world.clock().sleep(AGAIN.unsigned_abs()).await;
        }
    }
}

/// How long a turn may go on watching when so much time is left: what remains is for telling and remembering.
fn watching(left: Duration) -> SignedDuration {
    let spare = (left / 4).clamp(Duration::from_secs(5), Duration::from_secs(60));
    SignedDuration::try_from(left.saturating_sub(spare)).unwrap_or(SignedDuration::MAX)
}

/// What woke it, where that is no clock or person that asks for a turn itself.
#[derive(Debug, PartialEq)]
struct Woken {
    /// Events, in the words of [`crate::wake::event`].
    events: Vec<String>,
    /// Whether a clock was among them: the schedule may come through the same queue.
    tick: bool,
}

/// EventBridge hands an event over as it is, and SQS several in a wrapping.
fn woken(event: &Value) -> Option<Woken> {
    let events: Vec<String> = if let Some(records) = event.get("Records").and_then(Value::as_array) {
        let body = |record: &Value| record.get("body").and_then(Value::as_str).map(ToOwned::to_owned);
        records.iter().filter_map(body).collect()
    } else {
        vec![event.get("detail-type").map(|_| event.to_string())?]
    };
    let tick = events.iter().any(|body| is_tick(body));
    Some(Woken { events, tick })
}

/// Whether a message is a clock's and no event's: EventBridge's own "Scheduled Event", or what has no `detail-type`, which
/// whoever made a schedule let it send.
fn is_tick(body: &str) -> bool {
    let event = serde_json::from_str::<Value>(body).unwrap_or_default();
    event.get("detail-type").is_none_or(|kind| kind == "Scheduled Event")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_event_is_the_schedule() {
        let event = json!({"detail-type": "AWS API Call via CloudTrail", "detail": {}});
        let tick = json!({"detail-type": "Scheduled Event", "detail": {}});
        let queue = |bodies: &[&Value]| {
            let records: Vec<Value> = bodies.iter().map(|body| json!({"body": body.to_string()})).collect();
            json!({ "Records": records })
        };
        let check = |event: &Value, expect: Option<(usize, bool)>| {
            assert_eq!(woken(event).map(|Woken { events, tick }| (events.len(), tick)), expect, "{event}");
        };
        check(&json!({}), None);
        check(&json!(null), None);
        check(&json!("turn"), None);
        check(&tick, Some((1, true)));
        check(&event, Some((1, false)));
        check(&queue(&[]), Some((0, false)));
        check(&queue(&[&event, &event]), Some((2, false)));
        check(&queue(&[&event, &tick]), Some((2, true)));
        check(&queue(&[&json!({"by": "scheduler"})]), Some((1, true)));
        check(&json!({"Records": [{"body": 1}, {}]}), Some((0, false)));
    }

    #[test]
    fn time_is_left_for_telling() {
        let check = |left, expect| {
            assert_eq!(watching(Duration::from_secs(left)), SignedDuration::from_secs(expect), "{left} s");
        };
        check(900, 840);
        check(60, 45);
        check(20, 15);
        check(5, 0);
        check(0, 0);
    }
}
