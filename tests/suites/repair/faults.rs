//! What is not as it was when a run broke off: the journal, the schema, the artifact.

use runner_tests::{Engine, EngineProject, for_each_engine};

use super::{component, shop, shouted, state, told, tool};

/// A component that failed near its end.
fn broken_off(engine: Engine) -> EngineProject {
    let project = shop(engine, "fail = true");
    project.runner("apply --jobs 1").exits(6);
    project
}

for_each_engine! {
    fn a_journal_that_is_not_whole_is_refused(engine) {
        let project = broken_off(engine);
        let (journal, head) = (&tool(&project, "journal"), &tool(&project, "head"));
        for (kept, table) in [("kept_journal", journal), ("kept_head", head)] {
            project.execute(&format!("CREATE TABLE {kept} AS SELECT * FROM {table}"));
        }
        let before = project.state();
        for (change, says, damaged) in [
            (format!("UPDATE {journal} SET seal = 'x' WHERE history_id = 2 AND step = 2"), "step 2 was changed", true),
            (format!("UPDATE {journal} SET answer = (SELECT answer FROM kept_journal WHERE history_id = 2 AND step = 1) WHERE history_id = 2 AND step = 2"), "step 2 was changed", true),
            (format!("UPDATE {journal} SET answer = NULL WHERE history_id = 2 AND step = 2"), "the answer of step 2 is gone", true),
            // One that is changed so that it fits the journal no more, and one that would fit another component.
            (format!("UPDATE {journal} SET digest = 'x' WHERE history_id = 2 AND step = 2"), "this component did something else this time", true),
            (format!("UPDATE {journal} SET kind = 'query' WHERE history_id = 2 AND step = 3"), "this component did something else this time", true),
            (format!("DELETE FROM {journal} WHERE history_id = 2 AND step = 0"), "the inputs of the first run are missing", true),
            (format!("DELETE FROM {journal} WHERE history_id = 2 AND step = 1"), "step 1 is missing, and step 2 is there", true),
            (format!("DELETE FROM {journal} WHERE history_id = 2 AND step = 2"), "step 2 is missing, and step 3 is there", true),
            (format!("DELETE FROM {journal} WHERE history_id = 2 AND step = 3"), "step 3, its last, is missing", true),
            (format!("DELETE FROM {journal} WHERE history_id = 2 AND step > 1"), "steps 2 to 3, its last, are missing", true),
            (format!("DELETE FROM {head} WHERE direction = 'upgrade'"), "its head is missing", true),
            (format!("UPDATE {head} SET seal = 'x'"), "its steps up to 3 are not those that its head knows", true),
        ] {
            project.execute(&change);
            let output = project.runner("apply --jobs 1");
            output.exits(4).says(&[says, "0002_halfway", "hint:"]);
            assert_eq!((project.state(), state(&project).as_str()), (before.clone(), "partial"), "{change}");
            let shown = told(&project.runner("repair 2 --format json"));
            assert_eq!(shown["damage"].is_string(), damaged, "{change}: {shown}");
            for (kept, table) in [("kept_journal", journal), ("kept_head", head)] {
                project.execute(&format!("DELETE FROM {table}"));
                project.execute(&format!("INSERT INTO {table} SELECT * FROM {kept}"));
            }
        }
        // Whatever it is, there is a way out.
        project.execute(&format!("DELETE FROM {journal} WHERE history_id = 2 AND step = 3"));
        project.runner("repair").prints(&["step 3, its last, is missing", "--as-not-applied"]);
        project.runner("rollback").succeeds();
        assert_eq!(state(&project), "rolled-back");
    }

    fn a_table_that_was_dropped_is_told(engine) {
        let project = shop(engine, "stumble = 41");
        project.runner("apply --jobs 1").exits(6);
        project.execute("ALTER TABLE items RENAME TO elsewhere");
        let output = project.runner("apply --jobs 1");
        output.exits(6).says(&["items", "hint:", "changed since", "runner repair"]);
        assert_eq!(state(&project), "partial");
        project.execute("ALTER TABLE elsewhere RENAME TO items");
        project.runner("apply --jobs 1").exits(6).says(&["stumbled"]);
        assert_eq!(shouted(&project), "40");
    }

    fn a_column_that_was_renamed_is_told(engine) {
        let project = shop(engine, "stumble = 41");
        project.runner("apply --jobs 1").exits(6);
        project.execute("ALTER TABLE items RENAME COLUMN name TO title");
        let output = project.runner("apply --jobs 1");
        output.exits(6).says(&["name", "hint:", "changed since", "runner repair"]);
        assert_eq!(state(&project), "partial");
        project.execute("ALTER TABLE items RENAME COLUMN title TO name");
        project.runner("apply --jobs 1").exits(6).says(&["stumbled"]);
        assert_eq!(shouted(&project), "40");
    }

    fn another_build_is_refused_and_there_is_a_way_out(engine) {
        let project = broken_off(engine);
        let mut other = component().to_vec();
        // A custom section called `x`, which changes nothing but the bytes.
        other.extend([0, 2, 1, b'x']);
        project.component("0002_halfway", &other);
        let output = project.runner("apply --jobs 1");
        output.exits(4).says(&["another build of this component", "it began with sha256", "runner rollback", "runner repair"]);
        assert_eq!(state(&project), "partial");
        // The build with which it began is in the database.
        project.runner("rollback").succeeds();
        assert_eq!((state(&project).as_str(), shouted(&project).as_str()), ("rolled-back", "0"));
    }

    fn statements_that_took_effect_must_not_change(engine) {
        let project = shop(engine, "");
        let up = |second: &str| format!("-- runner:no-transaction\nINSERT INTO items VALUES (100, 'a');\n{second};\nINSERT INTO nowhere VALUES (1);");
        std::fs::remove_file(project.file("migrations/0002_halfway.wasm")).unwrap();
        project.runner("build");
        project.sql("0003_more", &up("INSERT INTO items VALUES (101, 'b')"), "DELETE FROM items WHERE id > 99;");
        project.runner("apply --jobs 1").exits(6);
        project.sql("0003_more", &up("INSERT INTO items VALUES (102, 'b')"), "DELETE FROM items WHERE id > 99;");
        project.runner("apply --jobs 1").exits(4).says(&["took effect", "restore", "is partial"]);
        assert_eq!(project.value("SELECT count(*) FROM items WHERE id > 99"), "2");
        project.sql("0003_more", &up("INSERT INTO items VALUES (101, 'b')").replace("nowhere VALUES (1)", "items VALUES (102, 'c')"), "DELETE FROM items WHERE id > 99;");
        project.runner("apply --jobs 1").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM items WHERE id > 99"), "3");
    }
}
