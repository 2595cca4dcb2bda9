//! Which kinds of SSH keys are verified here. One that is not is refused where it stands in the list, with what would help.
//!
//! RSA is a feature of the build (`rsa`), because the crate that computes it has an advisory about the use of secret keys;
//! none is ever used here. Its signatures are those with SHA-256 and SHA-512: the old kind with SHA-1 (`ssh-rsa`) is not even
//! read as a signature. Not here: whose key it is, and when it is valid ([`super::signers`]).

use ssh_key::{Algorithm, EcdsaCurve, PublicKey};
use std::ops::RangeInclusive;

/// The sizes of RSA keys in bits: the least that is taken for safe beyond 2030, and the most that is computed.
const RSA: RangeInclusive<usize> = 3072..=4096;

/// # Errors
/// When keys of this kind are not, in a sentence.
pub(super) fn verified(key: &PublicKey) -> Result<(), String> {
    let algorithm = key.algorithm();
    let plain = matches!(algorithm, Algorithm::Ed25519 | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 });
    if plain || is_hardware(&algorithm) {
        return Ok(());
    }
    let Some(rsa) = key.key_data().rsa() else {
        return Err(format!("keys of the kind {algorithm} are not verified here: ed25519, P-256, or sk- ones are"));
    };
    let bytes = rsa.n.as_positive_bytes().unwrap_or_default();
    let bits = bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize);
    let (least, most) = (RSA.start(), RSA.end());
    match (RSA.contains(&bits), cfg!(feature = "rsa")) {
        (false, _) => Err(format!("the RSA key has {bits} bits: those of {least} to {most} are verified here")),
        (true, false) => {
            Err("this build does not verify RSA keys: one with the cargo feature `rsa` does, and every build \
                              verifies ed25519, P-256 and sk- ones"
                .into())
        }
        (true, true) => Ok(()),
    }
}

/// Whether keys of this kind live in hardware.
pub(super) fn is_hardware(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
}
