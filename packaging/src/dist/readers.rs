//! Only for tests: programs of others that read what is written here. One that this machine lacks is said on standard
//! error, and is a failure where `CI=true`.

use std::{
    io::{Write, stderr},
    process::{Command, Stdio},
};

/// Whether a program is there.
pub(crate) fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        skipped(&format!("there is no `{program}`"));
    }
    found
}

/// Says that a test did not look, and why.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true, and {why}");
    let _ = writeln!(stderr(), "SKIPPED: {why}");
}

/// What a program prints when it is given these bytes, which it has to like.
#[track_caller]
pub(crate) fn fed(command: &mut Command, bytes: &[u8]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut to, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let writer = std::thread::spawn(move || drop(to.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a line of Python prints when it is given these bytes; nothing where there is no Python.
#[track_caller]
pub(crate) fn python(script: &str, bytes: &[u8]) -> Option<String> {
    is_there("python3").then(|| fed(Command::new("python3").args(["-c", script]), bytes))
}
