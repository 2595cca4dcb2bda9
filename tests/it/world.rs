//! A world in memory for whole turns: simulated accounts, a repository of commits, memory that survives a crash, and a
//! sink that remembers. Thousands of turns a second, and the same seed gives the same trace.

use crate::{
    bug::{Bug, Doctored},
    handle::Closed,
    notebook::{Desk, Notebook},
};
use agent::{
    checks::web::Web,
    cloud::CloudError,
    git::{
        Descent, Offered, Source, Traffic,
        bundle::Member,
        error::{Fault, FetchError, ReadError},
        tags::{Prefix, Tag},
        tree::Tree,
    },
    pace::Pacing,
    send::Sink,
    stop::Stopped,
    turn::{Standing, turn},
    wake::Bell,
    world::{Settings, World},
};
use jiff::SignedDuration;
use manifests::{
    check::Http,
    guardrails::Guardrails,
    id::{AccountId, CommitId, Digest, Region, RepoPath},
    report::{Event, Report},
};
use plan::{check::Answer, lease::Holder, plan::Policy};
use sim::{
    clock::Clock,
    cloud::SimCloud,
    world::{Timing, World as Accounts},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A repository in memory: every commit with its files, and which one the branch is at.
#[derive(Default)]
pub(crate) struct Commits {
    all: RefCell<BTreeMap<CommitId, Commit>>,
    head: RefCell<Option<CommitId>>,
    files: RefCell<BTreeMap<RepoPath, Vec<u8>>>,
    unreachable: Cell<bool>,
    requests: Cell<u64>,
}

struct Commit {
    parent: Option<CommitId>,
    files: BTreeMap<RepoPath, Vec<u8>>,
}

impl Commits {
    pub(crate) fn write(&self, path: &str, text: &str) {
        self.files.borrow_mut().insert(path.parse().unwrap(), text.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.borrow_mut().remove(&path.parse().unwrap()).unwrap();
    }

    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let mut files = self.files.borrow_mut();
        let file = files.get_mut(&path.parse().unwrap()).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(text.contains(from), "{path} does not hold {from:?}");
        *file = text.replacen(from, to, 1).into();
    }

    /// A commit of the files as they are, on top of the head.
    pub(crate) fn commit(&self) -> CommitId {
        let parent = self.head.borrow().clone();
        let text = format!("{parent:?}{:?}", self.files.borrow());
        let id: CommitId = Digest::of(text.as_bytes()).short(40).parse().unwrap();
        self.all.borrow_mut().insert(id.clone(), Commit { parent, files: self.files.borrow().clone() });
        *self.head.borrow_mut() = Some(id.clone());
        id
    }

    /// Moves the branch somewhere else, as a forced push does.
    pub(crate) fn force(&self, commit: CommitId) {
        *self.head.borrow_mut() = Some(commit);
    }

    pub(crate) fn unreachable(&self, unreachable: bool) {
        self.unreachable.set(unreachable);
    }

    fn descends(&self, from: &CommitId, to: &CommitId) -> bool {
        let all = self.all.borrow();
        let mut at = Some(to.clone());
        while let Some(commit) = at {
            if commit == *from {
                return true;
            }
            at = all[&commit].parent.clone();
        }
        false
    }
}

fn fault(kind: Fault, message: &str) -> FetchError {
    FetchError { kind, message: message.into(), hint: None, retry_after: None }
}

/// The repository as an agent sees it.
pub(crate) struct Remote(Rc<Commits>, Option<Bug>);

impl Source for Remote {
    async fn offered(&self, last: Option<&CommitId>) -> Result<Offered, FetchError> {
        self.0.requests.set(self.0.requests.get() + 1);
        if self.0.unreachable.get() {
            return Err(fault(Fault::Unreachable, "the repository can't be reached"));
        }
        let head = self.0.head.borrow().clone().ok_or_else(|| fault(Fault::Empty, "the repository is empty"))?;
        let descent = match last {
            None => Descent::First,
            Some(last) if *last == head => Descent::Same,
            Some(_) if self.1 == Some(Bug::RewoundIsForward) => Descent::Forward,
            Some(last) if self.0.descends(last, &head) => Descent::Forward,
            Some(_) => Descent::Rewound,
        };
        Ok(Offered { commit: head, descent })
    }

    async fn tree(&self, commit: &CommitId) -> Result<Tree, ReadError> {
        let all = self.0.all.borrow();
        let files = &all.get(commit).ok_or_else(|| ReadError::NoCommit(commit.clone()))?.files;
        let yaml = |path: &RepoPath| path.as_str().ends_with(".yaml");
        Ok(Tree {
            manifests: files
                .iter()
                .filter(|(path, _)| yaml(path))
                .map(|(path, text)| (path.clone(), text.clone()))
                .collect(),
            sizes: files.iter().map(|(path, text)| (path.clone(), text.len() as u64)).collect(),
            problems: Vec::new(),
        })
    }

    async fn named(&self, digits: &str) -> Result<CommitId, ReadError> {
        let why = "begins no commit";
        let unnamed = || ReadError::Unnamed { digits: digits.into(), why };
        self.0.all.borrow().keys().find(|id| id.as_str().starts_with(digits)).cloned().ok_or_else(unnamed)
    }

    async fn commit(&self, commit: &CommitId) -> Result<Vec<u8>, ReadError> {
        Ok(format!("tree {commit}\n\nnobody signs here\n").into())
    }

    async fn tags(&self, _: &Prefix, _: &CommitId) -> Result<Vec<Tag>, FetchError> {
        Ok(Vec::new())
    }

    async fn descends(&self, old: &CommitId, new: &CommitId) -> Result<bool, ReadError> {
        Ok(self.0.descends(old, new))
    }

    async fn between(&self, _: &CommitId, _: &CommitId, _: usize) -> Result<Vec<CommitId>, ReadError> {
        Ok(Vec::new())
    }

    async fn blob(&self, commit: &CommitId, path: &RepoPath, _: u64) -> Result<Vec<u8>, ReadError> {
        let all = self.0.all.borrow();
        let files = &all.get(commit).ok_or_else(|| ReadError::NoCommit(commit.clone()))?.files;
        let why = agent::git::error::Unusable::Missing;
        files.get(path).cloned().ok_or_else(|| ReadError::File { path: path.clone(), why })
    }

    async fn bundle(&self, commit: &CommitId, path: &RepoPath, _: u64) -> Result<Vec<Member>, ReadError> {
        let all = self.0.all.borrow();
        let files = &all.get(commit).ok_or_else(|| ReadError::NoCommit(commit.clone()))?.files;
        let member = |(file, bytes): (&RepoPath, &Vec<u8>)| {
            let name = file.as_str().strip_prefix(path.as_str())?.strip_prefix('/')?.to_owned();
            Some(Member { name, executable: false, bytes: bytes.clone() })
        };
        Ok(files.iter().filter_map(member).collect())
    }

    fn traffic(&self) -> Traffic {
        Traffic { requests: self.0.requests.get(), up: 0, down: 0 }
    }
}

/// Every report that arrived, of all accounts.
#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) all: RefCell<Vec<Event>>,
    pub(crate) deaf: Cell<bool>,
}

/// The hub's topic as an agent sees it.
pub(crate) struct Topic(Rc<Letters>, Option<Bug>);

impl Sink for Topic {
    async fn send(&self, event: &Event) -> Result<(), CloudError> {
        if self.0.deaf.get() && self.1 == Some(Bug::LostIsSent) {
            return Ok(());
        }
        if self.0.deaf.get() {
            let problem = agent::cloud::Trouble::Unavailable;
            return Err(CloudError { call: "sns:Publish", problem, message: "nobody is there".into() });
        }
        self.0.all.borrow_mut().push(event.clone());
        Ok(())
    }
}

/// One account's world.
pub(crate) struct Here {
    source: Remote,
    pub(crate) cloud: Doctored,
    pub(crate) store: Desk,
    pub(crate) clock: Machine,
    pub(crate) web: Pages,
    sink: Topic,
}

/// What addresses answer: a status and a text. An address that is not in here gives no answer.
#[derive(Default)]
pub(crate) struct Pages(pub(crate) RefCell<BTreeMap<String, (u16, String)>>);

impl Web for Pages {
    async fn get(&self, http: &Http, _: bool) -> Answer {
        match self.0.borrow().get(&http.url) {
            Some((status, text)) => {
                let contains = http.contains.as_ref().is_none_or(|wanted| text.contains(wanted));
                Answer::Http { status: *status, contains }
            }
            None => Answer::Silence("nobody is there".into()),
        }
    }
}

/// The clock of the machine that the agent runs on: it can be wrong.
pub(crate) struct Machine {
    cloud: SimCloud,
    /// By so many seconds.
    pub(crate) off: Cell<i64>,
}

impl agent::cloud::Clock for Machine {
    fn now(&self) -> jiff::Timestamp {
        self.cloud.now() + SignedDuration::from_secs(self.off.get())
    }

    async fn sleep(&self, time: Duration) {
        self.cloud.sleep(time).await;
    }
}

/// Nobody waits for events here: a test gives them to the agent itself.
pub(crate) struct Rings;

impl Bell for Rings {
    async fn ring(&self, _: Duration) -> Result<Vec<String>, CloudError> {
        std::future::pending().await
    }
}

impl World for Here {
    type Source = Remote;
    type Cloud = Doctored;
    type Web = Pages;
    type Store = Desk;
    type Sink = Topic;
    type Clock = Machine;
    type Gate = Closed;
    type Bell = Rings;

    fn source(&self) -> &Self::Source {
        &self.source
    }

    fn cloud(&self) -> &Self::Cloud {
        &self.cloud
    }

    fn web(&self) -> &Self::Web {
        &self.web
    }

    fn store(&self) -> &Self::Store {
        &self.store
    }

    fn sink(&self) -> &Self::Sink {
        &self.sink
    }

    fn clock(&self) -> &Self::Clock {
        &self.clock
    }

    fn bell(&self) -> &Self::Bell {
        &Rings
    }

    /// Whoever was at work on this machine before is dead.
    fn alive(&self, _: u32) -> bool {
        false
    }
}

/// All accounts, their agents, one repository.
pub(crate) struct Everyone {
    pub(crate) accounts: Rc<RefCell<Accounts>>,
    pub(crate) commits: Rc<Commits>,
    pub(crate) letters: Rc<Letters>,
    pub(crate) settings: Settings,
    pub(crate) here: BTreeMap<AccountId, Here>,
    pub(crate) standing: BTreeMap<AccountId, Standing>,
    /// A second agent of the same account, on another machine.
    pub(crate) beside: BTreeMap<AccountId, (Here, Standing)>,
    pub(crate) bug: Option<Bug>,
}

pub(crate) const HOME: &str = "eu-central-1";

impl Everyone {
    pub(crate) fn new(seed: u64, timing: Timing) -> Self {
        Self {
            accounts: Rc::new(RefCell::new(Accounts::new(seed, Clock::Stepped, timing))),
            commits: Rc::default(),
            letters: Rc::default(),
            settings: settings(),
            here: BTreeMap::new(),
            standing: BTreeMap::new(),
            beside: BTreeMap::new(),
            bug: None,
        }
    }

    /// The same, with a bug planted.
    pub(crate) fn with(mut self, bug: Option<Bug>) -> Self {
        self.bug = bug;
        if let Some(bug) = bug {
            bug.settle_in(&mut self.settings);
        }
        self
    }

    /// The account of this id, made when it is first asked for.
    pub(crate) fn here(&mut self, id: &str) -> &mut Here {
        let id: AccountId = id.parse().unwrap();
        if !self.here.contains_key(&id) {
            let here = self.agent(&id, Desk::new(0, Rc::new(Notebook::new(self.bug))));
            self.here.insert(id.clone(), here);
        }
        self.here.get_mut(&id).unwrap()
    }

    /// An agent of this account, at this desk.
    pub(crate) fn agent(&self, id: &AccountId, store: Desk) -> Here {
        let cloud = || SimCloud::new(Rc::clone(&self.accounts), id.clone());
        let (source, sink, bug) = (&self.commits, &self.letters, self.bug);
        Here {
            source: Remote(Rc::clone(source), bug),
            cloud: Doctored::new(cloud(), bug, store.clone()),
            store,
            clock: Machine { cloud: cloud(), off: Cell::new(0) },
            web: Pages::default(),
            sink: Topic(Rc::clone(sink), bug),
        }
    }

    /// One turn of an account's agent; `None` when it died in it. A process that died begins the next one anew.
    pub(crate) fn turn(&mut self, id: &str) -> Option<Result<Report, Stopped>> {
        self.here(id);
        let id: AccountId = id.parse().unwrap();
        let mut standing = self.standing.remove(&id).unwrap_or_default();
        let done = at_once(turn(&self.here[&id], &self.settings, &mut standing));
        if done.is_some() {
            self.here[&id].store.rests();
            self.standing.insert(id, standing);
        }
        done
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.accounts.borrow_mut().pass(time);
    }
}

/// Everything in memory is there at once; what is not there at once never will be, because whoever waits for it is dead.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Settings that a test can count on: no jitter, everything else as it ships.
pub(crate) fn settings() -> Settings {
    let home: Region = HOME.parse().unwrap();
    Settings {
        version: "test",
        itself: agent::itself::Itself::of(None, None),
        repository: "memory".into(),
        branch: "main".into(),
        home,
        account: None,
        me: Holder { host: "here".into(), process: 1, began: jiff::Timestamp::UNIX_EPOCH },
        signatures: None,
        trust: "trust".parse().unwrap(),
        signed_tags: None,
        fresh: None,
        guarded: false,
        policy: Policy {
            owner: "holdfast".into(),
            concurrency: 4,
            attempts: 2,
            retry_after: SignedDuration::from_mins(15),
            guardrails: Guardrails::default(),
        },
        shelving: None,
        // Nobody looks for drift where a test is about something else.
        drift_calls: 0,
        heal: None,
        listens: false,
        role: None,
        turn: SignedDuration::from_mins(15),
        poll: Pacing { first: Duration::from_secs(1), most: Duration::from_secs(10), jitter: 0.0 },
        heartbeat: SignedDuration::from_hours(1),
        rest: None,
    }
}
