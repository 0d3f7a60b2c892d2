use runner_tests::Engine;

use super::example;

pub const NAME: &str = "rename-column";

#[test]
fn applies_and_rolls_back_and_applies() {
    let project = example(NAME, Engine::Sqlite);
    project.runner("validate --locked").succeeds();
    project.runner("apply").succeeds();
    let applied = project.dump_user();
    assert!(!applied.tables().is_empty(), "it makes nothing");
    project.runner("rollback --all").succeeds();
    assert!(project.dump_user().tables().is_empty(), "it leaves something behind");
    project.runner("apply").succeeds();
    assert!(project.dump_user() == applied, "a second way up led elsewhere");
}

#[test]
fn its_own_tests_pass() {
    let project = example(NAME, Engine::Sqlite);
    let output = project.runner("test");
    output.succeeds().prints(&["backfill_phone_e164 on SQLite", "up, down, up, 2 checks"]);
    output.says(&["4 tests on 1 database: 4 passed"]);
}
