//! The program on one screen: receive, fold, print, delete; when the queue has run dry, the picture.
//!
//! A message is deleted only after it was folded and its news printed. What is delivered again is recognised by
//! `fleet` and printed once.

use crate::{
    ingest,
    queue::{Inbox, QueueError},
    show::{News, Show},
};
use fleet::{
    fold::{Fleet, Outcome, fold, refuse},
    page::Page,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use std::{io, pin::pin, time::Duration};

/// When to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When the queue is empty.
    Dry,
    /// After this time.
    After(Duration),
    /// When told to.
    Told,
}

/// Why watching ended badly.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The queue.
    #[error("the queue could not be read; check its URL, the region and the permission")]
    Queue(#[source] QueueError),
    /// The terminal, pipe or file.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
}

/// How well the hub itself is doing: the first thing to know about any picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// How old the oldest report of the last batch that held one was when it was folded, by its sender's clock; `None`
    /// before the first report, below zero when the sender's clock is ahead.
    #[serde(rename = "lagSeconds", serialize_with = "seconds")]
    pub lag: Option<SignedDuration>,
    /// When the queue was last seen empty; `None` when there is more to read, or may be.
    pub caught_up: Option<Timestamp>,
    /// Why the queue can't be read at the moment.
    pub trouble: Option<String>,
    /// Messages that made an account's newest report.
    pub newest: u64,
    /// Reports that came after a newer one.
    pub late: u64,
    /// Reports that came again.
    pub known: u64,
    /// Reports that claim another one's number.
    pub contested: u64,
    /// Messages that went into quarantine.
    pub refused: u64,
}

fn seconds<S: Serializer>(time: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reading {
    fleet: Fleet,
    health: Health,
    shown: bool,
}

impl Reading {
    /// Folds a batch and gives what is new in it, in the order of arrival.
    fn take<'a>(&mut self, bodies: impl Iterator<Item = &'a str>, now: Timestamp) -> Vec<News> {
        (self.shown, self.health.caught_up) = (false, None);
        let before = self.health.lag.take();
        let news = bodies.flat_map(|body| self.take_one(body, now)).collect();
        self.health.lag = self.health.lag.or(before);
        news
    }

    fn take_one(&mut self, body: &str, now: Timestamp) -> Vec<News> {
        let fleet = std::mem::take(&mut self.fleet);
        let event = match ingest::read(body) {
            Ok(event) => event,
            Err(unreadable) => {
                let reason = unreadable.reason();
                self.fleet = refuse(fleet, body.as_bytes(), reason.clone(), now);
                self.health.refused += 1;
                return vec![News::Refused { received: now, reason }];
            }
        };
        let (account, name, happened) =
            (event.data.account.clone(), event.data.account_name.clone(), event.data.happened.clone());
        let (report, age) = (event.id.clone(), now.duration_since(event.time));
        let (fleet, outcome) = fold(fleet, event, now);
        self.fleet = fleet;
        tracing::debug!(%account, %report, ?outcome, "folded");
        let tell = |happening| News::Happened { account: account.clone(), name: name.clone(), happening };
        let count = match &outcome {
            Outcome::Newest => &mut self.health.newest,
            Outcome::Late => &mut self.health.late,
            Outcome::Known => &mut self.health.known,
            Outcome::Contested => &mut self.health.contested,
            Outcome::Refused(_) => &mut self.health.refused,
        };
        *count += 1;
        if !matches!(outcome, Outcome::Refused(_)) {
            self.health.lag = self.health.lag.max(Some(age));
        }
        match outcome {
            Outcome::Newest | Outcome::Late => happened.into_iter().map(tell).collect(),
            Outcome::Known => Vec::new(),
            Outcome::Contested => {
                let contested = News::Contested { account: account.clone(), name: name.clone(), report };
                std::iter::once(contested).chain(happened.into_iter().map(tell)).collect()
            }
            Outcome::Refused(reason) => vec![News::Refused { received: now, reason }],
        }
    }

    fn show(&mut self, show: &mut Show<impl io::Write>, now: Timestamp) -> io::Result<()> {
        self.shown = true;
        show.picture(&self.health, &Page::of(&self.fleet), now)
    }
}

/// Watches until the end, or until `stop` is ready.
///
/// # Errors
/// When the queue can't be read at the first attempt, with [`Until::Dry`] at any, or still not at the end; and when the
/// output can't be written. In between, a queue that does not answer is waited for.
pub async fn watch(
    inbox: &impl Inbox,
    show: &mut Show<impl io::Write>,
    until: Until,
    now: impl Fn() -> Timestamp,
    stop: impl Future<Output = ()>,
) -> Result<(), WatchError> {
    /// Between attempts at a queue that does not answer, after the SDK's own retries.
    const PAUSE: Duration = Duration::from_secs(5);
    /// The shortest poll that asks every server of SQS.
    const SOON: Duration = Duration::from_secs(1);
    let (mut reading, started, mut answered, mut failure) = (Reading::default(), now(), false, None);
    let mut stop = pin!(stop);
    while let Some(poll) = until.next_poll(now().duration_since(started)) {
        // What is news is shown soon: only with nothing to show is a long poll worth its wait.
        let poll = if reading.shown { poll } else { SOON };
        let received = tokio::select! {
            biased;
            () = &mut stop => break,
            received = inbox.receive(poll) => received,
        };
        match received {
            Err(error) if !answered || until == Until::Dry => return Err(WatchError::Queue(error)),
            Err(error) => {
                tracing::warn!(%error, "the queue does not answer; trying again");
                reading.health.trouble = Some(error.to_string());
                reading.health.caught_up = None;
                if failure.replace(error).is_none() {
                    reading.show(show, now())?;
                    reading.shown = false; // the next picture, when the queue answers again, takes this one back
                }
                tokio::select! { () = &mut stop => break, () = tokio::time::sleep(PAUSE) => {} }
                continue;
            }
            Ok(messages) if messages.is_empty() => {
                reading.health.caught_up = Some(now());
                if !reading.shown && until != Until::Dry {
                    reading.show(show, now())?;
                }
            }
            Ok(messages) => {
                for news in reading.take(messages.iter().map(AsRef::as_ref), now()) {
                    show.news(&news)?;
                }
                show.flush()?;
                if let Err(error) = inbox.delete(&messages).await {
                    tracing::warn!(%error, "messages stay on the queue and will come again");
                }
            }
        }
        (answered, failure, reading.health.trouble) = (true, None, None);
        if until == Until::Dry && reading.health.caught_up.is_some() {
            break;
        }
    }
    if !reading.shown {
        reading.show(show, now())?;
    }
    failure.map_or(Ok(()), |error| Err(WatchError::Queue(error)))
}

impl Until {
    /// How long the next poll may wait after watching for so long; `None` when it is time to end.
    fn next_poll(self, watched: SignedDuration) -> Option<Duration> {
        match self {
            Self::Dry | Self::Told => Some(Duration::from_secs(20)),
            Self::After(whole) => {
                let left = whole.saturating_sub(watched.unsigned_abs());
                (!left.is_zero()).then(|| left.clamp(Duration::from_secs(1), Duration::from_secs(20)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Until, WatchError, watch};
    use crate::{
        ingest::tests::{report, sns},
        queue::{Inbox, QueueError},
        show::{Form, Show},
    };
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use std::{
        cell::RefCell,
        collections::VecDeque,
        future::{pending, poll_fn},
        io,
        task::Poll,
        time::Duration,
    };

    /// A queue whose answers are known beforehand, and which remembers what was deleted. After them it is empty.
    #[derive(Default)]
    struct List {
        answers: RefCell<VecDeque<Result<Vec<String>, QueueError>>>,
        deleted: RefCell<Vec<String>>,
    }

    impl List {
        fn of(answers: impl IntoIterator<Item = Result<Vec<String>, QueueError>>) -> Self {
            Self { answers: RefCell::new(answers.into_iter().collect()), deleted: RefCell::default() }
        }
    }

    impl Inbox for List {
        type Message = String;

        async fn receive(&self, _wait: Duration) -> Result<Vec<String>, QueueError> {
            self.answers.borrow_mut().pop_front().unwrap_or(Ok(Vec::new()))
        }

        async fn delete(&self, messages: &[String]) -> Result<(), QueueError> {
            self.deleted.borrow_mut().extend_from_slice(messages);
            Ok(())
        }
    }

    fn gone() -> QueueError {
        QueueError { call: "sqs:ReceiveMessage", why: "QueueDoesNotExist: no such queue".into() }
    }

    fn now() -> Timestamp {
        "2026-05-01T12:00:02Z".parse().unwrap()
    }

    fn run(inbox: &List, form: Form, out: impl io::Write) -> Result<(), WatchError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(watch(inbox, &mut Show::new(out, form), Until::Dry, now, pending()))
    }

    fn documents(inbox: &List) -> Vec<Value> {
        let mut out = Vec::new();
        run(inbox, Form::Json, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn everything_that_was_received_is_told_and_then_deleted() {
        let enveloped = sns(&report(2, "held").to_string()).to_string();
        let (first, hello) = (report(1, "in-sync").to_string(), "hello".to_string());
        let inbox = List::of([Ok(vec![enveloped.clone(), hello.clone()]), Ok(vec![first.clone(), first.clone()])]);
        let told = documents(&inbox);
        let types: Vec<&str> = told.iter().map(|document| document["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["happened", "refused", "happened", "picture"]);
        let picture = &told[3];
        let numbers = ["newest", "late", "known", "contested", "refused"].map(|word| picture["hub"][word].clone());
        assert_eq!(numbers, [1, 1, 1, 0, 1].map(Value::from));
        assert_eq!(picture["hub"]["lagSeconds"], 2.0);
        assert_eq!(picture["accounts"][0]["state"], "held");
        assert_eq!(picture["quarantine"][0]["begins"], "hello");
        assert_eq!(*inbox.deleted.borrow(), [enveloped, hello, first.clone(), first]);
    }

    #[test]
    fn nothing_is_deleted_that_could_not_be_printed() {
        struct Closed;
        impl io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let inbox = List::of([Ok(vec![report(1, "in-sync").to_string()])]);
        assert!(matches!(run(&inbox, Form::Json, Closed), Err(WatchError::Output(_))));
        assert!(inbox.deleted.borrow().is_empty());
    }

    #[test]
    fn a_queue_that_can_not_be_read_is_an_error_and_no_empty_picture() {
        let mut out = Vec::new();
        let result = run(&List::of([Err(gone())]), Form::Json, &mut out);
        assert!(matches!(result, Err(WatchError::Queue(error)) if error == gone()));
        assert!(out.is_empty());
    }

    #[test]
    fn a_queue_that_stops_answering_is_said_in_the_picture_and_in_the_exit() {
        let inbox = List::of([Ok(vec![report(1, "in-sync").to_string()]), Err(gone())]);
        let exhausted = poll_fn(|_| if inbox.answers.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending });
        let mut out = Vec::new();
        let mut show = Show::new(&mut out, Form::Json);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let result = runtime.block_on(watch(&inbox, &mut show, Until::Told, now, exhausted));
        assert!(matches!(result, Err(WatchError::Queue(error)) if error == gone()));
        let last: Value = serde_json::from_str(String::from_utf8(out).unwrap().lines().last().unwrap()).unwrap();
        assert_eq!(last["hub"]["trouble"], gone().to_string());
        assert_eq!(last["hub"]["caughtUp"], Value::Null);
        assert_eq!(last["accounts"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_empty_queue_is_an_empty_picture() {
        let told = documents(&List::default());
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["hub"]["lagSeconds"], Value::Null);
        assert_eq!(told[0]["hub"]["caughtUp"], "2026-05-01T12:00:02Z");
        assert_eq!(told[0]["accounts"], json!([]));
        assert_eq!(told[0]["senders"], "unproven");
    }

    #[test]
    fn one_bad_message_does_not_hide_its_neighbours() {
        let mut forged = report(1, "in-sync");
        forged["source"] = "/holdfast/222222222222".into();
        let batch = vec![forged.to_string(), "{".into(), report(1, "in-sync").to_string()];
        let told = documents(&List::of([Ok(batch)]));
        let picture = told.last().unwrap();
        assert_eq!(picture["accounts"].as_array().unwrap().len(), 1);
        assert_eq!(picture["quarantine"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn watching_for_a_time_polls_no_longer_than_what_is_left() {
        let check = |watched, expect: Option<u64>| {
            let next = Until::After(Duration::from_secs(30)).next_poll(jiff::SignedDuration::from_secs(watched));
            assert_eq!(next, expect.map(Duration::from_secs), "after {watched} s");
        };
        check(0, Some(20));
        check(18, Some(12));
        check(30, None);
        check(31, None);
    }

    #[test]
    fn people_see_the_hub_first_and_no_control_character() {
        let mut held = report(2, "held");
        held["data"]["why"] = "it would replace Uses\u{1b}[2J; `holdfast approve` releases it".into();
        let mut out = Vec::new();
        run(&List::of([Ok(vec![held.to_string(), "\u{1b}".into()])]), Form::Table { colour: false }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expect = "\
2026-05-01T11:59:58Z  111111111111 sandbox  created    eu-central-1/alerts  created in 12 s
2026-05-01T12:00:02Z  refused  the message is not a report: expected value at line 1 column 1

hub  lag 2.0 s, caught up 0.0 s ago, 1 newest, 0 late, 0 known, 0 contested, 1 refused, senders unproven
ACCOUNT       NAME     STATE  COMMIT             STACKS  LAST SEEN
111111111111  sandbox  held   0f3c2aa / 9d1e77b  none    2.0 s ago
    why: it would replace Uses\u{fffd}[2J; `holdfast approve` releases it
quarantine  2026-05-01T12:00:02Z  3b2e4ee13e7e  the message is not a report: expected value at line 1 column 1
    begins: \u{fffd}

";
        let digest = manifests::id::Digest::of(b"\x1b").short(12);
        assert_eq!(text, expect.replace("3b2e4ee13e7e", &digest));
    }
}
