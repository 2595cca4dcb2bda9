//! `holdfast adopt STACK`: the manifest of a stack that is there already, and what taking it over would change.
//!
//! What is shown is what a turn would do once the manifest is committed: the same reading, plan, change set and judgement,
//! with the account as it is. The change set has a name of its own and is deleted again; nothing is executed, and nothing
//! is remembered. Files are never written over. Taking over itself is a turn's business, as every change is.

use crate::{
    clock::{SystemClock, by_aws},
    cloud::{ChangeSetRequest, Cloud, CloudError, Template, aws::Aws, count::Calls},
    config::Config,
    error::{CommandError, Exit},
    forecast::beside,
    preview::{INLINE_BYTES, waited_for},
    refusal,
    shipped::{POLL, home, place, policy},
    stop::{Stopped, meant},
    store::{Kept, Store},
};
use aws_config::SdkConfig;
use clap::Args;
use jiff::Timestamp;
use manifests::{
    artifact::Below,
    id::{AccountId, Digest, Region, RepoPath, StackKey},
    nested::nested,
    parse::{Content, File, Tree, parse},
};
use plan::{
    adopt::{Draft, Existing, Secrets, beyond_tags, draft, refused},
    check::Answers,
    facts::{Change, Found},
    guard::{Begun, Judgement, Law, judge},
    health::Pasts,
    memory::Memory,
    orders::Orders,
    plan::{Facts, Policy, plan},
    preview::{Outcome, Preview, outcome},
    resolve::Values,
    select::{Account, Selected, select},
    step::{Stand, Step},
};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Which stack, and where its manifest goes.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// The stack, by CloudFormation's name; `REGION/STACK` where it is not at home
    pub stack: String,
    /// The folder that its manifest and its template are written to; what is there is never written over
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub write: PathBuf,
    /// Print them instead, and everything else to standard error
    #[arg(long, conflicts_with = "write")]
    pub stdout: bool,
}

/// What there is to take over, and what would come of it.
#[derive(Debug)]
pub struct Adoption {
    /// Which stack.
    pub key: StackKey,
    /// Its manifest.
    pub draft: Draft,
    /// Its template, as CloudFormation gives it.
    pub template: String,
    /// What taking it over changes, resource by resource.
    pub changes: Vec<Change>,
    /// What a turn would say to it.
    pub verdict: Verdict,
    /// Where manifest and template were written to, if they were.
    pub written: Vec<PathBuf>,
}

/// What a turn would say to taking a stack over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changes but tags.
    Free,
    /// More would change, so it would not be done.
    Changes,
    /// It would wait for a person, and for what.
    Held(String),
    /// CloudFormation does not take the request, and why.
    Refused(String),
}

impl Adoption {
    /// What the command ends with.
    pub fn exit(&self) -> Exit {
        match &self.verdict {
            Verdict::Refused(_) => Exit::Failed,
            Verdict::Changes => Exit::Changes,
            Verdict::Held(_) => Exit::Held,
            Verdict::Free if !self.draft.secrets.is_empty() => Exit::Held,
            Verdict::Free => Exit::Done,
        }
    }
}

/// The account that it happens in.
struct Here<'a, C> {
    cloud: &'a C,
    id: AccountId,
    home: Region,
    policy: Policy,
    memory: Memory,
    /// Why nothing begins in this account, if that is so.
    closed: Option<String>,
    now: Timestamp,
}

/// Does it.
///
/// # Errors
/// When there is nothing that could be taken over, or AWS or a file can't be read or written.
pub(crate) async fn adopt(config: &Config, aws: &SdkConfig, said: &Said) -> Result<Adoption, CommandError> {
    let (calls, home) = (Calls::default(), home(config, aws)?);
    let key = key(&said.stack, &home)?;
    let aws = aws.to_builder().region(aws_config::Region::new(home.to_string())).build();
    let cloud = Aws::new(aws.clone(), calls.clone());
    let found = cloud.account().await.map_err(Stopped::Identity)?;
    let id = meant(config.account.as_ref(), found)?;
    let kept = place(config, &aws, &calls)?.open().await.map_err(Stopped::from)?;
    let now = by_aws(&calls);
    let here = Here::new(&cloud, (id, home), policy(config), kept, now);
    let mut adoption = here.adopt(key, said).await?;
    if !said.stdout {
        adoption.written = write(&said.write, &adoption)?;
    }
    Ok(adoption)
}

/// `STACK`, or `REGION/STACK`.
fn key(stack: &str, home: &Region) -> Result<StackKey, CommandError> {
    let mistake = |error: manifests::id::Malformed| CommandError::Usage { key: "STACK", why: error.to_string() };
    let (region, stack) = match stack.split_once('/') {
        None => (home.clone(), stack),
        Some((region, stack)) => (region.parse().map_err(mistake)?, stack),
    };
    Ok(StackKey { region, stack: stack.parse().map_err(mistake)? })
}

impl<'a, C: Cloud> Here<'a, C> {
    fn new(cloud: &'a C, (id, home): (AccountId, Region), mut policy: Policy, kept: Kept, now: Timestamp) -> Self {
        let closed = match kept.guardrails {
            Some(Ok(guardrails)) => {
                policy.guardrails = guardrails;
                None
            }
            Some(Err(why)) => Some(format!("the account's guardrails can't be understood: {why}; ends when they can")),
            None => None,
        };
        let memory = kept.memory.unwrap_or_else(|| Memory::new(String::new()));
        Self { cloud, id, home, policy, memory, closed, now }
    }

    async fn adopt(&self, key: StackKey, said: &Said) -> Result<Adoption, CommandError> {
        let StackKey { region, stack } = &key;
        let Some(existing) = self.cloud.stack(&key).await? else {
            let elsewhere = format!("one in another region is asked for as `REGION/{stack}`");
            return Err(CommandError::Refused(format!("there is no stack `{stack}` in {region}; {elsewhere}")));
        };
        if let Some(why) = refused(&key, &existing, &self.policy.owner, &self.memory) {
            return Err(CommandError::Refused(why));
        }
        let template = self.cloud.template(&key, &existing.found.id).await?;
        let mut draft = draft(&key, &existing, &self.id, &template, Secrets::Open);
        if template.len() > INLINE_BYTES {
            draft.notes.push(format!(
                "its template has {} bytes, and the agent hands over {INLINE_BYTES} without an artifact bucket \
                 (`--artifact-bucket`)",
                template.len()
            ));
        }
        if !said.stdout {
            // Before CloudFormation is asked for anything that takes a while.
            [&draft.file, &draft.template].into_iter().try_for_each(|file| free(&said.write.join(file)))?;
        }
        let (changes, verdict) = self.preview(&key, &existing, &template).await?;
        Ok(Adoption { key, draft, template, changes, verdict, written: Vec::new() })
    }

    /// What a turn would make of it once the manifest is committed.
    async fn preview(
        &self,
        key: &StackKey,
        existing: &Existing,
        template: &str,
    ) -> Result<(Vec<Change>, Verdict), CommandError> {
        // A secret can't be sent, so the stack keeps it: what is shown is what comes of naming the value that it has.
        let draft = draft(key, existing, &self.id, template, Secrets::Kept);
        let selected = self.selected(&draft, template)?;
        let mut policy = self.policy.clone();
        // Whether the account lets it be taken over is told at the end, and a window opens by itself.
        policy.guardrails.may.adopt = true;
        policy.guardrails.windows.clear();
        let found = Found {
            stacks: BTreeMap::from([(key.clone(), existing.found.clone())]),
            regions: [key.region.clone()].into(),
            unreadable: BTreeMap::new(),
        };
        let facts = Facts {
            selected: &selected,
            found: &found,
            values: &Values::default(),
            memory: &self.memory,
            answers: &Answers::default(),
            pasts: &Pasts::default(),
            stopped: &BTreeMap::new(),
            policy: &policy,
            orders: &Orders::default(),
            begun: Begun::default(),
            closed: self.closed.as_deref(),
            now: self.now,
        };
        let plan = plan(&facts);
        let Some(step) = plan.steps.first() else {
            let why = match plan.rows.get(key).map(|row| &row.stand) {
                Some(Stand::Not(why)) => Verdict::Held(why.to_string()),
                Some(Stand::Settled | Stand::Due(_)) | None => Verdict::Free,
            };
            return Ok((Vec::new(), why));
        };
        let (changes, verdict) = self.change_set(step, (&selected, &policy), &draft, template).await?;
        let barred = verdict == Verdict::Free && !self.policy.guardrails.may.adopt;
        let why = "this account's guardrails don't let a stack be taken over; ends when they say `may: {adopt: true}`";
        Ok((changes, if barred { Verdict::Held(why.into()) } else { verdict }))
    }

    /// What the manifest asks of this account, read as a turn reads it.
    fn selected(&self, draft: &Draft, template: &str) -> Result<Selected, CommandError> {
        let path = |file: &str| file.parse::<RepoPath>().map_err(|error| CommandError::Refused(error.to_string()));
        let (file, beside) = (path(&draft.file)?, path(&draft.template)?);
        let files = [File { path: file, content: Content::Bytes(draft.text.as_bytes()) }];
        let repository = parse(&files, &Beside { path: beside, size: template.len() as u64 });
        if let Some(problem) = repository.problems.first() {
            let why = format!("the manifest that would ask for it as it is can't be: {problem}");
            return Err(CommandError::Refused(why.replace('\n', "; ")));
        }
        let account = Account { id: self.id.clone(), home: self.home.clone(), name: None, labels: BTreeMap::new() };
        Ok(select(&repository, account, |_| Ok(Digest::of(template.as_bytes()))))
    }

    /// Makes the change set that a turn would make, under another name, and deletes it again.
    async fn change_set(
        &self,
        step: &Step,
        (selected, policy): (&Selected, &Policy),
        draft: &Draft,
        template: &str,
    ) -> Result<(Vec<Change>, Verdict), CommandError> {
        let (Some(asked), Some(wanted)) = (step.action.asked(), selected.wanted.get(&step.key)) else {
            return Ok((Vec::new(), Verdict::Free));
        };
        let name = format!("holdfast-adopt-{}", asked.fingerprint());
        let request = ChangeSetRequest {
            key: &step.key,
            create: false,
            nested: nested(template).any,
            revert: false,
            name: &name,
            template: if template.len() > INLINE_BYTES { Template::Kept } else { Template::Inline(template) },
            asked,
            kept: &draft.secrets,
            description: "what `holdfast adopt` would change; made to be looked at",
        };
        self.cloud.create_change_set(&request).await?;
        let seen = self.described(&step.key, &name).await;
        if let Err(error) = self.cloud.delete_change_set(&step.key, &name).await {
            tracing::warn!(stack = %step.key, change_set = name, error = %error.said(), "a change set stays behind");
        }
        let (set, values, refused) = seen?;
        Ok(match outcome(&set) {
            Outcome::NoChanges => (Vec::new(), Verdict::Free),
            Outcome::Refused(why) => (Vec::new(), Verdict::Refused(refused.unwrap_or(why))),
            Outcome::Pending | Outcome::Stale => {
                (Vec::new(), Verdict::Refused("its change set could not be had in time; adopt it again".into()))
            }
            Outcome::Ready => {
                let transforms = crate::template::transforms(template);
                let preview = Preview { step, manifest: &wanted.manifest, set, transforms };
                let verdict = self.verdict(&preview, policy);
                (beside(preview.set.changes, values), verdict)
            }
        })
    }

    /// A change set that is made: plainly, with the values of properties, and why it failed if it did.
    async fn described(
        &self,
        key: &StackKey,
        name: &str,
    ) -> Result<(plan::facts::ChangeSet, Vec<Change>, Option<String>), CloudError> {
        let set = waited_for(self.cloud, &SystemClock, POLL, key, name).await?;
        let refused = match outcome(&set) {
            Outcome::Refused(_) => Some(refusal::why(self.cloud, key, &set).await),
            Outcome::Pending | Outcome::Ready | Outcome::NoChanges | Outcome::Stale => None,
        };
        // Values are for people only: without them there is less to see.
        let values = self.cloud.change_set(key, name, true).await.map(|set| set.changes).unwrap_or_default();
        Ok((set, values, refused))
    }

    /// What the guard says, as it would in a turn.
    fn verdict(&self, preview: &Preview<'_>, policy: &Policy) -> Verdict {
        if beyond_tags(&preview.set.changes).next().is_some() {
            return Verdict::Changes;
        }
        let law = Law {
            guardrails: &policy.guardrails,
            orders: &Orders::default(),
            approvals: &[],
            memory: &self.memory,
            begun: Begun::default(),
            commit: None,
            now: self.now,
        };
        match judge(preview, &law) {
            Judgement::Permitted(..) => Verdict::Free,
            Judgement::Held(held) => Verdict::Held(held.why),
            Judgement::Later(why) => Verdict::Held(why.to_string()),
        }
    }
}

/// A folder with nothing in it but the template.
struct Beside {
    path: RepoPath,
    size: u64,
}

impl Tree for Beside {
    fn size(&self, path: &RepoPath) -> Option<u64> {
        (*path == self.path).then_some(self.size)
    }

    fn below(&self, _: &RepoPath) -> Below {
        Below::default()
    }
}

/// Whether a file may be written there: nothing is written over.
fn free(path: &Path) -> Result<(), CommandError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(CommandError::Local { what: format!("{} can't be written", path.display()), source }),
        Ok(_) => Err(CommandError::Refused(format!(
            "{} is there already and is not written over; take another folder (`--write DIR`), or `--stdout`",
            path.display()
        ))),
    }
}

/// Writes template and manifest, the manifest last: without it nothing is asked for.
fn write(folder: &Path, adoption: &Adoption) -> Result<Vec<PathBuf>, CommandError> {
    let Adoption { draft, template, .. } = adoption;
    let unwritten = |path: &Path, source| {
        let what = format!("{} can't be written", path.display());
        CommandError::Local { what, source }
    };
    std::fs::create_dir_all(folder).map_err(|source| unwritten(folder, source))?;
    let mut written = Vec::new();
    for (file, text) in [(&draft.template, template), (&draft.file, &draft.text)] {
        let path = folder.join(file);
        let new = OpenOptions::new().write(true).create_new(true).open(&path);
        let done = new.and_then(|mut file| file.write_all(text.as_bytes()));
        done.map_err(|source| unwritten(&path, source))?;
        written.push(path);
    }
    written.reverse();
    Ok(written)
}
