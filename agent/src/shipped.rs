//! The world that ships: git over gix, AWS over its SDK, memory in SSM or a file, reports to SNS, the machine's clock.

use crate::{
    checks::web::Direct,
    clock::SystemClock,
    cloud::{Clock, aws::Aws, count::Calls, trouble::trouble},
    config::{Config, ConfigError, MemoryPlace},
    error::CommandError,
    git::{
        Origin, Repository, Ssh,
        error::{Fault, FetchError},
    },
    itself::Itself,
    pace::Pacing,
    ready,
    seal::Seal,
    secret::Secret,
    send::Outlet,
    store::{Document, Place},
    wake::{Door, Queue},
    world::{Settings, Sight, World},
};
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use jiff::SignedDuration;
use manifests::{
    guardrails::Guardrails,
    id::{Digest, Region, RepoPath},
    trust::FOLDER,
};
use plan::{lease::Holder, plan::Policy, shelf::Rules};
use std::{cell::Cell, time::Duration};

/// Shows what a turn sees to whoever watches.
pub trait Watcher {
    /// One sight.
    fn see(&self, sight: &Sight<'_>);
}

/// Nobody watches.
pub struct Nobody;

impl Watcher for Nobody {
    fn see(&self, _: &Sight<'_>) {}
}

/// The world that ships.
pub struct Shipped<V> {
    source: Repository<Secret>,
    cloud: Aws,
    web: Direct,
    store: Place,
    sink: Outlet,
    gate: Option<ready::Shipped>,
    bell: Door,
    clock: SystemClock,
    watcher: V,
    leaving: Cell<bool>,
}

impl<V: Watcher> Shipped<V> {
    /// Prepares every door. Nothing is asked of anybody yet.
    ///
    /// # Errors
    /// When the repository's URL or the region is missing or can't be used.
    pub fn new(config: &Config, aws: &SdkConfig, calls: Calls, watcher: V) -> Result<(Self, Settings), CommandError> {
        let url = config.repository()?.to_owned();
        let home = home(config, aws)?;
        let settings = settings(config, &url, home.clone());
        let aws = aws.to_builder().region(aws_config::Region::new(home.to_string())).build();
        let origin = Origin {
            url,
            branch: config.branch.clone(),
            path: config.path.clone(),
            cache: config.cache.join(copy(&settings.repository, &config.branch)),
            authorities: config.git_authorities.clone(),
            ssh: Ssh { known_hosts: config.ssh_known_hosts.clone(), key: config.ssh_key.clone(), ..Ssh::default() },
            limits: config.limits,
        };
        let store = place(config, &aws, &calls)?;
        let sink = config.topic.as_ref().map_or(Outlet::Nowhere, |arn| {
            Outlet::topic(&aws, &calls, (arn, Seal::new(&config.memory, &aws, &calls, arn)))
        });
        let gate = gate(config, &aws, &calls);
        let shipped = Self {
            source: Repository::new(origin, Secret::new(config, &aws, &calls)).map_err(unusable)?,
            bell: config.events.as_ref().map_or(Door::Silent, |url| Door::Queue(Queue::new(&aws, &calls, url))),
            cloud: Aws::new(aws, calls),
            web: Direct::default(),
            store,
            sink,
            gate,
            clock: SystemClock,
            watcher,
            leaving: Cell::new(false),
        };
        Ok((shipped, settings))
    }
}

impl<V: Watcher> World for Shipped<V> {
    type Source = Repository<Secret>;
    type Cloud = Aws;
    type Web = Direct;
    type Store = Place;
    type Sink = Outlet;
    type Gate = ready::Shipped;
    type Bell = Door;
    type Clock = SystemClock;

    fn source(&self) -> &Self::Source {
        &self.source
    }

    fn cloud(&self) -> &Self::Cloud {
        &self.cloud
    }

    fn web(&self) -> &Self::Web {
        &self.web
    }

    fn store(&self) -> &Self::Store {
        &self.store
    }

    fn sink(&self) -> &Self::Sink {
        &self.sink
    }

    fn gate(&self) -> Option<&Self::Gate> {
        self.gate.as_ref()
    }

    fn bell(&self) -> &Self::Bell {
        &self.bell
    }

    fn clock(&self) -> &Self::Clock {
        &self.clock
    }

    fn show(&self, sight: &Sight<'_>) {
        self.watcher.see(sight);
    }

    fn alive(&self, process: u32) -> bool {
        alive(process)
    }

    fn leave(&self) {
        self.leaving.set(true);
    }

    fn leaving(&self) -> bool {
        self.leaving.get()
    }
}

/// Where the account keeps what is its agent's business.
///
/// # Errors
/// When nobody said which region is home.
pub fn place(config: &Config, aws: &SdkConfig, calls: &Calls) -> Result<Place, ConfigError> {
    let store = match &config.memory {
        MemoryPlace::Parameter(name) => {
            let home = aws_config::Region::new(home(config, aws)?.to_string());
            Place::parameters(&aws.to_builder().region(home).build(), calls, name)
        }
        MemoryPlace::File(path) => Place::files(path),
    };
    let named = [(Document::Guardrails, &config.guardrails), (Document::Signers, &config.signers)];
    let named = named.into_iter().filter_map(|(document, place)| Some((document, place.as_ref()?)));
    Ok(named.fold(store, |store, (document, place)| store.with(document, place)))
}

/// Where it is said that the account is ready, if somebody asked for it: beside memory, unless it was said where.
fn gate(config: &Config, aws: &SdkConfig, calls: &Calls) -> Option<ready::Shipped> {
    if config.ready.is_none() && config.ready_signal.is_none() {
        return None;
    }
    let gate = match &config.memory {
        MemoryPlace::Parameter(memory) => {
            let beside = || format!("{}/ready", memory.rsplit_once('/').map_or("", |(folder, _)| folder));
            ready::Shipped::parameter(aws, calls, config.ready.clone().unwrap_or_else(beside))
        }
        MemoryPlace::File(memory) => {
            let beside = || memory.with_file_name("ready.json");
            ready::Shipped::file(config.ready.as_ref().map_or_else(beside, Into::into))
        }
    };
    Some(gate.with(config.ready_signal.clone().map(|handle| (handle, signed(config.ready_within)))))
}

/// The AWS configuration, as every AWS program finds it: environment, profile, container, instance. A region that is
/// known already is not looked for.
pub async fn aws(region: Option<&str>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(180));
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    if let Some(region) = region {
        loader = loader.region(aws_config::Region::new(region.to_owned()));
    }
    loader
        .retry_config(RetryConfig::adaptive().with_max_attempts(6).with_max_backoff(Duration::from_secs(20)))
        .timeout_config(timeouts.build())
        .load()
        .await
}

/// Reads a configuration that is kept in SSM.
///
/// # Errors
/// When it can't be read.
pub async fn configuration(aws: &SdkConfig, name: &str) -> Result<String, ConfigError> {
    let ssm = aws_sdk_ssm::Client::new(aws);
    let answer = ssm.get_parameter().name(name).with_decryption(true).send().await;
    let answer = answer.map_err(|error| {
        let why = trouble("ssm:GetParameter", &error).to_string();
        ConfigError::Parameter { name: name.to_owned(), why }
    })?;
    Ok(answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default())
}

fn missing(key: &'static str, why: &str) -> ConfigError {
    ConfigError::Value { key, why: why.into() }
}

/// The region that the account's agent is at home in.
///
/// # Errors
/// When nobody said, or it is none.
pub(crate) fn home(config: &Config, aws: &SdkConfig) -> Result<Region, ConfigError> {
    if let Some(region) = &config.region {
        return Ok(region.clone());
    }
    let region =
        aws.region().ok_or_else(|| missing("--region", "no region is configured (AWS_REGION, a profile, or this)"))?;
    region.as_ref().parse().map_err(|error: manifests::id::Malformed| missing("--region", &error.to_string()))
}

/// How soon, and how rarely at most, what CloudFormation is at work on is looked at again.
pub(crate) const POLL: Pacing = Pacing { first: Duration::from_millis(200), most: Duration::from_secs(2), jitter: 0.3 };

/// What is decided by, where the account has no guardrails.
pub(crate) fn policy(config: &Config) -> Policy {
    Policy {
        owner: config.owner.clone(),
        concurrency: config.concurrency,
        attempts: config.attempts,
        retry_after: signed(config.retry_after),
        guardrails: Guardrails::default(),
    }
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

fn settings(config: &Config, url: &str, home: Region) -> Settings {
    Settings {
        version: env!("CARGO_PKG_VERSION"),
        itself: Itself::here(),
        repository: without_secret(url),
        branch: config.branch.clone(),
        home,
        account: config.account.clone(),
        me: me(),
        signatures: config.signatures,
        trust: trust_folder(config.path.as_ref()),
        signed_tags: config.signed_tags.clone(),
        fresh: config.fresh.map(signed),
        guarded: config.guardrails.is_some(),
        policy: policy(config),
        role: config.role.clone(),
        drift_calls: config.drift_calls,
        listens: config.events.is_some(),
        heal: None,
        shelving: config.artifact_bucket.clone().map(|bucket| Rules {
            bucket,
            owner: config.owner.clone(),
            unused: signed(config.artifact_age),
        }),
        turn: signed(config.turn),
        poll: POLL,
        heartbeat: signed(config.heartbeat),
        rest: None,
    }
}

/// Where the repository says who may sign. (Below a path that is too long for another name, nothing can lie anyway.)
fn trust_folder(path: Option<&RepoPath>) -> RepoPath {
    let inside = path.map_or_else(|| FOLDER.to_owned(), |path| format!("{path}/{FOLDER}"));
    inside.parse().ok().or_else(|| path.cloned()).expect("a folder's name alone is a path")
}

/// Whether a process of this machine, container or function instance still runs.
pub(crate) fn alive(process: u32) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

/// Who this process is: on the machine, or in the container or function instance, whose list of processes it is in.
pub(crate) fn me() -> Holder {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let spaces = std::fs::read_link("/proc/self/ns/pid").map(|path| path.display().to_string()).unwrap_or_default();
    // Every instance of a function has the same name and the same first process; what it logs to is its own.
    let said = |name: &str| std::env::var(name).unwrap_or_default();
    let instance = format!("{} {}", said("AWS_LAMBDA_FUNCTION_NAME"), said("AWS_LAMBDA_LOG_STREAM_NAME"));
    let (name, boot) = (read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"));
    let host = format!("{name}|{boot}|{spaces}|{instance}");
    Holder { host, process: std::process::id(), began: SystemClock.now() }
}

/// The folder of one repository and branch in the cache: a copy has one owner at a time, and agents of different
/// repositories should not wait for each other.
fn copy(repository: &str, branch: &str) -> String {
    Digest::of(format!("{repository}\n{branch}").as_bytes()).short(16).to_owned()
}

/// An address or a branch's name that can't be used is a mistake in the configuration.
fn unusable(error: FetchError) -> CommandError {
    let key = match error.kind {
        Fault::Refused => "--repository",
        Fault::NoBranch => "--branch",
        Fault::Unreachable
        | Fault::Busy
        | Fault::Slow
        | Fault::TooMuch
        | Fault::Unauthorized
        | Fault::NotFound
        | Fault::Broken
        | Fault::Empty
        | Fault::Protocol
        | Fault::Local => return error.into(),
    };
    ConfigError::Value { key, why: error.message }.into()
}

/// A URL as it may be shown: whatever stands before its host's `@` is left out, and so are a query and a fragment.
fn without_secret(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let mut shown = path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"));
    shown.truncate(shown.find(['?', '#']).unwrap_or(shown.len()));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: &str) {
        assert_eq!(without_secret(url), expect);
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        check("https://user:canary@git.example/a/b", "https://git.example/a/b");
        check("https://canary@git.example", "https://git.example");
        check("https://git.example/a@b", "https://git.example/a@b");
        check("https://git.example/a/b?token=canary", "https://git.example/a/b");
        check("https://git.example/a/b#canary", "https://git.example/a/b");
        check("https://git.example?token=canary/a@b", "https://git.example");
        check("https://u:canary@git.example/a#canary?token=canary", "https://git.example/a");
        check("https://u:ca#nary@git.example/a", "https://git.example/a");
        check("git@git.example:a/b", "git@git.example:a/b");
        check("/srv/manifests", "/srv/manifests");
    }

    #[test]
    fn every_repository_and_branch_has_a_copy_of_its_own() {
        let all = [("a", "main"), ("b", "main"), ("a", "next")].map(|(url, branch)| copy(url, branch));
        assert_eq!(std::collections::BTreeSet::from(all.clone()).len(), all.len());
    }
}
