//! A folder of manifests on this machine, read as a commit would be: for `holdfast validate` before there is a commit.

use crate::{git::error::Unusable, package::package, reading::TEMPLATE_BYTES};
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
            let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else { continue };
            let kind = entry.file_type()?;
            if kind.is_dir() && name != ".git" {
                folders.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                folder.file(&entry.path(), &name)?;
            } else if kind.is_symlink() {
                folder.link(&name);
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

/// Whether a file of this name may be a manifest.
fn counts(name: &RepoPath) -> bool {
    [".yaml", ".yml"].iter().any(|end| name.as_str().ends_with(end))
}

impl Folder {
    fn link(&mut self, name: &str) {
        let Some(file) = name.parse().ok().filter(counts) else { return };
        let message = Unusable::Link.to_string();
        self.problems.push(Problem { file, line: 0, column: 0, message, hint: None, manifest: None });
    }

    fn file(&mut self, path: &Path, name: &str) -> io::Result<()> {
        let Ok(name) = name.parse::<RepoPath>() else { return Ok(()) };
        let size = path.metadata()?.len();
        if counts(&name) {
            let content = if size > MAX_FILE { Err(size) } else { Ok(std::fs::read(path)?) };
            self.manifests.insert(name.clone(), content);
        }
        self.sizes.insert(name, size);
        Ok(())
    }
}
