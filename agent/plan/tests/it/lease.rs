//! Whose turn it is: everybody who could be at work, and what the next one makes of it.

use crate::table::at;
use jiff::{SignedDuration, Timestamp};
use plan::lease::{FoundLease, Holder, Lease, TERM};

const NOW: i64 = 10_000;

fn agent(host: &str, process: u32) -> Holder {
    Holder { host: host.into(), process, began: Timestamp::UNIX_EPOCH }
}

fn me() -> Holder {
    agent("here", 7)
}

/// What lies there once this agent has taken it at that time.
fn taken(by: &Holder, when: i64) -> FoundLease {
    let before = FoundLease::default();
    FoundLease { lease: Some(before.taken(by, at(when))), version: 1 }
}

/// Whether the one that found this may go on; processes of this machine are as said.
#[track_caller]
fn check(found: &FoundLease, now: i64, alive: bool, free: bool) {
    assert_eq!(found.anothers(&me(), at(now), |_| alive).is_none(), free, "{found:?} at {now}");
}

fn seconds(time: SignedDuration) -> i64 {
    time.as_secs()
}

#[test]
fn where_nobody_is_at_work_it_is_taken_for_a_term() {
    let nothing = FoundLease::default();
    check(&nothing, NOW, true, true);
    let mine = nothing.taken(&me(), at(NOW));
    assert_eq!((mine.until, mine.over), (at(NOW + seconds(TERM)), 0));
    assert!(nothing.is_followed_by(1), "the first version that a parameter has is 1");
}

#[test]
fn what_is_mine_is_renewed_over_the_version_that_it_has() {
    let mine = taken(&me(), NOW);
    check(&mine, NOW + 60, true, true);
    let again = mine.taken(&me(), at(NOW + 200));
    assert_eq!((again.until, again.over), (at(NOW + 200 + seconds(TERM)), 1));
    assert!(mine.is_followed_by(2) && !mine.is_followed_by(1) && !mine.is_followed_by(3));
}

#[test]
fn what_was_let_go_is_free_at_once_whoever_had_it() {
    for holder in [me(), agent("there", 7)] {
        let found = taken(&holder, NOW);
        let let_go = FoundLease { lease: Some(found.let_go(&holder)), version: 2 };
        check(&let_go, NOW + 1, true, true);
    }
}

#[test]
fn it_is_let_go_only_within_its_term_because_later_it_may_be_anothers() {
    let mine = taken(&me(), NOW);
    let term = seconds(TERM);
    for (now, may) in [(NOW, true), (NOW + term - 1, true), (NOW + term, false), (NOW + 9_000, false)] {
        assert_eq!(mine.may_let_go(at(now)), may, "{now}");
    }
    assert!(!FoundLease::default().may_let_go(at(NOW)));
}

#[test]
fn another_machine_is_waited_for_until_its_term_is_over_by_any_clock() {
    let theirs = taken(&agent("there", 7), NOW);
    // Two clocks may lie five minutes apart.
    let over = NOW + seconds(TERM) + 300;
    check(&theirs, NOW, true, false);
    check(&theirs, NOW - 4_000, true, false);
    check(&theirs, NOW + seconds(TERM) + 1, true, false);
    check(&theirs, over - 1, false, false);
    check(&theirs, over, true, true);
    let (holder, until) = theirs.anothers(&me(), at(NOW), |_| true).expect("it is another's");
    assert_eq!((holder.name().as_str(), until), ("process 7 on there", at(over)));
}

#[test]
fn on_this_machine_a_process_that_is_dead_is_not_waited_for() {
    let theirs = taken(&agent("here", 8), NOW);
    check(&theirs, NOW + 1, true, false);
    check(&theirs, NOW + 1, false, true);
}

#[test]
fn an_earlier_process_of_my_number_is_dead_and_one_of_another_container_is_not() {
    let before = Holder { began: at(NOW - 100), ..me() };
    check(&taken(&before, NOW), NOW + 1, true, true);
    let elsewhere = Holder { host: "here|boot|pid:[2]".into(), ..me() };
    check(&taken(&elsewhere, NOW), NOW + 1, false, false);
    assert_eq!(elsewhere.name(), "process 7 on here");
}

/// Two read the same version, and both wrote: what lies there is the second one's, and the first is at work.
fn twice(second: &Holder) -> FoundLease {
    let free = FoundLease { lease: Some(Lease { over: 4, ..FoundLease::default().let_go(&me()) }), version: 5 };
    let first = free.taken(&agent("there", 1), at(NOW));
    assert!(free.is_followed_by(6), "the first has it: {first:?}");
    assert!(!free.is_followed_by(7), "the second has not");
    FoundLease { lease: Some(free.taken(second, at(NOW))), version: 7 }
}

#[test]
fn of_two_that_write_at_once_one_has_it_and_the_other_does_not_think_so_later() {
    let void = twice(&me());
    let over = NOW + seconds(TERM) + 300;
    check(&void, NOW + 1, true, false);
    check(&void, NOW + 1, false, false);
    check(&void, over, true, true);
    // Nor does a third one that knows the second to be dead: the first may live.
    check(&twice(&agent("here", 8)), NOW + 1, false, false);
}

#[test]
fn whoever_was_written_over_is_stopped_when_it_renews_and_can_still_let_go() {
    let mine = FoundLease {
        lease: Some(FoundLease { version: 5, ..FoundLease::default() }.taken(&me(), at(NOW))),
        version: 6,
    };
    assert!(!mine.is_followed_by(8), "version 7 was somebody else's");
    let let_go = FoundLease { lease: Some(mine.let_go(&me())), version: 8 };
    check(&let_go, NOW + 1, true, true);
}

#[test]
fn a_record_that_nobody_can_read_keeps_nobody_out_and_is_written_over() {
    let void = FoundLease { lease: None, version: 41 };
    check(&void, NOW, true, true);
    assert_eq!(void.taken(&me(), at(NOW)).over, 41);
    assert!(void.is_followed_by(42));
}

#[test]
fn time_at_its_end_makes_no_lease_that_never_ends() {
    let found = FoundLease { lease: Some(FoundLease::default().taken(&agent("there", 1), Timestamp::MAX)), version: 1 };
    assert_eq!(found.lease.as_ref().map(|lease| lease.until), Some(Timestamp::MAX));
    assert!(found.anothers(&me(), Timestamp::MAX, |_| true).is_none());
}

#[test]
fn who_wrote_twice_because_an_answer_was_lost_has_it_and_who_wrote_between_has_not() {
    let before = FoundLease { version: 5, ..FoundLease::default() };
    let mine = before.taken(&me(), at(NOW));
    let earlier = before.taken(&me(), at(NOW - 100));
    let theirs = before.taken(&agent("there", 1), at(NOW));
    let check = |since: &[(u64, Option<&Lease>)], expect: Option<u64>| {
        let since: Vec<(u64, Option<Lease>)> =
            since.iter().map(|(version, lease)| (*version, lease.cloned())).collect();
        assert_eq!(before.is_followed_by_none_but(&mine, &since), expect, "{since:?}");
    };
    check(&[], None);
    check(&[(6, Some(&mine))], Some(6));
    check(&[(6, Some(&mine)), (7, Some(&mine))], Some(7));
    check(&[(6, Some(&earlier)), (7, Some(&mine))], Some(7));
    check(&[(6, Some(&mine)), (7, Some(&earlier))], None);
    check(&[(6, Some(&theirs)), (7, Some(&mine))], None);
    check(&[(6, Some(&mine)), (7, Some(&theirs))], None);
    check(&[(6, None), (7, Some(&mine))], None);
    check(&[(7, Some(&mine))], None);
    check(&[(6, Some(&mine)), (8, Some(&mine))], None);
    // An earlier process of the same number is another.
    let reborn = before.taken(&Holder { began: at(NOW), ..me() }, at(NOW));
    check(&[(6, Some(&reborn)), (7, Some(&mine))], None);
}

#[test]
fn a_functions_lease_is_known_by_its_name_as_long_as_nobody_else_wrote_at_once() {
    let next = agent("host|boot|pid|agent-next 2026/11/28/[$LATEST]0", 1);
    let check = |found: &FoundLease, function: &str, expect: bool| {
        assert_eq!(found.is_of(&next, function), expect, "{function}");
    };
    let found = taken(&next, 0);
    check(&found, "agent-next", true);
    check(&found, "agent", false);
    check(&found, "next", false);
    // Whose it is nobody knows then.
    check(&FoundLease { version: found.version + 1, ..found }, "agent-next", false);
    assert!(!taken(&me(), 0).is_of(&me(), "agent-next"));
}
