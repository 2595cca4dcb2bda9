//! The shipped programs over HTTP, against accounts that are simulated: what a user sees, and what an account sees.

mod artifacts;
mod convergence;
mod daemon;
mod destruction;
mod failure;
mod faults;
mod forecast;
mod health;
mod killed;
mod people;
mod refusals;
mod reports;
mod secrets;
