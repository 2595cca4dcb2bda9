//! Files that are made from the code and committed: written, or held against what stands there.
//!
//! Not here: what is in them; whoever makes them hands them over.

use std::{fs, io, path::PathBuf};

/// What makes the files, in the words of whoever reads that one is stale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maker {
    /// `cargo x …`, which writes them.
    pub(crate) command: &'static str,
    /// What a file is held against, as a clause: `what the types say`.
    pub(crate) source: &'static str,
    /// The same in a word.
    pub(crate) word: &'static str,
}

/// Why a file was not written, or is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} could not be written: {why}", path.display())]
    Write { path: PathBuf, why: io::Error },
    #[error("{} could not be read: {why}\nhint: run `{command}` and commit what it writes", path.display())]
    Read { path: PathBuf, why: io::Error, command: &'static str },
    #[error(
        "{}:{line}: this is not {}\n  committed: {committed}\n  {:<10} {current}\nhint: run `{}` and commit what it writes",
        path.display(), maker.source, format!("{}:", maker.word), maker.command
    )]
    Stale { path: PathBuf, line: usize, committed: String, current: String, maker: &'static Maker },
}

/// Writes them.
pub(crate) fn write(files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<String, Error> {
    let mut told = String::new();
    for (path, text) in files {
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder.and_then(|()| fs::write(&path, text)).map_err(|why| Error::Write { path: path.clone(), why })?;
        told.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(told)
}

/// Compares them with what stands in the folder.
pub(crate) fn check(files: impl IntoIterator<Item = (PathBuf, String)>, maker: &'static Maker) -> Result<(), Error> {
    for (path, text) in files {
        let committed =
            fs::read_to_string(&path).map_err(|why| Error::Read { path: path.clone(), why, command: maker.command })?;
        if committed != text {
            return Err(stale(path, (&committed, &text), maker));
        }
    }
    Ok(())
}

/// The first line in which the two differ.
fn stale(path: PathBuf, (committed, current): (&str, &str), maker: &'static Maker) -> Error {
    let line = committed.lines().zip(current.lines()).take_while(|(old, new)| old == new).count();
    let at = |text: &str| text.lines().nth(line).unwrap_or("(ends here)").trim().to_owned();
    Error::Stale { path, line: line + 1, committed: at(committed), current: at(current), maker }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_told_with_its_first_line_that_differs() {
        const MAKER: Maker = Maker { command: "cargo x schema", source: "what the types say", word: "types" };
        let texts = ("{\n  \"a\": 1\n}\n", "{\n  \"a\": 2\n}\n");
        let told = stale("schema/report.v1.json".into(), texts, &MAKER).to_string();
        assert_eq!(
            told,
            "schema/report.v1.json:2: this is not what the types say\n  committed: \"a\": 1\n  types:     \"a\": 2\n\
             hint: run `cargo x schema` and commit what it writes"
        );
    }
}
