//! Every wait, hold and refusal is one sentence that says what ends it: the same in the terminal, the log, the report
//! and the hub. This file is where those sentences are.

use crate::{
    adopt::Bar, asked::Fingerprint, health::Health, memory::Started, quote::quote, rollback::RolledBack, stance::WayOut,
};
use alloc::string::String;
use core::fmt;
use jiff::Timestamp;
use manifests::{
    id::{AccountId, Name, Region, StackKey},
    report::State,
    stack::Location,
};

mod words;

/// Why a stack is not in sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is being changed, by us.
    Applying {
        /// What is going on.
        act: Started,
        /// Since when.
        since: Timestamp,
        /// CloudFormation's word for it.
        status: String,
    },
    /// It is being changed, longer than its manifest allows.
    Late {
        /// Since when.
        since: Timestamp,
        /// CloudFormation's word for it.
        status: String,
    },
    /// It is being changed, by somebody else.
    Busy {
        /// CloudFormation's word for it.
        status: String,
    },
    /// Its turn comes when others are done: only so many are changed at a time.
    ForSeat,
    /// A stack that it depends on is not in place.
    ForStack {
        /// Which.
        stack: StackKey,
        /// How that one stands.
        state: State,
    },
    /// A manifest that it depends on can't be read.
    ForManifest {
        /// Which.
        manifest: Name,
    },
    /// Its removal comes after all other changes.
    ForOthers,
    /// A failed change is tried again later.
    ForRetry {
        /// When.
        at: Timestamp,
        /// What did not work.
        why: String,
    },
    /// A person in the account told the agent to leave it alone.
    OnHold {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
        /// Who said so.
        by: String,
    },
    /// A person sent it back to an earlier form.
    RolledBack(RolledBack),
    /// Changes may not begin at this time.
    ForWindow {
        /// When they may.
        until: Option<Timestamp>,
        /// Why there is such a window.
        reason: Option<String>,
    },
    /// Its manifest has just left, and it is given a while.
    Leaving {
        /// Its manifest.
        manifest: Name,
        /// Until when.
        until: Timestamp,
    },
    /// The account's guardrails forbid it, whatever it would change.
    Fenced(String),
    /// Nothing at all may begin.
    Closed(String),
    /// The manifest says so.
    Suspended {
        /// Its reason.
        reason: String,
        /// Where.
        at: Location,
    },
    /// Its manifest left the repository, and nothing said that the stack may go with it.
    Kept {
        /// Its manifest.
        manifest: Name,
    },
    /// Its manifest left, it may go, but something forbids to conclude that nobody wants it.
    NotPruned {
        /// Its manifest.
        manifest: Name,
        /// What forbids it.
        because: String,
    },
    /// A limit stopped the change.
    Held(String),
    /// The account has no such label.
    NoLabel {
        /// Which.
        label: String,
        /// Which account.
        account: AccountId,
    },
    /// There is no such SSM parameter.
    NoParameter {
        /// Which.
        name: String,
        /// Where.
        region: Region,
    },
    /// The other stack has no such output.
    NoOutput {
        /// Its manifest.
        manifest: Name,
        /// The output.
        output: String,
        /// Where it was looked for.
        region: Region,
    },
    /// It depends on a manifest that has no stack in this account.
    NotHere {
        /// Which.
        manifest: Name,
    },
    /// The manifest can't be read.
    Broken(String),
    /// The change was refused, or did not work and was undone.
    Failed {
        /// What was asked.
        fingerprint: Fingerprint,
        /// How often it was tried.
        attempts: u32,
        /// CloudFormation's words.
        why: String,
    },
    /// Only a person can go on from here.
    Stuck {
        /// CloudFormation's word for it, and why, as far as anybody said.
        why: String,
        /// How often it was tried to get it going again.
        tried: u32,
        /// How.
        way_out: WayOut,
    },
    /// It would be deleted, and is protected against that.
    Protected {
        /// CloudFormation's word for it.
        status: String,
    },
    /// It came up again and again, and was gone each time.
    Flapping {
        /// How often within a day.
        times: usize,
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// A stack of that name exists that is not ours.
    Conflict {
        /// Whose it is, if its tags say.
        owner: Option<String>,
        /// Why it is not taken over.
        bar: Bar,
    },
    /// A stack of that name carries our tags and is not the one that was ours.
    Recreated {
        /// Why it is not taken over.
        bar: Bar,
    },
    /// It is part of another stack.
    Nested,
    /// Its status is a word that this version does not know.
    UnknownStatus(String),
    /// As much was destroyed as the account allows in 24 hours.
    ForBudget {
        /// When there is room again.
        until: Option<Timestamp>,
    },
    /// This turn has begun as much as the account allows in one.
    ForTurn {
        /// How much that is.
        most: u32,
        /// Of what: `changes`, `deletions`.
        what: &'static str,
    },
    /// It is there as it is asked for, or was, and is not known to be well.
    Health(Health),
    /// AWS refused what it was asked for this stack.
    Refused(String),
    /// A permission is missing, or the credentials are not good.
    Denied(String),
    /// AWS did not do what it was asked for this stack, and may another time.
    Trouble(String),
    /// Something could not be read.
    Unreadable {
        /// Where.
        region: Region,
        /// Why.
        why: String,
    },
}

impl Why {
    /// How a stack stands of which this is said.
    pub fn state(&self) -> State {
        match self {
            Self::Applying { .. } => State::Applying,
            Self::Health(health) => health.state(),
            Self::RolledBack(rolled_back) => rolled_back.state(),
            Self::Busy { .. }
            | Self::ForSeat
            | Self::ForStack { .. }
            | Self::ForManifest { .. }
            | Self::ForOthers
            | Self::ForWindow { .. }
            | Self::Leaving { .. }
            | Self::ForTurn { .. }
            | Self::ForBudget { .. } => State::Pending,
            Self::Suspended { .. } | Self::Kept { .. } | Self::OnHold { .. } => State::Excepted,
            Self::UnknownStatus(_) | Self::Unreadable { .. } | Self::Trouble(_) | Self::NotPruned { .. } => {
                State::Unknown
            }
            Self::Held(_) | Self::Fenced(_) | Self::Closed(_) | Self::Protected { .. } | Self::Flapping { .. } => {
                State::Held
            }
            Self::NoLabel { .. }
            | Self::NoParameter { .. }
            | Self::NoOutput { .. }
            | Self::NotHere { .. }
            | Self::Broken(_)
            | Self::Refused(_)
            | Self::Denied(_)
            | Self::ForRetry { .. }
            | Self::Failed { .. } => State::Failed,
            Self::Late { .. } | Self::Stuck { .. } | Self::Conflict { .. } | Self::Recreated { .. } | Self::Nested => {
                State::NeedsAPerson
            }
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applying { act, since, status } => {
                write!(f, "{} since {since:.0} ({status}); ends when CloudFormation is done", act.doing())
            }
            Self::Late { since, status } => words::late(f, since, status),
            Self::Busy { status } => {
                write!(f, "somebody else is changing it ({status}); ends when CloudFormation is done")
            }
            Self::ForSeat => f.write_str("waits for one of the stacks being changed now to be done"),
            Self::ForStack { stack, state } => write!(f, "waits for {stack} to be in sync (now: {})", state.as_str()),
            Self::ForManifest { manifest } => {
                write!(f, "waits for the manifest `{manifest}`, which can't be read; ends when it can")
            }
            Self::ForOthers => f.write_str("is removed once every stack that is wanted here is in sync"),
            Self::OnHold { until, reason, by } => words::on_hold(f, *until, reason, by),
            Self::ForWindow { until, reason } => words::window(f, *until, reason.as_deref()),
            Self::Leaving { manifest, until } => words::leaving(f, manifest, *until),
            Self::Fenced(why) | Self::Closed(why) => f.write_str(why),
            Self::ForRetry { at, why } => write!(f, "{why}; tried again at {at:.0}"),
            Self::Suspended { reason, at } => {
                write!(f, "suspended: {}; ends when `suspend` leaves {at}", quote(reason))
            }
            Self::Kept { manifest } => words::kept(f, manifest),
            Self::NotPruned { manifest, because } => {
                write!(f, "the manifest `{manifest}` no longer asks for it, but the stack stays: {because}")
            }
            Self::Held(why) => f.write_str(why),
            Self::Health(health) => health.fmt(f),
            Self::RolledBack(rolled_back) => rolled_back.fmt(f),
            Self::Broken(why) => write!(f, "{why}; ends with a commit that mends it"),
            Self::ForBudget { until } => words::budget(f, *until),
            Self::ForTurn { most, what } => words::turn(f, *most, what),
            Self::Refused(why) | Self::Denied(why) => write!(f, "{why}; ends when that is mended"),
            Self::Trouble(why) => write!(f, "{why}; tried again next turn"),
            Self::NoLabel { label, account } => {
                write!(f, "account {account} has no label `{label}`; ends when the fleet file gives it one")
            }
            Self::NoParameter { name, region } => {
                write!(f, "SSM parameter `{name}` does not exist in {region}; ends when it does")
            }
            Self::NoOutput { manifest, output, region } => {
                write!(f, "`{manifest}` has no output `{output}` in {region}; ends when its template gives it one")
            }
            Self::NotHere { manifest } => {
                write!(
                    f,
                    "depends on `{manifest}`, which has no stack here; ends when its `targets` and `regions` give it one"
                )
            }
            Self::Failed { fingerprint: _, attempts, why } => words::failed(f, *attempts, why),
            Self::Stuck { why, tried, way_out } => words::stuck(f, why, *tried, *way_out),
            Self::Protected { status } => words::protected(f, status),
            Self::Flapping { times, until } => words::flapping(f, *times, until),
            Self::Conflict { owner, bar } => words::conflict(f, owner.as_deref(), bar),
            Self::Recreated { bar } => words::recreated(f, bar),
            Self::Nested => {
                f.write_str("is part of another stack and left alone until the manifest takes another `stackName`")
            }
            Self::UnknownStatus(word) => {
                write!(
                    f,
                    "is {word}, which this version does not know; left alone until that passes or a newer agent runs"
                )
            }
            Self::Unreadable { region, why } => {
                write!(f, "could not be looked at in {region}: {why}; ends when that succeeds")
            }
        }
    }
}

impl Started {
    /// What is being done, as the beginning of a sentence.
    pub fn doing(self) -> &'static str {
        match self {
            Self::Create => "being created",
            Self::Update => "being updated",
            Self::Clear => "being cleared away, because it never came up,",
            Self::Continue => "having its rollback continued",
            Self::RollBack => "being rolled back",
            Self::Remove => "being deleted",
            Self::Back => "being brought back to an earlier form",
            Self::Heal => "having put back what somebody changed",
        }
    }
}
