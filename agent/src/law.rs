//! What holds in the account for one turn: its guardrails, what its people say, and whether anything may begin at all.
//!
//! Not here: any judgement by it (`plan::guard`), and where it was read from ([`crate::store`]).

use crate::{store::Kept, world::Settings};
use jiff::Timestamp;
use manifests::{
    guardrails::Guardrails,
    id::{CommitId, Digest},
};
use plan::{
    guard::{self, Begun},
    memory::Memory,
    orders::Orders,
    plan::Policy,
    select::Selected,
};

/// What the account allows; `None` where nobody ever said. `guarded`: whether somebody says that it is somewhere.
///
/// # Errors
/// Why nothing may be changed: they can't be understood, or are gone.
pub(crate) fn guardrails<'a>(
    kept: &'a Kept,
    guarded: bool,
    memory: Option<&Memory>,
) -> Result<Option<&'a Guardrails>, String> {
    match &kept.guardrails {
        Some(Ok(guardrails)) => Ok(Some(guardrails)),
        Some(Err(why)) => Err(format!("the account's guardrails can't be understood: {why}; ends when they can")),
        None if guarded || memory.is_some_and(|memory| memory.guardrails.is_some()) => Err(
            "the account's guardrails are not there; ends when they are (an empty `spec: {}` asks for the usual ones)"
                .into(),
        ),
        None => Ok(None),
    }
}

/// What holds in the account for one turn.
#[derive(Debug, Clone)]
pub(crate) struct Law {
    /// The agent's own settings, with the account's guardrails.
    pub(crate) policy: Policy,
    /// What people said, as far as it is in force.
    pub(crate) orders: Orders,
    /// Why nothing at all may begin, if that is so.
    pub(crate) closed: Option<String>,
    /// What this turn has begun.
    pub(crate) begun: Begun,
}

impl Law {
    /// As it was read. Guardrails that were there once and are gone are not taken for none, and notes of that are kept in
    /// memory.
    pub(crate) fn of(kept: &Kept, settings: &Settings, memory: &mut Memory, now: Timestamp) -> Self {
        let mut policy = settings.policy.clone();
        let found = guardrails(kept, settings.guarded, Some(memory));
        if let Ok(Some(guardrails)) = found {
            policy.guardrails.clone_from(guardrails);
            memory.guardrails = Some(Digest::of(format!("{guardrails:?}").as_bytes()).short(16));
        } else if kept.guardrails.is_some() {
            // There are some, whatever they say: when they go, that is not taken for "none wanted".
            memory.guardrails.get_or_insert_with(|| "unread".into());
        }
        let (garbled, orders) = Self::orders(kept, now);
        let closed = found.err().or(garbled);
        Self { policy, orders, closed, begun: Begun::default() }
    }

    /// What people said, as far as it is in force; and why nothing may begin, where that can't be understood.
    pub(crate) fn orders(kept: &Kept, now: Timestamp) -> (Option<String>, Orders) {
        match &kept.orders {
            Ok(orders) => (None, orders.in_force(now)),
            Err(why) => {
                let why = format!("what people told this account can't be understood: {why}; ends when it is mended");
                (Some(why), Orders::default())
            }
        }
    }

    /// The same, for the guard.
    pub(crate) fn judges<'a>(
        &'a self,
        (memory, selected): (&'a Memory, &'a Selected),
        commit: Option<&'a CommitId>,
        now: Timestamp,
    ) -> guard::Law<'a> {
        guard::Law {
            guardrails: &self.policy.guardrails,
            orders: &self.orders,
            approvals: &selected.approvals,
            memory,
            begun: self.begun,
            commit,
            now,
        }
    }
}
