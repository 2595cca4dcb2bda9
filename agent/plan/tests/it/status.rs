//! All 23 statuses, each way round; to be read against `stance` and AWS's "Stack status codes".

use crate::table::{World, key};
use plan::{
    facts::Status,
    stance::WayOut,
    step::{Action, Stand},
    why::Why,
};

/// What is done with a stack in this status (or, as `delete` and `support`, by a person) when it is … and wanted the same; wanted otherwise; no longer wanted and
/// kept; no longer wanted and may go; wanted, and somebody else's; not wanted, and somebody else's.
const TABLE: &str = "
    CREATE_IN_PROGRESS                           busy     busy     busy  busy               conflict  -
    CREATE_FAILED                                roll-back roll-back kept remove            conflict  -
    CREATE_COMPLETE                              in-sync  update   kept  remove             conflict  -
    ROLLBACK_IN_PROGRESS                         busy     busy     busy  busy               conflict  -
    ROLLBACK_FAILED                              clear    clear    kept  remove             conflict  -
    ROLLBACK_COMPLETE                            clear    clear    kept  remove             conflict  -
    DELETE_IN_PROGRESS                           busy     busy     busy  busy               conflict  -
    DELETE_FAILED                                delete   delete   kept  remove             conflict  -
    DELETE_COMPLETE                              create   create   -     -                  create    -
    UPDATE_IN_PROGRESS                           busy     busy     busy  busy               conflict  -
    UPDATE_COMPLETE_CLEANUP_IN_PROGRESS          busy     busy     busy  busy               conflict  -
    UPDATE_COMPLETE                              in-sync  update   kept  remove             conflict  -
    UPDATE_FAILED                                roll-back roll-back kept remove            conflict  -
    UPDATE_ROLLBACK_IN_PROGRESS                  busy     busy     busy  busy               conflict  -
    UPDATE_ROLLBACK_FAILED                       continue continue kept  remove             conflict  -
    UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS busy     busy     busy  busy               conflict  -
    UPDATE_ROLLBACK_COMPLETE                     update   update   kept  remove             conflict  -
    REVIEW_IN_PROGRESS                           create   create   remove remove            conflict  -
    IMPORT_IN_PROGRESS                           busy     busy     busy  busy               conflict  -
    IMPORT_COMPLETE                              in-sync  update   kept  remove             conflict  -
    IMPORT_ROLLBACK_IN_PROGRESS                  busy     busy     busy  busy               conflict  -
    IMPORT_ROLLBACK_FAILED                       support  support  kept  support            conflict  -
    IMPORT_ROLLBACK_COMPLETE                     update   update   kept  remove             conflict  -
    UNKNOWN_TO_US                                unknown  unknown  kept  unknown            unknown   -
";

/// One word for how `app` stands. `net` is always there, so that the repository is never empty.
fn stands(wanted: &str, found: &str) -> &'static str {
    let plan = World::of(&format!("net@1, {wanted}"), &format!("net@1 CREATE_COMPLETE ours, {found}")).plan();
    match plan.rows.get(&key("app")).map(|row| &row.stand) {
        None => "-",
        Some(Stand::Settled) => "in-sync",
        Some(Stand::Due(Action::Create(_))) => "create",
        Some(Stand::Due(Action::Update(_))) => "update",
        Some(Stand::Due(Action::Clear { .. })) => "clear",
        Some(Stand::Due(Action::Remove { .. })) => "remove",
        Some(Stand::Not(Why::Busy { .. })) => "busy",
        Some(Stand::Not(Why::Kept { .. })) => "kept",
        Some(Stand::Not(Why::Conflict { .. })) => "conflict",
        Some(Stand::Not(Why::UnknownStatus(_))) => "unknown",
        Some(Stand::Due(Action::Continue { .. })) => "continue",
        Some(Stand::Due(Action::RollBack { .. })) => "roll-back",
        Some(Stand::Not(Why::Protected { .. })) => "protected",
        Some(Stand::Not(Why::Stuck { way_out: WayOut::Delete, .. })) => "delete",
        Some(Stand::Not(Why::Stuck { way_out: WayOut::Undocumented, .. })) => "support",
        Some(Stand::Due(Action::Back(..))) => "back",
        Some(Stand::Due(Action::Heal(_))) => "heal",
        Some(Stand::Not(why)) => panic!("not expected of any status: {why:?}"),
    }
}

#[test]
fn every_status_has_its_place() {
    let lines: Vec<Vec<&str>> =
        TABLE.lines().map(|line| line.split_whitespace().collect()).filter(|line: &Vec<_>| !line.is_empty()).collect();
    for status in Status::ALL {
        let told = lines.iter().filter(|line| line[0] == status.as_str()).count();
        assert_eq!(told, 1, "{status:?} stands in the table once");
    }
    for line in lines {
        let status = line[0];
        let are = [
            stands("app@1", &format!("app@1 {status} ours")),
            stands("app@2", &format!("app@1 {status} ours")),
            stands("", &format!("app@1 {status} ours")),
            stands("", &format!("app@1 {status} ours prune")),
            stands("app@1", &format!("app@1 {status} theirs")),
            stands("", &format!("app@1 {status} theirs prune")),
        ];
        assert_eq!(are.as_slice(), &line[1..], "{status}");
    }
}

#[test]
fn every_word_reads_back_as_itself() {
    for status in Status::ALL {
        assert_eq!(Status::from_word(status.as_str()), Some(*status));
    }
    assert_eq!(Status::ALL.len(), 23);
    assert_eq!(Status::from_word("create_complete"), None);
}

#[test]
fn a_stack_with_no_owner_is_nobodys_to_change() {
    crate::table::check(
        "app@1",
        "app@- CREATE_COMPLETE",
        "app: needs a person: a stack of this name exists and carries no `holdfast:owner` tag: it is left alone until it \
         goes, the manifest takes another `stackName`, or a manifest takes it over with `adopt: true` (`holdfast adopt` \
         writes one)",
    );
    crate::table::check(
        "app@1",
        "app@- CREATE_COMPLETE theirs",
        "app: needs a person: a stack of this name exists and belongs to the installation `other`: it is left alone until \
         it goes, the manifest takes another `stackName`, or the other installation lets go of it",
    );
}

#[test]
fn a_shell_is_taken_over_only_when_nobody_has_put_a_name_on_it() {
    assert_eq!(stands("app@1", "app@- REVIEW_IN_PROGRESS"), "create");
    assert_eq!(stands("app@1", "app@- REVIEW_IN_PROGRESS ours"), "create");
    assert_eq!(stands("app@1", "app@- REVIEW_IN_PROGRESS theirs"), "conflict");
    assert_eq!(stands("app@1", "app@- REVIEW_IN_PROGRESS prune"), "conflict", "any tag is somebody's");
}

#[test]
fn a_nested_stack_is_never_acted_on_by_itself() {
    let nested =
        "app: needs a person: is part of another stack and left alone until the manifest takes another `stackName`";
    crate::table::check("app@2", "app@1 CREATE_COMPLETE ours nested", nested);
    crate::table::check("net@1", "net@1 CREATE_COMPLETE ours, app@1 CREATE_COMPLETE ours prune nested", "net: in sync");
}

#[test]
fn a_word_that_cloudformation_learned_after_us_is_left_alone() {
    crate::table::check(
        "app@2",
        "app@1 TELEPORT_COMPLETE ours",
        "app: unknown: is TELEPORT_COMPLETE, which this version does not know; left alone until that passes or a newer \
         agent runs",
    );
}

#[test]
fn what_is_protected_is_never_deleted_however_it_stands() {
    for status in Status::ALL {
        let status = status.as_str();
        let wanted = match stands("app@2", &format!("app@1 {status} ours")) {
            // What came up once is rolled back to what it was; what never did would be rolled back to nothing.
            "roll-back" if status == "CREATE_FAILED" => "protected",
            "clear" | "delete" => "protected",
            as_ever => as_ever,
        };
        assert_eq!(stands("app@2", &format!("app@1 {status} ours protected")), wanted, "{status}");
        let left = match stands("", &format!("app@1 {status} ours prune")) {
            "remove" | "support" => "protected",
            as_ever => as_ever,
        };
        assert_eq!(stands("", &format!("app@1 {status} ours prune protected")), left, "{status}");
    }
}
