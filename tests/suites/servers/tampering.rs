//! Migrations that do something with every table there is, runner's own included, without naming one of them.

use runner_tests::servers::Kind;
use runner_tests::{Engine, EngineProject, for_each_server, project};

use super::fill;

fn shop(engine: Engine) -> EngineProject {
    let project = project!(engine);
    fill(&project);
    project.runner("apply").succeeds();
    project
}

/// A statement that runs `text`, in which `~` stands for the name of each table in turn.
fn for_all_tables(engine: Engine, text: &str) -> String {
    let (before, after) = text.split_once('~').unwrap();
    match engine {
        Engine::Postgres => format!(
            "DO $$ DECLARE t record; BEGIN FOR t IN SELECT schemaname AS s, tablename AS n FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') LOOP \
             EXECUTE '{before}' || quote_ident(t.s) || '.' || quote_ident(t.n) || '{after}'; END LOOP; END $$"
        ),
        _ => format!(
            "BEGIN NOT ATOMIC\n  FOR t IN (SELECT TABLE_NAME AS n FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE') DO\n    \
             EXECUTE IMMEDIATE CONCAT('{before}', t.n, '{after}');\n  END FOR;\nEND"
        ),
    }
}

for_each_server! {
    fn a_loop_over_all_tables_is_found(engine) {
        let project = shop(engine);
        let texts = match engine {
            Engine::Postgres => ["ALTER TABLE ~ SET (fillfactor = 70)", "ALTER TABLE ~ ADD COLUMN mine integer"],
            _ => ["ALTER TABLE ~ CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "ALTER TABLE ~ COMMENT = 'mine'"],
        };
        for text in texts {
            let mut up = for_all_tables(engine, text);
            if engine != Engine::Postgres {
                up = format!("DELIMITER //\n{up}//\nDELIMITER ;\n");
            } else {
                up.push(';');
            }
            project.sql("0004_all", &up, "SELECT 1;");
            let output = project.runner("apply");
            assert_ne!(output.exit_code(), Some(0), "{text}\n{output}");
            output.says(&["runner", "0004_all", "hint:"]);
            if engine == Engine::Postgres {
                assert_eq!(project.history(), ["0001", "0002", "0003"], "nothing of it stays");
            } else {
                // What the loop did is committed, and stays for an operator to undo.
                break;
            }
        }
    }

    fn prepared_text_that_writes_to_the_history_is_found(engine) {
        let project = shop(engine);
        let up = match engine {
            Engine::Postgres => {
                "DO $$ BEGIN EXECUTE 'UPDATE run' || 'ner.run' || 'ner_history SET applied_by = ''me'''; END $$;".to_owned()
            }
            _ => "EXECUTE IMMEDIATE CONCAT('UPDATE run', 'ner_history SET applied_by = ''me''');".to_owned(),
        };
        for head in ["", "-- runner:no-transaction\n"] {
            project.sql("0004_history", &format!("{head}{up}"), "SELECT 1;");
            let output = project.runner("apply");
            assert_ne!(output.exit_code(), Some(0), "{head}{output}");
            output.says(&["runner", "0004_history", "hint:"]);
            if engine != Engine::Postgres {
                break;
            }
        }
    }

    /// Procedures and prepared texts that leave runner's tables alone go on working.
    fn programs_that_do_something_else_are_left_alone(engine) {
        let project = shop(engine);
        let up = match engine {
            Engine::Postgres => "DO $$ BEGIN EXECUTE 'UPDATE users SET name = upper(name)'; END $$;".to_owned(),
            _ => {
                let dynamic = match Kind::Mariadb.is_mysql() {
                    true => "SET @up = CONCAT('UPDATE us', 'ers SET name = upper(name)');\nPREPARE up FROM @up;\nEXECUTE up",
                    false => "EXECUTE IMMEDIATE CONCAT('UPDATE us', 'ers SET name = upper(name)')",
                };
                format!("{dynamic};\nCREATE TABLE other (a INTEGER);\nSET @x = 5;\nINSERT INTO other VALUES (@x);")
            }
        };
        project.sql("0004_users", &up, "SELECT 1;");
        project.runner("apply").succeeds();
        assert_eq!(project.rows("SELECT name FROM users ORDER BY id"), ["ADA", "GRACE"]);
    }
}
