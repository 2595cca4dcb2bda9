//! What is checked after every step, and once the world is calm: seen from outside, in the account and in the reports.

use super::{Chaos, GUEST, Invariant, ME, SEATS, home, me};
use crate::bug::Bug;
use jiff::SignedDuration;
use manifests::{id::CommitId, report::State};
use plan::stance::{Stance, stance};
use sim::store::Key;
use std::collections::BTreeSet;

impl Chaos {
    /// Safety, seen from outside.
    pub(super) fn check(&mut self) {
        if let Some(how) = self.all.here(ME).store.together.take() {
            self.violated(Invariant::Alone, how);
        }
        let past_a_hold = self.all.here(ME).store.past_a_hold.take();
        if let Some(how) = past_a_hold {
            self.violated(Invariant::Held, how);
        }
        let past_the_rails = self.all.here(ME).store.past_the_rails.take();
        if let Some(how) = past_the_rails {
            self.violated(Invariant::Guarded, how);
        }
        let guest = self.seen(GUEST);
        if guest != self.guest {
            self.violated(Invariant::Ownership, guest);
        }
        for (name, was) in self.strangers.clone() {
            let is = self.seen(&name);
            if is != was {
                self.violated(Invariant::Strangers, format!("{was} is {is}"));
            }
        }
        let memory = self.all.here(ME).store.read();
        let accepted = memory.and_then(|memory| memory.accepted);
        let place = |commit: &Option<CommitId>| self.commits.iter().position(|(id, _)| Some(id) == commit.as_ref());
        if place(&accepted) < place(&self.accepted) {
            self.violated(Invariant::Monotonic, format!("{accepted:?} after {:?}", self.accepted));
        }
        self.accepted = accepted;
        self.check_tries();
        self.check_stacks();
    }

    /// A rollback that stopped is made to go on three times at most for what one commit asks.
    fn check_tries(&mut self) {
        const MOST: u32 = 3;
        let mut tried: Vec<(String, String)> = self.all.here(ME).cloud.tried.take();
        tried.extend(self.all.beside.values().flat_map(|(other, _)| other.cloud.tried.take()));
        let forgets = self.all.bug == Some(Bug::Amnesia);
        for (name, id) in tried {
            let asked = self.in_force().and_then(|asked| asked.get(&name)).cloned();
            let tries = self.tries.entry((id, asked)).or_default();
            *tries += 1;
            if *tries > MOST && !forgets {
                let how = format!("{name}: {tries} times");
                self.violated(Invariant::Bounded, how);
            }
        }
    }

    fn check_stacks(&mut self) {
        let mut world = self.all.accounts.borrow_mut();
        let stacks = world.cfn(&me(), &home()).describe_stacks(None, None).unwrap().items;
        let there: BTreeSet<String> = stacks
            .iter()
            .filter(|stack| matches!(stance(stack.stack_status), Stance::Ready | Stance::Undone))
            .map(|stack| stack.stack_name.clone())
            .collect();
        let at_all: BTreeSet<String> = stacks.iter().map(|stack| stack.stack_name.clone()).collect();
        for stack in &stacks {
            let before = self.ids.insert(stack.stack_name.clone(), stack.stack_id.clone());
            if before.is_some_and(|before| before != stack.stack_id) {
                self.names.remove(&stack.stack_name);
            }
        }
        let live: Vec<(String, bool)> = self
            .names
            .iter()
            .filter(|(name, _)| there.contains(*name))
            .map(|(name, generation)| {
                let key = Key::new(&home(), "AWS::SSM::Parameter", &format!("/{name}/{generation}"));
                (name.clone(), world.account(&me()).store.get(&key).is_some())
            })
            .collect();
        drop(world);
        let others = self.all.beside.values().map(|(other, _)| other.cloud.busiest.get());
        let busiest = others.fold(self.all.here[&me()].cloud.busiest.get(), usize::max);
        if busiest > SEATS {
            self.violated(Invariant::Seats, format!("{busiest} at a time"));
        }
        if let Some((name, _)) = live.iter().find(|(_, alive)| !alive) {
            self.violated(Invariant::Destruction, name);
        }
        let gone: Vec<String> = self.there.iter().filter(|name| !at_all.contains(*name)).cloned().collect();
        let now = self.all.accounts.borrow().now();
        self.went.extend(gone.iter().map(|_| now));
        let today = self.went.iter().filter(|at| now.duration_since(**at) < SignedDuration::from_hours(24)).count();
        if today > self.a_day {
            self.violated(Invariant::Budget, format!("{today} in 24 hours"));
        }
        for name in gone {
            let last = self.commits.iter().rev().find_map(|(_, asked)| asked.get(&name)).is_some_and(|want| want.prune);
            let ever = self.commits.iter().any(|(_, asked)| asked.get(&name).is_some_and(|want| want.prune));
            let wanted = self.in_force().is_some_and(|asked| asked.contains_key(&name));
            if wanted || !(last || ever) {
                self.violated(Invariant::Deletion, &name);
            }
            self.names.remove(&name);
        }
        for name in there.iter().filter(|name| *name != GUEST) {
            if let Some(generation) = self.generation(name).filter(|_| !self.names.contains_key(name)) {
                self.names.insert(name.clone(), generation);
            }
        }
        self.there = there;
    }

    /// Which parameter a stack really has.
    fn generation(&self, name: &str) -> Option<u32> {
        let mut world = self.all.accounts.borrow_mut();
        let region = home();
        let mut parameters = world.account(&me()).store.of_kind(&region, "AWS::SSM::Parameter");
        parameters.find_map(|(id, _)| id.strip_prefix(&format!("/{name}/"))?.parse().ok())
    }

    /// Calls so far that can change something.
    pub(super) fn writes(&self) -> u64 {
        let mut world = self.all.accounts.borrow_mut();
        let calls = &world.account(&me()).calls;
        let read = |call: &str| call.contains(":Describe") || call.contains(":Get");
        calls.iter().filter(|(call, _)| !read(call)).map(|(_, count)| count).sum()
    }

    /// Every stack that is wanted is what was asked last, or is held or in conflict and says so.
    pub(super) fn converged(&mut self) {
        let Some(Ok(report)) = self.all.turn(ME) else { return self.violated(Invariant::Convergence, "no report") };
        for (name, want) in self.wanted.clone().into_iter().filter(|(name, _)| name != GUEST) {
            let Some(row) = report.stacks.iter().find(|row| row.stack.as_str() == name) else {
                let why = (&report.source.trouble, &report.problems);
                self.violated(Invariant::Convergence, format!("{name} is not told of: {why:?}"));
                continue;
            };
            let renamed = self.names.get(&name).is_some_and(|generation| *generation != want.generation);
            let key = Key::new(&home(), "AWS::SSM::Parameter", &format!("/{name}/{}", want.generation));
            let mut world = self.all.accounts.borrow_mut();
            let value = world.account(&me()).store.get(&key).and_then(|it| it.text("Value").map(ToOwned::to_owned));
            drop(world);
            let good = match row.state {
                State::InSync => value.as_deref() == Some(&want.value),
                State::Held => renamed,
                State::Pending => row.why.as_ref().is_some_and(|why| why.contains("waits for")),
                State::Healed | State::Applying | State::Excepted | State::Unknown | State::Drifted | State::Failed => {
                    false
                }
                State::NeedsAPerson => self.strangers.contains_key(&name),
            };
            if !good {
                self.violated(Invariant::Convergence, format!("{row:?} of {want:?}, is {value:?}"));
            }
        }
    }

    /// What took effect was told, and no number was used twice.
    pub(super) fn told(&mut self) {
        let letters = self.all.letters.all.borrow();
        let numbers: Vec<(String, u64)> =
            letters.iter().map(|event| (event.data.epoch.clone(), event.data.sequence)).collect();
        let once: BTreeSet<_> = numbers.iter().collect();
        let created: BTreeSet<String> = letters
            .iter()
            .flat_map(|event| &event.data.happened)
            .filter(|happening| happening.what == manifests::report::What::Created)
            .filter_map(|happening| happening.stack.as_ref().map(ToString::to_string))
            .collect();
        let untold = self.names.keys().find(|name| !created.contains(*name)).cloned();
        let amnesia = numbers.iter().any(|(epoch, _)| epoch == "0");
        let doubled = once.len() != numbers.len() && !amnesia;
        drop(letters);
        if (untold.is_some() && !amnesia) || doubled {
            self.violated(Invariant::Reported, format!("nobody was told of {untold:?}; numbers {numbers:?}"));
        }
    }
}
