//! A repository behind http, https or ssh: asked for one branch's head, mirrored as far as that needs.
//!
//! gix blocks, so each look runs on a thread of its own, while the caller's runtime serves the connection: HTTP, or the
//! pipes of an ssh program, which ends with its look.

use super::{
    Descent, Offered, Origin,
    credentials::{Credentials, Keyring},
    descent::{Relation, relation},
    error::{Fault, FetchError, ReadError},
    http,
    leash::{Interest, Meter, Terms, Traffic, late},
    limits::option,
    mirror::Mirror,
    proxy::Proxy,
    session::Session,
    tags::{self, Prefix, Tag},
};
use gix::ObjectId;
use manifests::id::CommitId;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};
use tokio::{task::spawn_blocking, time::timeout_at};

/// How long a look that reached its deadline gets to say so itself.
const GRACE: Duration = Duration::from_secs(2);

/// How far back the first step goes that looks for the accepted commit; each further step goes twice as far.
const FIRST_STEP: u32 = 64;

/// A remote repository and its local copy.
pub(super) struct Remote<K> {
    keyring: K,
    /// What the configured URL said, for when the keyring is empty.
    written: Credentials,
    site: Arc<Site>,
    copy: Arc<Mutex<Copy>>,
    /// Held by whoever reads from the copy: reads wait for each other, and none for a fetch that does not end.
    queue: Arc<Mutex<()>>,
    meter: Arc<Meter>,
}

/// Where it is.
pub(super) struct Site {
    /// Without user and password, unless ssh needs the user.
    pub(super) url: gix::Url,
    pub(super) origin: Origin,
    pub(super) client: reqwest::Client,
    /// What stands between here and there.
    pub(super) proxy: Option<Proxy>,
}

impl Site {
    /// A text that came from elsewhere, without the secrets that were sent there.
    fn redact(&self, credentials: &Credentials, text: &str) -> String {
        let text = credentials.redact(text);
        self.proxy.as_ref().map(|proxy| proxy.redact(&text)).unwrap_or(text)
    }
}

/// The mirror, once it is open, and what it told last.
#[derive(Default)]
struct Copy {
    mirror: Option<Mirror>,
    /// Proving descent may take several requests; a branch that stands still is not asked twice.
    decided: Option<(ObjectId, Offered)>,
}

impl<K: Keyring> Remote<K> {
    pub(super) fn new(url: gix::Url, origin: Origin, keyring: K, written: Credentials) -> Result<Self, FetchError> {
        let client = http::client(origin.authorities.as_deref())?;
        let origin = Origin { url: url.to_bstring().to_string(), ..origin };
        let proxy = Proxy::between(&url);
        let site = Arc::new(Site { url, origin, client, proxy });
        Ok(Self { keyring, written, site, copy: Arc::default(), queue: Arc::default(), meter: Arc::default() })
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.meter.read()
    }

    async fn credentials(&self) -> Result<Credentials, FetchError> {
        let found = self.keyring.credentials().await.map_err(|why| FetchError::new(Fault::Unauthorized, why))?;
        let credentials = if found == Credentials::None { self.written.clone() } else { found };
        credentials.fit_for(&self.site.url, self.site.proxy.as_ref())?;
        Ok(credentials)
    }

    pub(super) async fn offered(&self, last: Option<&CommitId>) -> Result<Offered, FetchError> {
        let last = last.map(object_id).transpose()?;
        self.look(move |copy, site, session| copy.look(site, session, last)).await
    }

    pub(super) async fn tags(&self, prefix: &Prefix, commit: &CommitId) -> Result<Vec<Tag>, FetchError> {
        let (prefix, commit) = (prefix.clone(), object_id(commit)?);
        self.look(move |copy, site, session| copy.tags(site, session, &prefix, commit)).await
    }

    /// One look at the remote, on a thread of its own and for as long as it may take.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Copy, &Site, &Session<'_>) -> Result<T, FetchError> + Send + 'static,
    ) -> Result<T, FetchError> {
        let credentials = self.credentials().await?;
        let (terms, interest) = Terms::new(&self.site.origin.limits, Arc::clone(&self.meter));
        let deadline = terms.deadline() + GRACE;
        let (site, copy) = (Arc::clone(&self.site), Arc::clone(&self.copy));
        let work = spawn_blocking(move || {
            let session = Session::new(&site, &credentials, terms);
            let looked = lock(&copy).map_err(|why| FetchError::new(Fault::Local, why));
            let looked = looked.and_then(|mut copy| look(&mut copy, &site, &session));
            looked.map_err(|error| FetchError {
                message: format!("{}: {}", site.origin.url, site.redact(&credentials, &error.message)),
                ..error
            })
        });
        let done = timeout_at(deadline, work).await;
        drop::<Interest>(interest);
        match done {
            Ok(Ok(looked)) => looked,
            Ok(Err(stopped)) => {
                let message = format!("the fetch stopped unexpectedly ({stopped})");
                Err(self.at_url(FetchError::new(Fault::Broken, message)))
            }
            Err(_) => Err(self.at_url(late())),
        }
    }

    fn at_url(&self, error: FetchError) -> FetchError {
        FetchError { message: format!("{}: {}", self.site.origin.url, error.message), ..error }
    }

    /// Reads from its objects, on a thread of its own: gix blocks.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&gix::Repository, &Origin) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (site, copy, queue) = (Arc::clone(&self.site), Arc::clone(&self.copy), Arc::clone(&self.queue));
        let work = spawn_blocking(move || {
            let _turn = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let mut copy = lock(&copy).map_err(ReadError::Local)?;
            let mirror = copy.mirror(&site).map_err(|error| ReadError::Local(error.message))?;
            let read = read(&mirror.repository(), &site.origin);
            if matches!(read, Err(ReadError::Broken(_))) {
                mirror.suspect();
            }
            read
        });
        work.await.unwrap_or_else(|stopped| Err(ReadError::Broken(stopped.to_string())))
    }
}

impl Copy {
    fn mirror(&mut self, site: &Site) -> Result<&mut Mirror, FetchError> {
        let origin = &site.origin;
        let open = || Mirror::open(&origin.cache, &origin.url, origin.limits.object_bytes);
        Ok(match &mut self.mirror {
            Some(mirror) => mirror,
            empty => empty.insert(open()?),
        })
    }

    /// One look at the remote. A copy that is worn or turns out to be damaged is replaced, once.
    fn look(&mut self, site: &Site, session: &Session<'_>, last: Option<ObjectId>) -> Result<Offered, FetchError> {
        let decided = self.decided.take();
        let mirror = self.mirror(site)?;
        let objects = site.origin.limits.object_bytes;
        let look = |repository: &gix::Repository| {
            let head = session.fetch(repository, None)?;
            match (&decided, last) {
                (Some((before, offered)), Some(last)) if *before == last && offered.commit == commit_id(head) => {
                    Ok(offered.clone())
                }
                _ => offer(session, repository, last, head, site.origin.limits.depth),
            }
        };
        let looked = if mirror.is_worn() {
            mirror.renew(objects, look)
        } else {
            match look(&mirror.repository()) {
                // Whatever is broken did not break on the way here.
                Err(error) if error.kind == Fault::Broken && session.connection_held() => mirror.renew(objects, look),
                looked => looked,
            }
        };
        if looked.is_err() {
            mirror.sweep()?;
        }
        self.decided = looked.as_ref().ok().cloned().and_then(|offered| Some((last?, offered)));
        looked
    }
}

impl Copy {
    /// The tags that point at a commit. What goes wrong leaves the copy as it was, for the next look to judge.
    fn tags(
        &mut self,
        site: &Site,
        session: &Session<'_>,
        prefix: &Prefix,
        commit: ObjectId,
    ) -> Result<Vec<Tag>, FetchError> {
        let mirror = self.mirror(site)?;
        let repository = mirror.repository();
        let found = session.tags(&repository, prefix, commit);
        if found.is_err() {
            mirror.sweep()?;
        }
        let read = |(name, id)| tags::read(&repository, name, id).transpose();
        let read = found?.into_iter().filter_map(read).collect::<Result<_, ReadError>>();
        read.map_err(|error| {
            mirror.suspect();
            FetchError::new(Fault::Broken, error.to_string())
        })
    }
}

/// Decides how the head relates to `last`; fetches more of its history, in steps, while that can't be told.
fn offer(
    session: &Session<'_>,
    repository: &gix::Repository,
    last: Option<ObjectId>,
    mut head: ObjectId,
    depth: u32,
) -> Result<Offered, FetchError> {
    let offered = |head, descent| Ok(Offered { commit: commit_id(head), descent });
    let not_proven = |head, why: String| offered(head, Descent::NotProven { why });
    let Some(last) = last else { return offered(head, Descent::First) };
    let (mut step, mut reached) = (FIRST_STEP.min(depth), 1);
    loop {
        if head == last {
            return offered(head, Descent::Same);
        }
        match relation(repository, last, head).map_err(|why| FetchError::new(Fault::Broken, why))? {
            Relation::Forward => return offered(head, Descent::Forward),
            Relation::Rewound => return offered(head, Descent::Rewound),
            Relation::TooLong => return not_proven(head, "the history between the two is too long".to_owned()),
            Relation::Cut if reached >= depth => {
                let why =
                    format!("it is not among the last {reached} generations of the branch (`{}` goes", option::DEPTH);
                return not_proven(head, why + " further back)");
            }
            Relation::Cut => match session.fetch(repository, Some(step)) {
                Ok(now) => head = now,
                Err(error) if error.kind == Fault::TooMuch => return not_proven(head, error.message),
                Err(error) => return Err(error),
            },
        }
        (reached, step) = (step, step.saturating_mul(2).min(depth));
    }
}

fn lock(copy: &Mutex<Copy>) -> Result<MutexGuard<'_, Copy>, String> {
    match copy.try_lock() {
        Ok(copy) => Ok(copy),
        Err(TryLockError::Poisoned(poisoned)) => {
            copy.clear_poison();
            let mut copy = poisoned.into_inner();
            // Whatever was damaged enough to make gix panic is not read twice.
            copy.mirror.iter_mut().for_each(Mirror::suspect);
            Ok(copy)
        }
        Err(TryLockError::WouldBlock) => Err("an earlier fetch has not ended yet".to_owned()),
    }
}

/// # Errors
/// When it is a SHA-256 id, which no repository that can be read here has.
pub(super) fn object_id(commit: &CommitId) -> Result<ObjectId, FetchError> {
    ObjectId::from_hex(commit.as_str().as_bytes()).map_err(|_| {
        let message = format!("commit {} is from a SHA-256 repository, which is not supported", commit.short());
        FetchError::new(Fault::Protocol, message)
    })
}

pub(super) fn commit_id(id: ObjectId) -> CommitId {
    id.to_string().parse().expect("an object id prints as lower-case hex")
}
