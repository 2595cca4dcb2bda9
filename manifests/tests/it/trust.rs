//! What the repository says of who may sign: what is read, what is wrong with it, and which files a pattern means.

use manifests::{
    id::{Digest, RepoPath},
    trust::{Approvable, Document, PathPattern, content, parse},
};

fn path(text: &str) -> RepoPath {
    text.parse().expect("a path")
}

fn read(text: &str) -> Result<Option<Document>, String> {
    parse(&path("trust/1.yaml"), text.as_bytes())
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// A `kind: Trust` with these lines below `spec`, which begin on line 4.
#[track_caller]
fn wrong(lines: &str, expect: &str) {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("apiVersion: holdfast/v1\nkind: Trust\nspec:\n{lines}");
    assert_eq!(read(&text).expect_err(&text), expect);
}

#[test]
fn who_may_sign_and_what_takes_several_is_read() {
    let text = "apiVersion: holdfast/v1\nkind: Trust\nmetadata: {name: ours}\nspec:\n  version: 2\n  threshold: 1\n  signers: \
                [a ssh-ed25519 AA, b ssh-ed25519 BB]\n  paths: [{paths: iam/**, approvals: 2}]\n";
    let Ok(Some(Document::Rules(rules))) = read(text) else { panic!("{:?}", read(text)) };
    assert_eq!((rules.version, rules.threshold), (2, 1));
    assert_eq!(rules.signers, "a ssh-ed25519 AA\nb ssh-ed25519 BB\n");
    assert_eq!((rules.paths[0].paths.to_string(), rules.paths[0].approvals), ("iam/**".to_owned(), 2));
    let digest = Digest::of(b"x");
    let text = format!(
        "apiVersion: holdfast/v1\nkind: PathApproval\nspec: {{paths: iam/**, version: 3, content: '{digest}'}}\n"
    );
    let Ok(Some(Document::Approval(given))) = read(&text) else { panic!("{:?}", read(&text)) };
    assert_eq!((given.version, given.content), (3, digest));
    // Other people's files in the folder are nobody's business.
    assert_eq!(read("a: b\n"), Ok(None));
    assert_eq!(read("apiVersion: holdfast/v1\nkind: Stack\n"), Ok(None));
}

#[test]
fn what_would_never_be_fulfilled_is_told_with_its_place() {
    wrong(
        "version: 1\nthreshold: 2\nsigners: [a ssh-ed25519 AA]",
        "trust/1.yaml:5:14: of 1 signers never 2 can sign\n  hint: this would be the last version: nobody could ever change it",
    );
    wrong("version: 0\nthreshold: 1\nsigners: [a b c]", "trust/1.yaml:4:12: the version begins at 1");
    wrong(
        "version: 4294967295\nthreshold: 1\nsigners: [a b c]",
        "trust/1.yaml:4:12: the version goes up one by one, and never to 4294967295",
    );
    wrong(
        "version: 1\nthreshold: 1\nsigners: [a b c]\npaths: [{paths: trust/**, approvals: 1}]",
        "trust/1.yaml:7:19: approvals lie there themselves, so none could ever fit",
    );
    wrong("version: 1\nthreshold: 0\nsigners: [a b c]", "trust/1.yaml:5:14: the threshold begins at 1");
    wrong(
        "version: 1\nthreshold: 1\nsigners: ['# a']",
        "trust/1.yaml:6:13: each entry is one signer's line, a name and a key, or one OpenPGP block",
    );
    wrong(
        "version: 1\nthreshold: 1\nsigners: [a b c]\npaths: [{paths: iam/**, approvals: 2}]",
        "trust/1.yaml:7:38: of 1 signers never 2 can approve anything",
    );
    wrong(
        "version: 1\nthreshold: 1\nsigners: [a b c]\npaths: [{paths: '**', approvals: 1}]",
        "trust/1.yaml:7:19: `**` is no path from the repository's root, nor a pattern of some",
    );
    wrong(
        "version: 1\nthreshold: 1\nsigner: []",
        "trust/1.yaml:6:3: unknown field `signer`\n  hint: did you mean `signers`?\n\
         trust/1.yaml:4:3: `spec`: the field `signers` is missing",
    );
}

#[test]
fn a_document_that_lies_elsewhere_is_not_passed_over() {
    let text = "apiVersion: holdfast/v1\nkind: Trust\nspec: {version: 1, threshold: 1, signers: [a b c]}\n";
    let problems = parse(&path("stacks/1.yaml"), text.as_bytes()).expect_err("it lies elsewhere");
    assert_eq!(
        problems[0].to_string(),
        "stacks/1.yaml:2:7: a document about trust is read in no other folder than `trust`\n  \
         hint: move it there, with its signatures"
    );
    assert!(parse(&path("fleet/trust/1.yaml"), text.as_bytes()).is_ok());
}

#[test]
fn a_pattern_means_the_files_that_it_says_and_no_others() {
    let check = |pattern: &str, fitting: &[&str], others: &[&str]| {
        let pattern = PathPattern::new(pattern).expect("a pattern");
        fitting.iter().for_each(|text| assert!(pattern.fits(&path(text)), "{pattern} {text}"));
        others.iter().for_each(|text| assert!(!pattern.fits(&path(text)), "{pattern} {text}"));
    };
    check("iam/**", &["iam/a", "iam/a/b/c"], &["iam", "iamb/a", "x/iam/a"]);
    check("iam/*.yaml", &["iam/a.yaml"], &["iam/a/b.yaml", "iam/a.yml"]);
    check("iam/*/role.yaml", &["iam/a/role.yaml"], &["iam/role.yaml", "iam/a/b/role.yaml"]);
    check("fleet.yaml", &["fleet.yaml"], &["a/fleet.yaml", "fleet.yaml/a"]);
    for text in ["", "/iam", "../iam", "iam/../x", "**", "*/x", "iam/**/x", "iam/", "iam//x"] {
        assert!(PathPattern::new(text).is_err(), "{text}");
    }
}

#[test]
fn the_digest_is_that_of_what_sha256sum_prints() {
    // printf 'one' > a/x; printf 'two' > a/y; sha256sum a/x a/y | sha256sum
    let (x, y) = (path("a/x"), path("a/y"));
    let file = |path: &RepoPath, text: &str, executable| Approvable {
        path: path.clone(),
        executable,
        digest: Digest::of(text.as_bytes()),
    };
    assert_ne!(content(vec![file(&x, "one", true)]), content(vec![file(&x, "one", false)]));
    let both = content(vec![file(&y, "two", false), file(&x, "one", false)]);
    assert_eq!(both.to_string(), "f5f361c05b3fd1c43c9c58d1e5411e88738aec73374227765f774b26dab60abd");
}
