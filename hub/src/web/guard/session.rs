//! What a browser keeps for somebody who signs in, and who is signed in, sealed with a key that this process made and nobody else
//! has. Whoever starts the hub anew has everybody sign in anew.
//!
//! Pure but for the key. Nothing of an issuer is kept: neither its tokens nor the code. Not here: asking the issuer
//! ([`super::oidc`]).

use super::{
    limits::make_room,
    role::{By, Role, Who},
};
use aws_lc_rs::{hmac, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// How long somebody may take to sign in, in seconds.
pub(super) const PATIENCE: i64 = 600;

/// The key.
#[derive(Debug)]
pub(super) struct Seal(hmac::Key);

/// There is no randomness on this machine.
#[derive(Debug, thiserror::Error)]
#[error("this machine gives no randomness")]
pub struct NoRandomness;

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) role: Role,
    /// When it ends.
    pub(super) until: i64,
}

/// Somebody who went to the issuer. It goes there and back with them, and says nothing without the browser that it was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errand {
    pub(super) id: String,
    /// Where they wanted to go.
    pub(super) to: String,
    pub(super) until: i64,
}

/// Something that nobody can guess, as text.
pub(super) fn random() -> Result<String, NoRandomness> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

impl Seal {
    /// A new one.
    pub(super) fn new() -> Result<Self, NoRandomness> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| NoRandomness)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// What only this process can make of these words. Each is told apart from the next by its length.
    fn tag(&self, words: &[&str]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for word in words {
            context.update(&(word.len() as u64).to_be_bytes());
            context.update(word.as_bytes());
        }
        context.sign()
    }

    /// The same, as text.
    pub(super) fn mark(&self, words: &[&str]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.tag(words))
    }

    /// Whether a text is the mark of these words; how long that takes says nothing about it.
    pub(super) fn is_mark(&self, mark: &str, words: &[&str]) -> bool {
        let shown = BASE64_URL_SAFE_NO_PAD.decode(mark).unwrap_or_default();
        aws_lc_rs::constant_time::verify_slices_are_equal(&shown, self.tag(words).as_ref()).is_ok()
    }

    /// A value that comes back as it was, or not at all. `what` it is and `whose` are part of the seal.
    pub(super) fn sealed<T: Serialize>(&self, (what, whose): (&str, &str), value: &T) -> String {
        let body = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default());
        let mark = self.mark(&[what, whose, &body]);
        format!("{body}.{mark}")
    }

    pub(super) fn opened<T: DeserializeOwned>(&self, (what, whose): (&str, &str), text: &str) -> Option<T> {
        let (body, mark) = text.split_once('.')?;
        if !self.is_mark(mark, &[what, whose, body]) {
            return None;
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }
}

/// What was used up before its time was over; of very many, not what is over soon.
#[derive(Debug, Default)]
pub(super) struct Spent(BTreeMap<String, i64>);

impl Spent {
    /// Uses it up; whether it was not yet.
    pub(super) fn spend(&mut self, id: &str, until: i64, now: Timestamp) -> bool {
        make_room(&mut self.0, now.as_second());
        self.0.insert(id.to_owned(), until).is_none()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }
}

impl Session {
    pub(super) fn of(who: &Who, id: String, until: i64) -> Self {
        Self { id, name: who.name.clone(), subject: who.subject.clone(), role: who.role.clone(), until }
    }

    pub(super) fn who(self) -> Who {
        Who { name: self.name, subject: self.subject, role: self.role, by: By::Session(self.id) }
    }
}

/// Cookies of a hub that is called by https, or on this machine without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jar {
    pub(super) is_secure: bool,
}

/// What is kept in a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who is signed in.
    Session,
    /// Which browser it is, while somebody signs in.
    Browser,
}

impl Jar {
    /// No other host can set a cookie whose name begins so (RFC 6265bis §4.1.3.2).
    fn name(self, kind: Kind) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        match kind {
            Kind::Session => format!("{prefix}holdfast"),
            Kind::Browser => format!("{prefix}holdfast-browser"),
        }
    }

    /// As a browser is told to keep it for so many seconds; of none, to forget it. Others' pages may lead here (Lax), which is how
    /// the issuer sends people back.
    pub(super) fn set(self, kind: Kind, value: &str, seconds: i64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name(kind);
        format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", seconds.max(0))
    }

    /// What a browser keeps, of everything that it sent.
    pub(super) fn get<'a>(self, kind: Kind, cookies: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let name = self.name(kind);
        let mut all = cookies.flat_map(|line| line.split(';'));
        all.find_map(|pair| pair.trim().split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::at;

    #[test]
    fn what_was_sealed_comes_back_as_it_was_or_not_at_all() {
        let (seal, other) = (Seal::new().unwrap(), Seal::new().unwrap());
        let errand = Errand { id: random().unwrap(), to: "/accounts?ring=a".into(), until: 7 };
        let text = seal.sealed(("errand", "ada"), &errand);
        let open = |seal: &Seal, what, whose, text: &str| seal.opened::<Errand>((what, whose), text);
        assert_eq!(open(&seal, "errand", "ada", &text), Some(errand.clone()));
        assert_eq!(open(&seal, "errand", "bob", &text), None);
        assert_eq!(open(&seal, "session", "ada", &text), None);
        assert_eq!(open(&other, "errand", "ada", &text), None);
        let (body, mark) = text.split_once('.').unwrap();
        let evil = Errand { to: "/quarantine".into(), ..errand };
        let forged = other.sealed(("errand", "ada"), &evil);
        let forged = forged.split_once('.').unwrap().0;
        for text in
            [&format!("{forged}.{mark}"), &format!("{body}."), body, "", ".", &format!("{body}.{}", &mark[..42])]
        {
            assert_eq!(open(&seal, "errand", "ada", text), None, "{text}");
        }
    }

    #[test]
    fn words_run_together_are_other_words() {
        let seal = Seal::new().unwrap();
        assert_ne!(seal.mark(&["ab", "c"]), seal.mark(&["a", "bc"]));
        assert!(seal.is_mark(&seal.mark(&["a"]), &["a"]) && !seal.is_mark("", &["a"]) && !seal.is_mark("%", &["a"]));
    }

    #[test]
    fn what_is_spent_is_spent_once() {
        let mut spent = Spent::default();
        assert!(spent.spend("a", 10, at(0)) && !spent.spend("a", 10, at(0)) && spent.has("a") && !spent.has("b"));
        for n in 0..20_000 {
            spent.spend(&n.to_string(), at(0).as_second() + n, at(0));
        }
        assert!(spent.0.len() <= 10_000 && spent.has("19999") && !spent.has("1"));
    }

    #[test]
    fn a_cookie_is_for_this_host_and_for_no_script() {
        let (jar, plain) = (Jar { is_secure: true }, Jar { is_secure: false });
        assert_eq!(
            jar.set(Kind::Session, "x", 60),
            "__Host-holdfast=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(plain.set(Kind::Browser, "", -5), "holdfast-browser=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let check = |lines: &[&'static str], expect: Option<&str>| {
            assert_eq!(jar.get(Kind::Session, lines.iter().copied()), expect, "{lines:?}");
        };
        check(&["a=b; __Host-holdfast=x.y; c=d"], Some("x.y"));
        check(&["a=b", "__Host-holdfast=x"], Some("x"));
        check(&["__Host-holdfast-browser=x", "holdfast=y", "=", ""], None);
    }
}
