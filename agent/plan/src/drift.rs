//! What somebody changed behind CloudFormation's back: when it is looked for, what of it matters, who did it, and whether it
//! is put back.
//!
//! In the order in which it happens: [`schedule`] says when a stack is looked at and [`agenda`] which; [`seen`] is what a
//! look sees; [`learn`] tells what somebody did from what says nothing ([`noise`], and a baseline of each stack, which is
//! doubted for a while: [`doubt`]); [`author`] is who it was, as far as that is known and may be told; [`heal`] decides
//! whether it is put back, [`why`] says why not, and [`crate::guard::judge_heal`] judges what putting it back would change;
//! [`verdict`] says whether that helped; [`remembered`] is what is kept between turns, [`told`] what the report says of it.
//!
//! Two things are deliberately not here. Detection compares only what a template sets, and not every type: that nothing was
//! found never means that nobody changed anything, so coverage is told with every finding and every absence of one. And an
//! event is no fact: it says where to look, and whom to ask CloudTrail about.

pub mod agenda;
pub mod author;
pub mod doubt;
pub mod heal;
pub mod kinds;
pub mod learn;
pub mod noise;
pub mod remembered;
pub mod schedule;
pub mod seen;
pub mod told;
pub mod verdict;
pub mod why;
