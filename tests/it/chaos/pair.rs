//! Two agents in one account, each in the middle of its turn: the one goes on wherever the other one waits.

use super::{Chaos, ME, me};
use crate::world::Here;
use agent::{
    stop::Stopped,
    turn::{Standing, turn},
    world::Settings,
};
use manifests::report::Report;
use plan::lease::Holder;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

type Done = Result<Report, Stopped>;
type Turn<'a> = Option<Pin<Box<dyn Future<Output = Done> + 'a>>>;

impl Chaos {
    /// Both agents of the account have a turn at the same time; in one that is `ill`, one of them dies.
    pub(super) fn turns(&mut self, ill: bool) {
        let id = me();
        let desk = self.all.here(ME).store.beside();
        let second = self.all.beside.remove(&id);
        let (other, mut theirs) = second.unwrap_or_else(|| (self.all.agent(&id, desk), Standing::default()));
        if ill {
            let draw = self.below(25);
            let call = self.all.accounts.borrow().calls() + 1 + draw;
            let after = self.below(2) == 0;
            self.all.accounts.borrow_mut().crash_at(call, after);
        }
        let mut ours = self.all.standing.remove(&id).unwrap_or_default();
        let (one, settings) = (&self.all.here[&id], &self.all.settings);
        let elsewhere = Holder { host: "there".into(), ..settings.me.clone() };
        let elsewhere = Settings { me: elsewhere, ..settings.clone() };
        let turns: [(&Here, Turn<'_>); 2] = [
            (one, Some(Box::pin(turn(one, settings, &mut ours)))),
            (&other, Some(Box::pin(turn(&other, &elsewhere, &mut theirs)))),
        ];
        let [first, second] = together(turns, || self.seed.draw() % 12);
        // Whoever died begins the next turn anew.
        if first.is_some() {
            self.all.standing.insert(id.clone(), ours);
        }
        let theirs = second.as_ref().map(|_| theirs).unwrap_or_default();
        self.all.beside.insert(id, (other, theirs));
        self.told_of(first);
        self.told_of(second);
    }
}

/// Two turns, each going on for so many calls until it waits for the other one. `None` when an agent died in it.
fn together(mut turns: [(&Here, Turn<'_>); 2], mut calls: impl FnMut() -> u64) -> [Option<Done>; 2] {
    let mut done = [None, None];
    let mut at = 0;
    while turns.iter().any(|(_, turn)| turn.is_some()) {
        let (here, turn) = &mut turns[at];
        if let Some(going) = turn {
            here.cloud.pause.set(Some(calls()));
            here.cloud.paused.set(false);
            match going.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(report) => {
                    (done[at], *turn) = (Some(report), None);
                    here.store.rests();
                }
                Poll::Pending if here.cloud.paused.get() => {}
                Poll::Pending => *turn = None,
            }
            here.cloud.pause.set(None);
        }
        at = 1 - at;
    }
    done
}
