//! Repositories that are small on the wire and endless behind it: what a hostile author can push.

use crate::git_server::feed;
use std::path::Path;

/// What a tree may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Blob,
    Tree,
}

/// A blob of these bytes.
pub(crate) fn blob(repository: &Path, bytes: &[u8]) -> String {
    id(repository, &["hash-object", "-w", "--stdin"], bytes)
}

/// A tree of these, in git's own order.
pub(crate) fn tree(repository: &Path, entries: &[(What, &str, &str)]) -> String {
    let lines: String = entries.iter().map(|(what, id, name)| line(*what, id, name)).collect();
    id(repository, &["mktree", "-z"], lines.as_bytes())
}

/// What the branch's head holds, and one thing more.
pub(crate) fn beside(repository: &Path, what: What, id_: &str, name: &str) -> String {
    let mut lines = feed(repository, &["ls-tree", "-z", "refs/heads/main"], b"").stdout;
    lines.extend(line(what, id_, name).into_bytes());
    id(repository, &["mktree", "-z"], &lines)
}

fn line(what: What, id: &str, name: &str) -> String {
    match what {
        What::Blob => format!("100644 blob {id}\t{name}\0"),
        What::Tree => format!("040000 tree {id}\t{name}\0"),
    }
}

/// A tree that holds another so many times, in so many levels.
pub(crate) fn nested(repository: &Path, innermost: &str, times: usize, levels: usize) -> String {
    let names: Vec<String> = (0..times).map(|n| format!("n{n:04}")).collect();
    (0..levels).fold(innermost.to_owned(), |inner, _| {
        let entries: Vec<_> = names.iter().map(|name| (What::Tree, inner.as_str(), name.as_str())).collect();
        tree(repository, &entries)
    })
}

/// Makes a commit of this tree the branch's head, after what is there.
pub(crate) fn commit(repository: &Path, tree: &str) -> String {
    let me = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
    let commit = id(repository, &[&me[..], &["commit-tree", "-m", "x", "-p", "refs/heads/main", tree]].concat(), b"");
    feed(repository, &["update-ref", "refs/heads/main", &commit], b"");
    commit
}

fn id(repository: &Path, arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8_lossy(&feed(repository, arguments, input).stdout).trim().to_owned()
}
