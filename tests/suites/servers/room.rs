//! Servers whose disk is full.

use runner_tests::servers::{Kind, Server};
use runner_tests::{Engine, EngineProject};

use super::fill;

/// More data than the disk can hold.
fn much(engine: Engine) -> String {
    format!(
        "CREATE TABLE much (i INTEGER NOT NULL PRIMARY KEY, t TEXT NOT NULL);\n\
         INSERT INTO much (i, t) SELECT i, repeat('x', 1000) FROM ({}) AS n;",
        engine.numbers(100_000)
    )
}

#[test]
fn after_a_full_disk_the_run_can_be_repeated() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = Server::private(kind).small_disk().start();
        let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        fill(&project);
        project.runner("apply").succeeds();
        let (before, history) = (project.state(), project.history());
        project.sql("0004_much", &much(project.engine()), "DROP TABLE much;");
        let output = project.runner("apply");
        assert!(matches!(output.exit_code(), Some(1 | 6)), "{output}");
        output.says(&["0004_much"]);

        server.grow_disk(1 << 30);
        assert_eq!(project.history(), history, "{output}");
        if kind == Kind::Postgres {
            assert_eq!(project.state(), before, "{output}");
        }
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM much"), "100000");
    }
}
