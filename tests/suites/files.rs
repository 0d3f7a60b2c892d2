//! What files people have: the names and markers of other tools, SQL for one database, transactions, pragmas, dumps.

mod dumps;
mod empty;
mod foreign_keys;
mod formats;
mod parameters;
mod refusals;
mod transactions;
mod trees;

use insta::assert_snapshot;
use runner_tests::servers::TestDatabase;
use runner_tests::{Engine, Output, TestProject, for_each_engine, project};
use serde_json::Value;

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}
