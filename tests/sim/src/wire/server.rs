//! The server: one port for all accounts, on one thread.

use super::{
    answer::Answer,
    dispatch, door, lambda,
    ledger::{Ledger, Seen, Traffic},
    line::{Listener, Shears},
    request::{Call, Received},
};
use crate::{
    fault::Refusal,
    seed::Seed,
    services::{Place, sqs},
    world::{Reply, World},
};
use axum::{
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use manifests::id::AccountId;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    time::Instant,
};

/// How often a waiting receiver looks again: messages come back by the world's clock, which rings no bell.
const GLANCE: Duration = Duration::from_millis(50);

/// The account of access keys that are no account's.
const NOBODY: &str = "000000000000";

/// Everything behind one port.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) ledger: Mutex<Ledger>,
    /// Rings when a message may have come.
    pub(crate) arrivals: Notify,
    nobody: AccountId,
    requests: AtomicU64,
}

/// Takes a lock. Whoever panicked while holding it has failed a call, not the world.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    fn new(world: Arc<Mutex<World>>) -> Self {
        Self {
            world,
            ledger: Mutex::new(Ledger::default()),
            arrivals: Notify::new(),
            nobody: NOBODY.parse().expect("twelve digits"),
            requests: AtomicU64::new(0),
        }
    }

    /// Makes one call, and waits for a message if that is what it asks.
    async fn call(&self, call: &Call, request: &Received, id: (u64, &str)) -> Reply<Answer> {
        let reply = {
            let account = &call.caller.account;
            lock(&self.world).call(account, &call.name(), |world| {
                world.account(account);
                world.with_post(|world, post| dispatch::work(world, post, call, request, id))
            })
        };
        match &call.action[..] {
            "ReceiveMessage" => match reply {
                Reply::Answer(answer) if answer.body == b"{}" => {
                    self.wait(call, request, id).await.map_or_else(Reply::Refused, Reply::Answer)
                }
                Reply::Answer(_) | Reply::Refused(_) | Reply::Silence | Reply::Reset | Reply::Crash => reply,
            },
            "Invoke" if matches!(reply, Reply::Answer(_)) => self.run(call, request).await,
            _ => {
                self.arrivals.notify_waiters();
                reply
            }
        }
    }

    /// A function is run beside everything else: it calls its account itself.
    async fn run(&self, call: &Call, request: &Received) -> Reply<Answer> {
        let (_, name) = lambda::target(request);
        let found = {
            let world = lock(&self.world);
            let at = Place { account: &call.caller.account, region: &call.caller.region, now: world.now() };
            world.functions.invocation(&at, name)
        };
        let Some((runner, function)) = found else {
            return Reply::Refused(Refusal::new("ServiceException", 500, "nobody runs functions in this world"));
        };
        let event = serde_json::from_slice(&request.body).unwrap_or_default();
        match tokio::task::spawn_blocking(move || runner(&function, &event)).await {
            Ok(invoked) => Reply::Answer(lambda::invoked(&invoked)),
            Err(error) => Reply::Refused(Refusal::new("ServiceException", 500, error.to_string())),
        }
    }

    /// A `ReceiveMessage` that found nothing looks again until something comes or its time is over.
    async fn wait(&self, call: &Call, request: &Received, id: (u64, &str)) -> Result<Answer, Refusal> {
        let patience = {
            let mut world = lock(&self.world);
            let at = Place { account: &call.caller.account, region: &call.caller.region, now: world.now() };
            world.with_post(|world, post| sqs::patience(world, post, &at, &request.body))
        };
        let end = Instant::now() + patience;
        loop {
            let arrival = self.arrivals.notified();
            let answer = {
                let mut world = lock(&self.world);
                world.listen(&call.caller.account);
                world.with_post(|world, post| dispatch::work(world, post, call, request, id))?
            };
            if answer.body != b"{}" || Instant::now() >= end {
                return Ok(answer);
            }
            let glance = (Instant::now() + GLANCE).min(end);
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep_until(glance) => {}
            }
        }
    }
}

/// Answers one request.
async fn handle(State(site): State<Arc<Site>>, ConnectInfo(shears): ConnectInfo<Shears>, request: Request) -> Response {
    let came = Instant::now();
    let number = site.requests.fetch_add(1, Ordering::Relaxed);
    let id = Seed::of(number, "request").uuid();
    let received = match Received::read(request).await {
        Ok(received) => received,
        Err(refusal) => return super::protocol::Protocol::Rest.refuse(&refusal, &id).into_response(&id),
    };
    if received.path.starts_with("/_sim/") {
        return door::answer(&site, &received).into_response(&id);
    }
    let call = match Call::of(&received, &site.nobody) {
        Ok(call) => call,
        Err(refusal) => return received.protocol().refuse(&refusal, &id).into_response(&id),
    };
    let (account, name) = (&call.caller.account, call.name());
    let reply = site.call(&call, &received, (number, &id)).await;
    // AWS tells its time with every answer; here that is the simulated account's.
    let now = lock(&site.world).now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let answer = reply_to_answer(reply, &call, &shears, &id).with("date", now);
    let lateness = {
        let mut ledger = lock(&site.ledger);
        ledger.count(account, &name, received.body.len(), answer.body.len());
        ledger.note(|| Seen { account: account.clone(), action: name.clone(), came, answered: Instant::now() });
        ledger.lateness(account, &name)
    };
    tracing::info!(%account, region = %call.caller.region, status = answer.status, "{name}");
    // After the work, so that a caller who gives up meanwhile has it done all the same.
    tokio::time::sleep(lateness).await;
    answer.into_response(&id)
}

fn reply_to_answer(reply: Reply<Answer>, call: &Call, shears: &Shears, id: &str) -> Answer {
    match reply {
        Reply::Answer(answer) => answer,
        Reply::Refused(refusal) => call.service.protocol().refuse(&refusal, id),
        Reply::Silence | Reply::Crash => {
            shears.close();
            Answer::new(500, Vec::new())
        }
        Reply::Reset => {
            shears.reset();
            Answer::new(500, Vec::new())
        }
    }
}

/// Serves a world on a listener until the process ends or the future is dropped.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(world: Arc<Mutex<World>>, listener: TcpListener) -> io::Result<()> {
    serve_site(Arc::new(Site::new(world)), listener, std::future::pending()).await
}

async fn serve_site(
    site: Arc<Site>,
    listener: TcpListener,
    end: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = axum::Router::new().fallback(handle).with_state(site);
    let service = router.into_make_service_with_connect_info::<Shears>();
    tokio::select! {
        served = async { axum::serve(Listener(listener), service).await } => served,
        () = end => Ok(()),
    }
}

/// A server on a thread and a free port of its own, for a test. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    site: Arc<Site>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to serve a world.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(world: World) -> io::Result<Self> {
        let site = Arc::new(Site::new(Arc::new(Mutex::new(world))));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = site.clone();
        let thread = std::thread::Builder::new().name("holdfast-sim".to_owned()).spawn(move || {
            let end = async {
                // Dropped or sent: either is the end.
                let _ = stopped.await;
            };
            let served = runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                serve_site(served, listener, end).await
            });
            if let Err(error) = served {
                tracing::error!(%error, "the simulated accounts are no longer served");
            }
        })?;
        Ok(Self { site, address, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:port`, for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, to look into and to change between calls.
    pub fn world(&self) -> Arc<Mutex<World>> {
        self.site.world.clone()
    }

    /// What an account sent and got so far, by `service:Action`.
    pub fn traffic(&self, account: &AccountId) -> BTreeMap<String, Traffic> {
        lock(&self.site.ledger).of(account)
    }

    /// From now on every call is noted with its time, and what was noted before is forgotten.
    pub fn watch(&self) {
        lock(&self.site.ledger).watch();
    }

    /// What was noted so far since [`Self::watch`], in the order of the answers.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.site.ledger).seen()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic on that thread has been printed there, and must not abort a test that is failing already.
            drop(thread.join());
        }
    }
}
