//! What users see: every command, its files, settings, output and errors.
//!
//! A suite is a module; `cargo test -p runner --test commands backups::` runs one.
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod backups;
mod cli;
mod config;
mod control;
mod databases;
mod demo;
mod docs;
mod dry_run;
mod examples;
mod files;
mod library;
mod repair;
mod schema;
mod targets;
mod test_verb;
mod verify;
