//! Scripts that a person can read: `tests/scenarios/*.txt`, each a story with assertions, run on whole turns in memory.
//!
//! ```text
//! stack NAME value=TEXT [needs=OTHER] [output=OTHER] [regions=A,B] [prune] [allow=replace:P]
//!     [two] [skip=P] [retain=P] [adopt] [import]      checks NAME "LIST" (of the stack that was just written)
//! edit FILE "from" "to"      remove FILE      commit      back-to N      unreachable      reachable
//! break STACK LOGICAL create|update|delete "reason" [after N]      hook NAME TYPE "reason"      fault ACTION KIND [times]      deaf      hearing
//! by-hand STACK "value" [without rollback]      forget      pass 20m      guardrails "SPEC"
//! hold STACK|everything TIME      release STACK|everything      pin N TIME      unpin      approve STACK TIME (its held change)
//! rollback STACK N TIME      unroll STACK
//! foreign STACK (somebody else's, of another template)      foreign STACK "value" (of the very template)
//! anew STACK "value" (deleted by somebody, and made again with its tags)      exists STACK "value" (its parameter, nobody's)
//! vanish STACK      protect STACK      unprotect STACK      forbid-updates STACK      continue STACK
//! web URL STATUS "text"      web URL silent      alarm NAME STATE      parameter NAME VALUE
//! watchful (the agent looks for drift)      healing NAME "SPEC" (drift of the stack that was just written)
//! changes STACK LOGICAL "value" [by ARN]      deletes STACK LOGICAL [by ARN]      events (reach the agent)
//! forged STACK LOGICAL STACK LOGICAL (what happened to the second is said of the first, and nothing else reaches the agent)
//! quirk STACK LOGICAL NAME (what CloudFormation gets wrong about drift)      quirk calm
//! bucket (the artifact bucket is there)      write FILE "text"
//! turn      dies before|after N (calls)      dies writing N (more documents of its own)
//! expect STATE      expect STACK STATE      expect STACK says "text"      expect happened WHAT STACK
//! expect nothing happened      expect call ACTION N      expect writes N      expect gone STACK      expect value STACK "text"
//! expect refused "text"      expect reports N      expect objects N
//! ```
//!
//! A `stack` is a manifest and a template of one SSM parameter `P`, named after the stack, and its value as an output;
//! with `two`, a second parameter `Q` comes after it; with `import`, what exists is taken in, and `P` is retained.

mod drift;
mod hands;
mod orders;

use crate::world::{Everyone, HOME};
use jiff::SignedDuration;
use manifests::{
    id::{AccountId, CommitId, Region},
    report::{Report, State},
};
use plan::shelf::Rules;
use sim::{
    fault::{Fault, Plant, Rule},
    services::{Place, s3::create_bucket},
    store::{Break, Key, Work},
    world::Timing,
};
use std::{fs, path::Path};

const ME: &str = "111111111111";
const BUCKET: &str = "artifacts";

/// Calls that change nothing.
const READS: [&str; 18] = [
    "cloudformation:DetectStackDrift",
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:ListStackResources",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeStackResources",
    "cloudtrail:LookupEvents",
    "cloudformation:GetTemplate",
    "cloudwatch:DescribeAlarms",
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeEvents",
    "cloudformation:ListHookResults",
    "ssm:GetParameters",
    "sts:GetCallerIdentity",
    "git:request",
    "cloudformation:ListChangeSets",
];

struct Scene {
    all: Everyone,
    commits: Vec<CommitId>,
    report: Option<Report>,
}

#[test]
fn every_scenario_goes_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 12, "only {} scenarios were found", paths.len());
    let wrong: Vec<String> = paths.iter().filter_map(|path| play(path).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn play(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    script(&name, &text)
}

fn script(name: &str, text: &str) -> Result<(), String> {
    let all = Everyone::new(1, Timing::realistic());
    let mut scene = Scene { all, commits: Vec::new(), report: None };
    scene.all.here(ME);
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Err(why) = scene.line(&words(line)) {
            return Err(format!("{name}:{number}: {line}\n  {why}\n  the last report: {:#?}", scene.report));
        }
    }
    Ok(())
}

/// Words, of which those in quotes may hold spaces.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let split = |(at, part): (usize, &str)| match at % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(ToOwned::to_owned).collect(),
    };
    parts.flat_map(split).collect()
}

fn me() -> AccountId {
    ME.parse().unwrap()
}

fn home() -> Region {
    HOME.parse().unwrap()
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn ensure(truth: bool, why: impl Into<String>) -> Result<(), String> {
    if truth { Ok(()) } else { Err(why.into()) }
}

impl Scene {
    fn line(&mut self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["stack", name, options @ ..] => self.stack(name, options),
            ["edit", file, from, to] => self.all.commits.edit(file, from, &to.replace("\\n", "\n")),
            ["remove", file] => self.all.commits.remove(file),
            ["write", file, text] => self.all.commits.write(file, &text.replace("\\n", "\n")),
            ["commit"] => self.commits.push(self.all.commits.commit()),
            ["back-to", at] => self.all.commits.force(self.commits[number(at)? as usize - 1].clone()),
            ["unreachable"] => self.all.commits.unreachable(true),
            ["reachable"] => self.all.commits.unreachable(false),
            ["deaf"] => self.all.letters.deaf.set(true),
            ["hearing"] => self.all.letters.deaf.set(false),
            ["guardrails", spec] => self.guardrails(spec),
            ["forget"] => self.all.here(ME).store.lose(),
            ["pass", time] => self.all.pass(manifests::id::duration(time).map_err(|error| error.to_string())?),
            ["break", stack, logical, work, reason] => self.plant(stack, logical, work, reason, 0),
            ["break", stack, logical, work, reason, "after", times] => {
                self.plant(stack, logical, work, reason, number(times)? as u32);
            }
            ["hook", name, kind, reason] => {
                let hook = ((*name).to_owned(), (*kind).to_owned(), (*reason).to_owned());
                self.all.accounts.borrow_mut().account(&me()).hooks.push(hook);
            }
            ["fault", action, kind, times @ ..] => self.fault(action, kind, times),
            ["calm"] => self.all.accounts.borrow_mut().faults.clear(),
            ["by-hand", stack, value] => return self.by_hand(stack, value, false),
            ["by-hand", stack, value, "without", "rollback"] => return self.by_hand(stack, value, true),
            ["vanish" | "protect" | "unprotect" | "forbid-updates" | "continue", stack] => {
                return self.operate(words[0], stack);
            }
            ["foreign", stack] => return self.foreign(stack, "Resources: {Q: {Type: AWS::SQS::Queue}}", None, None),
            ["foreign", stack, value] => return self.foreign(stack, &template(stack, ""), Some(value), None),
            ["anew", stack, value] => return self.anew(stack, value),
            ["exists", stack, value] => self.exists(stack, value),
            ["checks", name, checks] => {
                let file = format!("stacks/{name}.yaml");
                self.all.commits.edit(&file, "spec:\n", &format!("spec:\n  checks: {checks}\n"));
            }
            ["web", url, answer @ ..] => self.web(url, answer)?,
            ["alarm", name, state] => self.place("AWS::CloudWatch::Alarm", name, ("StateValue", state), true),
            ["parameter", name, value] => self.place("AWS::SSM::Parameter", name, ("Value", value), false),
            ["bucket"] => return self.bucket(),
            ["watchful" | "healing" | "changes" | "deletes" | "events" | "forged" | "quirk", ..] => {
                return self.drift(&words);
            }
            ["hold" | "release" | "pin" | "unpin" | "approve" | "rollback" | "unroll", ..] => {
                return self.order(&words);
            }
            ["turn"] => return self.turn(),
            ["dies", "writing", document] => {
                self.all.here(ME).store.dies.set(Some(number(document)?));
                return ensure(self.all.turn(ME).is_none(), "the agent lived: it wrote fewer documents");
            }
            ["dies", when, call] => return self.dies(*when == "after", number(call)?),
            ["expect", rest @ ..] => return self.expect(rest),
            other => return Err(format!("there is no such line: {other:?}")),
        }
        Ok(())
    }

    fn stack(&mut self, name: &str, options: &[&str]) {
        let option = |key: &str| options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
        let mut spec = format!("  template: {{path: ../templates/{name}.yaml}}\n");
        let value = option("value").map_or_else(
            || format!("{{output: {{stack: {}, key: Out}}}}", option("output").expect("a value or an output")),
            |value| format!("\"{value}\""),
        );
        spec += &format!("  parameters: {{Value: {value}}}\n");
        if let Some(needs) = option("needs") {
            spec += &format!("  dependsOn: [{needs}]\n");
        }
        if let Some(regions) = option("regions") {
            spec += &format!("  regions: [{regions}]\n");
        }
        if let Some((verb, id)) = option("allow").and_then(|allow| allow.split_once(':')) {
            spec += &format!("  allow: [{{{verb}: {id}}}]\n");
        }
        if options.contains(&"prune") {
            spec += "  prune: true\n  deletionPolicy: delete\n";
        }
        if options.contains(&"adopt") {
            spec += "  adopt: true\n";
        }
        if options.contains(&"import") {
            spec += "  importExisting: true\n";
        }
        if let Some(name) = option("skip") {
            spec += &format!("  recovery: {{skip: [{name}]}}\n");
        }
        if let Some(name) = option("retain") {
            spec += &format!("  recovery: {{retain: [{name}]}}\n");
        }
        let manifest = format!("apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{name: {name}}}\nspec:\n{spec}");
        self.all.commits.write(&format!("stacks/{name}.yaml"), &manifest);
        self.all.commits.write(&format!("templates/{name}.yaml"), &template(name, &options.join(" ")));
    }

    /// From now on this is what an address answers.
    fn web(&mut self, url: &str, answer: &[&str]) -> Result<(), String> {
        let mut pages = self.all.here(ME).web.0.borrow_mut();
        match answer {
            ["silent"] => drop(pages.remove(url)),
            [status, text @ ..] => drop(pages.insert(url.to_owned(), (number(status)? as u16, text.join(" ")))),
            [] => return Err("it answers what?".into()),
        }
        Ok(())
    }

    /// Somebody else's resource is there, and says this.
    fn place(&mut self, kind: &str, name: &str, (field, value): (&str, &str), gives: bool) {
        let key = Key::new(&home(), kind, name);
        let mut world = self.all.accounts.borrow_mut();
        let value = serde_json::Value::from(value);
        if gives {
            world.place_resource(&me(), key.clone(), Default::default());
            world.set_attribute(&me(), &key, field, value).expect("it was just put there");
        } else {
            world.place_resource(&me(), key, [(field.to_owned(), value)].into_iter().collect());
        }
    }

    /// The account gets guardrails with this `spec`, or with none that can be understood.
    fn guardrails(&mut self, spec: &str) {
        let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {spec}\n");
        *self.all.here(ME).store.guardrails.borrow_mut() = Some(text).filter(|_| spec != "none");
    }

    fn plant(&mut self, stack: &str, logical: &str, work: &str, reason: &str, after: u32) {
        let work = match work {
            "create" => Work::Create,
            "update" => Work::Update,
            "delete" => Work::Delete,
            other => panic!("no such work: {other}"),
        };
        let planted = Break { work, reason: reason.into(), after, times: None };
        let (stack, logical) = (stack.to_owned(), logical.to_owned());
        self.all.accounts.borrow_mut().faults.plant(Plant { account: None, stack, logical, planted });
    }

    fn fault(&mut self, action: &str, kind: &str, times: &[&str]) {
        let fault = match kind {
            "throttle" => Fault::Throttle,
            "denied" => Fault::Denied,
            "expired" => Fault::ExpiredToken,
            "server" => Fault::Server { status: 500 },
            "reset" => Fault::Reset,
            "lost-answer" => Fault::TimeoutAfter,
            "no-answer" => Fault::TimeoutBefore,
            other => panic!("no such fault: {other}"),
        };
        let count = times.first().map(|times| times.parse().unwrap());
        let rule = Rule { action: action.into(), account: None, after: 0, count, probability: None, fault };
        self.all.accounts.borrow_mut().faults.add(rule);
    }

    fn turn(&mut self) -> Result<(), String> {
        match self.all.turn(ME) {
            None => Err("the agent died".into()),
            Some(Err(stopped)) => Err(agent::error::chain(&stopped)),
            Some(Ok(report)) => {
                self.report = Some(report);
                Ok(())
            }
        }
    }

    /// The account gets a bucket, and its agent a configuration that names it.
    fn bucket(&mut self) -> Result<(), String> {
        let unused = SignedDuration::from_hours(30 * 24);
        self.all.settings.shelving = Some(Rules { bucket: BUCKET.into(), owner: "holdfast".into(), unused });
        let mut world = self.all.accounts.borrow_mut();
        let at = Place { account: &me(), region: &home(), now: world.now() };
        create_bucket(&mut world, &at, BUCKET).map_err(|refusal| refusal.message)
    }

    /// A turn in which the agent is killed at its n-th call.
    fn dies(&mut self, after: bool, call: u64) -> Result<(), String> {
        let now = self.all.accounts.borrow().calls();
        self.all.accounts.borrow_mut().crash_at(now + call, after);
        ensure(self.all.turn(ME).is_none(), "the agent lived: it made fewer calls")
    }

    fn report(&self) -> Result<&Report, String> {
        self.report.as_ref().ok_or_else(|| "there was no turn yet".into())
    }

    fn expect(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["nothing", "happened"] => {
                let happened = &self.report()?.happened;
                ensure(happened.is_empty(), format!("{happened:?}"))
            }
            ["happened", what, stack] => {
                let found = self.report()?.happened.iter().any(|happening| {
                    let word = serde_json::to_value(happening.what).unwrap();
                    word == *what && happening.stack.as_ref().is_some_and(|name| name.as_str() == *stack)
                });
                ensure(found, "it did not")
            }
            ["refused", text] => {
                let trouble = self.report()?.source.trouble.clone().unwrap_or_default();
                ensure(trouble.contains(text), format!("the trouble is {trouble:?}"))
            }
            ["call", action, times] => {
                let made = self.report()?.calls.get(*action).copied().unwrap_or_default();
                ensure(made == number(times)?, format!("it was made {made} times"))
            }
            ["writes", times] => {
                let calls = &self.report()?.calls;
                let writes: u64 =
                    calls.iter().filter(|(call, _)| !READS.contains(&call.as_str())).map(|(_, n)| n).sum();
                ensure(writes == number(times)?, format!("{writes}: {calls:?}"))
            }
            ["reports", count] => {
                let arrived = self.all.letters.all.borrow().len();
                ensure(arrived == number(count)? as usize, format!("{arrived} arrived"))
            }
            ["objects", count] => {
                let mut world = self.all.accounts.borrow_mut();
                let found = world.account(&me()).store.objects(BUCKET).count();
                ensure(found == number(count)? as usize, format!("there are {found}"))
            }
            ["drift", rest @ ..] => self.expect_drift(rest),
            ["touched", stack, logical, times] => {
                let touched = self.all.accounts.borrow_mut().touched(&me(), &home(), stack, logical);
                let touched = touched.map_err(|error| error.to_string())?;
                ensure(touched == number(times)?, format!("CloudFormation wrote to it {touched} times"))
            }
            ["gone", stack] => {
                let mut world = self.all.accounts.borrow_mut();
                let page = world.cfn(&me(), &home()).describe_stacks(Some(stack), None);
                ensure(page.is_err(), "it is there")
            }
            ["value", stack, value] => {
                // A stack's parameter outlives the stack when it is left standing.
                let key = Key::new(&home(), "AWS::SSM::Parameter", &format!("/{stack}"));
                let mut world = self.all.accounts.borrow_mut();
                let text = world.account(&me()).store.get(&key).and_then(|it| it.text("Value").map(ToOwned::to_owned));
                ensure(text.as_deref() == Some(value), format!("it is {text:?}"))
            }
            [stack, "says", text] => {
                let row = self.report()?.stacks.iter().find(|row| row.stack.as_str() == *stack);
                let why = row.and_then(|row| row.why.clone()).unwrap_or_default();
                ensure(why.contains(text), format!("it says {why:?}"))
            }
            ["the", "account", state @ ..] => {
                let is = self.report()?.state;
                ensure(is == self.state(state)?, format!("it is {}", is.as_str()))
            }
            [stack, state @ ..] => {
                let state = self.state(state)?;
                let rows: Vec<_> = self.report()?.stacks.iter().filter(|row| row.stack.as_str() == *stack).collect();
                let all = !rows.is_empty() && rows.iter().all(|row| row.state == state);
                ensure(all, format!("{:?}", rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>()))
            }
            [] => Err("expect what?".into()),
        }
    }

    fn state(&self, words: &[&str]) -> Result<State, String> {
        let word = words.join(" ");
        State::RANKING.into_iter().find(|state| state.as_str() == word).ok_or_else(|| format!("no such state: {word}"))
    }
}

fn template(name: &str, options: &str) -> String {
    let more = format!(
        "  Q:\n    Type: AWS::SSM::Parameter\n    DependsOn: P\n    Properties:\n      Name: /{name}/more\n      Type: String\n      Value: !Ref Value\n"
    );
    let has = |option: &str| options.split(' ').any(|word| word == option);
    let more = if has("two") { more } else { String::new() };
    let kept = if has("import") { "    DeletionPolicy: Retain\n" } else { "" };
    format!(
        "Parameters: {{Value: {{Type: String}}}}\n\
         Resources:\n  P:\n    Type: AWS::SSM::Parameter\n{kept}    Properties:\n      Name: /{name}\n      Type: String\n      Value: !Ref Value\n{more}\
         Outputs: {{Out: {{Value: !GetAtt P.Value}}}}\n"
    )
}
