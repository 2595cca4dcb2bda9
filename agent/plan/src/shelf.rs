//! What lies in the account's artifact bucket under our own prefix: where it is put, and what of it may go.
//!
//! Everything is named by the digest of what it was made of, so nothing is ever put in another's place. Not here: how
//! something gets there, and when somebody looks.

use crate::{
    facts::Found,
    select::{Account, Selected},
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use jiff::{SignedDuration, Timestamp};
use manifests::id::{AccountId, Digest, Region};

/// How long is a day: nothing is looked for more often.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The account's own rules for its artifact bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The bucket's name, in which `{account}` and `{region}` stand for the stack's.
    pub bucket: String,
    /// The name of the installation: what others put there is never touched.
    pub owner: String,
    /// How old an object has to be before it may go, when nothing uses it.
    pub unused: SignedDuration,
}

/// One bucket, as a call needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shelf {
    /// Its name.
    pub bucket: String,
    /// The region that it is in.
    pub region: Region,
    /// The account that it has to belong to: a bucket of that name that somebody else made gets nothing.
    pub owner: AccountId,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// When it was put there last.
    pub at: Timestamp,
}

impl Rules {
    /// The bucket for a stack in a region. One whose name is the same in every region is at home.
    pub fn shelf(&self, account: &Account, region: &Region) -> Shelf {
        let (id, regional) = (account.id.to_string(), self.bucket.contains("{region}"));
        Shelf {
            bucket: self.bucket.replace("{account}", &id).replace("{region}", region.as_ref()),
            region: if regional { region.clone() } else { account.home.clone() },
            owner: account.id.clone(),
        }
    }

    /// What every key of ours begins with.
    pub fn prefix(&self) -> String {
        format!("holdfast/{}/", self.owner)
    }

    /// Where a template is put that was made of this.
    pub fn template(&self, digest: &Digest) -> String {
        format!("{}templates/{digest}", self.prefix())
    }

    /// Where a packed folder or file is put.
    pub fn artifact(&self, digest: &Digest) -> String {
        format!("{}artifacts/{digest}.zip", self.prefix())
    }

    /// Since when an object that is used now has to be there; an older one is put there anew, so that it is not the next
    /// to go when it is used no longer.
    pub fn fresh(&self, now: Timestamp) -> Timestamp {
        before(now, self.unused / 2)
    }

    /// The objects that may go: old enough, of a kind that we put there, and used by nothing.
    pub fn unused<'a>(&self, listed: &'a [Object], used: &BTreeSet<String>, now: Timestamp) -> Vec<&'a str> {
        let oldest = before(now, self.unused);
        let ours = |key: &str| {
            let rest = key.strip_prefix(&self.prefix()).unwrap_or_default();
            let template = rest.strip_prefix("templates/");
            let artifact = || rest.strip_prefix("artifacts/").and_then(|rest| rest.strip_suffix(".zip"));
            template.or_else(artifact).is_some_and(is_digest)
        };
        let may = |object: &&Object| ours(&object.key) && object.at < oldest && !used.contains(&object.key);
        listed.iter().filter(may).map(|object| object.key.as_str()).collect()
    }
}

/// Whether it is time to look for what is unused.
pub fn is_due(swept: Option<Timestamp>, now: Timestamp) -> bool {
    swept.is_none_or(|swept| now.duration_since(swept) >= DAY)
}

/// Every object that something refers to, or `None` while that can't be told: a listing is incomplete, or a wanted stack is
/// not known to its last file. `open` is whether any change is being made or may still be.
pub fn used(rules: &Rules, selected: &Selected, found: &Found, open: bool) -> Option<BTreeSet<String>> {
    let known = selected.wanted.values().all(|wanted| wanted.template.is_ok());
    if open || !known || !selected.complete || !selected.broken.is_empty() || !found.unreadable.is_empty() {
        return None;
    }
    let wanted = selected.wanted.values().flat_map(|wanted| wanted.objects.iter().cloned());
    let prefix = rules.prefix();
    let values = found.stacks.values().flat_map(|stack| stack.parameters.values());
    Some(wanted.chain(values.flat_map(|value| keys(value, &prefix))).collect())
}

/// The keys of ours that a parameter's value speaks of, as a whole or in a URL.
fn keys<'a>(value: &'a str, prefix: &'a str) -> impl Iterator<Item = String> + 'a {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    value.match_indices(prefix).map(move |(at, _)| value[at..].chars().take_while(|c| fits(*c)).collect())
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn before(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_sub(time).unwrap_or(Timestamp::MIN)
}
