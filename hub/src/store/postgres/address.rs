//! An address as libpq's users write it, with what stands in the environment: who connects where, with which password, and how
//! the connection is encrypted.
//!
//! Not here: the connection itself, and what of libpq's other ways (`service`, client certificates, GSSAPI) nobody asked for.

use super::tls::Mode;
use percent_encoding::percent_decode_str;
use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

/// Why an address leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("the store's address is not understood; it looks like `postgres://USER@HOST/DATABASE?sslmode=verify-full`")]
    Parse(#[source] tokio_postgres::Error),
    /// There is no such mode.
    #[error("there is no `sslmode={0}`: it is disable, prefer, require, verify-ca or verify-full")]
    Mode(String),
    /// Whom to trust can't be read.
    #[error("the certificates in `{path}` (`sslrootcert`) can't be read")]
    Roots {
        /// Which file; `system` is the machine's own.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS can't be had like that.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
}

/// Where to connect, and how.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) mode: Mode,
    /// Whom to trust to say who the server is.
    pub(super) roots: Option<PathBuf>,
}

/// What this process was given beside the address.
pub(super) trait Environment {
    fn variable(&self, name: &str) -> Option<String>;
    /// What a file of passwords says, if nobody else can read it.
    fn secrets(&self, path: &Path) -> Option<String>;
}

/// That of this process.
pub(super) struct Own;

impl Environment for Own {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn secrets(&self, path: &Path) -> Option<String> {
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others can read this file of passwords, so it is not used");
            return None;
        }
        std::fs::read_to_string(path).ok()
    }
}

impl Address {
    /// What is meant by it here and now: a password that was changed is read anew with every connection.
    pub(super) fn of(text: &str, environment: &dyn Environment) -> Result<Self, AddressError> {
        let (bare, mut own) = apart(text);
        let mut config: Config = bare.parse().map_err(AddressError::Parse)?;
        let mut said = |name: &str, variable: &str| own.remove(name).or_else(|| environment.variable(variable));
        let mode = said("sslmode", "PGSSLMODE");
        let roots = said("sslrootcert", "PGSSLROOTCERT").map(PathBuf::from);
        let passwords = said("passfile", "PGPASSFILE").map(PathBuf::from);
        let home = |name: &str| Some(Path::new(&environment.variable("HOME")?).join(name));
        if config.get_password().is_none() {
            let from_file = || {
                let text = environment.secrets(&passwords.or_else(|| home(".pgpass"))?)?;
                password(&text, &config)
            };
            if let Some(password) = environment.variable("PGPASSWORD").or_else(from_file) {
                config.password(password);
            }
        }
        let roots = roots.or_else(|| home(".postgresql/root.crt").filter(|path| path.exists()));
        let is_local =
            config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) && config.get_hostaddrs().is_empty();
        let mode = match mode.as_deref() {
            // Nothing leaves the machine.
            _ if is_local => Mode::Disable,
            Some("disable") => Mode::Disable,
            None | Some("prefer") => Mode::Prefer,
            // As libpq has it: whoever names certificates means them.
            Some("require") if roots.is_some() => Mode::VerifyCa,
            Some("require") => Mode::Require,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            Some(other) => return Err(AddressError::Mode(other.to_owned())),
        };
        config.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        Ok(Self { config, mode, roots })
    }
}

/// The address without what the client does not know, and that.
fn apart(text: &str) -> (String, std::collections::BTreeMap<String, String>) {
    const OWN: [&str; 3] = ["sslmode", "sslrootcert", "passfile"];
    let from = text.find('@').unwrap_or_default();
    let Some(query) = text[from..].find('?').map(|at| from + at) else { return (text.to_owned(), Default::default()) };
    let (mut rest, mut own) = (Vec::new(), std::collections::BTreeMap::new());
    for pair in text[query + 1..].split('&') {
        match pair.split_once('=').filter(|(name, _)| OWN.contains(name)) {
            Some((name, value)) => {
                own.insert(name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned());
            }
            None => rest.push(pair),
        }
    }
    let bare = text[..query].to_owned();
    (if rest.is_empty() { bare } else { format!("{bare}?{}", rest.join("&")) }, own)
}

/// The password in a file's first line that fits: `host:port:database:user:password`, where `*` is anything, and `\` stands
/// before a colon that is one.
fn password(text: &str, config: &Config) -> Option<String> {
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let host = |n: usize| match config.get_hosts().get(n) {
        Some(Host::Tcp(host)) => host.as_str(),
        Some(Host::Unix(_)) | None => "localhost",
    };
    let port = |n: usize| config.get_ports().get(n).or(config.get_ports().first()).copied().unwrap_or(5432).to_string();
    let hosts = 0..config.get_hosts().len().max(1);
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let [of_host, of_port, of_database, of_user, password] = <[String; 5]>::try_from(fields(line)).ok()?;
        let fits = |field: &str, value: &str| field == "*" || field == value;
        let here = |n: usize| fits(&of_host, host(n)) && fits(&of_port, &port(n));
        (hosts.clone().any(here) && fits(&of_database, database) && fits(&of_user, user)).then_some(password)
    })
}

fn fields(line: &str) -> Vec<String> {
    let (mut all, mut letters) = (vec![String::new()], line.chars());
    while let Some(letter) = letters.next() {
        match (letter, all.last_mut()) {
            ('\\', Some(field)) => field.extend(letters.next()),
            (':', _) => all.push(String::new()),
            (letter, Some(field)) => field.push(letter),
            (_, None) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given<'g>(&'g [(&'g str, &'g str)]);

    impl Environment for Given<'_> {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }
        fn secrets(&self, path: &Path) -> Option<String> {
            self.variable(path.to_str()?)
        }
    }

    #[test]
    fn a_password_comes_from_the_address_the_environment_or_a_file() {
        let check = |address: &str, given: &[(&str, &str)], expect: Option<&str>| {
            let address = Address::of(address, &Given(given)).unwrap();
            let password =
                address.config.get_password().map(|password| std::str::from_utf8(password).unwrap().to_owned());
            assert_eq!(password.as_deref(), expect, "{given:?}");
        };
        check("postgres://u@h/d", &[], None);
        check("postgres://u:in%20it@h/d", &[("PGPASSWORD", "other")], Some("in it"));
        check("postgres://u@h/d", &[("PGPASSWORD", "given")], Some("given"));
        let file = "# h:*:*:*:no\nother:*:*:*:no\nh:5432:d:u:a\\:b\\\\c\n*:*:*:*:last";
        check("postgres://u@h/d", &[("PGPASSFILE", "/f"), ("/f", file)], Some("a:b\\c"));
        check("postgres://u@h:99/d", &[("PGPASSFILE", "/f"), ("/f", file)], Some("last"));
        check("postgres://u@other,h/d", &[("PGPASSFILE", "/f"), ("/f", file)], Some("no"));
        check("postgres://u@h/d?passfile=%2Fg", &[("PGPASSFILE", "/f"), ("/f", file), ("/g", "*:*:*:*:g")], Some("g"));
        check("postgres://u@h/d", &[("HOME", "/home/u"), ("/home/u/.pgpass", "h:*:*:u:home")], Some("home"));
        check("postgres://u@h/d", &[("PGPASSFILE", "/f"), ("/f", "h:*:d\nx")], None);
    }

    #[test]
    fn a_connection_is_encrypted_as_libpq_would() {
        let check = |address: &str, given: &[(&str, &str)], expect: Mode| {
            let address = Address::of(address, &Given(given)).unwrap();
            assert_eq!(address.mode, expect, "{address:?}");
        };
        check("postgres://u@h/d", &[], Mode::Prefer);
        check("postgres://u@h/d?sslmode=require", &[], Mode::Require);
        check("postgres://u@h/d?sslmode=require&sslrootcert=/ca.pem", &[], Mode::VerifyCa);
        check("postgres://u@h/d?sslmode=require", &[("PGSSLROOTCERT", "/ca.pem")], Mode::VerifyCa);
        check("postgres://u@h/d?application_name=hub&sslmode=verify-full", &[], Mode::VerifyFull);
        check("postgres://u@h/d", &[("PGSSLMODE", "verify-ca")], Mode::VerifyCa);
        check("postgres://u@h/d?sslmode=disable", &[("PGSSLMODE", "verify-ca")], Mode::Disable);
        check("postgres://u@/d?host=/run/postgresql&sslmode=verify-full", &[], Mode::Disable);
        check("postgres://u@h/d?hostaddr=10.0.0.1&sslmode=verify-full", &[], Mode::VerifyFull);
        let refused = |address: &str| crate::chain(&Address::of(address, &Given(&[])).unwrap_err());
        assert!(refused("postgres://u@h/d?sslmode=on").contains("there is no `sslmode=on`"));
        assert!(refused("postgres://u:secret@h/d?colour=blue").contains("unknown option `colour`"));
        assert!(!refused("postgres://u:sec/ret@h:x/d").contains("ret"));
    }
}
