//! Where an account keeps what is its agent's business: memory and lease, which the agent writes; guardrails and orders,
//! which people write and the agent only reads. SSM parameters beside one another, or files in one folder.
//!
//! All of it is read in one call, at the beginning of a turn. Something that can't be *read* stops the turn: whoever can't
//! read its memory can't write it before the act that it accounts for. Something that can't be *understood* is handed on as
//! that: memory begins anew, and without guardrails and orders that are understood nothing is changed.

use crate::{
    cloud::{Trouble, count::Calls, trouble::trouble},
    memory::{self, Opened},
    trust::signers::Signers,
};
use aws_sdk_ssm::{
    error::SdkError,
    types::{ParameterTier, ParameterType},
};
use manifests::guardrails::{self, Guardrails};
use plan::{
    drift::remembered::Drifts,
    lease::{FoundLease, Lease},
    memory::Memory,
    orders::{Approval, Hold, Orders, Pin, Reset, Rollback},
    update::{Asked, Proof, State},
};
use serde::de::DeserializeOwned;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

mod document;
mod error;
mod own;
pub(crate) mod plain;
mod said;

pub use document::Document;
pub use error::StoreError;
pub use own::Own;

/// Keeps what is the agent's business between turns.
pub trait Store {
    /// Everything, as it is now.
    fn open(&self) -> impl Future<Output = Result<Kept, StoreError>>;
    /// The same, with a memory that begins anew, whatever lies there.
    fn open_anew(&self) -> impl Future<Output = Result<Kept, StoreError>>;
    /// Keeps this memory. When it returns, it is kept.
    fn save(&self, memory: &Memory) -> impl Future<Output = Result<(), StoreError>>;
    /// Keeps what is remembered of drift.
    fn save_drifts(&self, drifts: &Drifts) -> impl Future<Output = Result<(), StoreError>>;
    /// Writes the lease and answers the version that it has now.
    fn lease(&self, lease: &Lease) -> impl Future<Output = Result<u64, StoreError>>;
    /// Every lease that was written since this version, oldest first, with its version; nothing when there are too many
    /// to tell.
    fn leases(&self, since: u64) -> impl Future<Output = Result<Vec<(u64, Option<Lease>)>, StoreError>>;
    /// What there is about the agent's own version.
    fn own(&self) -> impl Future<Output = Result<Own, StoreError>>;
    /// Keeps which version the commit in force asks for.
    fn save_asked(&self, asked: Option<&Asked>) -> impl Future<Output = Result<(), StoreError>>;
    /// Keeps what the agent says of its turns.
    fn save_proof(&self, proof: &Proof) -> impl Future<Output = Result<(), StoreError>>;
    /// Keeps what the updater of a function remembers.
    fn save_update(&self, state: &State) -> impl Future<Output = Result<(), StoreError>>;
    /// Keeps a copy of memory, in case that a version which is tried writes one that this one does not understand.
    fn keep_before(&self) -> impl Future<Output = Result<(), StoreError>>;
    /// Forgets that copy.
    fn forget_before(&self) -> impl Future<Output = Result<(), StoreError>>;
}

/// What is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What the agent remembers; `None` when it is new, or when that can't be understood.
    pub memory: Option<Memory>,
    /// Whether there was a memory that can't be understood, or a later one than this: nobody knows what was destroyed today.
    pub lost: bool,
    /// What the account allows; `None` when it has no guardrails; or why they can't be understood.
    pub guardrails: Option<Result<Guardrails, String>>,
    /// What people told the agent, or why that can't be understood.
    pub orders: Result<Orders, String>,
    /// Who may sign commits; `None` when the account has no list of them; or why it can't be understood.
    pub signers: Option<Result<Signers, String>>,
    /// Whose turn it is.
    pub lease: FoundLease,
    /// What is remembered of drift; nothing when that can't be understood.
    pub drifts: Drifts,
}

/// The most that a parameter holds.
const MOST: usize = 8192;

/// The two places.
pub enum Place {
    /// SSM parameters of the account.
    Parameters {
        /// SSM in the home region.
        ssm: aws_sdk_ssm::Client,
        /// Their names.
        names: BTreeMap<Document, String>,
    },
    /// Files.
    Files(BTreeMap<Document, PathBuf>),
}

/// A document's text with its version; absent when it is not there.
type Texts = BTreeMap<Document, (String, u64)>;

impl Place {
    /// Parameters of the account behind this configuration: memory under this name, the others beside it.
    pub fn parameters(config: &aws_config::SdkConfig, calls: &Calls, memory: &str) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(config).interceptor(calls.clone());
        let folder = memory.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = |document: Document| match document == Document::Memory {
            true => memory.to_owned(),
            false => format!("{folder}/{}", document.name()),
        };
        let all = Document::ALL.into_iter().chain(Document::OWN);
        let names = all.map(|document| (document, name(document))).collect();
        Self::Parameters { ssm: aws_sdk_ssm::Client::from_conf(config.build()), names }
    }

    /// Files: memory in this one, the others beside it.
    pub fn files(memory: &Path) -> Self {
        let path = |document: Document| match document == Document::Memory {
            true => memory.to_owned(),
            false => memory.with_file_name(format!("{}.{}", document.name(), document.ending())),
        };
        let all = Document::ALL.into_iter().chain(Document::OWN);
        Self::Files(all.map(|document| (document, path(document))).collect())
    }

    /// The same, with a document somewhere else in the same kind of place.
    #[must_use]
    pub fn with(mut self, document: Document, place: &str) -> Self {
        match &mut self {
            Self::Parameters { names, .. } => drop(names.insert(document, place.to_owned())),
            Self::Files(paths) => drop(paths.insert(document, place.into())),
        }
        self
    }

    /// What a document is called where it is kept.
    pub fn called(&self, document: Document) -> String {
        match self {
            Self::Parameters { names, .. } => names.get(&document).cloned().unwrap_or_default(),
            Self::Files(paths) => paths.get(&document).map(|path| path.display().to_string()).unwrap_or_default(),
        }
    }

    /// Everything that a turn begins with.
    async fn read(&self) -> Result<Texts, StoreError> {
        self.texts(&Document::ALL).await
    }

    async fn texts(&self, documents: &[Document]) -> Result<Texts, StoreError> {
        match self {
            Self::Parameters { ssm, names } => {
                // One call: a parameter that does not exist is no error in it.
                let asked = documents.iter().map(|document| names[document].clone()).collect();
                let answer = ssm.get_parameters().set_names(Some(asked)).send().await;
                let (what, first) = documents.first().map_or(("", ""), |one| (one.name(), names[one].as_str()));
                let answer = answer.map_err(|error| unreachable(what, first, "ssm:GetParameters", &error))?;
                let found = answer.parameters().iter().filter_map(|parameter| {
                    let document = names.iter().find(|(_, name)| parameter.name() == Some(name))?.0;
                    let version = u64::try_from(parameter.version()).unwrap_or_default();
                    Some((*document, (parameter.value()?.to_owned(), version)))
                });
                Ok(found.collect())
            }
            Self::Files(paths) => {
                let mut texts = Texts::new();
                for document in documents {
                    let path = &paths[document];
                    let text = plain::read(path, document.limits());
                    let file = |source| StoreError::File { what: document.name(), path: path.clone(), source };
                    if let Some(text) = text.map_err(file)? {
                        texts.insert(*document, (text, 0));
                    }
                }
                Ok(texts)
            }
        }
    }

    /// Writes a document and answers its version.
    async fn write(&self, document: Document, text: &str) -> Result<u64, StoreError> {
        match self {
            Self::Parameters { ssm, names } => {
                let name = &names[&document];
                // Over 4 KB a parameter has to be an advanced one, and can never become a standard one again: which it
                // is now, SSM knows best.
                let tier = ParameterTier::IntelligentTiering;
                let put = ssm.put_parameter().name(name).value(text).r#type(ParameterType::String).tier(tier);
                let put = put.overwrite(true).send().await;
                let put = put.map_err(|error| unreachable(document.name(), name, "ssm:PutParameter", &error))?;
                Ok(u64::try_from(put.version()).unwrap_or_default())
            }
            Self::Files(paths) => {
                let path = &paths[&document];
                let what = document.name();
                plain::replace(path, text.as_bytes(), plain::OURS).map_err(|source| StoreError::File {
                    what,
                    path: path.clone(),
                    source,
                })?;
                Ok(0)
            }
        }
    }
}

impl Place {
    fn kept(&self, texts: &Texts, (remembered, restored): (Option<Opened>, bool)) -> Kept {
        let text = |document| texts.get(&document).map(|(text, _)| text.as_str());
        let damaged = matches!(remembered, Some(Opened::Damaged));
        if damaged {
            tracing::warn!(
                "the agent's memory can't be understood and begins anew: a few change sets are made again, and what was destroyed in \
                 the last 24 hours is taken for as much as the account allows"
            );
        }
        let found = texts.get(&Document::Lease);
        let lease: Option<Lease> = found.and_then(|(text, _)| serde_json::from_str(text).ok());
        // A file has no version of its own: the one in it counts.
        let version = match (self, &lease) {
            (Self::Parameters { .. }, _) => found.map_or(0, |(_, version)| *version),
            (Self::Files(_), lease) => lease.as_ref().map_or(0, |lease| lease.over.wrapping_add(1)),
        };
        Kept {
            lost: damaged || restored,
            memory: match remembered {
                Some(Opened::Memory(memory)) => Some(*memory),
                Some(Opened::Damaged | Opened::Newer(_)) | None => None,
            },
            guardrails: text(Document::Guardrails).map(|text| rails(&self.called(Document::Guardrails), text)),
            orders: orders(texts, self),
            signers: text(Document::Signers).map(|text| {
                let place = self.called(Document::Signers);
                Signers::parse(text)
                    .map_err(|why| format!("the account's signers (`{place}`) can't be understood: {why}"))
            }),
            lease: FoundLease { lease, version },
            drifts: text(Document::Drift).map(drifts).unwrap_or_default(),
        }
    }
}

impl Store for Place {
    async fn open(&self) -> Result<Kept, StoreError> {
        let texts = self.read().await?;
        let memory = texts.get(&Document::Memory).map(|(text, _)| memory::open(text));
        Ok(match memory {
            Some(Opened::Newer(version)) => {
                let before = Opened::Memory(Box::new(self.before(version).await?));
                self.kept(&texts, (Some(before), true))
            }
            remembered => self.kept(&texts, (remembered, false)),
        })
    }

    async fn open_anew(&self) -> Result<Kept, StoreError> {
        let texts = self.read().await?;
        Ok(self.kept(&texts, (Some(Opened::Damaged), false)))
    }

    async fn save(&self, memory: &Memory) -> Result<(), StoreError> {
        let text = match self {
            Self::Parameters { names, .. } => memory::fitting(memory, MOST)
                .map_err(|bytes| StoreError::TooLarge { parameter: names[&Document::Memory].clone(), bytes })?,
            Self::Files(_) => memory::seal(memory),
        };
        self.write(Document::Memory, &text).await.map(drop)
    }

    async fn save_drifts(&self, drifts: &Drifts) -> Result<(), StoreError> {
        let most = if matches!(self, Self::Parameters { .. }) { MOST } else { usize::MAX };
        self.write(Document::Drift, &memory::drifts(drifts, most)).await.map(drop)
    }

    async fn lease(&self, lease: &Lease) -> Result<u64, StoreError> {
        let text = serde_json::to_string(lease).unwrap_or_default();
        let Self::Files(paths) = self else { return self.write(Document::Lease, &text).await };
        let path = &paths[&Document::Lease];
        let version = exchange(path, lease.over, text.as_bytes());
        version.map_err(|source| StoreError::File { what: "lease", path: path.clone(), source })
    }

    async fn leases(&self, since: u64) -> Result<Vec<(u64, Option<Lease>)>, StoreError> {
        // More than the SDK ever asks for again.
        const MOST: u64 = 8;
        let Self::Parameters { ssm, names } = self else { return Ok(Vec::new()) };
        let name = &names[&Document::Lease];
        let mut found = Vec::new();
        for version in (since.saturating_add(1)..).take(MOST as usize) {
            match ssm.get_parameter().name(format!("{name}:{version}")).send().await {
                Ok(answer) => {
                    let text = answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default();
                    found.push((version, serde_json::from_str(text).ok()));
                }
                Err(error) => {
                    let source = trouble("ssm:GetParameter", &error);
                    if source.problem == Trouble::NotFound {
                        return Ok(found);
                    }
                    return Err(StoreError::Parameter { what: "lease", parameter: name.clone(), source });
                }
            }
        }
        Ok(Vec::new())
    }

    async fn own(&self) -> Result<Own, StoreError> {
        self.read_own().await
    }

    async fn save_asked(&self, asked: Option<&Asked>) -> Result<(), StoreError> {
        self.write(Document::Release, &serde_json::to_string(&asked).unwrap_or_default()).await.map(drop)
    }

    async fn save_proof(&self, proof: &Proof) -> Result<(), StoreError> {
        self.write(Document::Proof, &serde_json::to_string(proof).unwrap_or_default()).await.map(drop)
    }

    async fn save_update(&self, state: &State) -> Result<(), StoreError> {
        self.write(Document::Update, &serde_json::to_string(state).unwrap_or_default()).await.map(drop)
    }

    async fn keep_before(&self) -> Result<(), StoreError> {
        self.copy_memory().await
    }

    async fn forget_before(&self) -> Result<(), StoreError> {
        self.write(Document::Before, "null").await.map(drop)
    }
}

/// What is remembered of drift. Without it everything is looked at again, and that is all.
fn drifts(text: &str) -> Drifts {
    serde_json::from_str(text).unwrap_or_else(|error| {
        tracing::warn!(%error, "what is remembered of drift can't be understood: every stack is looked at again");
        Drifts::default()
    })
}

/// Writes a lease over the version that it names. What SSM does by counting, a lock does here: two can't write at once.
fn exchange(path: &Path, over: u64, bytes: &[u8]) -> std::io::Result<u64> {
    let _lock = plain::locked(path)?;
    let now = plain::read(path, Document::Lease.limits())?;
    let now = now.and_then(|text| serde_json::from_str::<Lease>(&text).ok());
    let version = now.map_or(0, |lease| lease.over.wrapping_add(1));
    if version == over {
        plain::replace(path, bytes, plain::OURS)?;
        return Ok(version.wrapping_add(1));
    }
    // Somebody else's stands: it is left as it is.
    Ok(version.wrapping_add(2))
}

/// The guardrails in a text.
fn rails(called: &str, text: &str) -> Result<Guardrails, String> {
    let name = called.trim_start_matches('/').rsplit('/').next().unwrap_or_default();
    let place = name.parse().or_else(|_| "guardrails".parse()).map_err(|error| format!("{error}"))?;
    guardrails::parse(&place, text.as_bytes()).map_err(|problems| {
        let first = problems.first().map(|problem| problem.to_string().replace('\n', "; ")).unwrap_or_default();
        let more = problems.len().saturating_sub(1);
        if more == 0 { first } else { format!("{first} (and {more} more)") }
    })
}

fn orders(texts: &Texts, place: &Place) -> Result<Orders, String> {
    Ok(Orders {
        holds: order::<Vec<Hold>>(texts, place, Document::Hold)?.unwrap_or_default(),
        pin: order::<Option<Pin>>(texts, place, Document::Pin)?.flatten(),
        approvals: order::<Vec<Approval>>(texts, place, Document::Approvals)?.unwrap_or_default(),
        rollbacks: order::<Vec<Rollback>>(texts, place, Document::Rollbacks)?.unwrap_or_default(),
        reset: order::<Option<Reset>>(texts, place, Document::Reset)?.flatten(),
    })
}

fn order<T: DeserializeOwned>(texts: &Texts, place: &Place, document: Document) -> Result<Option<T>, String> {
    let Some((text, _)) = texts.get(&document) else { return Ok(None) };
    let read = serde_json::from_str(text);
    read.map(Some).map_err(|error| format!("`{}` can't be understood: {error}", place.called(document)))
}

fn unreachable<E, R>(what: &'static str, name: &str, call: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    StoreError::Parameter { what, parameter: name.to_owned(), source: trouble(call, error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_there_whole_or_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::files(&folder.path().join("deep/memory.json"));
        assert_eq!(place.open().await.unwrap().memory, None);
        let memory = Memory::new("e1".into());
        place.save(&memory).await.unwrap();
        assert_eq!(place.open().await.unwrap().memory, Some(memory));
    }

    #[tokio::test]
    async fn of_two_that_take_a_lease_at_once_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::files(&folder.path().join("memory.json"));
        let now = jiff::Timestamp::UNIX_EPOCH;
        let holder = |process| plan::lease::Holder { host: "h".into(), process, began: now };
        let (one, other) = (place.open().await.unwrap().lease, place.open().await.unwrap().lease);
        let first = place.lease(&one.taken(&holder(1), now)).await.unwrap();
        let second = place.lease(&other.taken(&holder(2), now)).await.unwrap();
        assert!(one.is_followed_by(first) && !other.is_followed_by(second));
        let found = place.open().await.unwrap().lease;
        assert_eq!(found.lease.unwrap().holder, holder(1), "who came second has not written over the first");
        assert_eq!(found.version, first);
    }

    #[tokio::test]
    async fn what_people_say_lies_beside_memory_and_is_understood_or_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::files(&folder.path().join("memory.json"));
        let (until, reason, by) = (jiff::Timestamp::MAX, "incident".to_owned(), "alice".to_owned());
        let hold = Hold { stack: None, until, reason, by };
        let say = |hold: &Hold| {
            let hold = hold.clone();
            place.tell::<StoreError>(Document::Hold, move |mut orders| {
                orders.holds.push(hold.clone());
                Ok(orders)
            })
        };
        say(&hold).await.unwrap();
        assert_eq!(place.orders().await.unwrap().holds, std::slice::from_ref(&hold));
        std::fs::write(folder.path().join("hold.json"), "nonsense").unwrap();
        let told = say(&hold).await.unwrap_err().to_string();
        assert!(told.contains("hold.json` can't be understood") && told.contains("is not written over"), "{told}");
        assert_eq!(std::fs::read_to_string(folder.path().join("hold.json")).unwrap(), "nonsense");
    }

    #[tokio::test]
    async fn guardrails_with_a_slip_are_told_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::files(&folder.path().join("memory.json"));
        let write = |text: &str| std::fs::write(folder.path().join("guardrails.yaml"), text).unwrap();
        write("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {limit: {}}\n");
        let told = place.open().await.unwrap().guardrails.unwrap().unwrap_err();
        assert_eq!(told, "guardrails.yaml:3:8: unknown field `limit`;   hint: did you mean `limits`?");
        write("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {}\n");
        assert_eq!(place.open().await.unwrap().guardrails, Some(Ok(Guardrails::default())));
    }
}
