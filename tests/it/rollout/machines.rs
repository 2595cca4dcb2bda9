//! Six accounts on simulated machines, what their updaters and agents do in a minute, and what must be true after each.

use crate::{
    notebook::Desk,
    world::{Everyone, HOME, at_once},
};
use agent::{
    error::CommandError,
    itself::Itself,
    update::{Place, act, look},
};
use fleet::{
    fold::{Fleet, fold},
    page::{Page, View},
    presence::Patience,
};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{AccountId, Digest, Region};
use plan::update::{Asked, Fell, Slot, State, trial, worn};
use sim::{
    cfn::api::{Deployment, Parameter, UpdateStack},
    store::Key,
    world::Timing,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

pub(super) const CANARY: &str = "111111111111";
pub(super) const ALL: [&str; 6] =
    [CANARY, "222222222222", "333333333333", "444444444444", "555555555555", "666666666666"];
const MINUTE: Duration = Duration::from_secs(60);
/// The rings, and after how many minutes each has its turn.
const RINGS: [(&str, i64); 3] = [("canary", 0), ("early", 60), ("everyone", 120)];
/// What it takes to see that a stack is not as it was asked to be, and to put it back.
pub(super) const HEALS: i64 = 6;

/// What a version does, beside what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Nothing.
    Well,
    /// It never finishes a turn.
    Hangs,
    /// It ends as soon as it is started.
    Ends,
    /// It reads and acts, and nobody hears of it.
    Silent,
    /// It can't read the repository.
    Blind,
    /// It takes itself for another version.
    Misnamed,
    /// It leaves nothing of what is asked for.
    Unasking,
    /// It writes memory in a format that only it understands, and nobody hears of it.
    Newer,
}

impl Does {
    pub(super) const BADLY: [Self; 7] =
        [Self::Hangs, Self::Ends, Self::Silent, Self::Blind, Self::Misnamed, Self::Unasking, Self::Newer];
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Release {
    pub(super) version: &'static str,
    pub(super) does: Does,
    pub(super) downgrade: bool,
}

/// A machine, as its updater knows it: what is written down, a shelf of releases, a clock.
struct Machine<'a> {
    desk: &'a Desk,
    shelf: &'a BTreeMap<Digest, Release>,
    now: Timestamp,
}

impl Place for Machine<'_> {
    async fn fetch(&self, asked: &Asked) -> Result<Slot, String> {
        self.shelf.get(&asked.sha256).ok_or("there is no such release")?;
        Ok(Slot { name: asked.sha256.to_string(), version: asked.version.clone(), sha256: asked.sha256 })
    }

    async fn settle(&self, state: &State) -> Result<(), CommandError> {
        self.desk.own.borrow_mut().state = Some(state.clone());
        Ok(())
    }

    fn starts_later(&self) -> bool {
        true
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// Accounts, their machines, and a repository that asks for versions.
pub(super) struct Rollout {
    pub(super) all: Everyone,
    pub(super) shelf: BTreeMap<Digest, Release>,
    /// When each release was asked for last, and which one is.
    pub(super) asked: BTreeMap<Digest, Timestamp>,
    pub(super) last: Option<Digest>,
    /// Whether the accounts are configured to have guardrails.
    pub(super) guarded: bool,
    /// What runs on each machine.
    pub(super) runs: BTreeMap<&'static str, Slot>,
    /// Who ran which version, in which order they came to it.
    pub(super) ran: Vec<(&'static str, &'static str)>,
    /// Machines that are switched off.
    pub(super) off: BTreeSet<&'static str>,
    /// Since when a stack is not as it was asked to be, by somebody's hand.
    pub(super) changed: BTreeMap<&'static str, Timestamp>,
    /// A machine on which nothing can be started.
    pub(super) dark: Option<&'static str>,
    /// How many minutes an agent rests, and when each is to make its next turn.
    pub(super) every: i64,
    pub(super) next: BTreeMap<&'static str, Timestamp>,
    pub(super) trace: String,
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn home() -> Region {
    HOME.parse().unwrap()
}

impl Rollout {
    /// Everybody runs 1.0.0, and nothing else is asked for.
    pub(super) fn new(seed: u64) -> Self {
        let mut all = Everyone::new(seed, Timing::realistic());
        all.settings.rest = Some(SignedDuration::from_mins(1));
        let template = "Parameters: {Value: {Type: String}}\nResources:\n  P:\n    Type: AWS::SSM::Parameter\n\
                        \x20   Properties: {Name: /stack, Type: String, Value: !Ref Value}\n";
        all.commits.write("stack.template", template);
        all.commits.write(
            "stack.yaml",
            "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {name: stack}\nspec:\n  template: {path: stack.template}\n\
             \x20 parameters: {Value: one}\n",
        );
        let mut rollout = Self {
            all,
            shelf: BTreeMap::new(),
            asked: BTreeMap::new(),
            last: None,
            guarded: false,
            runs: BTreeMap::new(),
            ran: Vec::new(),
            off: BTreeSet::new(),
            changed: BTreeMap::new(),
            dark: None,
            every: 1,
            next: BTreeMap::new(),
            trace: String::new(),
        };
        let first = rollout.release("first", Release { version: "1.0.0", does: Does::Well, downgrade: false });
        let slot = Slot { name: first.to_string(), version: "1.0.0".parse().unwrap(), sha256: first };
        for id in ALL {
            rollout.all.here(id).store.own.borrow_mut().state = Some(State::new(slot.clone()));
            rollout.runs.insert(id, slot.clone());
        }
        rollout.ask(None);
        rollout.pass(5);
        rollout
    }

    pub(super) fn release(&mut self, name: &str, release: Release) -> Digest {
        self.shelf.insert(digest(name), release);
        digest(name)
    }

    /// A version that behaves like this is made, and asked for.
    pub(super) fn asks(&mut self, version: &'static str, does: Does) -> Digest {
        let sha256 = self
            .release(&format!("{version} {does:?} {}", self.shelf.len()), Release { version, does, downgrade: false });
        self.ask(Some(sha256));
        sha256
    }

    /// The fleet file asks for this one, or for none.
    pub(super) fn ask(&mut self, sha256: Option<Digest>) {
        let accounts = ALL.map(|id| {
            let ring = if id == CANARY { ", labels: {ring: canary}" } else { "" };
            format!("    - {{id: \"{id}\"{ring}}}\n")
        });
        let agent = sha256.map(|sha256| {
            let Release { version, downgrade, .. } = self.shelf[&sha256];
            if self.last != Some(sha256) {
                self.asked.insert(sha256, self.now());
            }
            format!(
                "  agent:\n    version: {version}\n    downgrade: {downgrade}\n    program: {{{}: {{from: 's3://releases/a', \
                 sha256: '{sha256}'}}}}\n    rings:\n    - {{name: canary, targets: {{labels: {{ring: canary}}}}}}\n    \
                 - {{name: early, percent: 40, after: 1h}}\n    - {{name: everyone, after: 2h}}\n",
                std::env::consts::ARCH
            )
        });
        let text = format!(
            "apiVersion: holdfast/v1\nkind: Fleet\nspec:\n  accounts:\n{}{}",
            accounts.concat(),
            agent.unwrap_or_default()
        );
        self.last = sha256;
        self.all.commits.write("fleet.yaml", &text);
        self.all.commits.commit();
    }

    /// How long a trial lasts.
    pub(super) fn lasts(&self) -> SignedDuration {
        trial(SignedDuration::from_mins(self.every), self.all.settings.turn)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.all.accounts.borrow().now()
    }

    /// So many minutes, in each of which every updater looks once and every agent makes a turn, if it can.
    pub(super) fn pass(&mut self, minutes: i64) {
        let until = self.now() + SignedDuration::from_mins(minutes);
        while self.now() < until {
            self.all.pass(MINUTE);
            for id in ALL {
                if !self.off.contains(id) {
                    self.look(id);
                    self.start(id);
                    self.turn(id);
                }
                self.check(id);
            }
        }
    }

    pub(super) fn state(&mut self, id: &str) -> State {
        self.all.here(id).store.own.borrow().state.clone().unwrap()
    }

    /// The updater looks once.
    pub(super) fn look(&mut self, id: &'static str) {
        let (before, now) = (self.state(id), self.now());
        self.all.here(id);
        let desk = &self.all.here[&id.parse().unwrap()].store;
        let asked = desk.own.borrow().asked.clone();
        let machine = Machine { desk, shelf: &self.shelf, now };
        let done = at_once(async {
            let looked = look(desk, self.guarded, machine.now()).await.unwrap();
            act(&machine, before.clone(), &looked, self.lasts()).await.unwrap()
        });
        self.trace.push_str(&format!("{now} {id} {:?}\n", done.unwrap()));
        let after = self.state(id);
        let (Some(tried), None) = (&after.trial, &before.trial) else { return };
        let asked = asked.expect("somebody asks for what is tried");
        let wait = RINGS.iter().find(|(ring, _)| *ring == asked.ring.as_str()).unwrap().1;
        let since = self.asked[&tried.slot.sha256];
        assert!(
            now >= since + SignedDuration::from_mins(wait),
            "{id} is in ring {} and was asked at {since}",
            asked.ring
        );
        assert_eq!(id == CANARY, asked.ring.as_str() == "canary");
        let is_forward = tried.slot.version > before.good.version;
        assert!(is_forward || self.shelf[&tried.slot.sha256].downgrade, "{id}: only forward, unless told");
        let fell = before.fell.map(|fell| fell.sha256);
        assert_ne!(fell, Some(tried.slot.sha256), "{id}: what was given up is not tried again");
    }

    /// What is put into place is started, and what ended is started anew, as systemd does it.
    pub(super) fn start(&mut self, id: &'static str) {
        let (state, now) = (self.state(id), self.now());
        let running = &self.runs[id];
        if self.dark == Some(id) || *running == *state.current() && self.shelf[&running.sha256].does != Does::Ends {
            return;
        }
        let state = state.started();
        let state = match state.trial.as_ref().and_then(worn) {
            Some(why) => state.fallen(Some(why), now),
            None => state,
        };
        let slot = state.current().clone();
        self.all.here(id).store.own.borrow_mut().state = Some(state);
        if self.runs[id] != slot {
            self.ran.push((id, self.shelf[&slot.sha256].version));
        }
        self.runs.insert(id, slot);
        self.all.standing.remove(&id.parse().unwrap());
        self.next.remove(id);
    }

    /// What runs makes a turn, as well as it can.
    pub(super) fn turn(&mut self, id: &'static str) {
        let slot = self.runs[id].clone();
        let Release { version, does, .. } = self.shelf[&slot.sha256];
        let now = self.now();
        if matches!(does, Does::Hangs | Does::Ends) || self.next.get(id).is_some_and(|next| now < *next) {
            return;
        }
        self.all.settings.rest = Some(SignedDuration::from_mins(self.every));
        self.next.insert(id, now + SignedDuration::from_mins(self.every));
        let place = format!("/nowhere/releases/{}/holdfast", slot.name);
        self.all.settings.itself = Itself::of(Some(Path::new(&place)), None);
        self.all.settings.version = if does == Does::Misnamed { "9.9.9" } else { version };
        self.all.letters.deaf.set(matches!(does, Does::Silent | Does::Newer));
        self.all.here(id).store.speaks.set(u32::from(does == Does::Newer));
        self.all.commits.unreachable(does == Does::Blind);
        let done = self.all.turn(id).unwrap();
        self.trace.push_str(&format!("{done:?}\n"));
        self.all.letters.deaf.set(false);
        self.all.commits.unreachable(false);
        if does == Does::Unasking {
            self.all.here(id).store.own.borrow_mut().asked = None;
        }
    }

    pub(super) fn value(&self, id: &str) -> Option<String> {
        let key = Key::new(&home(), "AWS::SSM::Parameter", "/stack");
        let mut world = self.all.accounts.borrow_mut();
        let store = &world.account(&id.parse().unwrap()).store;
        store.get(&key).and_then(|it| it.text("Value").map(ToOwned::to_owned))
    }

    /// Somebody changes the account's stack, past the agent.
    pub(super) fn changes(&mut self, id: &'static str) {
        let deployment = Deployment {
            stack_name: "stack".into(),
            template_body: Some(
                "Parameters: {Value: {Type: String}}\nResources:\n  P:\n    Type: AWS::SSM::Parameter\n\
                 \x20   Properties: {Name: /stack, Type: String, Value: by-hand}\n"
                    .into(),
            ),
            parameters: vec![Parameter { key: "Value".into(), value: Some("unused".into()), ..Parameter::default() }],
            ..Deployment::default()
        };
        let now = self.now();
        let update = UpdateStack { deployment, ..UpdateStack::default() };
        let account: AccountId = id.parse().unwrap();
        if self.all.accounts.borrow_mut().cfn(&account, &home()).update_stack(update).is_ok() {
            self.changed.entry(id).or_insert(now);
        }
    }

    /// Healing is never away for longer than a trial, whatever runs.
    pub(super) fn check(&mut self, id: &'static str) {
        let now = self.now();
        if self.off.contains(id) {
            // Nobody expects anything of a machine that is off: its time begins when it is on again.
            self.changed.entry(id).and_modify(|since| *since = now);
        }
        let Some(since) = self.changed.get(id).copied() else { return };
        let away = now.duration_since(since);
        if away > SignedDuration::from_mins(2) && self.value(id).as_deref() == Some("one") {
            self.changed.remove(id);
            return;
        }
        let most = self.lasts() + SignedDuration::from_mins(HEALS);
        assert!(away <= most, "{id} was changed at {since} and is not healed at {now}; {} runs", self.runs[id].version);
    }

    /// How the hub sees every account's agent.
    pub(super) fn hub(&self) -> BTreeMap<String, String> {
        let mut heard = Fleet::default();
        for event in self.all.letters.all.borrow().iter() {
            let text = serde_json::to_string(event).unwrap();
            heard = fold(heard, event.clone(), None, (&text, event.time)).0;
        }
        let suspended = BTreeSet::new();
        let view = View { expected: None, suspended: &suspended, patience: Patience::default(), now: self.now() };
        let rows = Page::of(&heard, &view).accounts;
        rows.into_iter().map(|row| (row.account.to_string(), row.agent)).collect()
    }

    /// Who ran a version, in the order in which they came to it.
    pub(super) fn came_to(&self, version: &str) -> Vec<&'static str> {
        self.ran.iter().filter(|(_, ran)| *ran == version).map(|(id, _)| *id).collect()
    }

    /// What an account gave up last.
    pub(super) fn fell(&mut self, id: &str) -> Option<Fell> {
        self.state(id).fell
    }
}
