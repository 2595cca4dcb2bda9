//! Who may look: a list of names, each with the digest of a token that whoever has it shows with every request.
//!
//! A browser shows it as the password of a name (Basic), a program as a bearer. Only digests lie in the file: whoever reads it
//! can't look. Whoever has no role in the list is an operator: a list of before there were roles lets nobody see less. Labels
//! instead of one are of whoever sees the accounts that have them. Not here: who
//! is who in an organization, and TLS, which stands in front.

use super::{
    Role,
    part::{Labels, Part},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use manifests::id::Digest;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why nobody can be told who may look.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file can't be read.
    #[error("`{path}`, which says who may look, can't be read")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is none.
    #[error(
        "{path}:{line}: a line is a name, a space and 64 hexadecimal digits, as `holdfast-hub token NAME` prints it, and then `reader`, \
         `operator`, labels of accounts (`team=payments,stage=prod`) or nothing"
    )]
    Line {
        /// Of which file.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
    },
    /// There is nobody in it.
    #[error("nobody may look by `{0}`: `holdfast-hub token NAME` makes a token and the line for it")]
    Nobody(PathBuf),
}

/// Who may look.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<(String, Digest, Role)>);

impl Tokens {
    /// Those in this file.
    ///
    /// # Errors
    /// When it can't be read, a line is none, or there is nobody in it.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let text = fs::read_to_string(path).map_err(|source| TokensError::File { path: path.to_owned(), source })?;
        let meant = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let read = |line: &str| {
            let (name, rest) = line.split_once(' ')?;
            let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
            let mut words = rest.split_whitespace();
            let digest = words.next()?.parse().ok()?;
            let role = match (words.next(), words.next()) {
                (None | Some("operator"), None) => Role::Operator,
                (Some("reader"), None) => Role::Reader,
                (Some(labels), None) => Role::Part(Part::from_iter([labels.parse::<Labels>().ok()?])),
                (Some(_) | None, Some(_)) => return None,
            };
            named.then(|| (name.to_owned(), digest, role))
        };
        let none = |n: usize| TokensError::Line { path: path.to_owned(), line: n + 1 };
        let all = meant.map(|(n, line)| read(line).ok_or_else(|| none(n))).collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() { Err(TokensError::Nobody(path.to_owned())) } else { Ok(Self(all)) }
    }

    /// Whose token stands in the header `Authorization`, and what they are.
    pub(super) fn whose(&self, header: &str) -> Option<(&str, Role)> {
        let (scheme, shown) = header.split_once(' ')?;
        let (name, token) = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => (None, shown.trim().to_owned()),
            "basic" => {
                let text = String::from_utf8(STANDARD.decode(shown.trim()).ok()?).ok()?;
                let (name, token) = text.split_once(':')?;
                (Some(name.to_owned()), token.to_owned())
            }
            _ => return None,
        };
        // Digests are compared, so how long it takes says nothing about a token.
        let digest = Digest::of(token.as_bytes());
        let known =
            self.0.iter().find(|(known, hash, _)| *hash == digest && name.as_ref().is_none_or(|name| name == known));
        known.map(|(name, _, role)| (name.as_str(), role.clone()))
    }
}

/// A new token for this name, and the line of it that lies in the file.
///
/// # Errors
/// When this machine gives no randomness.
pub fn made(name: &str) -> io::Result<(String, String)> {
    let mut random = [0; 32];
    io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut random)?;
    let token = format!("hf_{}", Digest(random));
    let line = format!("{name} {}", Digest::of(token.as_bytes()));
    Ok((token, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn whoever_shows_a_token_is_who_it_was_made_for() {
        let ((token, line), (_, other)) = (made("ada").unwrap(), made("bob").unwrap());
        let (third, fourth, fifth) = (made("eve").unwrap(), made("dan").unwrap(), made("fay").unwrap());
        let file = file(&format!(
            "# who may look\n\n{line}\n{other}\n{} reader\n{}  operator \n{} team=a\n",
            third.1, fourth.1, fifth.1
        ));
        let tokens = Tokens::read(file.path()).unwrap();
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let check = |header: &str, expect: Option<&str>| {
            assert_eq!(tokens.whose(header).map(|(name, _)| name), expect, "{header}")
        };
        check(&format!("Bearer {token}"), Some("ada"));
        check(&format!("bearer  {token} "), Some("ada"));
        check(&basic(&format!("ada:{token}")), Some("ada"));
        check(&basic(&format!("bob:{token}")), None);
        check(&basic(&token), None);
        check(&format!("Bearer {line}"), None);
        check(&format!("Digest {token}"), None);
        check("Basic %%%", None);
        check("", None);
        let role = |token: &str| tokens.whose(&format!("Bearer {token}")).map(|(_, role)| role);
        let part = Part::from_iter(["team=a".parse::<Labels>().unwrap()]);
        let expect = [Role::Operator, Role::Reader, Role::Operator, Role::Part(part)].map(Some);
        assert_eq!([&token, &third.0, &fourth.0, &fifth.0].map(|token| role(token)), expect);
    }

    #[test]
    fn a_list_that_is_none_lets_nobody_in() {
        let digest = "0".repeat(64);
        let (more, other) = (format!("a {digest} reader x"), format!("a {digest} admin"));
        for text in [
            &more,
            &other,
            "ada\n",
            "ada 12\n",
            &format!(" {digest}\n"),
            &format!("a:b {digest}\n"),
            &format!("ok {digest}\nada x"),
        ] {
            let file = file(text);
            assert!(matches!(Tokens::read(file.path()), Err(TokensError::Line { .. })), "{text:?}");
        }
        let nobody = file("# nobody\n");
        assert!(matches!(Tokens::read(nobody.path()), Err(TokensError::Nobody(_))));
        assert!(matches!(Tokens::read(Path::new("/no/such")), Err(TokensError::File { .. })));
    }
}
