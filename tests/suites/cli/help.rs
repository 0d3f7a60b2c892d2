//! `--help` and `--version`.

use super::*;

#[test]
fn of_the_program() {
    assert_snapshot!(project!(empty).runner("--help").succeeds().stdout);
}

#[test]
fn of_every_command() {
    let project = project!(empty);
    let top = project.runner("--help").succeeds().stdout.clone();
    for verb in VERBS {
        assert!(top.contains(&format!("\n  {verb} ")), "the help does not list `{verb}`");
        let long = project.run([verb, "--help"]);
        long.succeeds().prints(&["Usage: runner", verb]);
        let short = project.run([verb, "-h"]);
        short.succeeds().prints(&["Usage: runner", verb]);
        assert!(short.stdout.len() < long.stdout.len(), "`-h` is not shorter\n{short}");
        assert_eq!(project.run(["help", verb]).stdout, long.stdout);
        assert!(long.stdout.lines().all(|line| line.chars().count() <= 100), "lines are too long\n{long}");
    }
    // Detects a command that is missing from `VERBS`.
    let listed: BTreeSet<&str> = top
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert_eq!(listed, VERBS.into_iter().collect());
}

#[test]
fn of_a_command_by_its_alias() {
    let project = project!(empty);
    let upgrade = project.runner("help upgrade");
    upgrade.succeeds().prints(&["Usage: runner apply", "Examples:"]);
    project.runner("help nonsense").exits(2).says(&["no such command: `nonsense`", "hint: `runner help`"]);
}

#[test]
fn short_help_of_the_program() {
    assert_snapshot!(project!(empty).runner("-h").succeeds().stdout);
}

#[test]
fn a_command_of_another_tool() {
    let project = shop();
    project.runner("up --target next").succeeds();
    project.runner("info").succeeds().prints(&["0001", "pending"]);
    project.runner("downgrade").succeeds();
    project
        .runner("makemigrations")
        .exits(2)
        .says(&["no such command: `makemigrations`", "hint: use `runner new NAME`"]);
}

#[test]
fn without_a_command() {
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
