//! One small story, told again and again with an agent that is killed before or after each of its calls.

use super::{Chaos, ME, RAILS, Want, me};
use std::time::Duration;

/// A small story: two stacks come up, one of them changes, the other goes. Answers the calls that it took.
fn story(crash: Option<(u64, bool)>) -> u64 {
    let mut chaos = Chaos::new(0, None);
    let rails = RAILS.replace("grace: 5m", "grace: 0s");
    chaos.all.here(ME).store.guardrails.replace(Some(rails));
    let want = |value: &str| Want { value: value.into(), generation: 0, prune: true, needs: None };
    let began = chaos.all.accounts.borrow().calls();
    if let Some((call, after)) = crash {
        chaos.all.accounts.borrow_mut().crash_at(began + call, after);
    }
    for values in [vec![("a", "1"), ("b", "1")], vec![("a", "2"), ("b", "1")], vec![("a", "2")]] {
        for name in ["a", "b"] {
            match values.iter().find(|(wanted, _)| *wanted == name) {
                Some((_, value)) => chaos.write(name, &want(value)),
                None => chaos.all.commits.remove(&format!("{name}.yaml")),
            }
        }
        chaos.wanted = values.iter().map(|(name, value)| ((*name).to_owned(), want(value))).collect();
        chaos.commit();
        // Whoever died is started again, after a while.
        for _ in 0..3 {
            chaos.turn();
            chaos.check();
            chaos.all.pass(Duration::from_secs(120));
        }
    }
    let calls = chaos.all.accounts.borrow().calls() - began;
    chaos.all.accounts.borrow_mut().crash_at(0, false);
    chaos.converged();
    assert!(chaos.broken.is_empty(), "killed at {crash:?}: {:#?}", chaos.broken);
    let executed = chaos.all.accounts.borrow_mut().account(&me()).calls["cloudformation:ExecuteChangeSet"];
    // Killed before the call was made, it is counted and made once more.
    assert!(
        executed <= 3 + u64::from(crash.is_some_and(|(_, after)| !after)),
        "killed at {crash:?}: {executed} executions"
    );
    calls
}

#[test]
fn killed_before_or_after_any_call_it_goes_on_and_does_nothing_twice() {
    let calls = story(None);
    assert!(calls > 30, "the story is told in {calls} calls");
    for call in 1..=calls {
        story(Some((call, false)));
        story(Some((call, true)));
    }
}
