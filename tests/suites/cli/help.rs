//! What `--help` and `--version` say.

use super::*;

#[test]
fn of_the_program() {
    assert_snapshot!(project!(empty).runner("--help").succeeds().stdout);
}

#[test]
fn of_every_verb() {
    let project = project!(empty);
    let top = project.runner("--help").succeeds().stdout.clone();
    for verb in VERBS {
        assert!(top.contains(&format!("\n  {verb} ")), "the help does not list `{verb}`");
        let long = project.run([verb, "--help"]);
        long.succeeds().prints(&["Usage: runner", verb]);
        assert_eq!(project.run([verb, "-h"]).exit_code(), Some(0));
        assert!(long.stdout.lines().all(|line| line.chars().count() <= 100), "lines are too long\n{long}");
    }
    // A verb without a test of its own above is noticed.
    let listed: BTreeSet<&str> = top
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(listed, VERBS.into_iter().collect());
}

#[test]
fn instead_of_a_verb() {
    let output = project!(empty).run::<_, &str>([]);
    output.exits(2).says(&["Usage: runner"]);
    assert_eq!(output.stdout, "");
}

#[test]
fn version() {
    let project = project!(empty);
    let output = project.runner("--version");
    output.succeeds();
    assert_eq!(output.stdout, format!("runner {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(project.runner("-V").stdout, output.stdout);
}
