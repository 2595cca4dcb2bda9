//! Who should speak: by the `kind: Fleet` and `kind: Accounts` files of the manifests repository, read anew for every picture, and
//! by what organizations say of their accounts.
//!
//! Not here: fetching them. A checkout that somebody keeps up to date is enough; one that can't be read any more leaves the
//! list as it was, and the picture says so.

use crate::organization::Organizations;
use fleet::{
    page::View,
    presence::{Patience, together},
};
use jiff::Timestamp;
use manifests::{
    fleet::Fleet,
    id::{AccountId, RepoPath},
    parse::{Content, File, MAX_FILE, parse},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Who is expected, and how long one waits for them.
#[derive(Debug, Default)]
pub struct Expected {
    files: Vec<PathBuf>,
    organizations: Option<Organizations>,
    /// As it was read last.
    known: Option<Fleet>,
    /// Nothing is expected of these.
    suspended: BTreeSet<AccountId>,
    patience: Patience,
}

/// Why nobody knows who is expected.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// A file can't be read.
    #[error("`{file}`, which says who is expected, can't be read")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is in it is no list of accounts.
    #[error("who is expected can't be told: {0}")]
    Content(String),
    /// It is what an organization said some time ago.
    #[error("{0}")]
    Organization(String),
    /// There is no account in any of them.
    #[error("no account is listed in {0}: a file of `kind: Fleet` or `kind: Accounts` is meant")]
    Nobody(String),
}

impl Expected {
    /// Reads these files, and holds what organizations say against them; without any, everybody who speaks is expected.
    ///
    /// # Errors
    /// When one can't be read, or nobody is listed.
    pub fn of(
        files: Vec<PathBuf>,
        organizations: Option<Organizations>,
        patience: Patience,
    ) -> Result<Self, ExpectedError> {
        let mut expected = Self { files, organizations, patience, ..Self::default() };
        expected.read()?;
        Ok(expected)
    }

    /// Reads them again, and answers whether they say something else. When that is not possible, everything stays as it was.
    ///
    /// # Errors
    /// Why it is not.
    pub fn read(&mut self) -> Result<bool, ExpectedError> {
        let listed = if self.files.is_empty() { None } else { Some(read(&self.files)?) };
        let heard = self.organizations.as_ref().map(Organizations::heard);
        let trouble = heard.as_ref().and_then(|heard| heard.trouble.clone());
        let (now, suspended) = match heard {
            None => (listed, BTreeSet::new()),
            Some(heard) => {
                let fleet = together(listed.unwrap_or_default(), heard.active, &heard.suspended);
                (Some(fleet), heard.suspended)
            }
        };
        let is_other = self.known != now || self.suspended != suspended;
        (self.known, self.suspended) = (now, suspended);
        match trouble {
            // What has changed is told first; the trouble is still there at the next look.
            Some(trouble) if !is_other => Err(ExpectedError::Organization(trouble)),
            Some(_) | None => Ok(is_other),
        }
    }

    /// How a fleet is looked at now.
    pub fn view(&self, now: Timestamp) -> View<'_> {
        View { expected: self.known.as_ref(), suspended: &self.suspended, patience: self.patience, now }
    }
}

fn read(files: &[PathBuf]) -> Result<Fleet, ExpectedError> {
    let texts = files.iter().map(|file| text(file)).collect::<Result<Vec<_>, _>>()?;
    let paths: Vec<RepoPath> = files.iter().zip(0..).map(|(file, n)| named(file, n)).collect();
    let contents = texts.iter().map(|bytes| Content::Bytes(bytes));
    let all: Vec<File<'_>> = paths.into_iter().zip(contents).map(|(path, content)| File { path, content }).collect();
    let repository = parse(&all, &BTreeMap::new());
    let Some(fleet) = repository.fleet else {
        let problems: Vec<String> = repository.problems.iter().map(ToString::to_string).collect();
        return Err(ExpectedError::Content(problems.join("; ")));
    };
    if fleet.accounts.is_empty() {
        let files: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
        return Err(ExpectedError::Nobody(files.join(", ")));
    }
    Ok(fleet)
}

fn text(file: &Path) -> Result<Vec<u8>, ExpectedError> {
    let unread = |source| ExpectedError::File { file: file.to_owned(), source };
    // A pipe would be waited for, and a device never ends.
    if !fs::metadata(file).map_err(unread)?.is_file() {
        return Err(unread(io::Error::other("it is no regular file")));
    }
    let (mut bytes, opened) = (Vec::new(), fs::File::open(file).map_err(unread)?);
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(unread(io::Error::other(format!("it has more than {MAX_FILE} bytes"))));
    }
    Ok(bytes)
}

/// What diagnostics call it: its own name, which is a path of a repository, or its number where it is not.
fn named(file: &Path, n: usize) -> RepoPath {
    let name = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    name.unwrap_or_else(|| format!("accounts-{n}.yaml").parse().expect("a plain name is a path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: &str = "apiVersion: holdfast/v1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  accounts:\n    - {id: '111111111111', name: a}\n";
    const MORE: &str = "apiVersion: holdfast/v1\nkind: Accounts\nmetadata: {name: m}\nspec:\n  accounts:\n    - {id: '222222222222'}\n";

    /// How many are expected by files of these texts, or why not.
    fn check(texts: &[&str], expect: Result<usize, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(text, n): (&&str, usize)| {
            let file = folder.path().join(format!("{n}.yaml"));
            fs::write(&file, text).unwrap();
            file
        };
        let found = Expected::of(texts.iter().zip(0..).map(write).collect(), None, Patience::default());
        match (found, expect) {
            (Ok(found), Ok(count)) => {
                assert_eq!(found.view(Timestamp::UNIX_EPOCH).expected.map_or(0, |fleet| fleet.accounts.len()), count);
            }
            (Err(error), Err(words)) => assert!(crate::chain(&error).contains(words), "{error}"),
            (found, expect) => panic!("{found:?} {expect:?}"),
        }
    }

    #[test]
    fn files_say_who_is_expected() {
        check(&[], Ok(0));
        check(&[FLEET], Ok(1));
        check(&[FLEET, MORE], Ok(2));
    }

    #[test]
    fn what_can_not_be_read_says_where() {
        check(&["kind: Else\n"], Err("no account is listed in `"));
        check(&[&FLEET.replace("111111111111", "1111")], Err("0.yaml:6:"));
        check(&[&FLEET.replace("accounts", "acounts")], Err("0.yaml"));
        check(&[FLEET, FLEET], Err("1.yaml"));
        check(&[&" ".repeat(2 << 20)], Err("it has more than 1048576 bytes"));
        let endless = Expected::of(vec!["/dev/zero".into()], None, Patience::default()).unwrap_err();
        assert!(crate::chain(&endless).contains("it is no regular file"));
        let nowhere = Expected::of(vec!["/no/such/file".into()], None, Patience::default()).unwrap_err();
        assert!(
            crate::chain(&nowhere).contains("`/no/such/file`, which says who is expected, can't be read: No such file")
        );
    }

    #[test]
    fn what_can_not_be_read_any_more_leaves_the_list_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fleet.yaml");
        fs::write(&file, FLEET).unwrap();
        let mut expected = Expected::of(vec![file.clone()], None, Patience::default()).unwrap();
        let count = |expected: &Expected| expected.view(Timestamp::UNIX_EPOCH).expected.unwrap().accounts.len();
        fs::write(&file, FLEET.to_owned() + "    - {id: '333333333333'}\n").unwrap();
        expected.read().unwrap();
        assert_eq!(count(&expected), 2);
        fs::write(&file, "spec: [").unwrap();
        assert!(expected.read().is_err());
        assert_eq!(count(&expected), 2);
    }
}
