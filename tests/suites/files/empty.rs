//! Files without a statement: migrations that do nothing.

use super::*;

for_each_engine! {
    /// They are applied between, before and after others, and each is told of once, in its place.
    fn files_without_a_statement(engine) {
        let project = project!(engine);
        project.sql("1_nothing", "", "");
        project.sql("2_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "DROP TABLE a;");
        project.sql("3_nothing", "", "-- nothing either");
        project.sql("4_nothing", "-- for another database", "");
        project.sql("5_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);", "DROP TABLE b;");
        project.sql("6_nothing", "", "");
        let all = ["1", "2", "3", "4", "5", "6"];
        let applied = project.runner("apply");
        let lines = &applied.succeeds().stderr;
        applied.says(&["note: 4 files have no statement, so they do nothing: `1_nothing.up.sql`, `3_nothing.up.sql`, "]);
        let told: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix("applied ")?.split('_').next()).collect();
        assert_eq!(told[..6], all, "{lines}");
        assert_eq!(project.history(), all);
        project.runner("rollback --target 2").succeeds();
        assert_eq!(project.history(), all[..2]);
        project.runner("apply --target 3").succeeds();
        project.runner("apply").succeeds();
        assert_eq!(project.history(), all);
        project.runner("rollback --all --yes").succeeds();
        assert!(project.history().is_empty());
    }
}

/// The template of `runner new` has comments alone, so that nothing of an example gets into a database.
#[test]
fn a_template_that_was_not_edited_is_named() {
    let project = project!(Engine::Sqlite);
    project.runner("new add_email").succeeds();
    let files = std::fs::read_dir(project.file("migrations")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let up = names.into_iter().find(|name| name.ends_with(".up.sql")).unwrap();
    let note = format!("`{up}` has no statement, so it does nothing");
    for line in ["apply --dry-run", "apply"] {
        project.runner(line).succeeds().says(&[&format!("note: {note}")]);
    }
    project.runner("apply").succeeds().does_not_say(&["note: "]);
    project.runner("rollback").succeeds().does_not_say(&["note: "]);
    project.runner("apply --quiet").succeeds().does_not_say(&["note: "]);
    project.runner("rollback").succeeds();
    let document: serde_json::Value = serde_json::from_str(&project.runner("apply --format json").stdout).unwrap();
    assert_eq!(document["notes"], serde_json::json!([note]));
    project.settings("[tenants]\nurl = 'sqlite:{tenant}.db?mode=rwc'\nnames = ['acme', 'beta']");
    let document: serde_json::Value =
        serde_json::from_str(&project.runner("apply --all --format json").stdout).unwrap();
    assert_eq!(document["notes"], serde_json::json!([note]), "once for all databases");
}
