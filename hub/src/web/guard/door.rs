//! What every request goes through: who it is, whether they may see this, and what holds for every answer. The one place where
//! somebody is refused a page.
//!
//! Not here: how it is proven who somebody is ([`super`]), and what is needed for which page ([`super::role`]).

use super::{
    super::{Hub, connections::Peer},
    Guard, Refusal, Who,
    audit::{self, Act},
    limits::network,
    locked, pages, role,
};
use crate::asked::Asked;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use std::{net::IpAddr, sync::Arc};

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct From(pub(super) Option<IpAddr>);

/// What holds for every answer. A form leads nowhere but here: where somebody signs in, a link leads.
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

/// Lets somebody in, or says why not.
pub(in crate::web) async fn door(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let is_secure = hub.guard.jar.is_secure;
    let mut response = entered(&hub, request, next).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

async fn entered(hub: &Hub, mut request: Request, next: Next) -> Response {
    let (guard, now) = (&hub.guard, (hub.clock)());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A page of somewhere else may have this machine's address under its own name.
    if !guard.is_set() && !is_own(host) {
        return (StatusCode::MISDIRECTED_REQUEST, "this is not the host that you asked for\n").into_response();
    }
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let from = guard.from(peer, request.headers());
    request.extensions_mut().insert(From(from));
    if pages::is_open(guard, request.uri().path()) {
        return next.run(request).await;
    }
    let asked = Asked::of(request.uri().path(), request.uri().query().unwrap_or_default());
    match admitted(guard, request.headers(), &asked, now).await {
        Ok(who) => {
            if is_told(&asked) {
                guard.audit.note(Act::Looked, (Some(&who), from), audit::what(&asked), None, now);
            }
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err((who, refusal)) => {
            let refusal = guard.refused(who.as_ref(), refusal, (from, audit::what(&asked)), now);
            let to = request.uri().path_and_query().map_or("/", |to| to.as_str());
            pages::refused(guard, request.method(), request.headers(), (&refusal, to))
        }
    }
}

/// What makes a page, and says nothing, is told of nobody.
fn is_told(asked: &Asked) -> bool {
    !matches!(asked.parts.first().map(String::as_str), Some("style.css" | "live.js" | "live" | "openapi"))
}

/// Who it is, if they may see this.
async fn admitted(
    guard: &Guard,
    headers: &HeaderMap,
    asked: &Asked,
    now: Timestamp,
) -> Result<Who, (Option<Who>, Refusal)> {
    let who = guard.who(headers, now).await.map_err(|refusal| (None, refusal))?;
    match guard.take(&who, now) {
        Err(often) => Err((Some(who), often)),
        Ok(()) if who.role < role::needed(asked) => Err((Some(who), Refusal::Less)),
        Ok(()) => Ok(who),
    }
}

impl Guard {
    /// Writes down that somebody was refused; of those who failed too often to say who they are, that it is too often.
    pub(super) fn refused(
        &self,
        who: Option<&Who>,
        refusal: Refusal,
        (from, what): (Option<IpAddr>, String),
        now: Timestamp,
    ) -> Refusal {
        let network = from.map(network);
        let counted = network.filter(|_| refusal.is_a_failure());
        let often = counted.and_then(|network| locked(&self.failed).take(&network, now).err());
        let refusal = often.map_or(refusal, Refusal::Often);
        self.audit.note(Act::Refused, (who, from), what, Some(crate::chain(&refusal)), now);
        refusal
    }

    /// Whether whoever is there has failed too often.
    pub(super) fn patient(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Refusal> {
        from.map_or(Ok(()), |from| locked(&self.failed).look(&network(from), now)).map_err(Refusal::Often)
    }
}

impl Refusal {
    /// Whether it is the kind of thing that somebody does who guesses.
    fn is_a_failure(&self) -> bool {
        match self {
            Self::Token | Self::Flaw(_) | Self::Errand | Self::Mixed | Self::Code | Self::Form => true,
            Self::Nobody
            | Self::NoRole(_)
            | Self::Less
            | Self::Unreachable(_)
            | Self::Random(_)
            | Self::Secret(_)
            | Self::Often(_)
            | Self::Denied(_) => false,
        }
    }
}

/// Whether a host is this machine, by a name that nobody else can give it.
pub(super) fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
