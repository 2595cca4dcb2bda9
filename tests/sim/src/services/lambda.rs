//! Lambda, as far as an agent goes that updates itself: what a function is made of, and who runs it when it is invoked ("AWS Lambda
//! API Reference": UpdateFunctionCode, GetFunctionConfiguration, Invoke).
//!
//! Nothing is run here: whoever owns the world says who runs functions ([`Functions::run_by`]), and what comes of it is answered
//! as Lambda answers it. A code that was just taken is not there yet for whoever looks first. Not here: versions, aliases,
//! layers, events, and what wakes a function.

use super::{Place, refused};
use crate::fault::Refusal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use manifests::id::{AccountId, Digest, Region};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Formatter},
    sync::Arc,
};

/// The most that is taken in one call ("Lambda quotas").
const MOST: usize = 50 << 20;

/// What comes of an invocation: what the function answered, or what it or Lambda says of its failure.
pub type Invoked = Result<Value, Value>;

/// Who runs functions: by account, region, name, and with which event.
pub type Runner = Arc<dyn Fn(&Function, &Value) -> Invoked + Send + Sync>;

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// What it is called.
    pub name: String,
    /// Its code.
    pub zip: Vec<u8>,
    /// Whether its code was taken and nobody has looked since.
    updating: bool,
}

impl Function {
    /// What its code is known by.
    pub fn sha256(&self) -> Digest {
        Digest::of(&self.zip)
    }
}

/// Every function of a world, and who runs them.
#[derive(Clone, Default)]
pub struct Functions {
    known: BTreeMap<(AccountId, Region, String), Function>,
    runner: Option<Runner>,
}

impl Debug for Functions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions").field("known", &self.known.keys()).finish_non_exhaustive()
    }
}

impl Functions {
    /// Makes a function, or gives it another code, as a deployment does.
    pub fn place(&mut self, at: (&AccountId, &Region), name: &str, zip: Vec<u8>) {
        let function = Function { name: name.to_owned(), zip, updating: false };
        self.known.insert((at.0.clone(), at.1.clone(), name.to_owned()), function);
    }

    /// A function.
    pub fn of(&self, at: (&AccountId, &Region), name: &str) -> Option<&Function> {
        self.known.get(&(at.0.clone(), at.1.clone(), name.to_owned()))
    }

    /// From now on this runs every function.
    pub fn run_by(&mut self, runner: Runner) {
        self.runner = Some(runner);
    }

    /// Who runs a function, and what it is made of.
    pub(crate) fn invocation(&self, at: &Place<'_>, name: &str) -> Option<(Runner, Function)> {
        Some((self.runner.clone()?, self.of((at.account, at.region), name)?.clone()))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    zip_file: Option<String>,
}

/// Does one action on a function; an invocation is only let in.
///
/// # Errors
/// What Lambda would refuse, with its code.
pub fn call(
    functions: &mut Functions,
    at: &Place<'_>,
    (action, name): (&str, &str),
    body: &[u8],
) -> Result<Value, Refusal> {
    let arn = at.arn("lambda", &format!("function:{name}"));
    let key = (at.account.clone(), at.region.clone(), name.to_owned());
    let missing = || Refusal::new("ResourceNotFoundException", 404, format!("Function not found: {arn}"));
    let function = functions.known.get_mut(&key).ok_or_else(missing)?;
    match action {
        "GetFunctionConfiguration" => {
            let answer = described(function, &arn);
            function.updating = false;
            Ok(answer)
        }
        "UpdateFunctionCode" => {
            if function.updating {
                let words = "The operation cannot be performed at this time. An update is in progress for resource";
                return Err(Refusal::new("ResourceConflictException", 409, format!("{words}: {arn}")));
            }
            function.zip = zip(body)?;
            function.updating = true;
            Ok(described(function, &arn))
        }
        _ => Ok(Value::Null),
    }
}

fn zip(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let invalid = |words: &str| refused("InvalidParameterValueException", words);
    let code: Code = serde_json::from_slice(body).map_err(|error| invalid(&error.to_string()))?;
    let text = code.zip_file.ok_or_else(|| invalid("Please provide a source for function code."))?;
    let zip = STANDARD.decode(text).map_err(|error| invalid(&error.to_string()))?;
    if zip.len() > MOST {
        let words = format!("Request must be smaller than {MOST} bytes for the UpdateFunctionCode operation");
        return Err(Refusal::new("RequestEntityTooLargeException", 413, words));
    }
    // Where it begins, and where its list of members does: what has neither was never a zip, or was cut short.
    let is_whole = zip.starts_with(b"PK\x03\x04") && zip.windows(4).rev().take(66_000).any(|end| end == b"PK\x05\x06");
    if !is_whole {
        return Err(invalid("Could not unzip uploaded file. Please check your file, then try to upload again."));
    }
    Ok(zip)
}

fn described(function: &Function, arn: &str) -> Value {
    json!({
        "FunctionName": function.name, "FunctionArn": arn, "Runtime": "provided.al2023", "State": "Active",
        "CodeSha256": STANDARD.encode(function.sha256().0), "CodeSize": function.zip.len(), "Version": "$LATEST",
        "LastUpdateStatus": if function.updating { "InProgress" } else { "Successful" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_code_is_taken_when_it_is_a_zip_and_is_there_when_somebody_has_looked() {
        let (account, region) = ("111111111111".parse().unwrap(), "eu-central-1".parse().unwrap());
        let at = Place { account: &account, region: &region, now: Timestamp::UNIX_EPOCH };
        let mut functions = Functions::default();
        functions.place((&account, &region), "agent", b"old".to_vec());
        let mut said = |action: &str, name: &str, code: &[u8]| {
            let body = json!({ "ZipFile": STANDARD.encode(code) }).to_string();
            call(&mut functions, &at, (action, name), body.as_bytes()).map_err(|refusal| refusal.code)
        };
        let zip = b"PK\x03\x04 ... PK\x05\x06 ...";
        assert_eq!(said("GetFunctionConfiguration", "nobody", b"").unwrap_err(), "ResourceNotFoundException");
        assert_eq!(said("UpdateFunctionCode", "agent", b"no zip").unwrap_err(), "InvalidParameterValueException");
        let taken = said("UpdateFunctionCode", "agent", zip).unwrap();
        assert_eq!(taken["CodeSha256"], STANDARD.encode(Digest::of(zip).0));
        assert_eq!(said("UpdateFunctionCode", "agent", zip).unwrap_err(), "ResourceConflictException");
        assert_eq!(said("GetFunctionConfiguration", "agent", b"").unwrap()["LastUpdateStatus"], "InProgress");
        assert_eq!(said("GetFunctionConfiguration", "agent", b"").unwrap()["LastUpdateStatus"], "Successful");
        assert!(said("UpdateFunctionCode", "agent", zip).is_ok());
    }
}
