//! Every project in `examples/`, on every database that it supports: applied step by step, rolled back to the same
//! rows, and applied again.
#![cfg(unix)]

mod embedded_axum;
mod expand_contract;
mod flights;
mod languages;
mod mysql_utf8mb4;
mod packages;
mod postgres_native;
mod rename_column;

use runner_tests::{Engine, EngineProject, guests, oracle};

/// A copy of an example.
fn example(name: &str, engine: Engine) -> EngineProject {
    EngineProject::copy(env!("CARGO_BIN_EXE_runner"), engine, &guests::repository().join("examples").join(name))
}

/// Applies an example one by one, rolls it back one by one, which restores the exact rows of each version, and
/// applies it again, which results in the same database.
fn applies_and_rolls_back_and_applies(project: &EngineProject) {
    let url = project.url();
    project.runner("validate --locked").succeeds();
    let mut versions = vec![Vec::new()];
    while project.runner("status --exit-code").exit_code() == Some(3) {
        project.runner("apply --target next").succeeds();
        versions.push(oracle::digest(&url));
    }
    let applied = project.state();
    for before in versions.iter().rev().skip(1) {
        let said = project.runner("rollback").succeeds().stderr.clone();
        assert_eq!(oracle::digest(&url), *before, "a way back led elsewhere:\n{said}");
    }
    project.runner("apply").succeeds();
    assert_eq!(project.state(), applied, "a second way up led elsewhere");
    // The same with `runner test`, which also compares schemas.
    project.run(["test", "-D", &url]).succeeds();
}

#[test]
fn every_example_is_tested() {
    let mut found: Vec<_> = std::fs::read_dir(guests::repository().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("runner.toml").is_file())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort_unstable();
    let tested = [expand_contract::NAME, mysql_utf8mb4::NAME, postgres_native::NAME, rename_column::NAME];
    assert_eq!(found, tested);
}
