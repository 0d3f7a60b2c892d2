//! Changes made after a migration was applied are found.

use super::*;

for_each_engine! {
    fn changed_rows_are_found_and_named(engine) {
        for (change, result, names) in [
            ("UPDATE items SET twice = 7 WHERE id = 33", "target unproven twice", ["`twice`", "id = 33 contains 7, but 198"]),
            ("UPDATE copies SET label = 'x' WHERE id = 5", "target unproven copy", ["`label`", "id = 5 contains \"x\""]),
            ("DELETE FROM copies WHERE id = 41", "target unproven copy", ["after 40 up to 60", "id = 41 no longer exists"]),
        ] {
            let project = applied(engine);
            project.execute(change);
            let output = project.runner("verify --all-chunks --format json");
            output.exits(0);
            let detail = detail(&output, result);
            names.iter().for_each(|name| assert!(detail.contains(name), "{change}: {detail}"));
            assert!(detail.contains(WRITTEN_SINCE), "{change}: {detail}");
            project.runner("verify --all-chunks --strict").exits(1);
        }
    }

    /// What the application wrote since is no fault of the run.
    fn a_living_table_is_unproven(engine) {
        let project = applied(engine);
        project.execute("UPDATE items SET name = 'renamed', price = 5, twice = 11 WHERE id = 12");
        project.execute("UPDATE items SET twice = 7 WHERE id = 33");
        project.execute("DELETE FROM items WHERE id = 50");
        project.execute("INSERT INTO items (id, name, price) VALUES (5000, 'new', 1)");
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        assert!(results(&output).iter().all(|it| !it.contains("differs")), "{output}");
        assert!(results(&output).iter().any(|it| it == "replay proven"), "{output}");
        assert!(detail(&output, "target unproven twice").contains(WRITTEN_SINCE), "{output}");
    }

    fn rows_with_a_missing_source_are_compared_by_digest(engine) {
        let project = applied(engine);
        project.execute("UPDATE items SET price = 0");
        let output = project.runner("verify --format json");
        output.exits(0);
        assert!(detail(&output, "recompute unproven twice").contains("rows of `items` have changed since it read them"));
        assert_eq!(detail(&output, "target proven twice"), "4 of 4 chunks");
        project.runner("verify --strict").exits(1);
        project.execute("UPDATE items SET twice = 7 WHERE id = 33");
        let output = project.runner("verify --format json");
        output.exits(0);
        assert!(detail(&output, "target unproven twice").contains("after 20 up to 40"), "{output}");
        project.execute("DROP TABLE copies");
        let output = project.runner("verify --format json");
        assert!(detail(&output, "target unproven copy").contains("copies"), "{output}");
    }

    /// SQLite takes a cell of another type in any column.
    fn a_cell_of_another_type_is_named(engine) {
        let project = applied(engine);
        let (alter, cell) = match engine {
            Engine::Sqlite => ("SELECT 1", "'x'"),
            Engine::Postgres => ("ALTER TABLE items ALTER COLUMN twice TYPE numeric(9, 1)", "1.5"),
            _ => ("ALTER TABLE items MODIFY twice DECIMAL(9, 1)", "1.5"),
        };
        project.execute(alter);
        for _ in 0..2 {
            project.execute(&format!("UPDATE items SET twice = {cell} WHERE id = 33"));
            let output = project.runner("verify --all-chunks --format json");
            output.exits(0);
            let why = detail(&output, "target unproven twice");
            assert!(why.contains("after 20 up to 40") && why.contains("no int64"), "{why}");
            project.execute("UPDATE items SET twice = 198 WHERE id = 33");
            project.runner("verify --all-chunks").succeeds();
            // The rows that it read are not there any more.
            project.execute("UPDATE items SET price = 0");
        }
    }

    /// A row that the application added in place says nothing about those that were written.
    fn an_added_row_is_no_difference(engine) {
        let project = shop(engine);
        project.runner("apply --target 1").succeeds();
        project.execute("DELETE FROM items WHERE id IN (33, 34)");
        project.runner("apply").succeeds();
        let verified = |code: i32, result: &str| {
            let output = project.runner("verify --all-chunks --format json");
            output.exits(code);
            detail(&output, result)
        };
        project.execute("INSERT INTO items (id, name, price) VALUES (33, 'added', 1)");
        let why = verified(0, "target unproven twice");
        assert!(why.contains("3 of 4 chunks match") && why.contains("other rows between those that it wrote"), "{why}");
        // One that is missing is a difference, as long as no more than that were added.
        project.execute("DELETE FROM items WHERE id = 35");
        assert!(verified(0, "target unproven twice").contains(WRITTEN_SINCE));
        project.execute("INSERT INTO items (id, name, price) VALUES (34, 'added', 1)");
        verified(0, "target unproven twice");
        project.execute("DELETE FROM items WHERE id IN (33, 34)");
        assert!(verified(0, "target unproven twice").contains(WRITTEN_SINCE));
    }

    fn a_later_migration_explains_a_difference(engine) {
        let project = applied(engine);
        project.sql("0003_later", "UPDATE items SET twice = 0;", "SELECT 1;");
        project.runner("apply").succeeds();
        let output = project.runner("verify --format json");
        output.exits(0);
        assert!(detail(&output, "target unproven twice").contains("`0003_later`, which was applied later, may write there too"));
    }

    fn what_the_same_migration_changed_afterwards_is_no_difference(engine) {
        let project = shop(engine);
        let afterwards = "UPDATE items SET twice = 7 WHERE id = 33";
        project.settings(&format!("[parameters]\nafterwards = \"{afterwards}\"\n"));
        project.runner("apply").succeeds();
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        let twice = detail(&output, "target unproven twice");
        assert!(twice.contains("a later step of the same migration may write there too"), "{twice}");
        assert!(results(&output).iter().any(|it| it == "target proven copy"), "{output}");
        // A step before it explains nothing, and neither does one that only adds rows.
        project.execute("UPDATE copies SET label = 'x' WHERE id = 5");
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        detail(&output, "target unproven copy");
    }

    fn a_changed_history_is_found(engine) {
        let history = engine.history_table();
        let evidence = evidence(engine);
        for (change, result, says) in [
            (format!("UPDATE {history} SET transcript = 'ab' WHERE revision = '0002'"), "replay differs", "history has ab"),
            (format!("UPDATE {history} SET seed = 1 WHERE revision = '0002'"), "replay differs", "different seeds"),
            (format!("UPDATE {history} SET run_timestamp = 1 WHERE revision = '0002'"), "replay differs", "different times"),
            (format!("DELETE FROM {evidence} WHERE kind = 'inputs'"), "replay unproven", "its run was not recorded"),
        ] {
            let project = applied(engine);
            project.execute(&change);
            let output = project.runner("verify --format json");
            output.exits(if result.contains("differs") { 4 } else { 0 });
            assert!(detail(&output, result).contains(says), "{change}\n{output}");
        }
        // The evidence of another run replaces this one's.
        let other = shop(engine);
        other.runner("apply --target 1").succeeds();
        other.execute("UPDATE items SET name = 'another' WHERE id = 2");
        other.runner("apply").succeeds();
        let project = applied(engine);
        take_evidence(&project, &other, "calls");
        let output = project.runner("verify --format json");
        output.exits(4);
        assert!(detail(&output, "replay differs").contains("its transcript is"), "{output}");
    }

    fn a_changed_artifact_is_found(engine) {
        let project = applied(engine);
        let mut other = component().to_vec();
        // A custom section called `x`, which changes nothing but the bytes.
        other.extend([0, 2, 1, b'x']);
        project.write("migrations/0002_prove.wasm", &other);
        let output = project.runner("verify --format json");
        output.exits(4);
        assert!(detail(&output, "artifact differs").contains("was applied"), "{output}");
        assert_eq!(results(&output)[1], "replay proven", "stored copy is played");
        std::fs::remove_file(project.file("migrations/0002_prove.wasm")).unwrap();
        let output = project.runner("verify --format json");
        output.exits(4);
        assert!(detail(&output, "artifact differs").contains("0002_prove"), "{output}");
        project.write("migrations/0002_prove.wasm", component());
        let artifact = if engine == Engine::Postgres { "runner.runner_artifact" } else { "runner_artifact" };
        let empty = if engine == Engine::Postgres { "'\\x00'::bytea" } else { "x'00'" };
        project.execute(&format!("UPDATE {artifact} SET bytes = {empty} WHERE revision = '0002'"));
        let output = project.runner("verify --format json");
        output.exits(4);
        assert!(detail(&output, "artifact differs").contains("stored copy"), "{output}");
    }

    fn a_component_that_behaves_differently_is_found(engine) {
        // Another component replaces the one that ran, together with everything that identifies it.
        let other = shop(engine);
        other.settings("[parameters]\nsource = 'items'").component("0002_prove", &guests::component("turn"));
        other.runner("apply").succeeds();
        let project = applied(engine);
        project.component("0002_prove", &guests::component("turn"));
        let history = engine.history_table();
        let said = |column: &str| other.value(&format!("SELECT {column} FROM {history} WHERE revision = '0002'"));
        project.execute(&format!(
            "UPDATE {history} SET sha256 = '{}', seed = {}, run_timestamp = {} WHERE revision = '0002'",
            said("sha256"),
            said("seed"),
            said("run_timestamp")
        ));
        let output = project.runner("verify --format json");
        output.exits(4);
        assert!(detail(&output, "replay differs").contains("different artifacts"), "{output}");
        take_evidence(&project, &other, "inputs");
        let output = project.runner("verify --format json");
        output.exits(4);
        let replay = detail(&output, "replay differs");
        assert!(replay.contains("does not make the same calls as when it was applied"), "{replay}");
        assert!(replay.contains("CREATE TABLE copies") && replay.contains("now: transform `"), "{replay}");
        assert!(detail(&output, "recompute differs twice").contains("it fails on the same rows"), "{output}");
    }
}
