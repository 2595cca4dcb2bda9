//! The agent as one of two Lambda functions of the same deployment: what each runs, how one gets another code, and how the one
//! that gets every event hands it to the other.
//!
//! A code is verified before Lambda gets it, and what Lambda then says that it has is compared once more. Not here: which
//! version is tried, and who makes a turn (`plan::update`, [`crate::lambda`]).

use super::{Said, Updated, fetch};
use crate::{
    clock::by_aws,
    cloud::{Trouble, aws::Aws, count::Calls, trouble::trouble},
    config::{Config, MemoryPlace},
    error::CommandError,
    itself::STATE,
    lambda::{On, Twin, Unanswered},
    shipped,
    stop::{Stopped, meant},
    store::{Place, Store},
};
use aws_config::SdkConfig;
use aws_sdk_lambda::{
    Client,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    operation::get_function_configuration::GetFunctionConfigurationOutput,
    primitives::Blob,
    types::{InvocationType, LastUpdateStatus},
};
use manifests::id::{Digest, Region};
use plan::{
    quote::quote,
    update::{Again, Asked},
};
use serde_json::Value;
use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    time::Duration,
};

/// The most that Lambda takes without a bucket ("Lambda quotas": 50 MB, zipped, for direct upload).
const MOST: usize = 50 << 20;
/// How long such an upload may take.
const UPLOAD: Duration = Duration::from_secs(120);
/// How often it is looked whether Lambda has taken a code.
const GLANCE: Duration = Duration::from_secs(1);

/// The two functions over AWS's API.
#[derive(Debug)]
pub(crate) struct Functions {
    aws: SdkConfig,
    region: Option<Region>,
    calls: Calls,
    own: String,
    other: String,
    /// Where a code lies until Lambda has it.
    zip: PathBuf,
}

impl Functions {
    /// This function, and the other one.
    pub(crate) fn new(config: &Config, aws: &SdkConfig, calls: Calls, other: String) -> Self {
        let region = shipped::home(config, aws).ok();
        let own = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        Self { aws: aws.clone(), region, calls, own, other, zip: config.cache.join("release.zip") }
    }

    fn name(&self, on: On) -> &str {
        match on {
            On::Here => &self.own,
            On::Other => &self.other,
        }
    }

    fn builder(&self) -> Builder {
        let region = self.region.as_ref().map(|region| aws_config::Region::new(region.to_string()));
        let mut builder = Builder::from(&self.aws);
        builder.set_region(region.or_else(|| self.aws.region().cloned()));
        builder.interceptor(self.calls.clone())
    }

    async fn look(&self, on: On) -> Result<GetFunctionConfigurationOutput, String> {
        let client = Client::from_conf(self.builder().build());
        let answer = client.get_function_configuration().function_name(self.name(on)).send().await;
        answer.map_err(|error| trouble("lambda:GetFunctionConfiguration", &error).said())
    }

    /// Fetches what is asked for, and reads it whole.
    async fn fetched(&self, asked: &Asked) -> Result<Vec<u8>, String> {
        let unwritten = |error| format!("{} can't be written: {error}", self.zip.display());
        if let Some(folder) = self.zip.parent() {
            fs::create_dir_all(folder).map_err(unwritten)?;
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&self.zip).map_err(unwritten)?;
        let done = fetch::fetch((&asked.from, asked.sha256), &mut file, (&self.aws, self.region.as_ref())).await;
        let length = file.metadata().map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(usize::MAX));
        let read = match done {
            Err(why) => Err(why),
            Ok(()) if length > MOST => {
                Err(format!("it has {length} bytes, and Lambda takes no more than {} MiB in one call", MOST >> 20))
            }
            Ok(()) => fs::read(&self.zip).map_err(|error| format!("{} can't be read: {error}", self.zip.display())),
        };
        // Whether it can be removed or not: the next one is written over it.
        drop(fs::remove_file(&self.zip));
        let bytes = read?;
        // What lies in a folder for everybody is looked at once more where nobody else can write it.
        if Digest::of(&bytes) != asked.sha256 {
            return Err(format!("what was fetched into {} is not what was read from there", self.zip.display()));
        }
        Ok(bytes)
    }

    async fn upload(&self, on: On, bytes: Vec<u8>, asked: &Asked) -> Result<(), String> {
        let patience = TimeoutConfig::builder().read_timeout(UPLOAD).operation_attempt_timeout(UPLOAD);
        let client =
            Client::from_conf(self.builder().timeout_config(patience.operation_timeout(UPLOAD).build()).build());
        let update = client.update_function_code().function_name(self.name(on)).zip_file(Blob::new(bytes));
        let answer = update.send().await.map_err(|error| trouble("lambda:UpdateFunctionCode", &error).said())?;
        is_it(answer.code_sha256(), asked)
    }

    /// Waits until Lambda runs what it was given. How long that may take is whoever waits' business.
    async fn settled(&self, on: On, mut found: GetFunctionConfigurationOutput, asked: &Asked) -> Result<(), String> {
        loop {
            is_it(found.code_sha256(), asked)?;
            match found.last_update_status() {
                Some(LastUpdateStatus::InProgress) => {}
                Some(LastUpdateStatus::Failed) => {
                    let why = found.last_update_status_reason().unwrap_or("it does not say why");
                    return Err(format!("Lambda could not put it into {}: {}", self.name(on), quote(why)));
                }
                _ => return Ok(()),
            }
            tokio::time::sleep(GLANCE).await;
            found = self.look(on).await?;
        }
    }
}

/// Whether what Lambda has is what was asked for.
fn is_it(found: Option<&str>, asked: &Asked) -> Result<(), String> {
    match digest(found) {
        Some(found) if found == asked.sha256 => Ok(()),
        Some(found) => Err(format!("Lambda has something else than what the commit names: its SHA-256 is {found}")),
        None => Err("Lambda does not say what it has".into()),
    }
}

/// A digest as Lambda writes it.
fn digest(text: Option<&str>) -> Option<Digest> {
    let bytes = aws_smithy_types::base64::decode(text?).ok()?;
    Some(Digest(bytes.try_into().ok()?))
}

impl Twin for Functions {
    async fn here(&self) -> Result<Digest, String> {
        let found = self.look(On::Here).await?;
        digest(found.code_sha256()).ok_or_else(|| "Lambda does not say what it runs".into())
    }

    async fn put(&self, on: On, asked: &Asked) -> Result<(), String> {
        let mut found = self.look(on).await?;
        // Whoever was cut off after the upload need not do it again, unless Lambda could make nothing of it.
        let is_failed = found.last_update_status() == Some(&LastUpdateStatus::Failed);
        if is_failed || is_it(found.code_sha256(), asked).is_err() {
            let bytes = self.fetched(asked).await?;
            self.upload(on, bytes, asked).await?;
            found = self.look(on).await?;
        }
        self.settled(on, found, asked).await
    }

    async fn hand(&self, event: &Value, patience: Duration) -> Result<Value, Unanswered> {
        let timeouts = TimeoutConfig::builder().read_timeout(patience).operation_attempt_timeout(patience);
        let config = self.builder().timeout_config(timeouts.operation_timeout(patience).build());
        // An event that was handed over twice would be two turns.
        let client = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
        let invoke = client.invoke().function_name(&self.other).invocation_type(InvocationType::RequestResponse);
        let answer = invoke.payload(Blob::new(event.to_string())).send().await.map_err(|error| {
            let trouble = trouble("lambda:InvokeFunction", &error);
            match trouble.problem {
                // It may have been started, and nobody knows what it is at now.
                Trouble::Unavailable if error.as_service_error().is_none() => Unanswered::Unknown(trouble.said()),
                Trouble::Unavailable
                | Trouble::Denied
                | Trouble::Credentials
                | Trouble::NotFound
                | Trouble::Busy
                | Trouble::AlreadyExists
                | Trouble::Invalid
                | Trouble::Limit
                | Trouble::Other => Unanswered::Unstarted(trouble.said()),
            }
        })?;
        let payload = answer.payload().map(|payload| serde_json::from_slice::<Value>(payload.as_ref()));
        match (answer.function_error(), payload) {
            (Some(_), payload) => Err(Unanswered::Failed(failure(payload.and_then(Result::ok).as_ref()))),
            (None, Some(Ok(value))) => Ok(value),
            (None, Some(Err(_)) | None) => Err(Unanswered::Failed("its answer can't be understood".into())),
        }
    }
}

/// What a function that failed says of it, or Lambda in its place.
fn failure(payload: Option<&Value>) -> String {
    let said = |name: &str| payload.and_then(|payload| payload.get(name)).and_then(Value::as_str);
    match (said("errorType"), said("errorMessage")) {
        (Some(kind), Some(message)) => format!("it failed with {}: {}", quote(kind), quote(message)),
        (None, Some(message)) => format!("it failed: {}", quote(message)),
        (_, None) => "it failed and does not say why".into(),
    }
}

/// `holdfast update --again` where no updater of a machine remembers anything: it is meant for the account's function, which is
/// told so where it reads with its next turn.
pub(super) async fn again(config: &Config, aws: &SdkConfig, said: &Said) -> Result<Option<Updated>, CommandError> {
    let is_here = said.folder.join(STATE).exists();
    if !said.again || is_here || !matches!(config.memory, MemoryPlace::Parameter(_)) {
        return Ok(None);
    }
    let calls = Calls::default();
    let place: Place = shipped::place(config, aws, &calls)?;
    let caller = Aws::new(aws.clone(), calls.clone()).caller().await.map_err(Stopped::Identity)?;
    meant(config.account.as_ref(), caller.account)?;
    let own = place.own().await?;
    let Some(state) = own.state else {
        return Err(CommandError::Refused(
            "no version was ever tried here: neither has this machine an updater that remembers one, nor this account's function"
                .into(),
        ));
    };
    // AWS's time comes in whole seconds: what was given up within the present one is meant too.
    let [fell, trouble] = [state.fell.as_ref().map(|it| it.at), state.trouble.as_ref().map(|it| it.at)];
    let at = fell.into_iter().chain(trouble).fold(by_aws(&calls), jiff::Timestamp::max);
    place.say_again(&Again { at }).await?;
    let (done, rest) = match &state.fell {
        Some(fell) => (
            vec![format!("the agent's function is told to try version {} once more", fell.version)],
            "is looked at after its next turn",
        ),
        None => (Vec::new(), "nothing was given up here"),
    };
    Ok(Some(Updated::of(&state, own.asked.as_ref(), done, rest.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_lambda_says_that_it_has_is_compared_with_what_was_asked_for() {
        let asked = |bytes: &[u8]| Asked {
            version: "1.0.0".parse().unwrap(),
            sha256: Digest::of(bytes),
            from: String::new(),
            downgrade: false,
            ring: "one".parse().unwrap(),
            due: jiff::Timestamp::MIN,
        };
        let has = |bytes: &[u8]| aws_smithy_types::base64::encode(Digest::of(bytes).0);
        assert_eq!(is_it(Some(&has(b"a")), &asked(b"a")), Ok(()));
        let other = is_it(Some(&has(b"b")), &asked(b"a")).unwrap_err();
        assert!(other.contains(&Digest::of(b"b").to_string()), "{other}");
        for nothing in [None, Some(""), Some("AAAA"), Some("no base64")] {
            assert_eq!(is_it(nothing, &asked(b"a")), Err("Lambda does not say what it has".into()), "{nothing:?}");
        }
    }

    #[test]
    fn a_function_that_failed_is_told_in_its_own_words() {
        let check = |payload: Option<Value>, expect: &str| {
            let told = failure(payload.as_ref());
            assert!(told.contains(expect), "{told}");
        };
        check(Some(json!({"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"})), "exit status 1");
        check(Some(json!({"errorMessage": "Task timed out"})), "Task timed out");
        check(Some(json!({})), "does not say why");
        check(None, "does not say why");
    }
}
