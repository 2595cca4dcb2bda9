//! Where memory is kept: an SSM parameter in an account, a file elsewhere; checksummed, versioned.
//!
//! A memory that is missing begins anew; one that can't be understood is said to be lost and begins anew too, because
//! all of it can be lost without harm. One that can't be *read* stops the turn: whoever can't read it can't write it
//! before the act that it accounts for.

use crate::cloud::{CloudError, count::Calls};
use manifests::id::{Digest, StackKey};
use plan::memory::{Known, Mark, Memory};
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Keeps memory between turns.
pub trait Store {
    /// What was kept; `None` when nothing was, or when it can't be understood.
    fn load(&self) -> impl Future<Output = Result<Option<Memory>, StoreError>>;
    /// Keeps this. When it returns, it is kept.
    fn save(&self, memory: &Memory) -> impl Future<Output = Result<(), StoreError>>;
}

/// Why memory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// In SSM.
    #[error("the agent's memory `{parameter}` could not be reached")]
    Parameter {
        /// Which parameter.
        parameter: String,
        /// Why.
        #[source]
        source: CloudError,
    },
    /// In a file.
    #[error("the agent's memory {} could not be reached", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not fit where it is kept.
    #[error(
        "the agent's memory `{parameter}` would take {bytes} bytes and a parameter holds {MOST}: too many stacks are under \
         way, held or failed at once"
    )]
    TooLarge {
        /// Which parameter.
        parameter: String,
        /// What it would take, with everything forgotten that may be.
        bytes: usize,
    },
}

/// The two places.
pub enum Place {
    /// An SSM parameter of the account.
    Parameter {
        /// SSM in the home region.
        ssm: aws_sdk_ssm::Client,
        /// Its name.
        name: String,
    },
    /// A file.
    File(PathBuf),
}

/// What is written: a version, a checksum, the memory.
#[derive(Serialize, Deserialize)]
struct Sealed {
    version: u32,
    sha256: String,
    memory: serde_json::Value,
}

const VERSION: u32 = 1;
/// The most that a parameter holds.
const MOST: usize = 8192;

impl Place {
    /// A parameter of the account behind this configuration.
    pub fn parameter(config: &aws_config::SdkConfig, calls: &Calls, name: String) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(config).interceptor(calls.clone());
        Self::Parameter { ssm: aws_sdk_ssm::Client::from_conf(config.build()), name }
    }
}

impl Store for Place {
    async fn load(&self) -> Result<Option<Memory>, StoreError> {
        let text = match self {
            Self::Parameter { ssm, name } => match ssm.get_parameter().name(name).send().await {
                Ok(answer) => answer.parameter.and_then(|parameter| parameter.value),
                Err(error) if error.as_service_error().is_some_and(|error| error.is_parameter_not_found()) => None,
                Err(error) => return Err(unreachable(name, "ssm:GetParameter", &error)),
            },
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(source) => return Err(StoreError::File { path: path.clone(), source }),
            },
        };
        let memory = text.as_deref().map(open);
        if matches!(memory, Some(None)) {
            tracing::warn!(
                "the agent's memory can't be understood and begins anew; nothing is lost but a few change sets"
            );
        }
        Ok(memory.flatten())
    }

    async fn save(&self, memory: &Memory) -> Result<(), StoreError> {
        match self {
            Self::Parameter { ssm, name } => {
                use aws_sdk_ssm::types::{ParameterTier, ParameterType};
                let text =
                    fitting(memory, MOST).map_err(|bytes| StoreError::TooLarge { parameter: name.clone(), bytes })?;
                // Over 4 KB a parameter has to be an advanced one, and can never become a standard one again: which it
                // is now, SSM knows best.
                let tier = ParameterTier::IntelligentTiering;
                let put = ssm.put_parameter().name(name).value(text).r#type(ParameterType::String).tier(tier);
                let put = put.overwrite(true).send().await;
                put.map(drop).map_err(|error| unreachable(name, "ssm:PutParameter", &error))
            }
            Self::File(path) => {
                let text = seal(memory);
                replace(path, text.as_bytes()).map_err(|source| StoreError::File { path: path.clone(), source })
            }
        }
    }
}

fn unreachable<E, R>(name: &str, call: &'static str, error: &aws_sdk_ssm::error::SdkError<E, R>) -> StoreError
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    StoreError::Parameter { parameter: name.to_owned(), source: crate::cloud::trouble::trouble(call, error) }
}

/// Memory as a text, under its checksum.
fn seal(memory: &Memory) -> String {
    let memory = serde_json::to_value(memory).unwrap_or_default();
    let sha256 = Digest::of(memory.to_string().as_bytes()).to_string();
    serde_json::json!({ "version": VERSION, "sha256": sha256, "memory": memory }).to_string()
}

/// The other way; `None` when it is not what was written, or another version wrote it.
fn open(text: &str) -> Option<Memory> {
    let sealed: Sealed = serde_json::from_str(text).ok()?;
    let intact = Digest::of(sealed.memory.to_string().as_bytes()).to_string() == sealed.sha256;
    (intact && sealed.version == VERSION).then(|| serde_json::from_value(sealed.memory).ok()).flatten()
}

/// Memory in at most that many bytes. What happened is forgotten first (oldest first), because the report's picture still
/// shows how everything stands; then how often a stack came up lately, then marks (oldest first) and held changes, each of which costs a change set to find out
/// again; then why something failed or did not help, but not that it did. What was started is not forgotten: it would be done again.
///
/// # Errors
/// How many bytes are left when that is still too much.
fn fitting(memory: &Memory, most: usize) -> Result<String, usize> {
    let mut memory = memory.clone();
    loop {
        let text = seal(&memory);
        let over = text.len().saturating_sub(most);
        if over == 0 {
            return Ok(text);
        }
        if !memory.outbox.is_empty() {
            memory.outbox.remove(0);
        } else if !memory.births.is_empty() {
            let forgotten = over.div_ceil(Mark::BYTES).min(memory.births.len());
            memory.births.drain(..forgotten);
        } else if !memory.settled.is_empty() {
            let forgotten = over.div_ceil(Mark::BYTES).min(memory.settled.len());
            memory.settled.drain(..forgotten);
        } else if let Some(key) = first(&memory, |known| known.held.is_some()) {
            memory.change(&key, |known| known.held = None);
        } else if let Some(key) = first(&memory, |known| known.failed.is_some()) {
            memory.give_up(&key);
        } else if let Some(key) =
            first(&memory, |known| known.tried.as_ref().is_some_and(|tried| !tried.why.is_empty()))
        {
            memory.change(&key, |known| known.tried.iter_mut().for_each(|tried| tried.why.clear()));
        } else {
            return Err(text.len());
        }
    }
}

/// The first stack of which this is remembered.
fn first(memory: &Memory, is: impl Fn(&Known) -> bool) -> Option<StackKey> {
    memory.stacks().iter().find(|(_, known)| is(known)).map(|(key, _)| key.clone())
}

/// A file is either the old one or the new one, whatever happens in between; nobody else may read it.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::{
        asked::Fingerprint,
        memory::{Known, Pending, Started, WasHeld},
    };

    fn remembering(happened: usize) -> Memory {
        let mut memory = Memory::new("e1".into());
        for number in 0..happened {
            let at = jiff::Timestamp::UNIX_EPOCH;
            let what = manifests::report::What::Created;
            let sentence = format!("{number}: {}", "x".repeat(100));
            memory.outbox.push(manifests::report::Happening {
                at,
                what,
                region: None,
                stack: None,
                commit: None,
                sentence,
            });
        }
        memory
    }

    #[test]
    fn what_is_sealed_opens_again() {
        assert_eq!(open(&seal(&remembering(3))), Some(remembering(3)));
    }

    #[test]
    fn a_changed_byte_or_another_version_is_not_believed() {
        let text = seal(&remembering(1));
        assert_eq!(open(&text.replace("e1", "e2")), None);
        assert_eq!(open(&text.replace("\"version\":1", "\"version\":2")), None);
        assert_eq!(open(""), None);
    }

    fn key(number: usize) -> StackKey {
        let stack = format!("baseline-audit-{number:03}").parse().unwrap();
        StackKey { region: "ap-southeast-2".parse().unwrap(), stack }
    }

    /// The same, with so many stacks settled, all that four seats can have under way, and so many held.
    fn busy(happened: usize, marks: usize, held: usize) -> Memory {
        let mut memory = remembering(happened);
        let one = Fingerprint::of(b"one");
        let commit = Some("a".repeat(40).parse().unwrap());
        (memory.accepted, memory.applied) = (commit.clone(), commit.clone());
        memory.regions = ["ap-southeast-2", "eu-central-1", "us-east-1"].map(|name| name.parse().unwrap()).into();
        (0..marks).for_each(|number| memory.settle(&key(number), one, one));
        for number in 0..4 {
            let pending = Pending {
                act: Started::Update,
                fingerprint: Some(one),
                generation: Some(one),
                token: one.change_set(),
                since: jiff::Timestamp::UNIX_EPOCH,
                attempt: 1,
                commit: commit.clone(),
            };
            memory.change(&key(number), |known| known.pending = Some(pending));
        }
        for number in 4..4 + held {
            let held = WasHeld { case: one, why: "w".repeat(300), plan: "0".repeat(16) };
            memory.change(&key(number), |known| known.held = Some(held));
        }
        memory
    }

    fn settled(memory: &Memory) -> Vec<usize> {
        let one = Fingerprint::of(b"one");
        (0..1_000).filter(|number| memory.is_settled(&key(*number), one, one)).collect()
    }

    #[test]
    fn too_much_forgets_the_oldest_first_and_nothing_else() {
        let kept = open(&fitting(&remembering(100), MOST).unwrap()).unwrap();
        assert!(!kept.outbox.is_empty() && kept.outbox.len() < 100);
        assert!(kept.outbox.last().unwrap().sentence.starts_with("99:"));
        assert_eq!(kept.epoch, "e1");
    }

    #[test]
    fn two_hundred_settled_stacks_fit_into_a_standard_parameter_and_with_all_seats_taken_into_a_large_one() {
        let mut idle = busy(0, 200, 0);
        (0..4).for_each(|number| idle.change(&key(number), |known| known.pending = None));
        assert!(seal(&idle).len() <= 4096, "{} bytes", seal(&idle).len());
        let full = busy(0, 200, 4);
        assert_eq!(open(&fitting(&full, MOST).unwrap()), Some(full));
    }

    #[test]
    fn marks_go_after_all_that_happened_and_the_oldest_first() {
        let full = busy(20, 600, 4);
        let text = fitting(&full, MOST).unwrap();
        let kept = open(&text).unwrap();
        assert!(kept.outbox.is_empty());
        let (first, last) = (settled(&kept)[0], *settled(&kept).last().unwrap());
        assert!(first > 0 && last == 599 && settled(&kept).len() == 600 - first, "{first} to {last}");
        assert!(text.len() > MOST - 2 * Mark::BYTES, "{} bytes: no more is forgotten than has to be", text.len());
        assert_eq!(kept.stacks(), full.stacks(), "nothing that was started or held is forgotten");
        assert_eq!(kept.regions, full.regions);
    }

    #[test]
    fn held_changes_go_after_marks_and_what_was_started_stays() {
        let kept = open(&fitting(&busy(3, 200, 40), MOST).unwrap()).unwrap();
        let count = |is: fn(&Known) -> bool| kept.stacks().values().filter(|known| is(known)).count();
        assert!(settled(&kept).is_empty());
        assert_eq!(count(|known| known.pending.is_some()), 4);
        let held = count(|known| known.held.is_some());
        assert!(held > 0 && held < 40, "{held}");
    }

    #[test]
    fn what_may_not_be_forgotten_and_does_not_fit_is_not_written() {
        let mut memory = busy(3, 200, 40);
        let pending = memory.of(&key(0)).unwrap().pending.clone();
        (0..60).for_each(|number| memory.change(&key(number), |known| known.pending = pending.clone()));
        assert!(fitting(&memory, MOST).unwrap_err() > MOST);
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("deep/memory.json"));
        assert_eq!(place.load().await.unwrap(), None);
        place.save(&remembering(2)).await.unwrap();
        assert_eq!(place.load().await.unwrap(), Some(remembering(2)));
    }
}
