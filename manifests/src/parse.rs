//! Files in, [`Repository`] out.
//!
//! One bad file or document costs its own stacks and nobody else's. When a bad document's name can still be read, its
//! problem carries the name, so that its stacks are left as they are; when it can't, the repository is not `complete`,
//! and nothing is pruned.
//!
//! The rooms behind this door: `yaml` (text → tree), `typed` (tree → types), `written` and `parameter` (those types),
//! `validate` and `roster` (what one document can get wrong), `graph` (what takes two).

use crate::{
    approval::{self, Approval},
    artifact::Below,
    findings::Findings,
    fleet::Fleet,
    graph::Graph,
    id::{Name, RepoPath},
    problem::Problem,
    roster::Roster,
    stack::{Location, Stack},
    trust,
    typed::{self, nearest},
    validate,
    written::{ApprovalManifest, StackManifest},
    yaml::{self, Document, Fault, Mark, Node, brief},
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// The largest manifest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// How many documents one file may hold.
pub const MAX_DOCUMENTS: usize = 1_000;

const API_VERSION: &str = "holdfast/v1";
const KINDS: [&str; 7] = ["Stack", "Fleet", "Accounts", "Approval", "Trust", "PathApproval", "Preview"];

/// A `*.yaml` or `*.yml` file of the commit. Whether it is a manifest is found out here.
#[derive(Debug, Clone)]
pub struct File<'a> {
    /// Its path from the repository's root.
    pub path: RepoPath,
    /// What is in it.
    pub content: Content<'a>,
}

/// What is in a file.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// More than [`MAX_FILE`], namely so many: it was not read.
    TooLarge(u64),
}

/// What else lies in the commit.
pub trait Tree {
    /// The size in bytes of the regular file at this path; `None` when there is none.
    fn size(&self, path: &RepoPath) -> Option<u64>;

    /// What lies below a folder.
    fn below(&self, folder: &RepoPath) -> Below;
}

/// Every file by its path, with its size; an empty one is a repository with nothing else in it.
impl Tree for BTreeMap<RepoPath, u64> {
    fn size(&self, path: &RepoPath) -> Option<u64> {
        self.get(path).copied()
    }

    fn below(&self, folder: &RepoPath) -> Below {
        Below::of(self, folder)
    }
}

/// Everything that a commit says, and everything in it that could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repository {
    /// The stacks that are asked for, by manifest name.
    pub stacks: BTreeMap<Name, Arc<Stack>>,
    /// Who there is. `None` when the fleet files could not be read: then nobody knows which accounts a stack is for,
    /// and a turn changes nothing.
    pub fleet: Option<Fleet>,
    /// What was approved, in the order in which it stands.
    pub approvals: Vec<Approval>,
    /// What could not be read, sorted by place.
    pub problems: Vec<Problem>,
    /// Whether every manifest's *name* could be read. When not, an absent manifest proves nothing, and nothing is pruned.
    pub complete: bool,
}

/// Whether a file is ours: a line begins with `apiVersion:`, and its value with `holdfast/`, or nearly so. Quotes and the
/// case of the key do not matter either: a slip is told and not overlooked. Templates and other people's YAML are not ours,
/// and nothing in them is read.
pub fn is_manifest(bytes: &[u8]) -> bool {
    bytes
        .strip_prefix(BOM)
        .unwrap_or(bytes)
        .split(|byte| *byte == b'\n')
        .any(|line| api_version(line).is_some_and(is_ours))
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The value on a line that begins with `apiVersion:`, from its first letter on.
fn api_version(line: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"apiVersion";
    let quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let line = line.strip_prefix(b"--- ").unwrap_or(line);
    let line = &line[usize::from(line.first().is_some_and(quote))..];
    let (key, rest) = line.split_at_checked(KEY.len())?;
    let rest = &rest[usize::from(rest.first().is_some_and(quote))..];
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    key.eq_ignore_ascii_case(KEY).then(|| &value[usize::from(value.first().is_some_and(quote))..])
}

/// A slip in our own name is ours too: it must not make a manifest disappear.
fn is_ours(value: &[u8]) -> bool {
    let group = value.split(|byte| *byte == b'/').next().and_then(|group| str::from_utf8(group).ok());
    let near = |group: &str| (6..=10).contains(&group.len()) && strsim::damerau_levenshtein(group, "holdfast") <= 2;
    value.starts_with(b"holdfast/") || group.is_some_and(near)
}

/// Reads a commit's manifests. `files` are its `*.yaml` and `*.yml` files, in any order; `tree` answers for the rest.
pub fn parse(files: &[File<'_>], tree: &impl Tree) -> Repository {
    let mut reading = Reading::new(tree);
    for file in files {
        reading.file(file);
    }
    let Reading { mut problems, graph, roster, approvals, complete, tree: _ } = reading;
    let fleet = roster.close(&mut problems);
    let stacks = graph.close(&fleet.clone().unwrap_or_default(), complete, &mut problems);
    problems.sort();
    problems.dedup();
    Repository { stacks, fleet, approvals, problems, complete }
}

/// Whom a document costs when it can't be read.
#[derive(Clone, Copy)]
enum Subject {
    Stack,
    Accounts,
    /// An approval, a preview, who may sign, or guardrails or alerts that lie in the wrong place: nobody's stacks.
    Beside,
    /// It may be about accounts, so nobody knows whose labels it takes along.
    Unknown,
}

impl Subject {
    fn of(kind: Option<&str>, document: Document<'_>) -> Self {
        match kind {
            Some("Stack") => Self::Stack,
            Some("Fleet" | "Accounts") => Self::Accounts,
            Some("Approval" | "Guardrails" | "Alerts" | "Preview" | "Trust" | "PathApproval") => Self::Beside,
            // A slip in the word: only a Stack has a template.
            _ if document.text.lines().any(|line| line.trim_start().starts_with("template:")) => Self::Stack,
            _ => Self::Unknown,
        }
    }
}

/// A commit while it is being read.
struct Reading<'t, T> {
    tree: &'t T,
    graph: Graph,
    roster: Roster,
    approvals: Vec<Approval>,
    problems: Vec<Problem>,
    complete: bool,
}

impl<'t, T: Tree> Reading<'t, T> {
    fn new(tree: &'t T) -> Self {
        let (graph, roster) = (Graph::default(), Roster::default());
        Self { tree, graph, roster, approvals: Vec::new(), problems: Vec::new(), complete: true }
    }

    fn file(&mut self, file: &File<'_>) {
        let bytes = match file.content {
            Content::Bytes(bytes) if bytes.len() as u64 <= MAX_FILE => bytes,
            Content::Bytes(bytes) => return self.unread(&file.path, too_large(bytes.len() as u64)),
            Content::TooLarge(size) => return self.unread(&file.path, too_large(size)),
        };
        if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
            let fault = Fault::new(Mark::default(), "this is a Git LFS pointer, and not the file that it points to");
            return self.unread(&file.path, fault.hint("keep manifests and templates out of LFS"));
        }
        if !is_manifest(bytes) {
            return;
        }
        match text(bytes) {
            Ok(text) => self.documents(&file.path, text),
            Err(fault) => {
                if ["kind: Fleet", "kind: Accounts"]
                    .iter()
                    .any(|kind| bytes.windows(kind.len()).any(|w| w == kind.as_bytes()))
                {
                    self.roster.broken();
                }
                self.unread(&file.path, fault);
            }
        }
    }

    fn documents(&mut self, file: &RepoPath, text: &str) {
        let documents = yaml::documents(text);
        if let Some(first) = documents.get(MAX_DOCUMENTS) {
            let at = Mark { line: first.first_line, column: 0 };
            let fault = Fault::new(
                at,
                format!("{} documents in one file are too many, {MAX_DOCUMENTS} are read", documents.len()),
            );
            self.unread(file, fault.hint("put the rest into other files"));
        }
        for document in documents.into_iter().take(MAX_DOCUMENTS) {
            let mut versions = document.text.lines().filter_map(|line| api_version(line.as_bytes()));
            if versions.next().is_none_or(is_ours) {
                self.document(file, document);
            }
        }
    }

    fn document(&mut self, file: &RepoPath, document: Document<'_>) {
        let (root, faults) = yaml::read(document);
        let field = |name: &str| root.as_ref().and_then(|root| root.get(name));
        let name: Option<Name> = field("metadata").and_then(|metadata| metadata.get("name")?.text()?.parse().ok());
        let kind = field("kind").and_then(Node::text).or_else(|| document.value("kind"));
        let subject = Subject::of(kind, document);
        let cost = if matches!(subject, Subject::Stack | Subject::Unknown) { name.clone() } else { None };
        let mut findings = Findings::new(file, cost);
        let at = Location { file: file.clone(), line: document.content().unwrap_or(document.first_line) };
        let whole = faults.is_empty();
        faults.into_iter().for_each(|fault| findings.fault(fault));
        if let (Some(root), true) = (&root, whole) {
            self.kind(kind, root, name.as_ref(), &at, &mut findings);
        }
        if matches!(subject, Subject::Accounts | Subject::Unknown) && !findings.none() {
            self.roster.broken();
        }
        match (subject, name) {
            (Subject::Stack, Some(name)) => self.graph.name(name, at),
            (Subject::Stack, None) | (Subject::Unknown, _) => self.complete = false,
            (Subject::Accounts | Subject::Beside, _) => {}
        }
        self.problems.append(&mut findings.problems);
    }

    /// Reads a document of one kind or another.
    fn kind(
        &mut self,
        kind: Option<&str>,
        root: &Node<'_>,
        name: Option<&Name>,
        at: &Location,
        findings: &mut Findings<'_>,
    ) {
        if let Err(fault) = version(root) {
            return findings.fault(fault);
        }
        match kind {
            Some("Stack") => {
                let Some(written) = typed_as::<StackManifest>(root, findings) else { return };
                let Some(name) = name else {
                    findings.id::<Name>(&written.metadata.name);
                    return;
                };
                if let Some(sound) = validate::stack(&written, name.clone(), at.clone(), self.tree, findings) {
                    self.graph.add(sound);
                }
            }
            Some("Fleet") => {
                let written = typed_as(root, findings);
                written.iter().for_each(|written| self.roster.fleet(written, at.clone(), findings));
            }
            Some("Accounts") => {
                let written = typed_as(root, findings);
                written.iter().for_each(|written| self.roster.accounts(written, findings));
            }
            Some("Approval") => {
                let written = typed_as::<ApprovalManifest>(root, findings);
                self.approvals.extend(written.and_then(|written| approval::approval(&written, at.clone(), findings)));
            }
            // What comes of it is the business of whoever judges the commit, before anything else in it is read.
            Some("Trust" | "PathApproval") => drop(trust::read(root, findings)),
            Some("Guardrails") => {
                let fault = Fault::new(place(root, "kind"), "an account's guardrails are not read from the repository");
                findings
                    .fault(fault.hint("put them into the account: `holdfast help` says where, under `--guardrails`"));
            }
            Some("Alerts") => {
                let fault = Fault::new(place(root, "kind"), "whom a hub tells is not read from the repository");
                findings.fault(fault.hint("keep it where the hub runs: `holdfast-hub run --alerts FILE`"));
            }
            Some("Preview") => findings.refuse(place(root, "kind"), "`kind: Preview` is not supported by this version"),
            Some(kind) => {
                let fault = Fault::new(place(root, "kind"), format!("unknown kind `{}`", brief(kind)));
                findings.fault(fault.hint(nearest(kind, &KINDS)));
            }
            None => {
                findings.fault(Fault::new(place(root, "kind"), "the field `kind` is missing").hint(nearest("", &KINDS)))
            }
        }
    }

    /// A file of which not even the names are known.
    fn unread(&mut self, file: &RepoPath, fault: Fault) {
        let mut findings = Findings::new(file, None);
        findings.fault(fault);
        self.problems.append(&mut findings.problems);
        self.complete = false;
    }
}

pub(crate) fn typed_as<T: for<'de> Deserialize<'de>>(root: &Node<'_>, findings: &mut Findings<'_>) -> Option<T> {
    let mut faults = Vec::new();
    let written = typed::read(root, &mut faults);
    faults.into_iter().for_each(|fault| findings.fault(fault));
    written
}

/// The one document of a file that may hold no other, in the version that is read here.
pub(crate) fn single<'b>(bytes: &'b [u8], findings: &mut Findings<'_>) -> Option<Node<'b>> {
    let text = text(bytes).map_err(|fault| findings.fault(fault)).ok()?;
    let documents = yaml::documents(text);
    let mut documents = documents.into_iter().filter(|document| document.content().is_some());
    let Some(document) = documents.next() else {
        findings.refuse(Mark::default(), "there is nothing in it");
        return None;
    };
    if let Some(second) = documents.next() {
        findings.refuse(Mark { line: second.first_line, column: 0 }, "a second document stands here, one is read");
        return None;
    }
    let (root, faults) = yaml::read(document);
    let whole = faults.is_empty();
    faults.into_iter().for_each(|fault| findings.fault(fault));
    let root = root.filter(|_| whole)?;
    version(&root).map_err(|fault| findings.fault(fault)).ok()?;
    Some(root)
}

/// The version must be the one that is read here.
pub(crate) fn version(root: &Node<'_>) -> Result<(), Fault> {
    match root.get("apiVersion").and_then(Node::text) {
        Some(API_VERSION) => Ok(()),
        Some(other) => {
            let at = place(root, "apiVersion");
            Err(Fault::new(at, format!("`apiVersion: {}` is not read by this version", brief(other)))
                .hint(format!("it reads `{API_VERSION}`")))
        }
        None => Err(Fault::new(root.at, "the field `apiVersion` is missing")
            .hint(format!("begin the document with `apiVersion: {API_VERSION}`"))),
    }
}

/// Where a field's value stands, or else where the document begins.
pub(crate) fn place(root: &Node<'_>, key: &str) -> Mark {
    root.get(key).unwrap_or(root).at
}

/// The text of a file, without its byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let broken = |valid: usize, what: &str| {
        let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
        Fault::new(Mark { line: u32::try_from(line).unwrap_or(u32::MAX), column: 0 }, what)
    };
    let text = str::from_utf8(bytes).map_err(|error| broken(error.valid_up_to(), "this is not UTF-8 text"))?;
    match text.find('\0') {
        Some(zero) => Err(broken(zero, "a zero byte stands in the text")),
        None => Ok(text),
    }
}

fn too_large(size: u64) -> Fault {
    Fault::new(Mark::default(), format!("the file has {size} bytes, at most {MAX_FILE} are read"))
}
