//! Every command of the pages that a new user reads, run in the order in which it is printed there.
#![cfg(unix)]

mod engines;
mod first_day;
mod guides;
mod readme;
mod servers;
mod story;

use std::collections::BTreeSet;

use runner_tests::guests;

/// The pages whose commands are run by a test of this suite.
const TOLD: &[&str] = &[
    "getting-started",
    "guide/adopting",
    "guide/backups",
    "guide/c",
    "guide/ci",
    "guide/compare-schemas",
    "guide/cpp",
    "guide/demo",
    "guide/dry-run",
    "guide/fleets",
    "guide/go",
    "guide/languages",
    "guide/libraries-javascript",
    "guide/libraries-python",
    "guide/other-languages",
    "guide/other-tools",
    "guide/packages",
    "guide/postgresql-migrations",
    "guide/python",
    "guide/recovery",
    "guide/reproducibility",
    "guide/rust",
    "guide/scale",
    "guide/scripts",
    "guide/sql",
    "guide/sqlite-rebuilds",
    "guide/testing",
    "guide/throttling",
    "guide/typescript",
    "guide/zig",
];

#[test]
fn every_page_with_commands_is_told() {
    let root = guests::repository().join("docs/src");
    let mut found = BTreeSet::from(["getting-started".to_owned()]);
    for entry in std::fs::read_dir(root.join("guide")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().replace(".md", "");
        let page = format!("guide/{name}");
        if !story::commands(&page).is_empty() {
            found.insert(page);
        }
    }
    let told: BTreeSet<String> = TOLD.iter().map(|page| (*page).to_owned()).collect();
    assert_eq!(found, told);
}
