//! The configuration: flags, then environment, then a file, then defaults, resolved once.
//!
//! All of it is the account's own; nothing here is read from the manifests repository. What is a secret is never in it,
//! only where the secret is.

mod caps;
mod file;
mod values;

pub use caps::Caps;

use crate::{
    git::{Limits, tags::Prefix},
    ready::Handle,
    trust::Policy,
};
use clap::Args;
use file::File;
use manifests::id::{AccountId, Arn, Region, RepoPath};
use std::{path::PathBuf, time::Duration};
use values::{bucket, default_cache, handle, memory_place, owner, parsed, tags, value};

/// The flags that every command takes. Each is also an environment variable and a key of the configuration file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration (flag, environment, or the file's key of the same name in camelCase)")]
pub struct Flags {
    /// Configuration file (YAML), or `ssm:/name` for an SSM parameter that holds one
    #[arg(long, global = true, env = "HOLDFAST_CONFIG", value_name = "FILE")]
    pub config: Option<String>,
    /// The manifests repository: https, ssh, or a path
    #[arg(long, global = true, env = "HOLDFAST_REPOSITORY", value_name = "URL", hide_env_values = true)]
    pub repository: Option<String>,
    /// The branch to follow [default: main]
    #[arg(long, global = true, env = "HOLDFAST_BRANCH")]
    pub branch: Option<String>,
    /// The folder in it that holds the manifests [default: all of it]
    #[arg(long, global = true, env = "HOLDFAST_PATH", value_name = "FOLDER")]
    pub path: Option<String>,
    /// User name for git over https; without one, the secret is sent as a bearer token
    #[arg(long, global = true, env = "HOLDFAST_GIT_USER", value_name = "NAME")]
    pub git_user: Option<String>,
    /// SSM SecureString that holds the git password or token (or set HOLDFAST_GIT_SECRET)
    #[arg(long, global = true, env = "HOLDFAST_GIT_SECRET_PARAMETER", value_name = "NAME")]
    pub git_secret_parameter: Option<String>,
    /// File that holds the git password or token; read anew for every look at the remote, because tokens are rotated
    #[arg(long, global = true, env = "HOLDFAST_GIT_SECRET_FILE", value_name = "FILE")]
    pub git_secret_file: Option<PathBuf>,
    /// PEM file of further certificate authorities for git over https
    #[arg(long, global = true, env = "HOLDFAST_GIT_AUTHORITIES", value_name = "FILE")]
    pub git_authorities: Option<PathBuf>,
    /// File of the ssh server's host keys, in OpenSSH's format `known_hosts`: no other is believed [default: what ssh finds;
    /// a key that is not known is refused in any case]
    #[arg(long, global = true, env = "HOLDFAST_SSH_KNOWN_HOSTS", value_name = "FILE")]
    pub ssh_known_hosts: Option<PathBuf>,
    /// Private key for git over ssh, without a passphrase [default: what ssh finds]
    #[arg(long, global = true, env = "HOLDFAST_SSH_KEY", value_name = "FILE")]
    pub ssh_key: Option<PathBuf>,
    /// Where git objects are kept between turns [default: a folder of the user's cache]
    #[arg(long, global = true, env = "HOLDFAST_CACHE", value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// The account this agent is for; refuses to run in another
    #[arg(long, global = true, env = "HOLDFAST_ACCOUNT", value_name = "ID")]
    pub account: Option<String>,
    /// The home region [default: the AWS configuration's]
    #[arg(long, global = true, env = "HOLDFAST_REGION")]
    pub region: Option<String>,
    /// Where the agent remembers: `ssm:/name` or `file:PATH` [default: ssm:/holdfast/memory]
    #[arg(long, global = true, env = "HOLDFAST_MEMORY", value_name = "PLACE")]
    pub memory: Option<String>,
    /// The account's guardrails: an SSM parameter's name or a file, in the kind of place where memory is; the account then
    /// has to have them [default: `guardrails` beside memory, and what holds without any if there are none]
    #[arg(long, global = true, env = "HOLDFAST_GUARDRAILS", value_name = "PLACE")]
    pub guardrails: Option<String>,
    /// Who may sign commits, in OpenSSH's format of allowed signers: an SSM parameter's name or a file, in the kind of place
    /// where memory is [default: `signers` beside memory]
    #[arg(long, global = true, env = "HOLDFAST_SIGNERS", value_name = "PLACE")]
    pub signers: Option<String>,
    /// What to make of signatures [default: required if the account has a list of signers, off if not]
    #[arg(long, global = true, env = "HOLDFAST_SIGNATURES", value_enum, value_name = "POLICY")]
    pub signatures: Option<Policy>,
    /// Tags whose names begin so may speak for a head that is not signed itself, when they are signed and point at exactly it;
    /// an unsigned head then costs a look at all of them [default: no tag may]
    #[arg(long, global = true, env = "HOLDFAST_SIGNED_TAGS", value_name = "PREFIX")]
    pub signed_tags: Option<String>,
    /// How long the branch may stand still before it is told to be stale: somebody may be holding commits back [default: for
    /// ever]
    #[arg(long, global = true, env = "HOLDFAST_FRESH", value_name = "TIME")]
    pub fresh: Option<String>,
    /// SNS topic that reports go to
    #[arg(long, global = true, env = "HOLDFAST_TOPIC", value_name = "ARN")]
    pub topic: Option<String>,
    /// Where it is said that the account is ready, after the first turn that brought all of it in sync: an SSM parameter's name
    /// or a file, in the kind of place where memory is [default: nowhere]
    #[arg(long, global = true, env = "HOLDFAST_READY", value_name = "PLACE")]
    pub ready: Option<String>,
    /// Handle of a CloudFormation wait condition, which is signalled then, or with what is in the way
    #[arg(long, global = true, env = "HOLDFAST_READY_SIGNAL", value_name = "URL", hide_env_values = true)]
    pub ready_signal: Option<String>,
    /// How long that wait condition waits: when three quarters are over, a failure is signalled [default: 1h]
    #[arg(long, global = true, env = "HOLDFAST_READY_WITHIN", value_name = "TIME")]
    pub ready_within: Option<String>,
    /// Bucket for artifacts, nested templates and those over 51,200 bytes; `{account}` and `{region}` may stand in it
    #[arg(long, global = true, env = "HOLDFAST_ARTIFACT_BUCKET", value_name = "NAME")]
    pub artifact_bucket: Option<String>,
    /// How old an object that nothing uses has to be before it is deleted from it [default: 30d]
    #[arg(long, global = true, env = "HOLDFAST_ARTIFACT_AGE", value_name = "TIME")]
    pub artifact_age: Option<String>,
    /// Name of this installation, the value of the tag holdfast:owner [default: holdfast]
    #[arg(long, global = true, env = "HOLDFAST_OWNER", value_name = "NAME")]
    pub owner: Option<String>,
    /// Service role of stacks whose manifests name none: CloudFormation changes them as this role, not with the agent's own
    /// permissions [default: none]
    #[arg(long, global = true, env = "HOLDFAST_ROLE", value_name = "ARN")]
    pub role: Option<String>,
    /// How long to rest between turns [default: 60s]
    #[arg(long, global = true, env = "HOLDFAST_INTERVAL", value_name = "TIME")]
    pub interval: Option<String>,
    /// How long to stay quiet at most while nothing changes [default: 1h]
    #[arg(long, global = true, env = "HOLDFAST_HEARTBEAT", value_name = "TIME")]
    pub heartbeat: Option<String>,
    /// How long one turn goes on watching [default: 15m]
    #[arg(long, global = true, env = "HOLDFAST_TURN", value_name = "TIME")]
    pub turn: Option<String>,
    /// How many stacks are changed at a time [default: 4]
    #[arg(long, global = true, env = "HOLDFAST_CONCURRENCY", value_name = "N")]
    pub concurrency: Option<usize>,
    /// How often one request is tried before it takes another commit [default: 2]
    #[arg(long, global = true, env = "HOLDFAST_ATTEMPTS", value_name = "N")]
    pub attempts: Option<u32>,
    /// How long after a failure it is tried again [default: 15m]
    #[arg(long, global = true, env = "HOLDFAST_RETRY_AFTER", value_name = "TIME")]
    pub retry_after: Option<String>,
    /// SQS queue of EventBridge events that wake the agent when somebody changes something [default: none, and changes are
    /// found by schedule]
    #[arg(long, global = true, env = "HOLDFAST_EVENTS", value_name = "URL")]
    pub events: Option<String>,
    /// How many calls a minute may look for drift, and ask CloudTrail who it was [default: 30]
    #[arg(long, global = true, env = "HOLDFAST_DRIFT_CALLS", value_name = "N")]
    pub drift_calls: Option<u32>,
    /// What the repository may cost.
    #[command(flatten)]
    pub caps: Caps,
}

/// The configuration, complete.
#[derive(Debug, Clone)]
pub struct Config {
    /// The repository's URL, as written.
    pub repository: Option<String>,
    /// The branch.
    pub branch: String,
    /// The folder with the manifests.
    pub path: Option<RepoPath>,
    /// User name for git.
    pub git_user: Option<String>,
    /// SSM parameter with the git secret.
    pub git_secret_parameter: Option<String>,
    /// File with the git secret.
    pub git_secret_file: Option<PathBuf>,
    /// Further certificate authorities.
    pub git_authorities: Option<PathBuf>,
    /// The host keys that are believed.
    pub ssh_known_hosts: Option<PathBuf>,
    /// The private key for ssh.
    pub ssh_key: Option<PathBuf>,
    /// Where git objects are kept.
    pub cache: PathBuf,
    /// The account it is for.
    pub account: Option<AccountId>,
    /// The home region, if it is not the AWS configuration's.
    pub region: Option<Region>,
    /// Where memory is kept.
    pub memory: MemoryPlace,
    /// Where the account's guardrails are, if that was said.
    pub guardrails: Option<String>,
    /// Where the list of those who may sign is, if that was said.
    pub signers: Option<String>,
    /// What is made of signatures, if that was said.
    pub signatures: Option<Policy>,
    /// Which tags may speak for a head that is not signed itself.
    pub signed_tags: Option<Prefix>,
    /// How long the branch may stand still.
    pub fresh: Option<Duration>,
    /// Where reports go.
    pub topic: Option<String>,
    /// Where it is said that the account is ready.
    pub ready: Option<String>,
    /// Who waits for it.
    pub ready_signal: Option<Handle>,
    /// For how long they do.
    pub ready_within: Duration,
    /// Where artifacts and large and nested templates go.
    pub artifact_bucket: Option<String>,
    /// How old what is unused there has to be before it goes.
    pub artifact_age: Duration,
    /// The installation's name.
    pub owner: String,
    /// The service role of stacks whose manifests name none.
    pub role: Option<Arn>,
    /// The rest between turns.
    pub interval: Duration,
    /// The longest silence.
    pub heartbeat: Duration,
    /// The longest turn.
    pub turn: Duration,
    /// How many stacks at a time.
    pub concurrency: usize,
    /// The queue of events.
    pub events: Option<String>,
    /// How many calls a minute look for drift.
    pub drift_calls: u32,
    /// How many attempts.
    pub attempts: u32,
    /// How long between them.
    pub retry_after: Duration,
    /// What the repository may cost.
    pub limits: Limits,
}

/// Where memory is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryPlace {
    /// An SSM parameter.
    Parameter(String),
    /// A file.
    File(PathBuf),
}

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("the configuration file {} can't be read", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The SSM parameter could not be read.
    #[error("the configuration parameter `{name}` can't be read: {why}")]
    Parameter {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// It is not what a configuration looks like.
    #[error("{place}: {why}")]
    Content {
        /// Where it was read.
        place: String,
        /// What is wrong, with line and column.
        why: String,
    },
    /// A value is not what it should be.
    #[error("`{key}`: {why}")]
    Value {
        /// Which setting, as its flag.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Flags {
    /// The configuration: these flags (and the environment), over this text of a file, over the defaults.
    ///
    /// # Errors
    /// When any of it can't be understood.
    pub fn over(self, file: Option<(&str, &str)>) -> Result<Config, ConfigError> {
        let mut file: File = match file {
            None => File::default(),
            Some((_, text)) if text.trim().is_empty() => File::default(),
            Some((place, text)) => serde_saphyr::from_str(text).map_err(|error| ConfigError::Content {
                place: place.to_owned(),
                why: error.without_snippet().to_string(),
            })?,
        };
        let time = |key, text: Option<String>, default: u64| match text {
            None => Ok(Duration::from_secs(default)),
            Some(text) => manifests::id::duration(&text).map_err(|error| value(key, &error)),
        };
        let concurrency = self.concurrency.or(file.concurrency).unwrap_or(4);
        if concurrency == 0 {
            return Err(ConfigError::Value {
                key: "--concurrency",
                why: "at least one stack has to be changed at a time".into(),
            });
        }
        Ok(Config {
            limits: self.caps.over(file.caps())?,
            repository: self.repository.or(file.repository),
            branch: self.branch.or(file.branch).unwrap_or_else(|| "main".into()),
            path: parsed("--path", self.path.or(file.path))?,
            git_user: self.git_user.or(file.git_user),
            git_secret_parameter: self.git_secret_parameter.or(file.git_secret_parameter),
            git_secret_file: self.git_secret_file.or(file.git_secret_file),
            git_authorities: self.git_authorities.or(file.git_authorities),
            ssh_known_hosts: self.ssh_known_hosts.or(file.ssh_known_hosts),
            ssh_key: self.ssh_key.or(file.ssh_key),
            cache: self.cache.or(file.cache).unwrap_or_else(default_cache),
            account: parsed("--account", self.account.or(file.account))?,
            region: parsed("--region", self.region.or(file.region))?,
            memory: memory_place(self.memory.or(file.memory))?,
            guardrails: self.guardrails.or(file.guardrails),
            signers: self.signers.or(file.signers),
            signatures: self.signatures.or(file.signatures),
            signed_tags: tags(self.signed_tags.or(file.signed_tags))?,
            fresh: match self.fresh.or(file.fresh) {
                None => None,
                Some(text) => Some(time("--fresh", Some(text), 0)?),
            },
            topic: self.topic.or(file.topic),
            ready: self.ready.or(file.ready).filter(|place| !place.is_empty()),
            ready_signal: handle(self.ready_signal.or(file.ready_signal))?,
            ready_within: time("--ready-within", self.ready_within.or(file.ready_within), 3_600)?,
            artifact_bucket: bucket(self.artifact_bucket.or(file.artifact_bucket))?,
            artifact_age: time("--artifact-age", self.artifact_age.or(file.artifact_age), 30 * 86_400)?,
            owner: owner(self.owner.or(file.owner))?,
            role: parsed("--role", self.role.or(file.role))?,
            interval: time("--interval", self.interval.or(file.interval), 60)?,
            heartbeat: time("--heartbeat", self.heartbeat.or(file.heartbeat), 3_600)?,
            turn: time("--turn", self.turn.or(file.turn), 900)?,
            concurrency,
            events: self.events.or(file.events),
            drift_calls: self.drift_calls.or(file.drift_calls).unwrap_or(30),
            attempts: self.attempts.or(file.attempts).unwrap_or(2).max(1),
            retry_after: time("--retry-after", self.retry_after.or(file.retry_after), 900)?,
        })
    }
}

impl Config {
    /// The repository, without which there is nothing to do.
    ///
    /// # Errors
    /// When nobody said, or the URL has a part that no git server reads and that a secret was seen in.
    pub fn repository(&self) -> Result<&str, ConfigError> {
        let mistake = |why: &str| ConfigError::Value { key: "--repository", why: why.into() };
        let url = self.repository.as_deref().filter(|url| !url.trim().is_empty());
        let url = url.ok_or_else(|| mistake("nobody said which manifests repository to follow"))?;
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if ["http", "https"].contains(&&*scheme) && url.contains(['?', '#']) {
            return Err(mistake(
                "may have no query and no fragment; a token belongs in HOLDFAST_GIT_SECRET or `--git-secret-parameter`",
            ));
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flags: Flags, file: &str, expect: &str) {
        let config = flags.over(Some(("holdfast.yaml", file)));
        let text = config.map_or_else(|error| error.to_string(), |config| format!("{config:?}"));
        assert!(text.contains(expect), "{text}");
    }

    fn branch(name: &str) -> Flags {
        Flags { branch: Some(name.into()), ..Flags::default() }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        check(branch("flag"), "branch: file", "branch: \"flag\"");
        check(Flags::default(), "branch: file", "branch: \"file\"");
        check(Flags::default(), "", "branch: \"main\"");
    }

    #[test]
    fn limits_are_no_setting_of_the_agent() {
        check(Flags::default(), "limits: {removalsPerChange: 2}", "limits");
    }

    #[track_caller]
    fn refused(url: &str, expect: &str) {
        let flags = Flags { repository: Some(url.into()), ..Flags::default() };
        let error = flags.over(None).unwrap().repository().unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains("canary"), "{error}");
    }

    #[test]
    fn a_repository_that_nobody_named_or_with_a_secret_where_none_is_read_is_a_mistake() {
        refused("", "nobody said");
        refused(" ", "nobody said");
        refused("https://git.example/a?token=canary", "no query");
        refused("HTTPS://git.example/a#canary", "no query");
    }

    #[test]
    fn a_path_may_hold_any_character() {
        let flags = Flags { repository: Some("/srv/c#/what?".into()), ..Flags::default() };
        assert_eq!(flags.over(None).unwrap().repository().unwrap(), "/srv/c#/what?");
    }

    #[test]
    fn a_mistake_says_where_it_is() {
        check(Flags::default(), "branch: main\nintervall: 60s\n", "holdfast.yaml: ");
        check(Flags::default(), "branch: main\nintervall: 60s\n", "intervall");
        check(Flags::default(), "interval: 60", "`--interval`");
        check(Flags::default(), "account: '12'", "`--account`");
        check(Flags::default(), "memory: somewhere", "neither `ssm:/name` nor `file:PATH`");
        check(Flags::default(), "concurrency: 0", "`--concurrency`");
        check(Flags::default(), "owner: 'a b'", "`--owner`");
        check(Flags::default(), "role: admin", "`--role`");
        check(Flags::default(), "artifactBucket: 'a-{stack}'", "`--artifact-bucket`");
        check(Flags::default(), "artifactBucket: Upper", "`--artifact-bucket`");
        check(Flags::default(), "artifactAge: soon", "`--artifact-age`");
        check(Flags::default(), "signedTags: 'release-*'", "`--signed-tags`");
        check(Flags::default(), "readySignal: 'ftp://canary'", "`--ready-signal`");
        check(Flags::default(), "gitBytes: 256MB", "`--git-bytes`: `256MB` is not a size");
        check(Flags::default(), "gitEntries: 0", "`--git-entries`");
    }

    #[test]
    fn what_a_repository_may_bring_and_whom_ssh_believes_stand_in_the_file_too() {
        check(Flags::default(), "gitObjectBytes: 3MiB", "object_bytes: 3145728");
        check(Flags::default(), "gitIdle: 7s", "idle: 7s");
        check(Flags::default(), "sshKnownHosts: /etc/holdfast/known_hosts", "Some(\"/etc/holdfast/known_hosts\")");
    }

    #[test]
    fn one_configuration_may_name_a_bucket_in_every_account_and_region() {
        check(Flags::default(), "artifactBucket: 'artifacts-{account}-{region}'", "artifacts-{account}-{region}");
    }
}
