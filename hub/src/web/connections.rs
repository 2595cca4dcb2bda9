//! Connections: so many at a time, of which one address has half at most unless it is a proxy's, and none that somebody holds
//! without saying or hearing anything.
//!
//! Not here: what is said on them, and TLS, which stands in front.

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, Sleep, sleep},
};

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// At a time.
    pub(super) all: usize,
    /// At a time, from one address.
    pub(super) each: usize,
    /// How long a request may take to be said, and the next to begin.
    pub(super) say: Duration,
    /// How long somebody may hear nothing of what they are told.
    pub(super) hear: Duration,
}

impl Caps {
    /// Of those who look themselves.
    pub(super) const DIRECT: Self =
        Self { all: 1_024, each: 512, say: Duration::from_secs(30), hear: Duration::from_secs(30) };
    /// Of a proxy, whose connections are everybody's. It has to be the one that ends them (a load balancer does after a minute), or
    /// it asks on one that is over.
    pub(super) const PROXIED: Self = Self { each: 1_024, say: Duration::from_secs(75), ..Self::DIRECT };
}

/// Headers are no longer than this together; a load balancer's say a lot.
const HEAD: usize = 64 * 1_024;

/// Serves for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, router: Router, caps: Caps) -> io::Result<()> {
    let (places, each) = (Arc::new(Semaphore::new(caps.all)), Arc::new(Each::default()));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // One that went again is nothing; where there are no more files, there will be.
                tracing::debug!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let address = peer.ip().to_canonical();
        let Some(one) = Each::one(&each, address, caps.each) else {
            tracing::warn!(%address, "has as many connections as one address may have");
            continue;
        };
        let router = router.clone().layer(Extension(Peer(address)));
        tokio::spawn(async move {
            let _held = (place, one);
            let stream = TokioIo::new(Heard::new(stream, caps.hear));
            let mut connection = http1::Builder::new();
            connection.timer(TokioTimer::new()).header_read_timeout(caps.say).max_buf_size(HEAD);
            if let Err(error) = connection.serve_connection(stream, TowerToHyperService::new(router)).await {
                tracing::debug!(%error, %address, "a connection ended");
            }
        });
    }
}

/// How many connections each address has.
#[derive(Debug, Default)]
struct Each(Mutex<BTreeMap<IpAddr, usize>>);

/// One of them.
#[derive(Debug)]
struct One {
    each: Arc<Each>,
    address: IpAddr,
}

impl Each {
    fn one(each: &Arc<Self>, address: IpAddr, most: usize) -> Option<One> {
        let mut all = each.all();
        let held = all.entry(address).or_default();
        if *held >= most {
            return None;
        }
        *held += 1;
        Some(One { each: Arc::clone(each), address })
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let mut all = self.each.all();
        match all.get_mut(&self.address) {
            Some(held) if *held > 1 => *held -= 1,
            Some(_) | None => {
                all.remove(&self.address);
            }
        }
    }
}

/// A stream that ends when nobody takes what is written to it.
struct Heard {
    stream: TcpStream,
    time: Duration,
    /// Until when something has to be taken, since nothing was.
    until: Option<Pin<Box<Sleep>>>,
}

impl Heard {
    fn new(stream: TcpStream, time: Duration) -> Self {
        Self { stream, time, until: None }
    }

    /// What came of writing, or that it took too long.
    fn in_time<T>(&mut self, came: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if came.is_ready() {
            self.until = None;
            return came;
        }
        let time = self.time;
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + time)));
        ready!(until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, bytes)
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(came, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(came, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(came, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.in_time(came, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{extract::Request, routing::get};
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const CAPS: Caps = Caps { all: 3, each: 2, say: Duration::from_millis(200), hear: Duration::from_millis(200) };

    async fn started(caps: Caps) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let peer = async |request: Request| format!("{:?}", request.extensions().get::<Peer>());
        let much = async || "x".repeat(50_000_000);
        let router = Router::new().route("/peer", get(peer)).route("/much", get(much));
        tokio::spawn(serve(listener, router, caps));
        address
    }

    /// Everything that comes until the other side ends it.
    async fn heard(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        // A connection that is cut says nothing either.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8(text).unwrap()
    }

    async fn said(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn whoever_says_nothing_or_only_the_beginning_is_cut_off_and_so_is_who_says_nothing_more() {
        let address = started(CAPS).await;
        for text in ["", "GET /peer HTTP/1.1\r\nHost: a\r\nX-Slow:", "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let text = heard(said(address, text).await).await;
            assert!(
                text.is_empty() || text.starts_with("HTTP/1.1 408") || text.ends_with("Some(Peer(127.0.0.1))"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn whoever_hears_nothing_of_what_was_asked_for_is_cut_off() {
        let address = started(Caps { each: 1, ..CAPS }).await;
        let asks = "GET /much HTTP/1.1\r\nHost: a\r\n\r\n";
        let deaf = said(address, asks).await;
        // There is one place; as long as somebody holds it who does not listen, nobody else gets in.
        loop {
            let text = heard(said(address, "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await).await;
            if text.ends_with("Some(Peer(127.0.0.1))") {
                break;
            }
            assert_eq!(text, "");
            tokio::task::yield_now().await;
        }
        assert!(heard(deaf).await.len() < 50_000_000);
    }

    #[tokio::test]
    async fn one_address_has_so_many_connections_and_no_more() {
        let each = Arc::new(Each::default());
        let (a, b) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held: Vec<One> = [Each::one(&each, a, 2), Each::one(&each, a, 2)].into_iter().flatten().collect();
        assert_eq!((held.len(), Each::one(&each, a, 2).is_none(), Each::one(&each, b, 2).is_some()), (2, true, true));
        drop(held);
        assert!(Each::one(&each, a, 2).is_some() && each.all().is_empty());

        let address = started(Caps { say: Duration::from_secs(60), ..CAPS }).await;
        let held = [said(address, "GET").await, said(address, "GET").await];
        assert_eq!(heard(TcpStream::connect(address).await.unwrap()).await, "");
        drop(held);
    }
}
