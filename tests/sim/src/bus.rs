//! EventBridge's default bus, as far as it delivers into SQS queues.
//!
//! Delivery is switched on for one region of an account and one queue; there it is as if a rule of the bus let through
//! the calls that CloudTrail records (writes only, as by default), the statuses of stacks, and drift detection. It takes
//! no time and loses nothing. Rules in templates (`AWS::Events::Rule`) are resources and nothing more: they deliver
//! nothing. Sources: EventBridge User Guide, "Event structure reference" and "AWS service events delivered via
//! CloudTrail"; CloudFormation User Guide, "Events detail reference" (reference/cloudformation.md 2.1).

use crate::{
    cfn::Cfn,
    fault::Refusal,
    seed::Seed,
    services::{
        Place,
        message::Attributes,
        post::{Address, Letter, Post},
        sqs,
    },
    side_door::Missing,
    store::Key,
    trail::{Actor, Deed},
    world::World,
};
use jiff::Timestamp;
use manifests::id::{AccountId, Region};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The `SenderId` that SQS shows for EventBridge.
const SENDER: &str = "AIDASIMULATEDEVENTS00";

/// Something that the bus tells of.
#[derive(Debug)]
pub(crate) struct Happened {
    /// `aws.ssm`, …
    pub(crate) source: String,
    pub(crate) detail_type: &'static str,
    /// ARNs.
    pub(crate) resources: Vec<String>,
    pub(crate) detail: Value,
    pub(crate) at: Timestamp,
}

/// An event on its way into a queue.
#[derive(Debug)]
pub(crate) struct Notice {
    to: Address,
    at: Timestamp,
    body: String,
}

impl World {
    /// From now on this region's events go into this queue, said by its URL or its name.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn deliver_events(&mut self, account: &AccountId, region: &Region, queue: &str) -> Result<(), Missing> {
        let address = self.queue(account, region, queue)?;
        self.account(account).listeners.entry(region.clone()).or_default().insert(address);
        Ok(())
    }

    /// Lets so many calls happen to parameters that belong to no stack: CloudTrail records each, and the bus tells of it.
    pub fn storm(&mut self, account: &AccountId, region: &Region, count: usize) {
        let actor = Actor::mallory(account);
        for number in 0..count {
            let name = format!("/foreign/{number}");
            let deed = Deed {
                source: "ssm.amazonaws.com".to_owned(),
                name: "PutParameter".to_owned(),
                parameters: json!({ "name": name, "overwrite": true }),
                resources: vec![("AWS::SSM::Parameter".to_owned(), name)],
            };
            self.record(account, region, deed, &actor);
        }
    }

    /// What is in a queue, oldest first, received or not. Receives nothing.
    ///
    /// # Errors
    /// When there is no such queue.
    pub fn messages(&mut self, account: &AccountId, region: &Region, queue: &str) -> Result<Vec<String>, Missing> {
        let address = self.queue(account, region, queue)?;
        Ok(self.with_post(|_, post| post.bodies(&address)))
    }

    /// Does one action of SQS, its input and its answer being SQS's JSON: the queue is said by `QueueUrl`, as
    /// [`Address::url`] spells it.
    ///
    /// # Errors
    /// What SQS would refuse.
    pub fn sqs(&mut self, at: &Place<'_>, action: &str, input: &Value) -> Result<Value, Refusal> {
        self.account(at.account);
        self.with_post(|world, post| sqs::call(world, post, at, action, input.to_string().as_bytes()))
    }

    /// Does something with the messages of every queue. What the bus still holds is put among them first. Not to be
    /// called from within itself: the messages are out of the world meanwhile.
    pub fn with_post<T>(&mut self, work: impl FnOnce(&mut Self, &mut Post) -> T) -> T {
        let mut post = std::mem::replace(&mut self.post, Post::new(0));
        let (now, notices) = (self.now(), std::mem::take(&mut self.outbox));
        for notices in notices.chunk_by(|a, b| a.to == b.to) {
            let Some(Notice { to, .. }) = notices.first() else { continue };
            let at = Place { account: &to.account, region: &to.region, now };
            let letters = notices.iter().map(|Notice { at, body, .. }| Letter {
                body: body.clone(),
                attributes: Attributes::new(),
                sender: SENDER.to_owned(),
                visible: *at,
            });
            // A queue that is gone gets nothing, as on AWS.
            sqs::deliver_all(self, &mut post, &at, to, letters.collect());
        }
        let result = work(self, &mut post);
        self.post = post;
        result
    }

    fn queue(&mut self, account: &AccountId, region: &Region, queue: &str) -> Result<Address, Missing> {
        let name = queue.rsplit('/').next().unwrap_or_default().to_owned();
        let address = Address { account: account.clone(), region: region.clone(), name };
        let there = self.account(account).store.get(&Key::new(region, "AWS::SQS::Queue", &address.url())).is_some();
        let missing = || Missing { what: format!("queue {queue} in {region}"), account: account.clone() };
        there.then_some(address).ok_or_else(missing)
    }

    /// Tells these queues of something.
    pub(crate) fn announce(
        &mut self,
        (account, region): (&AccountId, &Region),
        queues: &BTreeSet<Address>,
        happened: Happened,
    ) {
        for to in queues {
            self.announced += 1;
            let event = json!({
                "version": "0",
                "id": Seed::of(self.announced, "bus").uuid(),
                "detail-type": happened.detail_type,
                "source": happened.source,
                "account": account,
                "time": happened.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                "region": region,
                "resources": happened.resources,
                "detail": happened.detail,
            });
            self.outbox.push(Notice { to: to.clone(), at: happened.at, body: event.to_string() });
        }
    }
}

impl Cfn<'_> {
    /// Tells of a stack: a detail of CloudFormation's own.
    pub(crate) fn announce(&mut self, detail_type: &'static str, stack: &str, detail: Value) {
        let Some(queues) = self.account.listeners.get(&self.region) else { return };
        let resources = vec![stack.to_owned()];
        let happened =
            Happened { source: "aws.cloudformation".to_owned(), detail_type, resources, detail, at: self.now };
        self.world.announce((&self.id, &self.region), queues, happened);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cfn::api::{CreateStack, Deployment},
        clock::Clock,
        world::Timing,
    };
    use std::time::Duration;

    const TEMPLATE: &str =
        "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: /p, Type: String, Value: x}}}";

    struct Bench {
        world: World,
        account: AccountId,
        region: Region,
    }

    impl Bench {
        /// A world with a queue that gets the events of its region.
        fn new() -> Self {
            let world = World::new(7, Clock::Stepped, Timing::realistic());
            let mut bench =
                Self { world, account: "111111111111".parse().unwrap(), region: "eu-central-1".parse().unwrap() };
            bench.sqs("CreateQueue", &json!({ "QueueName": "events" }));
            bench.world.deliver_events(&bench.account.clone(), &bench.region.clone(), "events").unwrap();
            bench
        }

        fn sqs(&mut self, action: &str, input: &Value) -> Value {
            let at = Place { account: &self.account, region: &self.region, now: self.world.now() };
            self.world.sqs(&at, action, input).unwrap()
        }

        fn events(&mut self) -> Vec<Value> {
            let bodies = self.world.messages(&self.account, &self.region, "events").unwrap();
            bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
        }

        /// What the bus told since the queue was emptied, in few words.
        fn told(&mut self) -> Vec<String> {
            let word = |event: &Value| {
                let detail = &event["detail"];
                let words = [
                    &detail["eventName"],
                    &detail["status-details"]["status"],
                    &detail["status-details"]["detection-status"],
                ];
                words.iter().find_map(|word| word.as_str()).unwrap_or_default().to_owned()
            };
            let told = self.events().iter().map(word).collect();
            let url = Address { account: self.account.clone(), region: self.region.clone(), name: "events".to_owned() };
            self.sqs("PurgeQueue", &json!({ "QueueUrl": url.url() }));
            told
        }
    }

    #[test]
    fn a_change_by_hand_is_told_with_the_whole_record() {
        let mut bench = Bench::new();
        let key = Key::new(&bench.region, "AWS::SSM::Parameter", "/p");
        bench.world.place_resource(&bench.account.clone(), key, Default::default());
        let [event] = &bench.events()[..] else { panic!("one event") };
        assert_eq!((&event["version"], &event["source"]), (&json!("0"), &json!("aws.ssm")));
        assert_eq!(event["detail-type"], "AWS API Call via CloudTrail");
        assert_eq!((&event["account"], &event["region"]), (&json!("111111111111"), &json!("eu-central-1")));
        assert_eq!((&event["resources"], &event["detail"]["requestParameters"]["name"]), (&json!([]), &json!("/p")));
        assert_eq!(event["detail"]["userIdentity"]["arn"], "arn:aws:sts::111111111111:assumed-role/Admin/mallory");
    }

    #[test]
    fn a_stack_and_its_drift_detection_tell_how_far_they_are() {
        let mut bench = Bench::new();
        let (account, region) = (bench.account.clone(), bench.region.clone());
        let deployment = Deployment {
            stack_name: "s".to_owned(),
            template_body: Some(TEMPLATE.to_owned()),
            ..Deployment::default()
        };
        let request =
            CreateStack { deployment, client_request_token: Some("token-1".to_owned()), ..CreateStack::default() };
        bench.world.cfn(&account, &region).create_stack(request).unwrap();
        bench.world.pass(Duration::from_secs(60));
        let events = bench.events();
        assert_eq!(bench.told(), ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]);
        assert_eq!(events[1]["detail-type"], "CloudFormation Stack Status Change");
        assert_eq!(events[1]["resources"][0], events[1]["detail"]["stack-id"]);
        assert_eq!(events[1]["detail"]["client-request-token"], "token-1");
        assert_ne!(events[0]["time"], events[1]["time"], "each is told with its own time");

        bench.world.cfn(&account, &region).detect_stack_drift("s", &[]).unwrap();
        bench.world.pass(Duration::from_secs(60));
        let events = bench.events();
        assert_eq!(bench.told(), ["DETECTION_IN_PROGRESS", "DETECTION_COMPLETE"]);
        let count = |event: &Value| event["detail"]["drift-detection-details"]["drifted-stack-resource-count"].as_i64();
        assert_eq!((count(&events[0]), count(&events[1])), (Some(-1), Some(0)));
        assert_eq!(events[1]["detail"]["status-details"]["stack-drift-status"], "IN_SYNC");
    }

    #[test]
    fn a_storm_fills_the_queue_and_the_trail() {
        let mut bench = Bench::new();
        let (account, region) = (bench.account.clone(), bench.region.clone());
        bench.world.storm(&account, &region, 1000);
        assert_eq!(bench.events().len(), 1000);
        assert_eq!(bench.world.account(&account).trail.of(&region).len(), 1000);
    }

    #[test]
    fn other_regions_and_queues_that_do_not_exist_get_nothing() {
        let mut bench = Bench::new();
        let account = bench.account.clone();
        let missing = bench.world.deliver_events(&account, &bench.region.clone(), "none").unwrap_err();
        assert!(missing.to_string().contains("queue none"), "{missing}");
        bench.world.storm(&account, &"us-east-1".parse().unwrap(), 3);
        assert!(bench.events().is_empty());
    }
}
