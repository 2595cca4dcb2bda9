//! Secrets: a canary in every place where one may be, and none of them is ever seen again.

use crate::{
    binary::{Ran, Running, until},
    git_server::{GitServer, Manner},
    site::{Site, parameter},
};

/// The word that must not be seen.
const CANARY: &str = "canary-4711";

/// A template with a parameter that is not to be shown.
const HIDDEN: &str = "Parameters:\n  Secret: {Type: String, NoEcho: true}\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n    \
                      Properties: {DisplayName: !Ref Secret}\n";

/// Runs everything there is with every log there is, and looks for the canary in it all.
#[track_caller]
fn check(site: &Site, environment: &[(&str, &str)], words: &str) {
    let topic = super::reports::hub(site);
    for log in ["debug", "trace", "agent=trace,gix=trace,info"] {
        for (command, output) in [("plan", "text"), ("once", "json"), ("status", "text"), ("plan", "json")] {
            let mut agent = site.agent(&[command, "-o", output, "--log", log, "--topic", &topic]);
            let ran = Ran::of(agent.envs(environment.iter().copied()));
            assert!(!ran.said().contains(CANARY), "{command} {log}: {ran:#?}");
            assert!(ran.stderr.contains("DEBUG"), "the log is on: {ran:#?}");
            assert!(output == "text" || ran.stdout.contains(words), "{ran:#?}");
        }
    }
    let memory = site.operator().parameter("/holdfast/memory").unwrap();
    assert!(!memory.contains(CANARY), "{memory}");
    let mut told = site.operator_of("999999999999", crate::world::HOME).receive("reports");
    assert!(told.contains("holdfast.report.v1"), "{told}");
    while !told.is_empty() {
        assert!(!told.contains(CANARY), "{told}");
        told = site.operator_of("999999999999", crate::world::HOME).receive("reports");
    }
}

/// A site whose repository is behind a git server that demands a user's name and the canary, and its address there.
fn served(authorization: &str) -> (Site, GitServer, String) {
    let site = Site::of(&[("stack", "")]);
    let (server, url) = site.served();
    server.demand(authorization);
    (site, server, url)
}

/// `git:canary-4711`
const BASIC: &str = "Basic Z2l0OmNhbmFyeS00NzEx";

#[test]
fn a_git_password_from_the_environment() {
    let (site, server, url) = served(BASIC);
    let environment = [("HOLDFAST_REPOSITORY", &*url), ("HOLDFAST_GIT_USER", "git"), ("HOLDFAST_GIT_SECRET", CANARY)];
    check(&site, &environment, "stack");
    assert_eq!(site.operator().status("stack").as_deref(), Some("CREATE_COMPLETE"), "and it is the right one");
    server.behave(Manner::Tell);
    let ran = Ran::of(site.agent(&["once", "--log", "trace"]).envs(environment));
    assert!(!ran.said().contains(CANARY) && !ran.said().contains("Z2l0OmNhbmFyeS00NzEx"), "{ran:#?}");
}

#[test]
fn a_git_token_from_a_file_that_is_rotated() {
    let (site, server, url) = served(&format!("Bearer {CANARY}"));
    let file = site.file("token");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    let environment = [("HOLDFAST_REPOSITORY", &*url), ("HOLDFAST_GIT_SECRET_FILE", file.to_str().unwrap())];
    check(&site, &environment, "stack");
    // The daemon reads it anew for every look.
    let mut daemon = site.agent(&["run", "--interval", "1s", "--log", "trace"]);
    let daemon = Running::start(daemon.envs(environment));
    let before = server.counted().requests;
    until("the first look", || server.counted().requests > before);
    server.demand("Bearer canary-rotated");
    std::fs::write(&file, "canary-rotated").unwrap();
    site.write("stack", "parameters: {Value: two}");
    site.repository.commit();
    until("the new commit", || site.operator().parameter("/stack").as_deref() == Some("two"));
    let ran = daemon.terminate();
    assert!(!ran.said().contains("canary"), "{ran:#?}");
}

#[test]
fn a_git_token_from_ssm() {
    let (site, _server, url) = served(&format!("Bearer {CANARY}"));
    site.operator().put("/git/token", "SecureString", CANARY);
    let environment = [("HOLDFAST_REPOSITORY", &*url), ("HOLDFAST_GIT_SECRET_PARAMETER", "/git/token")];
    check(&site, &environment, "stack");
    assert_eq!(site.operator().status("stack").as_deref(), Some("CREATE_COMPLETE"), "and it is the right one");
}

#[test]
fn a_password_in_the_url() {
    let (site, _server, url) = served(BASIC);
    let url = url.replace("http://", &format!("http://git:{CANARY}@"));
    check(&site, &[("HOLDFAST_REPOSITORY", &*url)], "stack");
    assert_eq!(site.operator().status("stack").as_deref(), Some("CREATE_COMPLETE"), "and it is the right one");
    let ran = Ran::of(site.agent(&["--help"]).env("HOLDFAST_REPOSITORY", &url).env("HOLDFAST_GIT_SECRET", CANARY));
    assert!(!ran.said().contains(CANARY), "{ran:#?}");
}

#[test]
fn a_secure_string_is_refused_by_name_and_never_read() {
    let site = Site::of(&[("stack", "parameters: {Value: {ssm: /secret}}"), ("other", "")]);
    site.operator().put("/secret", "SecureString", CANARY);
    check(
        &site,
        &[],
        "`/secret` is a SecureString, which is never read; refer to it in the template, as `{{resolve:ssm-secure:/secret}}`",
    );
    assert_eq!(site.operator().status("stack"), None);
    assert_eq!(site.operator().status("other").as_deref(), Some("CREATE_COMPLETE"));
}

#[test]
fn a_parameter_that_is_not_to_be_shown() {
    let site = Site::of(&[]);
    site.write("stack", &format!("parameters: {{Secret: {CANARY}}}"));
    site.template("stack", HIDDEN);
    site.repository.commit();
    check(&site, &[], "stack");
    site.write("stack", &format!("parameters: {{Secret: {CANARY}-too}}"));
    site.repository.commit();
    let ran = site.run(&["plan", "--log", "trace"]);
    assert!(ran.stdout.contains("~ stack") && !ran.said().contains(CANARY), "{ran:#?}");
    let ran = site.run(&["plan", "-o", "json"]);
    assert!(!ran.said().contains(CANARY), "{ran:#?}");
}

#[test]
fn a_reference_to_a_secret_is_shown_as_stars() {
    let site = Site::of(&[("stack", "")]);
    site.once();
    site.template("stack", &parameter("stack", "'{{resolve:secretsmanager:canary-4711}}'"));
    site.repository.commit();
    let ran = site.run(&["plan"]);
    assert!(ran.stdout.contains("~ stack") && !ran.said().contains("canary-4711"), "{ran:#?}");
}
