//! Whether the agent may make the calls that it makes, region by region.

use super::Check;
use crate::{
    cloud::{
        Cloud, CloudError, Trouble,
        aws::Aws,
        probe::{Probe, let_in},
    },
    config::{Config, MemoryPlace},
    error::Exit,
    reading::Reading,
    store::Kept,
    world::{Settings, World},
};
use manifests::{
    check::Asks,
    id::{AccountId, Digest, Region, StackKey},
};
use plan::select::{Account, regions};
use std::collections::BTreeSet;

/// What is known when permissions are asked about.
pub(super) struct Asked<'a, W> {
    pub(super) config: &'a Config,
    pub(super) world: &'a W,
    pub(super) settings: &'a Settings,
    pub(super) kept: Option<&'a Kept>,
    pub(super) reading: Option<&'a Reading>,
}

impl<W: World<Cloud = Aws>> Asked<'_, W> {
    /// Every permission that can be asked about without changing anything.
    pub(super) async fn permissions(&self, id: AccountId) -> Vec<Check> {
        let nobody = manifests::fleet::Fleet::default();
        let fleet = self.reading.map_or(&nobody, Reading::fleet);
        let account = Account::new(id, self.settings.home.clone(), fleet);
        let mut all = Vec::new();
        for region in self.regions(&account) {
            all.extend(self.stacks(&region).await);
        }
        all.extend(self.alarms().await);
        all.extend(self.bucket(&account).await);
        if let MemoryPlace::Parameter(name) = &self.config.memory {
            let finding =
                format!("ssm:PutParameter on `{name}` and its lease: only known once something is remembered");
            all.push(Check::unchecked("permissions", finding));
        }
        all
    }

    fn regions(&self, account: &Account) -> BTreeSet<Region> {
        let mut all = self.reading.map(|reading| regions(&reading.repository, account)).unwrap_or_default();
        all.extend(
            self.kept.and_then(|kept| kept.memory.as_ref()).into_iter().flat_map(|memory| memory.regions.clone()),
        );
        all.insert(self.settings.home.clone());
        all
    }

    /// What is asked of CloudFormation in a region.
    async fn stacks(&self, region: &Region) -> Vec<Check> {
        const NAME: &str = "permissions";
        let cloud = self.world.cloud();
        if let Err(error) = cloud.stacks(region).await {
            return vec![Check::failed(NAME, error)];
        }
        let name = self.unused();
        let Ok(stack) = name.parse() else {
            let finding = format!("no stack's name begins like the guardrails want it (`{name}`)");
            return vec![Check::unchecked(NAME, finding)];
        };
        let key = StackKey { region: region.clone(), stack };
        let mut probes = vec![
            let_in("cloudformation:DescribeChangeSet", cloud.change_set(&key, &name, false).await),
            let_in("cloudformation:DescribeStackEvents", cloud.events(region, &name, None).await),
            let_in("cloudformation:DescribeEvents", cloud.validation(&key, &name).await),
            let_in("cloudformation:ListHookResults", cloud.hooks(&key, &name).await),
        ];
        probes.extend(cloud.writes(region, &name).await);
        let asked = probes.len();
        let mut all: Vec<Check> = probes.into_iter().filter_map(|probe| told(probe, region, &name)).collect();
        if all.is_empty() {
            let finding = format!("{region}: CloudFormation lets in all {asked} calls, asked for a stack `{name}`");
            all.push(Check::good(NAME, finding));
        }
        all
    }

    /// A name that no stack has, and that begins as the account wants its stacks to begin.
    fn unused(&self) -> String {
        let rails = self.kept.and_then(|kept| kept.guardrails.as_ref()).and_then(|rails| rails.as_ref().ok());
        let prefix = rails.and_then(|rails| rails.prefix.clone()).unwrap_or_default();
        let me = &self.settings.me;
        let digest = Digest::of(format!("{}|{}|{}", me.host, me.process, me.began).as_bytes());
        format!("{prefix}holdfast-doctor-{}", digest.short(16))
    }

    /// Only where somebody has checks of alarms.
    async fn alarms(&self) -> Option<Check> {
        const CALL: &str = "cloudwatch:DescribeAlarms";
        let stacks = self.reading?.repository.stacks.values();
        let is_alarm = |asks: &Asks| matches!(asks, Asks::Alarm { .. });
        let asked = stacks.flat_map(|stack| &stack.checks).any(|check| is_alarm(&check.asks));
        if !asked {
            return None;
        }
        let answer = self.world.cloud().alarms(&self.settings.home, &["holdfast-doctor".to_owned()].into()).await;
        let good = || Check::good("permissions", format!("{CALL} is allowed"));
        Some(told(let_in(CALL, answer), &self.settings.home, "holdfast-doctor").unwrap_or_else(good))
    }

    /// Whether the artifact bucket is there, and the account's own.
    async fn bucket(&self, account: &Account) -> Option<Check> {
        const NAME: &str = "artifact bucket";
        let rules = self.settings.shelving.as_ref()?;
        let shelf = rules.shelf(account, &self.settings.home);
        Some(match self.world.cloud().shelved(&shelf, &rules.prefix()).await {
            Ok(objects) => Check::good(NAME, format!("{}: {} objects", shelf.bucket, objects.len())),
            Err(error) => {
                let check = Check::failed(NAME, error);
                let fix = format!("make a bucket `{}` in this account, or let the agent list it", shelf.bucket);
                Check { fix: check.fix.or(Some(fix)), ..check }
            }
        })
    }
}

/// What there is to say of a call that was not let in.
fn told(probe: Probe, region: &Region, name: &str) -> Option<Check> {
    const NAME: &str = "permissions";
    let Probe { call, answer } = probe;
    let error: CloudError = answer.err()?;
    let denied = matches!(error.problem, Trouble::Denied | Trouble::Credentials);
    let finding = format!("{region}: {error} (asked for `{name}`)");
    if denied {
        let fix =
            format!("give the agent's role the permission `{call}`, for the stacks that it is to change at least");
        return Some(Check::bad(NAME, Exit::Denied, finding, Some(fix)));
    }
    Some(Check::unchecked(NAME, finding))
}
