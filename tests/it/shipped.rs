//! The shipped programs over HTTP, against accounts that are simulated: what a user sees, and what an account sees.

mod accept;
mod adopt;
mod artifacts;
mod convergence;
mod daemon;
mod destruction;
mod doctor;
mod drift;
mod failure;
mod faults;
mod forecast;
mod health;
mod hub;
mod imports;
mod insight;
mod killed;
mod lambda;
mod lease;
mod pages;
mod people;
mod proxies;
mod refusals;
mod reports;
mod rotation;
mod secrets;
mod trust;
