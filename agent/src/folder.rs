//! A folder of manifests on this machine, read as a commit would be: for `holdfast validate` before there is a commit.

use crate::{
    git::{
        error::Unusable,
        tree::{is_yaml, shown},
    },
    package::package,
    reading::TEMPLATE_BYTES,
};
use manifests::{
    artifact::Below,
    id::RepoPath,
    parse::{self, Content, File, MAX_FILE, Repository, Tree},
    problem::Problem,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

/// Every file below a folder. Links are not followed, and told as a commit's would be; `.git` is not entered.
#[derive(Debug, Default)]
struct Folder {
    sizes: BTreeMap<RepoPath, u64>,
    manifests: BTreeMap<RepoPath, Result<Vec<u8>, u64>>,
    problems: Vec<Problem>,
}

impl Tree for Folder {
    fn size(&self, path: &RepoPath) -> Option<u64> {
        self.sizes.get(path).copied()
    }

    fn below(&self, folder: &RepoPath) -> Below {
        Below::of(&self.sizes, folder)
    }
}

/// Reads all manifests below a folder.
///
/// # Errors
/// When it can't be read.
pub(crate) fn read(root: &Path) -> io::Result<Repository> {
    let mut folder = Folder::default();
    let mut folders = vec![(root.to_path_buf(), String::new())];
    while let Some((path, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(&path)? {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, entry.file_name());
            let lossy = name.to_string_lossy();
            if kind.is_dir() && lossy == ".git" && prefix.is_empty() {
                continue;
            }
            let Some(path) = name.to_str().and_then(|name| format!("{prefix}{name}").parse::<RepoPath>().ok()) else {
                if kind.is_dir() || is_yaml(&lossy) {
                    folder.problem(shown(&prefix, &lossy), &Unusable::Name);
                }
                continue;
            };
            if kind.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
            } else if kind.is_file() {
                folder.file(&entry.path(), path)?;
            } else if kind.is_symlink() && is_yaml(&lossy) {
                folder.problem(path, &Unusable::Link);
            }
        }
    }
    let files: Vec<File<'_>> = folder.manifests.iter().map(|(path, content)| file(path, content)).collect();
    let mut repository = parse::parse(&files, &folder);
    repository.problems.extend(folder.problems);
    repository.problems.sort();
    Ok(repository)
}

/// What is wrong with the templates that are nested in these stacks' own, each told once.
pub(crate) async fn nested(root: &Path, repository: &Repository) -> Vec<Problem> {
    let read = async |path: &RepoPath| {
        let file = root.join(path.as_str());
        let read = || match file.symlink_metadata() {
            Ok(found) if found.is_symlink() => Err(Unusable::Link.to_string()),
            Ok(found) if found.len() > TEMPLATE_BYTES => {
                Err(Unusable::TooLarge { size: found.len(), limit: TEMPLATE_BYTES }.to_string())
            }
            Ok(_) => std::fs::read(&file).map_err(|error| format!("can't be read: {error}")),
            Err(_) => Err(Unusable::Missing.to_string()),
        };
        read().map_err(|why| format!("`{path}` {why}"))
    };
    let mut problems = BTreeSet::new();
    for stack in repository.stacks.values() {
        if let Err(problem) = package(&read, &stack.template).await {
            problems.insert(Problem { manifest: Some(stack.name.clone()), ..problem });
        }
    }
    problems.into_iter().collect()
}

fn file<'a>(path: &RepoPath, content: &'a Result<Vec<u8>, u64>) -> File<'a> {
    let content = match content {
        Ok(bytes) => Content::Bytes(bytes),
        Err(size) => Content::TooLarge(*size),
    };
    File { path: path.clone(), content }
}

impl Folder {
    fn problem(&mut self, file: RepoPath, why: &Unusable) {
        let message = why.to_string();
        self.problems.push(Problem { file, line: 0, column: 0, message, hint: None, manifest: None });
    }

    fn file(&mut self, path: &Path, name: RepoPath) -> io::Result<()> {
        let size = path.metadata()?.len();
        if is_yaml(name.as_str()) {
            let content = if size > MAX_FILE { Err(size) } else { Ok(std::fs::read(path)?) };
            self.manifests.insert(name.clone(), content);
        }
        self.sizes.insert(name, size);
        Ok(())
    }
}
