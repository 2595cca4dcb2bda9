//! An archive of `ar`, as a `.deb` is one: members in the order given, no owner of this machine.

/// The members, each of which has a name of at most 16 bytes.
pub(crate) fn ar(members: &[(&str, &[u8])], time: u64) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        archive.extend(format!("{name:<16.16}{time:<12}0     0     100644  {:<10}`\n", bytes.len()).as_bytes());
        archive.extend(*bytes);
        // A member begins at an even place.
        if bytes.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::{fed, is_there};
    use std::process::Command;

    #[test]
    fn binutils_lists_the_same_members() {
        if !is_there("ar") {
            return;
        }
        let archive = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", b"odd"), ("data.tar.gz", b"last")], 86_400);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.deb");
        std::fs::write(&file, archive).unwrap();
        let told = fed(Command::new("ar").arg("tv").arg(&file).env("TZ", "UTC").env("LC_ALL", "C"), b"");
        let expect = [
            "rw-r--r-- 0/0      4 Jan  2 00:00 1970 debian-binary",
            "rw-r--r-- 0/0      3 Jan  2 00:00 1970 control.tar.gz",
            "rw-r--r-- 0/0      4 Jan  2 00:00 1970 data.tar.gz",
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), expect);
        assert_eq!(fed(Command::new("ar").args(["p"]).arg(&file).arg("control.tar.gz"), b""), "odd");
    }
}
