//! What a repository costs that somebody made to do harm, or a server that lies: bounded time, bounded memory, and nothing
//! is done to the account.

use crate::{
    complain,
    figure::{Chapter, Figure, Unit},
    git_bombs::{What, beside, blob, commit, nested, tree},
    git_server::{Manner, more},
    history::Size,
    process::{Cost, MeasureError},
    settled::is_write,
    stage::{Stage, Tenant},
};
use manifests::report::Report;
use std::path::Path;

const MEBIBYTE: f64 = 1_048_576.0;
/// The account of the first; the others have the next ones.
const FIRST: u64 = 500_000_000_000;
/// The account that nobody attacks.
const QUIET: u64 = 599_999_999_999;
/// What every one of them has.
const SIZE: Size = Size { mine: 10, others: 0, commits: 1 };

/// One of them.
struct Attack {
    what: &'static str,
    /// What is pushed.
    push: fn(&Path),
    /// How the server behaves.
    manner: Manner,
    /// Settings of the agent, other than those that it ships with.
    settings: &'static [(&'static str, &'static str)],
    /// How the turn has to end.
    code: i32,
    /// What it has to say.
    says: &'static str,
    /// MiB on top of what a turn takes that has nothing to do.
    memory: f64,
    /// Seconds.
    time: f64,
}

/// Their names say what it is; a limit that is not the one that ships stands in the name.
const ATTACKS: [Attack; 9] = [
    Attack {
        what: "512 MiB of zeros in one file",
        push: |repository| file(repository, &vec![0; 512 << 20], "zeros.bin"),
        says: "--git-object-bytes",
        memory: 64.0,
        ..PUSHED
    },
    Attack {
        what: "a manifest of 63 MiB",
        push: |repository| file(repository, &b"a: b\n".repeat((63 << 20) / 5), "large.yaml"),
        code: 1,
        says: "large.yaml",
        memory: 64.0,
        ..PUSHED
    },
    Attack { what: "240,000 files of one byte or more", push: many, says: "--git-entries", memory: 64.0, ..PUSHED },
    Attack {
        what: "folders that stand for 10^12 folders",
        push: folders,
        says: "--git-entries",
        memory: 64.0,
        ..PUSHED
    },
    Attack {
        what: "aliases that stand for 10^9 texts",
        push: |repository| file(repository, laughs().as_bytes(), "laughs.yaml"),
        code: 1,
        says: "laughs.yaml",
        memory: 16.0,
        ..PUSHED
    },
    Attack {
        what: "a pack that announces 65,536 objects, of 1,000 allowed",
        manner: Manner::Endless,
        settings: &[("HOLDFAST_GIT_OBJECTS", "1000")],
        says: "--git-objects",
        memory: 8.0,
        time: 5.0,
        ..PUSHED
    },
    Attack {
        what: "a pack that never ends, 1 MiB allowed",
        manner: Manner::Endless,
        settings: &[("HOLDFAST_GIT_BYTES", "1MiB")],
        says: "--git-bytes",
        memory: 16.0,
        ..PUSHED
    },
    Attack {
        what: "a server that drips, 3 s allowed",
        manner: Manner::Drip,
        settings: &[("HOLDFAST_GIT_TIMEOUT", "3s")],
        says: "--git-timeout",
        memory: 8.0,
        time: 6.0,
        ..PUSHED
    },
    Attack {
        what: "a server that sends half a pack",
        push: |repository| file(repository, &noise(200_000), "noise.bin"),
        manner: Manner::Cut { after: 100_000, announced: true },
        says: "broke off",
        memory: 8.0,
        time: 5.0,
        ..PUSHED
    },
];

/// A harmless file, from a server that does nothing wrong.
const PUSHED: Attack = Attack {
    what: "",
    push: |repository| file(repository, b"x", "x.txt"),
    manner: Manner::Honest,
    settings: &[],
    code: 75,
    says: "",
    memory: 0.0,
    time: 30.0,
};

/// Each in an account of its own.
pub(crate) fn hostile(stage: &Stage) -> Result<Chapter, MeasureError> {
    let (mut figures, mut writes) = (Vec::new(), 0);
    let quiet = stage.tenant(&QUIET.to_string(), SIZE);
    stage.turn(&quiet)?;
    let quiet = stage.turn(&quiet)?.cost.peak;
    for (attack, account) in ATTACKS.iter().zip(FIRST..) {
        complain(&format!("  {}", attack.what));
        let tenant = stage.tenant(&account.to_string(), SIZE);
        stage.turn(&tenant)?;
        (attack.push)(&stage.repository(&tenant));
        let (cost, written) = suffer(stage, &tenant, attack)?;
        let memory = cost.peak.saturating_sub(quiet) as f64;
        let memory = Figure::new(format!("{}: memory", attack.what), memory, Unit::Mebibytes);
        let time = Figure::new(format!("{}: time", attack.what), cost.wall, Unit::Seconds);
        figures.extend([memory.at_most(attack.memory * MEBIBYTE), time.at_most(attack.time)]);
        writes += written;
    }
    figures.push(Figure::new("writes to CloudFormation, all of them", writes as f64, Unit::Count).exactly_at_most(0.0));
    Ok(Chapter {
        title: "A hostile repository: one turn, ten stacks in sync (memory: more than a turn with nothing to do has)",
        figures,
    })
}

/// The turn, and the one after it, when the server is honest again.
fn suffer(stage: &Stage, tenant: &Tenant, attack: &Attack) -> Result<(Cost, u64), MeasureError> {
    let mut program = stage.agent(tenant, &["once", "-o", "json"]);
    program.environment.extend(attack.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    stage.behave(attack.manner.clone());
    let suffered = stage.measured(&tenant.account, || program.run());
    stage.behave(Manner::Honest);
    let (turn, run) = suffered?;
    let untrue = |why: &str| MeasureError::Untrue(format!("{}: {why}: {}{}", attack.what, run.out, run.err));
    if run.code != Some(attack.code) {
        return Err(untrue(&format!("ended with {:?} and not {}", run.code, attack.code)));
    }
    if !run.out.contains(attack.says) {
        return Err(untrue(&format!("does not say `{}`", attack.says)));
    }
    let report: Report = serde_json::from_str(&run.out).map_err(|error| untrue(&error.to_string()))?;
    if report.stacks.len() != SIZE.mine {
        return Err(untrue("lost sight of its stacks"));
    }
    if attack.manner != Manner::Honest {
        stage.turn(tenant)?;
    }
    let writes = turn.calls.iter().filter(|(call, _)| call.starts_with("cloudformation:") && is_write(call));
    let writes = writes.map(|(_, count)| count).sum();
    Ok((turn.cost, writes))
}

fn file(repository: &Path, bytes: &[u8], name: &str) {
    commit(repository, &beside(repository, What::Blob, &blob(repository, bytes), name));
}

fn folders(repository: &Path) {
    let bomb = nested(repository, &tree(repository, &[]), 100, 6);
    commit(repository, &beside(repository, What::Tree, &bomb, "folders"));
}

/// As many objects as a pack may have, about.
fn many(repository: &Path) {
    let line = |n: u32| format!("M 100644 inline many/{}/{n}\ndata {}\n{n}\n", n / 500, n.to_string().len());
    let files: String = (0..240_000).map(line).collect();
    let head =
        "commit refs/heads/main\ncommitter F <f@example.org> 1800000000 +0000\ndata 1\nx\nfrom refs/heads/main^0\n";
    more(repository, format!("{head}{files}").as_bytes());
}

/// Nine levels of ten aliases each.
fn laughs() -> String {
    let mut text = "a0: &a0 lol\n".to_owned();
    for level in 1..=9 {
        let again = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{again}]\n"));
    }
    format!("apiVersion: holdfast/v1\nkind: Stack\nmetadata: {{ name: laughs }}\n{text}")
}

/// Bytes that do not compress, and are the same on every machine.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = || {
        // xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}
