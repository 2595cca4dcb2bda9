//! A Debian package (deb(5)): an `ar` of the format's version, of what dpkg should know and do, and of the files.
//!
//! Written here and not by a crate: a package is three members, and those that write it (`cargo-deb`) bring a builder, a
//! stripper and a configuration of their own, and take the time and the order from the machine unless they are told.
//!
//! Not here: what is in a package ([`super::contents`]), what its scripts do (`packaging/deb/`).

use super::{
    ar::ar,
    gzip::gzip,
    tar::{TooLong, tar},
    target::Machine,
    tree::Tree,
};
use md5::{Digest as _, Md5};

/// What dpkg should know of a package.
#[derive(Debug)]
pub(crate) struct Control<'a> {
    /// The fields that don't change from one version to the next, from `Package` on.
    pub(crate) fields: &'a str,
    /// Its version.
    pub(crate) version: &'a str,
    /// For which processor.
    pub(crate) machine: Machine,
    /// The scripts and lists beside it: name, text.
    pub(crate) scripts: &'a [(&'a str, &'a str)],
}

/// The package with this tree; `time` is in seconds since 1970. What lies in `etc` is the administrator's, and is kept.
pub(crate) fn deb(control: &Control<'_>, tree: &Tree, time: u64) -> Result<Vec<u8>, TooLong> {
    let (mut sums, mut kept, mut size) = (String::new(), String::new(), 0);
    for (path, node) in tree.files() {
        size += node.bytes().len();
        if path.starts_with("etc/") {
            kept.push_str(&format!("/{path}\n"));
        } else {
            let sum: String = Md5::digest(node.bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            sums.push_str(&format!("{sum}  {path}\n"));
        }
    }
    let Control { fields, version, machine, scripts } = control;
    let size = size.div_ceil(1024);
    let (package, rest) = fields.split_once('\n').unwrap_or((fields, ""));
    let machine = machine.debian();
    let fields = format!("{package}\nVersion: {version}\nArchitecture: {machine}\nInstalled-Size: {size}\n{rest}");

    let mut about = Tree::default();
    about.file("control", fields.into_bytes());
    about.file("md5sums", sums.into_bytes());
    about.file("conffiles", kept.into_bytes());
    for (name, text) in *scripts {
        about.program(name, text.as_bytes());
    }
    let (about, files) = (gzip(&tar(&about, "./", time)?), gzip(&tar(tree, "./", time)?));
    Ok(ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &about), ("data.tar.gz", &files)], time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::{fed, is_there};
    use std::process::Command;

    #[test]
    fn dpkg_reads_the_same_package() {
        if !is_there("dpkg-deb") {
            return;
        }
        let mut tree = Tree::default();
        tree.program("usr/bin/sleeper", vec![b'x'; 2_000]);
        tree.secret("etc/sleeper/key", *b"");
        let fields = "Package: sleeper\nMaintainer: Nobody <nobody@example.com>\nDescription: sleeps\n";
        let scripts = [("postinst", "#!/bin/sh\nexit 0\n")];
        let control = Control { fields, version: "1.2.3", machine: Machine::Arm, scripts: &scripts };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sleeper.deb");
        std::fs::write(&file, deb(&control, &tree, 86_400).unwrap()).unwrap();

        let ask =
            |what: &str| fed(Command::new("dpkg-deb").arg(what).arg(&file).env("TZ", "UTC").env("LC_ALL", "C"), b"");
        assert_eq!(
            ask("--field"),
            "Package: sleeper\nVersion: 1.2.3\nArchitecture: arm64\nInstalled-Size: 2\n\
             Maintainer: Nobody <nobody@example.com>\nDescription: sleeps\n"
        );
        let listed = ask("--contents");
        let listed: Vec<String> =
            listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expect = [
            "drwxr-xr-x root/root 0 1970-01-02 00:00 ./etc/",
            "drwxr-xr-x root/root 0 1970-01-02 00:00 ./etc/sleeper/",
            "-rw------- root/root 0 1970-01-02 00:00 ./etc/sleeper/key",
            "drwxr-xr-x root/root 0 1970-01-02 00:00 ./usr/",
            "drwxr-xr-x root/root 0 1970-01-02 00:00 ./usr/bin/",
            "-rwxr-xr-x root/root 2000 1970-01-02 00:00 ./usr/bin/sleeper",
        ];
        assert_eq!(listed, expect);
        let asked = |name: &str| fed(Command::new("dpkg-deb").arg("--info").arg(&file).arg(name), b"");
        assert_eq!(asked("conffiles"), "/etc/sleeper/key\n");
        assert_eq!(
            asked("md5sums").split_once("  ").map(|(sum, path)| (sum.len(), path)),
            Some((32, "usr/bin/sleeper\n"))
        );
    }
}
