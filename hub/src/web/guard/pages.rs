//! What somebody sees who is not in yet, or no longer: the way to the issuer and back, the way out, and why not. And, for
//! operators, who did what.
//!
//! The way to the issuer begins with a link, never with a form and never with an answer to one: where a form leads, `form-action`
//! decides, in some browsers for every host on the way, and nobody knows the issuer's. Not here: who may see what
//! ([`super::door`]).

use super::{
    Arrived, By, Guard, Refusal, Who,
    audit::{Act, COLUMNS, Entry},
    door::From,
    session::Kind,
};
use crate::{
    asked::{Form, encoded, pairs},
    data,
    web::{Hub, html, json, markup},
};
use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use maud::html;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// What a load balancer calls its sessions, unless it was told otherwise, each in up to so many pieces.
const BALANCERS: [&str; 4] = [
    "AWSELBAuthSessionCookie-0",
    "AWSELBAuthSessionCookie-1",
    "AWSELBAuthSessionCookie-2",
    "AWSELBAuthSessionCookie-3",
];

/// The ways in and out, where there are any.
pub(in crate::web) fn routes(guard: &Guard) -> Router<Arc<Hub>> {
    let mut routes = Router::new();
    if guard.issuer.is_some() {
        routes = routes.route("/sign-in", get(sign_in)).route("/sign-in/callback", get(callback));
    }
    if guard.issuer.is_some() || guard.balancer.is_some() {
        routes = routes.route("/sign-out", get(signed_out).post(sign_out));
    }
    routes
}

/// What anybody may have who has not said who it is: the way in and out, and what makes it look as everything else.
pub(super) fn is_open(guard: &Guard, path: &str) -> bool {
    match path {
        "/sign-in" | "/sign-in/callback" => guard.issuer.is_some(),
        "/sign-out" | "/style.css" => guard.issuer.is_some() || guard.balancer.is_some(),
        _ => false,
    }
}

type Came = (State<Arc<Hub>>, Uri, HeaderMap, Extension<From>);

/// Sends somebody to the issuer.
async fn sign_in(came: Came) -> Response {
    let (State(hub), uri, headers, Extension(From(from))) = came;
    let (guard, now) = (&hub.guard, (hub.clock)());
    let to = pairs(uri.query().unwrap_or_default()).find(|(name, _)| name == "to").map(|(_, to)| to);
    match guard.entrance(&headers, to.as_deref().unwrap_or("/"), now).await {
        Ok((entrance, cookie)) => led(entrance.as_str(), &[cookie]),
        Err(refusal) => {
            let refusal = guard.refused(None, refusal, (from, "/sign-in".into()), now);
            refused(guard, &Method::GET, &headers, (&refusal, "/"))
        }
    }
}

/// Takes in whoever comes back from the issuer.
async fn callback(came: Came) -> Response {
    let (State(hub), uri, headers, Extension(From(from))) = came;
    let (guard, now) = (&hub.guard, (hub.clock)());
    let arrived = match guard.patient(from, now) {
        Ok(()) => guard.arrived(&headers, uri.query().unwrap_or_default(), now).await,
        Err(often) => Err(often),
    };
    match arrived {
        Ok(Arrived { who, cookie, to }) => {
            guard.audit.note(Act::SignedIn, (Some(&who), from), "/sign-in".into(), None, now);
            led(&to, &[cookie])
        }
        Err(refusal) => {
            let refusal = guard.refused(None, refusal, (from, "/sign-in/callback".into()), now);
            refused(guard, &Method::GET, &headers, (&refusal, "/"))
        }
    }
}

/// Says that somebody is out, or asks whether they mean it.
async fn signed_out(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Response {
    let guard = &hub.guard;
    let exit = guard.who(&headers, (hub.clock)()).await.ok().and_then(|who| Some((guard.exit(&who)?, who.name)));
    let body = html! {
        @if let Some((exit, name)) = exit {
            h1 { "Sign out" }
            p { "You are signed in as " (html::said(Some(&name))) "." }
            (html::exit(&exit))
        } @else {
            h1 { "You are signed out" }
            p { "Here; where you signed in, you may still be." }
            p { a href=(if guard.issuer.is_some() { "/sign-in" } else { "/" }) { "Sign in again" } }
        }
    };
    unstored(markup(StatusCode::OK, html::bare("Signed out", None, &body)))
}

/// Signs somebody out who asked for it on a page of this hub.
async fn sign_out((State(hub), _, headers, Extension(From(from))): Came, body: Body) -> Response {
    let (guard, now) = (&hub.guard, (hub.clock)());
    let Ok(who) = guard.who(&headers, now).await else { return led("/sign-out", &[]) };
    let read = tokio::time::timeout(Duration::from_secs(10), to_bytes(body, 4_096)).await;
    let form = read.ok().and_then(Result::ok).unwrap_or_default();
    let shown = pairs(&String::from_utf8_lossy(&form)).find(|(name, _)| name == "exit").map(|(_, exit)| exit);
    if !guard.is_exit(&who, shown.as_deref().unwrap_or_default()) {
        let refusal = guard.refused(Some(&who), Refusal::Form, (from, "/sign-out".into()), now);
        return refused(guard, &Method::POST, &headers, (&refusal, "/"));
    }
    guard.sign_out(&headers, now);
    guard.audit.note(Act::SignedOut, (Some(&who), from), "/sign-out".into(), None, now);
    let mut forgotten = vec![guard.jar.set(Kind::Session, "", 0), guard.jar.set(Kind::Browser, "", 0)];
    if who.by == By::Balancer {
        forgotten.extend(BALANCERS.map(|name| format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure")));
    }
    led("/sign-out", &forgotten)
}

/// Leads somewhere else, with these cookies.
fn led(to: &str, cookies: &[String]) -> Response {
    let mut response = unstored(StatusCode::SEE_OTHER.into_response());
    // What is no header is no address of ours either.
    let place = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, place);
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Why somebody is not shown what they asked for.
pub(super) fn refused(
    guard: &Guard,
    method: &Method,
    headers: &HeaderMap,
    (refusal, to): (&Refusal, &str),
) -> Response {
    let (status, says) = told(guard, refusal);
    let is_page = guard.issuer.is_some() && is_page(method, headers);
    let mut response = if is_page {
        let way = format!("/sign-in?to={}", encoded(to));
        let at_once = matches!(refusal, Refusal::Nobody).then_some(way.as_str());
        let title = if at_once.is_some() { "Sign in" } else { "Not this way" };
        let body = html! {
            h1 { (title) }
            @if at_once.is_none() { p { (says) } }
            p { a href=(way) { "Sign in" } }
        };
        markup(status, html::bare(title, at_once, &body))
    } else {
        (status, format!("{says}\n")).into_response()
    };
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        let only_tokens = guard.issuer.is_none() && guard.balancer.is_none();
        let ask = if only_tokens { "Basic realm=\"Holdfast\", charset=\"UTF-8\"" } else { "Bearer realm=\"Holdfast\"" };
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(ask));
    }
    if let Refusal::Often(wait) = refusal {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.0));
    }
    unstored(response)
}

/// Whether a browser is about to show the answer to somebody; what a script asks for leads nowhere.
fn is_page(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let takes = text("accept").is_some_and(|kinds| kinds.contains("text/html"));
    takes
        && (method == Method::GET || method == Method::POST)
        && text("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
}

/// What somebody is told: enough to know what to do, and nothing of why a token was not believed.
fn told(guard: &Guard, refusal: &Refusal) -> (StatusCode, String) {
    let (status, says) = match refusal {
        Refusal::Nobody | Refusal::Token | Refusal::Flaw(_) if guard.balancer.is_some() && guard.issuer.is_none() => {
            (StatusCode::UNAUTHORIZED, "the load balancer has to say who it is, or a token")
        }
        Refusal::Nobody | Refusal::Token | Refusal::Flaw(_) => {
            (StatusCode::UNAUTHORIZED, "a token is needed: as a password, or as a bearer")
        }
        Refusal::NoRole(name) => {
            let says = format!("{name} is known, and has no role here; whoever runs this hub can give one");
            return (StatusCode::FORBIDDEN, says);
        }
        Refusal::Less => (StatusCode::FORBIDDEN, "this is for operators"),
        Refusal::Unreachable(_) | Refusal::Random(_) | Refusal::Secret(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "who it is can't be found out at the moment; the hub's log says why")
        }
        Refusal::Often(_) => (StatusCode::TOO_MANY_REQUESTS, "this happens too often; wait a moment"),
        Refusal::Errand | Refusal::Mixed | Refusal::Code => {
            (StatusCode::BAD_REQUEST, "this way in is not open any more; begin again")
        }
        Refusal::Denied(_) => (StatusCode::FORBIDDEN, "the issuer did not let you in; the hub's log says why"),
        Refusal::Form => (StatusCode::FORBIDDEN, "this form is none of this hub's; load the page again"),
    };
    (status, says.to_owned())
}

/// Who did what, as it was asked for.
pub(in crate::web) fn audit(frame: &html::Frame<'_>, guard: &Guard, now: Timestamp) -> Response {
    let entries = guard.newest();
    match frame.asked.form {
        Form::Html => markup(StatusCode::OK, html::page(frame, "Audit", &table(&entries, now))),
        Form::Json => json(json!({"at": now, "rows": entries}).to_string()),
        Form::Csv => {
            let mut text = data::heading(&COLUMNS);
            for entry in &entries {
                text.push_str(&data::row(&serde_json::to_value(entry).unwrap_or_default(), &COLUMNS));
            }
            ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
        }
    }
}

fn table(entries: &[Entry], now: Timestamp) -> maud::Markup {
    html! {
        h1 { "Audit " small { "who looked, signed in and out, and was refused since the hub began, the newest first" } }
        div.table { table {
            thead { tr {
                th scope="col" { "Last" } th scope="col" { "Who" } th scope="col" { "Role" } th scope="col" { "Did" }
                th scope="col" { "What" } th.n scope="col" { "Times" } th scope="col" { "Why" } th scope="col" { "By" } th scope="col" { "From" }
            } }
            tbody { @for entry in entries { tr {
                td { (html::time(entry.last, now)) }
                td { (html::said(Some(entry.who.as_deref().unwrap_or("somebody")))) @if let Some(subject) = &entry.subject { " " span.quiet { (html::said(Some(subject))) } } }
                td { (entry.role.unwrap_or_default()) } td { (entry.act.as_str()) }
                td.why { (html::said(Some(&entry.what))) } td.n { (entry.times) }
                td.why { (html::said(entry.why.as_deref())) } td { (entry.by.unwrap_or_default()) }
                td { @if let Some(from) = entry.from { (from) } }
            } } }
        } }
    }
}

/// Who looks, and how they get out, as a page says it.
pub(in crate::web) fn looker<'a>(who: &'a Who, exit: Option<&'a str>) -> html::Looker<'a> {
    html::Looker { name: &who.name, role: &who.role, is_asked: who.by != By::Machine, exit }
}
