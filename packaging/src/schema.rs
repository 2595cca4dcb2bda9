//! `cargo x schema`: the JSON schemas in `manifests/schema`, and whether they are current.

use std::{fs, io, path::PathBuf};

/// Why the schemas were not written, or are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} could not be written: {why}", path.display())]
    Write { path: PathBuf, why: io::Error },
    #[error("{} could not be read: {why}\nhint: run `cargo x schema` and commit what it writes", path.display())]
    Read { path: PathBuf, why: io::Error },
    #[error("{}:{line}: this is not what the types say\n  committed: {committed}\n  types:     {current}\nhint: run `cargo x schema` and commit what it writes", path.display())]
    Stale { path: PathBuf, line: usize, committed: String, current: String },
}

/// Writes them.
pub(crate) fn write() -> Result<String, Error> {
    let mut told = String::new();
    for (path, text) in files() {
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder.and_then(|()| fs::write(&path, text)).map_err(|why| Error::Write { path: path.clone(), why })?;
        told.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(told)
}

/// Compares them with what stands in the folder.
pub(crate) fn check() -> Result<String, Error> {
    for (path, text) in files() {
        let committed = fs::read_to_string(&path).map_err(|why| Error::Read { path: path.clone(), why })?;
        if committed != text {
            return Err(stale(path, &committed, &text));
        }
    }
    Ok("the schemas are current\n".to_owned())
}

fn files() -> impl Iterator<Item = (PathBuf, String)> {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.pop();
    folder.push("manifests/schema");
    manifests::schema::files().into_iter().map(move |(name, text)| (folder.join(name), text))
}

/// The first line in which the two differ.
fn stale(path: PathBuf, committed: &str, current: &str) -> Error {
    let line = committed.lines().zip(current.lines()).take_while(|(old, new)| old == new).count();
    let at = |text: &str| text.lines().nth(line).unwrap_or("(ends here)").trim().to_owned();
    Error::Stale { path, line: line + 1, committed: at(committed), current: at(current) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schemas_are_what_the_types_say() {
        if let Err(stale) = check() {
            panic!("{stale}");
        }
    }

    #[test]
    fn a_stale_schema_is_told_with_its_first_line_that_differs() {
        let told = stale("schema/report.v1.json".into(), "{\n  \"a\": 1\n}\n", "{\n  \"a\": 2\n}\n").to_string();
        assert_eq!(
            told,
            "schema/report.v1.json:2: this is not what the types say\n  committed: \"a\": 1\n  types:     \"a\": 2\n\
             hint: run `cargo x schema` and commit what it writes"
        );
    }
}
