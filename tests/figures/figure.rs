//! What a figure is: an amount, the goal it has to keep, and what stands beside it.
//!
//! Not here: how one is measured, and how it is printed.

use serde::Serialize;

/// In what an amount is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Unit {
    /// Calls, requests.
    Count,
    /// Bytes on a wire.
    Bytes,
    /// Bytes of a file or of memory.
    Mebibytes,
    /// Seconds, of a processor or of a clock.
    Seconds,
    /// A ratio.
    Times,
    /// Dollars.
    Dollars,
    /// The exponent of growth: 1 is linear, 0 is flat.
    Exponent,
}

/// On which side of it an amount has to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Side {
    /// It may be no more.
    Most,
    /// It may be no less.
    Least,
}

/// What it may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Goal {
    /// The most, or the least.
    pub(crate) limit: f64,
    /// Which of the two.
    pub(crate) side: Side,
    /// Whether it is a count, which comes out the same on every machine: missing it is a failure.
    pub(crate) exact: bool,
}

/// What somebody else needs for the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Peer {
    /// Who.
    pub(crate) name: String,
    /// How much.
    pub(crate) amount: f64,
    /// Measured elsewhere, on the same class of machine, and not in this run.
    pub(crate) cited: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// How much.
    pub(crate) amount: f64,
    /// Of what.
    pub(crate) unit: Unit,
    /// The goal, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
    /// Others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) beside: Vec<Peer>,
    /// What has to be known to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Figure {
    /// So much of something.
    pub(crate) fn new(what: impl Into<String>, amount: f64, unit: Unit) -> Self {
        Self { what: what.into(), amount, unit, goal: None, beside: Vec::new(), note: None }
    }

    /// It may be this much, on a machine of the class that the goal was set for.
    pub(crate) fn at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal { limit: most, side: Side::Most, exact: false }), ..self }
    }

    /// It has to be this much, on a machine of that class.
    pub(crate) fn at_least(self, least: f64) -> Self {
        Self { goal: Some(Goal { limit: least, side: Side::Least, exact: false }), ..self }
    }

    /// It may be this much, on every machine.
    pub(crate) fn exactly_at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal { limit: most, side: Side::Most, exact: true }), ..self }
    }

    /// Somebody else's, measured in this run.
    pub(crate) fn beside(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.beside.push(Peer { name: name.into(), amount, cited: false });
        self
    }

    /// Somebody else's, measured elsewhere.
    pub(crate) fn cited(mut self, name: &str, amount: f64) -> Self {
        self.beside.push(Peer { name: name.to_owned(), amount, cited: true });
        self
    }

    /// What has to be known to read it.
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// Whether the goal was kept; `None` without one.
    pub(crate) fn met(&self) -> Option<bool> {
        self.goal.map(|Goal { limit, side, .. }| match side {
            Side::Most => self.amount <= limit,
            Side::Least => self.amount >= limit,
        })
    }

    /// Whether it misses a goal that every machine has to keep.
    pub(crate) fn fails(&self) -> bool {
        self.goal.is_some_and(|goal| goal.exact) && self.met() == Some(false)
    }
}

/// Figures of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Chapter {
    /// Of which.
    pub(crate) title: &'static str,
    /// They.
    pub(crate) figures: Vec<Figure>,
}

/// The one in the middle; the mean of the two in the middle of an even number. 0 of none.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let half = all.len() / 2;
    match (all.get(half), all.len() % 2) {
        (Some(upper), 0) => (all[half - 1] + upper) / 2.0,
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

/// The exponent of `y = a * x^b` through these points: the slope of the least-squares line through their logarithms.
pub(crate) fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), log| (x + log.0 / count, y + log.1 / count));
    let along: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
    let square: f64 = logs.iter().map(|log| (log.0 - x).powi(2)).sum();
    along / square
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn the_exponent_tells_flat_from_linear_from_square() {
        for power in [0, 1, 2] {
            let points: Vec<_> = [1_000_f64, 5_000.0, 20_000.0].iter().map(|x| (*x, 7.0 * x.powi(power))).collect();
            assert!((exponent(&points) - f64::from(power)).abs() < 1e-9, "{power}");
        }
    }

    #[test]
    fn only_a_count_can_fail() {
        let slow = Figure::new("", 2.0, Unit::Seconds).at_most(1.0);
        assert_eq!((slow.met(), slow.fails()), (Some(false), false));
        let many = Figure::new("", 3.0, Unit::Count).exactly_at_most(2.0);
        assert_eq!((many.met(), many.fails()), (Some(false), true));
        let few = Figure::new("", 3.0, Unit::Count).at_least(4.0);
        assert_eq!((few.met(), few.fails()), (Some(false), false));
        let without = Figure::new("", 3.0, Unit::Count);
        assert_eq!((without.met(), without.fails()), (None, false));
    }
}
