//! Pages, read from the store by whoever may: nothing can be changed through them, in the hub or in an account.
//!
//! They are served to this machine alone, or to those who show a token: an address that others reach is refused without a list
//! of them. Not here: TLS, which stands in front of it.

mod html;
mod pages;
pub mod tokens;

use crate::{
    alerts,
    asked::{Asked, Form},
    data,
    reading::Health,
    shown::{self, Shown},
    store::{Store, StoreError, view::Moment},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response, Sse, sse},
    routing::get,
};
use fleet::presence::Patience;
use futures_util::stream;
use jiff::Timestamp;
use manifests::id::Digest;
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokens::Tokens;
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// Why pages can't be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Others could reach it.
    #[error(
        "`{0}` can be reached by others, and nobody said who may look: `--tokens FILE`, or listen on 127.0.0.1 or [::1]"
    )]
    Open(SocketAddr),
    /// The address can't be had.
    #[error("can't listen on `{address}`")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What pages are made of.
#[derive(Debug)]
pub struct Pages {
    /// Open to be read.
    pub store: Store,
    /// How the hub itself is doing, and a word whenever there is something new.
    pub health: watch::Receiver<Health>,
    /// After how long an account is late.
    pub patience: Patience,
    /// The time.
    pub clock: fn() -> Timestamp,
    /// Who may look; without a list, whoever is on this machine.
    pub tokens: Option<Tokens>,
}

struct Hub {
    store: Mutex<Store>,
    health: watch::Receiver<Health>,
    patience: Patience,
    clock: fn() -> Timestamp,
    listeners: Arc<Semaphore>,
    tokens: Option<Tokens>,
}

/// How many pages are told of what is new at a time.
const LISTENERS: usize = 500;

/// Takes an address: of this machine alone, unless it is asked there who may look.
///
/// # Errors
/// When others could reach it and nobody is asked, or it can't be had.
pub async fn listen(address: SocketAddr, is_guarded: bool) -> Result<TcpListener, WebError> {
    if !address.ip().is_loopback() && !is_guarded {
        return Err(WebError::Open(address));
    }
    TcpListener::bind(address).await.map_err(|source| WebError::Listen { address, source })
}

/// Serves for as long as the process lives.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, pages: Pages) -> io::Result<()> {
    axum::serve(listener, router(pages)).await
}

fn router(pages: Pages) -> Router {
    let Pages { store, health, patience, clock, tokens } = pages;
    let listeners = Arc::new(Semaphore::new(LISTENERS));
    let hub = Arc::new(Hub { store: Mutex::new(store), health, patience, clock, listeners, tokens });
    Router::new()
        .route("/live", get(live))
        .route("/style.css", get(async || asset("text/css; charset=utf-8", include_str!("web/style.css"))))
        .route("/live.js", get(async || asset("text/javascript; charset=utf-8", include_str!("web/live.js"))))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(async || json(data::interface().to_string())))
        .fallback(any)
        .layer(from_fn_with_state(Arc::clone(&hub), guarded))
        .with_state(hub)
}

impl Hub {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        Moment { patience: self.patience, now: (self.clock)() }
    }
}

/// Whatever is asked for by an address.
async fn any(State(hub): State<Arc<Hub>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, "only to be read\n").into_response();
    }
    let mut asked = Asked::of(uri.path(), uri.query().unwrap_or_default());
    if asked.parts == ["index"] {
        asked.parts.clear();
    }
    let (moment, mut health) = (hub.moment(), hub.health.borrow().clone());
    let found = {
        let store = hub.store();
        let told = alerts::trouble(&store, moment.now).map(|trouble| health.alerts = trouble);
        told.and_then(|()| tag(&store, &health, moment.now)).and_then(|tag| {
            let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
            let same = known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
            if same { Ok((tag, None)) } else { shown::shown(&store, &asked, moment).map(|shown| (tag, Some(shown))) }
        })
    };
    let (tag, shown) = match found {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    let mut response = match shown {
        None => StatusCode::NOT_MODIFIED.into_response(),
        Some(None) => missing(&asked, &health, moment.now),
        Some(Some(shown)) => answer(&hub, &asked, &shown, (&health, moment)),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")));
    // Another form of the same address is another answer.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// What an answer changes with: the journal, what was told, the hub itself, and every ten seconds the time that is said on it.
fn tag(store: &Store, health: &Health, now: Timestamp) -> Result<String, StoreError> {
    let told =
        serde_json::to_string(&(store.mark()?, store.listed()?, store.last_alert()?, health, now.as_second() / 10));
    Ok(format!("W/\"{}\"", Digest::of(told.unwrap_or_default().as_bytes()).short(16)))
}

fn answer(hub: &Arc<Hub>, asked: &Asked, shown: &Shown, (health, moment): (&Health, Moment)) -> Response {
    match asked.form {
        Form::Html => {
            let (title, body) = pages::page(shown, asked, moment.now);
            let frame = html::Frame { health, now: moment.now, asked };
            markup(StatusCode::OK, html::page(&frame, &title, &body))
        }
        Form::Json => json(data::document(shown, Some(health), moment.now)),
        Form::Csv => match data::columns(shown) {
            Some(columns) => table(hub, asked, shown, columns),
            None => (StatusCode::NOT_FOUND, "this is no list; ask for .json\n").into_response(),
        },
    }
}

fn missing(asked: &Asked, health: &Health, now: Timestamp) -> Response {
    match asked.form {
        Form::Html => {
            let body = maud::html! {
                h1 { "There is no such thing" }
                p { "Either nobody has heard of it, or the address makes no sense." }
            };
            let frame = html::Frame { health, now, asked };
            markup(StatusCode::NOT_FOUND, html::page(&frame, "There is no such thing", &body))
        }
        Form::Json => (StatusCode::NOT_FOUND, json(r#"{"error":"there is no such thing"}"#.to_owned())).into_response(),
        Form::Csv => (StatusCode::NOT_FOUND, "there is no such thing\n").into_response(),
    }
}

/// All of a list, part by part, as it is read.
fn table(hub: &Arc<Hub>, asked: &Asked, shown: &Shown, columns: &'static [&'static str]) -> Response {
    let (lines, next) = data::lines(shown, columns);
    let first = data::heading(columns) + &lines;
    let (hub, asked) = (Arc::clone(hub), asked.clone());
    let rest = stream::unfold(next, move |next| {
        let (hub, asked) = (Arc::clone(&hub), asked.clone());
        async move {
            let asked = asked.after(&next?);
            // Others have their turn in between.
            tokio::task::yield_now().await;
            let read = shown::shown(&hub.store(), &asked, hub.moment());
            match read {
                Ok(Some(shown)) => {
                    let (lines, next) = data::lines(&shown, columns);
                    Some((Ok(lines), next))
                }
                Ok(None) => None,
                Err(error) => Some((Err(io::Error::other(error)), None)),
            }
        }
    });
    let all = futures_util::StreamExt::chain(stream::once(async move { Ok::<_, io::Error>(first) }), rest);
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(all)).into_response()
}

async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let (moment, health) = (hub.moment(), hub.health.borrow().clone());
    let read = {
        let store = hub.store();
        store.overview(moment).and_then(|overview| Ok((overview, store.alert_counts()?, store.mark()?)))
    };
    match read {
        Err(error) => failed(&error),
        Ok((overview, alerts, entries)) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            let text = data::metrics(&overview, &alerts, (&health, entries), moment.now);
            ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
        }
    }
}

/// Says that there is something new, at most once a second, and nothing else: whoever hears it asks again.
async fn live(State(hub): State<Arc<Hub>>) -> Response {
    let Ok(place) = Arc::clone(&hub.listeners).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "as many pages as there may be are told already\n").into_response();
    };
    let news = stream::unfold((hub.health.clone(), place), next);
    let alive = sse::KeepAlive::new().interval(Duration::from_secs(20));
    Sse::new(news).keep_alive(alive).into_response()
}

type Listener = (watch::Receiver<Health>, OwnedSemaphorePermit);

async fn next((mut health, place): Listener) -> Option<(Result<sse::Event, Infallible>, Listener)> {
    health.changed().await.ok()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    health.borrow_and_update();
    Some((Ok(sse::Event::default().data("new")), (health, place)))
}

/// What holds for every answer.
async fn guarded(
    State(hub): State<Arc<Hub>>,
    headers: HeaderMap,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let mut response = match refusal(&hub, &headers, request.uri()) {
        None => next.run(request).await,
        Some(refusal) => refusal,
    };
    const ALWAYS: [(&str, &str); 6] = [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "interest-cohort=()"),
    ];
    for (name, value) in ALWAYS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Who is refused: whoever shows no token, or, where none is asked for, a page of somewhere else that has this machine's address
/// under its own name.
fn refusal(hub: &Hub, headers: &HeaderMap, uri: &Uri) -> Option<Response> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(tokens) = &hub.tokens else {
        let other = (StatusCode::MISDIRECTED_REQUEST, "this is not the host that you asked for\n");
        return (!is_own(header(header::HOST))).then(|| other.into_response());
    };
    if let Some(who) = tokens.whose(header(header::AUTHORIZATION)) {
        tracing::info!(who, %uri, "looked");
        return None;
    }
    tracing::warn!(%uri, "somebody without a token was refused");
    let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"Holdfast\", charset=\"UTF-8\"")];
    Some((StatusCode::UNAUTHORIZED, ask, "a token is needed: as a password, or as a bearer\n").into_response())
}

/// Whether a host is this machine, by a name that nobody else can give it.
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn markup(status: StatusCode, markup: maud::Markup) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
    (status, kind, markup.into_string()).into_response()
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")];
    (headers, Bytes::from_static(text.as_bytes())).into_response()
}

fn failed(error: &StoreError) -> Response {
    let error = crate::chain(error);
    tracing::error!(error, "a page could not be read");
    (StatusCode::SERVICE_UNAVAILABLE, "the store can't be read at the moment; the hub's log says why\n").into_response()
}

#[cfg(test)]
pub(crate) mod tests;
