//! `cargo x …`: everything that is made from the code and committed or shipped beside it.
//!
//! Not here: what any of it means. Each subcommand is a module that asks the crate which knows.

use std::process::ExitCode;

mod schema;

const USAGE: &str = "\
usage: cargo x <command>

  schema [--check]   write the JSON schemas of manifest and report to manifests/schema, or check that they are current
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["schema"] => schema::write(),
        ["schema", "--check"] => schema::check(),
        _ => return say(USAGE, ExitCode::from(2)),
    };
    match done {
        Ok(told) => say(&told, ExitCode::SUCCESS),
        Err(why) => say(&format!("error: {why}\n"), ExitCode::FAILURE),
    }
}

#[expect(clippy::print_stderr, reason = "this is where the program speaks")]
fn say(text: &str, code: ExitCode) -> ExitCode {
    eprint!("{text}");
    code
}
