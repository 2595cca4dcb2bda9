//! The circles of a directed graph, in time linear in its arrows and without recursion: a repository may have 10,000
//! manifests in one chain. Its points are numbers; what they stand for is the caller's business.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// From each point to those that it points at.
pub(crate) type Arrows = Vec<Vec<usize>>;

/// For every point that can be reached from itself: a way round, from it to it. A way of more than `most` points breaks
/// off before it is back.
pub(crate) fn ways_round(arrows: &Arrows, most: usize) -> Vec<Vec<usize>> {
    let turned = turned(arrows);
    let mut ways = Vec::new();
    for knot in knots(arrows, &turned) {
        let Some(root) = knot.first().copied() else { continue };
        let there = steps(root, &knot, arrows);
        let back = steps(root, &knot, &turned);
        for point in knot.iter().copied() {
            let mut way: Vec<usize> = walk(point, &back).take(most).collect();
            if point == root {
                let next = arrows[root].iter().copied().find(|next| knot.contains(next));
                way.extend(next.into_iter().flat_map(|next| walk(next, &back).take(most)));
            } else {
                let rest: Vec<usize> = walk(point, &there).take(most).collect();
                if way.last() == Some(&root) && rest.last() == Some(&root) {
                    way.extend(rest.into_iter().rev().skip(1));
                }
            }
            if way.len() > 1 {
                ways.push(way);
            }
        }
    }
    ways
}

/// The same graph with every arrow the other way.
fn turned(arrows: &Arrows) -> Arrows {
    let mut turned = vec![Vec::new(); arrows.len()];
    for (from, all) in arrows.iter().enumerate() {
        all.iter().for_each(|to| turned[*to].push(from));
    }
    turned
}

/// The sets of points that can all reach each other (Kosaraju's algorithm); a point by itself is one too. Points that
/// lead to no circle, which in a sound repository is all of them, are put aside first.
fn knots(arrows: &Arrows, turned: &Arrows) -> Vec<BTreeSet<usize>> {
    let mut left = leading_to_circles(arrows, turned);
    let mut knots = Vec::new();
    for root in finished(arrows, &left).into_iter().rev() {
        if left.contains(&root) {
            let knot: BTreeSet<usize> = steps(root, &left, turned).into_keys().collect();
            for point in &knot {
                left.remove(point);
            }
            knots.push(knot);
        }
    }
    knots
}

/// What is left when every point that points at nothing (left) is taken away, again and again.
fn leading_to_circles(arrows: &Arrows, turned: &Arrows) -> BTreeSet<usize> {
    let mut out: Vec<usize> = arrows.iter().map(Vec::len).collect();
    let mut ends: Vec<usize> = (0..arrows.len()).filter(|point| out[*point] == 0).collect();
    while let Some(end) = ends.pop() {
        for from in turned[end].iter().copied() {
            out[from] -= 1;
            if out[from] == 0 {
                ends.push(from);
            }
        }
    }
    (0..arrows.len()).filter(|point| out[*point] > 0).collect()
}

/// These points, in the order in which a depth-first search is done with them.
fn finished(arrows: &Arrows, within: &BTreeSet<usize>) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut done = Vec::new();
    for start in within.iter().copied() {
        let mut open = vec![(start, 0)];
        while let Some((point, next)) = open.pop() {
            if next == 0 && !seen.insert(point) {
                continue;
            }
            match arrows[point].get(next).copied() {
                Some(to) => {
                    open.push((point, next + 1));
                    open.extend(within.contains(&to).then_some((to, 0)));
                }
                None => done.push(point),
            }
        }
    }
    done
}

/// Breadth first from `root` inside of `within`: for every point that is reached, the one it was reached from.
fn steps(root: usize, within: &BTreeSet<usize>, arrows: &Arrows) -> BTreeMap<usize, Option<usize>> {
    let mut reached = BTreeMap::from([(root, None)]);
    let mut open = VecDeque::from([root]);
    while let Some(point) = open.pop_front() {
        for to in arrows[point].iter().copied() {
            if within.contains(&to) && !reached.contains_key(&to) {
                reached.insert(to, Some(point));
                open.push_back(to);
            }
        }
    }
    reached
}

/// From `point` back to where the steps began, both included.
fn walk(point: usize, steps: &BTreeMap<usize, Option<usize>>) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(point), |point| steps.get(point).copied().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn graph() -> impl Strategy<Value = Arrows> {
        (1usize..12)
            .prop_flat_map(|points| proptest::collection::vec(proptest::collection::vec(0..points, 0..4), points))
    }

    /// Whether `to` can be reached from `from` in one step or more, the slow way.
    fn reaches(arrows: &Arrows, from: usize, to: usize) -> bool {
        let mut reached: BTreeSet<usize> = arrows[from].iter().copied().collect();
        for _ in 0..arrows.len() {
            reached.extend(reached.clone().into_iter().flat_map(|point| arrows[point].clone()));
        }
        reached.contains(&to)
    }

    proptest! {
        #[test]
        fn a_way_round_is_found_for_those_that_reach_themselves_and_for_nobody_else(arrows in graph()) {
            let ways = ways_round(&arrows, 100);
            let found: BTreeSet<usize> = ways.iter().map(|way| way[0]).collect();
            let expected: BTreeSet<usize> = (0..arrows.len()).filter(|point| reaches(&arrows, *point, *point)).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(found.len(), ways.len());
            for way in ways {
                prop_assert_eq!(way.first(), way.last());
                prop_assert!(way.windows(2).all(|step| arrows[step[0]].contains(&step[1])), "{:?}", way);
            }
        }

        #[test]
        fn a_way_is_told_no_longer_than_asked(arrows in graph()) {
            prop_assert!(ways_round(&arrows, 3).iter().all(|way| way.len() <= 6));
        }
    }
}
