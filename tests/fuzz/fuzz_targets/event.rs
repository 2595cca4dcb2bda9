//! A message of the queue of events, as whoever may send to it may have written it: a few names to look for, words that are
//! safe to print, or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../agent/src/wake/event.rs"]
mod event;

fuzz_target!(|bytes: &[u8]| {
    let account = "111111111111".parse().expect("an account");
    let event::Said::Touched(hint) = event::read(&String::from_utf8_lossy(bytes), &account) else { return };
    let event::Hint { region: _, names, author } = hint;
    assert!((1..=24).contains(&names.len()) && names.iter().all(|name| (1..=2_048).contains(&name.len())));
    let words = [Some(author.by), author.role, author.from, Some(author.call), Some(author.event)];
    let printable = |word: &String| word.chars().count() <= 301 && !word.contains(plan::quote::unprintable);
    assert!(words.iter().flatten().all(printable) && !author.sure, "{words:?}");
});
