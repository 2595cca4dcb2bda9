//! `cargo x …`: everything that is made from the code and committed or shipped beside it.
//!
//! Not here: what any of it means. Each subcommand is a module that asks the crate which knows.

use std::{error::Error, process::ExitCode};

mod committed;
mod dist;
mod policy;
mod schema;

const USAGE: &str = "\
usage: cargo x <command>

  policy [--check]   write the IAM policies to packaging/iam and into the templates of packaging/cloudformation, or check that
                     they are current
  policy NAME        print a policy's statements as YAML of a template
  schema [--check]   write the JSON schemas of manifest and report to manifests/schema, or check that they are current
  dist […]           build the programs and make the packages of a release; `cargo x dist --help` says how
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done: Result<String, Box<dyn Error>> = match arguments.as_slice() {
        ["policy"] => policy::write().map_err(Into::into),
        ["policy", "--check"] => policy::check().map_err(Into::into),
        ["policy", name] => policy::yaml(name).ok_or_else(|| format!("there is no policy `{name}`").into()),
        ["schema"] => schema::write().map_err(Into::into),
        ["schema", "--check"] => schema::check().map_err(Into::into),
        ["dist", "--help" | "-h"] => return say(dist::USAGE, ExitCode::SUCCESS),
        ["dist", words @ ..] => return dist(words),
        _ => return say(USAGE, ExitCode::from(2)),
    };
    match done {
        Ok(told) => say(&told, ExitCode::SUCCESS),
        Err(why) => say(&format!("error: {why}\n"), ExitCode::FAILURE),
    }
}

/// What was made is a result that a program may read; everything else is said on standard error.
#[expect(clippy::print_stdout, reason = "this is where the program speaks")]
fn dist(words: &[&str]) -> ExitCode {
    let options = match dist::Options::read(words) {
        Ok(options) => options,
        Err(why) => return say(&format!("error: {why}\n\n{}", dist::USAGE), ExitCode::from(2)),
    };
    match dist::run(&options) {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(why) => say(&format!("error: {why}\n"), ExitCode::FAILURE),
    }
}

#[expect(clippy::print_stderr, reason = "this is where the program speaks")]
fn say(text: &str, code: ExitCode) -> ExitCode {
    eprint!("{text}");
    code
}
