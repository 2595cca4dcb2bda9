//! `cargo x …`: everything that is made from the code and committed or shipped beside it.
//!
//! Not here: what any of it means. Each subcommand is a module that asks the crate which knows.

use std::process::ExitCode;

mod policy;
mod schema;

const USAGE: &str = "\
usage: cargo x <command>

  policy [--check]   write the IAM policies to packaging/iam and into the templates of packaging/cloudformation, or check that
                     they are current
  policy NAME        print a policy's statements as YAML of a template
  schema [--check]   write the JSON schemas of manifest and report to manifests/schema, or check that they are current
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["policy"] => policy::write().map_err(told),
        ["policy", "--check"] => policy::check().map_err(told),
        ["policy", name] => policy::yaml(name).ok_or_else(|| format!("there is no policy `{name}`")),
        ["schema"] => schema::write().map_err(told),
        ["schema", "--check"] => schema::check().map_err(told),
        _ => return say(USAGE, ExitCode::from(2)),
    };
    match done {
        Ok(told) => say(&told, ExitCode::SUCCESS),
        Err(why) => say(&format!("error: {why}\n"), ExitCode::FAILURE),
    }
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}

#[expect(clippy::print_stderr, reason = "this is where the program speaks")]
fn say(text: &str, code: ExitCode) -> ExitCode {
    eprint!("{text}");
    code
}
