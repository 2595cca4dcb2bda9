//! Seeded drift: people change and delete resources behind CloudFormation's back, CloudFormation is wrong about drift in every
//! way that is documented, events are lost, doubled and forged; a healthy stack is never touched, and what was changed is put
//! back in the end.
//!
//! `HOLDFAST_SEED=7 cargo test -p tests meddled` runs one seed; `HOLDFAST_SEEDS=10000` that many, which is the figure that the
//! README tells.

use crate::world::{Everyone, HOME};
use manifests::{
    id::{AccountId, Region},
    report::{Report, State},
};
use sim::{
    cfn::quirk::{Quirk, Quirky},
    seed::Seed,
    services::{Place, post::Address},
    store::Key,
    trail::Actor,
    world::Timing,
};
use std::{collections::BTreeSet, time::Duration};

const ME: &str = "111111111111";
/// Each stack's resources: parameters, one after the other.
const RESOURCES: [&str; 3] = ["P", "Q", "R"];
const STACKS: [&str; 4] = ["a", "b", "c", "d"];
/// Stacks of which the manifest asks for no more than a warning.
const WARNED: &str = "d";

fn me() -> AccountId {
    ME.parse().unwrap()
}

fn home() -> Region {
    HOME.parse().unwrap()
}

/// One account that people meddle with.
struct Meddled {
    all: Everyone,
    seed: Seed,
    /// What somebody changed, ever: stack and resource.
    changed: BTreeSet<(&'static str, &'static str)>,
    /// What detection names although nobody changed it.
    noisy: BTreeSet<(&'static str, &'static str)>,
    trace: String,
}

impl Meddled {
    fn new(seed: u64, blind: bool) -> Self {
        let mut all = Everyone::new(seed, Timing::realistic());
        all.settings.drift_calls = 1_000;
        all.settings.listens = seed.is_multiple_of(2);
        let here = all.here(ME);
        here.cloud.blind.set(blind);
        for stack in STACKS {
            let mode = if stack == WARNED { "warn" } else { "heal" };
            let spec = format!("  template: {{path: {stack}.template}}\n  drift: {{mode: {mode}, every: 1h}}\n");
            let manifest = format!("apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{name: {stack}}}\nspec:\n{spec}");
            all.commits.write(&format!("{stack}.yaml"), &manifest);
            all.commits.write(&format!("{stack}.template"), &template(stack));
        }
        all.commits.commit();
        let mut meddled = Self {
            all,
            seed: Seed::of(seed, "meddled"),
            changed: BTreeSet::new(),
            noisy: BTreeSet::new(),
            trace: String::new(),
        };
        meddled.listen();
        meddled
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.seed.draw().is_multiple_of(times)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.seed.draw() % from.len() as u64) as usize]
    }

    fn listen(&mut self) {
        let mut world = self.all.accounts.borrow_mut();
        let address = Address { account: me(), region: home(), name: "events".into() };
        let name = [("QueueName".to_owned(), serde_json::Value::from("events"))].into_iter().collect();
        world.place_resource(&me(), Key::new(&home(), "AWS::SQS::Queue", &address.url()), name);
        world.deliver_events(&me(), &home(), "events").expect("it was just put there");
    }

    /// CloudFormation is wrong about something, in a stack that somebody may or may not have touched.
    fn quirk(&mut self) {
        let (stack, logical) = (self.pick(&STACKS), self.pick(&RESOURCES));
        let wrong = match self.seed.draw() % 7 {
            0 => Quirk::Phantom,
            1 => Quirk::PhantomReplacement,
            2 => Quirk::DetectionFails,
            3 => Quirk::DetectionHangs { seconds: Some(1_200) },
            4 => Quirk::RefusesRevert { reason: "not of this stack".into() },
            5 => Quirk::NeverSticks,
            _ => Quirk::Dropped { only_with_values: true },
        };
        self.note(&format!("{stack}/{logical} {wrong:?}"));
        self.all.accounts.borrow_mut().quirks.add(Quirky {
            account: None,
            stack: stack.into(),
            logical: logical.into(),
            quirk: wrong,
        });
    }

    /// Detection names something that nobody did.
    fn noise(&mut self) {
        let (stack, logical) = (self.pick(&STACKS), self.pick(&RESOURCES));
        self.noisy.insert((stack, logical));
        let quirk = Quirk::Noise { path: "/Value".into(), expected: "asked".into(), actual: "ASKED".into() };
        self.note(&format!("{stack}/{logical} is noisy"));
        self.all.accounts.borrow_mut().quirks.add(Quirky {
            account: None,
            stack: stack.into(),
            logical: logical.into(),
            quirk,
        });
    }

    /// Somebody changes or deletes something.
    fn meddle(&mut self) {
        let (stack, logical) = (self.pick(&STACKS), self.pick(&RESOURCES));
        let value = format!("tampered-{}", self.seed.draw() % 4);
        let deletes = self.one_in(4);
        let mut world = self.all.accounts.borrow_mut();
        let Ok(key) = world.locate(&me(), &home(), stack, logical) else { return };
        let actor = Actor::mallory(&me());
        let done = if deletes {
            world.delete_resource_as(&me(), &key, &actor).is_ok()
        } else {
            world.set_property_as(&me(), &key, "Value", Some(value.clone().into()), &actor).is_ok()
        };
        drop(world);
        if done {
            self.changed.insert((stack, logical));
            self.note(&format!("{stack}/{logical} {}", if deletes { "deleted" } else { &value }));
        }
    }

    /// Events reach the agent: all, none, twice, or with forged ones among them.
    fn events(&mut self) {
        let mut bodies = self.received();
        match self.seed.draw() % 4 {
            0 => bodies.clear(),
            1 => bodies.extend(bodies.clone()),
            2 => bodies.extend(self.forged()),
            _ => {}
        }
        if let Some(standing) = self.all.standing.get(&me()) {
            standing.hear(&bodies);
        }
    }

    /// An event about a healthy resource that nobody has touched.
    fn forged(&mut self) -> Vec<String> {
        let (stack, logical) = (self.pick(&STACKS), self.pick(&RESOURCES));
        let name = format!("/{stack}/{logical}");
        let event = serde_json::json!({
            "account": ME, "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail",
            "detail": {
                "eventSource": "ssm.amazonaws.com", "eventName": "PutParameter", "eventTime": "2026-01-01T00:00:00Z",
                "eventID": "forged", "awsRegion": HOME, "userIdentity": { "arn": "arn:aws:iam::111111111111:user/nobody" },
                "requestParameters": { "name": name },
            },
        });
        vec![event.to_string(), "nonsense".into(), "{}".into()]
    }

    fn received(&self) -> Vec<String> {
        let mut world = self.all.accounts.borrow_mut();
        let bodies = world.messages(&me(), &home(), "events").unwrap();
        let (account, region, now) = (me(), home(), world.now());
        let at = Place { account: &account, region: &region, now };
        let url = Address { account: me(), region: home(), name: "events".into() }.url();
        world.sqs(&at, "PurgeQueue", &serde_json::json!({ "QueueUrl": url })).unwrap();
        bodies
    }

    fn turn(&mut self) -> Report {
        let report = self.all.turn(ME).expect("nobody kills it").expect("it can look");
        let states: Vec<&str> = report.stacks.iter().map(|stack| stack.state.as_str()).collect();
        self.note(&format!("{states:?} {:?}", report.calls));
        report
    }

    fn note(&mut self, what: &str) {
        let now = self.all.accounts.borrow().now();
        self.trace.push_str(&format!("{now:.0} {what}\n"));
    }

    /// A whole life: it comes up, people meddle while CloudFormation is wrong, then all is calm.
    fn live(&mut self) -> Report {
        if self.one_in(3) {
            self.noise();
        }
        for _ in 0..2 {
            self.turn();
            self.all.pass(Duration::from_secs(60));
        }
        for _ in 0..self.seed.draw() % 4 + 2 {
            if self.one_in(2) {
                self.quirk();
            }
            if self.one_in(2) {
                self.meddle();
            }
            self.events();
            self.turn();
            let minutes = self.pick(&[1, 5, 40, 70]);
            self.all.pass(Duration::from_secs(minutes * 60));
        }
        self.all.accounts.borrow_mut().quirks.clear();
        // Longer than anything is left alone for.
        let mut report = self.turn();
        for _ in 0..6 {
            self.all.pass(Duration::from_secs(13 * 3_600));
            self.turn();
            self.all.pass(Duration::from_secs(120));
            report = self.turn();
        }
        report
    }

    /// Healthy resources that CloudFormation wrote to.
    fn touched(&self) -> Vec<String> {
        let mut world = self.all.accounts.borrow_mut();
        let mut wrong = Vec::new();
        for (stack, logical) in STACKS.iter().flat_map(|stack| RESOURCES.map(|logical| (*stack, logical))) {
            let here = self.changed.iter().any(|(changed, _)| *changed == stack);
            // What detection names beside what somebody changed may be written to with it.
            let excused = self.changed.contains(&(stack, logical)) || (here && self.noisy.contains(&(stack, logical)));
            let times = world.touched(&me(), &home(), stack, logical).unwrap_or_default();
            if times > 0 && !excused {
                wrong.push(format!("{stack}/{logical} was written to {times} times, and nobody had changed it"));
            }
        }
        wrong
    }

    /// What in stacks that are healed is not as it was asked for, once all is calm.
    fn left(&self, report: &Report) -> Vec<String> {
        let mut world = self.all.accounts.borrow_mut();
        let mut wrong = Vec::new();
        for (stack, logical) in self.changed.iter().filter(|(stack, _)| *stack != WARNED) {
            let key = Key::new(&home(), "AWS::SSM::Parameter", &format!("/{stack}/{logical}"));
            let value = world.account(&me()).store.get(&key).and_then(|it| it.text("Value").map(ToOwned::to_owned));
            let row = report.stacks.iter().find(|row| row.stack.as_str() == *stack);
            let told = row.is_some_and(|row| row.state == State::Drifted && row.why.is_some());
            if value.as_deref() != Some("asked") && !told {
                wrong.push(format!("{stack}/{logical} is {value:?}, and nobody says why"));
            }
        }
        wrong
    }
}

fn template(stack: &str) -> String {
    let one = |logical: &str| {
        format!(
            "  {logical}: {{Type: AWS::SSM::Parameter, Properties: {{Name: /{stack}/{logical}, Type: String, Value: asked}}}}\n"
        )
    };
    format!("Resources:\n{}", RESOURCES.map(one).concat())
}

/// What went wrong in the life of this seed, and its trace.
fn life(seed: u64, blind: bool) -> (Vec<String>, String, usize) {
    let mut meddled = Meddled::new(seed, blind);
    let report = meddled.live();
    let mut wrong = meddled.touched();
    wrong.extend(meddled.left(&report));
    (wrong, meddled.trace, meddled.changed.len())
}

fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("HOLDFAST_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("HOLDFAST_SEEDS").unwrap_or(150)).collect(),
    }
}

#[test]
fn a_healthy_resource_is_never_written_to_and_what_was_changed_is_put_back() {
    let (mut changed, all) = (0, seeds());
    for seed in &all {
        let (wrong, trace, touched) = life(*seed, false);
        assert!(wrong.is_empty(), "seed {seed}: {}\n{trace}", wrong.join("\n"));
        changed += touched;
    }
    println!("{} accounts, {changed} resources changed by hand, 0 healthy ones written to", all.len());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..5 {
        assert_eq!(life(seed, false).1, life(seed, false).1);
    }
}

#[test]
fn an_agent_that_does_not_see_phantoms_is_found() {
    let found = (0..400).any(|seed| life(seed, true).0.iter().any(|wrong| wrong.contains("nobody had changed it")));
    assert!(found, "a test that finds no planted bug is no test");
}
