//! `holdfast bootstrap`: the one stack that makes an account's agent, printed, looked through beforehand, or deployed.
//!
//! The template is part of the program, so that a release has one of its own. Deploying shows and executes one change set, as the
//! person who asks for it; what it would destroy is held until that person says so. Not here: what may be done to the stack
//! ([`plan::bootstrap`] decides), and any other stack: the agent makes those.

use crate::{
    clock::{SystemClock, by_aws},
    cloud::{ChangeSetRequest, Clock, Cloud, Template, aws::Aws, count::Calls},
    config::Config,
    error::{CommandError, Exit},
    pace::{Pace, Pacing},
    preview::waited_for,
    refusal,
    shipped::{POLL, home},
    stop::{Stopped, meant},
};
use aws_config::SdkConfig;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use manifests::{
    id::{Digest, StackKey},
    stack::Capability,
};
use plan::{
    asked::Asked,
    bootstrap::{Wants, Way, permit, told, way},
    facts::{Change, FoundStack, StackEvent},
    preview::{Outcome, outcome},
    stance::Stance,
};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The template of the agent's stack.
pub const TEMPLATE: &str = include_str!("../../packaging/cloudformation/agent.yaml");

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// Make or change the stack, once everything that it needs is found to be there
    #[arg(long, conflicts_with = "check")]
    pub deploy: bool,
    /// Only look whether everything is there that it needs; changes nothing
    #[arg(long)]
    pub check: bool,
    /// Where the agent's code lies: `s3://BUCKET/KEY`, in the region of the stack (CodeBucket and CodeKey)
    #[arg(long, value_name = "URL")]
    pub code: Option<String>,
    /// The code's SHA-256, as the release's list of checksums has it (CodeSha256)
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Another parameter of the template; may be there several times. What is not said keeps its value, or has the template's
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// What the stack is called
    #[arg(long, value_name = "NAME", default_value = "holdfast-agent")]
    pub stack: String,
    /// Let resources of the stack be removed or replaced, as they are listed
    #[arg(long, requires = "deploy")]
    pub destroy: bool,
}

/// The stack that is asked for.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Where.
    pub key: StackKey,
    /// What its template is told.
    pub parameters: BTreeMap<String, String>,
    /// What it wants to be told.
    pub wants: Wants,
}

/// What came of it.
#[derive(Debug)]
pub struct Deployed {
    /// What changed, or would.
    pub changes: Vec<Change>,
    /// What it came to.
    pub end: End,
}

/// What deploying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The stack is as asked, and was before.
    Same,
    /// The stack is as asked.
    Done,
    /// It would destroy this, and nobody said that it may.
    Held(Vec<String>),
    /// CloudFormation refused it, or undid it, and why.
    Failed(String),
    /// CloudFormation is still at work; nobody waits any more.
    Left,
}

impl Deployed {
    /// What the command ends with.
    pub fn exit(&self) -> Exit {
        match self.end {
            End::Same | End::Done => Exit::Done,
            End::Held(_) => Exit::Held,
            End::Failed(_) => Exit::Failed,
            End::Left => Exit::Pending,
        }
    }
}

/// The stack that these words ask for. What the configuration says of the repository and the topic is the stack's too.
///
/// # Errors
/// When a word makes no sense, or nobody said which region is home.
pub(crate) fn bundle(config: &Config, aws: &SdkConfig, said: &Said) -> Result<Bundle, CommandError> {
    let usage = |key: &'static str, why: String| CommandError::Usage { key, why };
    let stack = said.stack.parse().map_err(|error: manifests::id::Malformed| usage("--stack", error.to_string()))?;
    let mut parameters = BTreeMap::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            parameters.insert(name.to_owned(), value.to_owned());
        }
    };
    put("Version", Some(env!("CARGO_PKG_VERSION")));
    put("RepositoryUrl", config.repository.as_deref());
    put("RepositoryBranch", (config.branch != "main").then_some(config.branch.as_str()));
    put("RepositoryPath", config.path.as_ref().map(AsRef::as_ref));
    put("RepositoryUser", config.git_user.as_deref());
    put("RepositorySecret", config.git_secret_parameter.as_deref());
    put("HubTopicArn", config.topic.as_deref());
    put("CodeSha256", said.sha256.as_deref());
    if let Some(code) = &said.code {
        let place = code.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let place = place.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
        let (bucket, key) =
            place.ok_or_else(|| usage("--code", "it is an address such as `s3://BUCKET/KEY`".into()))?;
        put("CodeBucket", Some(bucket));
        put("CodeKey", Some(key));
    }
    for parameter in &said.parameters {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| usage("--parameter", format!("`{parameter}` is no `NAME=VALUE`")))?;
        put(name, Some(value));
    }
    Ok(Bundle { key: StackKey { region: home(config, aws)?, stack }, parameters, wants: wants() })
}

/// The parameters of the template.
fn wants() -> Wants {
    #[derive(Deserialize)]
    struct Read {
        #[serde(rename = "Parameters")]
        parameters: BTreeMap<String, Declared>,
    }
    #[derive(Deserialize)]
    struct Declared {
        #[serde(rename = "Default")]
        default: Option<IgnoredAny>,
    }
    let read: Read = serde_saphyr::from_str(TEMPLATE).expect("the program's own template can be read");
    let (optional, required): (Vec<_>, Vec<_>) =
        read.parameters.into_iter().partition(|(_, declared)| declared.default.is_some());
    let names = |all: Vec<(String, Declared)>| all.into_iter().map(|(name, _)| name).collect();
    Wants { required: names(required), optional: names(optional) }
}

impl Bundle {
    /// Whether its template is told what it has to be, and nothing else.
    ///
    /// # Errors
    /// What is wrong, one sentence each.
    pub fn sound(&self, found: Option<&FoundStack>) -> Result<(), Vec<String>> {
        let mut all = self.parameters.clone();
        // What a stack was told once it knows.
        for (name, value) in found.iter().flat_map(|found| &found.parameters) {
            if self.wants.required.contains(name) {
                all.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        told(&self.wants, &all)
    }

    /// What is asked of CloudFormation.
    fn asked(&self) -> Asked {
        Asked {
            template: Digest::of(TEMPLATE.as_bytes()),
            parameters: self.parameters.clone(),
            tags: BTreeMap::from([("holdfast:part".to_owned(), "agent".to_owned())]),
            capabilities: BTreeSet::from([Capability::NamedIam]),
            role: None,
            alarms: Vec::new(),
            monitor_min: 0,
            import_existing: false,
        }
    }

    /// The parameters that keep the value that the stack has.
    fn kept(&self, found: Option<&FoundStack>) -> BTreeSet<String> {
        let names = found.iter().flat_map(|found| found.parameters.keys());
        let known = |name: &&String| self.wants.required.contains(*name) || self.wants.optional.contains(*name);
        names.filter(known).filter(|name| !self.parameters.contains_key(*name)).cloned().collect()
    }
}

/// Makes the stack what is asked, and waits until CloudFormation is done with it; `tell` hears of everything that happens to it.
///
/// # Errors
/// When it can't be begun, or AWS can't be asked.
pub(crate) async fn deploy(
    (config, aws): (&Config, &SdkConfig),
    (bundle, may_destroy): (&Bundle, bool),
    tell: &mut dyn FnMut(&StackEvent),
    stop: impl Future<Output = ()>,
) -> Result<Deployed, CommandError> {
    let calls = Calls::default();
    let cloud = Aws::new(aws.clone(), calls.clone());
    meant(config.account.as_ref(), cloud.account().await.map_err(Stopped::Identity)?)?;
    let key = &bundle.key;
    let found = cloud.stack(key).await?.map(|existing| existing.found);
    let way = way(key.stack.as_str(), found.as_ref()).map_err(CommandError::Refused)?;
    bundle.sound(found.as_ref()).map_err(|wrong| CommandError::Refused(wrong.join("; ")))?;
    // A stack that is made anew has nothing to keep.
    let kept = if way == Way::Make { BTreeSet::new() } else { bundle.kept(found.as_ref()) };
    let mut asked = bundle.asked();
    asked.parameters.extend(kept.iter().map(|name| (name.clone(), String::new())));
    let name = format!("holdfast-bootstrap-{}", asked.fingerprint());
    let request = ChangeSetRequest {
        key,
        create: way == Way::Make,
        nested: false,
        revert: false,
        name: &name,
        template: Template::Inline(TEMPLATE),
        asked: &asked,
        kept: &kept,
        description: "holdfast bootstrap",
    };
    cloud.create_change_set(&request).await?;
    let set = waited_for(&cloud, &SystemClock, POLL, key, &name).await?;
    let end = match outcome(&set) {
        Outcome::NoChanges => End::Same,
        Outcome::Refused(_) => End::Failed(refusal::why(&cloud, key, &set).await),
        Outcome::Pending | Outcome::Stale => End::Failed("its change set could not be had in time; ask again".into()),
        Outcome::Ready => match permit(key, &set, may_destroy) {
            Err(destroyed) => End::Held(destroyed),
            Ok(permit) => {
                let began = by_aws(&calls);
                cloud.act(&permit).await?;
                tokio::select! {
                    end = watched(&cloud, (key, &set.stack_id, Goal::Up), (began, permit.token()), tell) => end?,
                    () = stop => End::Left,
                }
            }
        },
    };
    if !matches!(end, End::Done | End::Left) {
        // A failed one is in the way of the next of its name.
        if let Err(error) = cloud.delete_change_set(key, &name).await {
            tracing::warn!(change_set = name, %error, "a change set stays behind");
        }
    }
    Ok(Deployed { changes: set.changes, end })
}

/// What a stack is meant to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// As asked.
    Up,
    /// No more.
    Gone,
}

/// Waits until CloudFormation is done with a stack.
pub(crate) async fn watched(
    cloud: &Aws,
    (key, stack_id, goal): (&StackKey, &str, Goal),
    (began, token): (Timestamp, &str),
    tell: &mut dyn FnMut(&StackEvent),
) -> Result<End, CommandError> {
    const WAITS: Pacing = Pacing { first: Duration::from_millis(200), most: Duration::from_secs(5), jitter: 0.2 };
    /// For how long what was asked for may not have begun: so long it may be that a stack still shows what it was before.
    const LATEST: SignedDuration = SignedDuration::from_mins(2);
    let (mut pace, mut seen) = (Pace::new(WAITS), BTreeSet::new());
    let (mut first_failure, mut was_busy, asked) = (None, false, SystemClock.now());
    loop {
        let now = cloud.stack(key).await?.map(|existing| existing.found);
        let mut events = cloud.events(&key.region, stack_id, Some(began)).await?;
        events.retain(|event| event.token.as_deref() == Some(token));
        events.sort_by_key(|event| event.at);
        for event in &events {
            if seen.insert((event.at, event.logical.clone(), event.status.clone())) {
                tell(event);
                if event.status.ends_with("_FAILED") && first_failure.is_none() {
                    let why = event.reason.as_deref().unwrap_or("CloudFormation does not say why");
                    first_failure = Some(format!("{} ({}): {why}", event.logical, event.kind));
                }
            }
        }
        let Some(found) = now.filter(|found| found.id == stack_id) else { return Ok(End::Done) };
        let why = || first_failure.clone().or_else(|| found.reason.clone()).unwrap_or_default();
        let stance = found.stance();
        was_busy |= stance == Some(Stance::Busy);
        // What was asked for may not have begun yet, and then the stack shows how something before it ended.
        let begun = was_busy || !seen.is_empty() || SystemClock.now().duration_since(asked) > LATEST;
        match (stance, goal) {
            (Some(Stance::Absent), _) => return Ok(End::Done),
            (Some(Stance::Busy), _) => SystemClock.sleep(pace.wait()).await,
            (Some(Stance::Shell), Goal::Up) => SystemClock.sleep(pace.wait()).await,
            _ if !begun => SystemClock.sleep(pace.wait()).await,
            (Some(Stance::Ready), Goal::Up) => return Ok(End::Done),
            // A deletion that CloudFormation gave up leaves the stack as it was.
            (Some(Stance::Ready | Stance::Shell | Stance::Undone | Stance::Stillborn | Stance::Stuck(_)) | None, _) => {
                return Ok(End::Failed(why()));
            }
        }
    }
}
