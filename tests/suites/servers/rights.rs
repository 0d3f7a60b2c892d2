//! Users with insufficient privileges, and read-only servers.

use runner_tests::servers::{Kind, Server};
use runner_tests::{EngineProject, for_each_server};

use super::{fill, refused, shop};

for_each_server! {
    /// A user who may not create the history is told which privilege to request, and it suffices.
    fn no_privilege_to_create_the_history(engine) {
        let mut project = shop(engine);
        let database = project.server_database();
        let (name, user) = (database.name().to_owned(), database.name().replace("runner_test_", "u"));
        let grant = match engine {
            runner_tests::Engine::Postgres => {
                database.sql(&format!("CREATE ROLE {user} LOGIN; GRANT ALL ON SCHEMA public TO {user}"));
                format!("GRANT CREATE ON DATABASE {name} TO {user}")
            }
            _ => {
                database.sql(&format!("CREATE USER {user}@'%'; GRANT SELECT ON {name}.* TO {user}@'%'"));
                format!("GRANT ALL PRIVILEGES ON {name}.* TO {user}@'%'")
            }
        };
        let url = database.url_as(&user, "");
        project.by(&url);
        for line in ["status", "plan", "history", "current"] {
            project.runner(line).succeeds();
        }
        let right = if engine == runner_tests::Engine::Postgres { "CREATE" } else { "GRANT" };
        refused(&project, "apply", 7, &["hint:", "history", right]);
        project.execute(&grant);
        project.runner("apply").succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
        project.execute(&match engine {
            runner_tests::Engine::Postgres => format!("DROP OWNED BY {user} CASCADE; DROP ROLE {user}"),
            _ => format!("DROP USER {user}@'%'"),
        });
    }
}

fn on(server: &Server) -> EngineProject {
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    fill(&project);
    project
}

/// A read-only server serves what only reads; everything else reports the reason.
fn only_reads(project: &EngineProject, says: &str) {
    for line in ["status", "plan", "history", "current", "show 1"] {
        project.runner(line).succeeds();
    }
    refused(project, "apply", 1, &[says, "hint:"]);
    refused(project, "rollback", 1, &[says, "hint:"]);
}

#[test]
fn read_only_transactions_by_default() {
    let server = Server::private(Kind::Postgres).start();
    let mut project = on(&server);
    project.runner("apply --target 1").succeeds();
    let name = project.server_database().name().to_owned();
    server.client().sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    only_reads(&project, "read-only");

    let server = Server::private(Kind::Mariadb).start();
    project = on(&server);
    project.runner("apply --target 1").succeeds();
    server.client().sql("SET GLOBAL tx_read_only = 1");
    only_reads(&project, "read-only");
}

#[test]
fn a_standby() {
    let server = Server::private(Kind::Postgres).start();
    let mut project = on(&server);
    project.runner("apply --target 1").succeeds();
    let standby = server.standby();
    let url = project.server_database().url_at(standby.port());
    project.by(&url);
    only_reads(&project, "read-only");
}

#[test]
fn a_server_set_to_read_only() {
    let server = Server::private(Kind::Mariadb).start();
    let mut project = on(&server);
    project.runner("apply --target 1").succeeds();
    let database = project.server_database();
    // This setting does not apply to superusers.
    database.sql(&format!("CREATE USER ada@'%'; GRANT ALL ON {}.* TO ada@'%'", database.name()));
    let url = database.url_as("ada", "");
    server.client().sql("SET GLOBAL read_only = 1");
    project.by(&url);
    only_reads(&project, "read-only");
}
