//! The story. Each scene does one thing to the repository or the accounts, lets every agent take a turn, shows what
//! came of it, and checks that it is what was announced.

use crate::{
    pages::Pages,
    stage::{Stage, StageError, Turn},
    telling::Telling,
};
use manifests::report::{State, What};
use std::collections::BTreeMap;

/// Tells it.
pub(crate) fn tell(mut telling: Telling) -> Result<(), StageError> {
    telling.scene("A repository, four accounts, nothing in them");
    let stage = Stage::set()?;
    first_convergence(&stage, &mut telling)?;
    settled(&stage, &mut telling)?;
    a_hand(&stage, &mut telling)?;
    one_change(&stage, &mut telling)?;
    a_failure(&stage, &mut telling)?;
    a_replacement(&stage, &mut telling)?;
    a_disappearance(&stage, &mut telling)?;
    let pages = the_fleet(&stage, &mut telling)?;
    telling.end("Eight scenes, and each account is as its repository says, or says why not.");
    pages.look();
    Ok(())
}

fn first_convergence(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.line("Each agent reads the commit, and makes what it asks for, what others depend on first.");
    let turns = stage.turns()?;
    for turn in &turns {
        let created = happened(turn, What::Created);
        telling.line(&format!("{}: {created} stacks created, {}", name(turn), calls(turn)));
        telling.turn(machine(turn));
        expect(turn, turn.report.state == State::InSync && created > 0, "every stack came up")?;
    }
    telling.quote("holdfast-hub run --once", &stage.hub()?);
    Ok(())
}

fn settled(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.scene("Nothing has changed: a settled turn");
    telling.line("CloudFormation has looked at every stack once more, for what somebody else may have changed:");
    for turn in &stage.turns()? {
        let drifts = || turn.report.stacks.iter().filter_map(|stack| stack.drift.as_ref());
        let (compared, of) =
            (drifts().map(|it| it.compared).sum::<u32>(), drifts().map(|it| it.resources).sum::<u32>());
        telling.line(&format!("{}: {compared} of {of} resources could be compared, and none was changed", name(turn)));
        telling.turn(machine(turn));
        expect(turn, turn.report.state == State::InSync && compared > 0, "drift is looked for, and there is none")?;
    }
    telling.line("From then on:");
    for turn in &stage.turns()? {
        telling.line(&format!("{}: {}, {}", name(turn), turn.report.state.as_str(), calls(turn)));
        telling.turn(machine(turn));
        let reads = turn.report.calls.keys().all(|call| READS.contains(&call.as_str()));
        expect(turn, reads && turn.report.happened.is_empty(), "a settled turn writes nothing")?;
    }
    Ok(())
}

/// Every call that a settled turn may make.
const READS: [&str; 4] = ["cloudformation:DescribeStacks", "ssm:GetParameters", "sts:GetCallerIdentity", "git:request"];

/// Who it is that does not go by the book.
const MALLORY: &str = "role/Admin/mallory";

fn a_hand(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.scene("Somebody changes a resource by hand, and it is put back");
    let account = &stage.accounts()[0];
    let listener = stage.listen(account)?;
    telling.line(&format!("{account}: an agent runs, and reads a queue of the account's own events."));
    stage.tamper(account, ("audit-log", "LogGroup"), ("RetentionInDays", 90.into()), MALLORY)?;
    telling.line("Somebody has the audit log forget after 90 days.");
    let told = listener.healed(stage, account)?;
    for line in &told {
        telling.line(line);
    }
    let named = told.iter().any(|line| line.contains("drifted: LogGroup") && line.contains("mallory"));
    if !named || !told.iter().any(|line| line.contains("put back LogGroup")) {
        return Err(StageError::Untrue(format!("it was not told who it was, or that it was put back: {told:?}")));
    }
    for turn in &stage.turns()? {
        telling.turn(machine(turn));
        let healed = turn.report.stacks.iter().filter(|stack| stack.state == State::Healed).count();
        let expected = usize::from(turn.report.account == *account);
        expect(turn, healed == expected, "it is healed, and nobody else was touched")?;
    }
    telling.quote("holdfast-hub run --once", &stage.hub()?);
    Ok(())
}

fn one_change(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.scene("A commit changes one stack");
    stage.edit("stacks/audit-log.yaml", "LogRetentionDays: \"365\"", "LogRetentionDays: \"731\"")?;
    let commit = stage.commit("keep the audit log for two years")?;
    telling.line(&format!("{commit} keep the audit log for two years"));
    telling.quote("holdfast plan", &stage.plan(&stage.accounts()[0])?);
    for turn in &stage.turns()? {
        let updated = happened(turn, What::Updated);
        telling.line(&format!("{}: {updated} stack updated, {}", name(turn), calls(turn)));
        telling.turn(machine(turn));
        expect(turn, is_good(turn) && updated == 1, "one stack changed, and one only")?;
    }
    Ok(())
}

fn a_failure(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.scene("A commit whose change fails in the accounts, and is undone");
    stage.plant("security-events", "Finding", "Resource handler returned message: \"Rate for rule updates exceeded\"");
    stage.edit("templates/security-events.yaml", "GuardDuty found something", "GuardDuty has found something")?;
    let commit = stage.commit("say it in the perfect tense")?;
    telling.line(&format!("{commit} say it in the perfect tense"));
    for turn in &stage.turns()? {
        let failed = turn.report.happened.iter().find(|happening| happening.what == What::Failed);
        let others =
            turn.report.stacks.iter().filter(|stack| matches!(stack.state, State::InSync | State::Healed)).count();
        let why = failed.map(|failed| failed.sentence.clone()).unwrap_or_default();
        telling.line(&format!("{}: {} — {others} other stacks stay in sync", name(turn), why));
        telling.turn(machine(turn));
        expect(turn, turn.report.state == State::Failed && others > 0, "the failure is told, the rest stands")?;
    }
    telling.quote("holdfast-hub run --once", &stage.hub()?);
    telling.line("The commit is reverted.");
    stage.edit("templates/security-events.yaml", "GuardDuty has found something", "GuardDuty found something")?;
    stage.commit("back to the simple past")?;
    for turn in &stage.turns()? {
        telling.turn(machine(turn));
        expect(turn, is_good(turn), "the revert finds everything as it was")?;
    }
    Ok(())
}

fn a_replacement(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.scene("A commit that would replace a table, and with it everything in the table");
    for line in ["AttributeName: Event, AttributeType", "AttributeName: Event, KeyType"] {
        stage.edit("templates/break-glass-uses.yaml", line, &line.replace("Event", "EventId"))?;
    }
    let commit = stage.commit("a better name for the sort key")?;
    telling.line(&format!("{commit} a better name for the sort key"));
    telling.quote("holdfast plan", &stage.plan(&stage.accounts()[0])?);
    for turn in &stage.turns()? {
        let held = turn.report.happened.iter().filter(|happening| happening.what == What::Held).count();
        let why = turn.report.why.clone().unwrap_or_default();
        telling.line(&format!("{}: {held} held: {why}", name(turn)));
        telling.turn(machine(turn));
        expect(turn, turn.report.state == State::Held && held > 0, "the replacement is held, with its reason")?;
    }
    telling.line("Nothing was replaced. The commit is reverted.");
    for line in ["AttributeName: EventId, AttributeType", "AttributeName: EventId, KeyType"] {
        stage.edit("templates/break-glass-uses.yaml", line, &line.replace("EventId", "Event"))?;
    }
    stage.commit("the old name of the sort key")?;
    for turn in &stage.turns()? {
        telling.turn(machine(turn));
        expect(turn, is_good(turn), "the table was never touched")?;
    }
    Ok(())
}

fn a_disappearance(stage: &Stage, telling: &mut Telling) -> Result<(), StageError> {
    telling.scene("A manifest disappears, and its stack does not");
    stage.remove("stacks/break-glass-journal.yaml")?;
    let commit = stage.commit("remove the journal")?;
    telling.line(&format!("{commit} remove the journal"));
    for turn in &stage.turns()? {
        let kept = turn.report.stacks.iter().find(|stack| stack.state == State::Excepted);
        let why = kept.and_then(|stack| stack.why.clone()).unwrap_or_default();
        telling.line(&format!("{}: {why}", name(turn)));
        telling.turn(machine(turn));
        let deleted = happened(turn, What::Deleted);
        expect(turn, kept.is_some() && deleted == 0, "nothing is deleted that did not say so")?;
    }
    telling.quote("holdfast-hub run --once", &stage.hub()?);
    Ok(())
}

fn the_fleet(stage: &Stage, telling: &mut Telling) -> Result<Pages, StageError> {
    telling.scene("All accounts on one page");
    let pages = stage.pages()?;
    telling.line(&format!("The hub has kept every report, and shows them at {}", pages.address()));
    let first = pages.document("/index.json")?;
    let share = &first["compliance"];
    let (good, all) = (&share["stacksGood"], &share["stacks"]);
    telling.line(&format!("{good} of {all} stacks are in sync, in {} accounts", share["accounts"]));
    for path in ["/accounts", "/stacks", "/commits", "/drift", "/controls", "/exceptions", "/events"] {
        let list = pages.document(&format!("{path}.json"))?;
        let rows = list["rows"].as_array().map_or(0, Vec::len);
        telling.line(&format!("{path}: {rows}"));
    }
    let drifted = pages.document("/events.json?what=drifted")?;
    let is_named = drifted["rows"][0]["sentence"].as_str().is_some_and(|sentence| sentence.contains("mallory"));
    if share["accounts"] != stage.accounts().len() || good == all || !is_named {
        return Err(StageError::Untrue(format!("the pages do not show what happened: {first} {drifted}")));
    }
    Ok(pages)
}

/// In sync, perhaps after something was put back.
fn is_good(turn: &Turn) -> bool {
    matches!(turn.report.state, State::InSync | State::Healed)
}

fn expect(turn: &Turn, truth: bool, what: &str) -> Result<(), StageError> {
    if truth {
        return Ok(());
    }
    let why = turn.report.why.as_deref().unwrap_or("it says nothing about why");
    Err(StageError::Untrue(format!("{what}: not so in {} ({}: {why})", name(turn), turn.report.state.as_str())))
}

fn name(turn: &Turn) -> String {
    let name = turn.report.account_name.as_deref().unwrap_or("an account");
    format!("{} {name}", turn.report.account)
}

fn happened(turn: &Turn, what: What) -> usize {
    turn.report.happened.iter().filter(|happening| happening.what == what).count()
}

/// `21 calls: cloudformation 19, ssm 1, sts 1`.
fn calls(turn: &Turn) -> String {
    let mut services: BTreeMap<&str, u64> = BTreeMap::new();
    for (call, count) in &turn.report.calls {
        *services.entry(call.split(':').next().unwrap_or(call)).or_default() += count;
    }
    let total: u64 = services.values().sum();
    let each: Vec<String> = services.iter().map(|(service, count)| format!("{service} {count}")).collect();
    format!("{total} calls: {}", each.join(", "))
}

fn machine(turn: &Turn) -> serde_json::Value {
    serde_json::to_value(&turn.report).unwrap_or_default()
}
