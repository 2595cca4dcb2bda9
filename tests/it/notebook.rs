//! What an account's agents write down: memory as a text, so that what does not survive being written does not survive a
//! test; beside it the lease, and what people wrote. Each agent has a desk of its own, and all of them one notebook.
//!
//! What must be true of it is noted here, because nowhere else can it be seen: that nobody writes over what he has not
//! read, that nobody acts while another is at work, and that nobody acts where people or guardrails forbid it.

use crate::bug::Bug;
use agent::store::{Kept, Own, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use manifests::{guardrails::Guardrails, id::StackKey};
use plan::{
    drift::remembered::Drifts,
    lease::{FoundLease, Lease},
    memory::Memory,
    orders::Orders,
    update::{Asked, Proof, State},
};
use std::{
    cell::{Cell, RefCell},
    ops::Deref,
    rc::Rc,
};

/// How long after an act nobody else acts, unless whoever did is done: half a term is left when it happens, and what
/// two clocks may lie apart comes on top.
const WINDOW: SignedDuration = SignedDuration::from_mins(7);

/// What all agents of an account share.
pub(crate) struct Notebook {
    text: RefCell<Option<String>>,
    /// What is remembered of drift.
    drifts: RefCell<Option<String>>,
    /// The account's guardrails, as a text; none at first.
    pub(crate) guardrails: RefCell<Option<String>>,
    pub(crate) orders: RefCell<Orders>,
    pub(crate) lease: RefCell<FoundLease>,
    /// Every lease that was written, with its version.
    leases: RefCell<Vec<(u64, Lease)>>,
    /// How often memory was written.
    saves: Cell<u64>,
    /// Who acted last, and when, while that counts.
    acted: Cell<Option<(usize, Timestamp)>>,
    /// Two who were at work at a time, and how that was seen.
    pub(crate) together: RefCell<Option<String>>,
    /// What was done although a person held it, or although nobody could read what the account allows.
    pub(crate) past_a_hold: RefCell<Option<String>>,
    pub(crate) past_the_rails: RefCell<Option<String>>,
    bug: Option<Bug>,
    /// What there is about the agents' own version.
    pub(crate) own: RefCell<Own>,
    /// Memory as it was before another version was tried.
    pub(crate) before: RefCell<Option<String>>,
    /// The format in which memory was written last, and the newest one that whoever comes next understands.
    format: Cell<u32>,
    pub(crate) speaks: Cell<u32>,
    /// How many more documents whoever writes lives to write; then it dies, with that one not written.
    pub(crate) dies: Cell<Option<u64>>,
}

impl Notebook {
    async fn lives(&self) {
        match self.dies.get() {
            None => {}
            Some(0) => {
                self.dies.set(None);
                std::future::pending().await
            }
            Some(left) => self.dies.set(Some(left - 1)),
        }
    }
}

/// One agent's place at the notebook.
#[derive(Clone)]
pub(crate) struct Desk {
    /// Which agent.
    agent: usize,
    notebook: Rc<Notebook>,
    /// How often memory had been written when this agent last read or wrote it.
    seen: Rc<Cell<u64>>,
}

impl Notebook {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        let (text, drifts, guardrails, orders, lease, leases) = Default::default();
        let (saves, acted, together, past_a_hold, past_the_rails) = Default::default();
        Self {
            dies: Cell::default(),
            own: RefCell::default(),
            before: RefCell::default(),
            format: Cell::default(),
            speaks: Cell::default(),
            text,
            drifts,
            guardrails,
            orders,
            lease,
            leases,
            saves,
            acted,
            together,
            past_a_hold,
            past_the_rails,
            bug,
        }
    }

    pub(crate) fn lose(&self) {
        *self.text.borrow_mut() = None;
        *self.drifts.borrow_mut() = None;
    }

    /// A version that nobody here understands writes memory.
    pub(crate) fn foreign(&self) {
        self.format.set(u32::MAX);
    }

    pub(crate) fn read(&self) -> Option<Memory> {
        self.text.borrow().as_deref().map(|text| serde_json::from_str(text).unwrap())
    }

    /// The account's guardrails, as they are understood.
    fn rails(&self) -> Option<Result<Guardrails, String>> {
        let place = "guardrails.yaml".parse().unwrap();
        let text = self.guardrails.borrow();
        let read = manifests::guardrails::parse(&place, text.as_ref()?.as_bytes());
        Some(read.map_err(|problems| problems[0].to_string()))
    }

    fn note(&self, how: String) {
        self.together.borrow_mut().get_or_insert(how);
    }
}

impl Desk {
    pub(crate) fn new(agent: usize, notebook: Rc<Notebook>) -> Self {
        Self { agent, notebook, seen: Rc::default() }
    }

    /// The desk beside this one.
    pub(crate) fn beside(&self) -> Self {
        Self::new(self.agent + 1, Rc::clone(&self.notebook))
    }

    /// Its agent changes this stack now.
    pub(crate) fn acts(&self, now: Timestamp, key: &StackKey) {
        if let Some(hold) = self.orders.borrow().in_force(now).hold(key) {
            self.past_a_hold
                .borrow_mut()
                .get_or_insert_with(|| format!("{key} is changed at {now} in spite of {hold:?}"));
        }
        if self.rails().is_some_and(|rails| rails.is_err()) {
            self.past_the_rails.borrow_mut().get_or_insert_with(|| format!("{key} is changed at {now}"));
        }
        if let Some((who, when)) = self.acted.get()
            && who != self.agent
            && now.duration_since(when) < WINDOW
        {
            self.note(format!("agent {} acts at {now}, and agent {who} has since {when}", self.agent));
        }
        self.acted.set(Some((self.agent, now)));
    }

    /// Its agent's turn is over.
    pub(crate) fn rests(&self) {
        self.acted.set(self.acted.get().filter(|(who, _)| *who != self.agent));
    }
}

impl Deref for Desk {
    type Target = Notebook;

    fn deref(&self) -> &Notebook {
        &self.notebook
    }
}

impl Store for Desk {
    async fn open(&self) -> Result<Kept, StoreError> {
        self.seen.set(self.saves.get());
        let mut memory = self.read();
        let is_newer = self.format.get() > self.speaks.get();
        if is_newer {
            let before = self.before.borrow();
            let newer = || StoreError::Newer { place: "memory".into(), version: self.format.get() };
            memory = Some(serde_json::from_str(before.as_ref().ok_or_else(newer)?).unwrap());
        }
        if self.bug == Some(Bug::Amnesia) {
            let accepted = memory.and_then(|memory| memory.accepted);
            let mut anew = Memory::new("0".into());
            anew.accepted = accepted;
            memory = Some(anew);
        }
        let mut guardrails = self.rails();
        if self.bug == Some(Bug::NoRailsAreNoRules) {
            guardrails = guardrails.map(|read| Ok(read.unwrap_or_default()));
        }
        if let (Some(bug), Some(memory), Some(Ok(guardrails))) = (self.bug, &mut memory, &mut guardrails) {
            bug.keep_in(memory, guardrails);
        }
        let lease = match self.bug {
            Some(Bug::NoLease) => FoundLease::default(),
            _ => self.lease.borrow().clone(),
        };
        let orders = match self.bug {
            Some(Bug::HoldsAreAdvice) => Orders::default(),
            _ => self.orders.borrow().clone(),
        };
        let drifts = self.drifts.borrow().as_deref().map(|text| serde_json::from_str(text).unwrap());
        let drifts = drifts.unwrap_or_default();
        Ok(Kept { memory, lost: is_newer, guardrails, orders: Ok(orders), signers: None, lease, drifts })
    }

    async fn open_anew(&self) -> Result<Kept, StoreError> {
        self.format.set(0);
        Ok(Kept { memory: None, lost: true, ..self.open().await? })
    }

    async fn save_drifts(&self, drifts: &Drifts) -> Result<(), StoreError> {
        self.lives().await;
        *self.drifts.borrow_mut() = Some(serde_json::to_string(drifts).unwrap());
        Ok(())
    }

    async fn lease(&self, lease: &Lease) -> Result<u64, StoreError> {
        let mut found = self.notebook.lease.borrow_mut();
        found.version += 1;
        found.lease = Some(lease.clone());
        self.leases.borrow_mut().push((found.version, lease.clone()));
        Ok(if self.bug == Some(Bug::NoLease) { lease.over + 1 } else { found.version })
    }

    async fn leases(&self, since: u64) -> Result<Vec<(u64, Option<Lease>)>, StoreError> {
        let leases = self.leases.borrow();
        let since = leases.iter().filter(|(version, _)| *version > since);
        Ok(since.map(|(version, lease)| (*version, Some(lease.clone()))).collect())
    }

    async fn own(&self) -> Result<Own, StoreError> {
        Ok(self.own.borrow().clone())
    }

    async fn save_asked(&self, asked: Option<&Asked>) -> Result<(), StoreError> {
        self.lives().await;
        self.own.borrow_mut().asked = asked.cloned();
        Ok(())
    }

    async fn save_proof(&self, proof: &Proof) -> Result<(), StoreError> {
        self.lives().await;
        self.own.borrow_mut().proof = Some(proof.clone());
        Ok(())
    }

    async fn save_update(&self, state: &State) -> Result<(), StoreError> {
        self.lives().await;
        self.own.borrow_mut().state = Some(state.clone());
        Ok(())
    }

    async fn keep_before(&self) -> Result<(), StoreError> {
        self.lives().await;
        self.before.replace(self.text.borrow().clone());
        Ok(())
    }

    async fn forget_before(&self) -> Result<(), StoreError> {
        self.lives().await;
        self.before.replace(None);
        Ok(())
    }

    async fn save(&self, memory: &Memory) -> Result<(), StoreError> {
        self.lives().await;
        if self.saves.get() != self.seen.get() {
            self.note(format!("agent {} writes over what another one wrote", self.agent));
        }
        self.saves.set(self.saves.get() + 1);
        self.format.set(self.speaks.get());
        self.seen.set(self.saves.get());
        *self.text.borrow_mut() = Some(serde_json::to_string(memory).unwrap());
        Ok(())
    }
}
