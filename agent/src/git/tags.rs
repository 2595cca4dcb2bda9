//! Annotated tags that point at one commit: as git stores them, below a prefix that the account names.
//!
//! Not here: whether one is signed, and by whom ([`crate::trust`]). A tag that only stands for a commit (a lightweight one) has
//! no object of its own and nothing to sign, so it is none here.

use super::{
    error::{Fault, FetchError, ReadError, cause},
    tree::{object, size},
};
use gix::{ObjectId, Repository, objs::Kind};
use std::{fmt, str::FromStr};

/// The most tags of one commit that are looked at: whoever may push may make any number.
const MOST: usize = 64;

/// The most bytes of one tag.
const BYTES: u64 = 1 << 20;

/// An annotated tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What the reference is called that points at it, without `refs/tags/`.
    pub name: String,
    /// The object's own bytes.
    pub bytes: Vec<u8>,
}

/// What the names of the tags that count begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = format!("refs/tags/{text}x");
        match gix::validate::reference::name(name.as_str().into()) {
            Ok(_) if !text.is_empty() && !text.starts_with('/') => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err("is no beginning of a tag's name, such as `release-`"),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Prefix {
    /// A pattern that the references below it match.
    pub(super) fn pattern(&self) -> String {
        format!("refs/tags/{}*", self.0)
    }

    /// A reference's name without `refs/tags/`, if it is below the prefix. A name that is no text is no name of a tag that
    /// anybody could be told of.
    pub(super) fn name(&self, reference: &[u8]) -> Option<String> {
        let name = str::from_utf8(reference).ok()?.strip_prefix("refs/tags/")?;
        name.starts_with(&self.0).then(|| name.to_owned())
    }

    /// # Errors
    /// When there are more than are looked at.
    pub(super) fn bounded<T>(&self, found: Vec<T>) -> Result<Vec<T>, FetchError> {
        if found.len() <= MOST {
            return Ok(found);
        }
        let message = format!("more than {MOST} tags `{self}*` point at one commit");
        Err(FetchError::new(Fault::TooMuch, message).hint("delete those that nobody needs"))
    }
}

/// The annotated tags of a repository on this machine that point at a commit.
pub(super) fn local(repository: &Repository, prefix: &Prefix, commit: ObjectId) -> Result<Vec<Tag>, ReadError> {
    let broken = |error: &(dyn std::error::Error + 'static)| ReadError::Broken(cause(error));
    let references = repository.references().map_err(|error| broken(&error))?;
    let mut found = Vec::new();
    for reference in references.prefixed(&*format!("refs/tags/{prefix}")).map_err(|error| broken(&error))? {
        let reference = reference.map_err(|error| ReadError::Broken(super::error::one_line(&error.to_string())))?;
        let (Some(name), Some(id)) = (prefix.name(reference.name().as_bstr()), reference.try_id()) else { continue };
        let header = repository.find_header(id).map_err(|error| broken(&error))?;
        if header.kind() == Kind::Tag {
            found.extend(read(repository, name, id.detach())?.filter(|tag| points_at(tag, commit)));
        }
    }
    prefix.bounded(found).map_err(|error| ReadError::Local(error.message))
}

/// A tag that is here; none if it is larger than any that a person makes.
pub(super) fn read(repository: &Repository, name: String, id: ObjectId) -> Result<Option<Tag>, ReadError> {
    if size(repository, id)? > BYTES {
        return Ok(None);
    }
    Ok(Some(Tag { name, bytes: object(repository, id, Kind::Tag)? }))
}

/// Whether its first line says so.
fn points_at(tag: &Tag, commit: ObjectId) -> bool {
    tag.bytes.starts_with(format!("object {commit}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        assert_eq!(text.parse::<Prefix>().is_ok(), expect, "{text}");
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_name() {
        check("release-", true);
        check("release/", true);
        check("v", true);
        for text in ["", "/", "*", "v*", "a b", "a..", "a:b", "-\n"] {
            check(text, false);
        }
    }

    #[test]
    fn only_tags_below_it_have_a_name() {
        let prefix: Prefix = "v".parse().unwrap();
        assert_eq!(prefix.name(b"refs/tags/v1").as_deref(), Some("v1"));
        for other in [&b"refs/tags/w1"[..], b"refs/heads/v1", b"refs/tags/v\xff", b"v1"] {
            assert_eq!(prefix.name(other), None);
        }
    }
}
