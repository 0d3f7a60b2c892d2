//! `runner build` and the lockfile.

use super::commands::{MIGRATION, made_by};
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
fn what_names_a_renumbered_script_follows() {
    let project = project!();
    let script = "import { table } from './1_tidy/rules.js';\nimport { db } from 'runner-guest';\n\
                  export const description = { summary: 'tidy' };\n\
                  export function upgrade() { db.query(`SELECT count(*) FROM ${table}`); }\n";
    project.write("migrations/1_tidy.js", script).write("migrations/1_tidy/rules.js", "export const table = 'b';\n");
    project.sql("2_b", "CREATE TABLE b (i INTEGER);", "DROP TABLE b;");
    project.settings("[grants.1_tidy] # all that it may do\nallow = [\"read b\"]\nraw_sql = true");
    project.runner("build").succeeds();
    let output = project.runner("renumber 1 --format json");
    assert_eq!(json(&output)["updated"], serde_json::json!(["migrations/3_tidy.js", "runner.toml"]), "{output}");
    assert!(project.read("migrations/3_tidy.js").starts_with("import { table } from './3_tidy/rules.js';"));
    assert!(project.read("runner.toml").contains("[grants.3_tidy] # all that it may do\n"));
    // The lockfile has the digests of what was changed.
    project.runner("validate --locked").succeeds();
    project.runner("build").succeeds().says(&["`runner.lock` is up to date"]);
    project.runner("apply --locked").succeeds();
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

#[test]
fn what_another_migration_is_made_of_is_not_renumbered() {
    let project = made_by("cp ../0_rules/core.bin build/module.wasm\n");
    let manifest = format!("{MIGRATION}/migration.toml");
    project.write(&manifest, project.read(&manifest) + "sources = [\"../0_rules/core.bin\"]\n");
    project.write("migrations/0_rules/Cargo.toml", "[package]\nname = \"rules\"\n");
    project.write("migrations/0_rules/core.bin", guests::core_module("hostile"));
    project.write("Cargo.toml", "[workspace]\nmembers = [\"migrations/0_rules\"]\n");
    let files = ["Cargo.toml", &manifest, "migrations/0_rules/Cargo.toml"];
    let before = files.map(|file| project.read(file));
    project.runner("renumber rules").exits(2).says(&[
        "uses `migrations/0_rules`, which would get another name",
        "1_made/make.sh:1",
        "hint: nothing was renamed: a path in a migration is part of what it is made of; move what several share out of",
    ]);
    assert_eq!(files.map(|file| project.read(file)), before);
    assert!(!project.file("runner.lock").exists());
}

/// A project whose migration is made of a file outside of its directory.
fn with_shared() -> TestProject {
    let project = made_by("cp ../../shared/core.bin build/module.wasm\n");
    let manifest = format!("{MIGRATION}/migration.toml");
    project.write(&manifest, project.read(&manifest) + "sources = [\"../../shared\"]\n");
    project.write("shared/core.bin", guests::core_module("hostile"));
    project.sql(
        "0_people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, active BOOLEAN, note TEXT);",
        "DROP TABLE people;",
    );
    project.settings("[parameters]\nbehaviour = \"behave\"");
    project
}

#[test]
fn a_shared_source_that_changed_is_noticed() {
    let project = with_shared();
    project.runner("build").succeeds();
    assert!(project.read("runner.lock").contains("shared = { \"shared/\" = \""));
    project.runner("apply --target 0").succeeds();
    project.runner("status").succeeds().does_not_say(&["changed since"]);
    project.runner("build --check").succeeds();
    project.write("shared/rules.txt", "more");
    let changed = "`shared/` has changed since `1_made` was built with it";
    for line in ["status", "plan", "validate", "apply --dry-run", "test"] {
        project.runner(line).says(&[changed, "runner build"]);
    }
    project.runner("status --format json").says(&[r#""event":"log""#, changed]);
    project.runner("build --check").exits(4).says(&[
        changed,
        "if it is not applied yet, run `runner build 1`, and commit",
        "what is applied stays as it is, and the change goes into a new migration",
    ]);
    project.runner("build").succeeds().says(&["built 1_made", "because `shared/` changed"]);
    project.runner("apply").succeeds().does_not_say(&["changed since"]);
    // What is applied stays as it is, whatever becomes of what it shares with later migrations.
    project.write("shared/rules.txt", "for later ones");
    let lockfile = project.read("runner.lock");
    for line in ["build", "status", "plan", "apply"] {
        project.runner(line).succeeds().does_not_say(&["changed since", "kept"]);
    }
    assert_eq!(project.read("runner.lock"), lockfile);
    project.runner("validate").succeeds().says(&[changed, "unless it is already applied"]);
    project.runner("build --all").succeeds().says(&["kept 1_made"]);
    project.runner("rollback").succeeds();
    project.runner("status").succeeds().says(&[changed]);
}

#[test]
fn nothing_that_may_be_applied_is_rebuilt() {
    let project = with_shared();
    let unreachable = "postgres://me@127.0.0.1:1/shop";
    // What has no artifact cannot be applied.
    project.run(["build", "-D", unreachable]).succeeds();
    let before = (project.read("runner.lock"), std::fs::read(project.file("migrations/1_made.wasm")).unwrap());
    let make = format!("{MIGRATION}/make.sh");
    project.write("shared/core.bin", guests::core_module("reference")).write(&make, project.read(&make) + "true\n");
    for arguments in [&["build"][..], &["build", "--all"]] {
        let output = project.run([arguments, &["-D", unreachable]].concat());
        output.exits(1).says(&[
            "error: cannot tell whether `1_made` may be rebuilt: what is applied must not change",
            "127.0.0.1",
            "if no database has it yet, name it: `runner build 1`",
        ]);
        assert!(
            before == (project.read("runner.lock"), std::fs::read(project.file("migrations/1_made.wasm")).unwrap())
        );
    }
    project.run(["build", "1", "-D", unreachable]).succeeds().says(&["built 1_made"]);
    assert!(before.1 != std::fs::read(project.file("migrations/1_made.wasm")).unwrap());
}

/// One line of a shared crate must not replace what production has, wherever somebody builds.
#[test]
fn without_a_history_a_shared_change_replaces_nothing() {
    let project = with_shared();
    project.runner("build").succeeds();
    let artifact = || std::fs::read(project.file("migrations/1_made.wasm")).unwrap();
    let before = (project.read("runner.lock"), artifact());
    project.write("shared/core.bin", guests::core_module("reference"));
    for arguments in [&["build"][..], &["build", "-D", "postgres://me@127.0.0.1:1/shop"]] {
        project.run(arguments).succeeds().says(&[
            "kept 1_made: `shared/` has changed since, but it may be applied to a database elsewhere",
            "hint: `runner build 1` rebuilds it, if no database has it yet",
        ]);
        assert!(before == (project.read("runner.lock"), artifact()));
    }
    let built = json(&project.runner("build --format json"));
    let built = &built["artifacts"][1];
    assert_eq!((&built["kept"], &built["changed_path"]), (&true.into(), &"shared/".into()));
    project.runner("build 1").succeeds().says(&["built 1_made"]).does_not_say(&["because"]);
    assert!(before.1 != artifact());
}
