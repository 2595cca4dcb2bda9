//! Who may look, and at what: whoever comes shows who they are with every request, and is told so little that it helps nobody who
//! does not.
//!
//! By a token of a list, by a token that an issuer made for a program, by having signed in at the issuer, or by what a load
//! balancer in front says. Where none of that is set up, the pages are for whoever is on this machine. Not here: TLS, which stands
//! in front.

mod alb;
mod ask;
pub mod audit;
pub mod config;
pub(super) mod door;
mod jwt;
mod keys;
mod limits;
mod oidc;
pub(super) mod part;
pub(super) mod pages;
mod role;
mod session;
pub mod tokens;

use alb::Balancer;
use ask::AskError;
use audit::Audit;
use axum::http::{HeaderMap, header};
use config::{SignIn, SignInError};
use jiff::Timestamp;
use jwt::{Claims, Flaw};
use limits::{Limit, Wait};
use oidc::{Bond, Issuer};
use reqwest::Url;
use role::Roles;
pub(super) use role::{By, Role, Who};
use session::{Errand, Jar, Kind, NoRandomness, PATIENCE, Seal, Session, Spent, random};
use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokens::Tokens;

/// Why nobody can be asked who they are.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The file that says how people sign in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The audit log.
    #[error("the audit log `{path}` can't be written to")]
    Audit {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The client that asks the issuer.
    #[error("the HTTP client for sign-in can't be set up")]
    Client(#[source] reqwest::Error),
    /// No key can be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Why somebody is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nobody said who it is")]
    Nobody,
    #[error("the token is none of the list")]
    Token,
    #[error("the token is not believed")]
    Flaw(#[from] Flaw),
    #[error("`{0}` has no role here")]
    NoRole(String),
    #[error("it is for operators")]
    Less,
    #[error("who it is can't be found out at the moment")]
    Unreachable(#[from] AskError),
    #[error("nothing can be made that nobody guesses")]
    Random(#[from] NoRandomness),
    #[error("the client's secret can't be read")]
    Secret(#[source] SignInError),
    #[error("it happens too often")]
    Often(Wait),
    #[error("this browser did not ask to sign in, or it took too long, or it did so already")]
    Errand,
    #[error("the issuer says `{0}`")]
    Denied(String),
    #[error("the answer is of another issuer")]
    Mixed,
    #[error("the code was used, or is none")]
    Code,
    #[error("the form is none of this page")]
    Form,
}

/// Everything that it takes to know who somebody is.
#[derive(Debug)]
pub struct Guard {
    tokens: Option<Tokens>,
    issuer: Option<Issuer>,
    balancer: Option<Balancer>,
    place: Option<Url>,
    length: i64,
    proxies: usize,
    jar: Jar,
    seal: Seal,
    signed_out: Mutex<Spent>,
    come_back: Mutex<Spent>,
    /// Who failed to say who they are, by where they are.
    failed: Mutex<Limit<IpAddr>>,
    /// What those who are known ask for, by who they are.
    asked: Mutex<Limit<(&'static str, String)>>,
    audit: Audit,
}

/// So many may fail at once, and as many again in a minute.
const FAILURES: u32 = 10;
/// So much may be asked for at once, and as much again in a minute.
const REQUESTS: u32 = 1_200;

/// Somebody who came back signed in: who it is, what their browser keeps, and where they wanted to go.
#[derive(Debug)]
struct Arrived {
    who: Who,
    cookie: String,
    to: String,
}

impl Guard {
    /// By these tokens, by this file of how people sign in, and with this file for who did what.
    ///
    /// # Errors
    /// When a file can't be used, or no key can be made.
    pub fn open(tokens: Option<Tokens>, sign_in: Option<SignIn>, audit: Option<&Path>) -> Result<Self, GuardError> {
        let unwritten = |source| GuardError::Audit { path: audit.unwrap_or(Path::new("")).to_owned(), source };
        let (mut place, mut issuer, mut balancer, mut length, mut proxies) = (None, None, None, 0, 0);
        if let Some(sign_in) = sign_in {
            // Only where somebody is asked: a machine without any certificate authorities has no client.
            let client = ask::client().map_err(GuardError::Client)?;
            issuer = sign_in.oidc.map(|oidc| Issuer::new(oidc, client.clone()));
            balancer = sign_in.alb.map(|alb| Balancer::new(alb, client));
            (place, length, proxies) = (Some(sign_in.url.0), sign_in.session, sign_in.proxies);
        }
        Ok(Self {
            tokens,
            issuer,
            balancer,
            jar: Jar { is_secure: place.as_ref().is_some_and(|place| place.scheme() == "https") },
            place,
            length,
            proxies,
            seal: Seal::new()?,
            signed_out: Mutex::default(),
            come_back: Mutex::default(),
            failed: Mutex::new(Limit::new(FAILURES, 60)),
            asked: Mutex::new(Limit::new(REQUESTS, 60)),
            audit: Audit::open(audit).map_err(unwritten)?,
        })
    }

    /// Whether anybody is asked who they are.
    pub fn is_set(&self) -> bool {
        self.tokens.is_some() || self.issuer.is_some() || self.balancer.is_some()
    }

    /// Whether those who look come through others' connections.
    pub(super) fn is_behind_a_proxy(&self) -> bool {
        self.proxies > 0
    }

    /// Who it is that sends this. What is shown and not believed is a refusal, whatever else is shown beside it.
    async fn who(&self, headers: &HeaderMap, now: Timestamp) -> Result<Who, Refusal> {
        if !self.is_set() {
            return Ok(Who::machine());
        }
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(shown) = text(header::AUTHORIZATION.as_str()) {
            return self.shown(shown, now).await;
        }
        if let (Some(balancer), Some(said)) = (&self.balancer, text(alb::HEADER)) {
            let claims = balancer.proven(said, now).await?;
            return allowed(&claims, balancer.roles(), By::Balancer);
        }
        self.session(headers, now).map(Session::who).ok_or(Refusal::Nobody)
    }

    /// Whose is what stands in the header `Authorization`.
    async fn shown(&self, shown: &str, now: Timestamp) -> Result<Who, Refusal> {
        if let Some((name, role)) = self.tokens.as_ref().and_then(|tokens| tokens.whose(shown)) {
            return Ok(Who { name: name.to_owned(), subject: String::new(), role, by: By::Token });
        }
        let bearer = shown.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match (&self.issuer, bearer) {
            (Some(issuer), Some((_, token))) if token.contains('.') => {
                let claims = issuer.proven(token.trim(), None, now).await?;
                allowed(&claims, issuer.roles(), By::Bearer)
            }
            (Some(_) | None, Some(_) | None) => Err(Refusal::Token),
        }
    }

    /// Who is signed in with this browser.
    fn session(&self, headers: &HeaderMap, now: Timestamp) -> Option<Session> {
        self.issuer.as_ref()?;
        let text = self.jar.get(Kind::Session, cookies(headers))?;
        let session: Session = self.seal.opened(("session", ""), text)?;
        let is_over = session.until <= now.as_second() || locked(&self.signed_out).has(&session.id);
        (!is_over).then_some(session)
    }

    /// Where somebody signs in, and what their browser keeps meanwhile. However many of its windows do so at once, it is the
    /// same browser.
    async fn entrance(&self, headers: &HeaderMap, to: &str, now: Timestamp) -> Result<(Url, String), Refusal> {
        let (Some(issuer), Some(place)) = (&self.issuer, &self.place) else { return Err(Refusal::Nobody) };
        let browser = match self.jar.get(Kind::Browser, cookies(headers)) {
            Some(known) if known.len() == 43 => known.to_owned(),
            Some(_) | None => random()?,
        };
        let errand = Errand { id: random()?, to: own(place, to), until: now.as_second() + PATIENCE };
        let state = self.seal.sealed(("errand", &browser), &errand);
        let (nonce, verifier, back) = self.bond(&browser, &errand, place);
        let bond = Bond { state: &state, nonce: &nonce, verifier: &verifier, back: &back };
        let entrance = issuer.entrance(&bond, now).await?;
        Ok((entrance, self.jar.set(Kind::Browser, &browser, PATIENCE)))
    }

    /// What is made for this browser and this time: it lies nowhere, and is made again when somebody comes back.
    fn bond(&self, browser: &str, errand: &Errand, place: &Url) -> (String, String, String) {
        let made = |what: &str| self.seal.mark(&[what, browser, &errand.id]);
        (made("nonce"), made("verifier"), format!("{}sign-in/callback", place.as_str()))
    }

    /// Who came back from the issuer with this.
    async fn arrived(&self, headers: &HeaderMap, query: &str, now: Timestamp) -> Result<Arrived, Refusal> {
        let (Some(issuer), Some(place)) = (&self.issuer, &self.place) else { return Err(Refusal::Nobody) };
        let said: Vec<(String, String)> = crate::asked::pairs(query).collect();
        let get = |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let browser = self.jar.get(Kind::Browser, cookies(headers)).ok_or(Refusal::Errand)?;
        let state = get("state").ok_or(Refusal::Errand)?;
        let errand: Errand = self.seal.opened(("errand", browser), state).ok_or(Refusal::Errand)?;
        let is_over = errand.until <= now.as_second();
        if is_over || !locked(&self.come_back).spend(&errand.id, errand.until, now) {
            return Err(Refusal::Errand);
        }
        if let Some(error) = get("error") {
            return Err(Refusal::Denied(ask::word(error).unwrap_or("no").to_owned()));
        }
        let code = get("code").ok_or(Refusal::Code)?;
        let (nonce, verifier, back) = self.bond(browser, &errand, place);
        let bond = Bond { state, nonce: &nonce, verifier: &verifier, back: &back };
        let claims = issuer.came_back((code, get("iss")), &bond, now).await?;
        let who = allowed(&claims, issuer.roles(), By::Session(String::new()))?;
        let session = Session::of(&who, random()?, now.as_second() + self.length);
        let cookie = self.jar.set(Kind::Session, &self.seal.sealed(("session", ""), &session), self.length);
        Ok(Arrived { who: session.who(), cookie, to: errand.to })
    }

    /// Signs somebody out: the session is over, also for whoever has a copy of it.
    fn sign_out(&self, headers: &HeaderMap, now: Timestamp) {
        if let Some(session) = self.session(headers, now) {
            locked(&self.signed_out).spend(&session.id, session.until, now);
        }
    }

    /// What the form to sign out shows, so that no other page can have somebody signed out; none for those who can't.
    pub(super) fn exit(&self, who: &Who) -> Option<String> {
        match &who.by {
            By::Session(id) => Some(self.seal.mark(&["exit", id])),
            By::Balancer => Some(self.seal.mark(&["exit", "", &who.subject])),
            By::Machine | By::Token | By::Bearer => None,
        }
    }

    fn is_exit(&self, who: &Who, shown: &str) -> bool {
        match &who.by {
            By::Session(id) => self.seal.is_mark(shown, &["exit", id]),
            By::Balancer => self.seal.is_mark(shown, &["exit", "", &who.subject]),
            By::Machine | By::Token | By::Bearer => false,
        }
    }

    /// Takes one of what somebody may ask for. Whoever is on this machine may ask for as much as it can do.
    fn take(&self, who: &Who, now: Timestamp) -> Result<(), Refusal> {
        if who.by == By::Machine {
            return Ok(());
        }
        let key = if who.subject.is_empty() { &who.name } else { &who.subject };
        locked(&self.asked).take(&(who.known_by(), key.clone()), now).map_err(Refusal::Often)
    }

    /// Where a request came from: of those that proxies in front wrote down, the one that the outermost of them saw.
    fn from(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let all: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let seen = self.proxies.checked_sub(1).and_then(|n| all.iter().rev().nth(n));
        seen.and_then(|text| address(text)).or(peer)
    }

    /// The newest entries of who did what.
    pub(super) fn newest(&self) -> Vec<audit::Entry> {
        self.audit.newest()
    }
}

/// An address, as proxies write it: with a port, or without.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    text.trim_matches(['[', ']']).parse().ok().or_else(with_port)
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok())
}

/// Somebody, if these roles give them one.
fn allowed(claims: &Claims, roles: &Roles, by: By) -> Result<Who, Refusal> {
    let who = Who::of(claims, Role::Reader, by);
    match roles.of(claims) {
        Some(role) => Ok(Who { role, ..who }),
        None => Err(Refusal::NoRole(who.name)),
    }
}

/// Where somebody wanted to go, if that is here; the first page otherwise.
fn own(place: &Url, to: &str) -> String {
    let plain =
        to.len() <= 1_000 && to.starts_with('/') && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let there = place.join(to).ok().filter(|there| plain && there.origin() == place.origin());
    let there = there.map(|there| match there.query() {
        Some(query) => format!("{}?{query}", there.path()),
        None => there.path().to_owned(),
    });
    // Two slashes at the beginning are another host.
    let is_page = |path: &String| !path.starts_with("//") && !path.starts_with("/sign-");
    there.filter(is_page).unwrap_or_else(|| "/".into())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
