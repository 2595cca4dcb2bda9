//! The agent's own stack: how it is deployed by hand, what happens to it, and what came of that.

use super::{Ink, Style, counted};
use crate::{
    bootstrap::{Bundle, Deployed, End, TEMPLATE},
    teardown::Going,
    uninstall::Leaving,
};
use plan::facts::{Action, Change, StackEvent};
use serde_json::{Value, json};

/// What is said of the template that was printed, for a person.
pub fn how(bundle: &Bundle, style: Style) -> String {
    let missing = bundle.sound(None).err().unwrap_or_default();
    let mut text = format!(
        "{}\n  holdfast bootstrap … --deploy\n  aws cloudformation deploy --stack-name {} --template-file FILE --capabilities \
         CAPABILITY_NAMED_IAM --parameter-overrides",
        style.paint(Ink::Bold, "Either of these deploys it:"),
        bundle.key.stack,
    );
    for (name, value) in &bundle.parameters {
        text.push_str(&format!(" \\\n    {name}={}", quoted(value)));
    }
    for why in missing {
        text.push_str(&format!("\n{}", style.paint(Ink::Bad, &why)));
    }
    text
}

/// A word as a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@,+=".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The same for programs, as `create-stack` and `create-stack-set` take it.
pub fn bundle(bundle: &Bundle) -> Value {
    let told = |(name, value)| json!({ "ParameterKey": name, "ParameterValue": value });
    json!({
        "stackName": bundle.key.stack,
        "region": bundle.key.region,
        "capabilities": ["CAPABILITY_NAMED_IAM"],
        "parameters": bundle.parameters.iter().map(told).collect::<Vec<_>>(),
        "missing": bundle.sound(None).err().unwrap_or_default(),
        "template": TEMPLATE,
    })
}

/// One thing that happened, a line.
pub fn event(event: &StackEvent, style: Style) -> String {
    let StackEvent { at, logical, kind, status, reason, .. } = event;
    let ink = match status {
        status if status.contains("ROLLBACK") || status.ends_with("_FAILED") => Ink::Bad,
        status if status.ends_with("_COMPLETE") => Ink::Good,
        _ => Ink::Dim,
    };
    let why = reason.as_deref().filter(|reason| !reason.is_empty()).map(|reason| format!(": {reason}"));
    format!("{at:.0} {} {logical} ({kind}){}", style.paint(ink, status), why.unwrap_or_default())
}

/// What came of it.
pub fn deployed(bundle: &Bundle, deployed: &Deployed, style: Style) -> String {
    let (stack, count) = (&bundle.key.stack, counted(deployed.changes.len(), "resource"));
    match &deployed.end {
        End::Same => style.paint(Ink::Good, &format!("`{stack}` is as asked already")),
        End::Done => style.paint(Ink::Good, &format!("`{stack}` is as asked: {count} changed")),
        End::Held(destroyed) => style.paint(
            Ink::Bad,
            &format!("`{stack}` is left as it is: {}; `--destroy` lets that happen", destroyed.join("; ")),
        ),
        End::Failed(why) => style.paint(Ink::Bad, &format!("`{stack}` is not as asked: {why}")),
        End::Left => {
            style.paint(Ink::Change, &format!("CloudFormation is still at work on `{stack}`, and goes on by itself"))
        }
    }
}

/// The same for programs.
pub fn json(bundle: &Bundle, deployed: &Deployed) -> Value {
    let (end, why) = match &deployed.end {
        End::Same => ("same", Vec::new()),
        End::Done => ("done", Vec::new()),
        End::Held(destroyed) => ("held", destroyed.clone()),
        End::Failed(why) => ("failed", vec![why.clone()]),
        End::Left => ("left", Vec::new()),
    };
    let change = |change: &Change| {
        let action = change.action.map(Action::as_str);
        json!({ "action": action, "resource": change.logical.to_string(), "type": change.kind })
    };
    json!({
        "stackName": bundle.key.stack,
        "region": bundle.key.region,
        "end": end,
        "why": why,
        "changes": deployed.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

/// The stacks that go before the agent, in their order, for a person.
pub fn going(leaving: &Leaving, style: Style) -> String {
    let mut lines = Vec::new();
    for Going { permit, resources, kept } in &leaving.going {
        let count = counted(*resources, "resource");
        let names: Vec<&str> = kept.iter().map(String::as_str).collect();
        let but = if kept.is_empty() { String::new() } else { format!("; its template keeps {}", names.join(", ")) };
        lines.push(format!("{} {}: {count} deleted{but}", style.paint(Ink::Bad, "-"), permit.key()));
    }
    lines.join("\n")
}

/// Who stays and what goes, for a person.
pub fn leaving(leaving: &Leaving, style: Style) -> String {
    let Leaving { key, stays, end, going: first, .. } = leaving;
    let mut text = String::new();
    if end.is_none() && !first.is_empty() {
        text.push_str(&format!("{}\n", going(leaving, style)));
    }
    for stack in stays {
        text.push_str(&format!(
            "{} {stack}: stays as it is; nobody looks after it any more\n",
            style.paint(Ink::Dim, "=")
        ));
    }
    text + &match end {
        None => format!(
            "{} {key}: the agent, and everything that it is made of, would be deleted; `--yes` does it",
            style.paint(Ink::Bad, "-")
        ),
        Some(End::Same | End::Done) => style.paint(
            Ink::Good,
            "the agent is gone; its bucket, its log and what it remembered (its own parameters) are still there",
        ),
        Some(End::Held(why)) => style.paint(Ink::Bad, &why.join("; ")),
        Some(End::Failed(why)) => style.paint(Ink::Bad, &format!("{key} is still there: {why}{}", again(leaving))),
        Some(End::Left) => {
            let what = if first.is_empty() { key.to_string() } else { "the stack that it began with".to_owned() };
            let text = format!("CloudFormation is still deleting {what}, and goes on by itself{}", again(leaving));
            style.paint(Ink::Change, &text)
        }
    }
}

/// What goes on where this stopped.
fn again(leaving: &Leaving) -> &'static str {
    if leaving.going.is_empty() {
        return "";
    }
    "; the same command goes on from there. Until then the account is on hold for a day: `holdfast release` gives it back to its agent"
}

/// The same for programs.
pub fn left(leaving: &Leaving) -> Value {
    let end = match &leaving.end {
        None => "shown",
        Some(End::Same | End::Done) => "done",
        Some(End::Held(_)) => "held",
        Some(End::Failed(_)) => "failed",
        Some(End::Left) => "left",
    };
    let stays: Vec<String> = leaving.stays.iter().map(ToString::to_string).collect();
    let why = match &leaving.end {
        Some(End::Failed(why)) => vec![why.clone()],
        Some(End::Held(why)) => why.clone(),
        None | Some(End::Same | End::Done | End::Left) => Vec::new(),
    };
    let going = leaving.going.iter().map(|Going { permit, resources, kept }| {
        json!({ "stack": permit.key().to_string(), "resources": resources, "kept": kept })
    });
    json!({
        "account": leaving.account,
        "stack": leaving.key.to_string(),
        "deletes": going.collect::<Vec<_>>(),
        "stays": stays,
        "end": end,
        "why": why,
    })
}
