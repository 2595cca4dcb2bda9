//! A commit's header and its signature: whatever a git server sends, nobody is trusted who did not sign it.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../agent/src/trust/kinds.rs"]
mod kinds;
#[path = "../../../agent/src/trust/openpgp.rs"]
mod openpgp;
#[path = "../../../agent/src/trust/signed.rs"]
#[expect(dead_code, reason = "the agent asks it for more")]
mod signed;
#[path = "../../../agent/src/trust/signers.rs"]
#[expect(dead_code, reason = "the agent shows more of it")]
mod signers;

/// Alice's key. She signed one commit of the corpus and nothing else.
const ALLOWED: &str = include_str!("../allowed_signers");
const SIGNED: &[u8] = include_bytes!("../corpus/commit/signed");

fuzz_target!(|bytes: &[u8]| {
    let signers = signers::Signers::parse(ALLOWED).expect("a list");
    if signers.judge(bytes, jiff::Timestamp::UNIX_EPOCH).is_ok() {
        // Where the armour is broken into other lines it is the same signature of the same commit.
        let payload = |commit: &[u8]| signed::apart(commit).expect("a commit").expect("signed").payload;
        assert_eq!(payload(bytes), payload(SIGNED), "trusted, and not what alice signed");
    }
});
