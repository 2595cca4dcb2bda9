//! Which key is whose: before a report with a key that nobody knows is taken in, its account's signed request is shown to STS,
//! and what STS says is put on record. Once for each key; every report after that is checked here.
//!
//! A request that is too old, for another hub, or older than the one on record is not shown to anybody. When STS can't be asked,
//! the message stays on the queue and comes again. Of a sender that floods the queue the newest is kept, and a count (`fleet::quota`
//! says when it does). Not here: whether the report is then believed (`fleet::belief`).

use crate::{
    ingest::{Message, Said},
    keep::Keep,
    store::StoreError,
};
use fleet::{
    belief::{Enrolled, Policy, Record, is_newer, weigh},
    quota::{Came, Quota, Sender},
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use manifests::{
    id::AccountId,
    report::proof::{Proof, Request},
};
use std::collections::{BTreeMap, BTreeSet};

/// What STS says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Who signed it.
    Signed {
        /// Whose account that is in.
        account: String,
        /// Who, as STS names it.
        arn: String,
    },
    /// Nobody that it knows, or too long ago.
    Refused(String),
    /// It can't be asked at the moment.
    Unreachable(String),
}

/// Who can tell who signed a request.
pub trait Sts {
    /// Sends it as it is.
    fn ask(&self, request: &Request, proof: &Proof) -> impl Future<Output = Answer>;
}

/// Nobody to ask: for a hub without a topic of its own.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Sts for Nobody {
    async fn ask(&self, _: &Request, _: &Proof) -> Answer {
        Answer::Refused("this hub asks nobody".into())
    }
}

/// Sees to it who speaks: puts keys on record, and lets no sender take more than its share.
#[derive(Debug)]
pub struct Registrar<S> {
    /// Whom to ask.
    sts: S,
    /// What the hub goes by.
    policy: Policy,
    /// The names of the roles that may enrol a key; without any, whoever has credentials of the account.
    roles: BTreeSet<String>,
    /// How much of one sender is kept; `None`: all of it.
    quota: Option<Quota>,
    /// Keys that were on record when they were looked up. Another hub may have put newer ones there since: the store has the last
    /// word, and is asked again about any other key.
    known: BTreeMap<AccountId, Enrolled>,
    /// Until when STS is not asked, because it could not be, and why: nobody whose key is known waits for that.
    unreachable: Option<(Timestamp, String)>,
}

/// How long STS is left alone when it can't be reached.
const ALONE: SignedDuration = SignedDuration::from_secs(30);

/// More than any fleet has.
const ACCOUNTS: usize = 500_000;

/// How far a request's time may be from the hub's: as long as STS takes one.
const FRESH: SignedDuration = SignedDuration::from_mins(15);

/// What is to be made of a batch.
#[derive(Debug, Default)]
pub struct Sifted<'m> {
    /// What is kept.
    pub kept: Vec<Message<'m>>,
    /// Which of the batch come again, because STS could not be asked whose key that is.
    pub waiting: BTreeSet<usize>,
    /// Why it could not.
    pub why: Option<String>,
}

impl<S: Sts> Registrar<S> {
    /// Goes by this policy, and asks there; without roles, whoever has credentials of an account may enrol its key.
    pub fn new(sts: S, policy: Policy, roles: BTreeSet<String>, quota: Option<Quota>) -> Self {
        Self { sts, policy, roles, quota, known: BTreeMap::new(), unreachable: None }
    }

    /// The key of an account that is on record.
    fn known(&mut self, said: &Said, keep: &mut impl Keep) -> Result<Option<Enrolled>, StoreError> {
        let account = &said.event.data.account;
        let known = self.known.get(account);
        if let Some(known) = known.filter(|known| said.proof.as_ref().is_some_and(|proof| proof.key == known.key)) {
            return Ok(Some(known.clone()));
        }
        let found = keep.enrolled(account)?;
        if let Some(found) = &found {
            if self.known.len() >= ACCOUNTS {
                self.known.clear();
            }
            self.known.insert(account.clone(), found.clone());
        }
        Ok(found)
    }

    /// Puts on record what the hub goes by from here on, if that is another policy than before.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn begin(&self, keep: &mut impl Keep, now: Timestamp) -> Result<(), StoreError> {
        if keep.policy()? == self.policy { Ok(()) } else { keep.record(Record::Policy(self.policy.clone()), now) }
    }

    /// Sees to the keys of a batch, and to its senders' shares.
    ///
    /// # Errors
    /// When the record can't be read or kept.
    pub async fn sift<'m>(
        &mut self,
        messages: Vec<Message<'m>>,
        keep: &mut impl Keep,
        now: Timestamp,
    ) -> Result<Sifted<'m>, StoreError> {
        let (waiting, why) = self.enrol(&messages, keep, now).await?;
        let mut sifted = Sifted { kept: Vec::new(), waiting, why };
        let here = messages.into_iter().enumerate().filter(|(n, _)| !sifted.waiting.contains(n));
        let here: Vec<Message<'m>> = here.map(|(_, message)| message).collect();
        let senders = here.iter().map(|message| self.sender(message, keep)).collect::<Result<Vec<_>, _>>()?;
        let Some(quota) = &mut self.quota else {
            sifted.kept = here;
            return Ok(sifted);
        };
        let all: Vec<Came<'_>> = here.iter().zip(senders).map(|(message, sender)| came(message, sender, now)).collect();
        let keeps = quota.keeps(&all, now);
        sifted.kept = here.into_iter().zip(keeps).filter(|(_, is_kept)| *is_kept).map(|(message, _)| message).collect();
        self.count(keep, now, false)?;
        Ok(sifted)
    }

    /// Puts on record what was not kept.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn count(&mut self, keep: &mut impl Keep, now: Timestamp, at_the_end: bool) -> Result<(), StoreError> {
        let due: Vec<_> = self.quota.iter_mut().flat_map(|quota| quota.due(now, at_the_end)).collect();
        due.into_iter().try_for_each(|dropped| keep.record(Record::Dropped(dropped), now))
    }

    /// Sees to the keys of a batch. Answers which messages have to wait, and why.
    async fn enrol(
        &mut self,
        messages: &[Message<'_>],
        keep: &mut impl Keep,
        now: Timestamp,
    ) -> Result<(BTreeSet<usize>, Option<String>), StoreError> {
        if self.policy.hubs.is_empty() {
            // Nobody can prove anything to it: that is its policy, and no news.
            return Ok((BTreeSet::new(), None));
        }
        let mut new = Vec::new();
        for (n, message) in messages.iter().enumerate() {
            let Ok(said) = &message.said else { continue };
            let (Some(proof), account) = (&said.proof, &said.event.data.account) else { continue };
            let known = self.known(said, keep)?;
            if known.as_ref().is_some_and(|known| known.key == proof.key) {
                continue;
            }
            match self.offered(account, proof, known.as_ref(), now) {
                Ok((request, enrolled)) => new.push((n, proof, request, enrolled)),
                Err(why) => tracing::warn!(%account, key = %proof.key, why, "a key is not enrolled"),
            }
        }
        let still = self.unreachable.as_ref().filter(|(until, _)| now < *until).map(|(_, why)| why.clone());
        if let Some(why) = still {
            return Ok((new.iter().map(|(n, ..)| *n).collect(), Some(why)));
        }
        let asked = join_all(new.iter().map(|(_, proof, request, _)| self.sts.ask(request, proof))).await;
        let (mut waiting, mut waits) = (BTreeSet::new(), None);
        for ((n, _, _, enrolled), answer) in new.into_iter().zip(asked) {
            let (account, key) = (enrolled.account.clone(), enrolled.key);
            match self.believed(enrolled, answer) {
                Ok(enrolled) => {
                    tracing::info!(%account, %key, arn = enrolled.arn, "a key is enrolled");
                    keep.record(Record::Enrolled(enrolled), now)?;
                }
                Err(Doubt::Refused(why)) => tracing::warn!(%account, %key, why, "a key is not enrolled"),
                Err(Doubt::Unreachable(why)) => {
                    waiting.insert(n);
                    waits = Some(format!("STS can't be asked whose key that is: {why}"));
                }
            }
        }
        self.unreachable = waits.clone().map(|why| (now.checked_add(ALONE).unwrap_or(now), why));
        Ok((waiting, waits))
    }

    /// Whose share a message is taken from: an account's, if it is believed.
    fn sender(&mut self, message: &Message<'_>, keep: &mut impl Keep) -> Result<Sender, StoreError> {
        let Ok(said) = &message.said else { return Ok(None) };
        let (account, known) = (&said.event.data.account, self.known(said, keep)?);
        let believed = weigh(said.proof.as_ref(), account, known.as_ref(), &self.policy);
        Ok(believed.ok().map(|proven| (account.clone(), proven)))
    }

    /// The request in a proof, and what it would put on record.
    fn offered(
        &self,
        account: &AccountId,
        proof: &Proof,
        known: Option<&Enrolled>,
        now: Timestamp,
    ) -> Result<(Request, Enrolled), String> {
        if !self.policy.hubs.contains(&proof.hub) {
            return Err(format!("it is for another hub: {:.80}", proof.hub));
        }
        if !fits(&proof.id, 128) || proof.session.as_deref().is_some_and(|session| !fits(session, 8_192)) {
            return Err("its access key or session token is none".into());
        }
        let request = Request::new(&proof.hub, &proof.key, &proof.at, proof.session.as_deref());
        let (request, at) = request.zip(time(&proof.at)).ok_or("its request is none that could be sent to STS")?;
        let age = now.duration_since(at);
        if age.abs() > FRESH {
            return Err(format!("its request was signed at {at}, and STS takes none that is more than 15 minutes off"));
        }
        let enrolled = Enrolled { account: account.clone(), key: proof.key, arn: String::new(), at };
        if !is_newer(&enrolled, known) {
            return Err("it was proven before the one on record".into());
        }
        Ok((request, enrolled))
    }

    /// What STS's answer puts on record.
    fn believed(&self, enrolled: Enrolled, answer: Answer) -> Result<Enrolled, Doubt> {
        let (account, arn) = match answer {
            Answer::Signed { account, arn } => (account, arn),
            Answer::Refused(why) => return Err(Doubt::Refused(format!("STS: {why}"))),
            Answer::Unreachable(why) => return Err(Doubt::Unreachable(why)),
        };
        if account != enrolled.account.as_str() {
            return Err(Doubt::Refused(format!("STS says that {arn} of {account} signed its request")));
        }
        if !self.roles.is_empty() && !role(&arn).is_some_and(|role| self.roles.contains(role)) {
            return Err(Doubt::Refused(format!("{arn} has none of the roles that may enrol one")));
        }
        Ok(Enrolled { arn, ..enrolled })
    }
}

/// What a quota goes by.
fn came<'a>(message: &'a Message<'_>, sender: Sender, now: Timestamp) -> Came<'a> {
    let number = message.said.as_ref().ok().map(|said| (said.event.data.epoch.as_str(), said.event.data.sequence));
    Came { sender, number: number.unwrap_or_default(), sent: message.sent.unwrap_or(now) }
}

/// Whether a text can stand in a header of a request.
fn fits(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// Why a key is not on record.
enum Doubt {
    Refused(String),
    Unreachable(String),
}

/// `20260501T120000Z`.
fn time(text: &str) -> Option<Timestamp> {
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The role in `arn:aws:sts::111111111111:assumed-role/<role>/<session>`.
fn role(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, what) = (parts.next()?, parts.nth(2)?);
    what.strip_prefix("assumed-role/").filter(|_| service == "sts")?.split('/').next()
}

#[cfg(test)]
pub(crate) mod tests;
