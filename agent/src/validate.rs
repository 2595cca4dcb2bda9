//! `holdfast validate`: a folder of manifests, or a guardrails file, checked without an account.

use crate::{
    config::ConfigError,
    error::{CommandError, Exit},
    folder,
    show::{self, Ink, Output, Style, counted},
};
use manifests::problem::Problem;
use std::path::Path;

/// Checks a folder of manifests.
///
/// # Errors
/// When it can't be read.
pub(crate) async fn folder(path: &Path, output: Output) -> Result<Exit, CommandError> {
    let what = || format!("the folder {} can't be read", path.display());
    let mut repository = folder::read(path).map_err(|source| CommandError::Local { what: what(), source })?;
    repository.problems.extend(folder::nested(path, &repository).await);
    repository.problems.sort();
    let problems = &repository.problems;
    let accounts = repository.fleet.as_ref().map_or(0, |fleet| fleet.accounts.len());
    match output {
        Output::Json => show::json(&serde_json::json!({
            "stacks": repository.stacks.keys().collect::<Vec<_>>(),
            "accounts": accounts,
            "problems": problems,
        })),
        Output::Text => {
            list(problems);
            let (stacks, accounts) = (repository.stacks.len(), counted(accounts, "account"));
            let problems = counted(problems.len(), "problem");
            show::out(&format!("{}, {accounts}, {problems}", counted(stacks, "stack manifest")));
        }
    }
    Ok(exit(problems))
}

/// Checks a file of guardrails.
///
/// # Errors
/// When it can't be read.
pub(crate) fn guardrails(path: &Path, output: Output) -> Result<Exit, CommandError> {
    let what = || format!("the file {} can't be read", path.display());
    let bytes = std::fs::read(path).map_err(|source| CommandError::Local { what: what(), source })?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let place = name.parse().map_err(|error| ConfigError::Value { key: "--guardrails", why: format!("{error}") })?;
    let problems = manifests::guardrails::parse(&place, &bytes).err().unwrap_or_default();
    match output {
        Output::Json => show::json(&serde_json::json!({ "problems": problems })),
        Output::Text => {
            list(&problems);
            show::out(&format!("guardrails, {}", counted(problems.len(), "problem")));
        }
    }
    Ok(exit(&problems))
}

fn list(problems: &[Problem]) {
    for problem in problems {
        show::out(&format!("{} {problem}", Style::stdout().paint(Ink::Bad, "problem:")));
    }
}

fn exit(problems: &[Problem]) -> Exit {
    if problems.is_empty() { Exit::Done } else { Exit::Failed }
}
