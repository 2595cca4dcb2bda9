//! The file that says how people sign in (`--sign-in`): which issuer is believed, which load balancer, and who is what.
//!
//! What is a secret is never in it, only where the secret is. Not here: asking any of them.

use super::role::Roles;
use reqwest::Url;
use serde::Deserialize;
use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
};

/// Why it can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// It can't be read.
    #[error("`{path}`, which says how people sign in, can't be read")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It says something that can't be.
    #[error("{path}{place}: {why}")]
    Content {
        /// Which.
        path: PathBuf,
        /// Where in it, with colons before.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The secret is not where it says.
    #[error("the secret of the client can't be had from {0}")]
    Secret(String),
}

/// How people sign in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", try_from = "Written")]
pub struct SignIn {
    /// What the hub is called by those who look at it.
    pub(super) url: Place,
    pub(super) oidc: Option<Oidc>,
    pub(super) alb: Option<Alb>,
    /// How long somebody is signed in, in seconds.
    pub(super) session: i64,
    /// How many proxies that say for whom they ask stand in front.
    pub(super) proxies: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    url: Place,
    oidc: Option<Oidc>,
    alb: Option<Alb>,
    session: Option<Span>,
    proxies: Option<u8>,
}

/// An issuer of OpenID Connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Oidc {
    pub(super) issuer: Issuer,
    pub(super) client: Word,
    pub(super) client_secret_file: Option<PathBuf>,
    pub(super) client_secret_env: Option<String>,
    /// For whom tokens of programs are made; without it, for the client.
    pub(super) audience: Option<Word>,
    /// What is asked for beside `openid`.
    #[serde(default = "usual")]
    pub(super) scopes: Vec<Word>,
    pub(super) roles: Named,
}

/// A load balancer that has people sign in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", try_from = "AlbWritten")]
pub(super) struct Alb {
    pub(super) signer: String,
    pub(super) client: Word,
    pub(super) keys: Place,
    pub(super) roles: Named,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AlbWritten {
    signer: String,
    client: Word,
    keys: Option<Place>,
    roles: Named,
}

fn usual() -> Vec<Word> {
    ["profile", "email"].map(|word| Word(word.into())).into()
}

/// Where something is asked for: by https, or on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Place(pub(super) Url);

/// An issuer, letter for letter as it calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Issuer(pub(super) String);

/// A name without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Word(pub(super) String);

/// Roles that somebody can have.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Roles")]
pub(super) struct Named(pub(super) Roles);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Span(i64);

/// Whether what is sent there can be read by nobody else.
pub(super) fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" => !host.is_empty(),
        "http" => super::door::is_own(host),
        _ => false,
    }
}

impl TryFrom<String> for Place {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !is_private(&url) || !bare || url.password().is_some() {
            return Err(format!("`{text}`: it has to be an https URL without user, query and fragment"));
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for Issuer {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Place::try_from(text.clone()).map(|_| Self(text))
    }
}

impl TryFrom<String> for Word {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_one = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_one { Ok(Self(text)) } else { Err(format!("`{text}`: one word is meant")) }
    }
}

impl TryFrom<Roles> for Named {
    type Error = &'static str;
    fn try_from(roles: Roles) -> Result<Self, Self::Error> {
        let said = "nobody could have a role: name values of the claim under `operator`, `reader` or `parts`, or say `everybody: reader`";
        if roles.name_anybody() { Ok(Self(roles)) } else { Err(said) }
    }
}

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let time = manifests::id::duration(&text).map_err(|error| error.to_string())?.as_secs();
        let seconds = i64::try_from(time).ok().filter(|seconds| (300..=LONGEST).contains(seconds));
        seconds.map(Self).ok_or_else(|| format!("`{text}`: a session is of five minutes to eight hours"))
    }
}

/// The longest, and the usual, session: a day at work. Who may look no longer is out by then.
const LONGEST: i64 = 8 * 3_600;

impl TryFrom<AlbWritten> for Alb {
    type Error = String;
    fn try_from(AlbWritten { signer, client, keys, roles }: AlbWritten) -> Result<Self, String> {
        let parts: Vec<&str> = signer.splitn(6, ':').collect();
        let ["arn", partition, "elasticloadbalancing", region, account, balancer] = parts[..] else {
            return Err(format!("`{signer}` is no ARN of a load balancer"));
        };
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let is_one = !region.is_empty() && plain(region) && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_one || !balancer.starts_with("loadbalancer/app/") {
            return Err(format!("`{signer}` is no ARN of an application load balancer"));
        }
        let keys = match (keys, partition) {
            (Some(keys), _) => keys,
            (None, "aws") => Place::try_from(format!("https://public-keys.auth.elb.{region}.amazonaws.com"))?,
            (None, "aws-us-gov") => {
                Place::try_from(format!("https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}"))?
            }
            (None, _) => {
                return Err(format!("where the keys of the partition `{partition}` are has to be said: `keys`"));
            }
        };
        Ok(Self { signer, client, keys, roles })
    }
}

impl TryFrom<Written> for SignIn {
    type Error = &'static str;
    fn try_from(Written { url, oidc, alb, session, proxies }: Written) -> Result<Self, Self::Error> {
        if oidc.is_none() && alb.is_none() {
            return Err("nobody could sign in: say `oidc` or `alb`");
        }
        if url.0.path() != "/" {
            return Err("`url`: the hub has a host of its own, without a path");
        }
        if oidc.as_ref().is_some_and(|oidc| oidc.client_secret_file.is_some() && oidc.client_secret_env.is_some()) {
            return Err("`clientSecretFile` and `clientSecretEnv`: the secret is in one place");
        }
        // A load balancer always says for whom it asks.
        let proxies = proxies.map_or(usize::from(alb.is_some()), usize::from);
        Ok(Self { url, oidc, alb, session: session.map_or(LONGEST, |span| span.0), proxies })
    }
}

impl SignIn {
    /// As this file says.
    ///
    /// # Errors
    /// When it can't be read, or says something that can't be.
    pub fn read(path: &Path) -> Result<Self, SignInError> {
        let text = fs::read_to_string(path).map_err(|source| SignInError::File { path: path.to_owned(), source })?;
        let read: Self = serde_saphyr::from_str(&text).map_err(|error| {
            let (why, path) = (error.without_snippet().to_string(), path.to_owned());
            let Some(at) = error.location() else {
                return SignInError::Content { path, place: String::new(), why };
            };
            // It says where in words too.
            let why = why.replace(&format!(" at line {}, column {}", at.line(), at.column()), "");
            SignInError::Content { path, place: format!(":{}:{}", at.line(), at.column()), why }
        })?;
        if let Some(oidc) = &read.oidc {
            oidc.secret()?;
        }
        Ok(read)
    }
}

/// A secret, which is never printed.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Oidc {
    /// The client's secret, if it has one. A file is read anew each time, because secrets are rotated.
    pub(super) fn secret(&self) -> Result<Option<Secret>, SignInError> {
        let (found, place) = match (&self.client_secret_file, &self.client_secret_env) {
            (Some(path), _) => (fs::read_to_string(path).ok(), format!("the file `{}`", path.display())),
            (None, Some(name)) => (env::var(name).ok(), format!("the variable `{name}`")),
            (None, None) => return Ok(None),
        };
        let secret = found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        secret.map(|text| Some(Secret(text))).ok_or(SignInError::Secret(place))
    }

    /// For whom tokens of programs are made.
    pub(super) fn audience(&self) -> &str {
        &self.audience.as_ref().unwrap_or(&self.client).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "url: https://hub.example
oidc:
  issuer: https://login.example
  client: holdfast
  roles: {claim: groups, operator: [platform], reader: [security]}
alb:
  signer: arn:aws:elasticloadbalancing:eu-central-1:111111111111:loadbalancer/app/hub/50dc6c495c0c9188
  client: abc
  roles: {everybody: reader}
session: 1h
";

    fn read(text: &str) -> Result<SignIn, SignInError> {
        let missing = |source| SignInError::File { path: PathBuf::new(), source };
        let file = tempfile::NamedTempFile::new().map_err(missing)?;
        fs::write(file.path(), text).map_err(missing)?;
        SignIn::read(file.path())
    }

    #[test]
    fn a_file_says_how_people_sign_in() {
        let all = read(WHOLE).unwrap();
        let (oidc, alb) = (all.oidc.unwrap(), all.alb.unwrap());
        assert_eq!((oidc.issuer.0.as_str(), oidc.audience()), ("https://login.example", "holdfast"));
        assert_eq!(alb.keys.0.as_str(), "https://public-keys.auth.elb.eu-central-1.amazonaws.com/");
        assert_eq!((all.session, all.proxies, oidc.scopes.len()), (3_600, 1, 2));
        let gov =
            read(&WHOLE.replace(
                "arn:aws:elasticloadbalancing:eu-central-1",
                "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1",
            ));
        let place = "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1";
        assert_eq!(gov.unwrap().alb.unwrap().keys.0.as_str(), place);
    }

    #[test]
    fn what_the_readme_shows_is_one() {
        let readme = include_str!("../../../../README.md");
        let block = readme.split("```yaml\n").find(|block| block.starts_with("url: ")).unwrap();
        let shown: SignIn = serde_saphyr::from_str(block.split("```").next().unwrap()).unwrap();
        assert_eq!((shown.oidc.is_some(), shown.alb.is_some(), shown.session), (true, true, LONGEST));
    }

    #[test]
    fn what_can_not_be_is_told_with_its_line() {
        let check = |from: &str, to: &str, line: &str, says: &str| {
            assert!(WHOLE.contains(from), "{from}");
            let told = read(&WHOLE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(told.contains(line) && told.contains(says) && !told.contains(" at line "), "{to}: {told}");
        };
        check("client: holdfast", "clinet: holdfast", ":4:", "clinet");
        check("https://hub.example", "http://hub.example", ":1:", "https URL");
        check("https://hub.example", "https://hub.example/holdfast", "", "without a path");
        check("https://login.example", "https://ada:x@login.example", ":3:", "without user");
        check("https://login.example", "http://192.0.2.1", ":3:", "https URL");
        check("client: holdfast", "client: hold fast", ":4:", "one word");
        check("operator: [platform], reader: [security]", "operator: []", ":5:", "nobody could have a role");
        check("everybody: reader", "everybody: operator", ":9:", "operator");
        check("loadbalancer/app", "loadbalancer/net", ":", "application load balancer");
        check("arn:aws:elastic", "arn:aws-cn:elastic", ":", "`keys`");
        check("eu-central-1", "evil.example/", ":", "application load balancer");
        check("session: 1h", "session: 9h", ":10:", "eight hours");
        check("session: 1h", "session: 1h\nsesion: 1h", ":11:", "sesion");
        check("client: holdfast", "client: holdfast\n  clientSecretFile: /no/such", "", "the file `/no/such`");
        check("client: holdfast", "client: holdfast\n  clientSecretEnv: HOLDFAST_NO_SUCH", "", "HOLDFAST_NO_SUCH");
        let none = read("url: https://hub.example\n").unwrap_err().to_string();
        assert!(none.contains("nobody could sign in"), "{none}");
        assert!(matches!(SignIn::read(Path::new("/no/such")), Err(SignInError::File { .. })));
    }
}
