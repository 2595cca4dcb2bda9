//! `holdfast doctor`: everything that the agent needs in its account, looked at one after the other, each with what to do.
//!
//! It changes nothing, needs no lease and leaves nothing behind. What can't be found out without changing something is said
//! to be not checked, and so is what stands on something that is not well: not looked at is never green.

mod account;
mod permissions;
mod repository;

use crate::{
    clock::SystemClock,
    cloud::{Clock, count::Calls},
    config::Config,
    error::{CommandError, Exit, chain},
    shipped::{Shipped, Watcher, place},
    store::Store,
    trust::{Policy, Trust, signers::Signers},
    world::{Settings, Sight, World},
};
use aws_config::SdkConfig;
use plan::memory::Memory;
use serde::Serialize;
use std::path::Path;

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

    fn warning(name: &'static str, finding: impl Into<String>, fix: &str) -> Self {
        let (verdict, exit) = (Verdict::Warning, Exit::Done);
        Self { name, verdict, finding: finding.into(), fix: Some(fix.into()), exit }
    }

    fn unchecked(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::NotChecked, finding: finding.into(), fix: None, exit: Exit::Done }
    }

    fn bad(name: &'static str, exit: Exit, finding: impl Into<String>, fix: Option<String>) -> Self {
        Self { name, verdict: Verdict::Bad, finding: finding.into(), fix, exit }
    }

    /// What failed, as a command would tell it.
    fn failed(name: &'static str, error: impl Into<CommandError>) -> Self {
        let error = error.into();
        let network = "look at the network, a proxy and AWS_ENDPOINT_URL";
        let fix = error.hint().or_else(|| (error.exit() == Exit::Unreachable).then(|| network.into()));
        Self::bad(name, error.exit(), chain(&error), fix)
    }
}

/// Looks at everything; `tell` hears of each as soon as it is known.
///
/// # Errors
/// When the configuration can't be used.
pub(crate) async fn doctor(
    config: &Config,
    aws: &SdkConfig,
    tell: &mut dyn FnMut(&Check),
) -> Result<Vec<Check>, CommandError> {
    let calls = Calls::default();
    let (world, settings) = Shipped::new(config, aws, calls.clone(), Nobody)?;
    let mut all = Vec::new();
    let mut say = |check: Check| {
        tell(&check);
        all.push(check);
    };
    say(Check::good("configuration", configured(&settings, config)));
    let caller = world.cloud().caller().await;
    say(account::identity(config, &caller));
    say(account::clock(calls.time(), SystemClock.now()));
    let store = place(config, aws, &calls)?;
    let now = calls.time().unwrap_or_else(|| SystemClock.now());
    let kept = match store.open().await {
        Ok(kept) => {
            account::kept(&settings, &store, &kept, now).into_iter().for_each(&mut say);
            Some(kept)
        }
        Err(error) => {
            say(Check::failed("memory", error));
            None
        }
    };
    let mut memory = kept.as_ref().and_then(|kept| kept.memory.clone()).unwrap_or_else(|| Memory::new(String::new()));
    let trust = kept.as_ref().map(|kept| Trust::of(kept, settings.signatures, &mut memory));
    all_of_trust(trust.as_ref()).into_iter().for_each(&mut say);
    let (check, reading) = match &trust {
        Some(trust) => repository::repository(&world, kept.as_ref(), (trust, now)).await,
        None => (Check::unchecked("repository", "what the account keeps could not be read"), None),
    };
    say(check);
    let allowed = permissions::Asked {
        config,
        world: &world,
        settings: &settings,
        kept: kept.as_ref(),
        reading: reading.as_ref(),
    };
    match caller {
        Ok(caller) => allowed.permissions(caller.account).await.into_iter().for_each(&mut say),
        Err(_) => say(Check::unchecked("permissions", "whose credentials these are could not be told")),
    }
    say(topic(config));
    say(cache(&config.cache));
    Ok(all)
}

/// Nobody watches.
struct Nobody;

impl Watcher for Nobody {
    fn see(&self, _: &Sight<'_>) {}
}

fn configured(settings: &Settings, config: &Config) -> String {
    let Settings { repository, branch, home, .. } = settings;
    let path = config.path.as_ref().map(|path| format!(", `{path}` in it")).unwrap_or_default();
    format!("{repository}{path}, branch `{branch}`; at home in {home}, owner `{}`", config.owner)
}

/// Who may sign, and what is made of it.
fn all_of_trust(trust: Option<&Trust>) -> Option<Check> {
    const NAME: &str = "signatures";
    let Trust { policy, signers } = trust?;
    let who = |signers: &Signers| format!("commits have to be signed by {}", signers.principals().join("; "));
    Some(match (policy, signers) {
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
            Check::bad(NAME, Exit::Held, why.clone(), Some(fix.into()))
        }
    })
}

/// Whether a message would arrive can't be asked without sending one.
fn topic(config: &Config) -> Check {
    const NAME: &str = "topic";
    match &config.topic {
        Some(arn) => Check::unchecked(NAME, format!("{arn}: whether reports arrive is only known once one is sent")),
        None => Check::warning(NAME, "reports go nowhere", "`--topic ARN` names the hub's topic"),
    }
}

/// A file is written where git objects are kept, and removed again.
fn cache(folder: &Path) -> Check {
    const NAME: &str = "cache";
    let file = folder.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, "x"));
    let removed = std::fs::remove_file(&file);
    match written.and(removed) {
        Ok(()) => Check::good(NAME, format!("{} can be written", folder.display())),
        Err(error) => {
            let fix = "`--cache` names a folder that this user may write";
            Check::bad(NAME, Exit::Config, format!("{} can't be written: {error}", folder.display()), Some(fix.into()))
        }
    }
}
