//! The notation of the guard's tests, and the only lines that know how to call it: changes as words, and an account that
//! judges them and remembers what it let through.

use crate::table::{World, at, word};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    approval::Approval,
    guardrails::{Guardrails, Limits},
    id::{CommitId, Digest, ResourcePath},
    stack::Stack,
};
use plan::{
    facts::{Action, Change, ChangeSet, ChangeSetStatus, PolicyAction, Replacement, Seen},
    guard::{Begun, Cost, Held, Judgement, Law, digest, judge, judge_whole},
    memory::Memory,
    orders::Orders,
    permit::Permit,
    preview::Preview,
    step::Step,
    why::Why,
};

/// `Modify True Table AWS::X::Y`: the action, what else CloudFormation says of it, the resource.
pub(crate) fn change(text: &str) -> Change {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (logical, kind) = match words.as_slice() {
        [.., kind] if kind.contains("::") => (words[words.len() - 2], *kind),
        _ => (words[words.len() - 1], "AWS::SNS::Topic"),
    };
    Change {
        action: Action::from_word(words[0]),
        logical: word(logical),
        physical: Some("physical".into()),
        kind: kind.into(),
        replacement: words.iter().find_map(|word| Replacement::from_word(word)),
        policy: words.iter().find_map(|word| PolicyAction::from_word(word)),
        details: vec![],
        walked: words.contains(&"walked"),
        drift: words.iter().find_map(|word| Seen::from_word(word)),
    }
}

pub(crate) fn changes(text: &str) -> Vec<Change> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(change).collect()
}

/// A change of `app` that does this, by a manifest changed like that.
pub(crate) struct Case {
    pub(crate) step: Step,
    pub(crate) manifest: Stack,
    pub(crate) set: ChangeSet,
}

pub(crate) fn case(does: &str, written: impl FnOnce(&mut Stack)) -> Case {
    let mut manifest = crate::table::manifest("app");
    written(&mut manifest);
    let step = World::of("app@2", "app@1 CREATE_COMPLETE ours").step("app");
    let set = ChangeSet {
        id: "arn:change-set".into(),
        stack_id: step.stack_id.clone().expect("it is there"),
        status: ChangeSetStatus::Ready,
        reason: None,
        changes: changes(does),
        reverts: false,
    };
    Case { step, manifest, set }
}

impl Case {
    pub(crate) fn preview(&self) -> Preview<'_> {
        let transforms = Vec::new();
        Preview { step: &self.step, manifest: &self.manifest, set: self.set.clone(), transforms }
    }

    pub(crate) fn digest(&self) -> Digest {
        digest(&self.preview())
    }
}

/// An account that judges, and remembers what it let through.
pub(crate) struct Court {
    pub(crate) guardrails: Guardrails,
    pub(crate) orders: Orders,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) memory: Memory,
    pub(crate) begun: Begun,
    pub(crate) commit: CommitId,
    pub(crate) now: Timestamp,
}

impl Court {
    pub(crate) fn of(limits: Limits) -> Self {
        Self {
            guardrails: Guardrails { limits, ..Guardrails::default() },
            orders: Orders::default(),
            approvals: vec![],
            memory: Memory::new("e1".into()),
            begun: Begun::default(),
            commit: word(&"c".repeat(40)),
            now: at(0),
        }
    }

    pub(crate) fn law(&self) -> Law<'_> {
        let Self { guardrails, orders, approvals, memory, begun, commit, now } = self;
        Law { guardrails, orders, approvals, memory, begun: *begun, commit: Some(commit), now: *now }
    }

    /// Judges, and writes down what it takes, as a turn does before it acts.
    pub(crate) fn judge(&mut self, case: &Case) -> Judgement {
        let judgement = judge(&case.preview(), &self.law());
        self.keep(&judgement);
        judgement
    }

    pub(crate) fn delete(&mut self, step: &Step) -> Judgement {
        let judgement = judge_whole(step, &self.law()).expect("it needs no change set");
        self.keep(&judgement);
        judgement
    }

    pub(crate) fn keep(&mut self, judgement: &Judgement) {
        if let Judgement::Permitted(_, Cost { toll, .. }) = judgement {
            self.memory.spent.add(self.now, *toll);
            self.begun.stacks += 1;
            self.begun.deletions += toll.deletions;
        }
    }

    pub(crate) fn pass(&mut self, minutes: i64) {
        self.now += SignedDuration::from_mins(minutes);
    }
}

pub(crate) fn ids(text: &str) -> impl Iterator<Item = (ResourcePath, Option<String>)> {
    text.split_whitespace().map(|id| match id.split_once(':') {
        Some((id, reason)) => (word(id), Some(reason.into())),
        None => (word(id), None),
    })
}

pub(crate) fn allows(remove: &str, replace: &str) -> impl FnOnce(&mut Stack) {
    move |stack| {
        stack.allow.remove.extend(ids(remove));
        stack.allow.replace.extend(ids(replace));
    }
}

#[track_caller]
pub(crate) fn permitted(judgement: Judgement) -> (Permit, Cost) {
    match judgement {
        Judgement::Permitted(permit, cost) => (permit, cost),
        Judgement::Held(held) => panic!("it was held: {}", held.why),
        Judgement::Later(why) => panic!("it was left for later: {why}"),
    }
}

#[track_caller]
pub(crate) fn held(judgement: Judgement) -> Held {
    match judgement {
        Judgement::Held(held) => held,
        Judgement::Permitted(permit, _) => panic!("it was permitted: {permit:?}"),
        Judgement::Later(why) => panic!("it was left for later: {why}"),
    }
}

#[track_caller]
pub(crate) fn later(judgement: Judgement) -> Why {
    match judgement {
        Judgement::Later(why) => why,
        Judgement::Permitted(permit, _) => panic!("it was permitted: {permit:?}"),
        Judgement::Held(held) => panic!("it was held: {}", held.why),
    }
}

/// Whether a change that does this, with this allowed, may go ahead in an account without guardrails of its own.
pub(crate) fn goes(does: &str, remove: &str, replace: &str) -> bool {
    match Court::of(Limits::default()).judge(&case(does, allows(remove, replace))) {
        Judgement::Permitted(..) => true,
        Judgement::Held(_) => false,
        Judgement::Later(why) => panic!("a first change is never left for later: {why}"),
    }
}
