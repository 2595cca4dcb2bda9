//! What the artifact bucket no longer needs, at the end of a turn: looked for once a day, and only when it can be told.

use super::Rounds;
use crate::{
    shelve,
    stop::Stopped,
    world::{World, now},
};
use plan::{facts::Found, select::Selected};

impl<W: World> Rounds<'_, W> {
    /// Once a day, deletes what lies in the artifact bucket and is used by nothing.
    pub(super) async fn sweep(&mut self, selected: &Selected, found: &Found, open: bool) -> Result<(), Stopped> {
        let now = now(self.world);
        let used = shelve::due(self.settings, (selected, found), self.memory.swept, now, open);
        if let (Some(rules), Some(used)) = (&self.settings.shelving, used) {
            self.memory.swept = Some(now);
            // Nobody else is at work, and whoever comes next knows that it was done today.
            self.keep().await?;
            shelve::sweep(self.world, rules, selected, found, &used).await;
        }
        Ok(())
    }
}
