//! The programs, built so that they run anywhere and are the same wherever they are built.
//!
//! *Anywhere*: static, C library included. glibc then takes names from files and DNS alone (`packaging/static/names.c` says
//! why). *The same*: rustc and the C compiler write down other folders than this machine's, the time is the commit's, and
//! nothing of the caller's environment sets flags. What is left is the toolchain: rustc, the C compiler, its libc.
//!
//! Not here: what the release profile is (the workspace's `Cargo.toml`).

use super::target::Target;
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("`{program}` could not be started: {why}")]
    Start { program: String, why: io::Error },
    #[error("`{program}` failed; what it said is above\nhint: {hint}")]
    Failed { program: String, hint: String },
    #[error("`{program}` said nothing that could be read: {said}")]
    Said { program: String, said: String },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
    #[error(
        "the folder {} has a blank in its name, which flags of C compilers can't have\nhint: build in another folder",
        .0.display()
    )]
    Blank(PathBuf),
}

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Place {
    /// The workspace.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// The time of the commit, in seconds since 1970.
    pub(crate) time: u64,
}

/// The programs' file names, the agent's first.
pub(crate) const PROGRAMS: [&str; 2] = ["holdfast", "holdfast-hub"];

/// Builds both programs and says where they are.
pub(crate) fn build(place: &Place, target: &Target) -> Result<[PathBuf; 2], BuildError> {
    let folders = folders(place)?;
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    if target.is_glibc() {
        flags.push(format!("-Clink-arg={}", names(place, target)?.display()));
    }
    flags.extend(folders.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")));
    let maps: Vec<String> = folders.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();

    let triple = target.variable();
    let mut cargo = Command::new(cargo());
    cargo.args(["build", "--release", "--locked", "--target", &target.triple, "--target-dir"]).arg(&place.target);
    cargo.args(["-p", "agent", "-p", "hub", "--bins"]).current_dir(&place.root);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    for variable in ["RUSTFLAGS", "CFLAGS", "TARGET_CFLAGS"] {
        cargo.env_remove(variable);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo.env(format!("CFLAGS_{triple}"), maps.join(" "));
    let linker = format!("CARGO_TARGET_{}_LINKER", triple.to_ascii_uppercase());
    for variable in [format!("CC_{triple}"), linker] {
        // For this machine itself, cargo and the crate `cc` know better.
        if !is_here(target) && env::var_os(&variable).is_none() {
            cargo.env(variable, compiler(target));
        }
    }
    cargo
        .env("SOURCE_DATE_EPOCH", place.time.to_string())
        .env("CARGO_INCREMENTAL", "0")
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    let said =
        said(cargo.stderr(Stdio::inherit()), &format!("is the target there? `rustup target add {}`", target.triple))?;
    built(&said)
}

/// The two programs among what cargo says that it built.
pub(super) fn built(said: &str) -> Result<[PathBuf; 2], BuildError> {
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let paths: Vec<PathBuf> = messages.filter_map(|message| Some(message["executable"].as_str()?.into())).collect();
    let find = |name: &str| {
        let found = paths.iter().find(|path| path.file_name().is_some_and(|file| file == name)).cloned();
        found.ok_or_else(|| BuildError::Said { program: "cargo build".into(), said: format!("where `{name}` is") })
    };
    Ok([find(PROGRAMS[0])?, find(PROGRAMS[1])?])
}

/// Which folders of this machine could be written into a program, and what is written instead. A later one counts for
/// more: the target folder is mostly in the workspace.
fn folders(place: &Place) -> Result<Vec<(String, &'static str)>, BuildError> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot =
        said(Command::new(rustc).args(["--print", "sysroot"]).current_dir(&place.root), "is Rust installed?")?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut folders = vec![(place.root.clone(), "/holdfast")];
    folders.extend(home.map(|home| (home, "/cargo")));
    folders.push((sysroot.trim().into(), "/rust"));
    folders.push((place.target.clone(), "/target"));
    let texts = folders.into_iter().map(|(from, to)| match from.to_str() {
        Some(text) if !text.contains(char::is_whitespace) => Ok((text.to_owned(), to)),
        Some(_) | None => Err(BuildError::Blank(from)),
    });
    texts.collect()
}

/// Compiles the piece of C that keeps glibc from loading libraries, and says where it is.
fn names(place: &Place, target: &Target) -> Result<PathBuf, BuildError> {
    let folder = place.target.join("dist-objects");
    fs::create_dir_all(&folder).map_err(|why| BuildError::File { path: folder.clone(), why })?;
    let object = folder.join(format!("{}-names.o", target.triple));
    let mut compile = Command::new(cc(target));
    compile.args(["-Os", "-c", "packaging/static/names.c", "-o"]).arg(&object).current_dir(&place.root);
    said(&mut compile, "is a C compiler for the target there, with its C library?")?;
    Ok(object)
}

/// Which C compiler: the one that was named as the crate `cc` has it, or the one that distributions name after the target.
pub(crate) fn cc(target: &Target) -> OsString {
    env::var_os(format!("CC_{}", target.variable())).unwrap_or_else(|| compiler(target).into())
}

fn compiler(target: &Target) -> String {
    if is_here(target) { "gcc".into() } else { format!("{}-gcc", target.triple.replace("-unknown-", "-")) }
}

fn is_here(target: &Target) -> bool {
    target.triple == format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

/// The cargo that this runs under.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What a program printed.
pub(crate) fn said(command: &mut Command, hint: &str) -> Result<String, BuildError> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|why| BuildError::Start { program: program.clone(), why })?;
    if !output.status.success() {
        return Err(BuildError::Failed { program, hint: hint.to_owned() });
    }
    String::from_utf8(output.stdout).map_err(|_| BuildError::Said { program, said: "its output is not text".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_found_among_what_cargo_says() {
        let said = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnot json\n\
                    {\"executable\":\"/t/release/holdfast-hub\"}\n{\"executable\":\"/t/release/holdfast\"}\n";
        assert_eq!(built(said).unwrap(), [PathBuf::from("/t/release/holdfast"), "/t/release/holdfast-hub".into()]);
        assert!(built("{\"executable\":\"/t/holdfast\"}").is_err());
    }

    #[test]
    fn a_folder_that_no_flag_can_name_is_refused() {
        let place = |root: &str| Place { root: root.into(), target: "/t".into(), time: 0 };
        // The root is where commands run, so it has to be one.
        let mapped = folders(&place(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(mapped.last(), Some(&("/t".to_owned(), "/target")));
        let blank = tempfile::Builder::new().prefix("a blank ").tempdir().unwrap();
        let refused = folders(&place(blank.path().to_str().unwrap())).unwrap_err().to_string();
        assert!(refused.contains("has a blank in its name"), "{refused}");
    }
}
