//! Where everything is measured: simulated accounts on one port, a real git server on another, the shipped agent.
//!
//! Nothing takes time in the accounts, so what a turn takes is the agent's own. Every tool gets an account of its own,
//! and every account counts its own calls.

use crate::{
    git_server::{Counted, GitServer, Manner, import, more},
    history::{Size, change, script},
    process::{Cost, MeasureError, Program, Run},
};
use manifests::{
    id::{AccountId, Region},
    report::{Report, State},
};
use sim::{
    cfn::api::{CreateStack, Deployment},
    clock::Clock,
    wire::{Server, ledger::Traffic},
    world::{Timing, World},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::PoisonError,
    time::Duration,
};
use tempfile::TempDir;

/// Where every account is at home.
pub(crate) const HOME: &str = "us-east-1";
/// Whose the topic is.
const HUB: &str = "999999999999";
const HUB_TEMPLATE: &str = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: { TopicName: reports }\n";

/// The stage.
pub(crate) struct Stage {
    folder: TempDir,
    accounts: Server,
    git: GitServer,
    holdfast: PathBuf,
}

/// An account whose agent follows a repository.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// The account.
    pub(crate) account: AccountId,
}

/// A turn, as it was seen from outside.
#[derive(Debug)]
pub(crate) struct Turn {
    /// What the process took.
    pub(crate) cost: Cost,
    /// Calls that reached the account, by `service:Action`.
    pub(crate) calls: BTreeMap<String, u64>,
    /// What the git server counted.
    pub(crate) git: Counted,
}

impl Turn {
    /// How many calls reached the account.
    pub(crate) fn all(&self) -> u64 {
        self.calls.values().sum()
    }
}

impl Stage {
    /// Sets it, for this agent.
    pub(crate) fn set(holdfast: PathBuf) -> Result<Self, MeasureError> {
        let folder = tempfile::tempdir().map_err(|error| MeasureError::File(std::env::temp_dir(), error))?;
        let world = World::new(7, Clock::Real { scale: 1.0 }, Timing::scaled(0.0));
        let accounts = Server::start(world).map_err(|error| MeasureError::Program("holdfast-sim".into(), error))?;
        let git = GitServer::start(folder.path());
        let stage = Self { folder, accounts, git, holdfast };
        let deployment =
            Deployment { stack_name: "hub".into(), template_body: Some(HUB_TEMPLATE.into()), ..Deployment::default() };
        stage.world(|world| {
            let made =
                world.cfn(&id(HUB), &region()).create_stack(CreateStack { deployment, ..CreateStack::default() });
            made.map_err(|refusal| MeasureError::Failed("the hub's stack".into(), refusal.to_string()))?;
            world.pass(Duration::from_secs(600));
            Ok::<_, MeasureError>(())
        })?;
        Ok(stage)
    }

    /// Does something to the accounts from outside.
    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let world = self.accounts.world();
        act(&mut world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The simulated accounts' port.
    pub(crate) fn accounts(&self) -> &Server {
        &self.accounts
    }

    /// A place for files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An account, and a repository of this size for it.
    pub(crate) fn tenant(&self, account: &str, size: Size) -> Tenant {
        import(&self.folder().join(format!("{account}.git")), script(account, size).as_bytes());
        Tenant { account: id(account) }
    }

    /// Commits another value for one of the tenant's stacks.
    pub(crate) fn push(&self, tenant: &Tenant, number: usize, value: &str) {
        let script = change(tenant.account.as_str(), number, value);
        more(&self.repository(tenant), script.as_bytes());
    }

    /// Commits what a script says.
    pub(crate) fn commit(&self, tenant: &Tenant, script: &str) {
        more(&self.repository(tenant), script.as_bytes());
    }

    /// The tenant's repository on the disk.
    pub(crate) fn repository(&self, tenant: &Tenant) -> PathBuf {
        self.folder().join(format!("{}.git", tenant.account))
    }

    /// Lets the git server treat its clients like this from now on.
    pub(crate) fn behave(&self, manner: Manner) {
        self.git.behave(manner);
    }

    /// The tenant's repository on the git server.
    pub(crate) fn url(&self, tenant: &Tenant) -> String {
        self.git.url(&format!("{}.git", tenant.account))
    }

    /// The agent of a tenant.
    pub(crate) fn agent(&self, tenant: &Tenant, arguments: &[&str]) -> Program {
        let mut environment = self.environment(&tenant.account);
        let own = [
            ("HOLDFAST_REPOSITORY", self.url(tenant)),
            ("HOLDFAST_CACHE", self.folder().join(format!("cache-{}", tenant.account)).display().to_string()),
            ("HOLDFAST_TOPIC", format!("arn:aws:sns:{HOME}:{HUB}:reports")),
            ("HOLDFAST_ACCOUNT", tenant.account.to_string()),
            // Drift is measured by itself.
            ("HOLDFAST_DRIFT_CALLS", "0".to_owned()),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Program { file: self.holdfast.clone(), arguments, environment, folder: self.folder().to_owned() }
    }

    /// Credentials for a simulated account, and nothing of this machine's own.
    pub(crate) fn environment(&self, account: &AccountId) -> BTreeMap<String, String> {
        let own = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.folder().display().to_string()),
            ("AWS_ENDPOINT_URL", self.accounts.url()),
            ("AWS_ACCESS_KEY_ID", account.to_string()),
            ("AWS_SECRET_ACCESS_KEY", "simulated".into()),
            ("AWS_REGION", HOME.into()),
            ("AWS_DEFAULT_REGION", HOME.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
            ("NO_COLOR", "1".into()),
        ];
        own.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// One turn, after which the account is as its repository says.
    pub(crate) fn turn(&self, tenant: &Tenant) -> Result<Turn, MeasureError> {
        let (turn, run) = self.measured(&tenant.account, || self.agent(tenant, &["once", "-o", "json"]).run())?;
        let report: Report = serde_json::from_str(&run.out).map_err(|error| {
            MeasureError::Failed("holdfast once".into(), format!("{error}: {}{}", run.out, run.err))
        })?;
        if run.code != Some(0) || report.state != State::InSync || report.stacks.is_empty() {
            let why = report.why.unwrap_or_default();
            return Err(MeasureError::Untrue(format!("the account is not in sync after a turn: {why}")));
        }
        Ok(turn)
    }

    /// What a run cost the account and the git server.
    pub(crate) fn measured(
        &self,
        account: &AccountId,
        run: impl FnOnce() -> Result<Run, MeasureError>,
    ) -> Result<(Turn, Run), MeasureError> {
        let (calls, git) = (self.accounts.traffic(account), self.git.counted());
        let run = run()?;
        let spent = |(call, after): (String, Traffic)| {
            let before = calls.get(&call).map_or(0, |before| before.calls);
            (after.calls > before).then_some((call, after.calls - before))
        };
        let calls = self.accounts.traffic(account).into_iter().filter_map(spent).collect();
        let Counted { requests, up, down } = self.git.counted();
        let git = Counted { requests: requests - git.requests, up: up - git.up, down: down - git.down };
        Ok((Turn { cost: run.cost, calls, git }, run))
    }
}

/// An account's id.
pub(crate) fn id(digits: &str) -> AccountId {
    digits.parse().expect("twelve digits")
}

/// Where every account is at home.
pub(crate) fn region() -> Region {
    HOME.parse().expect("a region")
}
