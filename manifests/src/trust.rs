//! `kind: Trust` and `kind: PathApproval`: what the repository itself says of who may sign. Both lie in the folder `trust`,
//! and neither holds for being there: enough people have to have signed the file.
//!
//! Not here: whose signature is any good, and what holds in an account (that is the agent's `trust`).

mod written;

use crate::{
    findings::Findings,
    id::{Digest, RepoPath},
    parse,
    pattern::Pattern,
    problem::Problem,
    typed::At,
    yaml::{Fault, Node, brief},
};
#[cfg(feature = "schema")]
pub(crate) use written::{PathApprovalManifest as WrittenApproval, TrustManifest as WrittenTrust};
use written::{PathApprovalManifest, TrustManifest};

/// The folder that they lie in, inside the one with the manifests.
pub const FOLDER: &str = "trust";

/// The highest number of anything: whoever counts up never comes there, and nothing that is added to it overflows.
const MOST: u32 = 1_000_000;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Who may sign.
    Rules(Rules),
    /// What was approved.
    Approval(PathApproval),
}

impl Document {
    /// The installation that it is for, if it says so.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Rules(Rules { owner, .. }) | Self::Approval(PathApproval { owner, .. }) => owner.as_deref(),
        }
    }
}

/// Who may sign, and how many it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The installation that it is for.
    pub owner: Option<String>,
    /// From 1, without a gap.
    pub version: u32,
    /// How many have to sign what comes after it.
    pub threshold: usize,
    /// Who may sign, as a file of allowed signers.
    pub signers: String,
    /// What takes the approval of several.
    pub paths: Vec<PathRule>,
}

/// What takes the approval of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// Which files.
    pub paths: PathPattern,
    /// How many have to approve them.
    pub approvals: usize,
}

/// Approval of what stands under some paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathApproval {
    /// The installation that it is for.
    pub owner: Option<String>,
    /// Which files, as the rule has them.
    pub paths: PathPattern,
    /// More than the one before it.
    pub version: u32,
    /// What stands there ([`content`]).
    pub content: Digest,
}

/// Files by their paths: `stacks/identity/**` is everything below a folder, a `*` is anything in one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern(String);

impl PathPattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let whole = text.strip_suffix("/**").unwrap_or(text);
        if whole.split('/').any(|name| name.contains("**")) || whole.parse::<RepoPath>().is_err() {
            return Err(format!("`{}` is no path from the repository's root, nor a pattern of some", brief(text)));
        }
        if whole.split('/').next().is_none_or(|name| name.contains('*')) {
            return Err(format!("`{}` has to begin with the name of a folder or file", brief(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// The file that it names, if it names one.
    pub fn file(&self) -> Option<RepoPath> {
        if self.0.contains('*') { None } else { self.0.parse().ok() }
    }

    /// The innermost folder that everything is in that it can mean.
    pub fn folder(&self) -> Option<RepoPath> {
        let starred = self.0.split('/').take_while(|name| !name.contains('*'));
        starred.collect::<Vec<_>>().join("/").parse().ok()
    }

    /// Whether it means this file.
    pub fn fits(&self, path: &RepoPath) -> bool {
        let mut names = path.as_str().split('/');
        for wanted in self.0.split('/') {
            match names.next() {
                Some(_) if wanted == "**" => return true,
                Some(name) if Pattern::new(wanted).fits(name) => {}
                Some(_) | None => return false,
            }
        }
        names.next().is_none()
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file that is approved with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approvable {
    /// Where it stands.
    pub path: RepoPath,
    /// Whether it may be executed.
    pub executable: bool,
    /// What is in it.
    pub digest: Digest,
}

/// The digest of files: of the lines that `sha256sum` would print of them, sorted by path, byte by byte; of those that may be
/// executed, as `sha256sum --binary` would.
pub fn content(mut files: Vec<Approvable>) -> Digest {
    files.sort();
    let line = |Approvable { path, executable, digest }: &Approvable| {
        format!("{digest} {}{path}\n", if *executable { '*' } else { ' ' })
    };
    Digest::of(files.iter().map(line).collect::<String>().as_bytes())
}

/// Reads one of the two; `None` when it is another kind of document, or none at all. `place` is what the problems call it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(place: &RepoPath, bytes: &[u8]) -> Result<Option<Document>, Vec<Problem>> {
    if !parse::is_manifest(bytes) {
        return Ok(None);
    }
    let mut findings = Findings::new(place, None);
    let document = parse::single(bytes, &mut findings).and_then(|root| read(&root, &mut findings));
    if findings.none() { Ok(document) } else { Err(findings.problems) }
}

/// The same, of a document's tree.
pub(crate) fn read(root: &Node<'_>, findings: &mut Findings<'_>) -> Option<Document> {
    let folder = findings.file.as_str().rsplit('/').nth(1);
    if folder != Some(FOLDER) {
        let fault =
            Fault::new(parse::place(root, "kind"), "a document about trust is read in no other folder than `trust`");
        findings.fault(fault.hint("move it there, with its signatures"));
        return None;
    }
    match root.get("kind").and_then(Node::text) {
        Some("Trust") => {
            let written = parse::typed_as(root, findings)?;
            rules(&written, findings).map(Document::Rules)
        }
        Some("PathApproval") => {
            let written = parse::typed_as(root, findings)?;
            approval(&written, findings).map(Document::Approval)
        }
        Some(_) | None => None,
    }
}

fn rules(written: &TrustManifest, findings: &mut Findings<'_>) -> Option<Rules> {
    let spec = &written.spec;
    for line in &spec.signers {
        if is_block(line) {
            continue;
        }
        if line.value.contains('\n') || line.value.trim().is_empty() || line.value.trim_start().starts_with('#') {
            findings.refuse(line.at, "each entry is one signer's line, a name and a key, or one OpenPGP block");
        }
    }
    // Only a key for SSH can vouch for a document.
    let people = spec.signers.iter().filter(|line| !is_block(line)).count();
    let threshold = spec.threshold.value as usize;
    if threshold > people {
        let fault = Fault::new(spec.threshold.at, format!("of {people} signers never {threshold} can sign"));
        findings.fault(fault.hint("this would be the last version: nobody could ever change it"));
    }
    let paths = spec.paths.iter().filter_map(|rule| {
        let count = positive(&rule.approvals, "approvals", findings)?;
        if count as usize > people {
            let what = format!("of {people} signers never {count} can approve anything");
            findings.refuse(rule.approvals.at, what);
        }
        Some(PathRule { paths: pattern(&rule.paths, findings)?, approvals: count as usize })
    });
    let paths = paths.collect();
    for rule in &spec.paths {
        if PathPattern::new(&rule.paths.value).is_ok_and(|paths| paths.fits(findings.file)) {
            findings.refuse(rule.paths.at, "approvals lie there themselves, so none could ever fit");
        }
    }
    let version = positive(&spec.version, "the version", findings)?;
    positive(&spec.threshold, "the threshold", findings)?;
    let signers = spec.signers.iter().map(|line| format!("{}\n", line.value)).collect();
    findings.none().then_some(Rules { owner: owner(spec.owner.as_ref(), findings), version, threshold, signers, paths })
}

/// An OpenPGP key stands in a block of lines of its own.
fn is_block(line: &At<String>) -> bool {
    line.value.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
}

fn approval(written: &PathApprovalManifest, findings: &mut Findings<'_>) -> Option<PathApproval> {
    let spec = &written.spec;
    let (paths, content) = (pattern(&spec.paths, findings), findings.id(&spec.content));
    let version = positive(&spec.version, "the version", findings)?;
    Some(PathApproval { owner: owner(spec.owner.as_ref(), findings), paths: paths?, version, content: content? })
}

fn owner(text: Option<&At<String>>, findings: &mut Findings<'_>) -> Option<String> {
    text.map(|text| {
        findings.length(text, "the owner", 128);
        text.value.clone()
    })
}

fn pattern(text: &At<String>, findings: &mut Findings<'_>) -> Option<PathPattern> {
    PathPattern::new(&text.value).map_err(|why| findings.refuse(text.at, why)).ok()
}

fn positive(number: &At<u32>, what: &str, findings: &mut Findings<'_>) -> Option<u32> {
    if number.value == 0 {
        findings.refuse(number.at, format!("{what} begins at 1"));
        return None;
    }
    if number.value > MOST {
        findings.refuse(number.at, format!("{what} goes up one by one, and never to {}", number.value));
        return None;
    }
    Some(number.value)
}
