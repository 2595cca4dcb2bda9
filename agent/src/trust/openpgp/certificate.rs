//! What holds of an OpenPGP key that stands in the account's list, and of a signature that claims to be by it.
//!
//! Stricter than gpg where the two differ. A block has to be understood whole. What a key says of itself counts by the newest
//! of its own signatures, made with SHA-256 or stronger. A key or subkey that carries a revocation is no longer good for
//! anything new, whenever that says it was made: the date is its author's to choose. The time at which a signature says that
//! it was made counts for nothing either. Not here: webs of trust; who is trusted is who stands in the list.

use super::{Distrust, Signed, SignedBy, Timestamp};
use pgp::{
    armor::{BlockType, Dearmor},
    composed::{Deserializable, SignedPublicKey, SignedPublicSubKey},
    crypto::hash::HashAlgorithm,
    packet::{Packet, PacketParser, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData},
    ser::Serialize,
    types::{
        EcdsaPublicParams, EddsaLegacyPublicParams, Fingerprint, KeyDetails, KeyId, KeyVersion, PublicParams, Tag,
        VerifyingKey,
    },
};
use plan::quote::quote;
use std::io::BufReader;

/// The most bytes of an armoured signature: one of RSA with 4096 bits has less than a thousand.
const MOST: usize = 16 << 10;

/// The least bits of an RSA key.
const RSA: u16 = 3072;

/// A key with its subkeys, of which at least one may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    by: String,
    fingerprint: String,
    keys: Vec<Key>,
}

/// One key of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    fingerprint: Fingerprint,
    id: KeyId,
    half: Half,
    signs: bool,
    revoked: bool,
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Half {
    Primary(PublicKey),
    Sub(PublicSubkey),
}

impl Certificate {
    pub(super) fn by(&self) -> &str {
        &self.by
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

/// Reads one block of a public key.
///
/// # Errors
/// When it can't be honoured in full, in a sentence.
pub(super) fn read(block: &str) -> Result<Certificate, String> {
    let unreadable = |why: String| format!("the block of a public key can't be read: {}", quote(&why));
    let packets = packets(block, &BlockType::PublicKey).map_err(unreadable)?;
    let mut all = SignedPublicKey::from_packets(packets.into_iter().map(Ok).peekable());
    let key = all.next().ok_or("the block holds no key")?.map_err(|error| unreadable(error.to_string()))?;
    if all.next().is_some() {
        return Err("the block holds more than one key: give each a block of its own".into());
    }
    let primary = &key.primary_key;
    if primary.version() != KeyVersion::V4 {
        return Err("only keys of OpenPGP's version 4 are verified here, which are what gpg makes".into());
    }
    verified(primary.public_params())?;
    let own = own(&key);
    let newest = newest(own.iter().map(|(_, signature)| *signature));
    let newest = newest.ok_or("nothing that the key says of itself can be verified with SHA-256 or stronger")?;
    let until = until(primary, newest);
    let revoked = !key.details.revocation_signatures.is_empty();
    let signs = newest.key_flags().sign();
    let mut keys = vec![Key::of(primary, Half::Primary(primary.clone()), signs, revoked, until)];
    keys.extend(key.public_subkeys.iter().filter_map(|sub| subkey(primary, sub, revoked, until)));
    if !keys.iter().any(|key| key.signs) {
        return Err("the block holds no key that may sign and is of a kind that is verified here".into());
    }
    let fingerprint = upper(&primary.fingerprint());
    let name = own.iter().find_map(|(name, _)| *name);
    Ok(Certificate { by: name.map_or_else(|| fingerprint.clone(), quote), fingerprint, keys })
}

/// Who signed these bytes.
pub(super) fn judge(all: &[Certificate], signed: &Signed, seen: Timestamp) -> Result<SignedBy, Distrust> {
    let signature = signature(&signed.armour)?;
    let (prints, ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
    let is_named = |key: &Key| prints.contains(&&key.fingerprint) || ids.contains(&&key.id);
    let named = all.iter().flat_map(|one| one.keys.iter().filter(|key| is_named(key)).map(move |key| (one, key)));
    let named: Vec<(&Certificate, &Key)> = named.collect();
    let Some((first, _)) = named.first() else {
        let name = prints.first().map(|print| upper(print)).or_else(|| ids.first().map(|id| id.to_string()));
        return Err(Distrust::Unknown(name.unwrap_or_else(|| "of somebody unnamed".into())));
    };
    let made = named.iter().find(|(_, key)| key.verify(&signature, &signed.payload));
    let Some((Certificate { by, fingerprint, .. }, key)) = made else {
        return Err(Distrust::Tampered { by: first.by.clone() });
    };
    let (by, fingerprint) = (by.clone(), fingerprint.clone());
    if key.revoked {
        return Err(Distrust::OpenPgp(format!("is by {by}, whose key {fingerprint} was revoked")));
    }
    if !key.signs {
        return Err(Distrust::OpenPgp(format!("is by {by}, whose key {fingerprint} may not sign")));
    }
    if key.until.is_some_and(|until| until <= seen) {
        return Err(Distrust::Untimely { by, fingerprint, seen });
    }
    if lasts(&signature).is_some_and(|until| until <= seen) {
        return Err(Distrust::OpenPgp(format!("had run out when the commit was first seen ({seen:.0})")));
    }
    Ok(SignedBy { principals: by, fingerprint })
}

/// The one signature of this armour, if it is of a kind that counts.
fn signature(armour: &[u8]) -> Result<Signature, Distrust> {
    let wrong = |why: String| Distrust::OpenPgp(quote(&why));
    let armour = str::from_utf8(armour.trim_ascii()).map_err(|_| wrong("is no text".into()))?;
    let begins = armour.lines().filter(|line| line.starts_with("-----BEGIN")).count();
    if armour.len() > MOST || begins != 1 || !armour.ends_with("-----END PGP SIGNATURE-----") {
        return Err(Distrust::Ambiguous("carries more than one signature, or more than a signature"));
    }
    let packets = packets(armour, &BlockType::Signature).map_err(|why| wrong(format!("can't be read: {why}")))?;
    let Ok([Packet::Signature(signature)]) = <[Packet; 1]>::try_from(packets) else {
        return Err(Distrust::Ambiguous("carries more than one signature, or more than a signature"));
    };
    if signature.typ() != Some(SignatureType::Binary) {
        return Err(wrong("is not one of a document as it stands".into()));
    }
    if !is_strong(&signature) {
        let hash = signature.hash_alg().map_or_else(|| "none that is known".into(), |hash| hash.to_string());
        return Err(wrong(format!("was made with the hash {hash}; SHA-256 or stronger is needed")));
    }
    let config = signature.config().into_iter();
    if config.flat_map(|config| config.hashed_subpackets()).any(|part| part.is_critical && is_strange(&part.data)) {
        return Err(wrong("depends on something that is not understood here".into()));
    }
    Ok(signature)
}

/// Every packet of an armoured text.
fn packets(armour: &str, kind: &BlockType) -> Result<Vec<Packet>, String> {
    let mut plain = Dearmor::new(armour.as_bytes());
    plain.read_header().map_err(|error| error.to_string())?;
    if plain.typ.as_ref() != Some(kind) {
        return Err("it is armoured as something else".into());
    }
    PacketParser::new(BufReader::new(plain)).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// What a key says of itself: directly, or of the names that it bears and that it did not take back.
fn own(key: &SignedPublicKey) -> Vec<(Option<&str>, &Signature)> {
    let primary = &key.primary_key;
    let direct = key.details.direct_signatures.iter().filter(|signature| {
        let is_direct = signature.typ() == Some(SignatureType::Key);
        is_direct && is_strong(signature) && signature.verify_key(primary).is_ok()
    });
    let mut own: Vec<_> = direct.map(|signature| (None, signature)).collect();
    for user in &key.details.users {
        let is_back = |signature: &Signature| signature.typ() == Some(SignatureType::CertRevocation);
        if user.signatures.iter().any(is_back) {
            continue;
        }
        let good = user.signatures.iter().filter(|signature| {
            is_strong(signature) && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
        });
        own.extend(good.map(|signature| (user.id.as_str(), signature)));
    }
    own
}

/// A subkey that its key made its own. One that may sign has to have said so itself too: otherwise somebody could pass off
/// another's as theirs.
fn subkey(primary: &PublicKey, sub: &SignedPublicSubKey, revoked: bool, end: Option<Timestamp>) -> Option<Key> {
    let is_revocation = |signature: &Signature| signature.typ() == Some(SignatureType::SubkeyRevocation);
    let bindings = sub.signatures.iter().filter(|signature| {
        let is_binding = signature.typ() == Some(SignatureType::SubkeyBinding);
        is_binding && is_strong(signature) && signature.verify_subkey_binding(primary, &sub.key).is_ok()
    });
    let newest = newest(bindings)?;
    let agreed = newest.embedded_signature().is_some_and(|signature| {
        is_strong(signature) && signature.verify_primary_key_binding(&sub.key, primary).is_ok()
    });
    let signs = newest.key_flags().sign() && agreed && verified(sub.key.public_params()).is_ok();
    let revoked = revoked || sub.signatures.iter().any(is_revocation);
    let until = end.into_iter().chain(until(&sub.key, newest)).min();
    Some(Key::of(&sub.key, Half::Sub(sub.key.clone()), signs, revoked, until))
}

impl Key {
    fn of(key: &impl KeyDetails, half: Half, signs: bool, revoked: bool, until: Option<Timestamp>) -> Self {
        Self { fingerprint: key.fingerprint(), id: key.legacy_key_id(), half, signs, revoked, until }
    }

    fn verify(&self, signature: &Signature, payload: &[u8]) -> bool {
        fn is_good(signature: &Signature, key: &impl VerifyingKey, payload: &[u8]) -> bool {
            signature.verify(key, payload).is_ok()
        }
        match &self.half {
            Half::Primary(key) => is_good(signature, key, payload),
            Half::Sub(key) => is_good(signature, key, payload),
        }
    }
}

fn newest<'s>(all: impl Iterator<Item = &'s Signature>) -> Option<&'s Signature> {
    all.max_by_key(|signature| signature.created())
}

/// When a key runs out, by a signature of its own; or that signature itself.
fn until(key: &impl KeyDetails, signature: &Signature) -> Option<Timestamp> {
    let life = signature.key_expiration_time().map_or(0, |time| time.as_secs());
    later(key.created_at().as_secs(), life).into_iter().chain(lasts(signature)).min()
}

/// When a signature runs out.
fn lasts(signature: &Signature) -> Option<Timestamp> {
    let life = signature.signature_expiration_time().map_or(0, |time| time.as_secs());
    later(signature.created().map_or(0, |time| time.as_secs()), life)
}

/// So many seconds after a moment; no seconds are for ever.
fn later(moment: u32, seconds: u32) -> Option<Timestamp> {
    (seconds > 0).then(|| Timestamp::from_second(i64::from(moment) + i64::from(seconds)).unwrap_or(Timestamp::MAX))
}

fn is_strong(signature: &Signature) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    signature.hash_alg().is_some_and(|hash| [Sha256, Sha384, Sha512, Sha3_256, Sha3_512].contains(&hash))
}

fn is_strange(part: &SubpacketData) -> bool {
    matches!(part, SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_))
}

/// Which kinds of keys are verified here.
fn verified(key: &PublicParams) -> Result<(), String> {
    let is_known = match key {
        PublicParams::RSA(rsa) => {
            let mut bytes = Vec::new();
            rsa.to_writer(&mut bytes).map_err(|error| quote(&error.to_string()))?;
            // A number is written with its length in bits before it.
            let bits = bytes.first_chunk().map_or(0, |bits| u16::from_be_bytes(*bits));
            if bits < RSA {
                return Err(format!("the RSA key has {bits} bits: those of {RSA} and more are verified here"));
            }
            true
        }
        PublicParams::ECDSA(EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. }) => true,
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) | PublicParams::Ed25519(_) => true,
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::DSA(_)
        | PublicParams::ECDH(_)
        | PublicParams::Elgamal(_)
        | PublicParams::X25519(_)
        | PublicParams::X448(_)
        | PublicParams::Ed448(_)
        | PublicParams::Unknown { .. } => false,
    };
    let why = "keys of this kind are not verified here: ed25519, P-256, P-384 and RSA of 3072 bits and more are";
    if is_known { Ok(()) } else { Err(why.into()) }
}

/// A fingerprint as gpg prints it.
fn upper(fingerprint: &Fingerprint) -> String {
    fingerprint.to_string().to_uppercase()
}
