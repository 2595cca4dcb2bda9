//! git's "smart HTTP" over the async client that the rest of the agent uses too.
//!
//! gix asks through the blocking trait [`Http`]; each wait goes through the [`Leash`]. Deliberately not here: cookies,
//! content encodings, `.netrc`, `http.*` of any git configuration, and redirects other than a host's own.

use super::{
    credentials::Credentials,
    error::{Fault, FetchError, cause, one_line},
    leash::Leash,
    pack::Watch,
    proxy::WHY,
};
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use reqwest::{Method, Request, Response, StatusCode, Url, header};
use std::{
    any::Any,
    cell::RefCell,
    fs,
    io::{self, BufRead, BufReader, Cursor, Read, Write},
    path::Path,
    rc::Rc,
    time::Duration,
};

/// A repository that moved is followed this often.
const REDIRECTS: usize = 4;

/// The client for all requests of one source; it keeps its connection open between them.
///
/// # Errors
/// When the file with certificates can't be read.
pub(super) fn client(authorities: Option<&Path>) -> Result<reqwest::Client, FetchError> {
    let local = |message: String| FetchError::new(Fault::Local, message);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    if let Some(file) = authorities {
        let unreadable = |why: String| local(format!("the certificates in `{}` can't be read: {why}", file.display()));
        let pem = fs::read(file).map_err(|error| unreadable(error.to_string()))?;
        let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(error.to_string()))?;
        if found.is_empty() {
            return Err(unreadable("there is no PEM certificate in it".to_owned()));
        }
        builder = builder.tls_certs_merge(found);
    }
    builder.build().map_err(|error| local(format!("the HTTP client can't be set up: {error}")))
}

/// The HTTP side of one look at the remote.
pub(super) struct Exchange {
    client: reqwest::Client,
    credentials: Credentials,
    leash: Rc<Leash>,
    /// The proxy, as it is mentioned; empty without one.
    via: String,
    /// Where the repository was found after a redirect.
    base: Option<String>,
}

impl Exchange {
    pub(super) fn new(client: reqwest::Client, credentials: Credentials, leash: Rc<Leash>, via: String) -> Self {
        Self { client, credentials, leash, via, base: None }
    }

    fn request(
        &self,
        method: Method,
        url: Url,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Request, FetchError> {
        let mut request = self.credentials.sign(self.client.request(method, url));
        for line in headers {
            match line.as_ref().split_once(':') {
                // gix names itself; the client's own name is the one to show.
                Some((name, value)) if !name.eq_ignore_ascii_case("user-agent") => {
                    request = request.header(name.trim(), value.trim());
                }
                Some(_) | None => {}
            }
        }
        let wrong = |error: reqwest::Error| FetchError::new(Fault::Local, format!("no request can be made: {error}"));
        request.build().map_err(|error| wrong(error.without_url()))
    }

    fn call(&self, request: Request) -> Call {
        let (client, leash, via) = (self.client.clone(), Rc::clone(&self.leash), self.via.clone());
        Call { client, leash, via, request: Some(request), response: None, watch: Watch::default() }
    }

    /// Asks, and follows the repository to where its own host says it has moved.
    fn follow(&mut self, url: &str, base: &str, headers: &[String]) -> Result<Call, FetchError> {
        let tail = url.strip_prefix(base).unwrap_or_default();
        let mut at = Url::parse(url).map_err(|error| FetchError::new(Fault::Local, format!("{error}")))?;
        for _ in 0..=REDIRECTS {
            let mut call = self.call(self.request(Method::GET, at.clone(), headers)?);
            let Some(next) = call.send()?.and_then(|response| location(response, &at)) else {
                return Ok(call);
            };
            let next = next?;
            let base = next.as_str().strip_suffix(tail).filter(|_| stays_home(&at, &next));
            self.base = Some(base.ok_or_else(|| refused(&next))?.to_owned());
            at = next;
        }
        Err(FetchError::new(Fault::Refused, format!("the git server redirects more than {REDIRECTS} times")))
    }
}

impl Http for Exchange {
    type Headers = BufReader<Head>;
    type ResponseBody = Body;
    type PostBody = Upload;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Self::Headers, Self::ResponseBody>> {
        let headers: Vec<String> = headers.into_iter().map(|line| line.as_ref().to_owned()).collect();
        let call = self.follow(url, base_url, &headers).map_err(|error| self.told(error))?;
        let (headers, body, _) = call.faces();
        Ok(GetResponse { headers, body })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let url = Url::parse(url).map_err(|error| self.told(FetchError::new(Fault::Local, format!("{error}"))))?;
        let request = self.request(Method::POST, url, headers).map_err(|error| self.told(error))?;
        let (headers, body, post_body) = self.call(request).faces();
        Ok(PostResponse { post_body, headers, body })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::Result<()> {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.base.clone()
    }
}

impl Exchange {
    fn told(&self, error: FetchError) -> gix::Error {
        gix::Error::from_error(self.leash.fail(error))
    }
}

/// One request and its answer. gix holds three faces of it at once: it writes to one before it reads the others.
struct Call {
    client: reqwest::Client,
    leash: Rc<Leash>,
    via: String,
    request: Option<Request>,
    response: Option<Response>,
    watch: Watch,
}

impl Call {
    fn faces(self) -> (BufReader<Head>, Body, Upload) {
        let call = Rc::new(RefCell::new(self));
        let head = Head { call: Rc::clone(&call), text: None };
        let body = Body { call: Rc::clone(&call), chunk: Cursor::default() };
        (BufReader::new(head), body, Upload { call, bytes: Vec::new() })
    }

    /// Sends the request unless that is done already; the answer's head, if it is still there.
    fn send(&mut self) -> Result<Option<&Response>, FetchError> {
        if let Some(request) = self.request.take() {
            self.leash.sent(weight(&request));
            let (method, path) = (request.method().clone(), request.url().path().to_owned());
            let waited = self.leash.wait(told(self.client.execute(request), &self.via));
            let response = waited.map_err(|error| {
                // Nobody can tell from here which of the two says nothing.
                let slow = error.kind == Fault::Slow;
                if slow { FetchError { message: error.message + &self.via, ..error } } else { error }
            })?;
            tracing::debug!(%method, path, status = response.status().as_u16(), "git request");
            self.leash.received(head(&response).len() as u64)?;
            check_status(&response, &self.via)?;
            self.response = Some(response);
        }
        Ok(self.response.as_ref())
    }

    fn head(&mut self) -> io::Result<Vec<u8>> {
        let head = self.send().and_then(|response| match response {
            Some(response) if response.status().is_redirection() => Err(refused(response.url())),
            Some(response) => Ok(head(response)),
            None => Ok(Vec::new()),
        });
        head.map_err(|error| self.leash.fail(error))
    }

    /// The next piece of the body; empty at its end.
    fn piece(&mut self) -> io::Result<Vec<u8>> {
        self.head()?;
        let Some(response) = &mut self.response else { return Ok(Vec::new()) };
        let piece = self.leash.wait(told(response.chunk(), &self.via)).and_then(|piece| {
            let piece = piece.map(Vec::from);
            let bytes = piece.as_deref().unwrap_or_default();
            self.leash.received(bytes.len() as u64)?;
            self.watch.see(bytes).map_or(Ok(()), |objects| self.leash.announced(objects))?;
            Ok(piece)
        });
        let piece = piece.map_err(|error| self.leash.fail(error))?;
        if piece.is_none() {
            self.response = None;
        }
        Ok(piece.unwrap_or_default())
    }
}

/// The answer's header lines.
pub(super) struct Head {
    call: Rc<RefCell<Call>>,
    text: Option<Cursor<Vec<u8>>>,
}

impl Read for Head {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let text = match &mut self.text {
            Some(text) => text,
            empty => empty.insert(Cursor::new(self.call.borrow_mut().head()?)),
        };
        text.read(into)
    }
}

/// The answer's body.
pub(super) struct Body {
    call: Rc<RefCell<Call>>,
    chunk: Cursor<Vec<u8>>,
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.position() >= self.chunk.get_ref().len() as u64 {
            self.chunk = Cursor::new(self.call.borrow_mut().piece()?);
        }
        self.chunk.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.consume(amount);
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// The request's body, about a kilobyte. It is complete when gix drops it, which it does before it reads the answer.
pub(super) struct Upload {
    call: Rc<RefCell<Call>>,
    bytes: Vec<u8>,
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(request) = &mut self.call.borrow_mut().request {
            *request.body_mut() = Some(std::mem::take(&mut self.bytes).into());
        }
    }
}

/// An answer whose failure is a sentence.
async fn told<T>(answer: impl Future<Output = reqwest::Result<T>>, via: &str) -> Result<T, FetchError> {
    answer.await.map_err(|error| broken_off(&error, via))
}

/// What a failed connection comes to. reqwest's own text would name the URL a second time.
fn broken_off(error: &reqwest::Error, via: &str) -> FetchError {
    let cause = cause(error);
    if error.is_timeout() {
        FetchError::new(Fault::Slow, format!("the git server did not answer in time ({cause})"))
    } else if error.is_body() || error.is_decode() {
        FetchError::new(Fault::Broken, format!("the git server's answer broke off ({cause})"))
    } else {
        let error = FetchError::new(Fault::Unreachable, format!("the git server can't be reached{via} ({cause})"));
        if cause.contains("certificate") {
            error.hint("if the server has a certificate of your own authority, name that authority's file")
        } else if via.is_empty() {
            error
        } else {
            error.hint(WHY)
        }
    }
}

/// What a status other than success or redirection comes to.
fn check_status(response: &Response, via: &str) -> Result<(), FetchError> {
    let status = response.status();
    let error = |kind, message: &str| FetchError::new(kind, format!("{message} (HTTP {})", status.as_u16()));
    Err(match status {
        status if status.is_success() || status.is_redirection() => return Ok(()),
        StatusCode::UNAUTHORIZED => error(Fault::Unauthorized, "the git server does not accept the credentials")
            .hint("check user, password or token; an expired token looks the same"),
        StatusCode::FORBIDDEN => error(Fault::Unauthorized, "the git server forbids access to the repository")
            .hint("the credentials are known there, but may not read this repository"),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            error(Fault::Unreachable, &format!("the way to the git server{via} needs other credentials")).hint(WHY)
        }
        StatusCode::NOT_FOUND => error(Fault::NotFound, "the git server has no repository at this URL")
            .hint("check the URL; many hosts answer the same to those who may not read it"),
        status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => FetchError {
            retry_after: retry_after(response),
            ..error(Fault::Busy, "the git server can't answer at the moment")
        },
        _ => error(Fault::Protocol, "the git server gave an answer that is not git's"),
    })
}

/// The answer's `Retry-After` in seconds; its other form, a date, is left alone.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Where a redirect leads, if the answer is one.
fn location(response: &Response, from: &Url) -> Option<Result<Url, FetchError>> {
    if !response.status().is_redirection() {
        return None;
    }
    let target = response.headers().get(header::LOCATION).and_then(|target| target.to_str().ok());
    let target = target.and_then(|target| from.join(target).ok());
    Some(target.ok_or_else(|| FetchError::new(Fault::Protocol, "the git server redirects to nowhere")))
}

/// Whether a redirect stays on its host, and does not lead from https to http.
fn stays_home(from: &Url, to: &Url) -> bool {
    let same_port = from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
    let safer = from.scheme() == "http" && to.scheme() == "https";
    from.host_str() == to.host_str() && (same_port || safer)
}

fn refused(to: &Url) -> FetchError {
    let port = to.port().map(|port| format!(":{port}")).unwrap_or_default();
    let to = one_line(&format!("{}://{}{port}", to.scheme(), to.host_str().unwrap_or("?")));
    FetchError::new(Fault::Refused, format!("the git server redirects to {to}, and Holdfast does not follow it there"))
        .hint("if the repository has moved, change the URL in the agent's configuration")
}

/// The head's lines as gix wants them, and about as many bytes as HTTP/1.1 needs.
fn head(response: &Response) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in response.headers() {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// About as many bytes as the request takes in HTTP/1.1.
fn weight(request: &Request) -> u64 {
    const LINES: &str = concat!(
        "POST  HTTP/1.1\r\naccept: */*\r\nuser-agent: holdfast/",
        env!("CARGO_PKG_VERSION"),
        "\r\nhost: \r\n\r\n"
    );
    let url = request.url();
    let line = LINES.len() + url.path().len() + url.query().map_or(0, |query| query.len() + 1);
    let host = url.host_str().map_or(0, str::len);
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let body = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len);
    (line + host + headers + body) as u64
}
