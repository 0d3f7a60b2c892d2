//! `runner build` and the lockfile.

use super::*;

#[test]
fn a_core_module_becomes_a_component() {
    let project = project!();
    project.write("migrations/1_hostile.wasm", guests::core_module("hostile"));
    project.runner("build").succeeds();
    let text = project.read("runner.lock");
    assert!(text.contains("1_hostile") && text.contains("misbehave") && text.contains("transformer = true"), "{text}");
    project.runner("validate").succeeds();
    // There is nothing to do, so nothing changes.
    project.runner("build").succeeds();
    assert_eq!(project.read("runner.lock"), text);
}

#[test]
fn the_lockfile_lists_all_artifacts() {
    let project = with_component();
    assert_snapshot!(normalise(&project.read("runner.lock"), project.root()));
}

#[test]
fn nothing_to_build() {
    project!().runner("build").succeeds();
}

#[test]
fn an_unknown_revision() {
    shop().runner("build 0777").exits(2).says(&["0777"]);
}

#[test]
fn a_late_migration_gets_another_revision() {
    let project = shop();
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    // Another branch used an older revision, and is merged.
    project.sql("0002_add_email", "ALTER TABLE users ADD email TEXT;", "ALTER TABLE users DROP email;");
    let output = project.runner("renumber add_email");
    output.succeeds().says(&["renamed 0002_add_email.up.sql to 0004_add_email.up.sql", "runner build"]);
    project.runner("build").succeeds();
    let renumbered = json(&project.runner("renumber 4 0007 --format json"));
    assert_eq!((&renumbered["revision"], &renumbered["locked"]), (&"0007".into(), &true.into()));
    assert!(project.read("runner.lock").contains("0007_add_email"));
    project.runner("apply --locked").succeeds();
    project.runner("renumber 7").exits(4).says(&["`0007_add_email` is applied, so it must keep its revision"]);
    project.runner("renumber nonsense").exits(2).says(&["no such migration"]);
}

#[test]
fn who_depends_on_a_renumbered_migration_is_named() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (i INTEGER);", "DROP TABLE a;");
    project.sql("2_b", "-- runner:depends-on 01\nCREATE TABLE b (i INTEGER);", "DROP TABLE b;");
    let output = project.runner("renumber a");
    output.succeeds().says(&[
        "renamed 1_a.up.sql to 3_a.up.sql",
        "warning: `2_b` depends on the revision 1, which is 3 now",
        "hint: a migration can only depend on earlier ones",
    ]);
    // Nothing is listed, so nothing has to be brought in line.
    output.does_not_say(&["lockfile"]);
    project.runner("renumber b").succeeds().does_not_say(&["depends on"]);
}
