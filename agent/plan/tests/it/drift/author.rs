//! Who it was, as far as CloudTrail says and the account lets it be told.

use super::{author, rails};
use crate::table::at;
use jiff::SignedDuration;
use manifests::guardrails::Who;
use plan::drift::author::{Author, Told};

const JANE: &str = "arn:aws:sts::111122223333:assumed-role/deploy/jane";

#[test]
fn as_much_is_told_as_the_account_lets() {
    let jane = author("deploy", 0, true);
    let full = jane.told(Who::Full);
    assert_eq!((full.by.as_deref(), full.from.as_deref()), (Some(JANE), Some("192.0.2.7")));
    let (call, time) = (Some("sns:SetTopicAttributes".into()), Some(at(0)));
    assert_eq!(jane.told(Who::None), Told { call, at: time, ..Told::default() });
    let hashed = jane.told(Who::Hashed);
    let (by, from) = (hashed.by.clone().unwrap_or_default(), hashed.from.clone().unwrap_or_default());
    assert!(by.starts_with("sha256:") && from.starts_with("sha256:") && by != from);
    assert_eq!((by.len(), from.len()), (19, 19));
    assert_eq!(Author { event: "e-2".into(), ..author("deploy", 9, false) }.told(Who::Hashed).by, Some(by.clone()));
    assert_ne!(author("other", 0, true).told(Who::Hashed).by, Some(by));
    assert_eq!(Author { from: None, ..jane }.told(Who::Full).from, None);
}

#[test]
fn what_is_told_fits_into_a_sentence() {
    let jane = author("deploy", 0, true);
    let full = format!(" by {JANE} from 192.0.2.7 with sns:SetTopicAttributes at 2025-06-15T15:06:40Z");
    assert_eq!(jane.told(Who::Full).sentence(), full);
    assert_eq!(jane.told(Who::None).sentence(), " with sns:SetTopicAttributes at 2025-06-15T15:06:40Z");
    assert_eq!(Told::default().sentence(), "");
    assert_eq!(author("deploy", 0, false).told(Who::Full).sentence(), format!("{full} (an event says so)"));
    let forged = Author { by: "a\nb\u{202e}c".into(), call: "x\r\ny".repeat(200), ..jane };
    let said = forged.told(Who::Full).sentence();
    assert!(said.starts_with(" by a b c from") && said.len() < 1_000 && !said.contains(['\n', '\u{202e}']), "{said}");
}

#[test]
fn rules_are_about_a_principal_or_the_role_behind_it() {
    let until =
        |people: &str, author: &Author| author.left_alone(&rails(&format!("{{drift: {{people: {people}}}}}")).drift);
    let jane = author("break-glass", 0, true);
    let hours = |hours| Some(at(0) + SignedDuration::from_hours(hours));
    assert_eq!(until("[]", &jane), None);
    assert_eq!(until("[{by: 'arn:aws:iam::*:role/break-glass', hold: 4h}]", &jane), hours(4));
    assert_eq!(until("[{by: 'arn:aws:iam::*:role/break', hold: 4h}]", &jane), None);
    assert_eq!(until("[{by: '*/jane', hold: 4h}]", &jane), hours(4));
    assert_eq!(
        until("[{by: '*/jane', hold: 1h}, {by: '*role/break-*', hold: 5h}]", &jane),
        hours(5),
        "the longest counts"
    );
    assert_eq!(until("[{by: 'arn:aws:iam::*:role/break-glass', hold: 4h}]", &Author { role: None, ..jane }), None);
}

#[test]
fn the_end_of_time_is_no_end() {
    let late = Author { at: jiff::Timestamp::MAX, ..author("break-glass", 0, true) };
    assert_eq!(late.left_alone(&rails("{drift: {people: [{by: '*/jane', hold: 30d}]}}").drift), None);
}
