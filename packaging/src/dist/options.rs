//! What was said behind `cargo x dist`.

use super::target::Target;
use std::path::PathBuf;

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: cargo x dist [--target TRIPLE]… [--out FOLDER] [--binaries FOLDER] [-o table|json]
       cargo x dist --check-reproducible [--target TRIPLE]…

  --target TRIPLE        for which machine, several times for several [default: x86_64-unknown-linux-gnu]
  --out FOLDER           where the packages go [default: target/dist]
  --binaries FOLDER      pack the `holdfast` and `holdfast-hub` that lie there, and build nothing; for one target
  -o, --output FORMAT    how to say what was made: `table` or `json` [default: table]
  --check-reproducible   clone this commit into another folder, make everything there too, and compare
";

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// For which machines.
    pub(crate) targets: Vec<Target>,
    /// Where packages go.
    pub(crate) out: Option<PathBuf>,
    /// Where programs are that need not be built.
    pub(crate) binaries: Option<PathBuf>,
    /// Whether to print JSON.
    pub(crate) json: bool,
    /// Whether to make everything twice.
    pub(crate) twice: bool,
}

impl Options {
    /// Reads the words behind `cargo x dist`.
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
            match word {
                "--target" => options.targets.push(value()?.parse()?),
                "--out" => options.out = Some(value()?.into()),
                "--binaries" => options.binaries = Some(value()?.into()),
                "-o" | "--output" => options.json = json(value()?)?,
                "--check-reproducible" => options.twice = true,
                word => return Err(format!("`{word}` is not known here")),
            }
        }
        if options.targets.is_empty() {
            options.targets.push(Target::default());
        }
        if options.binaries.is_some() && (options.twice || options.targets.len() > 1) {
            return Err("`--binaries` is for one target, and says nothing about a second build".into());
        }
        Ok(options)
    }
}

fn json(format: &str) -> Result<bool, String> {
    match format {
        "table" => Ok(false),
        "json" => Ok(true),
        format => Err(format!("`{format}` is no output: `table` or `json`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expect: Result<Options, &str>) {
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(Options::read(&words), expect.map_err(ToOwned::to_owned), "{said}");
    }

    #[test]
    fn words_are_read_or_refused_by_name() {
        let plain = || Options { targets: vec![Target::default()], ..Options::default() };
        check("", Ok(plain()));
        check("--out a --binaries b", Ok(Options { out: Some("a".into()), binaries: Some("b".into()), ..plain() }));
        check("-o json", Ok(Options { json: true, ..plain() }));
        check("--check-reproducible", Ok(Options { twice: true, ..plain() }));
        check("-o yaml", Err("`yaml` is no output: `table` or `json`"));
        check("--out", Err("`--out` needs a value"));
        check("--fast", Err("`--fast` is not known here"));
        let alone = "`--binaries` is for one target, and says nothing about a second build";
        check("--binaries b --check-reproducible", Err(alone));
        check("--binaries b --target x86_64-unknown-linux-gnu --target aarch64-unknown-linux-gnu", Err(alone));
    }
}
