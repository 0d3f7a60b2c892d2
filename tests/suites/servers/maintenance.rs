//! PostgreSQL's maintenance statements for whole databases, which affect everything, including runner's own tables
//! and sessions.

use runner_tests::servers::{Kind, Server};
use runner_tests::{Engine, EngineProject, project};

/// A private server: such statements lock what all databases share.
#[test]
fn whole_databases_can_be_maintained() {
    let server = Server::private(Kind::Postgres).start();
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    let name = project.server_database().name().to_owned();
    project.sql("0001_items", "CREATE TABLE items (id integer PRIMARY KEY);\nANALYZE;", "DROP TABLE items;").sql(
        "0002_whole",
        &format!(
            "-- runner:no-transaction\nANALYZE;\nVACUUM;\nVACUUM FULL;\nREINDEX DATABASE {name};\n\
                 REINDEX SYSTEM {name};\nCLUSTER;"
        ),
        "ANALYZE;",
    );
    project.runner("apply --table-lock-timeout 5s --retries 0").succeeds();
    project.runner("rollback").succeeds();
    assert_eq!(project.history(), ["0001"]);
}

#[test]
fn a_procedure_that_commits_is_refused_with_a_hint() {
    let project = project!(Engine::Postgres);
    project.execute("CREATE TABLE t (i integer)");
    project.execute("CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (1); COMMIT; END'");
    for head in ["", "-- runner:no-transaction\n"] {
        project.sql("0001_call", &format!("{head}CALL p();"), "SELECT 1;");
        project.runner("apply").exits(1).says(&["0001_call", "hint:", "cannot call a procedure that commits"]);
        assert_eq!(project.value("SELECT count(*) FROM t"), "0");
    }
}
