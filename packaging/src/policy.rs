//! `cargo x policy`: the IAM policies in `packaging/iam`, written from the lists of what the programs call, and the same
//! statements in every CloudFormation template that has a place for them; what those templates have in common ([`shared`]); and
//! whether all of it is current.
//!
//! The files are in the form of `Fn::Sub`: `${Prefix}`, `${StackPrefix}`, `${Regions}` and `${HubTopicArn}` are parameters of
//! `packaging/cloudformation/agent.yaml`. Not here: what is called ([`agent::cloud::permission`], [`hub::permission`]).

mod agents;
mod beside;
mod hubs;
mod shared;
mod statement;
mod template;

use crate::committed::{self, Maker};
use statement::Statement;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const MAKER: Maker = Maker { command: "cargo x policy", source: "what the programs call", word: "called" };

/// Why a policy was not written, or is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Committed(#[from] committed::Error),
    #[error("{}:{line}: {why}", path.display())]
    Template { path: PathBuf, line: usize, why: String },
    #[error("{name} has {size} bytes without white space, and IAM takes {most}")]
    TooLong { name: &'static str, size: usize, most: usize },
}

/// What a managed policy may have, white space not counted ("IAM and STS quotas").
const MOST: usize = 6_144;

/// Every policy by its name, which is its file's and that of its place in templates.
fn policies() -> Vec<(&'static str, Vec<Statement>)> {
    vec![
        ("agent", agents::agent()),
        ("codecommit", agents::codecommit()),
        ("lambda", beside::lambda()),
        ("update", agents::update()),
        ("boundary", beside::boundary()),
        ("boundary-roles", beside::roles()),
        ("hub", hubs::hub()),
    ]
}

/// Writes them.
pub(crate) fn write() -> Result<String, Error> {
    Ok(committed::write(files()?)?)
}

/// Compares them with what stands in the folders.
pub(crate) fn check() -> Result<String, Error> {
    committed::check(files()?, &MAKER)?;
    Ok("the policies are current\n".to_owned())
}

/// Prints one, as statements of a template.
pub(crate) fn yaml(name: &str) -> Option<String> {
    let (_, statements) = policies().into_iter().find(|(known, _)| *known == name)?;
    Some(statements.iter().map(|statement| statement.yaml("")).collect())
}

/// Every file as it should be.
fn files() -> Result<Vec<(PathBuf, String)>, Error> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policies = policies();
    let mut files = Vec::new();
    for (name, statements) in &policies {
        let text = statement::document(statements);
        let size = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
        if size > MOST {
            return Err(Error::TooLong { name, size, most: MOST });
        }
        files.push((here.join("iam").join(format!("{name}.json")), text));
    }
    files.extend(templates(&here.join("cloudformation"), &policies)?);
    Ok(files)
}

/// Every template with its places filled: first with statements, then with what another one has.
fn templates(folder: &Path, policies: &[(&'static str, Vec<Statement>)]) -> Result<BTreeMap<PathBuf, String>, Error> {
    // A checkout without templates has no places to fill.
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut texts = BTreeMap::new();
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let unread = |why| committed::Error::Read { path: path.clone(), why, command: MAKER.command };
        let text = fs::read_to_string(&path).map_err(unread)?;
        let wrong = |(line, why)| Error::Template { path: path.clone(), line, why };
        texts.insert(path.clone(), template::filled(&text, policies).map_err(wrong)?);
    }
    let of = |name: &str| texts.get(&folder.join(name)).map(String::as_str);
    let whole = texts.iter().map(|(path, text)| {
        let wrong = |(line, why)| Error::Template { path: path.clone(), line, why };
        Ok((path.clone(), shared::filled(text, of).map_err(wrong)?))
    });
    whole.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_policies_are_what_the_programs_call() {
        if let Err(stale) = check() {
            panic!("{stale}");
        }
    }

    #[test]
    fn a_statement_has_a_name_of_its_own_of_letters_alone() {
        for (name, statements) in policies() {
            let mut sids: Vec<&str> = statements.iter().map(|statement| statement.sid).collect();
            assert!(
                sids.iter().all(|sid| sid.chars().all(|letter| letter.is_ascii_alphanumeric())),
                "{name}: {sids:?}"
            );
            let all = sids.len();
            sids.sort_unstable();
            sids.dedup();
            assert_eq!(sids.len(), all, "{name}");
        }
    }
}
