//! Whether the repository answers, and whether its head would be worked towards.

use super::Check;
use crate::{
    accept::accept, error::Exit, git::Source, reading::Reading, show::counted, store::Kept, trust::Trust, world::World,
};
use jiff::Timestamp;

/// Asks for the branch's head and reads it.
pub(super) async fn repository<W: World>(
    world: &W,
    kept: Option<&Kept>,
    (trust, now): (&Trust, Timestamp),
) -> (Check, Option<Reading>) {
    const NAME: &str = "repository";
    let last = kept.and_then(|kept| kept.memory.as_ref()?.accepted.clone());
    let offered = match world.source().offered(last.as_ref()).await {
        Ok(offered) => offered,
        Err(error) => return (Check::failed(NAME, error), None),
    };
    let remembered = kept.and_then(|kept| kept.memory.as_ref());
    let seal = remembered.and_then(|memory| memory.seal.as_ref());
    let seen = remembered.and_then(|memory| memory.seen).unwrap_or(now);
    let proven = trust.prove(world.source(), offered, (last.as_ref(), seal), seen).await;
    let reset = kept.and_then(|kept| kept.orders.as_ref().ok()?.in_force(now).reset);
    let accepted = match proven.and_then(|proven| accept(proven, last.as_ref(), reset.as_ref())) {
        Ok(accepted) => accepted,
        Err(refused) => {
            return (Check::bad(NAME, Exit::Unreachable, refused.to_string(), None), None);
        }
    };
    let commit = accepted.commit();
    let reading = match Reading::read(world.source(), commit).await {
        Ok(reading) => reading,
        Err(error) => {
            let fix = "a commit that mends it; `holdfast validate` checks a folder first";
            return (Check::bad(NAME, Exit::Unreachable, error.to_string(), Some(fix.into())), None);
        }
    };
    let stacks = counted(reading.repository.stacks.len(), "stack manifest");
    let check = match reading.problems() {
        [] => Check::good(NAME, format!("at {}: {stacks}", commit.short())),
        [first, ..] => {
            let problems = counted(reading.problems().len(), "problem");
            let finding = format!("at {}: {stacks}, {problems}, the first: {first}", commit.short());
            Check::bad(NAME, Exit::Failed, finding, Some("a commit that mends it; the other stacks go on".into()))
        }
    };
    (check, Some(reading))
}
