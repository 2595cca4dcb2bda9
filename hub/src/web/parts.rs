//! What those are shown who may see some accounts and no others: a store of these alone, made anew when there is something new.
//!
//! Not here: who that is ([`super::guard`]), and what such a store is made of ([`Store::excerpt`]).

use super::{guard::part::Part, locked};
use crate::store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// How many are kept; of more, those that were asked for last.
const KEPT: usize = 16;

/// So long one is shown although there is something new, at least: as often as a live page asks, many do.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// And at least so many times as long as it took to make.
const SHARE: i32 = 10;

/// Stores of some accounts.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<BTreeMap<Part, Made>>);

/// What there was when one was made: how far the journal was read, the list of accounts, and what people were told.
type Seen = (u64, Option<String>, (i64, Option<i64>, u64));

#[derive(Debug)]
struct Made {
    store: Arc<Mutex<Store>>,
    seen: Seen,
    /// Not anew before.
    until: Timestamp,
    asked: Timestamp,
}

impl Made {
    /// Whether it may be shown. Who may see an account by the list is to be so at once.
    fn is_good(&self, seen: &Seen, now: Timestamp) -> bool {
        self.seen == *seen || (self.seen.1 == seen.1 && now < self.until)
    }
}

impl Parts {
    /// The store of these accounts, by what `whole` says now.
    pub(super) fn of(
        &self,
        part: &Part,
        whole: &Mutex<Store>,
        clock: fn() -> Timestamp,
    ) -> Result<Arc<Mutex<Store>>, StoreError> {
        let (mut all, now) = (locked(&self.0), clock());
        let whole = locked(whole);
        let seen = (whole.mark()?, whole.listed()?, whole.last_alert()?);
        if let Some(made) = all.get_mut(part).filter(|made| made.is_good(&seen, now)) {
            made.asked = now;
            return Ok(Arc::clone(&made.store));
        }
        let store = Arc::new(Mutex::new(whole.excerpt(|labels| part.has(labels), now)?));
        let took = clock().duration_since(now).max(SignedDuration::ZERO);
        let until = now.checked_add((took * SHARE).max(FRESH)).unwrap_or(now);
        all.insert(part.clone(), Made { store: Arc::clone(&store), seen, until, asked: now });
        while all.len() > KEPT {
            let oldest = all.iter().min_by_key(|(_, made)| made.asked).map(|(part, _)| part.clone());
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        Ok(store)
    }
}
