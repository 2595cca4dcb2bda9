//! First deploy, settled pass, one change: Holdfast, and whoever else was asked to, at one endpoint.
//!
//! Everybody deploys the same template as often, to an account of their own, and takes turns with the others, so that
//! what disturbs the machine disturbs all.

use crate::{
    complain,
    figure::{Chapter, Figure, Unit, median},
    history::Size,
    peers::Peer,
    process::MeasureError,
    settled::is_write,
    stage::{Stage, Tenant, Turn, id},
};

/// How many stacks.
const FEW: usize = 20;
const MANY: usize = 200;
/// How often the few are deployed from nothing.
const ROUNDS: usize = 3;

/// What deploying came to.
pub(crate) struct Deployed {
    /// An account in which all 200 stacks are in place.
    pub(crate) large: Tenant,
    /// The figures.
    pub(crate) chapters: Vec<Chapter>,
}

/// The three phases, in order.
const PHASES: [&str; 3] = ["first deploy", "settled pass", "one change"];

/// One tool's costs of the phases; `None` where it was not asked to.
struct Costs {
    name: &'static str,
    /// By phase, then by round.
    turns: [Vec<Turn>; 3],
    /// How often the work was done less than it stands for.
    scale: f64,
}

/// Deploys few stacks often, and many once.
pub(crate) fn deploy(stage: &Stage, peers: &[Box<dyn Peer>]) -> Result<Deployed, MeasureError> {
    let mut all: Vec<Costs> = Vec::new();
    let mut chapters = Vec::new();
    let mut large = None;
    for (stacks, rounds, title) in [(FEW, ROUNDS, "Deploying 20 stacks"), (MANY, 1, "Deploying 200 stacks")] {
        let mut measured = vec![Costs::new("Holdfast", 1.0)];
        measured.extend(peers.iter().map(|peer| Costs::new(peer.name(), (stacks / peer.most(stacks)) as f64)));
        for round in 0..rounds {
            complain(&format!("  {stacks} stacks, round {} of {rounds}", round + 1));
            large = Some(self::round(stage, peers, &mut measured, (stacks, round))?);
        }
        chapters.push(chapter(title, &measured));
        all.append(&mut measured);
    }
    let large = large.ok_or_else(|| MeasureError::Untrue("nothing was deployed".into()))?;
    Ok(Deployed { large, chapters })
}

/// Everybody deploys so many stacks from nothing, phase by phase. Answers Holdfast's account.
fn round(
    stage: &Stage,
    peers: &[Box<dyn Peer>],
    measured: &mut [Costs],
    (stacks, round): (usize, usize),
) -> Result<Tenant, MeasureError> {
    let account = |tool: usize| format!("5{tool:02}{stacks:05}{round:04}");
    let tenant = stage.tenant(&account(0), Size { mine: stacks, others: 0, commits: 1 });
    let mut desks = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        let folder = stage.folder().join(account(number + 1));
        desks.push(peer.prepare(stage, &id(&account(number + 1)), &folder, peer.most(stacks))?);
    }
    for (phase, what) in PHASES.iter().enumerate() {
        if phase == 2 {
            stage.push(&tenant, 7, "v2");
        }
        measured[0].turns[phase].push(stage.turn(&tenant)?);
        for (number, (peer, desk)) in peers.iter().zip(&desks).enumerate() {
            if phase == 2 {
                peer.change(desk)?;
            }
            let turn = stage.measured(&id(&account(number + 1)), || peer.program(desk).succeed())?.0;
            complain(&format!("  {} {what}: {} calls", peer.name(), turn.all()));
            measured[number + 1].turns[phase].push(turn);
        }
    }
    Ok(tenant)
}

impl Costs {
    fn new(name: &'static str, scale: f64) -> Self {
        Self { name, turns: [const { Vec::new() }; 3], scale }
    }

    fn middle(&self, phase: usize, of: fn(&Turn) -> f64) -> f64 {
        median(self.turns[phase].iter().map(of).collect())
    }
}

/// What is compared: a word for it, and whether it grows with the number of stacks.
type Measure = (&'static str, Unit, fn(&Turn) -> f64, bool);

const MEASURES: [Measure; 5] = [
    ("calls", Unit::Count, |turn| turn.all() as f64, true),
    ("of those, writes", Unit::Count, |turn| writes(turn) as f64, true),
    ("processor time", Unit::Seconds, |turn| turn.cost.processor, true),
    ("peak memory", Unit::Mebibytes, |turn| turn.cost.peak as f64, false),
    ("time from start to end", Unit::Seconds, |turn| turn.cost.wall, true),
];

fn writes(turn: &Turn) -> u64 {
    turn.calls.iter().filter(|(call, _)| is_write(call)).map(|(_, count)| count).sum()
}

fn chapter(title: &'static str, measured: &[Costs]) -> Chapter {
    let mut figures = Vec::new();
    for (phase, name) in PHASES.iter().enumerate() {
        for (what, unit, of, grows) in MEASURES {
            let (own, peers) = (measured[0].middle(phase, of), &measured[1..]);
            let mut figure = Figure::new(format!("{name}: {what}"), own, unit);
            for peer in peers {
                // One change is one change, however many stacks there are; the others are looked at all the same.
                let rest = if phase == 2 { peer.middle(1, of) } else { peer.middle(phase, of) };
                let scale = if grows { peer.scale } else { 1.0 };
                let scaled = if scale > 1.0 { format!(" (a {scale:.0}th, scaled)") } else { String::new() };
                let amount = peer.middle(phase, of) + rest * (scale - 1.0);
                let times = if own > 0.0 { format!(" {:.1}×", amount / own) } else { String::new() };
                figure = figure.beside(format!("{}{scaled}{times}", peer.name), amount);
            }
            figures.push(figure);
        }
    }
    Chapter { title, figures }
}
