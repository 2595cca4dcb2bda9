//! What a commit may hold, and what is never read from it.

use crate::{
    git_bombs::{self as bombs, What, beside, blob, nested, tree},
    git_place::{Place, commit, history, path},
};
use agent::git::{
    Limits, Origin, Repository, Source as _,
    credentials::Credentials,
    error::{ReadError, Unusable},
};
use manifests::id::RepoPath;

#[tokio::test]
async fn what_is_not_a_file_of_the_repository_is_never_read() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let large = "x".repeat(1_048_577);
    let target = "a".repeat(40);
    let place = Place::new(&commit(
        0,
        None,
        &[
            ("100644", "stacks/good.yaml", "good"),
            ("120000", "stacks/link.yaml", "/etc/passwd"),
            ("120000", "stacks/folder", "../other"),
            ("120000", "stacks/notes.md", "good.yaml"),
            ("160000", "stacks/module", &target),
            ("100644", "stacks/lfs.yaml", pointer),
            ("100644", "stacks/large.yaml", &large),
            ("100644", "\"stacks/back\\\\slash.yaml\"", "odd"),
            ("100644", "\"stacks/not\\377utf8.yaml\"", "odd"),
            ("100644", "templates/a.json", "{}"),
            ("120000", "elsewhere.yaml", "stacks/good.yaml"),
        ],
    ));
    let agent = Repository::new(Origin { path: Some(path("stacks")), ..place.origin() }, Credentials::None).unwrap();
    let commit = agent.offered(None).await.unwrap().commit;
    let tree = agent.tree(&commit).await.unwrap();
    assert_eq!(tree.manifests.keys().map(RepoPath::as_str).collect::<Vec<_>>(), ["stacks/good.yaml"]);
    assert_eq!(tree.sizes.get(&path("templates/a.json")), Some(&2));
    assert_eq!(tree.sizes.get(&path("stacks/link.yaml")), None);
    let files: Vec<_> = tree.problems.iter().map(|problem| problem.file.as_str()).collect();
    for file in ["stacks/link.yaml", "stacks/folder", "stacks/module", "stacks/lfs.yaml", "stacks/large.yaml"] {
        assert!(files.contains(&file), "{file} in {files:?}");
    }
    assert_eq!(files.len(), 7, "{files:?}");
    for (file, limit, why) in [
        ("stacks/link.yaml", 9, Unusable::Link),
        ("stacks/module", 9, Unusable::Submodule),
        ("stacks/module/inside.yaml", 9, Unusable::Missing),
        ("stacks/lfs.yaml", 999, Unusable::Pointer),
        ("stacks/large.yaml", 9, Unusable::TooLarge { size: 1_048_577, limit: 9 }),
        ("stacks", 9, Unusable::Folder),
        ("none.json", 9, Unusable::Missing),
        ("stacks/good.yaml/x", 9, Unusable::Missing),
    ] {
        let unread = agent.blob(&commit, &path(file), limit).await;
        assert_eq!(unread, Err(ReadError::File { path: path(file), why }));
    }
    assert_eq!(agent.blob(&commit, &path("templates/a.json"), 2).await.unwrap(), b"{}");
}

/// What is packed of `path`, as `name mode` each, or why it is not.
async fn packed(agent: &Repository<Credentials>, path_: &str) -> Result<Vec<String>, String> {
    let commit = agent.offered(None).await.unwrap().commit;
    let members =
        agent.bundle(&commit, &path(path_), manifests::artifact::BYTES).await.map_err(|error| error.to_string())?;
    Ok(members.iter().map(|member| format!("{} {}", member.name, member.executable)).collect())
}

#[tokio::test]
async fn a_folder_is_packed_sorted_with_its_executable_bits_and_only_of_files() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let target = "a".repeat(40);
    let place = Place::new(&commit(
        0,
        None,
        &[
            ("100644", "m.yaml", "x"),
            ("100755", "good/b/run", "x"),
            ("100644", "good/b.py", "x"),
            ("100644", "good/B.py", "x"),
            ("100644", "good-not/c.py", "x"),
            ("120000", "link/x", "../m.yaml"),
            ("160000", "module/x", &target),
            ("100644", "lfs/x", pointer),
        ],
    ));
    let agent = Repository::new(place.origin(), Credentials::None).unwrap();
    assert_eq!(packed(&agent, "good").await.unwrap(), ["B.py false", "b.py false", "b/run true"]);
    assert_eq!(packed(&agent, "good/b/run").await.unwrap(), ["run true"]);
    for (path, told) in [
        ("link", "`link/x` is a symbolic link"),
        ("link/x", "is a symbolic link"),
        ("module", "`module/x` is a submodule"),
        ("lfs", "`lfs/x` is a Git LFS pointer"),
        ("none", "`none` does not exist"),
    ] {
        let error = packed(&agent, path).await.unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_folder_of_too_many_files_is_not_packed() {
    let names: Vec<String> = (0..5_001).map(|n| format!("many/{n}")).collect();
    let mut files: Vec<(&str, &str, &str)> = names.iter().map(|name| ("100644", name.as_str(), "x")).collect();
    files.push(("100644", "m.yaml", "x"));
    let place = Place::new(&commit(0, None, &files));
    let agent = Repository::new(place.origin(), Credentials::None).unwrap();
    let error = packed(&agent, "many").await.unwrap_err();
    assert_eq!(error, "the artifact `many` has 5001 files, at most 5000 are packed");
}

/// Files, the configured path, limits, and what the refusal says.
type Case<'a> = (&'a [(&'a str, &'a str, &'a str)], Option<&'a str>, Limits, &'a str);

#[tokio::test]
async fn a_doubtful_commit_is_refused_as_a_whole() {
    let deep = format!("{}x.yaml", "d/".repeat(70));
    let few = Limits { entries: 3, manifests: 2, total_bytes: 10, ..Limits::default() };
    fn file(name: &str) -> (&str, &str, &str) {
        ("100644", name, "four")
    }
    let cases: &[Case<'_>] = &[
        (&[file("Db.yaml"), file("db.yaml")], None, Limits::default(), "differ only by case"),
        (&[file("A/x.yaml"), file("a/y.yaml")], None, Limits::default(), "differ only by case"),
        (&[file("x.yaml")], Some("stacks"), Limits::default(), "no folder `stacks`"),
        (&[file("stacks"), file("x.yaml")], Some("stacks"), Limits::default(), "no folder `stacks`"),
        (
            &[file("stacks/x.json"), file("x.yaml")],
            Some("stacks"),
            Limits::default(),
            "no `*.yaml` file below `stacks`",
        ),
        (&[file("readme.md")], None, Limits::default(), "no `*.yaml` file"),
        (&[file("a"), file("b"), file("c"), file("d")], None, few, "3 files and folders (`--git-entries` allows more)"),
        (
            &[file("a.yaml"), file("b.yaml"), file("c.yaml")],
            None,
            Limits { total_bytes: 99, ..few },
            "2 `*.yaml` files (`--git-manifests` allows more)",
        ),
        (
            &[file("a.yaml"), file("b.yaml"), file("c.yaml")],
            None,
            few,
            "10 bytes of manifests (`--git-total-bytes` allows more)",
        ),
        (&[file(&deep)], None, Limits::default(), "64 folders inside each other (`--git-nesting` allows more)"),
    ];
    for (files, below, limits, expected) in cases {
        let place = Place::new(&commit(0, None, files));
        let origin = Origin { path: below.map(path), limits: *limits, ..place.origin() };
        let agent = Repository::new(origin, Credentials::None).unwrap();
        let head = agent.offered(None).await.unwrap().commit;
        let error = agent.tree(&head).await.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_few_folders_that_stand_for_any_number_are_left_at_the_limit() {
    let place = Place::new(&history(1, 1));
    let repository = place.repository();
    let file = blob(&repository, b"name: x\n");
    let folder = tree(&repository, &[]);
    // 10 to the 12th, and no file that another limit would count.
    let bomb = nested(&repository, &folder, 100, 6);
    bombs::commit(&repository, &beside(&repository, What::Tree, &bomb, "bomb"));
    let (agent, head) = (place.agent(), place.head());
    agent.offered(None).await.unwrap();
    let error = agent.tree(&head).await.unwrap_err().to_string();
    assert!(error.contains("100000 files and folders (`--git-entries`"), "{error}");
    // A folder whose name can't be written is not looked into when the commit is read, but when it is packed.
    let hidden = tree(&repository, &[(What::Tree, &bomb, "\u{1}"), (What::Blob, &file, "x")]);
    let deep = tree(&repository, &[(What::Tree, &nested(&repository, &folder, 1, 200), "\u{1}")]);
    for (hidden, words) in [(hidden, "--git-entries"), (deep, "--git-nesting")] {
        let root = tree(&repository, &[(What::Blob, &file, "m.yaml"), (What::Tree, &hidden, "packed")]);
        bombs::commit(&repository, &root);
        let error = packed(&agent, "packed").await.unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn harmless_likeness_of_names_is_no_matter() {
    let place =
        Place::new(&commit(0, None, &[("100644", "README", "a"), ("100644", "readme", "b"), ("100644", "x.yml", "c")]));
    let agent = place.agent();
    let head = agent.offered(None).await.unwrap().commit;
    assert_eq!(agent.tree(&head).await.unwrap().manifests.len(), 1);
}

#[tokio::test]
async fn a_name_that_stands_in_a_folder_twice_is_no_name() {
    let place = Place::new(&history(1, 1));
    let repository = place.repository();
    let [one, other] = ["name: x\n", "name: y\n"].map(|text| blob(&repository, text.as_bytes()));
    let inner = tree(&repository, &[(What::Blob, &one, "a.yaml")]);
    let second = tree(&repository, &[(What::Blob, &other, "a.yaml")]);
    let twice = tree(&repository, &[(What::Blob, &one, "a.yaml"), (What::Blob, &other, "a.yaml")]);
    let (agent, words) = (place.agent(), "twice, which git itself never writes");
    for entries in [
        [(What::Tree, &*inner, "m"), (What::Tree, &*second, "m")],
        [(What::Tree, &*inner, "m"), (What::Blob, &*other, "m")],
        [(What::Blob, &*one, "a.yaml"), (What::Tree, &*twice, "m")],
    ] {
        bombs::commit(&repository, &tree(&repository, &entries));
        let head = agent.offered(None).await.unwrap().commit;
        let read = [
            agent.tree(&head).await.unwrap_err().to_string(),
            agent.blob(&head, &path("m/a.yaml"), 99).await.unwrap_err().to_string(),
            packed(&agent, "m").await.unwrap_err(),
        ];
        read.iter().for_each(|error| assert!(error.contains(words), "{error}"));
    }
    // Another spelling of the folder that the manifests are in.
    bombs::commit(&repository, &tree(&repository, &[(What::Tree, &second, "M"), (What::Tree, &inner, "m")]));
    let agent = Repository::new(Origin { path: Some(path("m")), ..place.origin() }, Credentials::None).unwrap();
    let head = agent.offered(None).await.unwrap().commit;
    let error = agent.tree(&head).await.unwrap_err().to_string();
    assert!(error.contains("holds both `M` and `m`"), "{error}");
}
