//! The stage: a manifests repository in a folder, accounts on a port, an agent process for each turn.

use crate::{listener::Listener, pages::Pages, programs::Programs};
use manifests::{
    id::{AccountId, Region},
    report::Report,
};
use serde_json::Value;
use sim::{
    cfn::api::{CreateStack, Deployment},
    clock::Clock,
    fault::Plant,
    side_door::Missing,
    store::{Break, Work},
    trail::Actor,
    wire::Server,
    world::{Timing, World},
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::PoisonError,
};
use tempfile::TempDir;

/// Why the show could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// A program could not be run.
    #[error("`{0}` could not be run: {1}")]
    Program(String, io::Error),
    /// A program did not do what it was asked.
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
    /// A file.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, io::Error),
    /// A scene did not show what it is there to show.
    #[error("{0}")]
    Untrue(String),
}

/// One turn of one account's agent.
#[derive(Debug)]
pub(crate) struct Turn {
    /// What it reported.
    pub(crate) report: Report,
}

/// The stage.
pub(crate) struct Stage {
    folder: TempDir,
    server: Server,
    programs: Programs,
    accounts: Vec<AccountId>,
    topic: String,
    queue: String,
}

/// The hub's own account.
const HUB: &str = "999999999999";
/// Where everything is at home.
const HOME: &str = "eu-central-1";

/// The hub's topic and queue.
const HUB_TEMPLATE: &str = include_str!("hub.yaml");

impl Stage {
    /// Sets it: a repository made from the reference fleet, the accounts it lists, the hub's topic and queue.
    pub(crate) fn set() -> Result<Self, StageError> {
        let programs = Programs::built()?;
        let folder = tempfile::tempdir().map_err(|error| StageError::File(std::env::temp_dir(), error))?;
        // A hundredth of what AWS takes: every status is gone through, and nobody falls asleep.
        let world = World::new(7, Clock::Real { scale: 1.0 }, Timing::scaled(0.01));
        let server = Server::start(world).map_err(|error| StageError::Program("holdfast-sim".into(), error))?;
        let mut stage =
            Self { folder, server, programs, accounts: Vec::new(), topic: String::new(), queue: String::new() };
        stage.make_repository()?;
        stage.make_hub()?;
        Ok(stage)
    }

    fn make_repository(&mut self) -> Result<(), StageError> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/fleet");
        copy(&source, &self.repository())?;
        self.git(&["init", "--quiet", "--initial-branch=main"])?;
        self.commit("the account baseline")?;
        let validated =
            self.run(Command::new(&self.programs.holdfast).args(["validate", "-o", "json"]).arg(self.repository()))?;
        let fleet = std::fs::read_to_string(self.repository().join("fleet.yaml"));
        let fleet = fleet.map_err(|error| StageError::File(self.repository().join("fleet.yaml"), error))?;
        let ids =
            fleet.lines().filter_map(|line| line.trim().strip_prefix("- id: \"")?.strip_suffix('"')?.parse().ok());
        self.accounts = ids.collect();
        if self.accounts.is_empty() || !validated.status.success() {
            return Err(StageError::Untrue("the reference fleet has no account, or does not validate".into()));
        }
        Ok(())
    }

    fn make_hub(&mut self) -> Result<(), StageError> {
        let (hub, home) = (account(HUB), region());
        let deployment =
            Deployment { stack_name: "hub".into(), template_body: Some(HUB_TEMPLATE.into()), ..Deployment::default() };
        let world = self.server.world();
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let made = world.cfn(&hub, &home).create_stack(CreateStack { deployment, ..CreateStack::default() });
        made.map_err(|error| StageError::Failed("the hub's stack".into(), error.to_string()))?;
        // The world's own clock, so this is no wait.
        world.pass(std::time::Duration::from_secs(600));
        drop(world);
        self.topic = format!("arn:aws:sns:{HOME}:{HUB}:reports");
        self.queue = format!("{}/{HUB}/reports", self.server.url());
        Ok(())
    }

    /// Where the manifests repository is.
    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    /// The accounts, in the fleet file's order.
    pub(crate) fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    /// Changes a file of the repository: the first `from` becomes `to`.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) -> Result<(), StageError> {
        let path = self.repository().join(file);
        let failed = |error| StageError::File(path.clone(), error);
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        if !text.contains(from) {
            return Err(StageError::Untrue(format!("{file} no longer holds `{from}`")));
        }
        std::fs::write(&path, text.replacen(from, to, 1)).map_err(failed)
    }

    /// Takes a file out of the repository.
    pub(crate) fn remove(&self, file: &str) -> Result<(), StageError> {
        let path = self.repository().join(file);
        std::fs::remove_file(&path).map_err(|error| StageError::File(path, error))
    }

    /// Commits everything, and answers the commit's first digits.
    pub(crate) fn commit(&self, message: &str) -> Result<String, StageError> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])?;
        let head = self.git(&["rev-parse", "--short=7", "HEAD"])?;
        Ok(String::from_utf8_lossy(&head.stdout).trim().to_owned())
    }

    fn git(&self, arguments: &[&str]) -> Result<Output, StageError> {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.repository());
        // Whatever this machine's git is configured to do, the demo's does not.
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for (name, value) in [("user.name", "Demo"), ("user.email", "demo@example.com"), ("commit.gpgsign", "false")] {
            git.arg("-c").arg(format!("{name}={value}"));
        }
        self.run(git.args(arguments))
    }

    /// From now on a resource's update fails in every account.
    pub(crate) fn plant(&self, stack: &str, logical: &str, reason: &str) {
        let planted = Break { work: Work::Update, reason: reason.into(), after: 0, times: Some(1) };
        let world = self.server.world();
        for account in &self.accounts {
            let (account, stack, logical) = (Some(account.clone()), stack.to_owned(), logical.to_owned());
            let plant = Plant { account, stack, logical, planted: planted.clone() };
            world.lock().unwrap_or_else(PoisonError::into_inner).faults.plant(plant);
        }
    }

    /// An agent of this account that runs, and is woken by what happens there.
    pub(crate) fn listen(&self, account: &AccountId) -> Result<Listener, StageError> {
        let template = "Resources: {Events: {Type: AWS::SQS::Queue, Properties: {QueueName: events}}}";
        let deployment =
            Deployment { stack_name: "events".into(), template_body: Some(template.into()), ..Deployment::default() };
        let failed = |error: String| StageError::Failed("the queue of events".into(), error);
        let server = self.server.world();
        let mut world = server.lock().unwrap_or_else(PoisonError::into_inner);
        let made = world.cfn(account, &region()).create_stack(CreateStack { deployment, ..CreateStack::default() });
        made.map_err(|error| failed(error.to_string()))?;
        world.pass(std::time::Duration::from_secs(60));
        world.deliver_events(account, &region(), "events").map_err(|error| failed(error.to_string()))?;
        drop(world);
        let mut agent = self.agent(account, &["run", "--interval", "1h"]);
        agent.env("HOLDFAST_EVENTS", format!("{}/{account}/events", self.server.url()));
        Listener::start(agent, || self.called(account, "sqs:ReceiveMessage") > 0)
    }

    /// Somebody changes a property of a stack's resource behind CloudFormation's back.
    pub(crate) fn tamper(
        &self,
        account: &AccountId,
        (stack, logical): (&str, &str),
        (property, value): (&str, Value),
        who: &str,
    ) -> Result<(), StageError> {
        let server = self.server.world();
        let mut world = server.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: Missing| StageError::Failed("a change by hand".into(), error.to_string());
        let key = world.locate(account, &region(), stack, logical).map_err(failed)?;
        let actor = Actor::new(format!("arn:aws:sts::{account}:assumed-{who}"));
        world.set_property_as(account, &key, property, Some(value), &actor).map_err(failed)
    }

    /// How often a call was made in an account.
    fn called(&self, account: &AccountId, call: &str) -> u64 {
        self.server.traffic(account).get(call).map_or(0, |traffic| traffic.calls)
    }

    /// How often a single resource was looked at.
    pub(crate) fn verified(&self, account: &AccountId) -> u64 {
        self.called(account, "cloudformation:DetectStackResourceDrift")
    }

    /// Whether a report went out since the agent began to listen.
    pub(crate) fn told(&self, account: &AccountId) -> bool {
        // Whatever was sent before: the agent says what it did at the end of its turn, and listens again.
        self.called(account, "sqs:ReceiveMessage") > 2
    }

    /// One turn in every account, side by side.
    pub(crate) fn turns(&self) -> Result<Vec<Turn>, StageError> {
        let children: Vec<Child> = self
            .accounts
            .iter()
            .map(|account| self.agent(account, &["once", "-o", "json"]).spawn())
            .collect::<Result<_, _>>()
            .map_err(|error| StageError::Program("holdfast once".into(), error))?;
        children.into_iter().map(|child| self.turn(child)).collect()
    }

    fn turn(&self, child: Child) -> Result<Turn, StageError> {
        let output = child.wait_with_output().map_err(|error| StageError::Program("holdfast once".into(), error))?;
        let report = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = format!("{error}; it said: {}", String::from_utf8_lossy(&output.stderr));
            StageError::Failed("holdfast once".into(), said)
        })?;
        Ok(Turn { report })
    }

    /// What the agent of an account would do, for people.
    pub(crate) fn plan(&self, account: &AccountId) -> Result<String, StageError> {
        let output = self.agent(account, &["plan"]).output();
        let output = output.map_err(|error| StageError::Program("holdfast plan".into(), error))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The picture that the hub makes of the reports that came since it was asked last. What it prints before, line by
    /// line as reports arrive, has been told here already.
    pub(crate) fn hub(&self) -> Result<String, StageError> {
        let output = self.run(self.hub_program().arg("--once"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.trim_end().rsplit("\n\n").next().unwrap_or_default().to_owned())
    }

    /// The hub with its pages, beside everything else.
    pub(crate) fn pages(&self) -> Result<Pages, StageError> {
        let mut hub = self.hub_program();
        Pages::start(hub.args(["--listen", "127.0.0.1:0"]))
    }

    fn hub_program(&self) -> Command {
        let mut hub = Command::new(&self.programs.hub);
        hub.args(["run", "--queue", &self.queue, "--store"]).arg(self.folder.path().join("hub.sqlite"));
        hub.args(["--topic", &self.topic]);
        hub.arg("--accounts").arg(self.repository().join("fleet.yaml")).envs(self.environment(&account(HUB)));
        hub
    }

    fn agent(&self, account: &AccountId, arguments: &[&str]) -> Command {
        let mut agent = Command::new(&self.programs.holdfast);
        agent
            .args(arguments)
            .envs(self.environment(account))
            .env("HOLDFAST_REPOSITORY", self.repository())
            .env("HOLDFAST_CACHE", self.folder.path().join("cache"))
            .env("HOLDFAST_TOPIC", &self.topic)
            .env("HOLDFAST_ACCOUNT", account.as_str())
            // As many in a minute as a story needs.
            .env("HOLDFAST_DRIFT_CALLS", "1000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        agent
    }

    /// Credentials for a simulated account, and nothing of this machine's own.
    fn environment(&self, account: &AccountId) -> BTreeMap<&'static str, String> {
        let own = [
            ("AWS_ENDPOINT_URL", self.server.url()),
            ("AWS_ACCESS_KEY_ID", account.to_string()),
            ("AWS_SECRET_ACCESS_KEY", "simulated".into()),
            ("AWS_REGION", HOME.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
            ("NO_COLOR", "1".into()),
        ];
        own.into()
    }

    fn run(&self, command: &mut Command) -> Result<Output, StageError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = command.output().map_err(|error| StageError::Program(name.clone(), error))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(StageError::Failed(name, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

fn account(id: &str) -> AccountId {
    id.parse().expect("twelve digits")
}

fn region() -> Region {
    HOME.parse().expect("a region")
}

/// Copies a folder, links not followed.
fn copy(from: &Path, to: &Path) -> Result<(), StageError> {
    let failed = |error| StageError::File(from.to_path_buf(), error);
    std::fs::create_dir_all(to).map_err(|error| StageError::File(to.to_path_buf(), error))?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (kind, target) = (entry.file_type().map_err(failed)?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &target).map_err(failed)?;
        }
    }
    Ok(())
}
