//! What `plan` decides, as data: a world in a few words, and the plan for it as a person reads it ([`table`]).
#![expect(clippy::expect_used, reason = "a test that can't go on says why")]

mod account;
mod adopt;
mod always;
mod asked;
mod bootstrap;
mod court;
mod drift;
mod events;
mod guard;
mod health;
mod lease;
mod lint;
mod missing;
mod order;
mod preview;
mod prune;
mod reach;
mod ready;
mod recover;
mod release;
mod remembered;
mod rollback;
mod select;
mod shelf;
mod status;
mod table;
mod teardown;
mod tell;
mod update;
mod watch;
