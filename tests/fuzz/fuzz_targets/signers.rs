//! The list of allowed signers: whatever stands in it, it is understood whole or refused with a line.
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

fuzz_target!(|text: &str| {
    match signers::Signers::parse(text) {
        Ok(signers) => assert!(!signers.principals().is_empty()),
        Err(why) => assert!(why.starts_with("line ") || why == "nobody is in it", "{why}"),
    }
});
