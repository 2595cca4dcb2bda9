//! `holdfast drift`: what somebody changed behind CloudFormation's back, for people: shown, put back, ignored, or written
//! into the repository.
//!
//! Showing changes nothing, neither in the account nor in what the agent remembers. Not here: what the agent does by itself
//! (`rounds`), and any decision (`plan::drift`).

mod accept;
mod proof;

use crate::{
    cloud::count::Calls,
    config::Config,
    error::{CommandError, Exit},
    rounds::StackDrift,
    shipped::{Nobody, Shipped, Watcher},
    turn::{Standing, drifting, turn},
    world::Which,
};
pub use accept::Accepted;
use aws_config::SdkConfig;
use clap::Args;
use manifests::{
    id::{Malformed, StackKey},
    report::{Report, State, What},
};
pub use proof::Proof;

/// What is shown.
#[derive(Debug, Clone, Args)]
pub struct Asked {
    /// The stack, by CloudFormation's name, or as `REGION/STACK` [default: every stack]
    pub stack: Option<String>,
    /// Have CloudFormation look at all of it first, and wait for that; without it, what the agent has found so far is shown
    #[arg(long)]
    pub detect: bool,
    /// Exit with 2 when something drifted
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Which drift is meant.
#[derive(Debug, Clone, Args)]
pub struct Meant {
    /// The stack, by CloudFormation's name, or as `REGION/STACK`
    pub stack: String,
    /// The resource, by its name in the template [default: all that drifted]
    pub resource: Option<String>,
}

/// How everything stands towards drift, or one stack.
///
/// # Errors
/// When the repository, the account or the stack can't be read.
pub(crate) async fn show(config: &Config, aws: &SdkConfig, asked: &Asked) -> Result<Vec<StackDrift>, CommandError> {
    let stack = asked.stack.as_deref().map(named).transpose()?;
    let (world, settings) = Shipped::new(config, aws, Calls::default(), Nobody)?;
    let all = drifting(&world, &settings, &mut Standing::default(), (stack.as_ref(), asked.detect)).await?;
    match (&stack, all.is_empty()) {
        (Some(stack), true) => Err(nobody_looks(stack)),
        (Some(_) | None, _) => Ok(all),
    }
}

/// What showing it ended with.
pub(crate) fn shown(all: &[StackDrift], asked: &Asked) -> Exit {
    let drifted = all.iter().any(|stack| !stack.resources.is_empty());
    let doubtful = all.iter().any(|stack| stack.doubt().is_some());
    let unlooked = all.iter().any(|stack| stack.report.looked.is_none());
    match (doubtful, asked.detailed_exitcode) {
        (true, _) => Exit::Failed,
        (false, true) if drifted => Exit::Changes,
        // Nothing found is no good news of what nobody has looked at.
        (false, true) if unlooked => Exit::Pending,
        (false, true | false) => Exit::Done,
    }
}

/// Of one stack, what is drifted now: CloudFormation is asked.
async fn drifted(config: &Config, aws: &SdkConfig, meant: &Meant) -> Result<Vec<StackDrift>, CommandError> {
    let asked = Asked { stack: Some(meant.stack.clone()), detect: true, detailed_exitcode: false };
    let all = show(config, aws, &asked).await?;
    only(all, meant)
}

/// Of these, what is meant.
fn only(mut all: Vec<StackDrift>, meant: &Meant) -> Result<Vec<StackDrift>, CommandError> {
    if let Some(why) = all.iter().find_map(|stack| stack.trouble.clone()) {
        return Err(CommandError::Refused(format!("`{}` could not be looked at: {why}", meant.stack)));
    }
    if let Some(resource) = &meant.resource {
        for stack in &mut all {
            stack.resources.retain(|one| one.finding.logical.as_str() == resource);
        }
    }
    all.retain(|stack| !stack.resources.is_empty());
    if all.is_empty() {
        let what = meant.resource.as_ref().map(|resource| format!("{resource} of ")).unwrap_or_default();
        return Err(CommandError::Refused(format!("nothing of {what}`{}` has drifted", meant.stack)));
    }
    Ok(all)
}

/// Puts back what was changed in one stack, whatever its mode is and whatever came of it before; nothing else is done.
///
/// # Errors
/// When the turn could not look at anything.
pub(crate) async fn heal<V: Watcher>(
    config: &Config,
    aws: &SdkConfig,
    stack: &str,
    watcher: V,
) -> Result<Report, CommandError> {
    let stack = named(stack)?;
    let (world, mut settings) = Shipped::new(config, aws, Calls::default(), watcher)?;
    settings.heal = Some(stack.clone());
    let mut report = turn(&world, &settings, &mut Standing::default()).await?;
    report.stacks.retain(|row| stack.is(&StackKey { region: row.region.clone(), stack: row.stack.clone() }));
    if report.stacks.iter().all(|row| row.drift.is_none()) {
        return Err(nobody_looks(&stack));
    }
    let worst = report.stacks.iter().max_by_key(|row| row.state);
    (report.state, report.why) = worst.map_or((State::Unknown, None), |row| (row.state, row.why.clone()));
    Ok(report)
}

/// What a heal ended with: whether anything is left.
pub(crate) fn exit(report: &Report) -> Exit {
    let drifts = || report.stacks.iter().filter_map(|row| row.drift.as_ref());
    let left = drifts().any(|drift| drift.drifted_total > 0);
    // Where nothing is left, all that there is to say of drift is that the look was not whole.
    let doubtful = drifts().any(|drift| drift.drifted_total == 0 && drift.why.is_some());
    let tried = report.happened.iter().any(|happening| happening.what == What::NotHealed);
    match (doubtful, left) {
        (true, _) => Exit::Failed,
        (false, false) => Exit::Done,
        (false, true) if tried => Exit::Failed,
        (false, true) => Exit::Held,
    }
}

/// What a manifest would have to say for the agent to leave something as it is.
///
/// # Errors
/// As [`show`], and when nothing drifted.
pub(crate) async fn ignore(config: &Config, aws: &SdkConfig, meant: &Meant) -> Result<Vec<Ignored>, CommandError> {
    let all = drifted(config, aws, meant).await?;
    Ok(all.iter().map(Ignored::of).collect())
}

/// The patch that makes git agree with the account, and its proof.
///
/// # Errors
/// As [`show`], when nothing drifted, and when something of it can't be written.
pub(crate) async fn accept(
    config: &Config,
    aws: &SdkConfig,
    meant: &Meant,
    stop: impl Future<Output = ()>,
) -> Result<Accepted, CommandError> {
    let (world, settings) = Shipped::new(config, aws, Calls::default(), Nobody)?;
    accept::accept(&world, &settings, meant, stop).await
}

/// A piece of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ignored {
    /// Which manifest.
    pub manifest: String,
    /// What stands below its `spec`.
    pub text: String,
}

impl Ignored {
    fn of(stack: &StackDrift) -> Self {
        let mut text = String::from("  drift:\n    ignore:\n");
        for one in &stack.resources {
            text.push_str(&format!("      - resource: {}\n", one.finding.logical));
            let paths = one.differences.iter().map(|difference| format!("\"{}\"", escaped(&difference.path)));
            let paths: Vec<String> = paths.collect();
            // What is gone is so as a whole.
            if !one.finding.gone && !paths.is_empty() {
                text.push_str(&format!("        paths: [{}]\n", paths.join(", ")));
            }
        }
        Self { manifest: stack.manifest.clone(), text }
    }
}

/// As it stands between double quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn named(stack: &str) -> Result<Which, CommandError> {
    stack.parse().map_err(|error: Malformed| CommandError::Usage { key: "STACK", why: error.to_string() })
}

fn nobody_looks(stack: &Which) -> CommandError {
    CommandError::Refused(format!(
        "nobody looks for drift of `{stack}`: no manifest asks for it in this account, or it says `drift: {{mode: off}}`, or the \
         account's guardrails do"
    ))
}
