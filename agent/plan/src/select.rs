//! Which manifests are for this account, and where in it.
//!
//! Targeting is judged in the account from its own facts; nobody outside can add a stack to it.

use crate::asked::Fingerprint;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use manifests::{
    approval::Approval,
    fleet::Fleet,
    id::{AccountId, Digest, Name, Region, RepoPath, StackKey},
    parse::Repository,
    problem::Problem,
    stack::{Stack, Value},
};

/// Whose turn it is: the account as itself and the fleet file know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its twelve digits, as STS said them.
    pub id: AccountId,
    /// The region that the agent is at home in: where stacks live that name none.
    pub home: Region,
    /// What the fleet file calls it.
    pub name: Option<String>,
    /// Its labels in the fleet file; empty when it is not listed.
    pub labels: BTreeMap<String, String>,
}

impl Account {
    /// The account as this fleet file knows it.
    pub fn new(id: AccountId, home: Region, fleet: &Fleet) -> Self {
        let listed = fleet.accounts.get(&id);
        let name = listed.and_then(|account| account.name.clone());
        let labels = listed.map(|account| account.labels.clone()).unwrap_or_default();
        Self { id, home, name, labels }
    }
}

/// One stack in one region, as it is wanted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The manifest.
    pub manifest: Arc<Stack>,
    /// Digest of the template's bytes, or why they can't be read.
    pub template: Result<Digest, String>,
    /// Parameters that say where its artifacts are.
    pub artifacts: BTreeMap<String, String>,
    /// Keys of every object that its template and its artifacts are put under.
    pub objects: BTreeSet<String>,
    /// The fingerprint of its request, where nothing in that is looked up in the account: it is the same at every look. `None`
    /// before [`crate::resolve::seal`].
    pub sealed: Option<Fingerprint>,
}

/// What the repository asks of this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Whose turn it is.
    pub account: Account,
    /// Everything wanted here.
    pub wanted: BTreeMap<StackKey, Wanted>,
    /// Where each manifest that is for this account has its stacks.
    pub places: BTreeMap<Name, Vec<StackKey>>,
    /// Every manifest that the commit holds, whoever it is for: what is in here has not left the repository.
    pub named: BTreeSet<Name>,
    /// Manifests that can't be read, and why: their stacks are left as they are.
    pub broken: BTreeMap<Name, String>,
    /// What the repository approves for this account.
    pub approvals: Vec<Approval>,
    /// Whether a manifest's absence proves that nobody wants its stack.
    pub complete: bool,
}

/// What the repository asks of this account. `template` answers a template's digest, or why it can't be read.
pub fn select(
    repository: &Repository,
    account: Account,
    template: impl Fn(&RepoPath) -> Result<Digest, String>,
) -> Selected {
    let mut broken: BTreeMap<Name, String> = BTreeMap::new();
    for problem in &repository.problems {
        if let Some(name) = &problem.manifest {
            broken.entry(name.clone()).or_insert_with(|| sentence(problem));
        }
    }
    let mut wanted = BTreeMap::new();
    let mut places: BTreeMap<Name, Vec<StackKey>> = BTreeMap::new();
    let mine = repository.stacks.values().filter(|stack| stack.targets.hold(&account.id, &account.labels));
    for stack in mine {
        let digest = template(&stack.template);
        for key in keys(stack, &account.home) {
            places.entry(stack.name.clone()).or_default().push(key.clone());
            let mut one = Wanted {
                manifest: Arc::clone(stack),
                template: digest.clone(),
                artifacts: BTreeMap::new(),
                objects: BTreeSet::new(),
                sealed: None,
            };
            // The parser refuses two manifests for one stack as far as it can see; what only this account's home region
            // shows is seen here. Neither is believed.
            if let Some(other) = wanted.get(&key) {
                let Wanted { manifest: other, .. } = other;
                one.template =
                    Err(format!("both {} and {} ask for this stack; one of them has to go", other.at, stack.at));
            }
            wanted.insert(key, one);
        }
    }
    let named = repository.stacks.keys().cloned().collect();
    let meant = |approval: &&Approval| approval.targets.hold(&account.id, &account.labels);
    let approvals = repository.approvals.iter().filter(meant).cloned().collect();
    Selected { account, wanted, places, named, broken, approvals, complete: repository.complete }
}

/// Every region that a turn has to look at: where something is wanted, where an output is read, and home.
pub fn regions(repository: &Repository, account: &Account) -> BTreeSet<Region> {
    let mut regions: BTreeSet<Region> = [account.home.clone()].into();
    for stack in repository.stacks.values().filter(|stack| stack.targets.hold(&account.id, &account.labels)) {
        regions.extend(stack.regions.iter().cloned());
        for value in stack.parameters.values() {
            if let Value::Output { region: Some(region), .. } = value {
                regions.insert(region.clone());
            }
        }
    }
    regions
}

/// Where a stack lives in an account.
pub fn keys(stack: &Stack, home: &Region) -> Vec<StackKey> {
    let regions = if stack.regions.is_empty() { core::slice::from_ref(home) } else { &stack.regions };
    regions.iter().map(|region| StackKey { region: region.clone(), stack: stack.stack_name.clone() }).collect()
}

/// A problem as one sentence, without its hint.
fn sentence(problem: &Problem) -> String {
    Problem { hint: None, ..problem.clone() }.to_string()
}
