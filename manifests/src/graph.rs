//! What takes two manifests to see: a name used twice, one CloudFormation stack asked for by two manifests, a
//! dependency on nobody, a circle of dependencies.
//!
//! Not here: waiting. A manifest that depends on one with a problem is sound; `plan` lets it wait.

use crate::{
    circle,
    findings::Findings,
    fleet::Fleet,
    id::{AccountId, Name, Region, StackName},
    problem::Problem,
    stack::{Location, Stack},
    typed::nearest,
    validate::{Need, Sound},
    yaml::{Fault, Mark},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Every stack manifest of a repository: by name where it stands, and whole if its own text is sound.
#[derive(Default)]
pub(crate) struct Graph {
    named: BTreeMap<Name, Vec<Location>>,
    /// Of several with one name the last; none of them is believed.
    sound: BTreeMap<Name, Sound>,
}

impl Graph {
    /// There is a manifest of this name, sound or not.
    pub(crate) fn name(&mut self, name: Name, at: Location) {
        self.named.entry(name).or_default().push(at);
    }

    pub(crate) fn add(&mut self, sound: Sound) {
        self.sound.insert(sound.stack.name.clone(), sound);
    }

    /// The stacks that stand up to each other. The others are in `problems`.
    pub(crate) fn close(
        self,
        fleet: &Fleet,
        complete: bool,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<Name, Arc<Stack>> {
        let Self { named, sound: mut stacks } = self;
        let mut found = twice(&named);
        for problem in &found {
            problem.manifest.iter().for_each(|name| drop(stacks.remove(name)));
        }
        found.extend(overlaps(&stacks, fleet));
        found.extend(strangers(&stacks, &named, complete));
        found.extend(circles(&stacks));
        for problem in &found {
            if let Some(name) = &problem.manifest {
                stacks.remove(name);
            }
        }
        problems.append(&mut found);
        stacks.into_iter().map(|(name, sound)| (name, sound.stack)).collect()
    }
}

/// A problem with the manifest that begins here.
fn problem(name: &Name, at: &Location, column: u32, message: String, hint: Option<String>) -> Problem {
    let mut findings = Findings::new(&at.file, Some(name.clone()));
    findings.fault(Fault { at: Mark { line: at.line, column }, message, hint });
    findings.problems.remove(0)
}

/// Names that more than one manifest has: neither is the one.
fn twice(named: &BTreeMap<Name, Vec<Location>>) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, places) in named.iter().filter(|(_, places)| places.len() > 1) {
        for (n, at) in places.iter().enumerate() {
            let other = &places[usize::from(n == 0)];
            found.push(problem(
                name,
                at,
                0,
                format!("the name `{name}` is also that of the manifest at {other}"),
                Some("give one of them another name".into()),
            ));
        }
    }
    found
}

/// Manifests that ask for the same CloudFormation stack in the same region of at least one account. A region left out
/// is compared with a region left out: which one an agent is at home in, only its own account knows.
fn overlaps(stacks: &BTreeMap<Name, Sound>, fleet: &Fleet) -> Vec<Problem> {
    let mut claims: BTreeMap<(&StackName, Option<&Region>), Vec<&Stack>> = BTreeMap::new();
    for Sound { stack, .. } in stacks.values() {
        let home = stack.regions.is_empty().then_some(None);
        for region in home.into_iter().chain(stack.regions.iter().map(Some)) {
            claims.entry((&stack.stack_name, region)).or_default().push(stack);
        }
    }
    let mut rivals: BTreeMap<&Name, (&Stack, &Stack)> = BTreeMap::new();
    for claimants in claims.values().filter(|claimants| claimants.len() > 1) {
        meet(claimants, fleet, &mut rivals);
    }
    let hint = "give one of them another `stackName`, or targets that do not overlap";
    let told = rivals.into_values().map(|(stack, rival)| {
        let message = format!(
            "the stack `{}` is also asked for by `{}` at {}, in the same region and account",
            stack.stack_name, rival.name, rival.at
        );
        problem(&stack.name, &stack.at, 0, message, Some(hint.to_owned()))
    });
    told.collect()
}

/// Adds to `rivals` whichever of these stacks are for the same account. An account that nobody mentions stands for all
/// the others like it.
fn meet<'s>(claimants: &[&'s Stack], fleet: &Fleet, rivals: &mut BTreeMap<&'s Name, (&'s Stack, &'s Stack)>) {
    let nobody: Option<AccountId> = "000000000000".parse().ok();
    let targets = claimants.iter().map(|stack| &stack.targets);
    let mentioned = targets.flat_map(|targets| targets.accounts.iter().chain(&targets.exclude_accounts));
    let accounts: BTreeSet<&AccountId> = mentioned.chain(fleet.accounts.keys()).chain(&nobody).collect();
    let unlisted = BTreeMap::new();
    for account in accounts {
        let labels = fleet.accounts.get(account).map_or(&unlisted, |account| &account.labels);
        let here: Vec<&Stack> = claimants.iter().copied().filter(|stack| stack.targets.hold(account, labels)).collect();
        if let [first, second, ..] = here.as_slice() {
            for stack in &here {
                rivals.entry(&stack.name).or_insert((stack, if stack.name == first.name { second } else { first }));
            }
        }
        if claimants.iter().all(|stack| rivals.contains_key(&stack.name)) {
            return;
        }
    }
}

/// For how many missing manifests the nearest name is looked up: each is compared with every name there is.
const LOOKED_UP: usize = 100;

/// Dependencies on manifests that are nowhere.
fn strangers(stacks: &BTreeMap<Name, Sound>, named: &BTreeMap<Name, Vec<Location>>, complete: bool) -> Vec<Problem> {
    let all: Vec<&str> = named.keys().map(Name::as_str).collect();
    let mut hints: BTreeMap<&Name, Option<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, Sound { stack, needs }) in stacks {
        for Need { name: needed, at } in needs.iter().filter(|need| !named.contains_key(&need.name)) {
            let looked_up = hints.len() < LOOKED_UP;
            let hint = hints.entry(needed).or_insert_with(|| match (complete, looked_up) {
                (false, _) => Some("it may be in one of the files that could not be read".to_owned()),
                (true, true) => Some(nearest(needed.as_str(), &all)).filter(|hint| hint.starts_with("did you")),
                (true, false) => None,
            });
            let place = Location { file: stack.at.file.clone(), line: at.line };
            found.push(problem(name, &place, at.column, format!("there is no manifest `{needed}`"), hint.clone()));
        }
    }
    found
}

/// How many manifests of a circle are told.
const TOLD: usize = 8;

/// Every manifest that depends on itself, at first or second hand, with the way round.
fn circles(stacks: &BTreeMap<Name, Sound>) -> Vec<Problem> {
    let all: Vec<&Sound> = stacks.values().collect();
    let number = |name: &Name| all.binary_search_by(|sound| sound.stack.name.cmp(name)).ok();
    let arrows = all.iter().map(|sound| sound.stack.depends_on.iter().filter_map(number).collect()).collect();
    let mut found = Vec::new();
    for way in circle::ways_round(&arrows, TOLD) {
        let way: Vec<&Sound> = way.into_iter().map(|number| all[number]).collect();
        let [Sound { stack, needs }, next, ..] = way.as_slice() else { continue };
        if let Some(Need { at, .. }) = needs.iter().find(|need| need.name == next.stack.name) {
            let place = Location { file: stack.at.file.clone(), line: at.line };
            let hint = Some("take one of these dependencies out".to_owned());
            found.push(problem(&stack.name, &place, at.column, told(&way), hint));
        }
    }
    found
}

fn told(way: &[&Sound]) -> String {
    let place = |Sound { stack, .. }: &&Sound| format!("{} ({})", stack.name, stack.at);
    let mut steps: Vec<String> = way.iter().take(TOLD).map(place).collect();
    let name = |sound: Option<&&Sound>| sound.map(|sound| sound.stack.name.clone());
    if way.len() > TOLD || name(way.first()) != name(way.last()) {
        steps.push("…".to_owned());
        steps.extend(name(way.first()).map(|name| name.to_string()));
    }
    format!("the manifest depends on itself: {}", steps.join(" -> "))
}
