//! `cargo demo`: a git repository, four simulated accounts, an agent in each, the hub's reader; told as a story.
//!
//! Everything that acts is the program that ships, in a process of its own, over HTTP; only the accounts are simulated.
//! Not here: any assertion about the products' insides. Each scene checks what a person is meant to see in it, so a
//! demo that ends well has shown what it says.

mod listener;
mod pages;
mod programs;
mod stage;
mod story;
mod telling;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo demo [--json]

A story in eight scenes, in under a minute: the first convergence of four accounts, a settled turn, a change by hand that is put back, a commit that changes
one stack, one whose change fails and is undone, one that would replace a table, a manifest that disappears, and all of it on the hub's
pages, which stay until Enter is pressed where there is somebody to press it.

  --json   one JSON document at the end instead of the story
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--json"] => true,
        ["-h" | "--help"] => {
            telling::say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            telling::complain(USAGE);
            return ExitCode::from(64);
        }
    };
    match story::tell(telling::Telling::new(json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telling::complain(&format!("the demo could not go on: {error}"));
            ExitCode::FAILURE
        }
    }
}
