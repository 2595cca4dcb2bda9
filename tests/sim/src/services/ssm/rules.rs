//! What SSM takes as a name, a type and a tier.

use super::Put;
use crate::{
    fault::Refusal,
    services::{invalid, refused},
    store::Resource,
    template::pattern,
};

const STANDARD_BYTES: usize = 4096;
const ADVANCED_BYTES: usize = 8192;

pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b));
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if name.contains('/') && !name.starts_with('/') {
        Err(invalid("Parameter name must be a fully qualified name."))
    } else if name.is_empty() || !fits || name.ends_with('/') {
        Err(invalid(
            "Parameter name: can't be empty and may hold only the following symbols and letters: a-zA-Z0-9_.-/",
        ))
    } else if first.starts_with("aws") || first.starts_with("ssm") {
        Err(invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."))
    } else if name.trim_start_matches('/').split('/').count() > 15 {
        Err(refused("HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of 15 levels."))
    } else {
        Ok(())
    }
}

/// Whether a value is what its own pattern allows ("PutParameter" in the API reference: `AllowedPattern`,
/// `ParameterPatternMismatchException`). In which order SSM looks at this and at whether there is such a parameter is written
/// nowhere.
pub(super) fn check_pattern(put: &Put) -> Result<(), Refusal> {
    let Some(allowed) = &put.allowed_pattern else { return Ok(()) };
    match pattern::fits(allowed, &put.value) {
        Some(true) => Ok(()),
        Some(false) => Err(refused(
            "ParameterPatternMismatchException",
            format!("Parameter value, cannot be validated against allowedPattern: {allowed}"),
        )),
        None => Err(refused("InvalidAllowedPatternException", format!("The pattern {allowed} is not simulated."))),
    }
}

pub(super) fn kind_of(put: &Put, before: Option<&Resource>) -> Result<&'static str, Refusal> {
    let word = |text: &str| match text {
        "String" => Some("String"),
        "StringList" => Some("StringList"),
        "SecureString" => Some("SecureString"),
        _ => None,
    };
    let old = before.and_then(|r| r.text("Type")).and_then(word);
    let Some(asked) = put.kind.as_deref() else {
        return old.ok_or_else(|| invalid("A parameter type is required when you create a parameter."));
    };
    let new = word(asked).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{asked}' at 'type' failed to satisfy constraint: Member must satisfy \
             enum value set: [SecureString, StringList, String]"
        ))
    })?;
    if old.is_some_and(|old| old != new) {
        return Err(refused(
            "HierarchyTypeMismatchException",
            format!("The parameter {} has another type. Delete it first to change its type.", put.name),
        ));
    }
    Ok(new)
}

pub(super) fn tier_of(put: &Put, before: Option<&Resource>) -> Result<&'static str, Refusal> {
    let advanced = before.and_then(|r| r.text("Tier")) == Some("Advanced");
    let size = put.value.len();
    let tier = match put.tier.as_deref() {
        Some("Advanced") => "Advanced",
        Some("Standard") if advanced => {
            return Err(invalid(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                 advanced-parameter tier to the standard-parameter tier.",
            ));
        }
        Some("Intelligent-Tiering") if size > STANDARD_BYTES => "Advanced",
        Some("Standard" | "Intelligent-Tiering") | None => {
            if advanced {
                "Advanced"
            } else {
                "Standard"
            }
        }
        Some(other) => return Err(invalid(format!("{other} is no parameter tier."))),
    };
    match tier {
        "Standard" if size > STANDARD_BYTES => Err(invalid(
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
             parameter value, upgrade the parameter to use the advanced-parameter tier.",
        )),
        _ if size > ADVANCED_BYTES => {
            Err(invalid("Advanced tier parameters support a maximum parameter value of 8192 characters."))
        }
        _ if put.value.is_empty() => Err(invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1",
        )),
        tier => Ok(tier),
    }
}
