//! A head that nobody trusted signed, and an annotated tag that speaks for it: where the account names a prefix, a tag below it
//! that points at exactly this commit and carries a good signature is worth as much as the commit's own.
//!
//! When a tag was made nobody knows, and it may have come long after its commit. So its key has to be valid now, and not when
//! the commit was first seen: a key that has run out makes no more tags. Not here: which tags there are ([`crate::git::tags`]);
//! the commits behind the head, for which no tag speaks.

use super::{
    judge,
    signed::{Signed, next},
    signers::{Distrust, SignedBy, Signers},
};
use crate::git::{
    Source,
    tags::{Prefix, Tag},
};
use jiff::Timestamp;
use manifests::id::CommitId;
use plan::{memory::Seal, quote::quote};

/// Which tags may speak for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// What their names begin with.
    pub prefix: Prefix,
    /// When they are looked at.
    pub now: Timestamp,
}

/// The lines that begin a signature, of each kind that git knows.
const BEGINNINGS: [&[u8]; 4] = [
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

/// Who signed a commit that was first seen then, or a tag that may speak for it.
pub(crate) async fn vouched<S: Source>(
    source: &S,
    signers: &Signers,
    tags: Option<&Tags>,
    commit: &CommitId,
    seen: Timestamp,
) -> Result<Seal, String> {
    let own = judge(source, signers, commit, seen).await;
    let (Err(why), Some(Tags { prefix, now })) = (&own, tags) else { return own };
    let found = source.tags(prefix, commit).await;
    let found = found.map_err(|error| format!("{why}, and whether a tag speaks for it can't be told: {error}"))?;
    let mut wrong = Vec::new();
    for tag in found {
        match of(&tag, commit, signers, *now) {
            Ok(by) => return Ok(Seal::Good { by: by.principals, key: by.fingerprint, tag: Some(tag.name) }),
            Err(distrust) => wrong.push(format!("of the tag `{}`, {distrust}", quote(&tag.name))),
        }
    }
    let none = || format!("no annotated tag `{prefix}*` points at it");
    Err(format!("{why}, and {}", if wrong.is_empty() { none() } else { wrong.join("; ") }))
}

/// Who signed a tag of this commit.
fn of(tag: &Tag, commit: &CommitId, signers: &Signers, now: Timestamp) -> Result<SignedBy, Distrust> {
    let signed = apart(tag, commit).map_err(Distrust::Ambiguous)?.ok_or(Distrust::Unsigned)?;
    signers.judge_signed(&signed, now)
}

/// Takes a tag's bytes apart; `None` when it carries no signature. git signs all that stands before the signature.
///
/// # Errors
/// When it is not this commit's, is called something else, or carries more than one signature.
fn apart(tag: &Tag, commit: &CommitId) -> Result<Option<Signed>, &'static str> {
    const ODD: &str = "is no tag as git writes one";
    let mut rest = tag.bytes.as_slice();
    let mut header = |name: &str| {
        let line = next(&mut rest).and_then(|line| line.strip_suffix(b"\n")).ok_or(ODD)?;
        line.strip_prefix(name.as_bytes()).ok_or(ODD)
    };
    let (object, kind, name) = (header("object ")?, header("type ")?, header("tag ")?);
    (header("tagger ")?, header("")?).1.is_empty().then_some(()).ok_or(ODD)?;
    if kind != b"commit" || object != commit.as_str().as_bytes() {
        return Err("does not point at the commit itself");
    }
    // Whoever may push can give a tag another name, and so another meaning.
    if name != tag.name.as_bytes() {
        return Err("was made under another name");
    }
    let mut signature = None;
    loop {
        let at = tag.bytes.len() - rest.len();
        let Some(line) = next(&mut rest) else { break };
        if BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) && signature.replace(at).is_some() {
            return Err("carries two signatures");
        }
    }
    let (payload, armour) = tag.bytes.split_at(signature.unwrap_or(tag.bytes.len()));
    Ok((!armour.is_empty()).then(|| Signed { payload: payload.to_owned(), armour: armour.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    const SSH: &str = "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n";

    fn tag(name: &str, message: &str) -> String {
        format!("object {COMMIT}\ntype commit\ntag {name}\ntagger A <a> 0 +0000\n\n{message}")
    }

    #[track_caller]
    fn check(bytes: &str, expect: Result<Option<(&str, &str)>, &str>) {
        let tag = Tag { name: "v1".into(), bytes: bytes.into() };
        let found = apart(&tag, &COMMIT.parse().unwrap());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let found = found.map(|signed| signed.map(|signed| (text(signed.payload), text(signed.armour))));
        let expect = expect.map(|signed| signed.map(|(payload, armour)| (payload.to_owned(), armour.to_owned())));
        assert_eq!(found, expect);
    }

    #[test]
    fn a_signature_is_what_stands_at_the_end_and_everything_before_it_was_signed() {
        let (bare, signed) = (tag("v1", "one\n"), tag("v1", &format!("one\n{SSH}")));
        check(&signed, Ok(Some((&bare, SSH))));
        check(&tag("v1", SSH), Ok(Some((&tag("v1", ""), SSH))));
        check(&bare, Ok(None));
        // In the middle of a line it is the message's own.
        check(&tag("v1", &format!("see {SSH}")), Ok(None));
    }

    #[test]
    fn a_tag_of_something_else_or_under_another_name_speaks_for_nothing() {
        let good = tag("v1", SSH);
        check(&tag("v2", SSH), Err("was made under another name"));
        check(&good.replace("object 4b", "object 5b"), Err("does not point at the commit itself"));
        check(&good.replace("type commit", "type tag"), Err("does not point at the commit itself"));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        let pgp = SSH.replace("SSH", "PGP");
        check(&tag("v1", &format!("{SSH}{SSH}")), Err("carries two signatures"));
        check(&tag("v1", &format!("{pgp}{SSH}")), Err("carries two signatures"));
        let odd = "is no tag as git writes one";
        check(&tag("v1", SSH).replace("tagger", "gpgsig-sha256 x\ntagger"), Err(odd));
        check(&tag("v1", SSH).replace("tagger A <a> 0 +0000\n", ""), Err(odd));
        check(&tag("v1", SSH).replace("+0000\n\n", "+0000\nencoding x\n\n"), Err(odd));
        check("tree x\n", Err(odd));
        check("", Err(odd));
    }
}
