//! Timelines: what is so at which second, and what is told of it.

mod proof;

use super::{
    tell::{Route, Telling, messages},
    *,
};
use crate::fold::tests::second;
use alloc::vec;
use manifests::{fleet, stack::Location};
use std::string::ToString;

/// A world in which things are so, and somebody who looks at it.
struct Watched {
    open: BTreeMap<Key, Incident>,
    facts: BTreeMap<Key, Fact>,
    over: BTreeMap<Key, Over>,
    rules: Rules,
    routes: Vec<Route>,
    expected: fleet::Fleet,
    is_first: bool,
    told: Vec<(i64, String, message::Message)>,
    news: Vec<News>,
}

fn route(name: &str) -> Route {
    Route {
        name: name.into(),
        least: Severity::Warning,
        rings: Vec::new(),
        labels: BTreeMap::new(),
        fold_at: 5,
        changes: true,
    }
}

/// `a` is account 1, `b` is 2, and so on; `a7` is 107. Those up to `m` are in ring `one`, the others in `two`.
fn account(name: &str) -> AccountId {
    let letter = u64::from(name.as_bytes()[0] - b'a' + 1);
    let number: u64 = name[1..].parse().unwrap_or_default();
    format!("{:012}", letter * 100 + number).parse().unwrap()
}

impl Watched {
    fn of(routes: &[Route]) -> Self {
        Self {
            open: BTreeMap::new(),
            facts: BTreeMap::new(),
            over: BTreeMap::new(),
            rules: Rules { settle: SignedDuration::from_secs(60), not_ready_after: SignedDuration::from_hours(1) },
            routes: routes.to_vec(),
            expected: fleet::Fleet::default(),
            is_first: false,
            told: Vec::new(),
            news: Vec::new(),
        }
    }

    /// One thing is another than it was.
    fn change(&mut self, at: i64, name: &str, word: &str, why: &str) {
        let (id, ring) = (account(name), if name.as_bytes()[0] <= b'm' { "one" } else { "two" });
        let about = About {
            account: Some(id.clone()),
            name: Some(name.into()),
            ring: ring.into(),
            commit: why.contains('@').then(|| why.split('@').nth(1).unwrap().into()),
        };
        let state = Key::of(Some(&id), Condition::State(State::Failed));
        match (word, Condition::of(word)) {
            (_, Some(condition)) => {
                let is_state = matches!(condition, Condition::State(_));
                let since = is_state.then(|| second(at));
                let fact = Fact { about, condition, since, why: (!why.is_empty()).then(|| why.into()) };
                self.over.remove(&fact.key());
                self.facts.insert(fact.key(), fact);
            }
            ("ok", None) => {
                self.facts.retain(|_, fact| fact.about.account.as_ref() != Some(&id));
                self.over.insert(state, Over::Since(second(at)));
            }
            ("going" | "gone", None) => {
                self.facts.remove(&state);
                self.over.insert(state, if word == "gone" { Over::Gone } else { Over::Between });
            }
            (_, None) => panic!("{word}"),
        }
    }

    fn look(&mut self, at: i64) {
        let looked = look(&self.open, &self.facts, &self.over, (&self.rules, self.is_first), second(at));
        self.is_first = false;
        looked.dropped.iter().for_each(|gone| drop(self.open.remove(&gone.key())));
        for changed in &looked.changed {
            match changed.ended {
                Some(_) => drop(self.open.remove(&changed.key())),
                None => drop(self.open.insert(changed.key(), changed.clone())),
            }
        }
        let standing: Vec<Incident> = self.open.values().filter(|one| one.told.is_some()).cloned().collect();
        let telling = Telling {
            routes: &self.routes,
            expected: Some(&self.expected),
            link: "https://hub.example",
            at: second(at),
        };
        let told = messages(&looked.news, &standing, &telling);
        self.told.extend(told.into_iter().map(|(route, message)| (at, route, message)));
        self.news.extend(looked.news);
    }

    /// Lines such as `10 a failed why`, `10 x1..x7 failed why` or `70`, each of them a look at that second.
    fn play(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(4, ' ');
            let at: i64 = words.next().unwrap().parse().unwrap();
            let (names, word, why) = (words.next(), words.next(), words.next().unwrap_or_default());
            for name in names.into_iter().flat_map(spread) {
                self.change(at, &name, word.unwrap(), &why.replace('%', &name));
            }
            self.look(at);
        }
    }
}

fn spread(names: &str) -> Vec<String> {
    match names.split_once("..") {
        None => vec![names.into()],
        Some((first, last)) => {
            let number = |name: &str| name[1..].parse::<u32>().unwrap();
            (number(first)..=number(last)).map(|n| format!("{}{n}", &first[..1])).collect()
        }
    }
}

#[track_caller]
fn check_with(mut watched: Watched, lines: &str, expect: &[&str]) {
    watched.play(lines);
    let several = watched.routes.len() > 1;
    let line = |(at, route, message): &(i64, String, message::Message)| {
        if several { format!("{at} {route} {}", message.title) } else { format!("{at} {}", message.title) }
    };
    let told: Vec<String> = watched.told.iter().map(line).collect();
    assert_eq!(told, expect, "{lines}");
}

#[track_caller]
fn check(lines: &str, expect: &[&str]) {
    check_with(Watched::of(&[route("all")]), lines, expect);
}

#[test]
fn what_is_so_is_told_once_when_it_has_settled_and_so_is_its_end() {
    check(
        "0 a failed access is denied
         30
         60
         90
         3600 a ok
         3660
         3720",
        &["60 [error] a (000000000100) failed", "3660 [recovered] a (000000000100) is well again after 1 h; it failed"],
    );
}

#[test]
fn what_is_over_before_it_has_settled_never_was() {
    check("0 a failed x\n30 a ok\n60\n120 a failed x\n150 a ok\n300", &[]);
    // And who is well for a moment is not.
    check("0 a failed x\n60\n100 a ok\n120 a failed x\n200\n300", &["60 [error] a (000000000100) failed"]);
    // On its way is neither.
    check("0 a failed x\n60\n100 a going\n300\n900 a failed x\n999", &["60 [error] a (000000000100) failed"]);
    check("0 a going\n60\n120", &[]);
}

#[test]
fn what_comes_and_goes_rings_once_until_it_is_calm() {
    let lines: String = (0..20)
        .map(|n| format!("{} a {} x\n", n * 30, if n % 2 == 0 { "failed" } else { "ok" }))
        .chain(["600\n630\n700\n".into()])
        .collect();
    let ended = "630 [recovered] a (000000000100) is well again after 9 min 30 s; it failed";
    check(&lines, &["60 [error] a (000000000100) failed", ended]);
    // Nor does one escape that is never the same for long.
    check("0 a failed x\n30 a held x\n60 a failed x\n90 a held x\n", &["60 [error] a (000000000100) failed"]);
}

#[test]
fn worse_is_told_and_better_is_not_until_it_is_well() {
    check(
        "0 a held x
         60
         100 a needs-a-person y
         160
         200 a drifted z
         300
         400 a ok
         500",
        &[
            "60 [warning] a (000000000100) is held",
            "160 [error] a (000000000100) needs a person; before, it was held",
            "500 [recovered] a (000000000100) is well again after 6 min 40 s; it needed a person",
        ],
    );
}

#[test]
fn a_state_and_silence_are_two_things() {
    check(
        "0 a failed x\n0 a silent\n60\n100 a ok\n160",
        &[
            "60 [error] a (000000000100) failed",
            "60 [error] a (000000000100) is silent",
            "160 [recovered] a (000000000100) is well again after 1 min 40 s; it failed",
            "160 [recovered] a (000000000100) is well again after 1 min 40 s; it was silent",
        ],
    );
}

#[test]
fn who_never_spoke_has_longer_and_who_is_taken_off_the_list_is_no_recovery() {
    check("0 a not-ready\n60\n3599\n3600", &["3600 [warning] a (000000000100) never spoke, and should have"]);
    check("0 a failed x\n60\n100 a gone\n300", &["60 [error] a (000000000100) failed"]);
}

#[test]
fn what_is_old_at_the_first_look_is_nobodys_news_until_it_is_worse() {
    let first = || Watched { is_first: true, ..Watched::of(&[route("all")]) };
    let mut old = first();
    old.change(-7_200, "a", "failed", "x");
    old.change(-7_200, "b", "held", "x");
    old.change(-60, "c", "failed", "x");
    check_with(
        old,
        "0\n60\n100 a ok\n100 b failed y\n160",
        &["60 [error] c (000000000300) failed", "160 [error] b (000000000200) failed; before, it was held"],
    );
}

#[test]
fn what_many_say_alike_is_one_message() {
    check(
        "0 x1..x4 failed denied in %\n60",
        &[
            "60 [error] x1 (000000002401) failed",
            "60 [error] x2 (000000002402) failed",
            "60 [error] x3 (000000002403) failed",
            "60 [error] x4 (000000002404) failed",
        ],
    );
    check("0 x1..x5 failed denied in %\n60", &["60 [error] 5 accounts failed"]);
    check(
        "0 x1..x7 failed denied in %\n0 a failed something else\n60\n100 x1..x7 ok\n160",
        &[
            "60 [error] 7 accounts failed",
            "60 [error] a (000000000100) failed",
            "160 [recovered] 7 accounts are well again, the last of those that failed",
        ],
    );
    // Another condition is another thing.
    check(
        "0 x1..x5 failed denied\n0 y1..y5 silent\n60",
        &["60 [error] 5 accounts failed", "60 [error] 5 accounts are silent"],
    );
}

#[test]
fn a_wave_rings_when_it_has_doubled_and_ebbs_at_the_half() {
    let mut lines = String::new();
    for n in 1..=24 {
        lines.push_str(&format!("{} x{n} failed no more addresses in subnet-{n}\n", n * 100));
        lines.push_str(&format!("{}\n", n * 100 + 60));
    }
    for n in 1..=24 {
        lines.push_str(&format!("{} x{n} ok\n{}\n", 5_000 + n * 100, 5_060 + n * 100));
    }
    let mut watched = Watched::of(&[route("all")]);
    watched.play(&lines);
    let titles: Vec<&str> = watched.told.iter().map(|(_, _, message)| message.title.as_str()).collect();
    assert_eq!(titles.len(), 4 + 3 + 3 + 4, "{titles:#?}");
    assert_eq!(
        titles[3..10],
        [
            "[error] x4 (000000002404) failed",
            "[error] 5 accounts failed: 1 more",
            "[error] 10 accounts failed: 1 more",
            "[error] 20 accounts failed: 1 more",
            "[recovered] 1 account is well again that failed; 19 are left",
            "[recovered] 1 account is well again that failed; 9 are left",
            "[recovered] 1 account is well again that failed; 4 are left",
        ]
    );
    assert!(titles[13].contains("x24 (000000002424) is well again"), "{titles:#?}");
}

#[test]
fn what_one_commit_breaks_in_many_ways_is_one_message_too() {
    let lines = "0 a failed one thing @c1\n0 b failed another @c1\n0 c failed a third @c1\n0 d failed the fourth @c1
                 0 e failed and a fifth @c1\n0 f failed for a reason of its own @c2\n60";
    check(
        lines,
        &["60 [error] 5 accounts failed at one commit, for different reasons", "60 [error] f (000000000600) failed"],
    );
}

#[test]
fn each_route_is_told_what_it_asked_for() {
    let ring = Route { rings: vec!["two".into()], ..route("ring-two") };
    let loud = Route { least: Severity::Error, ..route("loud") };
    let label = Route { labels: [("team".to_string(), "payments".to_string())].into(), ..route("payments") };
    let never = Route { changes: false, ..route("never") };
    let mut watched = Watched::of(&[ring, loud, label, never]);
    let at = || Location { file: "fleet.yaml".parse().unwrap(), line: 1 };
    let labels = [("team".to_string(), "payments".to_string())].into();
    let listed = fleet::Account { id: account("b"), name: None, labels, at: at() };
    watched.expected.accounts.insert(account("b"), listed);
    check_with(
        watched,
        "0 a failed x\n0 b held y\n0 x held z\n60\n100 b failed y\n160\n200 b drifted y\n300 b ok\n360",
        &[
            "60 ring-two [warning] x (000000002400) is held",
            "60 loud [error] a (000000000100) failed",
            "60 payments [warning] b (000000000200) is held",
            "160 loud [error] b (000000000200) failed; before, it was held",
            "160 payments [error] b (000000000200) failed; before, it was held",
            // Whoever was called at night is told that it is over, although it was no longer that bad.
            "360 loud [recovered] b (000000000200) is well again after 5 min; it failed",
            "360 payments [recovered] b (000000000200) is well again after 5 min; it failed",
        ],
    );
}

#[test]
fn a_message_says_why_and_where_and_is_safe_in_every_form() {
    let mut watched = Watched::of(&[route("all")]);
    watched.play(
        "0 a failed <!channel> *denied*\u{1b}[2J\u{202e} & more @c0ffee\n0 x1..x6 held it would replace Table\n60",
    );
    let [(_, _, one), (_, _, many)] = &watched.told[..] else { panic!("{:#?}", watched.told) };
    assert_eq!(one.link, "https://hub.example/accounts/000000000100");
    assert_eq!(many.link, "https://hub.example/accounts?state=held");
    assert_eq!((one.state.as_deref(), one.commit.as_deref(), many.count), (Some("failed"), Some("c0ffee"), 6));
    let text = one.text();
    assert!(text.contains("why: <!channel> *denied*\u{fffd}[2J\u{fffd} & more @c0ffee\n"), "{text}");
    assert!(text.ends_with("\n\nhttps://hub.example/accounts/000000000100\n"), "{text}");
    let slack = one.slack()["text"].as_str().unwrap().to_string();
    assert!(slack.contains("&lt;!channel&gt; ∗denied∗") && !slack.contains("<!"), "{slack}");
    assert!(slack.ends_with("<https://hub.example/accounts/000000000100|see it>"), "{slack}");
    let event = one.event();
    assert_eq!(event["data"]["why"], "<!channel> *denied*\u{fffd}[2J\u{fffd} & more @c0ffee");
    assert_eq!((&event["type"], &event["data"]["what"]), (&message::TYPE.into(), &"began".into()));
    assert!(many.text().contains("accounts: x1 (000000002401), x2 (000000002402), x3 (000000002403), x4 (000000002404), x5 (000000002405) and 1 more\n"), "{}", many.text());
}

#[test]
fn a_subject_is_what_sns_takes() {
    let mut message = message::Message::test("a", "https://hub.example", second(0));
    for title in ["short", "ünïcode\nand a line", &"x".repeat(300), &"ü".repeat(98)] {
        message.title = title.into();
        let subject = message.subject();
        assert!(subject.len() < 100 && subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{subject}");
        assert!(subject.starts_with("Holdfast "), "{subject}");
    }
}

#[test]
fn a_digest_is_due_once_a_day_at_its_time() {
    // The timelines' second 0 is at noon, and 07:00 is over by then.
    let seven = 7 * 3_600;
    let day = digest::day(second(0));
    assert_eq!(digest::begin(seven, second(0)), day);
    assert_eq!(digest::begin(13 * 3_600, second(0)), day - 1);
    let due = |last: Option<i64>, hours: i64| digest::is_due(seven, last, second(hours * 3_600));
    assert!(!due(None, 0) && !due(Some(day), 0) && due(Some(day - 1), 0));
    assert!(!due(Some(day), 18) && due(Some(day), 19) && due(Some(day), 23) && !due(Some(day + 1), 23));
}

#[test]
fn a_digest_says_what_is_worst_and_what_was() {
    let mut watched = Watched::of(&[route("all")]);
    watched.play("0 a held x\n0 b failed y\n0 c failed z\n60\n100 c ok\n160");
    let mut incidents: Vec<Incident> = watched.open.values().cloned().collect();
    incidents
        .extend(watched.news.iter().filter(|news| news.change == Change::Recovered).map(|news| news.incident.clone()));
    let numbers = digest::Numbers {
        states: [(State::Failed, 1), (State::Held, 1), (State::InSync, 8)].into(),
        not_ready: Some(2),
        compliance: crate::presence::Compliance { accounts: 12, accounts_good: 8, ..Default::default() },
        ..digest::Numbers::default()
    };
    let telling = Telling { routes: &watched.routes, expected: None, link: "https://hub.example", at: second(7_200) };
    let told = digest::digest(&watched.routes[0], &numbers, &incidents, &telling);
    assert_eq!(told.title, "[digest] 8 of 12 accounts in sync, 2 alerts open");
    assert_eq!(
        told.lines,
        [
            "0 of 0 stacks in sync, 8 of 12 accounts",
            "accounts: 1 failed, 1 held, 8 in sync",
            "0 late, 0 silent, 2 not ready, 0 unexpected, 0 messages in quarantine",
            "in the last day: 3 began, 1 ended; 2 are open",
            "- b (000000000200) failed for 2 h: y https://hub.example/accounts/000000000200",
            "- a (000000000100) is held for 2 h: x https://hub.example/accounts/000000000100",
            "well again: c (000000000300)",
        ]
    );
}
