//! Disks that are full when the journal is written.

use runner_tests::servers::{Kind, Server};
use runner_tests::{Disk, Engine, EngineProject, dump, project};

/// The number of statements.
const STATEMENTS: usize = 40;

/// Statements that each leave a trace, and each a journal entry larger than the trace.
fn marks(bytes: usize) -> String {
    let mark = |at: usize| format!("INSERT INTO marks VALUES ({at}, '{}');\n", "x".repeat(bytes));
    format!("-- runner:no-transaction\n{}", (1..=STATEMENTS).map(mark).collect::<String>())
}

/// The pages of a statement and of its journal entry are written together, at the commit.
#[test]
fn on_sqlite() {
    let mut partial = 0;
    for journal in ["wal", "delete"] {
        for pages in (30..70).step_by(3) {
            let project = project!();
            project.sql("1_marks", "CREATE TABLE marks (id INTEGER PRIMARY KEY, t TEXT);", "DROP TABLE marks;").sql(
                "2_fill",
                &marks(300),
                "-- runner:no-transaction\nDELETE FROM marks;",
            );
            let disk = Disk::mount(&project.file("disk"), pages * 4096);
            let run = |line: &str| project.runner(&format!("{line} -D sqlite:disk/x.db?journal_mode={journal}"));
            if run("apply --target 1").exit_code() != Some(0) {
                continue;
            }
            let output = run("apply");
            if output.exit_code() == Some(0) {
                continue;
            }
            assert!(matches!(output.exit_code(), Some(1 | 6)), "{journal}, {pages} pages\n{output}");
            output.says(&["full"]);
            disk.grow(64 << 20);
            let connection = project.open("disk/x.db");
            let marked = dump::value(&connection, "SELECT count(*) FROM marks");
            let done = "SELECT count(*) FROM runner_journal WHERE step > 0 AND state = 'done'";
            assert_eq!(dump::value(&connection, done), marked, "{journal}, {pages} pages\n{output}");
            partial += usize::from(output.exit_code() == Some(6));
            drop(connection);
            let output = run("apply");
            assert_eq!(output.exit_code(), Some(0), "{journal}, {pages} pages\n{output}");
            let connection = project.open("disk/x.db");
            assert_eq!(dump::value(&connection, "SELECT count(*) FROM marks"), STATEMENTS.to_string());
            dump::check(&connection);
        }
    }
    assert!(partial > 3, "{partial} partial");
}

#[test]
fn on_servers() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = Server::private(kind).small_disk().start();
        let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        let table = match project.engine() {
            Engine::Mariadb => "CREATE TABLE marks (id INTEGER NOT NULL PRIMARY KEY, t LONGTEXT);",
            _ => "CREATE TABLE marks (id INTEGER NOT NULL PRIMARY KEY, t TEXT);",
        };
        project.sql("0001_marks", table, "DROP TABLE marks;");
        project.runner("apply").succeeds();
        // Each statement fills a few megabytes that do not compress.
        let much = |at: usize| {
            let noise = match project.engine() {
                Engine::Mariadb => {
                    // On MySQL, `group_concat` returns 1,024 bytes at most.
                    let all = if Kind::Mariadb.is_mysql() { "json_arrayagg" } else { "group_concat" };
                    format!("(SELECT {all}(sha2(rand(), 512)) FROM {})", Kind::Mariadb.sequence(8000))
                }
                _ => "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 90000))".to_owned(),
            };
            format!("INSERT INTO marks SELECT {at}, {noise};\n")
        };
        let up: String = (1..=STATEMENTS).map(much).collect();
        let up =
            if kind == Kind::Mariadb { format!("SET SESSION group_concat_max_len = 100000000;\n{up}") } else { up };
        project.sql(
            "0002_fill",
            &format!("-- runner:no-transaction\n{up}"),
            "-- runner:no-transaction\nDELETE FROM marks;",
        );
        let output = project.runner("apply");
        assert!(matches!(output.exit_code(), Some(1 | 6)), "{output}");
        server.grow_disk(1 << 30);
        let marked = project.value("SELECT count(*) FROM marks");
        assert_ne!(marked, "0", "{output}");
        let output = project.runner("apply");
        output.succeeds();
        assert_eq!(project.value("SELECT count(*) FROM marks"), STATEMENTS.to_string(), "{marked} before\n{output}");
    }
}
