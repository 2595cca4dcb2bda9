//! Whether the repository answers, whether its head would be worked towards, and what it asks.
//!
//! Nothing of it is remembered. A commit that is refused is not read: whatever it says, this account does not work towards it.

use super::Check;
use crate::{
    accept::accept,
    cloud::aws::Caller,
    error::Exit,
    git::{Descent, Offered, Source},
    reading::Reading,
    show::counted,
    store::Kept,
    trust::Trust,
    world::{Settings, World},
};
use jiff::Timestamp;
use manifests::fleet::Fleet;
use plan::select::Account;

/// Asks for the branch's head.
pub(super) async fn repository<W: World>(world: &W, kept: Option<&Kept>) -> Result<(Check, Offered), Check> {
    const NAME: &str = "repository";
    let last = kept.and_then(|kept| kept.memory.as_ref()?.accepted.as_ref());
    match world.source().offered(last).await {
        Ok(offered) => {
            Ok((Check::good(NAME, format!("it answers; the branch is at {}", offered.commit.short())), offered))
        }
        Err(error) => Err(Check::failed(NAME, error)),
    }
}

/// Whether the head would be accepted, and if so what is in it.
pub(super) async fn commit<W: World>(
    world: &W,
    offered: Offered,
    (kept, trust): (&Kept, &Trust),
    now: Timestamp,
) -> (Check, Option<Result<Reading, Check>>) {
    const NAME: &str = "commit";
    let memory = kept.memory.as_ref();
    let last = memory.and_then(|memory| memory.accepted.as_ref());
    let seal = memory.and_then(|memory| memory.seal.as_ref());
    let seen = memory.map_or(now, |memory| memory.first_seen(&offered.commit, now));
    let reset = kept.orders.as_ref().ok().and_then(|orders| orders.in_force(now).reset);
    let stands = match &offered.descent {
        Descent::First => "would be the first that this account accepts",
        Descent::Same => "is the one that was accepted last",
        Descent::Forward | Descent::Rewound | Descent::NotProven { .. } => "would be accepted",
    };
    let proven = trust.prove(world.source(), offered, (last, seal), seen).await;
    match proven.and_then(|proven| accept(proven, last, reset.as_ref())) {
        Ok(accepted) => {
            let commit = accepted.commit();
            let read = Reading::read(world.source(), commit).await.map_err(|error| {
                let fix = "a commit that mends it; `holdfast validate` checks a folder first";
                Check::bad("manifests", Exit::Unreachable, error.to_string(), fix)
            });
            (Check::good(NAME, format!("{} {stands}", commit.short())), Some(read))
        }
        Err(refused) => {
            let fix = "a commit that this account accepts; `holdfast verify` shows a signature, `holdfast trust reset` follows \
                       a branch that was meant to be rewritten";
            (Check::bad(NAME, Exit::Unreachable, refused.to_string(), fix), None)
        }
    }
}

/// What a commit asks, and what can't be understood in it.
pub(super) fn manifests(reading: &Reading, account: Option<&Account>) -> Check {
    const NAME: &str = "manifests";
    let stacks = &reading.repository.stacks;
    let mine =
        account.map(|account| stacks.values().filter(|stack| stack.targets.hold(&account.id, &account.labels)).count());
    let here = mine.map(|mine| format!(", {mine} for this account")).unwrap_or_default();
    let all = format!("{}{here}", counted(stacks.len(), "stack manifest"));
    match reading.problems() {
        [] if mine == Some(0) => {
            Check::warning(NAME, all, "nothing is asked of this account until the `targets` of a manifest hold it")
        }
        [] => Check::good(NAME, all),
        [first, ..] => {
            let problems = counted(reading.problems().len(), "problem");
            let finding = format!("{all}, {problems}, the first: {first}");
            Check::bad(NAME, Exit::Failed, finding, "a commit that mends it; the other stacks go on")
        }
    }
}

/// The account as the commit knows it.
pub(super) fn known(caller: &Caller, settings: &Settings, reading: Option<&Reading>) -> Account {
    let nobody = Fleet::default();
    Account::new(caller.account.clone(), settings.home.clone(), reading.map_or(&nobody, Reading::fleet))
}
