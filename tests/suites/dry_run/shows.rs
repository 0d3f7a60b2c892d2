//! What a dry run shows.

use runner_tests::{Engine, for_each_engine, guests};

use super::{changes_nothing, dry, json, shop, steps};

for_each_engine! {
    fn every_statement_with_values_and_rows_before_and_after(engine) {
        let project = shop(engine, "steps");
        let output = changes_nothing(&project, &format!("apply {}", dry(engine)));
        output.succeeds().says(&["tried 0002_work", "dry run", "the database is unchanged"]).prints(&[
            "0002_work upgrade",
            "CREATE TABLE ledger",
            "INSERT INTO ledger (id, entry) VALUES (1, 'entry 1')",
            "transform `raise`: items -> update items",
            "update items, 3 of 70 rows:",
            "         id = 1\n       - price = 0.125\n       + price = 0.25\n",
            "insert ledger, 3 of 150 rows:",
            "+ id = 100, entry = \"entry 100\"",
            "ALTER TABLE ledger ADD COLUMN note",
            "note:",
        ]);
        let output = changes_nothing(&project, &format!("apply {} --format json --sample 5", dry(engine)));
        let events: Vec<serde_json::Value> =
            output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let transforms: Vec<_> = events.iter().filter(|it| it["event"] == "transform").collect();
        assert!(!transforms.is_empty() && transforms.iter().all(|it| it["revision"] == "0002"), "{events:#?}");
        let run = &events[0]["run_id"];
        assert!(run.is_string() && events.iter().all(|it| it["run_id"] == *run && it["time"].is_string()), "{events:#?}");
        let report = json(output.succeeds());
        assert_eq!((&report["dry_run"], &report["result"]), (&true.into(), &"done".into()));
        let ground = if engine == Engine::Mariadb { "scratch database" } else { "transaction" };
        assert_eq!(report["dry_run_report"]["ground"], ground);
        assert_eq!(steps(&report, "0002", "").len(), 15, "{report:#}");
        let transform = steps(&report, "0002", "transform")[0];
        assert_eq!(transform["rows"], 70);
        let sample = &transform["samples"][0];
        assert_eq!((&sample["what"], &sample["rows"]), (&"update items".into(), &70.into()));
        let changes = sample["changes"].as_array().unwrap();
        let ids: Vec<u32> = changes.iter().map(|it| it["key"]["id"].as_str().unwrap().parse().unwrap()).collect();
        assert!(ids.len() >= 3 && ids.len() <= 5 && ids.is_sorted() && *ids.last().unwrap() > 40, "{ids:?}");
        for change in changes {
            let price = |when: &str| change[when]["price"].as_str().unwrap().parse::<f64>().unwrap();
            let id: f64 = change["key"]["id"].as_str().unwrap().parse().unwrap();
            assert_eq!((price("before"), price("after")), (id / 8.0, id / 4.0));
        }
        let own = &report["dry_run_report"]["migrations"][0]["samples"][0];
        assert_eq!((&own["what"], &own["rows"]), (&"insert ledger".into(), &150.into()));
    }

    fn rollback_and_redo(engine) {
        let project = shop(engine, "steps");
        project.runner("apply").succeeds();
        let down = changes_nothing(&project, &format!("rollback --all {}", dry(engine)));
        down.succeeds().prints(&["0002_work downgrade", "DROP TABLE ledger", "0001_items downgrade", "DROP TABLE items"]);
        let redo = changes_nothing(&project, &format!("redo {}", dry(engine)));
        redo.succeeds().prints(&["0002_work downgrade", "0002_work upgrade", "- price = 0.125\n       + price = 0.25"]);
    }

    fn only_some_chunks_of_a_transform(engine) {
        let project = shop(engine, "steps");
        let line = format!("apply {} --sample 2 --sample-chunks 2 --format json", dry(engine));
        let report = json(changes_nothing(&project, &line).succeeds());
        let transform = steps(&report, "0002", "transform")[0];
        assert_eq!(transform["rows"], 20, "{transform:#}");
        let keys: Vec<_> = transform["samples"][0]["changes"].as_array().unwrap().iter()
            .map(|it| it["key"]["id"].as_str().unwrap().parse::<u32>().unwrap()).collect();
        assert!(keys[0] == 1 && keys[1] > 60, "the chunks stand at both ends of the table: {keys:?}");
        let caveats = report["dry_run_report"]["caveats"].to_string();
        assert!(caveats.contains("at most 2 chunks"), "{caveats}");
        // If more chunks are requested than exist, all are run.
        let line = format!("apply {} --sample-chunks 7 --format json", dry(engine));
        assert_eq!(steps(&json(changes_nothing(&project, &line).succeeds()), "0002", "transform")[0]["rows"], 70);
    }

    fn a_failure_with_its_place(engine) {
        let project = shop(engine, "steps");
        let statements = "UPDATE items SET price = 0 WHERE id = 1;\nINSERT INTO nowhere VALUES (1);\nDELETE FROM items;";
        project.sql("0003_broken", statements, "SELECT 1;");
        let output = changes_nothing(&project, &format!("apply {}", dry(engine)));
        output.exits(1).prints(&["UPDATE items SET price = 0", "INSERT INTO nowhere VALUES (1)", "(failed: "]);
        output.says(&["tried 0002_work", "0003_broken", "2 of 3", "nowhere"]).does_not_say(&["DELETE FROM items"]);
    }

    fn repeated_statements_are_summarised(engine) {
        let project = shop(engine, "steps");
        let insert = "INSERT INTO items VALUES (1000, 'x', 1);\nDELETE FROM items WHERE id = 1000;\n";
        let same = "UPDATE items SET price = price + 1;\n";
        project.sql("0003_loop", &format!("{insert}{}{insert}", same.repeat(50)), "SELECT 1;");
        let line = format!("apply {}", dry(engine));
        let told = |output: &runner_tests::Output| output.stdout.matches("UPDATE items SET price = price + 1").count();
        let output = changes_nothing(&project, &line);
        output.succeeds().prints(&["… 47 more like it", "3,290 rows"]);
        assert_eq!(told(&output), 3);
        assert_eq!(told(&changes_nothing(&project, &format!("{line} -v"))), 50);
    }

    /// If only rows change, a transaction is enough on every engine.
    fn a_component_that_only_changes_rows(engine) {
        let project = shop(engine, "turn");
        let output = changes_nothing(&project, "apply --dry-run --parameter source=items");
        output.succeeds().prints(&["id = 1\n       - name = \"item 1\"\n       + name = \"ITEM 1\"\n"]);
        for (mode, shown) in [
            ("upsert", "update"),
            ("delete", "- name = \"item 1\", price = 0.125"),
        ] {
            let line = format!("apply --dry-run --parameter source=items --parameter mode={mode}");
            let output = changes_nothing(&project, &line);
            output.succeeds().prints(&[&format!("{mode} items, 3 of 70 rows:")]);
            assert!(mode == "upsert" || output.stdout.contains(shown), "{output}");
        }
    }

    fn the_demo(engine) {
        let project = runner_tests::EngineProject::copy(env!("CARGO_BIN_EXE_runner"), engine, guests::repository());
        project.runner("apply --target 2026010510").succeeds();
        let rows = if engine == Engine::Mariadb { "--copy-rows all" } else { "" };
        let output = changes_nothing(&project, &format!("apply {} {rows}", dry(engine)));
        output.succeeds().prints(&["update flights, 3 of 27,004 rows:", "id = 1\n       - departed_at = NULL, arrived_at = NULL"]);
        assert!(output.stdout.contains("2013-01-01T10:17:00") || output.stdout.contains("2013-01-01 10:17:00"), "{output}");
    }
}

#[test]
fn flags_of_a_dry_run_require_one() {
    let project = shop(Engine::Sqlite, "steps");
    for line in [
        "apply --sample 3",
        "apply --sample-chunks 2",
        "apply --on-copy",
        "apply --dry-run --copy-rows 5",
        "redo --sample 1",
    ] {
        project.runner(line).exits(2);
    }
    project.runner("apply --dry-run --on-copy --copy-rows some").exits(2).says(&["`some`", "`all`"]);
    project.runner("apply --dry-run --sample-chunks 0").exits(2);
    assert_eq!(project.history(), ["0001"]);
}

#[test]
fn copying_a_file_does_not_block_writers() {
    let project = shop(Engine::Sqlite, "steps");
    let other = project.database();
    // Concurrent writers are not blocked, and do not block the dry run.
    other.execute_batch("BEGIN IMMEDIATE; UPDATE items SET price = 99 WHERE id = 1").unwrap();
    let output = super::run(&project, "apply --dry-run --on-copy");
    output.succeeds().says(&["the copy was removed"]).prints(&["- price = 0.125\n       + price = 0.25"]);
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    assert_eq!(project.value("SELECT price FROM items WHERE id = 1"), "99.0");
    project.runner("apply").succeeds();
}
