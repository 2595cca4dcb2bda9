//! What people tell their account's agent, from a terminal: `hold`, `release`, `pin`, `unpin`, `approve`, `rollback`,
//! `trust reset`.
//!
//! Each is written where the agent reads it with its next turn, carries a reason, an end and the name that AWS knows its
//! author by, and tidies away what has ended. The agent itself writes none of it.
//!
//! Not here: how two who speak at once are kept apart ([`crate::store`]), and what an order does ([`plan::orders`]).

use crate::{
    clock::by_aws,
    cloud::{aws::Aws, count::Calls},
    config::Config,
    error::CommandError,
    git::Source,
    history,
    reading::Reading,
    revision,
    shipped::{Nobody, Shipped, place},
    stop::{Stopped, meant},
    store::{Document, Place, Store},
    world::World,
};
use aws_config::SdkConfig;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use manifests::id::{CommitId, PlanDigest, Region, StackKey, StackName};
use plan::{
    orders::{Approval, Hold, Orders, Pin, Reset, Rollback},
    quote::unprintable,
};

/// Why, and until when.
#[derive(Debug, Clone, Args)]
pub struct Said {
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Until when.
    #[command(flatten)]
    pub end: End,
}

/// Until when.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct End {
    /// For how long, such as `90m`, `4h` or `7d`
    #[arg(long = "for", value_name = "TIME")]
    pub time: Option<String>,
    /// Until when, such as `2026-12-24T18:00Z`
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Why, and until when, with an end that is usual.
#[derive(Debug, Clone, Args)]
pub struct Until {
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// For how long the agent may find it, such as `90m`, `4h` or `7d`
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    pub time: String,
}

/// What goes with an approval.
#[derive(Debug, Clone, Args)]
pub struct Leave {
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// For how long, such as `90m`, `4h` or `7d`
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    pub time: String,
    /// Approve what is not held here yet
    #[arg(long)]
    pub ahead: bool,
}

/// What is said.
#[derive(Debug, Clone)]
pub enum Order {
    /// Leave a stack, or the whole account, alone; also one that is not there yet, if so.
    Hold(Option<String>, bool, Said),
    /// Do so no longer.
    Release(Option<String>),
    /// Stay at this commit.
    Pin(String, Said),
    /// Follow the branch again, with everything or with one stack.
    Unpin(Option<String>),
    /// Go ahead with exactly this.
    Approve(String, Leave),
    /// Follow the branch to this commit, although it does not descend from the last one that was accepted.
    Reset(String, Until),
    /// Let one stack stay as an earlier commit asked for it; without one, as the change before the last one did.
    RollBack(String, Option<String>, Said),
}

/// The same, understood: what becomes of the orders.
#[derive(Debug, Clone)]
enum Change {
    Hold(Hold),
    Release(Option<StackName>),
    Pin(Pin),
    Unpin,
    Approve(Approval),
    RollBack(Rollback),
    Reset(Reset),
    Unroll(StackName),
}

/// Says it, and answers what is in force then.
///
/// # Errors
/// When it makes no sense, or can't be read or written.
pub(crate) async fn say(config: &Config, aws: &SdkConfig, order: Order) -> Result<Orders, CommandError> {
    let calls = Calls::default();
    let place = place(config, aws, &calls)?;
    let caller = Aws::new(aws.clone(), calls.clone()).caller().await.map_err(Stopped::Identity)?;
    meant(config.account.as_ref(), caller.account.clone())?;
    // The agent counts by AWS's clock, so what it is told ends by that one too.
    let now = by_aws(&calls);
    let desk = Desk { config, aws, place: &place, now, by: caller.name().to_owned() };
    let change = desk.understood(order).await?;
    place.tell(change.document(), |orders| change.apply(orders.in_force(now))).await
}

/// What the account's agent is told while everything of it is taken away: to leave it all alone. Answers until when.
pub(crate) async fn stand_aside(place: &Place, now: Timestamp, by: &str) -> Result<Timestamp, CommandError> {
    let until = later(now, "24h")?;
    let reason = "`holdfast uninstall --delete` is at work".to_owned();
    let change = Change::Hold(Hold { stack: None, until, reason, by: by.to_owned() });
    place.tell(change.document(), |orders| change.apply(orders.in_force(now))).await?;
    Ok(until)
}

/// Takes that back, once there is nothing left that it could hold.
pub(crate) async fn come_back(place: &Place, now: Timestamp) -> Result<(), CommandError> {
    let change = Change::Release(None);
    place.tell(change.document(), |orders| change.apply(orders.in_force(now))).await.map(drop)
}

/// Where what a person says is understood.
struct Desk<'a> {
    config: &'a Config,
    aws: &'a SdkConfig,
    place: &'a Place,
    now: Timestamp,
    by: String,
}

impl Desk<'_> {
    async fn understood(&self, order: Order) -> Result<Change, CommandError> {
        Ok(match order {
            Order::Hold(stack, ahead, said) => {
                let (stack, (until, reason)) = (stack.map(|stack| name(&stack)).transpose()?, said.parts(self.now)?);
                if let Some(stack) = stack.as_ref().filter(|_| !ahead) {
                    self.is_known(stack).await?;
                }
                Change::Hold(Hold { stack, until, reason, by: self.by.clone() })
            }
            Order::Release(stack) => Change::Release(stack.map(|stack| name(&stack)).transpose()?),
            Order::Pin(revision, said) => {
                let (until, reason) = said.parts(self.now)?;
                let commit = self.commit(&revision, None).await?;
                Change::Pin(Pin { commit, until, reason, by: self.by.clone() })
            }
            Order::Unpin(None) => Change::Unpin,
            Order::Unpin(Some(stack)) => Change::Unroll(name(&stack)?),
            Order::Approve(plan, leave) => {
                let plan: PlanDigest = plan.parse().map_err(|error| mistake("DIGEST", error))?;
                let until = later(self.now, &leave.time)?;
                if !leave.ahead {
                    self.is_held(&plan).await?;
                }
                Change::Approve(Approval { plan, until, reason: sensible(leave.reason)?, by: self.by.clone() })
            }
            Order::Reset(revision, said) => {
                let (until, reason) = (later(self.now, &said.time)?, sensible(said.reason)?);
                let commit = self.head(&revision).await?;
                Change::Reset(Reset { commit, until, reason, by: self.by.clone() })
            }
            Order::RollBack(stack, revision, said) => {
                let (stack, (until, reason)) = (name(&stack)?, said.parts(self.now)?);
                let revision = match (revision, self.sent_back(&stack).await?) {
                    (Some(revision), _) => revision,
                    // It is said once more, for longer.
                    (None, Some(commit)) => commit.to_string(),
                    (None, None) => history::before(self.config, self.aws, self.place, &stack).await?.to_string(),
                };
                let commit = self.commit(&revision, Some(&stack)).await?;
                Change::RollBack(Rollback { stack, commit, until, reason, by: self.by.clone() })
            }
        })
    }

    /// The commit that is meant, which can be read, and asks for this stack.
    async fn commit(&self, revision: &str, stack: Option<&StackName>) -> Result<CommitId, CommandError> {
        let (world, settings) = Shipped::new(self.config, self.aws, Calls::default(), Nobody)?;
        let commit = revision::named(world.source(), &settings.branch, revision).await?;
        let unreadable = |why: String| CommandError::Refused(format!("{} can't be gone to: {why}", commit.short()));
        let accepted = self.place.open().await?.memory.and_then(|memory| memory.accepted);
        let reading = Reading::trusted(world.source(), &commit, accepted.as_ref()).await.map_err(unreadable)?;
        let asks = |stack: &&StackName| !reading.repository.stacks.values().any(|asked| asked.stack_name == **stack);
        match stack.filter(asks) {
            Some(stack) => Err(unreadable(format!("no manifest asks for a stack `{stack}` there"))),
            None => Ok(commit),
        }
    }

    /// The commit to which a stack is sent back already.
    async fn sent_back(&self, stack: &StackName) -> Result<Option<CommitId>, CommandError> {
        let orders = self.place.orders().await?.in_force(self.now);
        Ok(orders.rollbacks.into_iter().find(|rollback| rollback.stack == *stack).map(|rollback| rollback.commit))
    }

    /// Refuses a name that this account's agent has never had a stack of: a slip would hold nothing.
    async fn is_known(&self, stack: &StackName) -> Result<(), CommandError> {
        let Some(memory) = self.place.open().await?.memory else { return Ok(()) };
        let key = |region: &Region| StackKey { region: region.clone(), stack: stack.clone() };
        let known = memory.noticed.iter().chain(&memory.regions).any(|region| memory.knows(&key(region)))
            || memory.stacks().keys().any(|key| key.stack == *stack);
        if known {
            return Ok(());
        }
        Err(CommandError::Refused(format!(
            "this account's agent has no stack `{stack}`; `--ahead` holds one that is still to come"
        )))
    }

    /// The branch's head, if it is the one that is meant.
    async fn head(&self, revision: &str) -> Result<CommitId, CommandError> {
        let (world, settings) = Shipped::new(self.config, self.aws, Calls::default(), Nobody)?;
        let head = world.source().offered(None).await?.commit;
        if revision.len() >= 7 && head.as_str().starts_with(revision) {
            return Ok(head);
        }
        let branch = settings.branch;
        Err(CommandError::Refused(format!(
            "the branch `{branch}` is at {head}, and only that commit can be followed to"
        )))
    }

    /// An approval of what nobody holds is most often a digest with a slip in it.
    async fn is_held(&self, plan: &PlanDigest) -> Result<(), CommandError> {
        let memory = self.place.open().await?.memory;
        let held = memory.iter().flat_map(|memory| memory.stacks()).filter_map(|(key, known)| {
            let held = known.held.as_ref()?;
            Some((key, held.plan.get(..16)?, held.plan.starts_with(plan.as_str())))
        });
        let held: Vec<_> = held.collect();
        if held.iter().any(|(_, _, is_meant)| *is_meant) {
            return Ok(());
        }
        let all: Vec<String> = held.iter().map(|(key, digest, _)| format!("{digest} ({key})")).collect();
        let all = if all.is_empty() { "nothing is".to_owned() } else { format!("held are {}", all.join(", ")) };
        Err(CommandError::Refused(format!(
            "no change is held here under the digest {plan}: {all}; `--ahead` approves what is still to come"
        )))
    }
}

impl Said {
    /// Until when, and why.
    fn parts(self, now: Timestamp) -> Result<(Timestamp, String), CommandError> {
        let until = match (&self.end.time, &self.end.until) {
            (Some(time), _) => later(now, time)?,
            (None, Some(until)) => until.parse().map_err(|_: jiff::Error| {
                mistake("--until", format!("`{until}` is no time such as `2026-12-24T18:00Z`"))
            })?,
            (None, None) => return Err(mistake("--for", "an end has to be said")),
        };
        if until <= now {
            return Err(mistake("--until", format!("{until:.0} is over")));
        }
        Ok((until, sensible(self.reason)?))
    }
}

impl Change {
    fn document(&self) -> Document {
        match self {
            Self::Hold(_) | Self::Release(_) => Document::Hold,
            Self::Pin(_) | Self::Unpin => Document::Pin,
            Self::Approve(_) => Document::Approvals,
            Self::RollBack(_) | Self::Unroll(_) => Document::Rollbacks,
            Self::Reset(_) => Document::Reset,
        }
    }

    /// The orders with one more, or one fewer.
    fn apply(&self, mut orders: Orders) -> Result<Orders, CommandError> {
        let nothing = |what: &str| Err(CommandError::Refused(format!("{what}, so there is nothing to end")));
        match self {
            Self::Hold(hold) => {
                orders.holds.retain(|other| other.stack != hold.stack);
                orders.holds.push(hold.clone());
            }
            Self::Release(stack) if !orders.holds.iter().any(|hold| hold.stack == *stack) => {
                let what = stack.as_ref().map_or("the whole account".into(), |stack| format!("the stack `{stack}`"));
                return nothing(&format!("{what} is not on hold"));
            }
            Self::Release(stack) => orders.holds.retain(|hold| hold.stack != *stack),
            Self::Pin(pin) => orders.pin = Some(pin.clone()),
            Self::Unpin if orders.pin.is_none() => return nothing("the account is not pinned"),
            Self::Unpin => orders.pin = None,
            Self::Approve(approval) => {
                orders.approvals.retain(|other| other.plan != approval.plan);
                orders.approvals.push(approval.clone());
            }
            Self::RollBack(rollback) => {
                orders.rollbacks.retain(|other| other.stack != rollback.stack);
                orders.rollbacks.push(rollback.clone());
            }
            Self::Reset(reset) => orders.reset = Some(reset.clone()),
            Self::Unroll(stack) if !orders.rollbacks.iter().any(|rollback| rollback.stack == *stack) => {
                return nothing(&format!("the stack `{stack}` is not rolled back"));
            }
            Self::Unroll(stack) => orders.rollbacks.retain(|rollback| rollback.stack != *stack),
        }
        Ok(orders)
    }
}

fn later(now: Timestamp, time: &str) -> Result<Timestamp, CommandError> {
    let time = manifests::id::duration(time).map_err(|error| mistake("--for", error))?;
    if time.is_zero() {
        return Err(mistake("--for", "no time at all is over at once"));
    }
    let until = SignedDuration::try_from(time).ok().and_then(|time| now.checked_add(time).ok());
    Ok(until.unwrap_or(Timestamp::MAX))
}

fn sensible(reason: String) -> Result<String, CommandError> {
    if reason.trim().is_empty() || reason.chars().count() > 256 || reason.contains(unprintable) {
        return Err(mistake("--reason", "has to say something, on one line of at most 256 characters"));
    }
    Ok(reason)
}

fn name(stack: &str) -> Result<StackName, CommandError> {
    stack.parse().map_err(|error| mistake("STACK", error))
}

fn mistake(key: &'static str, why: impl std::fmt::Display) -> CommandError {
    CommandError::Usage { key, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::orders::in_force;

    fn hold(stack: &str) -> Change {
        let stack = (!stack.is_empty()).then(|| stack.parse().unwrap());
        Change::Hold(Hold { stack, until: Timestamp::MAX, reason: "incident".into(), by: "alice".into() })
    }

    #[track_caller]
    fn check(changes: &[Change], expect: Result<&str, &str>) {
        let all = changes.iter().try_fold(Orders::default(), |orders, change| change.apply(orders));
        match (all.map(|orders| in_force(&orders)), expect) {
            (Ok(text), Ok(expect)) => assert!(text.starts_with(expect), "{text}"),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (done, expect) => panic!("{done:?} for {expect:?}"),
        }
    }

    #[test]
    fn one_order_for_one_thing_and_what_is_not_there_can_not_be_ended() {
        check(&[hold("net"), hold("net")], Ok("on hold: net: incident (alice)"));
        check(&[hold("")], Ok("on hold: the whole account: incident (alice)"));
        check(&[hold("net"), Change::Release(Some("net".parse().unwrap()))], Ok("nothing is on hold"));
        check(&[hold("net"), Change::Release(None)], Err("the whole account is not on hold"));
        check(&[Change::Release(Some("net".parse().unwrap()))], Err("the stack `net` is not on hold"));
        check(&[Change::Unpin], Err("the account is not pinned"));
        check(&[Change::Unroll("net".parse().unwrap())], Err("the stack `net` is not rolled back"));
    }

    #[track_caller]
    fn ends(time: Option<&str>, until: Option<&str>, reason: &str, expect: Result<&str, &str>) {
        let end = End { time: time.map(Into::into), until: until.map(Into::into) };
        let said = Said { reason: reason.into(), end };
        match (said.parts(Timestamp::UNIX_EPOCH), expect) {
            (Ok((until, _)), Ok(expect)) => assert_eq!(until.to_string(), expect),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (done, expect) => panic!("{done:?} for {expect:?}"),
        }
    }

    #[test]
    fn an_end_is_a_time_or_a_moment_that_is_still_to_come_and_a_reason_is_a_line() {
        ends(Some("4h"), None, "r", Ok("1970-01-01T04:00:00Z"));
        ends(None, Some("2026-12-24T18:00Z"), "r", Ok("2026-12-24T18:00:00Z"));
        ends(None, Some("1969-12-24T18:00Z"), "r", Err("is over"));
        ends(None, Some("tomorrow"), "r", Err("--until"));
        ends(Some("soon"), None, "r", Err("is not a duration"));
        ends(Some("0s"), None, "r", Err("is over at once"));
        ends(Some("4h"), None, " ", Err("has to say something"));
        ends(Some("4h"), None, "a\nb", Err("on one line"));
        ends(Some("4h"), None, "a\u{202e}b", Err("on one line"));
    }
}
