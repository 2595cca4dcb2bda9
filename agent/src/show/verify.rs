//! Who signed a commit and who may, for a person.

use super::{Ink, Style};
use crate::{trust::Policy, verify::Verified};
use plan::{memory::Seal, quote::quote};

/// In words.
pub fn text(verified: &Verified, style: Style) -> String {
    let Verified { commit, policy, signers, version, signer, why, accepted } = verified;
    let said = match (signer, why) {
        (Some(Seal::Good { by, key, tag: None }), _) => format!("is signed by {by}, with the key {key}"),
        (Some(Seal::Good { by, key, tag: Some(tag) }), _) => {
            format!("is signed by {by}, by the tag {}, with the key {key}", quote(tag))
        }
        (Some(Seal::Tolerated { why }), _) | (None, Some(why)) => format!("is not trusted: {why}"),
        (None, None) => "was not looked at".into(),
    };
    let (mark, ink) = match (accepted, signer) {
        (true, Some(Seal::Good { .. })) => ("✓", Ink::Good),
        (true, Some(Seal::Tolerated { .. }) | None) => ("!", Ink::Change),
        (false, _) => ("✗", Ink::Bad),
    };
    let rule = match policy {
        Policy::Off => "off: nobody looks at signatures here, so it is accepted: whoever may push may deploy",
        Policy::Warn => "warn: it is accepted, and what is wrong with its signature is told",
        Policy::Required if *accepted => "required: it is accepted",
        Policy::Required => "required: it is not accepted",
        Policy::Every if *accepted => {
            "every: it is accepted, if every commit since the last accepted one is signed too"
        }
        Policy::Every => "every: it is not accepted",
    };
    let who = if signers.is_empty() { "nobody that is known".to_owned() } else { signers.join("; ") };
    let by = match version {
        0 => "the account's list".to_owned(),
        version => format!("version {version} in the repository"),
    };
    format!("{} {} {said}\n  who may sign: {who} (by {by})\n  policy {rule}", style.paint(ink, mark), commit.short())
}
