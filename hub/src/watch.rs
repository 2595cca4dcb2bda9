//! The program on one screen: receive, keep, fold, print, delete; when the queue has run dry, the picture.
//!
//! A message is deleted only after it is on disk (if there is a store), folded, and its news printed. What is delivered again
//! is recognised by `fleet` and printed once.

use crate::{
    expected::Expected,
    ingest::Message,
    journal::whole,
    keep::Keep,
    queue::{Delivered, Inbox, QueueError},
    reading::Reading,
    registrar::{Registrar, Sifted, Sts},
    show::Show,
    store::StoreError,
};
use jiff::{SignedDuration, Timestamp};
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
    /// Where messages are kept.
    #[error("what was received could not be kept, and stays on the queue")]
    Store(#[source] StoreError),
    /// Whoever knows whose key is whose.
    #[error("some reports stay on the queue: {0}")]
    Sts(String),
    /// The terminal, pipe or file.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
}

impl Reading {
    /// Keeps a batch, folds it, tells what is new in it, and takes it off the queue: in this order.
    async fn receive<I: Inbox>(
        &mut self,
        inbox: &I,
        (keep, registrar): (&mut impl Keep, &mut Registrar<impl Sts>),
        messages: Vec<I::Message>,
        show: &mut Show<impl io::Write>,
        now: &impl Fn() -> Timestamp,
    ) -> Result<(), WatchError> {
        let at = whole(now());
        if messages.is_empty() {
            registrar.count(keep, at, false).map_err(WatchError::Store)?;
            (self.health.caught_up, self.health.trouble) = (Some(now()), self.waiting.clone());
            show.health(&self.health);
            return Ok(());
        }
        let read = messages.iter().map(|message| {
            let sent = message.sent().map(|sent| sent.min(at));
            Message { sent, ..Message::read(message.as_ref()) }
        });
        let read = read.collect();
        let Sifted { kept, waiting, why } = registrar.sift(read, keep, at).await.map_err(WatchError::Store)?;
        self.stuck = kept.is_empty() && !waiting.is_empty();
        let heard = keep.hear(kept, at).map_err(WatchError::Store)?;
        for news in self.take(heard, at) {
            show.news(&news)?;
        }
        show.flush()?;
        self.waiting = why;
        self.health.trouble.clone_from(&self.waiting);
        show.health(&self.health);
        let done = messages.into_iter().enumerate().filter(|(n, _)| !waiting.contains(n));
        let done: Vec<I::Message> = done.map(|(_, message)| message).collect();
        if let Err(error) = inbox.delete(&done).await {
            tracing::warn!(%error, "messages stay on the queue and will come again");
        }
        Ok(())
    }

    /// Says what does not answer, once; the next picture takes it back when it answers again.
    fn trouble(
        &mut self,
        error: &WatchError,
        is_new: bool,
        keep: &mut impl Keep,
        (expected, show): (&mut Expected, &mut Show<impl io::Write>),
        now: Timestamp,
    ) -> Result<(), WatchError> {
        let error = crate::chain(error);
        tracing::warn!(error, "trying again");
        (self.health.trouble, self.health.caught_up) = (Some(error), None);
        show.health(&self.health);
        if is_new {
            // Where what was kept can't be read either, there is nothing to show it with.
            match self.show(keep, (expected, show), now) {
                Err(error @ WatchError::Output(_)) => return Err(error),
                Ok(()) | Err(WatchError::Queue(_) | WatchError::Store(_) | WatchError::Sts(_)) => {}
            }
            self.shown = false;
        }
        Ok(())
    }

    fn show(
        &mut self,
        keep: &mut impl Keep,
        (expected, show): (&mut Expected, &mut Show<impl io::Write>),
        now: Timestamp,
    ) -> Result<(), WatchError> {
        self.shown = true;
        self.health.expected = expected.read().err().map(|error| crate::chain(&error));
        let page = keep.page(&expected.view(now)).map_err(WatchError::Store)?;
        show.picture(&self.health, &page, now)?;
        show.health(&self.health);
        self.freshness = page.freshness;
        Ok(())
    }

    /// Shows the picture, if there is news.
    fn look(
        &mut self,
        keep: &mut impl Keep,
        (expected, show): (&mut Expected, &mut Show<impl io::Write>),
        now: Timestamp,
    ) -> Result<(), WatchError> {
        if self.shown && !self.has_faded(keep, expected, now)? {
            return Ok(());
        }
        self.show(keep, (expected, show), now)
    }

    /// Whether an account has gone quiet since the last picture, or the list of those who are expected is another one: that is
    /// news which nobody sends.
    fn has_faded(&self, keep: &mut impl Keep, expected: &mut Expected, now: Timestamp) -> Result<bool, WatchError> {
        let trouble = match expected.read() {
            Ok(true) => return Ok(true),
            Ok(false) => None,
            Err(error) => Some(crate::chain(&error)),
        };
        if trouble != self.health.expected {
            return Ok(true);
        }
        let fresh = keep.freshness(&expected.view(now)).map_err(WatchError::Store)?;
        Ok(self.shown && fresh != self.freshness)
    }
}

/// Watches until the end, or until `stop` is ready. What comes is kept first, and added to what was heard before.
///
/// # Errors
/// When queue or store can't be used at the first attempt, with [`Until::Dry`] at any, or still not at the end; and when the
/// output can't be written. In between, what does not answer is waited for.
pub async fn watch(
    inbox: &impl Inbox,
    (keep, registrar): (&mut impl Keep, &mut Registrar<impl Sts>),
    (expected, show): (&mut Expected, &mut Show<impl io::Write>),
    until: Until,
    now: impl Fn() -> Timestamp,
    stop: impl Future<Output = ()>,
) -> Result<(), WatchError> {
    /// Between attempts at something that does not answer, after the SDK's own retries.
    const PAUSE: Duration = Duration::from_secs(5);
    /// The shortest poll that asks every server of SQS.
    const SOON: Duration = Duration::from_secs(1);
    let (mut reading, started) = (Reading::default(), now());
    let (mut answered, mut failure) = (false, None);
    registrar.begin(keep, whole(started)).map_err(WatchError::Store)?;
    let mut stop = pin!(stop);
    while let Some(poll) = until.next_poll(now().duration_since(started)) {
        // What is news is shown soon: only with nothing to show is a long poll worth its wait.
        let poll = if reading.shown { poll } else { SOON };
        let received = tokio::select! {
            biased;
            () = &mut stop => break,
            received = inbox.receive(poll) => received.map_err(WatchError::Queue),
        };
        let taken = match received {
            Ok(messages) => reading.receive(inbox, (keep, registrar), messages, show, &now).await,
            Err(error) => Err(error),
        };
        match taken {
            Err(error @ (WatchError::Output(_) | WatchError::Sts(_))) => return Err(error),
            Err(error @ (WatchError::Queue(_) | WatchError::Store(_))) if !answered || until == Until::Dry => {
                return Err(error);
            }
            Err(error @ (WatchError::Queue(_) | WatchError::Store(_))) => {
                reading.trouble(&error, failure.is_none(), keep, (expected, show), now())?;
                failure = Some(error);
                tokio::select! { () = &mut stop => break, () = tokio::time::sleep(PAUSE) => {} }
                continue;
            }
            Ok(()) => {}
        }
        (answered, failure) = (true, None);
        if until == Until::Dry && reading.stuck {
            // It would come again and again.
            failure = reading.waiting.take().map(WatchError::Sts);
            break;
        }
        if reading.health.caught_up.is_some() {
            if until == Until::Dry {
                failure = reading.waiting.take().map(WatchError::Sts);
                break;
            }
            if let Err(error) = reading.look(keep, (expected, show), now()) {
                // What can't be read at the moment is told, and tried again; what came is kept all the same.
                if matches!(error, WatchError::Output(_)) {
                    return Err(error);
                }
                (reading.health.trouble, reading.shown) = (Some(crate::chain(&error)), true);
                show.health(&reading.health);
            }
        }
    }
    registrar.count(keep, whole(now()), true).map_err(WatchError::Store)?;
    if !reading.shown {
        reading.show(keep, (expected, show), now())?;
    }
    failure.map_or(Ok(()), Err)
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
        expected::Expected,
        ingest::{
            Message,
            tests::{report, sns},
        },
        keep::{Heard, Keep, Memory},
        queue::{Inbox, QueueError},
        registrar::{Nobody, Registrar},
        show::{Form, Show},
        store::{
            StoreError,
            tests::spot::{Spot, on_each},
        },
    };
    use fleet::{
        belief::{Enrolled, Policy, Record},
        page::{Page, View},
        presence::Freshness,
    };
    use jiff::{SignedDuration, Timestamp};
    use manifests::id::AccountId;
    use serde_json::{Value, json};
    use std::{
        cell::{Cell, RefCell},
        collections::{BTreeMap, VecDeque},
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

    /// Nobody proves anything.
    fn nobody() -> Registrar<Nobody> {
        Registrar::new(Nobody, Policy::default(), [].into(), None)
    }

    fn run(inbox: &List, form: Form, out: impl io::Write) -> Result<(), WatchError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(watch(
            inbox,
            (&mut Memory::default(), &mut nobody()),
            (&mut Expected::default(), &mut Show::new(out, form)),
            Until::Dry,
            now,
            pending(),
        ))
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
        let result = runtime.block_on(watch(
            &inbox,
            (&mut Memory::default(), &mut nobody()),
            (&mut Expected::default(), &mut show),
            Until::Told,
            now,
            exhausted,
        ));
        assert!(matches!(result, Err(WatchError::Queue(error)) if error == gone()));
        let last: Value = serde_json::from_str(String::from_utf8(out).unwrap().lines().last().unwrap()).unwrap();
        assert!(last["hub"]["trouble"].as_str().unwrap().ends_with(&gone().to_string()), "{last}");
        assert_eq!(last["hub"]["caughtUp"], Value::Null);
        assert_eq!(last["accounts"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_account_that_goes_quiet_makes_a_new_picture() {
        let inbox = List::of([Ok(vec![report(1, "in-sync").to_string()])]);
        let (mut out, clock) = (Vec::new(), Cell::new(now()));
        let ticking = || {
            let at = clock.get();
            clock.set(at + SignedDuration::from_mins(5));
            at
        };
        let mut show = Show::new(&mut out, Form::Json);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut kept, mut expected) = (Memory::default(), Expected::default());
        let until = Until::After(Duration::from_secs(6 * 3_600));
        runtime
            .block_on(watch(&inbox, (&mut kept, &mut nobody()), (&mut expected, &mut show), until, ticking, pending()))
            .unwrap();
        let told = String::from_utf8(out).unwrap();
        let pictures = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fresh: Vec<String> = pictures.filter_map(|it| Some(it.get("freshness")?.to_string())).collect();
        assert_eq!(fresh, [r#"{"fresh":1}"#, r#"{"late":1}"#, r#"{"silent":1}"#]);
    }

    #[test]
    fn an_empty_queue_is_an_empty_picture() {
        let told = documents(&List::default());
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["hub"]["lagSeconds"], Value::Null);
        assert_eq!(told[0]["hub"]["caughtUp"], "2026-05-01T12:00:02Z");
        assert_eq!(told[0]["accounts"], json!([]));
        assert_eq!(told[0]["senders"], json!({"proven": 0, "unproven": 0}));
    }

    /// A store that is full at its second batch.
    struct Small(u32, Memory);

    impl Keep for Small {
        fn hear(&mut self, messages: Vec<Message<'_>>, received: Timestamp) -> Result<Vec<Heard>, StoreError> {
            self.0 += 1;
            let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), None);
            if self.0 > 1 { Err(StoreError::Full(full.into())) } else { self.1.hear(messages, received) }
        }

        fn record(&mut self, record: Record, now: Timestamp) -> Result<(), StoreError> {
            self.1.record(record, now)
        }

        fn policy(&mut self) -> Result<Policy, StoreError> {
            self.1.policy()
        }

        fn enrolled(&mut self, account: &AccountId) -> Result<Option<Enrolled>, StoreError> {
            self.1.enrolled(account)
        }

        fn page(&mut self, view: &View<'_>) -> Result<Page, StoreError> {
            self.1.page(view)
        }

        fn freshness(&mut self, view: &View<'_>) -> Result<BTreeMap<Freshness, u64>, StoreError> {
            self.1.freshness(view)
        }
    }

    #[test]
    fn nothing_is_deleted_or_shown_that_is_not_on_disk() {
        let (one, two) = (report(1, "in-sync").to_string(), report(2, "held").to_string());
        let inbox = List::of([Ok(vec![one.clone()]), Ok(vec![two])]);
        let mut out = Vec::new();
        let mut show = Show::new(&mut out, Form::Json);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut kept = Small(0, Memory::default());
        let result = runtime.block_on(watch(
            &inbox,
            (&mut kept, &mut nobody()),
            (&mut Expected::default(), &mut show),
            Until::Dry,
            now,
            pending(),
        ));
        assert!(matches!(result, Err(WatchError::Store(StoreError::Full(_)))), "{result:?}");
        assert_eq!(*inbox.deleted.borrow(), [one]);
        let told = String::from_utf8(out).unwrap();
        assert!(!told.contains("held"), "{told}");
    }

    #[test]
    fn what_a_store_has_is_in_the_picture_from_the_beginning() {
        on_each(is_in_the_picture);
    }

    fn is_in_the_picture(spot: &Spot) {
        let run = |inbox: &List| {
            let mut store = spot.write("store");
            let mut out = Vec::new();
            let mut show = Show::new(&mut out, Form::Json);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime
                .block_on(watch(
                    inbox,
                    (&mut store, &mut nobody()),
                    (&mut Expected::default(), &mut show),
                    Until::Dry,
                    now,
                    pending(),
                ))
                .unwrap();
            let last = String::from_utf8(out).unwrap().lines().last().unwrap().to_owned();
            serde_json::from_str::<Value>(&last).unwrap()
        };
        run(&List::of([Ok(vec![report(1, "in-sync").to_string(), "hello".into()])]));
        let picture = run(&List::of([Ok(vec![report(2, "held").to_string()])]));
        assert_eq!(picture["accounts"][0]["state"], "held");
        assert_eq!(
            (picture["accounts"][0]["missing"].clone(), picture["hub"]["newest"].clone()),
            (json!([]), json!(1))
        );
        assert_eq!(picture["quarantine"][0]["begins"], "hello");
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
            let next = Until::After(Duration::from_secs(30)).next_poll(SignedDuration::from_secs(watched));
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
fleet  0 of 1 accounts in sync
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
