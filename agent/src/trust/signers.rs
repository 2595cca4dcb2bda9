//! Who may sign: a file in OpenSSH's format of allowed signers (ssh-keygen(1), "ALLOWED SIGNERS"), the same that
//! `git verify-commit` reads. Among its lines may stand public keys of OpenPGP ([`super::openpgp`]).
//!
//! A line that can't be honoured in full (a certificate authority, a kind of key that is not verified here, an option that
//! OpenSSH learned after us) is an error and never skipped: whoever wrote it meant something by it.

use super::{
    kinds::{is_hardware, verified},
    openpgp::{self, Keyring},
    signed::{Signed, apart},
};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use manifests::id::Digest;
use ssh_key::{HashAlg, PublicKey, SshSig};
use std::collections::BTreeSet;

/// The namespace in which git signs.
const NAMESPACE: &str = "git";

/// The namespace in which documents about trust are signed: a signature on a commit is none on a document, nor the other way.
pub(crate) const DOCUMENTS: &str = "holdfast";

/// Everybody who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    ssh: Vec<Signer>,
    openpgp: Keyring,
    digest: Digest,
}

/// One line: whose key it is, for what and when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signer {
    principals: String,
    namespaces: Option<Vec<String>>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    key: PublicKey,
}

/// Who signed a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// As the file of signers names them.
    pub principals: String,
    /// The key, as `ssh-keygen -l` prints it, or gpg.
    pub fingerprint: String,
}

/// Why a commit's signature is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is none.
    #[error("nobody signed it")]
    Unsigned,
    /// It can't be read, or can be read in more than one way.
    #[error("it {0}")]
    Ambiguous(&'static str),
    /// It is no SSH signature.
    #[error("its signature is not one of SSH ({0})")]
    Unreadable(String),
    /// It is one of OpenPGP that does not count.
    #[error("its signature of OpenPGP {0}")]
    OpenPgp(String),
    /// It was made for something else.
    #[error("its signature was made for `{0}`, which is another use")]
    Namespace(String),
    /// The key is nobody's who may sign.
    #[error("it is signed with the key {0}, which is not among those of the signers")]
    Unknown(String),
    /// The key may not sign at this time.
    #[error("it is signed by {by}, whose key {fingerprint} was not valid when the commit was first seen ({seen:.0})")]
    Untimely {
        /// Whose.
        by: String,
        /// Which.
        fingerprint: String,
        /// When.
        seen: Timestamp,
    },
    /// The key may not sign for this use.
    #[error("it is signed by {by}, whose key may not sign for `{namespace}`")]
    OtherUse {
        /// Whose.
        by: String,
        /// The use.
        namespace: String,
    },
    /// It is a signature of something else.
    #[error("it is not what {by} signed: it was changed, or the signature is another's")]
    Tampered {
        /// Whose key it names.
        by: String,
    },
    /// A hardware key signed without anybody touching it.
    #[error("it is signed with {by}'s hardware key, which nobody touched")]
    Untouched {
        /// Whose.
        by: String,
    },
}

impl Signers {
    /// Reads a file of allowed signers.
    ///
    /// # Errors
    /// The first line that can't be honoured, with its number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut ssh, mut openpgp) = (Vec::new(), Keyring::default());
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let line = line.trim();
            let wrong = |why: String| format!("line {}: {why}", number + 1);
            if line == openpgp::BEGIN {
                openpgp.take(lines.by_ref().map(|(_, line)| line)).map_err(wrong)?;
            } else if line.starts_with("-----BEGIN ") {
                return Err(wrong(openpgp::OTHER.into()));
            } else if !line.is_empty() && !line.starts_with('#') {
                ssh.push(signer(line).map_err(wrong)?);
            }
        }
        if ssh.is_empty() && openpgp.is_empty() {
            return Err("nobody is in it".into());
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let digest = Digest::of(lines.collect::<Vec<_>>().join("\n").as_bytes());
        Ok(Self { ssh, openpgp, digest })
    }

    /// The digest of all that the file says: a remark in it says nothing.
    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many people have keys for SSH, however many each has.
    pub(crate) fn people(&self) -> usize {
        self.ssh.iter().map(|signer| &signer.principals).collect::<BTreeSet<_>>().len()
    }

    /// Those who can vouch for a document at that time, as the file names them, each once: they have keys for SSH that are
    /// valid and may be used so.
    pub(crate) fn vouching(&self, seen: Timestamp) -> Vec<&str> {
        let able = |signer: &&Signer| signer.is_for(DOCUMENTS) && signer.is_valid(seen);
        let mut all: Vec<&str> = self.ssh.iter().filter(able).map(|signer| signer.principals.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Everybody, as the file names them, each once.
    pub fn principals(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.ssh.iter().map(|signer| signer.principals.as_str()).collect();
        all.extend(self.openpgp.principals());
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The same without keys that the account's own list has and does not let sign at that time.
    pub(crate) fn without_barred(mut self, list: &Self, seen: Timestamp) -> Self {
        let barred = |signer: &Signer| {
            let mut lines = list.ssh.iter().filter(|line| line.key.key_data() == signer.key.key_data()).peekable();
            lines.peek().is_some() && !lines.any(|line| line.is_valid(seen))
        };
        self.ssh.retain(|signer| !barred(signer));
        self
    }

    /// Who signed these bytes of a commit, which was first seen at that time: a date in a commit is its author's to choose.
    ///
    /// # Errors
    /// Why it can't be trusted.
    pub fn judge(&self, commit: &[u8], seen: Timestamp) -> Result<SignedBy, Distrust> {
        self.judge_signed(&apart(commit).map_err(Distrust::Ambiguous)?.ok_or(Distrust::Unsigned)?, seen)
    }

    /// The same of what was signed, and the signature on it.
    pub(super) fn judge_signed(&self, signed: &Signed, seen: Timestamp) -> Result<SignedBy, Distrust> {
        if openpgp::is_signature(&signed.armour) {
            return self.openpgp.judge(signed, seen);
        }
        self.vouched(NAMESPACE, (&signed.payload, &signed.armour), seen)
    }

    /// Who signed these bytes with SSH for this use, at that time. (OpenPGP knows no uses: with a signature on a commit it
    /// could vouch for anything.)
    ///
    /// # Errors
    /// Why the signature can't be trusted.
    pub(crate) fn vouched(
        &self,
        namespace: &str,
        (payload, armour): (&[u8], &[u8]),
        seen: Timestamp,
    ) -> Result<SignedBy, Distrust> {
        let armour = armour.trim_ascii();
        let unreadable = |error: &dyn std::fmt::Display| Distrust::Unreadable(plan::quote::quote(&error.to_string()));
        let signature = SshSig::from_pem(armour).map_err(|error| unreadable(&error))?;
        if signature.namespace() != namespace {
            return Err(Distrust::Namespace(plan::quote::quote(signature.namespace())));
        }
        let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
        let whose: Vec<&Signer> =
            self.ssh.iter().filter(|signer| signer.key.key_data() == signature.public_key()).collect();
        let Some(first) = whose.first() else { return Err(Distrust::Unknown(fingerprint)) };
        let by = first.principals.clone();
        if first.key.verify(namespace, payload, &signature).is_err() {
            return Err(Distrust::Tampered { by });
        }
        if !is_touched(&signature) {
            return Err(Distrust::Untouched { by });
        }
        let fit: Vec<&&Signer> = whose.iter().filter(|signer| signer.is_for(namespace)).collect();
        if fit.is_empty() {
            return Err(Distrust::OtherUse { by, namespace: namespace.to_owned() });
        }
        match fit.iter().find(|signer| signer.is_valid(seen)) {
            Some(signer) => Ok(SignedBy { principals: signer.principals.clone(), fingerprint }),
            None => Err(Distrust::Untimely { by, fingerprint, seen }),
        }
    }
}

impl Signer {
    fn is_for(&self, namespace: &str) -> bool {
        let allowed = |patterns: &Vec<String>| patterns.iter().any(|pattern| matches(pattern, namespace));
        self.namespaces.as_ref().is_none_or(allowed)
    }

    fn is_valid(&self, seen: Timestamp) -> bool {
        self.after.is_none_or(|after| after <= seen) && self.before.is_none_or(|before| seen < before)
    }
}

/// A hardware key says with its signature whether somebody touched it (FIDO's user presence): flags and a counter stand at
/// the signature's end.
fn is_touched(signature: &SshSig) -> bool {
    let bytes = signature.signature().as_bytes();
    let touched = || bytes.len().checked_sub(5).and_then(|at| bytes.get(at)).is_some_and(|flags| flags & 1 == 1);
    !is_hardware(&signature.algorithm()) || touched()
}

/// One line of the file.
fn signer(line: &str) -> Result<Signer, String> {
    let words = words(line)?;
    let mut words = words.iter();
    let principals = words.next().ok_or("there is no name")?;
    let (mut namespaces, mut after, mut before) = (None, None, None);
    let mut word = words.next().ok_or("there is no key")?;
    if !is_kind(word) {
        for option in options(word) {
            let (name, value) = option.split_once('=').map_or((option.as_str(), ""), |(name, value)| (name, value));
            match name.to_ascii_lowercase().as_str() {
                "namespaces" => namespaces = Some(value.split(',').map(ToOwned::to_owned).collect()),
                "valid-after" => after = Some(moment(value)?),
                "valid-before" => before = Some(moment(value)?),
                "cert-authority" => return Err("certificates are not verified here: name the signers' own keys".into()),
                other => return Err(format!("the option `{}` is not known here", plan::quote::quote(other))),
            }
        }
        word = words.next().ok_or("there is no key")?;
    }
    let text = words.next().ok_or("there is no key")?;
    let key = PublicKey::from_openssh(&format!("{word} {text}"))
        .map_err(|error| format!("the key can't be read: {error}"))?;
    verified(&key)?;
    Ok(Signer { principals: principals.clone(), namespaces, after, before, key })
}

fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| word.starts_with(kind))
}

/// Words, of which those in quotes may hold spaces.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if quoted {
        return Err("a quotation has no end".into());
    }
    words.extend((!word.is_empty()).then_some(word));
    Ok(words)
}

/// `a="b,c",d` as `a=b,c` and `d`.
fn options(word: &str) -> Vec<String> {
    let (mut all, mut one, mut quoted) = (Vec::new(), String::new(), false);
    for c in word.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut one)),
            c => one.push(c),
        }
    }
    all.push(one);
    all
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without `Z`. OpenSSH reads one without in the machine's own zone,
/// which for an agent would be another one in each account: here it is UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    let wrong = || format!("`{}` is no time such as 20261224 or 202612241800Z", plan::quote::quote(text));
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || ![8, 12, 14].contains(&digits.len()) {
        return Err(wrong());
    }
    let digits = format!("{digits:0<14}");
    let read = DateTime::strptime("%Y%m%d%H%M%S", &digits).map_err(|_| wrong())?;
    read.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

/// OpenSSH's patterns: `*` is any text, `?` any character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = text.chars();
    let mut pattern = pattern.chars();
    while let Some(wanted) = pattern.next() {
        match wanted {
            '*' => {
                let after = pattern.as_str();
                return (0..=rest.as_str().len())
                    .any(|at| rest.as_str().get(at..).is_some_and(|rest| matches(after, rest)));
            }
            '?' if rest.next().is_some() => {}
            '?' => return false,
            wanted if rest.next() != Some(wanted) => return false,
            _ => {}
        }
    }
    rest.next().is_none()
}
