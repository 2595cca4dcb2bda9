//! `holdfast doctor`: everything that the agent needs in its account, looked at one after the other, each with what to do.
//!
//! It changes nothing, needs no lease and leaves nothing behind. What can't be found out without changing something is said
//! to be not checked, and so is what stands on something that is not well: not looked at is never green. Credentials of an
//! account that is not meant are asked for nothing more.

mod account;
pub(crate) mod before;
mod bucket;
mod machine;
mod permissions;
mod repository;

use crate::{
    clock::SystemClock,
    cloud::{Clock, aws::Caller, count::Calls},
    codecommit,
    config::{Config, MemoryPlace},
    error::{CommandError, Exit, chain},
    reading::Reading,
    shipped::{Nobody, Shipped, place},
    store::{Kept, Place, Store},
    trust::{Policy, Trust, signers::Signers},
    world::{Settings, World, now},
};
use aws_config::SdkConfig;
use machine::Scratch;
use permissions::Asked;
use plan::memory::Memory;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub finding: String,
    /// What to do about it, if it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// What a command ends with that needs it.
    #[serde(skip)]
    pub exit: Exit,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and may not be meant.
    Warning,
    /// It could not be told.
    NotChecked,
    /// The agent can't do its work like this.
    Bad,
}

/// What the command ends with.
pub fn exit(checks: &[Check]) -> Exit {
    checks.iter().map(|check| check.exit).max().unwrap_or(Exit::Done)
}

impl Check {
    fn good(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, finding: finding.into(), fix: None, exit: Exit::Done }
    }

    fn warning(name: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        let (verdict, fix) = (Verdict::Warning, Some(fix.into()));
        Self { name, verdict, finding: finding.into(), fix, exit: Exit::Done }
    }

    fn unchecked(name: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        let (verdict, fix) = (Verdict::NotChecked, Some(fix.into()));
        Self { name, verdict, finding: finding.into(), fix, exit: Exit::Done }
    }

    /// Not looked at, because it stands on another one that is not well.
    fn after(name: &'static str, other: &str) -> Self {
        Self::unchecked(name, format!("it stands on `{other}`"), format!("mend `{other}` first"))
    }

    fn bad(name: &'static str, exit: Exit, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, finding: finding.into(), fix: Some(fix.into()), exit }
    }

    /// What failed, as a command would tell it.
    fn failed(name: &'static str, error: impl Into<CommandError>) -> Self {
        let error = error.into();
        let fix = error.hint().unwrap_or_else(|| match error.exit() {
            Exit::Unreachable => "look at the network, a proxy and AWS_ENDPOINT_URL".into(),
            Exit::Done
            | Exit::Failed
            | Exit::Changes
            | Exit::Held
            | Exit::Pending
            | Exit::Usage
            | Exit::Denied
            | Exit::Config => "mend what it says, and look again".into(),
        });
        Self::bad(name, error.exit(), chain(&error), fix)
    }
}

/// Looks at everything; `tell` hears of each as soon as it is known. `from` is the configuration file, if there is one.
///
/// # Errors
/// When the configuration can't be used.
pub(crate) async fn doctor(
    config: &Config,
    (aws, from): (&SdkConfig, Option<&str>),
    tell: &mut dyn FnMut(&Check),
) -> Result<Vec<Check>, CommandError> {
    let calls = Calls::default();
    let scratch = Scratch::beside(&config.cache);
    let apart = Config { cache: scratch.path().to_owned(), ..config.clone() };
    let (world, settings) = Shipped::new(&apart, aws, calls.clone(), Nobody)?;
    let store = place(config, aws, &calls)?;
    let mut all = Vec::new();
    let mut say = |check: Check| {
        tell(&check);
        all.push(check);
    };
    say(machine::configuration(&settings, config, from));
    let caller = world.cloud().caller().await;
    let identity = account::identity(config, &caller);
    // Nothing more is asked of an account that is not the one that was meant.
    let caller = caller.ok().filter(|_| identity.verdict != Verdict::Bad);
    say(identity);
    say(account::clock(calls.time(), SystemClock.now()));
    let here = Here { config, world: &world, settings: &settings, store: &store, caller: caller.as_ref() };
    let kept = here.kept(&mut say).await;
    let reading = here.repository(kept.as_ref(), &mut say).await;
    match &caller {
        Some(caller) => {
            let asked = Asked { here: &here, caller, kept: kept.as_ref(), reading: reading.as_ref() };
            asked.permissions(&mut say).await;
        }
        None => say(Check::after("permissions", "identity")),
    }
    say(machine::topic(config));
    machine::folders(config).into_iter().for_each(&mut say);
    Ok(all)
}

/// Where everything is looked at.
struct Here<'a> {
    config: &'a Config,
    world: &'a Shipped<Nobody>,
    settings: &'a Settings,
    store: &'a Place,
    /// Whose credentials these are, if they are as they should be.
    caller: Option<&'a Caller>,
}

impl Here<'_> {
    /// What the account keeps for its agent, if it can be read.
    async fn kept(&self, say: &mut dyn FnMut(Check)) -> Option<Kept> {
        if self.caller.is_none() && matches!(self.config.memory, MemoryPlace::Parameter(_)) {
            say(Check::after("memory", "identity"));
            return None;
        }
        match self.store.open().await {
            Ok(kept) => {
                account::kept(self, &kept).into_iter().for_each(say);
                Some(kept)
            }
            Err(error) => {
                say(Check::failed("memory", error));
                None
            }
        }
    }

    /// What the repository's head asks, if this account would work towards it.
    async fn repository(&self, kept: Option<&Kept>, say: &mut dyn FnMut(Check)) -> Option<Reading> {
        let mut memory = kept.and_then(|kept| kept.memory.clone()).unwrap_or_else(|| Memory::new(String::new()));
        let now = now(self.world);
        let trust = kept.map(|kept| Trust::of(kept, self.settings, &mut memory, now));
        say(trust.as_ref().map_or_else(|| Check::after("signatures", "memory"), signatures));
        if self.caller.is_none() && is_let_in_by_aws(self.config) {
            say(Check::after("repository", "identity"));
            return None;
        }
        let offered = match repository::repository(self.world, kept).await {
            Ok((check, offered)) => {
                say(check);
                offered
            }
            Err(check) => {
                say(check);
                say(Check::after("commit", "repository"));
                return None;
            }
        };
        let Some(knowing) = kept.zip(trust.as_ref()) else {
            say(Check::after("commit", "memory"));
            return None;
        };
        let (check, read) = repository::commit(self.world, offered, knowing, now).await;
        say(check);
        match read? {
            Ok(reading) => {
                let account = self.caller.map(|caller| repository::known(caller, self.settings, Some(&reading)));
                say(repository::manifests(&reading, account.as_ref()));
                Some(reading)
            }
            Err(check) => {
                say(check);
                None
            }
        }
    }
}

/// Whether it takes the account's credentials to read the repository.
fn is_let_in_by_aws(config: &Config) -> bool {
    let of_aws = || config.repository.as_deref().and_then(codecommit::Place::of).is_some();
    config.git_secret_parameter.is_some() || (config.git_secret_file.is_none() && of_aws())
}

/// Who may sign, and what is made of it.
fn signatures(trust: &Trust) -> Check {
    const NAME: &str = "signatures";
    let Trust { policy, signers, .. } = trust;
    let who = |signers: &Signers| format!("commits have to be signed by {}", signers.principals().join("; "));
    match (policy, signers) {
        (Policy::Off, _) => Check::warning(
            NAME,
            "nobody looks at them: whoever may push may deploy",
            "put a list of allowed signers where the agent may not write (`signers` beside memory)",
        ),
        (Policy::Warn, Ok(signers)) => Check::warning(
            NAME,
            format!("{}, and those that are not are deployed all the same", who(signers)),
            "`--signatures required` refuses them",
        ),
        (Policy::Required | Policy::Every, Ok(signers)) => Check::good(NAME, who(signers)),
        (Policy::Warn | Policy::Required | Policy::Every, Err(why)) => {
            let fix = "put a list of allowed signers there, as `ssh-keygen -Y verify` reads it";
            Check::bad(NAME, Exit::Held, why.clone(), fix)
        }
    }
}
