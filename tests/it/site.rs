//! A simulated account on a port, a repository in a folder, and the shipped agent between them.
//!
//! Each test has one of its own. Nothing takes time in the account unless the test says so: what takes real time is the
//! agent's own pace. Not here: any expectation.

use crate::{
    binary::{Checkout, Ran, holdfast, until},
    git_server::GitServer,
    wire::{Operator, request},
    world::HOME,
};
use manifests::{
    id::AccountId,
    report::{Report, StackReport, State, What},
};
use sim::{
    clock::Clock,
    fault::{Fault, Plant, Rule},
    store::{Break, Work},
    wire::Server,
    world::{Timing, World},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::PoisonError,
};
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "111111111111";
/// A region that nobody is at home in.
pub(crate) const AWAY: &str = "us-east-1";

/// An account, a repository, and room for an agent.
pub(crate) struct Site {
    folder: TempDir,
    server: Server,
    pub(crate) repository: Checkout,
    account: AccountId,
}

impl Site {
    /// An account in which everything is done at once, and these manifests in the repository's first commit: each by
    /// its name, which is its stack's too, and the lines of its `spec`.
    pub(crate) fn of(manifests: &[(&str, &str)]) -> Self {
        Self::with(Timing { by_call: false, ..Timing::instant() }, manifests)
    }

    /// The same, in an account in which things take their time.
    pub(crate) fn with(timing: Timing, manifests: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(World::new(7, Clock::Real { scale: 1.0 }, timing)).unwrap();
        let repository = Checkout::new(folder.path().join("manifests"));
        let site = Self { folder, server, repository, account: ACCOUNT.parse().unwrap() };
        manifests.iter().for_each(|(name, spec)| site.write(name, spec));
        if !manifests.is_empty() {
            site.repository.commit();
        }
        site
    }

    /// Writes a manifest, and a template beside it if there is none yet: one SSM parameter, `/<name>`.
    pub(crate) fn write(&self, name: &str, spec: &str) {
        self.repository.write(&format!("{name}.yaml"), manifest(name, spec));
        if !self.repository.folder().join(format!("{name}.template")).exists() {
            self.template(name, &parameter(name, "one"));
        }
    }

    /// Writes a manifest's template.
    pub(crate) fn template(&self, name: &str, template: &str) {
        self.repository.write(&format!("{name}.template"), template);
    }

    /// A git server in front of the repository, and the repository's address there.
    pub(crate) fn served(&self) -> (GitServer, String) {
        let server = GitServer::start(self.repository.folder());
        let url = server.url(".git");
        (server, url)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The agent of this account and this repository, with nothing else said.
    pub(crate) fn agent(&self, arguments: &[&str]) -> Command {
        let mut agent = holdfast(self.home(), arguments);
        self.credentials(&mut agent, ACCOUNT);
        // Nobody looks for drift where a test is about something else.
        agent.env("HOLDFAST_DRIFT_CALLS", "0");
        agent.env("HOLDFAST_REPOSITORY", self.repository.folder()).env("HOLDFAST_CACHE", self.file("cache"));
        agent
    }

    /// Lets a program into an account.
    pub(crate) fn credentials(&self, program: &mut Command, account: &str) {
        program.env("AWS_ENDPOINT_URL", self.url()).env("AWS_REGION", HOME);
        program.env("AWS_ACCESS_KEY_ID", account).env("AWS_SECRET_ACCESS_KEY", "simulated");
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.agent(arguments))
    }

    /// One turn.
    #[track_caller]
    pub(crate) fn once(&self) -> Turn {
        self.once_with(&[])
    }

    /// One turn with further arguments.
    #[track_caller]
    pub(crate) fn once_with(&self, arguments: &[&str]) -> Turn {
        Turn::of(Ran::of(&mut self.agent(&[&["once", "-o", "json"], arguments].concat())))
    }

    /// The account's operator, at home.
    pub(crate) fn operator(&self) -> Operator {
        self.operator_of(ACCOUNT, HOME)
    }

    pub(crate) fn operator_of(&self, account: &str, region: &str) -> Operator {
        Operator { endpoint: self.url(), account: account.into(), region: region.into() }
    }

    /// Does something to the world behind AWS's back.
    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World, &AccountId) -> T) -> T {
        let world = self.server.world();
        act(&mut world.lock().unwrap_or_else(PoisonError::into_inner), &self.account)
    }

    /// From now on this goes wrong with calls of this name, so often; `None` means always.
    pub(crate) fn fault(&self, action: &str, count: Option<u64>, fault: Fault) {
        let rule = Rule { action: action.into(), account: None, after: 0, count, probability: None, fault };
        self.world(|world, _| world.faults.add(rule));
    }

    /// From now on this piece of work on a resource fails, so often; `None` means always.
    pub(crate) fn plant(&self, stack: &str, logical: &str, work: Work, times: Option<u32>) {
        let planted = Break { work, reason: format!("no {logical} today"), after: 0, times };
        let plant = Plant { account: None, stack: stack.into(), logical: logical.into(), planted };
        self.world(|world, _| world.faults.plant(plant));
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm(&self) {
        self.world(|world, _| world.faults.clear());
    }

    /// From now on the answer to these calls comes when everybody has given up; their work is done at once.
    pub(crate) fn stall(&self, action: &str) {
        self.slow(action, 600_000);
    }

    /// From now on the answer to these calls comes so much later than their work is done.
    pub(crate) fn slow(&self, action: &str, milliseconds: u64) {
        self.door("PUT", "/_sim/delays", &format!(r#"[{{"action": "{action}", "milliseconds": {milliseconds}}}]"#));
    }

    /// From now on every answer comes at once.
    pub(crate) fn flow(&self) {
        self.door("PUT", "/_sim/delays", "[]");
    }

    /// What the world has to send arrives: what is done to it in process waits for the next request.
    pub(crate) fn wake(&self) {
        self.door("POST", "/_sim/time", "{}");
    }

    /// So many events about somebody else's resources.
    pub(crate) fn storm(&self, count: u64) {
        let body = format!(r#"{{"account": "{ACCOUNT}", "region": "{HOME}", "count": {count}}}"#);
        self.door("POST", "/_sim/storm", &body);
    }

    #[track_caller]
    fn door(&self, method: &str, path: &str, body: &str) {
        let answer = request(method, &self.url(), path, &[], body).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// How often each call reached this account so far.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls_of(self.account.as_str())
    }

    /// How often each call reached an account so far.
    pub(crate) fn calls_of(&self, account: &str) -> BTreeMap<String, u64> {
        let traffic = self.server.traffic(&account.parse().unwrap());
        traffic.into_iter().map(|(call, traffic)| (call, traffic.calls)).collect()
    }

    /// How often a call reached this account so far.
    pub(crate) fn called(&self, call: &str) -> u64 {
        self.calls().get(call).copied().unwrap_or_default()
    }

    /// Calls that an act made.
    pub(crate) fn costs<T>(&self, act: impl FnOnce() -> T) -> (T, BTreeMap<String, u64>) {
        let before = self.calls();
        let done = act();
        let mut calls = self.calls();
        calls.iter_mut().for_each(|(call, count)| *count -= before.get(call).copied().unwrap_or_default());
        calls.retain(|_, count| *count > 0);
        (done, calls)
    }

    /// Waits until a call has reached the account so often.
    #[track_caller]
    pub(crate) fn reached(&self, call: &str, times: u64) {
        until(&format!("{call} number {times}"), || self.called(call) >= times);
    }

    /// From now on a stack goes in the moment in which nobody wants it any more.
    pub(crate) fn without_grace(&self) {
        self.operator().guardrails("{prune: {grace: 0s, shrink: 100}}");
    }

    /// Everything that is there: stacks, change sets, resources. The agent's own parameters are left out, and so is what
    /// CloudFormation still tells of stacks that are gone.
    pub(crate) fn inventory(&self) -> serde_json::Value {
        let mut all = self.world(|world, account| world.read(account));
        let agents = |resource: &serde_json::Value| {
            resource["key"]["id"].as_str().is_some_and(|id| id.starts_with("/holdfast/"))
        };
        all["resources"].as_array_mut().unwrap().retain(|resource| !agents(resource));
        all["stacks"].as_array_mut().unwrap().retain(|stack| stack["status"] != "DELETE_COMPLETE");
        serde_json::json!([all["stacks"], all["resources"]])
    }
}

/// What a turn came to.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) ran: Ran,
    pub(crate) report: Report,
}

impl Turn {
    #[track_caller]
    pub(crate) fn of(ran: Ran) -> Self {
        let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        Self { ran, report }
    }

    /// How a stack stands, at home or in the only region that it is in.
    #[track_caller]
    pub(crate) fn stack(&self, name: &str) -> &StackReport {
        let found = self.report.stacks.iter().find(|stack| stack.stack.as_str() == name);
        found.unwrap_or_else(|| panic!("no stack {name}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn state(&self, name: &str) -> State {
        self.stack(name).state
    }

    /// Why a stack is not in sync.
    #[track_caller]
    pub(crate) fn why(&self, name: &str) -> &str {
        self.stack(name).why.as_deref().unwrap_or_default()
    }

    /// The stacks to which this happened, in order.
    pub(crate) fn happened(&self, what: What) -> Vec<&str> {
        let all = self.report.happened.iter().filter(|happening| happening.what == what);
        all.filter_map(|happening| happening.stack.as_ref()).map(AsRef::as_ref).collect()
    }

    /// Expects this state of the account and the exit code that goes with it.
    #[track_caller]
    pub(crate) fn expect(self, state: State, code: i32) -> Self {
        assert_eq!((self.report.state, self.ran.code), (state, Some(code)), "{self:#?}");
        self
    }
}

/// A manifest of this name; `spec` is lines without indentation.
pub(crate) fn manifest(name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec:\n  template: {{path: {name}.template}}\n{spec}"
    )
}

/// A template with one SSM parameter, `/<name>`, whose value is the parameter `Value`; its outputs are both.
pub(crate) fn parameter(name: &str, default: &str) -> String {
    format!(
        "Parameters:\n  Value: {{Type: String, Default: {default}}}\nResources:\n  Parameter:\n    Type: AWS::SSM::Parameter\n    \
         Properties: {{Name: /{name}, Type: String, Value: !Ref Value}}\nOutputs:\n  Name: {{Value: !Ref Parameter}}\n  \
         Value: {{Value: !GetAtt Parameter.Value}}\n"
    )
}

/// A template with a DynamoDB table that is keyed by this attribute: another key makes another table.
pub(crate) fn table(key: &str) -> String {
    format!(
        "Resources:\n  Table:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      BillingMode: PAY_PER_REQUEST\n      \
         AttributeDefinitions: [{{AttributeName: {key}, AttributeType: S}}]\n      \
         KeySchema: [{{AttributeName: {key}, KeyType: HASH}}]\n"
    )
}

/// A template with these SSM parameters, each by its logical name, `/name` and value.
pub(crate) fn parameters(all: &[(&str, &str, &str)]) -> String {
    let one = |(logical, name, value): &(&str, &str, &str)| {
        format!(
            "  {logical}:\n    Type: AWS::SSM::Parameter\n    Properties: {{Name: {name}, Type: String, Value: {value}}}\n"
        )
    };
    format!("Resources:\n{}", all.iter().map(one).collect::<String>())
}
