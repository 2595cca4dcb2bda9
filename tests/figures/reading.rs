//! A commit of thousands of manifests: read from git, parsed, selected for one account and planned, in this process,
//! with the functions that a turn calls. Processor time; the listing of the account's stacks is given.

use crate::{
    figure::{Chapter, Figure, Unit, exponent, median},
    history::{Size, manifest},
    machine::spent,
    peers::{Peers, pyyaml},
    process::MeasureError,
    stage::{Stage, id, region},
};
use agent::git::{Limits, Origin, Repository, Source as _, Ssh, credentials::Credentials};
use jiff::{SignedDuration, Timestamp};
use manifests::{
    guardrails::Guardrails,
    id::{CommitId, Digest, RepoPath, StackKey},
    parse::{self, Content, File},
};
use plan::{
    check::Answers,
    facts::{Found, FoundStack, Status},
    guard::Begun,
    health::Pasts,
    leave::notice,
    lint::lint,
    memory::Memory,
    orders::Orders,
    plan::{Facts, Policy, plan},
    resolve::{MANIFEST, OWNER, Values, seal},
    select::{Account, Selected, select},
    step::{Plan, Stand},
};
use std::collections::BTreeMap;

/// How often each is done.
const RUNS: usize = 5;
/// The size that the goals are about.
const LARGE: usize = 10_000;
/// The largest that is read: no commit may hold more than 20,000 YAML files, templates among them.
const MOST: usize = 19_000;
/// How many of them are for the account: about as many stacks as one region of one account holds in practice.
const OWN: usize = 200;

/// A commit, first seen and seen again.
pub(crate) fn reading(stage: &Stage, peers: &Peers) -> Result<Chapter, MeasureError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| MeasureError::Program("tokio".into(), error))?;
    let of = |account: &str, manifests, own| -> Result<Times, MeasureError> {
        let desk = Desk::new(stage, account, Size { mine: own, others: manifests - own, commits: 1 });
        desk.times(&runtime)
    };
    let few = of("400000000001", LARGE, OWN)?;
    let all = of("400000000002", LARGE, LARGE)?;
    let mut growth = Vec::new();
    for (manifests, account) in [(1_000, "400000000003"), (3_000, "400000000004"), (MOST, "400000000005")] {
        growth.push((manifests as f64, of(account, manifests, manifests)?));
    }
    growth.push((LARGE as f64, all));
    let slope =
        |time: fn(&Times) -> f64| exponent(&growth.iter().map(|(x, times)| (*x, time(times))).collect::<Vec<_>>());
    let first = Figure::new("first seen, all 10,000 for this account", all.cold(), Unit::Seconds);
    let figures = vec![
        Figure::new("first seen, 200 of 10,000 for this account", few.cold(), Unit::Seconds).at_most(0.400),
        beside_pyyaml(first.at_most(0.400).note(all.to_string()), peers)?,
        Figure::new("seen again, 200 of 10,000 for this account", few.again, Unit::Seconds).at_most(0.020),
        Figure::new("seen again, all 10,000 for this account", all.again, Unit::Seconds).at_most(0.020),
        Figure::new("growth of the first, 1,000 to 19,000 manifests", slope(Times::cold), Unit::Exponent).at_most(1.1),
        Figure::new("growth of the second", slope(|times| times.again), Unit::Exponent).at_most(1.1),
    ];
    Ok(Chapter { title: "Reading, selecting and planning 10,000 manifests (processor time)", figures })
}

/// What PyYAML needs to parse the same manifests, and to do nothing else with them.
fn beside_pyyaml(figure: Figure, peers: &Peers) -> Result<Figure, MeasureError> {
    let Some(python) = &peers.python else {
        return Ok(figure.cited("PyYAML, only parsing", 10.6).cited("PyYAML over libyaml", 1.02));
    };
    let texts: Vec<String> = (0..LARGE).map(|number| manifest(number, "400000000002", "v1")).collect();
    let pure = pyyaml(python, "SafeLoader", &texts)?;
    let fast = pyyaml(python, "CSafeLoader", &texts)?;
    Ok(figure.beside("PyYAML, only parsing", pure).beside("PyYAML over libyaml", fast))
}

/// Processor seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Every file out of git.
    files: f64,
    /// Files into manifests.
    parse: f64,
    /// Manifests into the first plan, everything being due.
    plan: f64,
    /// The same commit again, for which what is asked of the account is kept: into a plan, everything being settled.
    again: f64,
}

impl Times {
    fn cold(&self) -> f64 {
        self.files + self.parse + self.plan
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [files, parse, plan] = [self.files, self.parse, self.plan].map(|seconds| seconds * 1e3);
        write!(f, "{files:.0} ms out of git, {parse:.0} ms to parse, {plan:.0} ms to select and plan")
    }
}

/// A repository on the disk and the account that it is read for.
struct Desk {
    source: Repository<Credentials>,
    commit: CommitId,
    account: Account,
    policy: Policy,
}

impl Desk {
    fn new(stage: &Stage, account: &str, size: Size) -> Self {
        let tenant = stage.tenant(account, size);
        let folder = stage.repository(&tenant);
        let origin = Origin {
            url: folder.display().to_string(),
            branch: "main".into(),
            path: None,
            cache: stage.folder().join("unused"),
            authorities: None,
            ssh: Ssh::default(),
            limits: Limits::default(),
        };
        let policy = Policy {
            owner: "holdfast".into(),
            concurrency: 4,
            attempts: 2,
            retry_after: SignedDuration::from_mins(15),
            guardrails: Guardrails::default(),
        };
        Self {
            source: Repository::new(origin, Credentials::None).expect("a path is a repository's URL"),
            commit: crate::git_server::git(&folder, &["rev-parse", "main"]).parse().expect("git prints an id"),
            account: Account::new(id(account), region(), &manifests::fleet::Fleet::default()),
            policy,
        }
    }

    fn times(&self, runtime: &tokio::runtime::Runtime) -> Result<Times, MeasureError> {
        let runs = (0..RUNS).map(|_| self.time(runtime)).collect::<Result<Vec<Times>, _>>()?;
        let middle = |time: fn(&Times) -> f64| median(runs.iter().map(time).collect());
        Ok(Times {
            files: middle(|times| times.files),
            parse: middle(|times| times.parse),
            plan: middle(|times| times.plan),
            again: middle(|times| times.again),
        })
    }

    fn time(&self, runtime: &tokio::runtime::Runtime) -> Result<Times, MeasureError> {
        let (tree, files) = spent(|| runtime.block_on(self.source.tree(&self.commit)));
        let tree = tree.map_err(|error| MeasureError::Untrue(error.to_string()))?;
        let (repository, parsing) = spent(|| {
            let bytes = tree.manifests.iter();
            let files: Vec<File<'_>> =
                bytes.map(|(path, bytes)| File { path: path.clone(), content: Content::Bytes(bytes) }).collect();
            parse::parse(&files, &tree.sizes)
        });
        if !repository.problems.is_empty() {
            return Err(MeasureError::Untrue(repository.problems[0].to_string()));
        }
        let template = Digest::of(crate::history::TEMPLATE.as_bytes());
        let empty = Found { regions: [region()].into(), ..Found::default() };
        let mut memory = Memory::new("1".into());
        let ((selected, first), planning) = spent(|| {
            let mut selected = select(&repository, self.account.clone(), |_: &RepoPath| Ok(template));
            seal(&mut selected, &self.policy.owner);
            let first = self.plan(&selected, &empty, &memory);
            (selected, first)
        });
        let there = found(&first);
        notice(&mut memory, &selected, &there, &self.policy.owner, Timestamp::UNIX_EPOCH);
        let (second, again) = spent(|| self.plan(&selected, &there, &memory));
        if first.steps.len() != 4 || second.rows.values().any(|row| row.stand != Stand::Settled) {
            let row = second.rows.iter().find(|(_, row)| row.stand != Stand::Settled);
            let why = format!("the plans are not what they should be: {} steps, then {row:?}", first.steps.len());
            return Err(MeasureError::Untrue(why));
        }
        Ok(Times { files, parse: parsing, plan: planning, again })
    }

    fn plan(&self, selected: &Selected, found: &Found, memory: &Memory) -> Plan {
        let (values, stopped) = (Values::default(), BTreeMap::new());
        let (orders, begun) = (Orders::default(), Begun::default());
        let (answers, pasts) = (Answers::new(), Pasts::new());
        let facts = Facts {
            selected,
            found,
            values: &values,
            answers: &answers,
            pasts: &pasts,
            memory,
            stopped: &stopped,
            policy: &self.policy,
            orders: &orders,
            begun,
            closed: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let plan = plan(&facts);
        assert!(lint(&plan, &facts).is_empty(), "the plan is sound");
        plan
    }
}

/// An account in which everything that was planned is in place.
fn found(plan: &Plan) -> Found {
    let stacks = plan.rows.iter().map(|(key, row)| {
        let tags = [(OWNER, "holdfast"), (MANIFEST, row.manifest.as_str()), ("team", "team-000")];
        let stack = FoundStack {
            id: format!("arn:aws:cloudformation:{}:400000000001:stack/{}/1", key.region, key.stack),
            status: Ok(Status::CreateComplete),
            reason: None,
            change_set: row.fingerprint.map(plan::asked::Fingerprint::change_set),
            created: Some(Timestamp::UNIX_EPOCH),
            updated: None,
            tags: tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
            protected: false,
            nested: false,
        };
        (key.clone(), stack)
    });
    let stacks: BTreeMap<StackKey, FoundStack> = stacks.collect();
    Found { stacks, regions: [region()].into(), unreadable: BTreeMap::new() }
}
