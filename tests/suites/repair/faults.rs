//! Things that changed since a run was interrupted: the journal, the schema, the artifact.

use runner_tests::{Engine, EngineProject, for_each_engine, project};

use super::{component, shop, shouted, state, told, tool};

/// Copies of some of runner's tables, from which they are restored.
struct Kept(Vec<(String, String)>);

impl Kept {
    fn of(project: &EngineProject, tables: &[&str]) -> Self {
        let names = tables.iter().map(|table| (format!("kept_{table}"), tool(project, table)));
        let kept = Self(names.collect());
        for (copy, table) in &kept.0 {
            project.execute(&format!("CREATE TABLE {copy} AS SELECT * FROM {table}"));
        }
        kept
    }

    fn restore(&self, project: &EngineProject) {
        for (copy, table) in &self.0 {
            project.execute(&format!("DELETE FROM {table}"));
            project.execute(&format!("INSERT INTO {table} SELECT * FROM {copy}"));
        }
    }
}

/// A component that failed near its end.
fn broken_off(engine: Engine) -> EngineProject {
    let project = shop(engine, "fail = true");
    project.runner("apply --jobs 1").exits(6);
    project
}

for_each_engine! {
    fn an_incomplete_journal_is_refused(engine) {
        let project = broken_off(engine);
        let (journal, head) = (&tool(&project, "journal"), &tool(&project, "head"));
        let kept = Kept::of(&project, &["journal", "head"]);
        // The server may number its rows at other distances than one.
        let run = project.value(&format!("SELECT max(id) FROM {}", engine.history_table()));
        let before = project.state();
        for (change, says, damaged) in [
            (format!("UPDATE {journal} SET seal = 'x' WHERE history_id = {run} AND step = 2"), "step 2 was changed", true),
            (format!("UPDATE {journal} SET answer = (SELECT answer FROM kept_journal WHERE history_id = {run} AND step = 1) WHERE history_id = {run} AND step = 2"), "step 2 was changed", true),
            (format!("UPDATE {journal} SET answer = NULL WHERE history_id = {run} AND step = 2"), "the answer of step 2 is missing", true),
            // What an operator would be shown, and what the next run relies on.
            (format!("UPDATE {journal} SET text = 'SELECT 1' WHERE history_id = {run} AND step = 1"), "step 1 was changed", true),
            (format!("UPDATE {journal} SET row_count = 999 WHERE history_id = {run} AND step = 2"), "step 2 was changed", true),
            (format!("UPDATE {journal} SET effect = 0 WHERE history_id = {run}"), "step 1 was changed", true),
            // An entry changed so that it no longer fits the journal, and one that would fit another component.
            (format!("UPDATE {journal} SET digest = 'x' WHERE history_id = {run} AND step = 2"), "the component did not repeat its recorded steps", true),
            (format!("UPDATE {journal} SET kind = 'query' WHERE history_id = {run} AND step = 3"), "the component did not repeat its recorded steps", true),
            (format!("DELETE FROM {journal} WHERE history_id = {run} AND step = 0"), "the inputs of the first run are missing", true),
            (format!("DELETE FROM {journal} WHERE history_id = {run} AND step = 1"), "step 1 is missing, but step 2 exists", true),
            (format!("DELETE FROM {journal} WHERE history_id = {run} AND step = 2"), "step 2 is missing, but step 3 exists", true),
            (format!("DELETE FROM {journal} WHERE history_id = {run} AND step = 3"), "the last step, 3, is missing", true),
            (format!("DELETE FROM {journal} WHERE history_id = {run} AND step > 1"), "the last steps, 2 to 3, are missing", true),
            (format!("DELETE FROM {head} WHERE direction = 'upgrade'"), "its head is missing", true),
            (format!("UPDATE {head} SET seal = 'x'"), "its steps up to 3 do not match its head", true),
        ] {
            project.execute(&change);
            let output = project.runner("apply --jobs 1");
            output.exits(4).says(&[says, "0002_halfway", "hint:"]);
            assert_eq!((project.state(), state(&project).as_str()), (before.clone(), "partial"), "{change}");
            let shown = told(&project.runner("repair 2 --format json"));
            assert_eq!(shown["damage"].is_string(), damaged, "{change}: {shown}");
            kept.restore(&project);
        }
        // There is always a way out.
        project.execute(&format!("DELETE FROM {journal} WHERE history_id = {run} AND step = 3"));
        let shown = project.runner("repair");
        shown.prints(&["the last step, 3, is missing", "once runner's own tables are restored", "--as-not-applied"]);
        assert!(!shown.stdout.contains("continues where it stopped"), "{shown}");
        project.runner("rollback").succeeds();
        assert_eq!(state(&project), "rolled-back");
    }

    /// The rest of the journal shows no effect, which does not mean that there was none.
    fn effects_are_not_forgotten_with_their_row(engine) {
        let project = shop(engine, "");
        std::fs::remove_file(project.file("migrations/0002_halfway.wasm")).unwrap();
        project.runner("build");
        let up = "-- runner:no-transaction\nUPDATE items SET name = concat(name, '!');\nINSERT INTO nowhere VALUES (1);";
        project.sql("0002_loud", up, "SELECT 1;");
        project.runner("apply").exits(6);
        let kept = Kept::of(&project, &["journal", "head"]);
        let before = project.state();
        for change in ["DELETE FROM {} WHERE history_id = 2 AND step = 1", "UPDATE {} SET effect = 0 WHERE history_id = 2"] {
            project.execute(&change.replace("{}", &tool(&project, "journal")));
            for _ in 0..2 {
                project.runner("apply").exits(4).says(&["the journal is damaged", "is partial", "hint:"]);
                assert_eq!((project.state(), state(&project).as_str()), (before.clone(), "partial"), "{change}");
            }
            kept.restore(&project);
        }
        project.runner("apply").exits(6);
        assert_eq!(project.value("SELECT count(*) FROM items WHERE name LIKE '%!!'"), "0");
        assert_eq!(project.value("SELECT count(*) FROM items WHERE name LIKE '%!'"), "70");
    }

    /// Rows whose chunk is missing, or is recorded as done, would never be transformed.
    fn incomplete_chunks_are_refused(engine) {
        let project = shop(engine, "stumble = 61");
        project.runner("apply --jobs 1").exits(6);
        let chunk = &tool(&project, "chunk");
        let kept = Kept::of(&project, &["chunk"]);
        let before = project.state();
        let claimed = project.value(&format!("SELECT count(*) FROM {chunk} WHERE state = 'claimed'"));
        let lines: &[&str] = if engine == Engine::Sqlite { &["apply --jobs 1"] } else { &["apply --jobs 1", "apply --jobs 2"] };
        let mut changes = vec![
            (format!("DELETE FROM {chunk} WHERE number = 2"), "chunk 2 of step 2 is missing, but chunk 3 exists"),
            (format!("DELETE FROM {chunk} WHERE number > 1"), "but those from 2 on are missing"),
            (format!("DELETE FROM {chunk}"), "but those from 1 on are missing"),
            (format!("UPDATE {chunk} SET to_key = from_key WHERE number = 2"), "chunk 2 of step 2 was changed"),
            (format!("UPDATE {chunk} SET rows_read = 7 WHERE number = 2"), "chunk 2 of step 2 was changed"),
            (format!("UPDATE {chunk} SET rows_written = 7 WHERE number = 2"), "chunk 2 of step 2 was changed"),
            (format!("UPDATE {chunk} SET number = 9 WHERE number = 3"), "of step 2 is missing"),
        ];
        if claimed != "0" {
            changes.push((format!("UPDATE {chunk} SET state = 'done' WHERE state = 'claimed'"), "of step 2 was changed"));
        }
        for (change, says) in changes {
            project.execute(&change);
            for line in lines {
                let output = project.runner(line);
                output.exits(4).says(&[says, "0002_halfway", "runner_chunk", "hint:"]);
                assert_eq!((project.state(), state(&project).as_str()), (before.clone(), "partial"), "{change}");
            }
            let shown = told(&project.runner("repair 2 --format json"));
            assert!(shown["damage"].as_str().is_some_and(|damage| damage.contains(says)), "{change}: {shown}");
            kept.restore(&project);
        }
        project.runner("apply --jobs 1").exits(6).says(&["stumbled"]);
        assert_eq!(shouted(&project), "60");
    }

    fn a_dropped_table_is_reported(engine) {
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

    fn a_renamed_column_is_reported(engine) {
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

    fn another_build_goes_on_and_has_a_way_back(engine) {
        let project = broken_off(engine);
        let mut other = component().to_vec();
        // A custom section called `x`, which changes nothing but the bytes.
        other.extend([0, 2, 1, b'x']);
        project.component("0002_halfway", &other);
        let output = project.runner("apply --jobs 1");
        output.exits(6).says(&["the corrected build, sha256", "continues from there", "runner rollback"]);
        assert_eq!(state(&project), "partial");
        // Each build is stored in the database.
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

for_each_engine! {
    /// What a plan and a dry run promise is what the run does.
    fn statements_that_took_effect_and_were_edited_are_refused_before_the_run(engine) {
        let project = project!(engine);
        let up = |first: &str, last: &str| {
            format!("-- runner:no-transaction\nCREATE TABLE {first} (id INTEGER);\nCREATE TABLE second (id INTEGER);\n{last};\n")
        };
        let write = |first: &str, last: &str| project.sql("1_made", &up(first, last), "DROP TABLE second; DROP TABLE first;");
        write("first", "INSERT INTO nowhere VALUES (1)");
        project.runner("apply").exits(6).says(&["2 of 3 statements took effect"]);
        let state = project.state();
        write("another", "INSERT INTO second VALUES (1)");
        // A dry run of such statements is not possible on MariaDB.
        let has_dry_run = engine != Engine::Mariadb;
        for line in ["plan", "apply --dry-run", "apply"].into_iter().filter(|line| has_dry_run || !line.ends_with("run")) {
            let told = ["the first 2 statements took effect and have been changed since", "1_made", "restore them"];
            project.runner(line).exits(4).says(&told);
            assert_eq!(project.state(), state, "{line}");
        }
        // The statement that failed may be changed.
        write("first", "INSERT INTO second VALUES (1)");
        project.runner("plan").succeeds().prints(&["1_made"]);
        if has_dry_run {
            project.runner("apply --dry-run").succeeds();
        }
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM second"), "1");
    }
}
