//! What holds of every timeline.

use super::*;
use alloc::collections::BTreeSet;
use proptest::prelude::*;

/// What happens to a few accounts, one thing after the other.
fn steps() -> impl Strategy<Value = Vec<(u8, &'static str, i64)>> {
    let word = prop::sample::select(vec![
        "failed",
        "held",
        "drifted",
        "needs-a-person",
        "silent",
        "unexpected",
        "ok",
        "ok",
        "going",
        "gone",
    ]);
    prop::collection::vec((0..6_u8, word, 0..90_i64), 1..60)
}

proptest! {
    #[test]
    fn whatever_happens_each_incident_begins_once_and_ends_at_most_once(steps in steps()) {
        let mut watched = Watched::of(&[route("all"), Route { least: Severity::Error, ..route("loud") }]);
        let (mut now, mut heard) = (0, 0);
        let (mut open, mut ended) = (BTreeMap::new(), BTreeSet::new());
        for (who, word, pause) in &steps {
            now += pause;
            let name = char::from(b'a' + who).to_string();
            watched.change(now, &name, word, "because");
            watched.look(now);
            // Looking again at the same moment finds nothing new.
            let before = (watched.news.len(), watched.open.clone());
            watched.look(now);
            prop_assert_eq!(&before, &(watched.news.len(), watched.open.clone()));
            for News { change, incident } in &watched.news[heard..] {
                match change {
                    Change::Began => {
                        prop_assert!(!ended.contains(&incident.id));
                        prop_assert_eq!(open.insert(incident.key(), incident.id.clone()), None);
                    }
                    Change::Worsened(before) => {
                        prop_assert_eq!(open.get(&incident.key()), Some(&incident.id));
                        prop_assert!(incident.condition > *before);
                    }
                    Change::Recovered => {
                        prop_assert_eq!(open.remove(&incident.key()), Some(incident.id.clone()));
                        prop_assert!(ended.insert(incident.id.clone()));
                    }
                }
            }
            heard = watched.news.len();
            // What nobody asks for any more ends without a word; whatever else was told stays open until its end is told.
            let gone: Vec<Key> = open.keys().filter(|key| !watched.open.contains_key(*key)).cloned().collect();
            prop_assert!(gone.iter().all(|key| watched.over.get(key) == Some(&Over::Gone)));
            open.retain(|key, _| !gone.contains(key));
        }
    }

    #[test]
    fn what_is_told_does_not_depend_on_the_order_in_which_facts_are_found(mut names in Just(spread("x1..x9")).prop_shuffle()) {
        let told = |names: &[String]| {
            let mut watched = Watched::of(&[route("all")]);
            names.iter().for_each(|name| watched.change(0, name, "failed", &format!("denied in {name}")));
            watched.look(0);
            watched.look(60);
            watched.told
        };
        let shuffled = told(&names);
        names.sort();
        prop_assert_eq!(shuffled, told(&names));
    }
}
