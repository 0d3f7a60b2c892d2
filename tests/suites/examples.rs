//! Every project in `examples/`: up, down, and up again to the same.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use runner_tests::{guests, project};

#[test]
fn every_example_goes_up_and_down_and_up() {
    let folder = guests::repository().join("examples");
    let examples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("runner.toml").is_file())
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        let project = project!(empty);
        project.copy_of(&example);
        let database = |verb: &str| {
            project.runner(&format!("{verb} -D sqlite:runner.db")).succeeds();
            project.dump_user()
        };
        project.runner("validate --locked").succeeds();
        let applied = database("apply");
        assert!(!applied.tables().is_empty(), "{} makes nothing", example.display());
        assert!(database("rollback --all").tables().is_empty(), "{} leaves something behind", example.display());
        assert!(database("apply") == applied, "{}: a second way up led elsewhere", example.display());
    }
}
