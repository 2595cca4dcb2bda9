//! The notation of the tests, and the only lines that know how to call the planner.
//!
//! Wanted: `net@1, app/eu-west-1@2 <- net Vpc=net.Id`. A name, the region if it is not home, the version of its
//! template; then what it waits for, its parameters (`Key=manifest.Output`, `Key=label:team`, `Key=ssm:/name`,
//! `Key='text`) and the words `prune`, `suspended`, `elsewhere` (not for this account), `skips` and `retains` (both: the resource `Db`). `net!` is a manifest that
//! can't be read, `?` one of which not even the name can.
//!
//! Found: `net@1 CREATE_COMPLETE ours Id=vpc-1`. The version that its change set's name stands for (`-` when it names
//! none, `x` when somebody else's), its status, its outputs, and the words `ours`, `theirs`, `prune`, `nested`, `protected` (without
//! any it has no tags). `:Key=text` is a parameter of that request.

use jiff::{SignedDuration, Timestamp};
use manifests::{
    drift::Drift,
    guardrails::{Guardrails, Prune},
    id::{Digest, Name, Region, RepoPath, StackKey},
    parse::Repository,
    problem::Problem,
    stack::{Allow, DeletionPolicy, Limits as StackLimits, Location, Recovery, Rollback, Stack, Targets, Value},
};
use plan::{
    asked::{Asked, Fingerprint},
    check::Answers,
    facts::{Found, FoundStack, Status},
    guard::Begun,
    health::Pasts,
    lint::lint,
    memory::{Known, Memory, Pending, Started, generation},
    orders::Orders,
    plan::{Facts, Policy, plan},
    resolve::{MANIFEST, OWNER, PRUNE, RETAIN, Values, seal},
    select::{Account, Selected, select},
    step::{Plan, Row, Stand, Step},
    why::Why,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
    time::Duration,
};

pub(crate) const HOME: &str = "eu-central-1";
pub(crate) const ACCOUNT: &str = "111122223333";

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) repository: Repository,
    pub(crate) found: Found,
    pub(crate) values: Values,
    pub(crate) answers: Answers,
    pub(crate) pasts: Pasts,
    pub(crate) memory: Memory,
    pub(crate) stopped: BTreeMap<StackKey, Why>,
    pub(crate) policy: Policy,
    pub(crate) orders: Orders,
    pub(crate) begun: Begun,
    pub(crate) closed: Option<String>,
    pub(crate) now: Timestamp,
}

pub(crate) fn word<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect(text)
}

/// `net`, or `net/eu-west-1`.
pub(crate) fn key(text: &str) -> StackKey {
    let (stack, region) = text.split_once('/').unwrap_or((text, HOME));
    StackKey { region: word(region), stack: word(stack) }
}

/// So many seconds after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).expect("a second of this age")
}

/// Guardrails under which a stack goes in the moment in which nobody wants it any more.
fn lenient() -> Guardrails {
    let prune = Prune { grace: Duration::ZERO, shrink: 100 };
    Guardrails { prune, ..Guardrails::default() }
}

/// The fingerprint of `net@1`, or of `net@1 prune :Key=text`.
pub(crate) fn fingerprint(request: &str) -> Fingerprint {
    asked(request).fingerprint()
}

/// What `net@1 prune :Key=text` asks.
pub(crate) fn asked(request: &str) -> Asked {
    let mut words = request.split_whitespace();
    let (place, version) = words.next().expect("a name").split_once('@').expect("a version");
    let name = place.split('/').next().expect("a name");
    let mut tags = BTreeMap::from([(OWNER.into(), "main".into()), (MANIFEST.into(), name.into())]);
    let mut parameters = BTreeMap::new();
    for word in words {
        if word == "prune" {
            tags.insert(PRUNE.into(), "delete".into());
        } else if let Some((name, value)) = word.strip_prefix(':').and_then(|word| word.split_once('=')) {
            parameters.insert(name.into(), value.into());
        }
    }
    let template = Digest::of(version.as_bytes());
    let (capabilities, alarms) = (BTreeSet::new(), vec![]);
    Asked { template, parameters, tags, capabilities, role: None, alarms, monitor_min: 0, import_existing: false }
}

/// A manifest that asks for nothing special.
pub(crate) fn manifest(name: &str) -> Stack {
    Stack {
        name: word(name),
        labels: BTreeMap::new(),
        at: Location { file: word(&format!("stacks/{name}.yaml")), line: 1 },
        stack_name: word(name),
        template: word("t/1.yaml"),
        targets: Targets::default(),
        regions: vec![],
        parameters: BTreeMap::new(),
        artifacts: vec![],
        tags: BTreeMap::new(),
        capabilities: BTreeSet::new(),
        role: None,
        depends_on: BTreeSet::new(),
        prune: false,
        adopt: false,
        import_existing: false,
        deletion: DeletionPolicy::Orphan,
        limits: StackLimits::default(),
        allow: Allow::default(),
        rollback: Rollback::default(),
        recovery: Recovery::default(),
        drift: Drift::default(),
        checks: vec![],
        provides: BTreeSet::new(),
        timeout: Duration::from_secs(3600),
        suspend: None,
    }
}

fn wanted(entry: &str) -> Stack {
    let mut words = entry.split_whitespace();
    let (place, version) = words.next().expect("a name").split_once('@').expect(entry);
    let (name, regions) = place.split_once('/').unwrap_or((place, ""));
    let mut stack = manifest(name);
    stack.regions = regions.split('+').filter(|region| !region.is_empty()).map(word).collect();
    stack.template = word(&format!("t/{version}.yaml"));
    for text in words {
        match text {
            "<-" => {}
            "suspended" => stack.suspend = Some("the audit is on".into()),
            "elsewhere" => drop(stack.targets.accounts.insert(word("999988887777"))),
            "prune" => (stack.prune, stack.deletion) = (true, DeletionPolicy::Delete),
            "skips" => drop(stack.recovery.skip.insert(word("Db"))),
            "retains" => drop(stack.recovery.retain.insert(word("Db"))),
            _ => match text.split_once('=') {
                None => drop(stack.depends_on.insert(word(text))),
                Some((key, text)) => {
                    let value = value(text);
                    if let Value::Output { stack: other, .. } = &value {
                        stack.depends_on.insert(other.clone());
                    }
                    stack.parameters.insert(key.into(), value);
                }
            },
        }
    }
    stack
}

fn value(text: &str) -> Value {
    match (text.strip_prefix("label:"), text.strip_prefix("ssm:"), text.strip_prefix('\'')) {
        (Some(label), _, _) => Value::Label(label.into()),
        (_, Some(name), _) => Value::Ssm(name.into()),
        (_, _, Some(literal)) => Value::Literal(literal.into()),
        (None, None, None) => {
            let (stack, output) = text.split_once('.').expect(text);
            let (key, region) =
                output.split_once('@').map_or((output, None), |(key, region)| (key, Some(word(region))));
            Value::Output { stack: word(stack), key: key.into(), region }
        }
    }
}

/// What the repository says in this notation.
pub(crate) fn repository(text: &str) -> Repository {
    let mut repository = Repository { complete: true, fleet: Some(Default::default()), ..Default::default() };
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        if entry == "?" {
            repository.complete = false;
        } else if let Some(name) = entry.strip_suffix('!') {
            let file: RepoPath = word(&format!("stacks/{name}.yaml"));
            let message = "unknown field `parameterz`".into();
            let manifest = Some(word(name));
            repository.problems.push(Problem { file, line: 7, column: 3, message, hint: None, manifest });
        } else {
            let stack = wanted(entry);
            repository.stacks.insert(stack.name.clone(), Arc::new(stack));
        }
    }
    repository
}

/// A stack that nobody has touched since the tests' beginning of time.
pub(crate) fn found(entry: &str) -> (StackKey, FoundStack) {
    let mut words = entry.split_whitespace();
    let (place, version) = words.next().expect("a name").split_once('@').expect(entry);
    let (key, status) = (key(place), words.next().expect(entry));
    let change_set = match version {
        "-" => None,
        "x" => Some("by-hand".into()),
        _ => Some(fingerprint(entry).change_set()),
    };
    let mut stack = FoundStack {
        id: format!("arn:aws:cloudformation:{}:{ACCOUNT}:stack/{}/1", key.region, key.stack),
        status: Status::from_word(status).ok_or_else(|| status.to_owned()),
        reason: None,
        change_set,
        created: Some(at(0)),
        updated: Some(at(0)),
        tags: BTreeMap::new(),
        parameters: BTreeMap::new(),
        outputs: BTreeMap::new(),
        protected: false,
        nested: false,
    };
    for word in words {
        let mut tag = |key: &str, value: &str| drop(stack.tags.insert(key.into(), value.into()));
        match word {
            "ours" => {
                tag(OWNER, "main");
                tag(MANIFEST, key.stack.as_str());
            }
            "theirs" => tag(OWNER, "other"),
            "prune" => tag(PRUNE, "delete"),
            "retains" => tag(RETAIN, "Db"),
            "nested" => stack.nested = true,
            "protected" => stack.protected = true,
            _ if word.starts_with(':') => {}
            _ => {
                let (output, value) = word.split_once('=').expect(entry);
                stack.outputs.insert(output.into(), value.into());
            }
        }
    }
    (key, stack)
}

impl World {
    /// A world with a wide-open policy and no memory, an hour after its stacks were touched.
    pub(crate) fn of(wanted: &str, there: &str) -> Self {
        let repository = repository(wanted);
        let labels = BTreeMap::from([("team".into(), "blue".into())]);
        let account = Account { id: word(ACCOUNT), home: word(HOME), name: Some("audit".into()), labels };
        let mut regions: BTreeSet<Region> =
            repository.stacks.values().flat_map(|stack| stack.regions.clone()).collect();
        let stacks: BTreeMap<StackKey, FoundStack> =
            there.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(found).collect();
        regions.extend(stacks.keys().map(|key| key.region.clone()));
        regions.insert(word(HOME));
        Self {
            account,
            repository,
            found: Found { stacks, regions, unreadable: BTreeMap::new() },
            values: Values::default(),
            answers: Answers::new(),
            pasts: Pasts::new(),
            memory: Memory::new("e1".into()),
            stopped: BTreeMap::new(),
            policy: Policy {
                owner: "main".into(),
                concurrency: 10,
                attempts: 3,
                retry_after: SignedDuration::from_mins(15),
                guardrails: lenient(),
            },
            orders: Orders::default(),
            begun: Begun::default(),
            closed: None,
            now: at(3600),
        }
    }

    /// The same, with this remembered of a stack.
    pub(crate) fn knowing(mut self, stack: &str, known: Known) -> Self {
        self.memory.change(&key(stack), |is| *is = known);
        self
    }

    /// The same, with this stack, as it was found, remembered to be what a request asks.
    pub(crate) fn settled(mut self, stack: &str, request: &str) -> Self {
        let key = key(stack);
        self.memory.settle(&key, fingerprint(request), generation(&self.found.stacks[&key]));
        self
    }

    /// The same, with this started on a stack so many seconds ago.
    pub(crate) fn pending(self, stack: &str, act: Started, seconds: i64) -> Self {
        let since = self.now - SignedDuration::from_secs(seconds);
        let pending = Pending {
            act,
            fingerprint: None,
            generation: None,
            token: "t".into(),
            since,
            attempt: 1,
            commit: None,
            allowed: vec![],
        };
        self.knowing(stack, Known { pending: Some(pending), ..Known::default() })
    }

    /// The same, with so many seats.
    pub(crate) fn seats(mut self, seats: usize) -> Self {
        self.policy.concurrency = seats;
        self
    }

    /// The same, with a region that could not be listed.
    pub(crate) fn unreadable(mut self, region: &str) -> Self {
        let region: Region = word(region);
        self.found.regions.remove(&region);
        self.found.stacks.retain(|key, _| key.region != region);
        self.found.unreadable.insert(region, "ThrottlingException: Rate exceeded".into());
        self
    }

    /// The same, with a manifest changed.
    pub(crate) fn with(mut self, name: &str, change: impl FnOnce(&mut Stack)) -> Self {
        let stack = self.repository.stacks.get_mut(&word::<Name>(name)).expect(name);
        change(Arc::make_mut(stack));
        self
    }

    /// What is for this account. The template `t/x.yaml` can't be read; the others are their own names.
    pub(crate) fn selected(&self) -> Selected {
        select(&self.repository, self.account.clone(), |path| {
            let version = path.as_str().trim_start_matches("t/").trim_end_matches(".yaml");
            if version == "x" {
                Err(format!("{path} is not in the commit"))
            } else {
                Ok(Digest::of(version.as_bytes()))
            }
        })
    }

    /// The facts, for this selection.
    pub(crate) fn facts<'a>(&'a self, selected: &'a Selected) -> Facts<'a> {
        let Self { found, values, answers, pasts, memory, stopped, policy, orders, begun, closed, now, .. } = self;
        let (begun, closed, now) = (*begun, closed.as_deref(), *now);
        Facts { selected, found, values, answers, pasts, memory, stopped, policy, orders, begun, closed, now }
    }

    /// Its plan, which is sound and the same every time.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        let selected = self.selected();
        let facts = self.facts(&selected);
        let made = plan(&facts);
        assert_eq!(lint(&made, &facts), Vec::<String>::new(), "the plan is not sound: {made:#?}");
        assert_eq!(plan(&facts), made, "same facts, same plan");
        let mut sealed = selected.clone();
        seal(&mut sealed, &self.policy.owner);
        assert_eq!(plan(&self.facts(&sealed)), made, "what is known beforehand changes nothing");
        made
    }

    /// How one stack stands in it.
    #[track_caller]
    pub(crate) fn row(&self, stack: &str) -> Row {
        self.plan().rows.remove(&key(stack)).expect(stack)
    }

    /// Its plan reads like this.
    #[track_caller]
    pub(crate) fn reads(&self, expect: &str) {
        let lines: Vec<&str> = expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(printed(&self.plan()).lines().collect::<Vec<_>>(), lines);
    }

    /// A step of its plan.
    #[track_caller]
    pub(crate) fn step(&self, stack: &str) -> Step {
        let key = key(stack);
        self.plan().steps.into_iter().find(|step| step.key == key).expect(stack)
    }
}

/// `wanted` and `found` in the notation, and the whole plan.
#[track_caller]
pub(crate) fn check(wanted: &str, there: &str, expect: &str) {
    World::of(wanted, there).reads(expect);
}

/// A plan as a person reads it: the steps in order, then every other stack with its state and sentence.
pub(crate) fn printed(plan: &Plan) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("text takes text");
    for step in &plan.steps {
        let tried = if step.attempt == 1 { String::new() } else { format!(" #{}", step.attempt) };
        line(format!("{} {}{tried}", format!("{:?}", step.action.started()).to_lowercase(), short(&step.key)));
    }
    for (key, row) in &plan.rows {
        match &row.stand {
            Stand::Settled => line(format!("{}: in sync", short(key))),
            Stand::Due(_) => {}
            Stand::Not(why) => line(format!("{}: {}: {why}", short(key), why.state().as_str())),
        }
    }
    text
}

fn short(key: &StackKey) -> String {
    if key.region.as_str() == HOME { key.stack.to_string() } else { format!("{}/{}", key.stack, key.region) }
}
