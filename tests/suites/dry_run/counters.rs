//! The counters of runner's own rows, which a rollback does not restore.

use runner_tests::{Engine, EngineProject, for_each_engine};

use super::{changes_nothing, shop};

/// The state of all counters.
fn counters(project: &EngineProject) -> Vec<String> {
    project.rows(match project.engine() {
        // SQLite's counters are in a table, which is rolled back with the rest.
        Engine::Sqlite => "SELECT concat('runner_history ', max(id)) FROM runner_history",
        // The history has numbers of its own there; what is counted by the server besides must stay as well.
        Engine::Postgres => {
            "SELECT concat('runner_history ', max(id)) FROM runner.runner_history UNION ALL \
             SELECT concat(schemaname, '.', sequencename, ' ', last_value) FROM pg_sequences ORDER BY 1"
        }
        Engine::Mariadb => {
            "SELECT concat(table_name, ' ', auto_increment) FROM information_schema.tables \
             WHERE table_schema = database() AND auto_increment IS NOT NULL ORDER BY 1"
        }
    })
}

for_each_engine! {
    fn a_dry_run_does_not_advance_our_counters(engine) {
        let project = shop(engine, "turn");
        for revision in ["0003", "0004"] {
            project.sql(&format!("{revision}_more"), "UPDATE items SET price = 1;", "UPDATE items SET price = 2;");
        }
        let before = counters(&project);
        assert!(before.iter().any(|line| line.contains("runner_history")), "{before:?}");
        let dry = |line: &str, tried: &str| {
            let before = counters(&project);
            let output = changes_nothing(&project, &format!("{line} --dry-run --parameter source=items"));
            output.succeeds().says(&[tried]);
            assert_eq!(counters(&project), before, "{output}");
        };
        dry("apply", "tried 3 migrations");
        assert_eq!(counters(&project), before);
        project.runner("apply --parameter source=items").succeeds();
        assert_ne!(counters(&project), before);
        dry("redo", "tried");
        dry("rollback -n 2", "tried rolling back 2 migrations");
        // The next row has the next number, whatever distance the server keeps between those that it counts itself.
        let place = if engine == Engine::Postgres { "runner." } else { "" };
        let last = || project.value(&format!("SELECT max(id) FROM {place}runner_history")).parse::<i64>().unwrap();
        let before = last();
        project.sql("0005_last", "UPDATE items SET price = 3;", "SELECT 1;");
        dry("apply", "tried 1 migration");
        project.runner("apply").succeeds();
        assert_eq!(last(), before + 1);
    }
}
