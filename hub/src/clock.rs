//! The one place in this program that reads the time.

use jiff::Timestamp;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the clock itself; everything else is told the time")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
