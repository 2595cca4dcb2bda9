//! The messages of one standard SQS queue: sent, taken for a while, given back, dropped, or moved aside when they were
//! taken too often. Time is an argument.
//!
//! Not here: FIFO queues, and the protocol (that is [`super::sqs`]).

use super::message::Attributes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::VecDeque;

/// The messages, in the order they came.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Queue {
    messages: VecDeque<Message>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What it says.
    pub body: String,
    /// Its message attributes.
    pub attributes: Attributes,
    /// Who sent it, as the `SenderId` attribute tells.
    pub sender: String,
    /// When it came.
    pub sent: Timestamp,
    /// From when on it can be received (again).
    pub visible: Timestamp,
    /// When it was received first.
    pub first_received: Option<Timestamp>,
    /// How often it was received.
    pub receives: u32,
}

/// How many messages there are, by what they wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Depth {
    /// Ready to be received.
    pub visible: usize,
    /// Received and neither deleted nor given back.
    pub in_flight: usize,
    /// Sent with a delay that is not over.
    pub delayed: usize,
}

/// What a receipt handle was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// The newest one of a message that is there: at this place.
    Current(usize),
    /// Of a message that is gone, or was received again since.
    Stale,
    /// No receipt handle at all.
    Malformed,
}

impl Message {
    /// The handle of the latest receive.
    pub fn receipt(&self) -> String {
        format!("{}/{}", self.id, self.receives)
    }
}

impl Queue {
    /// Adds a message.
    pub fn send(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    /// Takes up to `most` messages and hides them for `hidden`. With `limit`, a message that was received that often
    /// already is not handed out but answered as the second list, for the dead-letter queue.
    pub fn receive(
        &mut self,
        now: Timestamp,
        most: usize,
        hidden: SignedDuration,
        limit: Option<u32>,
    ) -> (Vec<Message>, Vec<Message>) {
        let worn = |m: &Message| m.visible <= now && limit.is_some_and(|limit| m.receives >= limit);
        let mut dead = Vec::new();
        if self.messages.iter().any(worn) {
            let (aside, alive): (VecDeque<_>, _) = std::mem::take(&mut self.messages).into_iter().partition(worn);
            (dead, self.messages) = (aside.into(), alive);
        }
        let ready = self.messages.iter_mut().filter(|m| m.visible <= now).take(most);
        let taken = ready.map(|message| {
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.visible = now.saturating_add(hidden).unwrap_or(Timestamp::MAX);
            message.clone()
        });
        (taken.collect(), dead)
    }

    /// Finds the message that a receipt handle is for.
    pub fn find(&self, handle: &str) -> Receipt {
        let Some((id, _)) = handle.split_once('/').filter(|(_, n)| n.parse::<u32>().is_ok()) else {
            return Receipt::Malformed;
        };
        match self.messages.iter().position(|m| m.id == id) {
            Some(at) if self.messages[at].receipt() == handle => Receipt::Current(at),
            Some(_) | None => Receipt::Stale,
        }
    }

    /// Deletes the message at this place.
    pub fn delete(&mut self, at: usize) {
        self.messages.remove(at);
    }

    /// Hides the message at this place from now on for `hidden`; zero gives it back. `false` when it was not hidden.
    pub fn hide(&mut self, at: usize, now: Timestamp, hidden: SignedDuration) -> bool {
        let message = &mut self.messages[at];
        let in_flight = message.visible > now;
        if in_flight {
            message.visible = now.saturating_add(hidden).unwrap_or(Timestamp::MAX);
        }
        in_flight
    }

    /// Drops what is older than the retention period.
    pub fn expire(&mut self, now: Timestamp, retention: SignedDuration) {
        // They are in the order in which they were sent, and there may be very many.
        while self.messages.front().is_some_and(|m| now.duration_since(m.sent) >= retention) {
            self.messages.pop_front();
        }
    }

    /// Drops everything.
    pub fn purge(&mut self) {
        self.messages.clear();
    }

    /// What the messages say, oldest first.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|message| message.body.as_str())
    }

    /// How many messages there are.
    pub fn depth(&self, now: Timestamp) -> Depth {
        self.messages.iter().fold(Depth::default(), |mut depth, message| {
            match (message.visible <= now, message.receives) {
                (true, _) => depth.visible += 1,
                (false, 0) => depth.delayed += 1,
                (false, _) => depth.in_flight += 1,
            }
            depth
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn queue(ids: &[&str]) -> Queue {
        let mut queue = Queue::default();
        for id in ids {
            queue.send(Message {
                id: (*id).to_owned(),
                body: String::new(),
                attributes: Attributes::new(),
                sender: String::new(),
                sent: at(0),
                visible: at(0),
                first_received: None,
                receives: 0,
            });
        }
        queue
    }

    const HIDDEN: SignedDuration = SignedDuration::from_secs(30);

    #[test]
    fn a_message_comes_back_when_it_was_not_deleted_in_time() {
        let mut queue = queue(&["a"]);
        let (first, _) = queue.receive(at(1), 10, HIDDEN, None);
        assert!(queue.receive(at(30), 10, HIDDEN, None).0.is_empty());
        let (second, _) = queue.receive(at(31), 10, HIDDEN, None);
        assert_eq!((first[0].receives, second[0].receives), (1, 2));
        assert_eq!(queue.find(&first[0].receipt()), Receipt::Stale);
        assert_eq!(queue.find(&second[0].receipt()), Receipt::Current(0));
        assert_eq!(queue.find("nonsense"), Receipt::Malformed);
    }

    #[test]
    fn a_message_that_was_received_too_often_is_set_aside() {
        let mut queue = queue(&["a", "b"]);
        queue.receive(at(0), 1, HIDDEN, Some(1));
        let (alive, dead) = queue.receive(at(40), 10, HIDDEN, Some(1));
        let ids = |list: &[Message]| list.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
        assert_eq!((ids(&alive), ids(&dead)), (vec!["b".to_owned()], vec!["a".to_owned()]));
    }

    #[test]
    fn messages_that_are_given_back_expire_or_wait_are_counted_as_such() {
        let mut queue = queue(&["a", "b"]);
        let (taken, _) = queue.receive(at(1), 1, HIDDEN, None);
        assert_eq!(queue.depth(at(1)), Depth { visible: 1, in_flight: 1, delayed: 0 });
        let Receipt::Current(place) = queue.find(&taken[0].receipt()) else { panic!("the newest receipt") };
        assert!(queue.hide(place, at(2), SignedDuration::ZERO));
        assert_eq!(queue.depth(at(2)).visible, 2);
        queue.expire(at(60), SignedDuration::from_secs(60));
        assert_eq!(queue.depth(at(60)), Depth::default());
    }
}
