//! EventBridge, as far as an agent hears of it: what CloudTrail records is sent as an event to the queues that were
//! switched on for it.
//!
//! The envelope is EventBridge's ("Events in Amazon EventBridge", User Guide), the detail the record itself
//! (`AWS API Call via CloudTrail`). Not here: rules of a template (`AWS::Events::Rule` is a resource like any other, and
//! delivers nothing), and what CloudFormation tells of its stacks.

use crate::{
    services::{
        Place,
        message::Attributes,
        post::{Address, Letter, Post},
        sqs::deliver,
    },
    trail::Record,
    world::World,
};
use manifests::id::{AccountId, Region};
use serde_json::json;

impl World {
    /// From now on this queue gets the account's events.
    pub fn send_events_to(&mut self, queue: Address) {
        let account = queue.account.clone();
        self.account(&account).bus.push(queue);
    }

    /// Sends an event of a record on its way.
    pub(crate) fn tell(&mut self, account: &AccountId, record: &Record) {
        let source = record.json["eventSource"].as_str().unwrap_or_default().trim_end_matches(".amazonaws.com");
        let event = json!({
            "version": "0",
            "id": record.id,
            "detail-type": "AWS API Call via CloudTrail",
            "source": format!("aws.{source}"),
            "account": account.to_string(),
            "time": format!("{:.0}", record.at),
            "region": record.region.to_string(),
            "resources": [],
            "detail": record.json,
        });
        let body = event.to_string();
        let queues = self.account(account).bus.clone();
        self.mail.extend(queues.into_iter().map(|queue| (queue, body.clone())));
    }

    /// So many events about resources of no stack, one after the other.
    pub fn storm(&mut self, account: &AccountId, region: &Region, count: u64) {
        for number in 0..count {
            let key = crate::store::Key::new(region, "AWS::SSM::Parameter", &format!("/somebody/elses/{number}"));
            let record = self.record(account, &key, crate::trail::Deed::Changed, &crate::trail::Actor::default());
            self.tell(account, &record);
        }
    }
}

/// Puts what is on its way into the queues; what is for none that is there is lost.
pub(crate) fn deliver_all(world: &mut World, post: &mut Post) {
    for (address, body) in std::mem::take(&mut world.mail) {
        let (account, region) = (address.account.clone(), address.region.clone());
        let at = Place { account: &account, region: &region, now: world.now() };
        let letter =
            Letter { body, attributes: Attributes::new(), sender: "events.amazonaws.com".into(), visible: at.now };
        deliver(world, post, &at, &address, letter);
    }
}
