//! What files people have: the names and markers of other tools, SQL for one database, transactions, pragmas, dumps.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "files/dumps.rs"]
mod dumps;
#[path = "files/empty.rs"]
mod empty;
#[path = "files/foreign_keys.rs"]
mod foreign_keys;
#[path = "files/formats.rs"]
mod formats;
#[path = "files/parameters.rs"]
mod parameters;
#[path = "files/refusals.rs"]
mod refusals;
#[path = "files/transactions.rs"]
mod transactions;
#[path = "files/trees.rs"]
mod trees;

use insta::assert_snapshot;
use runner_tests::servers::TestDatabase;
use runner_tests::{Engine, Output, TestProject, for_each_engine, project};
use serde_json::Value;

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}
