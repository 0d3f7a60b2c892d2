//! `BEGIN` and `COMMIT` around a whole file are what the host does anyway.

use super::*;

for_each_engine! {
    fn a_transaction_around_everything(engine) {
        let project = project!(engine);
        let begin = if engine == Engine::Mariadb { "START TRANSACTION" } else { "BEGIN" };
        project
            .sql("1_a", &format!("{begin};\nCREATE TABLE a (id INTEGER PRIMARY KEY);\nCOMMIT;\n"), "BEGIN; DROP TABLE a; COMMIT;")
            .sql("2_b", &format!("-- rows\n{begin};\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\nCOMMIT;"), "DELETE FROM a;");
        project.runner("validate").succeeds();
        // It is one transaction, where only rows change on MariaDB too.
        let plan = json(&project.runner("plan --format json"));
        assert_eq!(plan["migrations"][1]["mode"], "atomic", "{plan}");
        assert_eq!(plan["migrations"][1]["statements"], 2, "{plan}");
        project.runner("apply").exits(1).says(&["2_b", "2 of 2, line 4"]);
        project.write("migrations/2_b.up.sql", format!("{begin};\nINSERT INTO a VALUES (1);\nCOMMIT;"));
        project.runner("apply").succeeds();
        project.runner("rollback --all").succeeds();
    }
}

#[test]
fn other_transaction_control_is_refused_at_once() {
    for (text, line) in [
        ("BEGIN;\nCREATE TABLE a (id INTEGER);\nSAVEPOINT s;\nCOMMIT;", 1),
        ("CREATE TABLE a (id INTEGER);\nCOMMIT;", 2),
        ("BEGIN;\nCREATE TABLE a (id INTEGER);\nROLLBACK;", 1),
    ] {
        let project = project!();
        project.sql("1_a", text, "SELECT 1;");
        for verb in ["validate", "plan", "apply"] {
            let output = project.runner(verb);
            output.exits(7).says(&["a migration cannot begin or end transactions or use savepoints", "1_a.up.sql"]);
            output.says(&[&format!("line {line}")[..]].into_iter().filter(|_| line == 2).collect::<Vec<_>>());
        }
        assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty());
    }
    let project = project!();
    project.sql("1_a", "-- runner:no-transaction\nBEGIN;\nCREATE TABLE a (id INTEGER);\nCOMMIT;", "SELECT 1;");
    assert_snapshot!(project.runner("validate").snapshot());
}

for_each_engine! {
    fn the_isolation_level_is_that_of_the_transaction(engine) {
        let read = match engine {
            Engine::Sqlite => return,
            Engine::Postgres => "INSERT INTO levels SELECT current_setting('transaction_isolation')",
            // The level of a transaction shows only where it is.
            Engine::Mariadb => {
                "INSERT INTO levels SELECT trx_isolation_level FROM information_schema.innodb_trx \
                 WHERE trx_mysql_thread_id = connection_id()"
            }
        };
        let project = project!(engine);
        project.sql("1_levels", "CREATE TABLE levels (level VARCHAR(40));", "DROP TABLE levels;");
        let set = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
        let text = match engine {
            Engine::Mariadb => format!("{set};\nSTART TRANSACTION;\nINSERT INTO levels VALUES ('x');\n{read};\nDELETE FROM levels WHERE level = 'x';\nCOMMIT;"),
            _ => format!("BEGIN;\n{set};\n{read};\nCOMMIT;"),
        };
        project.write("migrations/2_look.up.sql", text);
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT upper(level) FROM levels"), "SERIALIZABLE");
        // Where each statement commits by itself, a level means nothing.
        project.write("migrations/3_steps.up.sql", format!("-- runner:no-transaction\n{set};\nDELETE FROM levels;"));
        project.runner("validate").exits(2).says(&["3_steps.up.sql", "isolation level"]);
    }
}
