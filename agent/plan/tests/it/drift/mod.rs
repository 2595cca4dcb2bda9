//! What is decided of drift, as data.

mod schedule;
