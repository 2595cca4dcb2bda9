//! Pages, read from the store by whoever may: nothing can be changed through them, in the hub or in an account.
//!
//! They are served to this machine alone, or to those who show who they are: an address that others reach is refused where nobody
//! said who may look ([`guard`]). Not here: TLS, which stands in front of it.

mod connections;
pub mod guard;
mod html;
mod pages;
mod parts;

use crate::{
    alerts,
    asked::{Asked, Form},
    data,
    reading::Health,
    shown::{self, Shown},
    store::{Store, StoreError, view::Moment},
};
use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response, Sse, sse},
    routing::get,
};
use connections::Caps;
use fleet::presence::Patience;
use futures_util::stream;
use guard::{Guard, Role, Who, door::door};
use html::Frame;
use jiff::Timestamp;
use manifests::id::Digest;
use parts::Parts;
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// Why pages can't be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Others could reach it.
    #[error(
        "`{0}` can be reached by others, and nobody said who may look: `--tokens FILE` or `--sign-in FILE`, or listen on 127.0.0.1 or [::1]"
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
    /// Who may look.
    pub guard: Guard,
}

struct Hub {
    store: Arc<Mutex<Store>>,
    parts: Parts,
    health: watch::Receiver<Health>,
    patience: Patience,
    clock: fn() -> Timestamp,
    listeners: Arc<Semaphore>,
    guard: Guard,
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
    let caps = if pages.guard.is_behind_a_proxy() { Caps::PROXIED } else { Caps::DIRECT };
    connections::serve(listener, router(pages), caps).await
}

fn router(pages: Pages) -> Router {
    let Pages { store, health, patience, clock, guard } = pages;
    let listeners = Arc::new(Semaphore::new(LISTENERS));
    let hub = Arc::new(Hub {
        store: Arc::new(Mutex::new(store)),
        parts: Parts::default(),
        health,
        patience,
        clock,
        listeners,
        guard,
    });
    Router::new()
        .route("/live", get(live))
        .route("/style.css", get(async || asset("text/css; charset=utf-8", include_str!("web/style.css"))))
        .route("/live.js", get(async || asset("text/javascript; charset=utf-8", include_str!("web/live.js"))))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(async || json(data::interface().to_string())))
        .merge(guard::pages::routes(&hub.guard))
        .fallback(any)
        .layer(from_fn_with_state(Arc::clone(&hub), door))
        .with_state(hub)
}

impl Hub {
    /// What somebody may see.
    fn seen_by(&self, who: &Who) -> Result<Arc<Mutex<Store>>, StoreError> {
        match &who.role {
            Role::Operator | Role::Reader => Ok(Arc::clone(&self.store)),
            Role::Part(part) => self.parts.of(part, &self.store, self.clock),
        }
    }

    fn moment(&self) -> Moment {
        Moment { patience: self.patience, now: (self.clock)() }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whatever is asked for by an address.
async fn any(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    beside(move || read(&hub, &who, (&method, &uri, &headers))).await
}

/// Does what may have to wait for the store, beside everything that does not.
async fn beside(act: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn read(hub: &Arc<Hub>, who: &Who, (method, uri, headers): (&Method, &Uri, &HeaderMap)) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, "only to be read\n").into_response();
    }
    let mut asked = Asked::of(uri.path(), uri.query().unwrap_or_default());
    if asked.parts == ["index"] {
        asked.parts.clear();
    }
    let (moment, mut health, exit) = (hub.moment(), hub.health.borrow().clone(), hub.guard.exit(who));
    if let Role::Part(_) = who.role {
        health = health.of_a_part();
    }
    let looker = guard::pages::looker(who, exit.as_deref());
    let seen = match hub.seen_by(who) {
        Ok(seen) => seen,
        Err(error) => return failed(&error),
    };
    let known = {
        let store = locked(&seen);
        store.senders().and_then(|senders| Ok((senders, alerts::trouble(&store, moment.now)?)))
    };
    let senders = match known {
        Ok((senders, trouble)) => {
            health.alerts = trouble;
            senders
        }
        Err(error) => return failed(&error),
    };
    let frame = Frame { health: &health, senders, now: moment.now, asked: &asked, looker };
    if asked.parts == ["audit"] {
        let mut response = guard::pages::audit(&frame, &hub.guard, moment.now);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return response;
    }
    let found = {
        let store = locked(&seen);
        tag(&store, &frame).and_then(|tag| {
            let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
            let same = known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
            let shown = if same { None } else { Some(shown::shown(&store, &asked, moment)?) };
            Ok((tag, shown))
        })
    };
    let (tag, shown) = match found {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    let mut response = match shown {
        None => StatusCode::NOT_MODIFIED.into_response(),
        Some(None) => missing(&frame),
        Some(Some(shown)) => answer((hub, &seen), &shown, &frame),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")));
    // Another form of the same address is another answer.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// What an answer changes with: the journal, what was told, the hub itself, who looks, and every ten seconds the time that is said on it.
fn tag(store: &Store, frame: &Frame<'_>) -> Result<String, StoreError> {
    let Frame { health, now, looker, asked: _, senders: _ } = frame;
    let told = (store.mark()?, store.listed()?, store.last_alert()?, health, now.as_second() / 10, looker);
    let told = serde_json::to_string(&told).unwrap_or_default();
    Ok(format!("W/\"{}\"", Digest::of(told.as_bytes()).short(16)))
}

fn answer(from: (&Arc<Hub>, &Arc<Mutex<Store>>), shown: &Shown, frame: &Frame<'_>) -> Response {
    match frame.asked.form {
        Form::Html => {
            let (title, body) = pages::page(shown, frame.asked, frame.now);
            markup(StatusCode::OK, html::page(frame, &title, &body))
        }
        Form::Json => json(data::document(shown, (Some(frame.health), frame.senders), frame.now)),
        Form::Csv => match data::columns(shown) {
            Some(columns) => table(from, frame.asked, shown, columns),
            None => (StatusCode::NOT_FOUND, "this is no list; ask for .json\n").into_response(),
        },
    }
}

fn missing(frame: &Frame<'_>) -> Response {
    match frame.asked.form {
        Form::Html => {
            let body = maud::html! {
                h1 { "There is no such thing" }
                p { "Either nobody has heard of it, or the address makes no sense, or it has a filter that this page does not take." }
            };
            markup(StatusCode::NOT_FOUND, html::page(frame, "There is no such thing", &body))
        }
        Form::Json => {
            (StatusCode::NOT_FOUND, json(r#"{"error":"there is no such thing, or no such filter of it"}"#.to_owned()))
                .into_response()
        }
        Form::Csv => (StatusCode::NOT_FOUND, "there is no such thing, or no such filter of it\n").into_response(),
    }
}

/// All of a list, part by part, as it is read.
fn table(
    (hub, seen): (&Arc<Hub>, &Arc<Mutex<Store>>),
    asked: &Asked,
    shown: &Shown,
    columns: &'static [&'static str],
) -> Response {
    let (lines, next) = data::lines(shown, columns);
    let first = data::heading(columns) + &lines;
    let (hub, seen, asked) = (Arc::clone(hub), Arc::clone(seen), asked.clone());
    let rest = stream::unfold(next, move |next| {
        let (hub, seen, asked) = (Arc::clone(&hub), Arc::clone(&seen), asked.clone());
        async move {
            let asked = asked.after(&next?);
            let read = move || shown::shown(&locked(&seen), &asked, hub.moment());
            match tokio::task::spawn_blocking(read).await.ok()? {
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
    beside(move || measured(&hub)).await
}

fn measured(hub: &Hub) -> Response {
    let (moment, health) = (hub.moment(), hub.health.borrow().clone());
    let read = {
        let store = locked(&hub.store);
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
