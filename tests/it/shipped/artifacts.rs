//! What goes through a bucket: large templates, nested ones, folders that a template is given; and what is never put
//! there, or never deleted.

use crate::{
    binary::{Ran, until},
    site::{ACCOUNT, AWAY, Site, parameters},
    world::HOME,
};
use manifests::report::{State, What};
use std::{
    io::Write,
    process::{Command, Stdio},
};

const BUCKET: &[&str] = &["--artifact-bucket", "artifacts-{account}"];

/// The template of a bucket.
fn bucket(name: &str) -> String {
    format!("Resources: {{Bucket: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {name}}}}}}}")
}

fn with_bucket(site: &Site) {
    site.operator().create("bucket", &bucket(&format!("artifacts-{ACCOUNT}")));
}

/// The objects in the bucket, by key.
fn objects(site: &Site) -> Vec<(String, Vec<u8>)> {
    site.world(|world, account| {
        let bucket = format!("artifacts-{ACCOUNT}");
        let objects = world.account(account).store.objects(&bucket);
        objects.map(|(key, object)| (key.to_owned(), object.body.clone())).collect()
    })
}

/// A template that says in `/<name>` which object it was given.
fn given(name: &str) -> String {
    format!(
        "Parameters: {{Bucket: {{Type: String}}, Key: {{Type: String}}}}\nResources:\n  P:\n    Type: AWS::SSM::Parameter\n    \
         Properties: {{Name: /{name}, Type: String, Value: !Sub '${{Bucket}}/${{Key}}'}}\n"
    )
}

const ARTIFACT: &str = "artifacts: [{path: code, parameters: {bucket: Bucket, key: Key}}]";

/// A stack that is given the folder `code`, with a file in it that may be executed.
fn with_artifact() -> Site {
    let site = Site::of(&[]);
    site.template("app", &given("app"));
    site.write("app", ARTIFACT);
    site.repository.write("code/app.py", "print('one')\n");
    site.repository.write("code/bin/run", "#!/bin/sh\n");
    let mut git = Command::new("chmod");
    assert!(git.arg("755").arg(site.repository.folder().join("code/bin/run")).status().unwrap().success());
    site.repository.commit();
    with_bucket(&site);
    site
}

fn value(site: &Site) -> String {
    site.operator().parameter("/app").unwrap()
}

#[test]
fn a_folder_is_packed_put_into_the_bucket_and_named_to_the_template() {
    let site = with_artifact();
    site.once_with(BUCKET).expect(State::InSync, 0);
    let objects = objects(&site);
    let [(key, zip)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!(value(&site), format!("artifacts-{ACCOUNT}/{key}"));
    let digest = manifests::id::Digest::of(zip);
    assert_eq!(*key, format!("holdfast/holdfast/artifacts/{digest}.zip"));
    assert_eq!(
        digest.to_string(),
        "381647cc622bac1cf670814c9fde1130862dbd3277a002ed2690036dae3c1b7c",
        "the same commit makes the same zip in every account and with every build"
    );
    let (turn, calls) = site.costs(|| site.once_with(BUCKET));
    turn.expect(State::InSync, 0);
    assert!(!calls.keys().any(|call| call.starts_with("s3:")), "{calls:?}");
    site.repository.write("code/app.py", "print('two')\n");
    site.repository.commit();
    let turn = site.once_with(BUCKET).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["app"], "the digest is part of what is asked");
    assert_ne!(value(&site), format!("artifacts-{ACCOUNT}/{key}"));
}

/// What python's reader of zips says of each member: mode, time, content.
const READER: &str = "import sys, io, zipfile
z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert z.testzip() is None
for i in z.infolist(): print(i.filename, oct(i.external_attr >> 16), i.date_time, z.read(i))";

#[test]
fn somebody_elses_reader_of_zips_reads_it() {
    let site = with_artifact();
    site.once_with(BUCKET).expect(State::InSync, 0);
    let zip = objects(&site).remove(0).1;
    let python = Command::new("python3").args(["-c", READER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = match python {
        Ok(python) => python,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "python3 is needed in CI: {why}");
            // Past the harness, which shows nothing of what a test prints that passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED: python3 can't be had: {why}");
            return;
        }
    };
    python.stdin.take().unwrap().write_all(&zip).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "app.py 0o100644 (1980, 1, 1, 0, 0, 0) b\"print('one')\\n\"\n\
         bin/run 0o100755 (1980, 1, 1, 0, 0, 0) b'#!/bin/sh\\n'\n"
    );
}

#[test]
fn what_is_there_already_is_not_put_there_again() {
    let site = with_artifact();
    site.template("twin", &given("twin"));
    site.write("twin", ARTIFACT);
    site.repository.commit();
    let (turn, calls) = site.costs(|| site.once_with(&[BUCKET, &["--concurrency", "1"]].concat()));
    turn.expect(State::InSync, 0);
    assert_eq!((calls["s3:HeadObject"], calls["s3:PutObject"]), (2, 1), "{calls:?}");
}

#[test]
fn a_bucket_that_is_somebody_elses_gets_nothing() {
    let site = with_artifact();
    let other = "222222222222";
    let squatter = site.operator_of(other, HOME);
    squatter.create("bucket", &bucket("squatted"));
    until("the bucket", || squatter.status("bucket").as_deref() == Some("CREATE_COMPLETE"));
    let turn = site.once_with(&["--artifact-bucket", "squatted"]).expect(State::Failed, 77);
    assert!(turn.why("app").contains("s3:PutObject was denied"), "{turn:#?}");
    let held = site.world(|world, _| world.account(&other.parse().unwrap()).store.objects("squatted").count());
    assert_eq!(held, 0);
}

#[test]
fn without_a_bucket_in_its_region_a_stack_says_what_is_missing() {
    let site = with_artifact();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("app").contains("no bucket for them is configured (`--artifact-bucket`)"), "{turn:#?}");
    site.write("app", &format!("{ARTIFACT}\nregions: [{AWAY}]"));
    site.repository.commit();
    let turn = site.once_with(BUCKET).expect(State::Failed, 1);
    assert!(turn.why("app").contains("put `{region}` into `--artifact-bucket`"), "{turn:#?}");
    site.operator_of(ACCOUNT, AWAY).create("bucket", &bucket(&format!("a-{AWAY}-{ACCOUNT}")));
    site.once_with(&["--artifact-bucket", "a-{region}-{account}"]).expect(State::InSync, 0);
}

#[test]
fn a_bucket_that_is_elsewhere_is_told() {
    let site = with_artifact();
    site.operator_of(ACCOUNT, AWAY).create("bucket", &bucket("elsewhere"));
    let turn = site.once_with(&["--artifact-bucket", "elsewhere"]).expect(State::Failed, 1);
    assert!(turn.why("app").contains("the bucket `elsewhere` is not in eu-central-1"), "{turn:#?}");
}

/// A template with a nested stack from this file.
fn parent(child: &str) -> String {
    format!("Resources:\n  Child:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {child}\n")
}

fn with_nested() -> Site {
    let site = Site::of(&[]);
    site.template("top", &parent("./parts/mid.yaml"));
    site.write("top", "");
    site.repository.write("parts/mid.yaml", parent("leaf.yaml"));
    site.repository.write("parts/leaf.yaml", parameters(&[("P", "/leaf", "one")]));
    site.repository.commit();
    with_bucket(&site);
    site
}

#[test]
fn nested_templates_are_files_of_the_repository() {
    let site = with_nested();
    let turn = site.once().expect(State::Failed, 1);
    assert!(turn.why("top").contains("has files nested in it, and no bucket"), "{turn:#?}");
    site.once_with(BUCKET).expect(State::InSync, 0);
    assert_eq!(site.operator().parameter("/leaf").as_deref(), Some("one"));
    let held = objects(&site);
    assert_eq!(held.len(), 3);
    let named = |text: &str| held.iter().any(|(key, _)| text.contains(&format!("/artifacts-{ACCOUNT}/{key}\"")));
    let naming = held.iter().filter(|(_, body)| named(&String::from_utf8_lossy(body))).count();
    assert_eq!(naming, 2, "each names the next by its URL");
    let (turn, calls) = site.costs(|| site.once_with(BUCKET));
    turn.expect(State::InSync, 0);
    assert_eq!(calls.get("cloudformation:CreateChangeSet"), None, "{calls:?}");
}

#[test]
fn a_change_of_a_nested_template_is_a_change_of_the_stack() {
    let site = with_nested();
    site.once_with(BUCKET).expect(State::InSync, 0);
    site.repository.write("parts/leaf.yaml", parameters(&[("P", "/leaf", "two")]));
    site.repository.commit();
    let turn = site.once_with(BUCKET).expect(State::InSync, 0);
    assert_eq!(turn.happened(What::Updated), ["top"]);
    assert_eq!(site.operator().parameter("/leaf").as_deref(), Some("two"));
}

#[test]
fn what_a_nested_template_loses_is_held_like_anything_else() {
    let site = with_nested();
    site.repository.write("parts/leaf.yaml", parameters(&[("P", "/leaf", "one"), ("Q", "/lost", "one")]));
    site.repository.commit();
    site.once_with(BUCKET).expect(State::InSync, 0);
    site.repository.write("parts/leaf.yaml", parameters(&[("P", "/leaf", "one")]));
    site.repository.commit();
    let turn = site.once_with(BUCKET).expect(State::Held, 3);
    assert!(turn.why("top").contains("would remove Child/Child/Q (AWS::SSM::Parameter)"), "{turn:#?}");
    assert_eq!(site.operator().parameter("/lost").as_deref(), Some("one"));
}

#[test]
fn a_plan_shows_what_is_put_into_the_bucket() {
    let site = with_artifact();
    let ran = site.run(&[&["plan"], BUCKET].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("object: code as holdfast/holdfast/artifacts/"), "{}", ran.stdout);
    assert_eq!(objects(&site), [], "a stack that is not there is not asked about");
}

#[track_caller]
fn validated(site: &Site, told: &str) {
    let folder = site.repository.folder().display().to_string();
    let ran: Ran = site.run(&["validate", &folder]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
}

#[test]
fn what_can_not_be_packed_is_found_without_an_account() {
    let site = with_nested();
    site.repository.write("parts/mid.yaml", parent("./gone.yaml"));
    validated(&site, "parts/mid.yaml:5:20: `parts/gone.yaml` does not exist");
    site.repository.write("parts/mid.yaml", parent("../top.template"));
    validated(&site, "parts/mid.yaml:5:20: the template `top.template` is nested in itself");
    site.repository.write("parts/mid.yaml", format!("{}#{}", parent("leaf.yaml"), "x".repeat(1_000_000)));
    validated(&site, "top.template:5:20: `parts/mid.yaml` has 1000");
    site.write("top", "artifacts: [{path: none, parameters: {bucket: B, key: K}}]");
    validated(&site, "top.yaml:6:22: the artifact `none` is not in this commit");
}

#[test]
fn what_is_no_file_is_never_packed() {
    let site = with_artifact();
    std::os::unix::fs::symlink("/etc/hostname", site.repository.folder().join("code/link")).unwrap();
    site.repository.commit();
    let turn = site.once_with(BUCKET).expect(State::Failed, 1);
    assert!(turn.why("app").contains("`code/link` is a symbolic link"), "{turn:#?}");
    site.repository.remove("code/link");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    site.repository.write("code/model.bin", pointer);
    site.repository.commit();
    let turn = site.once_with(BUCKET).expect(State::Failed, 1);
    assert!(turn.why("app").contains("`code/model.bin` is a Git LFS pointer"), "{turn:#?}");
    assert_eq!(objects(&site), []);
}
