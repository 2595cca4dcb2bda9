//! A template with every template of the repository that is nested in it.
//!
//! Its digest is made of what the files say, and never of where they are put: the same commit asks for the same in every
//! account. Not here: where that is, and how it gets there ([`crate::shelve`]).

use crate::{preview::INLINE_BYTES, reading::TEMPLATE_BYTES, template};
use manifests::{
    id::{Digest, RepoPath},
    nested::{self, Place, nested},
    problem::Problem,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// How many files one template may be made of.
const MOST: usize = 50;
/// How many templates may be nested in each other.
const DEEPEST: usize = 8;

/// A template with every template that is nested in it.
#[derive(Debug)]
pub(crate) struct Package {
    /// What is nested comes before what it is nested in; the template itself is the last.
    parts: Vec<Part>,
}

/// One file of a package.
#[derive(Debug)]
pub(crate) struct Part {
    /// Digest of what it says and of all that is nested in it.
    pub(crate) digest: Digest,
    /// What it says.
    text: String,
    /// Where it names which others, by their digests.
    children: Vec<(Place, Digest)>,
    /// Whether any stack is nested in it, from wherever.
    nested: bool,
}

impl Package {
    /// What is nested comes before what it is nested in; the template itself is the last.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Digest of everything.
    pub(crate) fn digest(&self) -> Digest {
        self.parts.last().map_or(Digest([0; 32]), |root| root.digest)
    }

    /// Whether any stack is nested in it, from wherever.
    pub(crate) fn nested(&self) -> bool {
        self.parts.iter().any(|part| part.nested)
    }

    /// Whether the template fits into a request, and nothing is nested in it that has to be put somewhere.
    pub(crate) fn inline(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [only] if only.text.len() <= INLINE_BYTES => Some(&only.text),
            _ => None,
        }
    }

    /// What rewrites any of it.
    pub(crate) fn transforms(&self) -> Vec<String> {
        let all: BTreeSet<String> = self.parts.iter().flat_map(|part| template::transforms(&part.text)).collect();
        all.into_iter().collect()
    }

    /// The digests of all that is put into a bucket for it.
    pub(crate) fn shelved(&self) -> Vec<Digest> {
        if self.inline().is_some() { Vec::new() } else { self.parts.iter().map(|part| part.digest).collect() }
    }
}

impl Part {
    /// What it says once those that it names have these URLs.
    pub(crate) fn said(&self, urls: &BTreeMap<Digest, String>) -> String {
        let url = |digest: &Digest| urls.get(digest).map_or("", String::as_str);
        nested::with(&self.text, self.children.iter().map(|(place, digest)| (place, url(digest))))
    }
}

/// Reads a template and all that is nested in it. What is wrong is told with its place; a file that can't be read is told
/// where it is named.
pub(crate) async fn package(
    read: &impl AsyncFn(&RepoPath) -> Result<Vec<u8>, String>,
    root: &RepoPath,
) -> Result<Package, Problem> {
    let mut files: BTreeMap<RepoPath, File> = BTreeMap::new();
    let mut left: Vec<(RepoPath, Option<(RepoPath, Place)>)> = vec![(root.clone(), None)];
    while let Some((path, named)) = left.pop() {
        if files.contains_key(&path) {
            continue;
        }
        let problem = |message: String| match &named {
            Some((by, place)) => place.problem(by, message),
            None => Problem { file: path.clone(), line: 0, column: 0, message, hint: None, manifest: None },
        };
        if files.len() == MOST {
            return Err(problem(format!("more than {MOST} templates are nested in `{root}`")));
        }
        let text = String::from_utf8(read(&path).await.map_err(problem)?);
        let text = text.map_err(|_| problem(format!("template `{path}` is not UTF-8")))?;
        let found = nested(&text);
        let children = found.places.into_iter().map(|place| Ok((place.resolve(&path)?, place)));
        let children = children.collect::<Result<Vec<(RepoPath, Place)>, Problem>>()?;
        left.extend(children.iter().map(|(child, place)| (child.clone(), Some((path.clone(), place.clone())))));
        files.insert(path, File { text, nested: found.any, children });
    }
    let mut order = Order { files, digests: BTreeMap::new(), open: Vec::new(), parts: Vec::new() };
    order.close(root)?;
    Ok(Package { parts: order.parts })
}

struct File {
    text: String,
    nested: bool,
    children: Vec<(RepoPath, Place)>,
}

/// Brings files into an order in which what is nested comes first.
struct Order {
    files: BTreeMap<RepoPath, File>,
    digests: BTreeMap<RepoPath, Digest>,
    open: Vec<RepoPath>,
    parts: Vec<Part>,
}

impl Order {
    fn close(&mut self, path: &RepoPath) -> Result<Digest, Problem> {
        if let Some(digest) = self.digests.get(path) {
            return Ok(*digest);
        }
        let Some(File { text, nested, children }) = self.files.remove(path) else { return Ok(Digest([0; 32])) };
        self.open.push(path.clone());
        let mut named = Vec::new();
        for (child, place) in children {
            if self.open.contains(&child) {
                return Err(place.problem(path, format!("the template `{child}` is nested in itself")));
            }
            if self.open.len() == DEEPEST {
                return Err(place.problem(path, format!("more than {DEEPEST} templates are nested in each other")));
            }
            let digest = self.close(&child)?;
            named.push((place, digest));
        }
        self.open.pop();
        let digest = digest(&text, &named);
        self.digests.insert(path.clone(), digest);
        self.parts.push(Part { digest, text, children: named, nested });
        Ok(digest)
    }
}

/// Of a template in which no file is nested, the digest of its bytes; else of its own and where it names which others.
fn digest(text: &str, children: &[(Place, Digest)]) -> Digest {
    let own = Digest::of(text.as_bytes());
    if children.is_empty() {
        return own;
    }
    let mut form = format!("holdfast/nested/1\n{own}\n");
    for (place, digest) in children {
        let _ = writeln!(form, "{} {digest}", place.span.start);
    }
    Digest::of(form.as_bytes())
}

/// Why a template can't be given to CloudFormation, if it is too large once it names its children by URL.
pub(crate) fn too_large(text: &str) -> Option<String> {
    let size = text.len() as u64;
    let told = || {
        format!(
            "the template has {size} bytes once it names its nested templates, CloudFormation takes at most {TEMPLATE_BYTES}"
        )
    };
    (size > TEMPLATE_BYTES).then(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    fn path_of(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    /// The package of `root` in these files, as the paths of a text each.
    fn packed(root: &str, files: &[(&str, String)]) -> Result<Package, Problem> {
        let files: BTreeMap<RepoPath, &String> = files.iter().map(|(path, text)| (path_of(path), text)).collect();
        let read = async |path: &RepoPath| match files.get(path) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(format!("`{path}` does not exist")),
        };
        let root = path_of(root);
        match pin!(package(&read, &root)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(package) => package,
            Poll::Pending => panic!("nothing to wait for"),
        }
    }

    fn parent(urls: &[&str]) -> String {
        let child = |(n, url): (usize, &&str)| {
            format!("  C{n}:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {url}\n")
        };
        format!("Resources:\n{}", urls.iter().enumerate().map(child).collect::<String>())
    }

    fn leaf(value: &str) -> String {
        format!("Resources: {{P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: {value}}}}}}}\n")
    }

    #[test]
    fn what_is_nested_comes_first_and_is_named_by_its_url() {
        let files = [
            ("t/root.yaml", parent(&["./mid.yaml", "../leaf.yaml", "https://b/k"])),
            ("t/mid.yaml", parent(&["../leaf.yaml"])),
            ("leaf.yaml", leaf("one")),
        ];
        let package = packed("t/root.yaml", &files).unwrap();
        let [leaf, mid, root] = package.parts() else { panic!("{package:?}") };
        assert_eq!((leaf.digest, leaf.said(&BTreeMap::new())), (Digest::of(files[2].1.as_bytes()), files[2].1.clone()));
        let urls = BTreeMap::from([(leaf.digest, "https://leaf".to_owned()), (mid.digest, "https://mid".to_owned())]);
        assert_eq!(mid.said(&urls), parent(&["\"https://leaf\""]));
        assert_eq!(root.said(&urls), parent(&["\"https://mid\"", "\"https://leaf\"", "https://b/k"]));
        assert_eq!((package.shelved().len(), package.inline(), package.nested()), (3, None, true));
    }

    #[test]
    fn the_digest_is_of_all_files_and_of_nothing_else() {
        let digest = |value: &str, url: &str, place: &str| {
            packed("r.yaml", &[("r.yaml", parent(&[url])), (place, leaf(value))]).unwrap().digest()
        };
        let one = digest("one", "./c.yaml", "c.yaml");
        assert_eq!(one, digest("one", "./c.yaml", "c.yaml"));
        assert_ne!(one, digest("two", "./c.yaml", "c.yaml"), "what a child says");
        let alone = packed("l.yaml", &[("l.yaml", leaf("one"))]).unwrap();
        assert_eq!(alone.digest(), Digest::of(leaf("one").as_bytes()), "a template alone is its bytes");
        assert_eq!((alone.inline(), alone.shelved(), alone.nested()), (Some(&*leaf("one")), vec![], false));
    }

    #[test]
    fn a_template_over_what_a_request_carries_is_put_somewhere() {
        let large = format!("{}#{}\n", leaf("one"), "x".repeat(INLINE_BYTES));
        let package = packed("l.yaml", &[("l.yaml", large.clone())]).unwrap();
        assert_eq!((package.inline(), package.shelved()), (None, vec![Digest::of(large.as_bytes())]));
        assert_eq!((too_large(&large), too_large(&" ".repeat(1_000_000))), (None, None));
        assert!(too_large(&" ".repeat(1_000_001)).is_some());
    }

    #[track_caller]
    fn refused(files: &[(&str, String)], told: &str) {
        assert_eq!(packed("r.yaml", files).unwrap_err().to_string(), told);
    }

    #[test]
    fn what_can_not_be_packed_is_told_where_it_is_named() {
        refused(&[], "r.yaml: `r.yaml` does not exist");
        refused(&[("r.yaml", parent(&["a.yaml"]))], "r.yaml:5:20: `a.yaml` does not exist");
        refused(
            &[("r.yaml", parent(&["a.yaml"])), ("a.yaml", parent(&["r.yaml"]))],
            "a.yaml:5:20: the template `r.yaml` is nested in itself",
        );
        let names: Vec<String> = (0..10).map(|n| format!("n{n}.yaml")).collect();
        let mut chain: Vec<(&str, String)> = vec![("r.yaml", parent(&["n0.yaml"]))];
        chain.extend(names.windows(2).map(|pair| (pair[0].as_str(), parent(&[&pair[1]]))));
        chain.push(("n9.yaml", leaf("end")));
        refused(&chain, "n6.yaml:5:20: more than 8 templates are nested in each other");
        let names: Vec<String> = (0..60).map(|n| format!("n{n}.yaml")).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut wide = vec![("r.yaml", parent(&all))];
        wide.extend(names.iter().map(|name| (name.as_str(), leaf(name))));
        let told = packed("r.yaml", &wide).unwrap_err().to_string();
        assert!(told.ends_with("more than 50 templates are nested in `r.yaml`"), "{told}");
    }
}
