//! What lies in a package: paths below its root, sorted, each with its mode and owner, and every folder on the way to it.
//!
//! Not here: the form that it is written in ([`super::tar`], [`super::zip`]), and anything of the machine that writes it:
//! no owner, no time and no order comes from there, so the same files are the same bytes.

use std::{collections::BTreeMap, rc::Rc};

/// What is at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A folder.
    Folder,
    /// A file with these bytes. They are shared: a program is in several packages.
    File(Rc<[u8]>),
}

/// One path's content, permissions and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// What is there.
    pub(crate) content: Content,
    /// Its permissions, as `0o644`.
    pub(crate) mode: u32,
    /// The number of its user and group.
    pub(crate) owner: u32,
}

impl Node {
    /// The bytes of a file; a folder has none.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Folder => &[],
            Content::File(bytes) => bytes,
        }
    }
}

/// A tree of files. A path has no slash at its beginning and none at its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// A file that anybody may read.
    pub(crate) fn file(&mut self, path: &str, bytes: impl Into<Rc<[u8]>>) {
        self.put(path, Content::File(bytes.into()), 0o644, 0);
    }

    /// A program that anybody may start.
    pub(crate) fn program(&mut self, path: &str, bytes: impl Into<Rc<[u8]>>) {
        self.put(path, Content::File(bytes.into()), 0o755, 0);
    }

    /// A file that only root may read.
    pub(crate) fn secret(&mut self, path: &str, bytes: impl Into<Rc<[u8]>>) {
        self.put(path, Content::File(bytes.into()), 0o600, 0);
    }

    /// A folder of somebody's own.
    pub(crate) fn folder(&mut self, path: &str, mode: u32, owner: u32) {
        self.put(path, Content::Folder, mode, owner);
    }

    fn put(&mut self, path: &str, content: Content, mode: u32, owner: u32) {
        for (at, _) in path.match_indices('/') {
            self.0.entry(path[..at].to_owned()).or_insert(Node { content: Content::Folder, mode: 0o755, owner: 0 });
        }
        self.0.insert(path.to_owned(), Node { content, mode, owner });
    }

    /// Everything in it; a folder comes before what is in it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The files alone.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes().filter(|(_, node)| node.content != Content::Folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_comes_before_what_is_in_it_and_nothing_else_is_made_up() {
        let mut tree = Tree::default();
        tree.program("usr/bin/a", *b"a");
        tree.folder("usr/bin", 0o700, 7);
        tree.file("usr-x", *b"x");
        tree.secret("etc/a.env", *b"");
        let seen: Vec<_> = tree.nodes().map(|(path, node)| (path, node.mode, node.owner)).collect();
        let expect = [
            ("etc", 0o755, 0),
            ("etc/a.env", 0o600, 0),
            ("usr", 0o755, 0),
            ("usr-x", 0o644, 0),
            ("usr/bin", 0o700, 7),
            ("usr/bin/a", 0o755, 0),
        ];
        assert_eq!(seen, expect);
    }
}
