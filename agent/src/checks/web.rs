//! One question to one address, for a health check: who is asked is judged first, and nobody else is connected to.
//!
//! Names are looked up by the client's own resolver, which hands on only addresses that may be asked; an address that
//! stands in the URL itself is judged before. So what was judged is what is connected to, however often a name changes its
//! mind. Deliberately not here: redirects, proxies (which would look names up again), cookies, credentials, connections
//! that are kept (each check should find out anew whether one can be had).

use manifests::check::Http;
use plan::{check::Answer, quote::quote, reach::Reach};
use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The longest that an answer is waited for, from looking the name up to the last byte.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const BODY: usize = 64 << 10;

/// Who asks addresses.
pub trait Web {
    /// Asks an address once. `private` says whether the account lets addresses of private networks be asked.
    fn get(&self, http: &Http, private: bool) -> impl Future<Output = Answer>;
}

/// Asks over the network of this machine.
#[derive(Debug, Default)]
pub struct Direct {
    public: OnceLock<Result<Client, String>>,
    private: OnceLock<Result<Client, String>>,
}

/// An address, or a name that has no other, that is not asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Forbidden(String);

/// Looks names up, and knows only addresses that may be asked.
struct Judge {
    private: bool,
}

impl Web for Direct {
    async fn get(&self, http: &Http, private: bool) -> Answer {
        let asked = tokio::time::timeout(DEADLINE, self.ask(http, private)).await;
        asked.unwrap_or_else(|_| Answer::Silence(format!("nothing whole came within {} s", DEADLINE.as_secs())))
    }
}

impl Direct {
    fn client(&self, private: bool) -> Result<&Client, String> {
        let client = if private { &self.private } else { &self.public };
        client.get_or_init(|| client_for(private)).as_ref().map_err(Clone::clone)
    }

    async fn ask(&self, http: &Http, private: bool) -> Answer {
        let url = match Url::parse(&http.url) {
            Ok(url) => url,
            Err(error) => {
                return Answer::Unasked(format!("it is no address ({error})"));
            }
        };
        if let Some(why) = literal(&url).and_then(|address| forbidden(address, private)) {
            return Answer::Unasked(why);
        }
        let client = match self.client(private) {
            Ok(client) => client,
            Err(why) => return Answer::Unasked(why),
        };
        match client.get(url).send().await {
            Ok(response) => read(response, http.contains.as_deref()).await,
            Err(error) => silence(&error.without_url()),
        }
    }
}

fn client_for(private: bool) -> Result<Client, String> {
    let builder = Client::builder()
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(Judge { private }));
    builder.build().map_err(|error| format!("the HTTP client can't be set up: {error}"))
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let asked = |address: &SocketAddr| forbidden(address.ip(), private).is_none();
            let may: Vec<SocketAddr> = found.iter().copied().filter(asked).collect();
            if let (true, Some(first)) = (may.is_empty(), found.first()) {
                return Err(Forbidden(forbidden(first.ip(), private).unwrap_or_default()).into());
            }
            Ok(Box::new(may.into_iter()) as Addrs)
        })
    }
}

/// The address that stands in a URL itself.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Why an address is not asked, if it is not.
fn forbidden(address: IpAddr, private: bool) -> Option<String> {
    Reach::of(address).forbids(private).map(|why| format!("it is not asked, because its host is {why}"))
}

/// What an answer comes to.
async fn read(mut response: Response, contains: Option<&str>) -> Answer {
    let status = response.status().as_u16();
    let Some(text) = contains else { return Answer::Http { status, contains: true } };
    let mut body = Vec::new();
    while body.len() < BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(BODY - body.len())]),
            Ok(None) => break,
            Err(error) => return silence(&error.without_url()),
        }
    }
    let contains = body.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    Answer::Http { status, contains }
}

/// What it means that no answer came.
fn silence(error: &(dyn Error + 'static)) -> Answer {
    let mut innermost = error;
    loop {
        if let Some(Forbidden(why)) = innermost.downcast_ref() {
            return Answer::Unasked(why.clone());
        }
        match innermost.source() {
            Some(source) => innermost = source,
            None => return Answer::Silence(quote(&innermost.to_string())),
        }
    }
}
