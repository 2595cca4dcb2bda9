//! What the git server sees of a turn, however large the repository behind it is.
//!
//! The server is git's own `http-backend`; bytes are counted in both directions, heads and bodies. What git itself needs
//! for the same is measured on the same server.

use crate::{
    figure::{Chapter, Figure, Unit},
    git_server::Counted,
    history::Size,
    print::amount,
    process::{MeasureError, Program},
    stage::{Stage, Tenant},
};

/// Manifests and commits of the three repositories. One stack is the account's own, so that a turn is a turn.
const SIZES: [(usize, usize); 3] = [(10, 10), (10_000, 10), (10, 100_000)];
/// The account of the first; the others have the next ones.
const FIRST: u64 = 300_000_000_000;
/// What a look may bring, besides the one changed manifest.
const FETCH: f64 = 3_072.0;

/// A turn with nothing new, and a turn with one new commit, at each size.
pub(crate) fn traffic(stage: &Stage) -> Result<[Chapter; 2], MeasureError> {
    let (mut idle, mut fetch) = (Vec::new(), Vec::new());
    for ((manifests, commits), account) in SIZES.into_iter().zip(FIRST..) {
        let tenant = stage.tenant(&account.to_string(), Size { mine: 1, others: manifests - 1, commits });
        stage.turn(&tenant)?;
        let git = Git { stage, tenant: &tenant };
        git.clone()?;
        let (nothing, asked) = (stage.turn(&tenant)?.git, git.ls_remote()?);
        stage.push(&tenant, 0, "v2");
        let (brought, fetched) = (stage.turn(&tenant)?.git, git.fetch()?);
        idle.push(((manifests, commits), nothing, asked));
        fetch.push(((manifests, commits), brought, fetched));
    }
    let changed = crate::history::manifest(0, &FIRST.to_string(), "v2").len() as f64;
    Ok([nothing_new(&idle), one_commit(&fetch, changed)])
}

/// A size, what the agent cost the server, and what git did.
type Costs = ((usize, usize), Counted, Counted);

fn nothing_new(costs: &[Costs]) -> Chapter {
    let mut figures = Vec::new();
    for (size, agent, git) in costs {
        let requests = Figure::new(name("requests", *size), agent.requests as f64, Unit::Count);
        figures.push(requests.exactly_at_most(2.0).beside("git ls-remote", git.requests as f64));
        let traffic = Figure::new(name("bytes", *size), bytes(agent), Unit::Bytes).exactly_at_most(2_048.0);
        figures.push(traffic.beside("git ls-remote", bytes(git)).cited("bare ls-refs", 562.0));
    }
    figures.push(flatness(costs, "most bytes, as a multiple of the fewest", 1.02));
    Chapter { title: "Traffic of a turn to the git server when nothing is new", figures }
}

fn one_commit(costs: &[Costs], changed: f64) -> Chapter {
    let mut figures = Vec::new();
    for (size, agent, git) in costs {
        let traffic = Figure::new(name("bytes", *size), bytes(agent), Unit::Bytes).exactly_at_most(FETCH + changed);
        figures.push(traffic.beside("git fetch --depth=1", bytes(git)).cited("git", 1_800.0));
    }
    let history: Vec<Costs> = costs.iter().filter(|((manifests, _), ..)| *manifests == SIZES[0].0).copied().collect();
    figures.push(flatness(&history, "most bytes over 10 to 100,000 commits, as a multiple of the fewest", 1.02));
    let title = "Traffic of a turn to the git server when one commit is new, which changed one manifest";
    Chapter { title, figures }
}

/// How much more the dearest costs than the cheapest.
fn flatness(costs: &[Costs], what: &str, most: f64) -> Figure {
    let all = || costs.iter().map(|(_, agent, _)| bytes(agent));
    let ratio = all().fold(0.0, f64::max) / all().fold(f64::INFINITY, f64::min);
    Figure::new(what, ratio, Unit::Times).exactly_at_most(most)
}

fn name(what: &str, (manifests, commits): (usize, usize)) -> String {
    let [manifests, commits] = [manifests, commits].map(|count| amount(count as f64, Unit::Count));
    format!("{what}, {manifests} manifests, {commits} commits")
}

fn bytes(counted: &Counted) -> f64 {
    (counted.up + counted.down) as f64
}

/// The git program as another follower of a tenant's repository.
struct Git<'a> {
    stage: &'a Stage,
    tenant: &'a Tenant,
}

impl Git<'_> {
    fn run(&self, arguments: &[&str]) -> Result<Counted, MeasureError> {
        let mut environment = self.stage.environment(&self.tenant.account);
        let quiet = [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0")];
        environment.extend(quiet.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let folder = self.stage.folder().to_owned();
        let git = Program { file: "git".into(), arguments, environment, folder };
        self.stage.measured(&self.tenant.account, || git.succeed()).map(|(turn, _)| turn.git)
    }

    /// What the others start from.
    fn clone(&self) -> Result<Counted, MeasureError> {
        let (url, copy) = (self.stage.url(self.tenant), self.copy());
        self.run(&["clone", "--quiet", "--bare", "--depth=1", &url, &copy])
    }

    fn ls_remote(&self) -> Result<Counted, MeasureError> {
        self.run(&["ls-remote", &self.stage.url(self.tenant), "refs/heads/main"])
    }

    fn fetch(&self) -> Result<Counted, MeasureError> {
        let (url, copy) = (self.stage.url(self.tenant), self.copy());
        self.run(&["-C", &copy, "fetch", "--quiet", "--depth=1", &url, "+main:refs/heads/main"])
    }

    fn copy(&self) -> String {
        format!("copy-{}", self.tenant.account)
    }
}
