//! The lines of a scenario in which a person tells the account something.

use super::{ME, Scene, number};
use jiff::Timestamp;
use plan::orders::{Approval, Hold, Pin, Rollback};

impl Scene {
    pub(super) fn order(&mut self, words: &[&str]) -> Result<(), String> {
        let (reason, by) = ("the reason".to_owned(), "alice".to_owned());
        let mut orders = self.all.here(ME).store.orders.borrow().clone();
        match words {
            ["hold", "everything", time] => {
                orders.holds.push(Hold { stack: None, until: self.until(time)?, reason, by })
            }
            ["hold", stack, time] => {
                let stack = Some(stack.parse().map_err(|error| format!("{error}"))?);
                orders.holds.push(Hold { stack, until: self.until(time)?, reason, by });
            }
            ["release", "everything"] => orders.holds.retain(|hold| hold.stack.is_some()),
            ["release", stack] => {
                orders.holds.retain(|hold| hold.stack.as_ref().is_none_or(|held| held.as_str() != *stack));
            }
            ["pin", at, time] => {
                let commit = self.commits[number(at)? as usize - 1].clone();
                orders.pin = Some(Pin { commit, until: self.until(time)?, reason, by });
            }
            ["unpin"] => orders.pin = None,
            ["approve", stack, time] => {
                let row = self.report()?.stacks.iter().find(|row| row.stack.as_str() == *stack);
                let plan = row.and_then(|row| row.plan.as_ref()).ok_or("nothing of it is held")?;
                let plan = plan.parse().map_err(|error| format!("{error}"))?;
                orders.approvals.push(Approval { plan, until: self.until(time)?, reason, by });
            }
            ["rollback", stack, at, time] => {
                let commit = self.commits[number(at)? as usize - 1].clone();
                let stack = stack.parse().map_err(|error| format!("{error}"))?;
                orders.rollbacks.push(Rollback { stack, commit, until: self.until(time)?, reason, by });
            }
            ["unroll", stack] => orders.rollbacks.retain(|rollback| rollback.stack.as_str() != *stack),
            other => return Err(format!("there is no such order: {other:?}")),
        }
        *self.all.here(ME).store.orders.borrow_mut() = orders;
        Ok(())
    }

    /// So much later than now.
    fn until(&self, time: &str) -> Result<Timestamp, String> {
        let time = manifests::id::duration(time).map_err(|error| error.to_string())?;
        self.all.accounts.borrow().now().checked_add(time).map_err(|error| error.to_string())
    }
}
