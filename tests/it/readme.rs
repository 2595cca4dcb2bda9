//! The README's commands and examples, run as they stand there.
//!
//! Not here: `cargo demo` and `cargo test`, which `.ci/run` runs from a clean checkout.

use crate::binary::{Ran, hub, path};
use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The first block of that language after a heading.
#[track_caller]
fn block(heading: &str, language: &str) -> String {
    let text = readme();
    let after = text.split_once(heading).expect("the heading is there").1;
    let inside = after.split_once(&format!("```{language}\n")).expect("a block").1;
    inside.split_once("```").unwrap().0.to_owned()
}

/// The laptop, word for word; only port and folder are another, so that two tests don't meet.
#[test]
fn the_laptop_s_commands_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let commands = block("## Try it on a laptop", "sh")
        .replace("4566", &port.to_string())
        .replace("/tmp/my-fleet", folder.path().join("my-fleet").to_str().unwrap());
    let script = format!("set -eu\ntrap 'kill $(jobs -p)' EXIT\n{commands}");
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(root())
        .env_clear()
        .env("PATH", path())
        .env("HOME", folder.path())
        .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    assert!(out.contains("9 stack manifests, 4 accounts, 0 problems"), "{out}");
    assert!(out.contains("13 stacks: 13 in sync"), "{out}");
}

/// Where cargo and rustup keep their own things: the newcomer has them already.
fn home(variable: &str, folder: &str) -> std::ffi::OsString {
    let set = std::env::var_os(variable);
    set.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(folder).into())
}

#[test]
fn the_hub_s_flags_and_questions_exist() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| Ran::of(&mut hub(folder.path(), words));
    let help = run(&["run", "--help"]).stdout;
    let commands = block("## All accounts together", "sh");
    for flag in commands.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} <")), "{flag} is no flag");
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let questions = readme.split_once("`fleet status` (").unwrap().1.split_once(") |").unwrap().0;
    for question in
        questions.split(", ").map(|word| word.trim_matches('`').split(' ').next().unwrap()).chain(["status"])
    {
        assert_eq!(run(&["fleet", question, "--help"]).code, Some(0), "{question}");
    }
    let made = run(&["token", "ada"]).stdout;
    assert!(made.contains("hf_") && made.lines().last().unwrap().contains(" ada "), "{made}");
}

#[test]
fn the_account_s_flags_exist() {
    let help = fs::read_to_string(root().join("agent/src/config.rs")).unwrap();
    let commands = block("## In an account", "sh");
    let flags = commands.split_whitespace().filter_map(|word| word.strip_prefix("--"));
    for flag in flags {
        let field = format!("pub {}: Option<", flag.replace('-', "_"));
        assert!(help.contains(&field), "--{flag} is no flag");
    }
}

#[test]
fn bootstrap_s_flags_exist() {
    let folder = tempfile::tempdir().unwrap();
    let help = Ran::of(&mut crate::binary::holdfast(folder.path(), &["bootstrap", "--help"])).stdout;
    let commands = block("### From nothing to ready", "sh");
    let flags: Vec<&str> = commands.split_whitespace().filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() == 5 && flags.iter().all(|flag| help.contains(flag)), "{flags:?}\n{help}");
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let local: Vec<&&str> = links.iter().filter(|link| !link.contains("://")).collect();
    assert!(local.len() > 10, "{links:?}");
    local.iter().for_each(|link| assert!(root().join(link.split('#').next().unwrap()).exists(), "{link}"));
}

#[test]
fn the_configuration_file_is_one() {
    let guardrails = block("## In an account", "yaml");
    let read = manifests::guardrails::parse(&"README.md".parse().unwrap(), guardrails.as_bytes()).unwrap();
    assert_eq!(read, manifests::guardrails::Guardrails::default(), "the README shows the defaults");
}

#[test]
fn the_example_manifest_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let example = block("## Manifests", "yaml");
    write("stacks/audit-log.yaml", &example);
    write("templates/audit-log.yaml", "Resources: {}");
    let other = "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {name: baseline-key}\nspec:\n  template: {path: ../templates/audit-log.yaml}\n";
    write("stacks/baseline-key.yaml", other);
    let ran = Ran::of(&mut crate::binary::holdfast(folder.path(), &["validate", "."]));
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "2 stack manifests, 0 accounts, 0 problems"));
}

#[test]
fn the_example_of_who_may_sign_is_one() {
    let example = block("**The repository may say who signs", "yaml");
    let read = manifests::trust::parse(&"trust/1.yaml".parse().unwrap(), example.as_bytes());
    let Ok(Some(manifests::trust::Document::Rules(rules))) = read else { panic!("{read:?}") };
    assert_eq!((rules.version, rules.threshold, rules.paths.len()), (1, 2, 1));
}

#[test]
fn the_examples_of_drift_are_what_they_say() {
    let heading = "## What somebody changes by hand";
    let (manifest, _) = after(heading, "yaml");
    let spec = format!(
        "  template: {{path: t.yaml}}\n{}",
        manifest.lines().map(|line| format!("  {line}\n")).collect::<String>()
    );
    let text = format!("apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{name: a}}\nspec:\n{spec}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    fs::write(folder.path().join("t.yaml"), "Resources: {}").unwrap();
    let ran = Ran::of(&mut crate::binary::holdfast(folder.path(), &["validate", "."]));
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "1 stack manifest, 0 accounts, 0 problems"));
    let (rails, _) = after("guardrails say how much of that leaves it", "yaml");
    let read = manifests::guardrails::parse(&"README.md".parse().unwrap(), rails.as_bytes());
    assert_eq!(read.map(|rails| rails.drift.people.len()), Ok(1));
    // The queue comes up as it stands there.
    let (template, _) = after("This is such a queue", "yaml");
    let site = crate::site::Site::of(&[]);
    site.operator().create("events", &template);
    crate::binary::until("the queue", || site.operator().status("events").as_deref() == Some("CREATE_COMPLETE"));
}

/// The first block of that language after a text, and what stands after it.
fn after(text: &str, language: &str) -> (String, String) {
    let readme = readme();
    let after = readme.split_once(text).expect("it is there").1;
    let inside = after.split_once(&format!("```{language}\n")).expect("a block").1;
    let (block, rest) = inside.split_once("```").expect("its end");
    (block.to_owned(), rest.to_owned())
}

/// Everything that stands in code as `holdfast …`, in the text and in the blocks.
fn said() -> Vec<String> {
    let readme = readme();
    let spans = readme.split('`').skip(1).step_by(2).filter(|span| span.starts_with("holdfast "));
    let lines = readme.lines().map(str::trim_start).filter(|line| line.starts_with("holdfast "));
    spans.chain(lines).map(|text| text.replace("\\\n", " ")).collect()
}

#[test]
fn every_command_and_flag_that_the_readme_says_is_one() {
    let said = said();
    assert!(said.len() > 20, "{said:?}");
    for text in said {
        let mut words = text.split_whitespace().skip(1).map(|word| word.trim_end_matches([',', '.']));
        let command = words.next().unwrap();
        if command.starts_with('-') || command == "help" || command.contains("agent") || command == "the" {
            continue;
        }
        let command = match words.clone().next() {
            Some(inner) if command == "trust" => format!("trust-{inner}"),
            Some(inner @ ("heal" | "ignore" | "accept")) if command == "drift" => format!("drift-{inner}"),
            Some(_) | None => command.to_owned(),
        };
        let help = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/cli/holdfast-{command}.txt"));
        let help = fs::read_to_string(help).unwrap_or_else(|_| panic!("`{command}` is no command: {text}"));
        for flag in words.filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap();
            assert!(help.contains(flag), "`{flag}` is no flag of `{command}`: {text}");
        }
    }
}
