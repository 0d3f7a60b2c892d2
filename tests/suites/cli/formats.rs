//! JSON, colours, and closed pipes.

use super::*;

#[test]
fn every_command_with_data_supports_json() {
    let project = with_component();
    for line in [
        "validate", "verify", "plan", "status", "current", "history", "apply", "status", "current", "history", "show 2",
    ] {
        let output = project.runner(&format!("{line} --format json"));
        output.succeeds();
        json(&output);
    }
    for line in ["rollback", "redo", "plan --target base", "apply", "rollback --all"] {
        json(project.runner(&format!("{line} --format json")).succeeds());
    }
}

#[test]
fn status() {
    let project = shop();
    project.runner("apply --target 2").succeeds();
    assert_snapshot!(project.runner("status --format json").snapshot());
}

#[test]
fn apply() {
    assert_snapshot!(shop().runner("apply --format json").snapshot());
}

#[test]
fn errors_are_json_too() {
    let project = with_component();
    let output = project.runner("apply --parameter behaviour=return_database_error --format json");
    output.exits(1);
    assert_snapshot!(output.snapshot());
    for (line, code) in [("apply --target nowhere", 2), ("apply --limit fuel=1", 7), ("show nobody", 2)] {
        let output = project.runner(&format!("{line} --format json"));
        output.exits(code);
        let text = json(&output).to_string();
        assert!(text.contains("\"hints\""), "{text}");
    }
}

/// A flag counts for more than a variable, also before the command line is understood.
#[test]
fn an_invalid_command_line_is_reported_as_it_asks() {
    let project = shop();
    for (line, format, is_json) in [
        ("apply --nonsense", "json", true),
        ("apply --nonsense --format text", "json", false),
        ("apply --nonsense --format=text", "json", false),
        ("apply --nonsense --format json", "text", true),
        ("apply --nonsense", "text", false),
    ] {
        let mut command = project.command(line.split(' '));
        let output = project.finish(command.env("RUNNER_FORMAT", format));
        let found = serde_json::from_str::<Value>(&output.exits(2).stdout).is_ok();
        assert_eq!(found, is_json, "{line} with {format}: {output}");
    }
    assert!(coloured(&project, "apply --nonsense", &[("RUNNER_COLOR", "always")]));
    assert!(!coloured(&project, "apply --nonsense --color auto", &[("RUNNER_COLOR", "always")]));
}

fn coloured(project: &TestProject, line: &str, variables: &[(&str, &str)]) -> bool {
    let output = project.command(line.split(' ')).envs(variables.iter().copied()).output().unwrap();
    [output.stdout, output.stderr].concat().contains(&0x1b)
}

#[test]
fn colours_are_used_on_request() {
    let project = shop();
    project.runner("apply --target 2").succeeds();
    for line in ["status", "plan", "history", "apply --target nowhere"] {
        assert!(!coloured(&project, line, &[]), "`{line}` is coloured where there is no terminal");
        assert!(coloured(&project, &format!("{line} --color always"), &[]), "`{line}` is not coloured");
        assert!(coloured(&project, line, &[("CLICOLOR_FORCE", "1")]), "`{line}`: CLICOLOR_FORCE is passed over");
        assert!(
            !coloured(&project, line, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]),
            "`{line}`: NO_COLOR is passed over"
        );
        assert!(!coloured(&project, &format!("{line} --color never"), &[("CLICOLOR_FORCE", "1")]), "`{line}`");
    }
}

/// A closed pipe, as with `head`, is not a failure.
#[cfg(unix)]
#[test]
fn a_closed_pipe_does_not_panic() {
    let project = shop();
    for line in ["status", "plan --sql", "--help", "status --format json"] {
        let script = format!("{} {line} | true", env!("CARGO_BIN_EXE_runner"));
        let mut shell = std::process::Command::new("sh");
        project.prepare(&mut shell);
        project.finish(shell.args(["-c", &script])).does_not_say(&["panicked"]);
    }
}
