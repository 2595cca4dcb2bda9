//! `cargo x schema`: the JSON schemas in `manifests/schema`, and whether they are current.

use crate::committed::{self, Error, Maker};
use std::path::PathBuf;

const MAKER: Maker = Maker { command: "cargo x schema", source: "what the types say", word: "types" };

/// Writes them.
pub(crate) fn write() -> Result<String, Error> {
    committed::write(files())
}

/// Compares them with what stands in the folder.
pub(crate) fn check() -> Result<String, Error> {
    committed::check(files(), &MAKER)?;
    Ok("the schemas are current\n".to_owned())
}

fn files() -> impl Iterator<Item = (PathBuf, String)> {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.pop();
    folder.push("manifests/schema");
    manifests::schema::files().into_iter().map(move |(name, text)| (folder.join(name), text))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_schemas_are_what_the_types_say() {
        if let Err(stale) = super::check() {
            panic!("{stale}");
        }
    }
}
