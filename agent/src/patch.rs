//! The change to a repository's text by which it says what is in the account: as a diff.

mod diff;

pub use diff::diff;
