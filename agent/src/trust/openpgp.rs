//! Who may sign with OpenPGP: armoured blocks of public keys among the lines of the list of signers, as `gpg --armor --export`
//! writes them.
//!
//! A feature of the build (`openpgp`), because it takes more code than everything else about trust together. Without it such
//! a block and such a signature are refused, each by a sentence that names the feature. Not here: what holds of a key and of
//! a signature ([`certificate`]).

use super::{
    signed::Signed,
    signers::{Distrust, SignedBy},
};
use jiff::Timestamp;

#[cfg(feature = "openpgp")]
mod certificate;

#[cfg(not(feature = "openpgp"))]
use without as certificate;

/// The line with which a block of the list begins.
pub(super) const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
/// What there is to say of a block of anything else.
pub(super) const OTHER: &str = "only blocks of public keys may stand here, as `gpg --armor --export` writes them";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// The keys of everybody who may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keyring(Vec<certificate::Certificate>);

impl Keyring {
    /// Whether nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose keys they are.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|certificate| certificate.by())
    }

    /// Takes in a block, of which the first line was read already.
    ///
    /// # Errors
    /// When it can't be honoured in full.
    pub(super) fn take<'t>(&mut self, lines: impl Iterator<Item = &'t str>) -> Result<(), String> {
        let mut block = format!("{BEGIN}\n");
        for line in lines {
            block.push_str(line.trim());
            block.push('\n');
            if line.trim() == END {
                let certificate = certificate::read(&block)?;
                if self.0.iter().any(|other| other.is_same(&certificate)) {
                    return Err("the key stands in the list twice, and only one of the two can be meant".into());
                }
                self.0.push(certificate);
                return Ok(());
            }
        }
        Err("the block of a public key has no end".into())
    }

    /// Who signed these bytes.
    pub(super) fn judge(&self, signed: &Signed, seen: Timestamp) -> Result<SignedBy, Distrust> {
        certificate::judge(&self.0, signed, seen)
    }
}

/// Whether that is what an armoured signature is one of.
pub(super) fn is_signature(armour: &[u8]) -> bool {
    armour.starts_with(SIGNATURE)
}

/// What a build without the feature knows of it.
#[cfg(not(feature = "openpgp"))]
mod without {
    use super::{Distrust, Signed, SignedBy, Timestamp};

    const WHY: &str = "which this build does not verify: one with the cargo feature `openpgp` does";

    /// There is none.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) enum Certificate {}

    impl Certificate {
        pub(super) fn by(&self) -> &str {
            match *self {}
        }

        pub(super) fn is_same(&self, _: &Self) -> bool {
            match *self {}
        }
    }

    pub(super) fn read(_: &str) -> Result<Certificate, String> {
        Err(format!("this is a key of OpenPGP, {WHY}"))
    }

    pub(super) fn judge(_: &[Certificate], _: &Signed, _: Timestamp) -> Result<SignedBy, Distrust> {
        Err(Distrust::OpenPgp(format!("is one {WHY}")))
    }
}
