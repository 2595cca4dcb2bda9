//! What is not told on: addresses and keys, read from where a file of alerts says that they are, whenever they are used.
//!
//! Not here: what is sent there ([`super::send`]).

use reqwest::Url;
use std::{fmt, fs, io, net::IpAddr, path::PathBuf};

/// Something that is not told on.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// It stands in the file itself.
    Here(String),
    /// A file has it.
    File(PathBuf),
    /// A variable of the environment has it.
    Variable(String),
}

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file.
    #[error("`{path}` can't be read")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its variable.
    #[error("the environment has no `{0}`")]
    Variable(String),
    /// There is nothing in it.
    #[error("there is nothing in {0}")]
    Empty(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

impl Secret {
    /// What it is, without the blanks round it.
    ///
    /// # Errors
    /// When it can't be read, or is nothing.
    pub fn read(&self) -> Result<String, SecretError> {
        let text = match self {
            Self::Here(text) => text.clone(),
            Self::File(path) => {
                fs::read_to_string(path).map_err(|source| SecretError::File { path: path.clone(), source })?
            }
            Self::Variable(name) => std::env::var(name).map_err(|_| SecretError::Variable(name.clone()))?,
        };
        match text.trim() {
            "" => Err(SecretError::Empty(self.place())),
            text => Ok(text.to_owned()),
        }
    }

    /// Where it is, which is no secret.
    pub fn place(&self) -> String {
        match self {
            Self::Here(_) => "the file itself".into(),
            Self::File(path) => format!("`{}`", path.display()),
            Self::Variable(name) => format!("`${name}`"),
        }
    }
}

/// An address that something may be sent to: over TLS, unless it is on this machine.
///
/// # Errors
/// What is wrong with it. The address itself is not told.
pub fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL")?;
    let is_here = match url.host_str() {
        None => return Err("it names no host"),
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        "http" => Err("it must begin with `https://`, unless it is on this machine"),
        _ => Err("it must begin with `https://`"),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_is_over_tls_or_here() {
        for (text, is_good) in [
            ("https://hooks.example/x", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://[::1]:8080/x", true),
            ("http://localhost/x", true),
            ("http://localhost.evil.example/x", false),
            ("http://127.0.0.1.evil.example/x", false),
            ("http://10.0.0.1/x", false),
            ("ftp://127.0.0.1/x", false),
            ("file:///etc/passwd", false),
            ("hooks.example", false),
            ("", false),
        ] {
            assert_eq!(address(text).is_ok(), is_good, "{text}");
        }
    }
}
