//! Where a store is, as somebody says it: a file, or a database of PostgreSQL.
//!
//! It may hold a password, and is shown without it wherever it is shown. Not here: how it is opened.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// Where this address leads, as libpq understands it: `postgres://USER@HOST/DATABASE`.
    Postgres(String),
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        // What was meant for one is never a file's name, with its password in it.
        let is_address = |text: &&str| {
            let text = text.to_ascii_lowercase();
            ["postgres:", "postgresql:"].iter().any(|begins| text.starts_with(begins))
                || text.contains("://")
                || ["host=", "dbname=", "password="].iter().any(|word| text.contains(word))
        };
        match path.to_str().filter(is_address) {
            Some(address) => Self::Postgres(address.to_owned()),
            None => Self::File(path.to_owned()),
        }
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

/// Of an address host and database, and nothing that may be a password, however it is misspelt.
impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(to),
            Self::Postgres(address) => {
                let (scheme, rest) = address.split_once("://").unwrap_or_default();
                // Of another database's address it is said which that is.
                let is_other = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let scheme = if is_other && !scheme.starts_with("postgres") { scheme } else { "postgres" };
                let bare = rest.rsplit_once('@').map_or(rest, |(_, bare)| bare);
                write!(to, "{scheme}://{}", bare.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Place({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let check = |text: &str, shown: &str| {
            let place = Place::from(Path::new(text));
            assert_eq!((place.to_string(), format!("{place:?}")), (shown.to_owned(), format!("Place({shown})")));
        };
        check("hub.sqlite", "hub.sqlite");
        check("postgres.sqlite", "postgres.sqlite");
        check(
            "postgres://hub:secret@db.example.com:5433/fleet?sslmode=require",
            "postgres://db.example.com:5433/fleet",
        );
        check("postgresql://hub@db/fleet?password=secret", "postgres://db/fleet");
        check("postgres://hub:sec@ret@db/fleet", "postgres://db/fleet");
        check("postgres://hub:sec/r?et@db/fleet", "postgres://db/fleet");
        check("mysql://hub:secret@db/fleet", "mysql://db/fleet");
        check("postgres:///fleet?host=/run/postgresql", "postgres:///fleet");
    }
}
