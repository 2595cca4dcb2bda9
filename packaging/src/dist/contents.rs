//! What is in each package, path by path. The texts lie in `packaging/systemd` and `packaging/deb`.
//!
//! Not here: the forms of packages, and how the programs come to be.

use super::{
    deb::{Control, deb},
    gzip::gzip,
    oci::{Image, oci},
    papers::Papers,
    tar::{TooLong, tar},
    target::Machine,
    tree::Tree,
    zip::zip,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::rc::Rc;

const LICENCE: &str = include_str!("../../../LICENSE");
const INSTALL: &str = include_str!("../../INSTALL.md");
const COPYRIGHT: &str = include_str!("../../deb/copyright");

/// Everything that packages of one target are made of.
#[derive(Debug)]
pub(crate) struct Release<'a> {
    /// For which processor.
    pub(crate) machine: Machine,
    /// Its version.
    pub(crate) version: &'a str,
    /// The commit, if anybody knows it.
    pub(crate) revision: Option<&'a str>,
    /// The commit's time: in seconds since 1970, and in RFC 3339's words.
    pub(crate) time: (u64, &'a str),
    /// The agent and the hub.
    pub(crate) programs: [Rc<[u8]>; 2],
    /// What goes with them.
    pub(crate) papers: Papers,
}

/// One of the two programs, as it is a service of a machine.
#[derive(Debug)]
struct Service {
    index: usize,
    name: &'static str,
    control: &'static str,
    scripts: [(&'static str, &'static str); 3],
    /// Where below the root, and what.
    files: &'static [(&'static str, &'static str)],
    /// What is the administrator's, and nobody else's to read.
    secrets: &'static [(&'static str, &'static str)],
    command: &'static [&'static str],
    environment: &'static [&'static str],
    /// Folders that an image's user owns.
    folders: &'static [&'static str],
}

const SERVICES: [Service; 2] = [
    Service {
        index: 0,
        name: "holdfast",
        control: include_str!("../../deb/holdfast/control"),
        scripts: [
            ("postinst", include_str!("../../deb/holdfast/postinst")),
            ("postrm", include_str!("../../deb/holdfast/postrm")),
            ("prerm", include_str!("../../deb/holdfast/prerm")),
        ],
        files: &[
            ("lib/systemd/system/holdfast-agent.service", include_str!("../../systemd/holdfast-agent.service")),
            ("lib/systemd/system/holdfast-update.service", include_str!("../../systemd/holdfast-update.service")),
            ("lib/systemd/system/holdfast-update.timer", include_str!("../../systemd/holdfast-update.timer")),
            ("usr/share/holdfast/update.conf", include_str!("../../systemd/50-update.conf")),
            ("usr/lib/sysusers.d/holdfast.conf", include_str!("../../systemd/holdfast.sysusers")),
            ("etc/holdfast/agent.yaml", include_str!("../../systemd/agent.yaml")),
        ],
        secrets: &[("etc/holdfast/agent.env", include_str!("../../systemd/agent.env"))],
        command: &["run"],
        environment: &["HOME=/var/lib/holdfast", "HOLDFAST_CACHE=/var/cache/holdfast"],
        folders: &["var/cache/holdfast", "var/lib/holdfast"],
    },
    Service {
        index: 1,
        name: "holdfast-hub",
        control: include_str!("../../deb/holdfast-hub/control"),
        scripts: [
            ("postinst", include_str!("../../deb/holdfast-hub/postinst")),
            ("postrm", include_str!("../../deb/holdfast-hub/postrm")),
            ("prerm", include_str!("../../deb/holdfast-hub/prerm")),
        ],
        files: &[
            ("lib/systemd/system/holdfast-hub.service", include_str!("../../systemd/holdfast-hub.service")),
            ("usr/lib/sysusers.d/holdfast-hub.conf", include_str!("../../systemd/holdfast-hub.sysusers")),
        ],
        secrets: &[("etc/holdfast/hub.env", include_str!("../../systemd/hub.env"))],
        command: &["run"],
        environment: &["HOME=/var/lib/holdfast-hub", "HOLDFAST_HUB_STORE=/var/lib/holdfast-hub/hub.sqlite"],
        folders: &["var/lib/holdfast-hub"],
    },
];

/// Whoever an image runs as: nobody that a machine knows.
const NOBODY: u32 = 65_532;

impl Release<'_> {
    /// Every package: its file's name, and its bytes.
    pub(crate) fn packages(&self) -> Result<Vec<(String, Vec<u8>)>, TooLong> {
        let Self { version, machine, .. } = self;
        let machine = machine.name();
        let mut made = vec![
            (format!("holdfast-{version}-lambda-{machine}.zip"), zip(&self.function())),
            (format!("holdfast-{version}-linux-{machine}.tar.gz"), self.tarball()?),
        ];
        for service in &SERVICES {
            let name = service.name;
            made.push((format!("{name}_{version}_{}.deb", self.machine.debian()), self.deb(service)?));
            made.push((format!("{name}-{version}-{machine}.oci.tar"), self.image(service)?));
            made.push((format!("{name}-{version}-{machine}.cdx.json"), self.papers.sboms[service.index].to_vec()));
        }
        Ok(made)
    }

    fn program(&self, service: &Service) -> Rc<[u8]> {
        Rc::clone(&self.programs[service.index])
    }

    /// What a function of `provided.al2023` is.
    fn function(&self) -> Tree {
        let mut tree = Tree::default();
        tree.program("bootstrap", self.program(&SERVICES[0]));
        self.licences(&mut tree, "");
        tree
    }

    fn tarball(&self) -> Result<Vec<u8>, TooLong> {
        let mut tree = Tree::default();
        for service in &SERVICES {
            tree.program(service.name, self.program(service));
            tree.file(&format!("{}.cdx.json", service.name), Rc::clone(&self.papers.sboms[service.index]));
            for (path, text) in service.files.iter().chain(service.secrets) {
                // dpkg knows that `/lib` is a link into `/usr` nowadays; `cp` stumbles over it.
                let usr = if path.starts_with("lib/") { "usr/" } else { "" };
                tree.file(&format!("root/{usr}{path}"), text.as_bytes());
            }
        }
        tree.file("INSTALL.md", INSTALL.as_bytes());
        self.licences(&mut tree, "");
        let folder = format!("holdfast-{}-linux-{}/", self.version, self.machine.name());
        Ok(gzip(&tar(&tree, &folder, self.time.0)?))
    }

    fn deb(&self, service: &Service) -> Result<Vec<u8>, TooLong> {
        let Service { name, control, scripts, .. } = service;
        let mut tree = Tree::default();
        tree.program(&format!("usr/bin/{name}"), self.program(service));
        service.files.iter().for_each(|(path, text)| tree.file(path, text.as_bytes()));
        service.secrets.iter().for_each(|(path, text)| tree.secret(path, text.as_bytes()));
        let papers = format!("usr/share/doc/{name}/");
        tree.file(&format!("{papers}INSTALL.md"), INSTALL.as_bytes());
        tree.file(&format!("{papers}copyright"), format!("{COPYRIGHT}{LICENCE}").into_bytes());
        tree.file(&format!("{papers}THIRD-PARTY.txt"), Rc::clone(&self.papers.notices));
        tree.file(&format!("{papers}{name}.cdx.json"), Rc::clone(&self.papers.sboms[service.index]));
        deb(&Control { fields: control, version: self.version, machine: self.machine, scripts }, &tree, self.time.0)
    }

    fn image(&self, service: &Service) -> Result<Vec<u8>, TooLong> {
        let name = service.name;
        let mut base = Tree::default();
        base.file("etc/ssl/certs/ca-certificates.crt", authorities().into_bytes());
        base.file("etc/passwd", *b"root:x:0:0:root:/root:/sbin/nologin\nholdfast:x:65532:65532::/:/sbin/nologin\n");
        base.file("etc/group", *b"root:x:0:\nholdfast:x:65532:\n");
        base.folder("tmp", 0o1777, 0);
        let mut own = Tree::default();
        let entry = format!("usr/bin/{name}");
        own.program(&entry, self.program(service));
        service.folders.iter().for_each(|path| own.folder(path, 0o700, NOBODY));
        self.licences(&mut own, &format!("usr/share/doc/{name}/"));

        let description = service.control.lines().find_map(|line| line.strip_prefix("Description: "));
        let mut labels = vec![
            ("title", name),
            ("description", description.unwrap_or_default()),
            ("version", self.version),
            ("licenses", "Apache-2.0"),
            ("created", self.time.1),
        ];
        labels.extend(self.revision.map(|revision| ("revision", revision)));
        let (machine, version, time) = (self.machine, self.version, self.time);
        let (command, environment) = (service.command, service.environment);
        let image = Image {
            machine,
            version,
            entry: &format!("/{entry}"),
            command,
            environment,
            user: &format!("{NOBODY}:{NOBODY}"),
            labels: &labels,
            time,
        };
        oci(&image, &[&base, &own])
    }

    fn licences(&self, tree: &mut Tree, folder: &str) {
        tree.file(&format!("{folder}LICENSE"), LICENCE.as_bytes());
        tree.file(&format!("{folder}THIRD-PARTY.txt"), Rc::clone(&self.papers.notices));
    }
}

/// The certificate authorities that Mozilla trusts. The programs bring none: they believe whom the system believes, and
/// an image is its own system. They come from a crate, so that the lock file says which, and not the machine that packs.
fn authorities() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let coded = STANDARD.encode(certificate);
        for line in coded.as_bytes().chunks(64) {
            text.extend(line.iter().map(|&byte| char::from(byte)));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::readers::{fed, is_there, python};
    use std::process::Command;

    #[test]
    fn openssl_reads_every_authority() {
        if !is_there("openssl") {
            return;
        }
        let text = authorities();
        let count = text.matches("BEGIN CERTIFICATE").count();
        assert!(count > 100, "{count}");
        let mut read = Command::new("openssl");
        read.args(["storeutl", "-noout", "-certs", "/dev/stdin"]);
        assert!(fed(&mut read, text.as_bytes()).contains(&format!("Total found: {count}")));
    }

    #[test]
    fn a_function_starts_as_bootstrap_and_a_tarball_has_the_units() {
        let release = Release {
            machine: Machine::Arm,
            version: "9.8.7",
            revision: None,
            time: (0, "1970-01-01T00:00:00Z"),
            programs: [(*b"agent").into(), (*b"hub").into()],
            papers: Papers { sboms: [(*b"{}").into(), (*b"{}").into()], notices: (*b"").into() },
        };
        let made = release.packages().unwrap();
        let names: Vec<_> = made.iter().map(|(name, _)| name.as_str()).collect();
        let expect = [
            "holdfast-9.8.7-lambda-arm64.zip",
            "holdfast-9.8.7-linux-arm64.tar.gz",
            "holdfast_9.8.7_arm64.deb",
            "holdfast-9.8.7-arm64.oci.tar",
            "holdfast-9.8.7-arm64.cdx.json",
            "holdfast-hub_9.8.7_arm64.deb",
            "holdfast-hub-9.8.7-arm64.oci.tar",
            "holdfast-hub-9.8.7-arm64.cdx.json",
        ];
        assert_eq!(names, expect);
        let zip = "import io, sys, zipfile\n\
             i = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())).infolist()\n\
             print([(m.filename, oct(m.external_attr >> 16)) for m in i if m.external_attr >> 16 & 0o111])";
        let tarball = "import io, sys, tarfile\n\
             t = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))\n\
             print(*(m.name.split('/', 1)[1] for m in t if m.mode & 0o111 and m.isfile() or m.name.endswith('.service')))";
        if let (Some(function), Some(tarball)) = (python(zip, &made[0].1), python(tarball, &made[1].1)) {
            assert_eq!(function, "[('bootstrap', '0o100755')]\n");
            assert_eq!(
                tarball,
                "holdfast holdfast-hub root/usr/lib/systemd/system/holdfast-agent.service \
                 root/usr/lib/systemd/system/holdfast-hub.service root/usr/lib/systemd/system/holdfast-update.service\n"
            );
        }
    }
}
