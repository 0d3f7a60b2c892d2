//! `runner new` creates migrations that work.

use super::*;

fn only_migration(project: &TestProject, suffix: &str) -> String {
    let entries = std::fs::read_dir(project.file("migrations")).unwrap();
    let names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    let found: Vec<&String> = names.iter().filter(|name| name.ends_with(suffix)).collect();
    assert_eq!(found.len(), 1, "{names:?}");
    found[0].trim_end_matches(suffix).to_owned()
}

#[test]
fn in_sql() {
    let project = project!();
    project.runner("new create_orders").succeeds();
    let id = only_migration(&project, ".up.sql");
    assert!(id.ends_with("_create_orders"), "{id}");
    assert_eq!(only_migration(&project, ".down.sql"), id);
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
}

#[test]
fn invalid_names() {
    let project = project!();
    for name in ["", "../up", "a/b", "naïve", "a\u{1b}[2J"] {
        project.run(["new", name]).exits(2).says(&["hint:"]);
    }
    for name in ["base", "Next", "latest", "head", "heads", "current"] {
        project.run(["new", name]).exits(2).says(&["is reserved as a target", "hint:"]);
    }
    assert_eq!(std::fs::read_dir(project.file("migrations")).unwrap().count(), 0);
    project.run(["new", "Add two words"]).succeeds();
    assert!(only_migration(&project, ".up.sql").to_lowercase().ends_with("_add_two_words"));
}

#[test]
fn two_in_the_same_second_are_ordered() {
    let project = project!();
    for name in ["first", "second", "third"] {
        project.runner(&format!("new {name}")).succeeds();
    }
    let output = project.runner("status");
    let at = |name: &str| output.stdout.find(name).unwrap_or_else(|| panic!("{output}"));
    assert!(at("first") < at("second") && at("second") < at("third"), "{output}");
}

/// From nothing to an applied component, as on the first page of the guide, with the embedded SDK.
#[test]
fn in_rust_built_and_applied() {
    let project = project!();
    let with_target = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        // Dependencies are compiled once for all test runs.
        project.finish(command.env("CARGO_TARGET_DIR", guests::target_directory().join("guests-new")))
    };
    with_target(&["new", "tidy_names", "--lang", "rust"]).succeeds();
    project.runner("apply").exits(2).says(&["is not built", "runner build"]);
    with_target(&["build"]).succeeds();
    let id = only_migration(&project, ".wasm");
    assert!(project.read("runner.lock").contains(&id));
    project.runner("validate --locked").succeeds();
    project.runner("apply").succeeds();
    let tables = project.dump_user().tables().len();
    assert_eq!(tables, 1);
    // The same source in another directory gives the same bytes.
    let artifact = format!("migrations/{id}.wasm");
    let bytes = std::fs::read(project.file(&artifact)).unwrap();
    let copy = project!(empty);
    let into = copy.file("some/where else");
    std::fs::create_dir_all(&into).unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(project.file(".")).arg(&into).status().unwrap();
    assert!(copied.success());
    std::fs::remove_file(into.join(&artifact)).unwrap();
    let mut command = copy.command(["build"]);
    copy.finish(command.current_dir(&into).env("CARGO_TARGET_DIR", guests::target_directory().join("guests-new")))
        .succeeds();
    assert!(std::fs::read(into.join(&artifact)).unwrap() == bytes, "the artifact differs between two directories");
    // An edited source is noticed, but what is applied is not replaced in passing.
    let source = format!("migrations/{id}/src/lib.rs");
    project.write(&source, format!("{}\n// More to come.\n", project.read(&source)));
    for line in ["status", "plan", "validate", "apply"] {
        let changed = format!("the source code of `{id}` changed since it was built");
        project.runner(line).says(&[&changed, "runner build"]);
        let output = project.runner(&format!("{line} --format json"));
        output.says(&[r#""event":"log""#, r#""level":"warning""#, &changed]);
    }
    with_target(&["build"])
        .succeeds()
        .says(&[&format!("kept {id}: it is applied, so it was not rebuilt"), "runner redo"]);
    with_target(&["build", "--all"]).succeeds().says(&["kept"]);
    project.runner("rollback").succeeds();
    with_target(&["build"]).succeeds().says(&[&format!("built {id}")]);
    project.runner("status").succeeds().does_not_say(&["changed since it was built"]);
    // The source is not needed any more.
    std::fs::remove_dir_all(project.file(&format!("migrations/{id}"))).unwrap();
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
    // A compile error is shown with the messages of the compiler.
    project.write(&format!("migrations/{id}/Cargo.toml"), "[package]\nname = \"broken\"");
    let output = with_target(&["build", "--all"]);
    assert_ne!(output.exit_code(), Some(0));
    output.says(&[&id, "hint:"]);
    project.runner("validate").succeeds();
}
