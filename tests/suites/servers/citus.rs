//! A database of a Citus cluster, as `runner` sees it: a plain PostgreSQL that says of itself what one does.

use runner_tests::servers::Citus;
use serde_json::{Value, json};

use super::*;

fn project() -> EngineProject {
    let project = project!(Engine::Postgres);
    project.sql("1_a", "CREATE SCHEMA mine; CREATE TABLE mine.a (i INT);", "DROP SCHEMA mine CASCADE;");
    project
}

#[test]
fn a_worker_is_refused_and_gets_no_history() {
    let project = project();
    Citus { group: 1, nodes: &[0, 1], ..Citus::COORDINATOR }.play(project.server_database());
    for line in ["apply", "status", "plan", "doctor"] {
        let output = project.runner(line);
        output.exits(2).says(&["is a worker of a Citus cluster (group 1)", "hint: give the URL of the coordinator"]);
    }
    assert_eq!(
        project.rows("SELECT nspname FROM pg_namespace WHERE nspname IN ('runner', 'mine')"),
        Vec::<String>::new()
    );
}

#[test]
fn the_doctor_tells_what_the_database_is_in_its_cluster() {
    let project = project();
    let facts = || -> Value {
        let output = project.runner("doctor --format json");
        serde_json::from_str::<Value>(&output.succeeds().stdout).unwrap()["facts"]["citus"].clone()
    };
    assert_eq!(facts(), Value::Null);
    Citus::COORDINATOR.play(project.server_database());
    assert_eq!(facts(), json!({ "version": "13.2-1", "coordinator": true, "workers": 2 }));
    project.runner("doctor").succeeds().prints(&["cluster    Citus 13.2-1, the coordinator of 2 workers"]);
    project.execute("SET allow_system_table_mods = on; DELETE FROM pg_catalog.pg_dist_node");
    project.runner("doctor").succeeds().prints(&["cluster    Citus 13.2-1, which belongs to no cluster yet"]);
}

/// With these settings, Citus takes each new schema or table into its own hands.
#[test]
fn the_history_stays_on_the_coordinator_and_migrations_keep_their_settings() {
    let project = project();
    let database = project.server_database();
    Citus::COORDINATOR.play(database);
    for setting in ["enable_schema_based_sharding", "use_citus_managed_tables"] {
        database.sql(&format!("ALTER DATABASE {} SET citus.{setting} = 'on'", database.name()));
    }
    database.sql(
        "CREATE TABLE public.seen (what text, setting text); \
         CREATE FUNCTION public.sees() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO public.seen SELECT o.object_identity, pg_catalog.concat_ws(' ', \
             pg_catalog.current_setting('citus.enable_schema_based_sharding'), pg_catalog.current_setting('citus.use_citus_managed_tables')) \
         FROM pg_catalog.pg_event_trigger_ddl_commands() o; END $$; \
         CREATE EVENT TRIGGER sees ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA', 'CREATE TABLE') EXECUTE FUNCTION public.sees()",
    );
    project.runner("apply").succeeds();
    let seen = |like: &str| {
        project.rows(&format!("SELECT DISTINCT setting FROM public.seen WHERE what LIKE '{like}%' ORDER BY setting"))
    };
    assert_eq!(seen("runner"), ["off off"]);
    assert_eq!(seen("mine"), ["on on"]);
    // A dry run makes the history in the transaction of the migrations, in which a migration in SQL sees what a block asks for.
    project.execute("DROP SCHEMA mine CASCADE; DROP SCHEMA runner CASCADE; TRUNCATE public.seen");
    let on = "DO $$ BEGIN IF current_setting('citus.enable_schema_based_sharding') <> 'on' THEN RAISE 'off'; END IF; END $$;";
    project.sql("1_a", on, "SELECT 1;");
    project.runner("apply --dry-run").succeeds();
    // The tables of a lease.
    let url = format!("{}?lock=lease", project.url());
    project.run(["apply", "-D", &url]).succeeds();
    assert_eq!(seen("runner"), ["off off"]);
    assert_eq!(project.value("SELECT count(*) FROM public.seen WHERE what = 'runner.runner_lease'"), "1");
}
