//! Whether the agent may make the calls that it makes, region by region, each with what it was asked for: a policy may allow a
//! call for some names only.

use super::{Check, Here, bucket::bucket, repository::known};
use crate::{
    cloud::{
        Cloud, CloudError, Lookup, Trouble,
        aws::{Aws, Caller},
        permission::{self, Need},
        probe::{Marks, Probe, let_in},
    },
    error::Exit,
    reading::Reading,
    show::counted,
    store::{Document, Kept, Place},
    wake::Door,
    world::{Settings, World, now},
};
use manifests::{
    check::Asks,
    id::{Digest, Region, StackKey},
};
use plan::{
    resolve::references,
    select::{Account, Selected, regions, select},
};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "permissions";

/// Names by region.
type Names = BTreeMap<Region, BTreeSet<String>>;

/// What is known when permissions are asked about.
pub(super) struct Asked<'a> {
    pub(super) here: &'a Here<'a>,
    pub(super) caller: &'a Caller,
    pub(super) kept: Option<&'a Kept>,
    pub(super) reading: Option<&'a Reading>,
}

impl Asked<'_> {
    /// Every permission that can be asked about without changing anything.
    pub(super) async fn permissions(&self, say: &mut dyn FnMut(Check)) {
        // Whether the agent's own parameters can be read with one call was seen before, and told.
        let mut told = vec!["ssm:GetParameters".to_owned()];
        self.ask(&mut |check: Check| {
            told.push(check.finding.clone());
            say(check);
        })
        .await;
        self.unasked(&told).into_iter().for_each(say);
    }

    /// What is on the list of permissions, is needed as the agent is configured, and was not spoken of.
    fn unasked(&self, told: &[String]) -> Option<Check> {
        let needed =
            permission::ALL.iter().filter(|it| it.is_the_agents() && !it.calls.is_empty() && self.needs(it.need));
        let unasked = needed.map(|it| it.action).filter(|action| !told.iter().any(|finding| finding.contains(action)));
        let unasked: BTreeSet<&str> = unasked.collect();
        let all = unasked.iter().copied().collect::<Vec<_>>().join(", ");
        (!unasked.is_empty()).then(|| {
            let finding = format!("not asked for: {all}");
            Check::unchecked(NAME, finding, "the first turn that needs it says so if it may not")
        })
    }

    /// Whether the agent needs such a permission, as it is configured.
    fn needs(&self, need: Need) -> bool {
        let Here { settings, store, world, .. } = self.here;
        match need {
            Need::Always | Need::Change | Need::Recovery | Need::Deletion => true,
            Need::Kept => matches!(store, Place::Parameters { .. }),
            Need::Drift | Need::Author => settings.drift_calls > 0,
            Need::Events => matches!(world.bell(), Door::Queue(_)),
            Need::Artifacts => settings.shelving.is_some(),
            // What manifests name is asked about where they name it; a message, a role and a repository have lines of their own.
            Need::Checks
            | Need::Update
            | Need::Role
            | Need::Reports
            | Need::CodeCommit
            | Need::Doctor
            | Need::Person => false,
        }
    }

    async fn ask(&self, say: &mut dyn FnMut(Check)) {
        let account = known(self.caller, self.here.settings, self.reading);
        let regions = self.regions(&account);
        for region in &regions {
            self.stacks(region, say).await;
        }
        self.parameters(say).await;
        self.events(say).await;
        // Which template a stack has makes no difference here, so none is read.
        let any = |reading: &Reading| select(&reading.repository, account.clone(), |_| Ok(Digest::of(b"")));
        if let Some(selected) = self.reading.map(any) {
            self.looked_up(&selected, say).await;
            self.roles(&selected).into_iter().for_each(&mut *say);
        }
        if let Some(rules) = &self.here.settings.shelving {
            let shelves: BTreeSet<_> = regions.iter().map(|region| rules.shelf(&account, region)).collect();
            for shelf in shelves {
                bucket(self.cloud(), rules, &shelf, &self.unused(), say).await;
            }
        }
    }

    fn cloud(&self) -> &Aws {
        self.here.world.cloud()
    }

    fn regions(&self, account: &Account) -> BTreeSet<Region> {
        let mut all = self.reading.map(|reading| regions(&reading.repository, account)).unwrap_or_default();
        let memory = self.kept.and_then(|kept| kept.memory.as_ref());
        all.extend(memory.into_iter().flat_map(|memory| memory.regions.iter().cloned()));
        all.insert(account.home.clone());
        all
    }

    /// What is asked of CloudFormation in a region.
    async fn stacks(&self, region: &Region, say: &mut dyn FnMut(Check)) {
        let (cloud, prefix, unused) = (self.cloud(), self.prefix(), self.unused());
        let name = format!("{prefix}{unused}");
        let Ok(stack) = name.parse() else {
            let finding = format!("{region}: no stack's name begins as the guardrails want it (`{name}`)");
            return say(Check::unchecked(NAME, finding, "mend `stacks: {prefix}` in the guardrails"));
        };
        let (key, prober) = (StackKey { region: region.clone(), stack }, cloud.prober(region));
        let mut probes = vec![let_in("cloudformation:DescribeStacks", cloud.stacks(region).await)];
        probes.extend(prober.looks(&name, &self.change_set(region, &name)).await);
        probes.extend(prober.writes(&name, &self.marks(&unused)).await);
        // What is deleted is a name of which CloudFormation has just said that nobody has it.
        let unsure = match cloud.stack(&key).await {
            Ok(None) => {
                probes.push(prober.delete(&name).await);
                None
            }
            Ok(Some(_)) | Err(_) => Some(Check::unchecked(
                NAME,
                format!("{region}: cloudformation:DeleteStack is asked for only where no stack `{name}` is seen to be"),
                "mend `cloudformation:DescribeStacks` first",
            )),
        };
        told(probes, region, &format!("stack `{name}`")).into_iter().chain(unsure).for_each(&mut *say);
        if self.here.settings.drift_calls > 0 {
            told(prober.drift(&name).await.into(), region, &format!("stack `{name}`")).into_iter().for_each(&mut *say);
            let trail = cloud.trail(region, &Lookup::Resource(&name, (now(self.here.world), None))).await;
            told(vec![let_in("cloudtrail:LookupEvents", trail)], region, "who changed something")
                .into_iter()
                .for_each(say);
        }
    }

    /// What a policy may ask of whoever changes something: a change set is one of ours by its name, and a request for one names our
    /// tag and the service role.
    fn marks<'m>(&'m self, unused: &'m str) -> Marks<'m> {
        let Settings { policy, role, .. } = self.here.settings;
        Marks { change_set: unused, owner: &policy.owner, role: role.as_ref() }
    }

    /// The queue of events, if there is one.
    async fn events(&self, say: &mut dyn FnMut(Check)) {
        if let Door::Queue(queue) = self.here.world.bell() {
            let probe = let_in("sqs:ReceiveMessage", queue.probe().await);
            told(vec![probe], &self.here.settings.home, "the queue of `--events`").into_iter().for_each(say);
        }
    }

    /// What the guardrails want a stack's name to begin with.
    fn prefix(&self) -> &str {
        let rails = self.kept.and_then(|kept| kept.guardrails.as_ref()).and_then(|rails| rails.as_ref().ok());
        rails.and_then(|rails| rails.prefix.as_deref()).unwrap_or_default()
    }

    /// A name that nobody has.
    fn unused(&self) -> String {
        let me = &self.here.settings.me;
        let digest = Digest::of(format!("{}|{}|{}", me.host, me.process, me.began).as_bytes());
        format!("holdfast-doctor-{}", digest.short(16))
    }

    /// The ARN of a change set that nobody has.
    fn change_set(&self, region: &Region, name: &str) -> String {
        let Caller { account, arn } = self.caller;
        let partition = arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws");
        let id = "00000000-0000-0000-0000-000000000000";
        format!("arn:{partition}:cloudformation:{region}:{account}:changeSet/{name}/{id}")
    }

    /// The agent's own parameters. That they can be read with the others was seen already.
    async fn parameters(&self, say: &mut dyn FnMut(Check)) {
        let (Place::Parameters { .. }, Some(kept)) = (self.here.store, self.kept) else { return };
        let (home, store) = (&self.here.settings.home, self.here.store);
        let prober = self.cloud().prober(home);
        let lease = store.called(Document::Lease);
        told(vec![prober.parameter(&lease).await], home, &format!("`{lease}`")).into_iter().for_each(&mut *say);
        let there = [(Document::Memory, kept.lost || kept.memory.is_some()), (Document::Lease, kept.lease.version > 0)];
        for (document, is_there) in there {
            let name = store.called(document);
            if is_there {
                let on = format!("`{name}` without writing over it");
                told(vec![prober.put_parameter(&name).await], home, &on).into_iter().for_each(&mut *say);
            } else {
                let finding =
                    format!("{home}: ssm:PutParameter for `{name}`: it is not there yet, and asking could make it");
                say(Check::unchecked(NAME, finding, "the first turn writes it, and says so if it may not"));
            }
        }
    }

    /// What manifests of this account refer to: parameters and alarms.
    async fn looked_up(&self, selected: &Selected, say: &mut dyn FnMut(Check)) {
        let (parameters, alarms) = self.names(selected);
        for (region, names) in parameters {
            let answer = self.cloud().parameters(&region, &names).await;
            named("parameter", "ssm:GetParameters", (&region, &names), answer).into_iter().for_each(&mut *say);
        }
        for (region, names) in alarms {
            let answer = self.cloud().alarms(&region, &names).await;
            named("alarm", "cloudwatch:DescribeAlarms", (&region, &names), answer).into_iter().for_each(&mut *say);
        }
    }

    /// The parameters and the alarms that manifests of this account name.
    fn names(&self, selected: &Selected) -> (Names, Names) {
        let (mut parameters, mut alarms) = (references(selected), Names::new());
        for (key, wanted) in &selected.wanted {
            for check in &wanted.manifest.checks {
                match &check.asks {
                    Asks::Ssm { name, .. } => {
                        parameters.entry(key.region.clone()).or_default().insert(name.clone());
                    }
                    // Whose alarm it is, an ARN says; of another account's nobody here can ask.
                    Asks::Alarm { account: Some(other), .. } if *other != self.caller.account => {}
                    Asks::Alarm { name, region, .. } => {
                        let region = region.as_ref().unwrap_or(&key.region);
                        alarms.entry(region.clone()).or_default().insert(name.clone());
                    }
                    Asks::Http(_) | Asks::Output { .. } => {}
                }
            }
        }
        (parameters, alarms)
    }

    /// Whether a role may be handed on is only known once it is.
    fn roles(&self, selected: &Selected) -> Option<Check> {
        let default = self.here.settings.role.as_ref();
        let manifests = selected.wanted.values().filter_map(|wanted| wanted.manifest.role.as_ref().or(default));
        let roles: BTreeSet<String> = manifests.map(ToString::to_string).collect();
        let first = roles.first()?;
        let more = if roles.len() == 1 { String::new() } else { format!(" and {} more", roles.len() - 1) };
        Some(Check::unchecked(
            NAME,
            format!("iam:PassRole for {first}{more}: only a change that names a role tells"),
            "the first change of a stack that has it says so if it may not be handed on",
        ))
    }
}

/// What there is to say of names that were looked up: whether that was let in, and which of them are not there.
fn named<T>(
    what: &str,
    call: &'static str,
    (region, names): (&Region, &BTreeSet<String>),
    answer: Result<BTreeMap<String, T>, CloudError>,
) -> Vec<Check> {
    let found = answer.as_ref().ok();
    let missing =
        |found: &BTreeMap<String, T>| names.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
    let missing: Vec<String> = found.map(missing).unwrap_or_default();
    let on = format!("{} that manifests name", counted(names.len(), what));
    let mut all = told(vec![let_in(call, answer)], region, &on);
    all.extend(absent(what, region, &missing));
    all
}

/// What manifests name and nobody has made.
fn absent(what: &str, region: &Region, missing: &[String]) -> Option<Check> {
    let first = missing.first()?;
    let more = if missing.len() == 1 { String::new() } else { format!(" and {} more", missing.len() - 1) };
    Some(Check::warning(
        "manifests",
        format!("{region}: there is no {what} `{first}`{more}, which manifests name"),
        format!("make the {what}, unless a stack of this repository is about to"),
    ))
}

/// What there is to say of calls that were made for the same thing: those that were let in together, every other on its own.
pub(super) fn told(probes: Vec<Probe>, region: &Region, on: &str) -> Vec<Check> {
    let mut all = Vec::new();
    let mut let_in: Vec<&str> = Vec::new();
    for Probe { call, answer } in probes {
        match answer {
            Ok(()) => let_in.push(call),
            Err(error) => all.push(refused(&error, region, on)),
        }
    }
    if !let_in.is_empty() {
        all.insert(0, Check::good(NAME, format!("{region}: let in: {}; asked for {on}", let_in.join(", "))));
    }
    all
}

fn refused(error: &CloudError, region: &Region, on: &str) -> Check {
    let finding = format!("{region}: {error} (asked for {on})");
    match error.problem {
        Trouble::Denied => {
            let fix = format!("{}, at least for what it is to work on", error.hint().unwrap_or_default());
            Check::bad(NAME, Exit::Denied, finding, fix)
        }
        Trouble::Credentials | Trouble::Unavailable => Check { finding, ..Check::failed(NAME, error.clone()) },
        Trouble::NotFound
        | Trouble::Busy
        | Trouble::AlreadyExists
        | Trouble::Invalid
        | Trouble::Limit
        | Trouble::Other => Check::unchecked(NAME, finding, "the first turn that makes the call tells"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[track_caller]
    fn check(problem: Trouble, verdict: Verdict, exit: Exit) {
        let error = CloudError { call: "ssm:PutParameter", problem, message: "words".into() };
        let probe = Probe { call: "ssm:PutParameter", answer: Err(error) };
        let checks = told(vec![probe], &"eu-central-1".parse().unwrap(), "`/holdfast/memory`");
        let [check] = checks.as_slice() else { panic!("{checks:?}") };
        assert_eq!((check.verdict, check.exit), (verdict, exit), "{check:?}");
        assert!(check.fix.is_some() && check.finding.contains("asked for `/holdfast/memory`"), "{check:?}");
    }

    #[test]
    fn a_call_that_was_not_let_in_is_never_green() {
        check(Trouble::Denied, Verdict::Bad, Exit::Denied);
        check(Trouble::Credentials, Verdict::Bad, Exit::Denied);
        check(Trouble::Unavailable, Verdict::Bad, Exit::Unreachable);
        check(Trouble::Invalid, Verdict::NotChecked, Exit::Done);
        check(Trouble::Other, Verdict::NotChecked, Exit::Done);
    }

    #[test]
    fn calls_that_were_let_in_are_named_beside_one_that_was_not() {
        let error = CloudError { call: "b:B", problem: Trouble::Denied, message: "no".into() };
        let probes = vec![Probe { call: "a:A", answer: Ok(()) }, Probe { call: "b:B", answer: Err(error) }];
        let checks = told(probes, &"eu-central-1".parse().unwrap(), "it");
        assert_eq!(checks.iter().map(|check| check.verdict).collect::<Vec<_>>(), [Verdict::Good, Verdict::Bad]);
        assert_eq!(checks[0].finding, "eu-central-1: let in: a:A; asked for it");
    }
}
