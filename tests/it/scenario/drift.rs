//! The lines of a scenario in which somebody changes a resource behind CloudFormation's back.

use super::{ME, Scene, ensure, home, me, number, script};
use manifests::report::{DriftReport, StackReport};
use sim::{
    cfn::quirk::{Quirk, Quirky},
    services::{Place, post::Address},
    store::Key,
    trail::Actor,
};

impl Scene {
    pub(super) fn drift(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["watchful"] => {
                self.all.settings.drift_calls = 1_000;
                self.all.settings.listens = true;
                listen(self);
            }
            ["healing", name, spec] => {
                let file = format!("stacks/{name}.yaml");
                self.all.commits.edit(&file, "spec:\n", &format!("spec:\n  drift: {spec}\n"));
            }
            ["changes", stack, logical, value, by @ ..] => {
                let mut world = self.all.accounts.borrow_mut();
                let key = world.locate(&me(), &home(), stack, logical).map_err(|error| error.to_string())?;
                let value = Some(serde_json::Value::from(*value));
                let done = world.set_property_as(&me(), &key, "Value", value, &actor(by));
                done.map_err(|error| error.to_string())?;
            }
            ["deletes", stack, logical, by @ ..] => {
                let mut world = self.all.accounts.borrow_mut();
                let key = world.locate(&me(), &home(), stack, logical).map_err(|error| error.to_string())?;
                world.delete_resource_as(&me(), &key, &actor(by)).map_err(|error| error.to_string())?;
            }
            ["events"] => {
                let bodies = self.received()?;
                let standing = self.all.standing.get(&me()).ok_or("no turn was made yet")?;
                standing.hear(&bodies);
            }
            ["forged", of @ ..] => self.forged(of)?,
            ["quirk", "calm"] => self.all.accounts.borrow_mut().quirks.clear(),
            ["quirk", stack, logical, quirk] => {
                let quirk = self::quirk(quirk)?;
                let (stack, logical) = ((*stack).to_owned(), (*logical).to_owned());
                self.all.accounts.borrow_mut().quirks.add(Quirky { account: None, stack, logical, quirk });
            }
            other => return Err(format!("there is no such line: {other:?}")),
        }
        Ok(())
    }

    /// Somebody who may send to the queue takes events about one resource and says them of another.
    fn forged(&mut self, words: &[&str]) -> Result<(), String> {
        let [stack, logical, other, theirs] = words else { return Err("of what, and what of?".into()) };
        let name = |stack: &str, logical: &str| {
            let key = self.all.accounts.borrow_mut().locate(&me(), &home(), stack, logical);
            key.map(|key| key.id).map_err(|error| error.to_string())
        };
        let (name, other) = (name(stack, logical)?, name(other, theirs)?);
        let quoted = |name: &str| serde_json::Value::from(name).to_string();
        let bodies = self.received()?.into_iter().filter(|body| body.contains(&quoted(&other)));
        let bodies: Vec<String> = bodies.map(|body| body.replace(&quoted(&other), &quoted(&name))).collect();
        let standing = self.all.standing.get(&me()).ok_or("no turn was made yet")?;
        ensure(!bodies.is_empty() && standing.hear(&bodies), format!("nothing happened to {other}"))
    }

    /// What is in the queue, which is empty then.
    fn received(&self) -> Result<Vec<String>, String> {
        let mut world = self.all.accounts.borrow_mut();
        let bodies = world.messages(&me(), &home(), QUEUE).map_err(|error| error.to_string())?;
        let (account, region, now) = (me(), home(), world.now());
        let at = Place { account: &account, region: &region, now };
        let url = Address { account: me(), region: home(), name: QUEUE.into() }.url();
        let purge = serde_json::json!({ "QueueUrl": url });
        world.sqs(&at, "PurgeQueue", &purge).map_err(|refusal| refusal.message)?;
        Ok(bodies)
    }

    /// `expect drift STACK none|N|says "text"|by "text"|by-nobody|claimed|known|compared N of M|baseline N|ignored N|noise N`.
    pub(super) fn expect_drift(&self, words: &[&str]) -> Result<(), String> {
        let [stack, rest @ ..] = words else { return Err("of which stack?".into()) };
        let row: &StackReport = self
            .report()?
            .stacks
            .iter()
            .find(|row| row.stack.as_str() == *stack)
            .ok_or_else(|| format!("there is no {stack}"))?;
        let Some(drift) = &row.drift else { return ensure(*rest == ["off"], "nobody looks") };
        let DriftReport { drifted, compared, resources, baseline, ignored, noise, .. } = drift;
        let told = format!("{drift:#?}");
        match rest {
            ["none"] => ensure(drifted.is_empty(), told),
            ["says", text] => ensure(drift.why.as_ref().is_some_and(|why| why.contains(text)), told),
            ["by", text] => ensure(drifted.iter().any(|one| one.by.as_ref().is_some_and(|by| by.contains(text))), told),
            ["claimed"] => ensure(drifted.iter().all(|one| one.claimed), told),
            ["known"] => ensure(drifted.iter().all(|one| one.by.is_some() && !one.claimed), told),
            ["by-nobody"] => ensure(drifted.iter().all(|one| one.by.is_none()), told),
            ["compared", n, "of", m] => {
                ensure((u64::from(*compared), u64::from(*resources)) == (number(n)?, number(m)?), told)
            }
            ["baseline", n] => ensure(u64::from(*baseline) == number(n)?, told),
            ["ignored", n] => ensure(u64::from(*ignored) == number(n)?, told),
            ["noise", n] => ensure(u64::from(*noise) == number(n)?, told),
            [n] => ensure(drifted.len() as u64 == number(n)?, told),
            other => Err(format!("there is no such expectation: {other:?}")),
        }
    }
}

/// `phantom`, `neverSticks`, `dropped`, `detectionHangs`, `noise PATH EXPECTED ACTUAL`, `refusesRevert REASON`, …
fn quirk(text: &str) -> Result<Quirk, String> {
    let words: Vec<&str> = text.split(' ').collect();
    let own = |word: &&str| (*word).to_owned();
    Ok(match words.as_slice() {
        ["phantom"] => Quirk::Phantom,
        ["phantomReplacement"] => Quirk::PhantomReplacement,
        ["neverSticks"] => Quirk::NeverSticks,
        ["detectionFails"] => Quirk::DetectionFails,
        ["detectionHangs", seconds] => Quirk::DetectionHangs { seconds: Some(number(seconds)?) },
        ["dropped"] => Quirk::Dropped { only_with_values: false },
        ["noise", path, expected, actual] => {
            Quirk::Noise { path: own(path), expected: own(expected), actual: own(actual) }
        }
        ["refusesRevert", reason @ ..] => Quirk::RefusesRevert { reason: reason.join(" ") },
        other => return Err(format!("there is no such quirk: {other:?}")),
    })
}

/// `by ARN`, or whoever it is when nobody is named.
fn actor(words: &[&str]) -> Actor {
    match words {
        ["by", arn] => Actor::new(*arn),
        _ => Actor::mallory(&me()),
    }
}

/// Where the account's events go.
const QUEUE: &str = "events";

/// The account gets a queue, and all its events in it.
fn listen(scene: &mut Scene) {
    scene.all.here(ME);
    let mut world = scene.all.accounts.borrow_mut();
    let address = Address { account: me(), region: home(), name: QUEUE.into() };
    let name = [("QueueName".to_owned(), serde_json::Value::from(QUEUE))].into_iter().collect();
    world.place_resource(&me(), Key::new(&home(), "AWS::SQS::Queue", &address.url()), name);
    world.deliver_events(&me(), &home(), QUEUE).expect("it was just put there");
}

/// Whatever was written, made or begun when the agent died: a heal is found and seen to its end, and nobody says of one that
/// never ran that it did not help.
#[test]
fn a_heal_that_is_killed_at_any_call_is_put_back_in_the_end() {
    let before = "watchful\nstack app value=one\nhealing app \"{mode: heal}\"\ncommit\nturn\npass 1m\nturn\npass 5m\nturn\n\
                  changes app P \"two\"\nevents\n";
    // What the events said died with the agent: at the latest its schedule finds it.
    let after = "pass 3m\nturn\npass 7h\nturn\npass 1m\nturn\npass 1m\nturn\n\
                 expect value app \"one\"\nexpect drift app none\nexpect app healed\n";
    let mut died = 0;
    for call in 0..40 {
        for when in ["before", "after", "writing"] {
            match script(&format!("{when} call {call}"), &format!("{before}dies {when} {call}\n{after}")) {
                Ok(()) => died += 1,
                Err(why) if why.contains("the agent lived") => {}
                Err(why) => panic!("{why}"),
            }
        }
    }
    assert!(died >= 20, "a heal takes more calls than {died}");
}
