//! x
mod git;
mod git_bad;
mod git_place;
mod git_server;
mod git_tree;
