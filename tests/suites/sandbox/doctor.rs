//! `runner doctor`: what isolates components.

use runner_tests::servers::{Kind, Server};
use serde_json::{Value, json};

use super::*;

fn told(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

#[test]
fn on_sqlite_the_authorizer_isolates() {
    let project = project!();
    // Before there is a file.
    project.runner("doctor").succeeds().prints(&["server     SQLite", "isolation  SQLite's authorizer"]);
    assert!(!project.file("runner.db").exists());
    project.component("0001_free", &guests::component("granted")).component("0002_held", &guests::component("granted"));
    project.settings("[grants.2]\nallow = ['read people(id)']\nraw_sql = true");
    project
        .runner("doctor")
        .succeeds()
        .prints(&["component  0001_free: all tables", "component  0002_held: read people(id), raw_sql"]);
    let document = told(&project.runner("doctor --format json"));
    assert_eq!((&document["isolation"], &document["powers"]), (&json!("authorizer"), &json!([])), "{document}");
    assert_eq!(document["components"][1]["granted"], json!(["read people(id)", "raw_sql"]), "{document}");
}

/// What a server can do is found out, not assumed, and tests can take it away.
#[test]
fn what_the_server_can_do_is_told() {
    let facts = |project: &EngineProject| told(project.runner("doctor --format json").succeeds())["facts"].clone();
    let sqlite = facts(&project!(Engine::Sqlite));
    assert_eq!((&sqlite["lock"], &sqlite["transactional_ddl"]), (&json!("file"), &json!(true)), "{sqlite}");
    let postgres = facts(&project!(Engine::Postgres));
    assert_eq!((&postgres["lock"], &postgres["skips_locked"]), (&json!("advisory"), &json!(true)), "{postgres}");
    let project = project!(Engine::Mariadb);
    let mariadb = facts(&project);
    let packet: u64 = project.value("SELECT @@max_allowed_packet").parse().unwrap();
    assert_eq!((&mariadb["lock"], &mariadb["packet_bytes"]), (&json!("user-locks"), &json!(packet)), "{mariadb}");
    assert_eq!((&mariadb["auto_increment_increment"], &mariadb["atomic_ddl"]), (&json!(7), &json!(true)), "{mariadb}");
    project.runner("doctor").prints(&["numbers are assigned 7 apart", "each schema change commits, completely"]);
    let mut command = project.command(["doctor"]);
    let output = project.finish(command.env("RUNNER_TEST_FACTS", "skips_locked,atomic_ddl"));
    output.prints(&["no `SKIP LOCKED`", "can leave part of it"]);
    let mut command = project.command(["doctor"]);
    let output = project.finish(command.env("RUNNER_TEST_FACTS", "skips_locked,speed"));
    output.exits(2).says(&["the fact `speed`, which cannot be taken away", "hint: use some of"]);
}

for_each_server! {
    fn the_rights_of_the_login_are_told(engine) {
        let mut project = project!(engine);
        // Without a component, nobody could use them.
        let document = told(project.runner("doctor --format json").succeeds());
        assert_eq!(document["isolation"], "shared-login", "{document}");
        let powers = document["powers"].as_array().unwrap();
        assert!(!powers.is_empty(), "the tests' login may do everything: {document}");
        project.component("0001_component", &guests::component("granted"));
        project.runner("doctor").exits(7).prints(&["risk", "a component may"]);
        // A login that has the database, and nothing else.
        let database = project.server_database();
        let name = format!("plain_{}", database.name());
        let name = &name[name.len().saturating_sub(30)..];
        let name = name.trim_start_matches('_');
        let (create, drop) = match engine {
            Engine::Postgres => (
                format!("CREATE ROLE \"{name}\" LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE \"{}\" TO \"{name}\"", database.name()),
                format!("DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\""),
            ),
            _ => (
                format!("CREATE USER '{name}'@'%' IDENTIFIED BY 'x'; GRANT ALL ON `{}`.* TO '{name}'@'%'", database.name()),
                format!("DROP USER '{name}'@'%'"),
            ),
        };
        project.execute(&create);
        let url = database.url_as(name, "x");
        project.by(&url);
        let document = told(project.runner("doctor --format json").succeeds());
        assert_eq!(document["powers"], json!([]), "{document}");
        assert!(document["login"].as_str().unwrap().starts_with(name), "{document}");
        project.execute(&drop);
    }
}

#[test]
fn no_attack_succeeds_on_sqlite() {
    let project = project!();
    project.runner("doctor --attack").succeeds().prints(&["tried on a scratch database: none would have succeeded"]);
    assert!(!project.file("runner.db").exists());
    let attack = &told(&project.runner("doctor --attack --format json"))["attack"];
    assert!(attack["tried"].as_u64() > Some(80), "{attack}");
    assert_eq!(attack["succeeded"], json!([]));
}

for_each_server! {
    fn what_a_powerful_login_may_do_is_found(engine) {
        // What no attack may change includes the databases of the server, and other tests make some.
        let kind = if engine == Engine::Postgres { Kind::Postgres } else { Kind::Mariadb };
        let server = Server::private(kind).start();
        let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        let before = project.everything();
        let output = project.runner("doctor --attack --format json");
        output.exits(7);
        let attack = &told(&output)["attack"];
        assert!(attack["tried"].as_u64() > Some(60), "{attack}");
        assert_eq!((&attack["ground"], &attack["because"]), (&json!("scratch-database"), &Value::Null), "{attack}");
        let left = &attack["not_tried"][0];
        assert_eq!(left["why"], "it would change the server if it succeeded");
        assert!(left["attacks"].as_array().is_some_and(|attacks| !attacks.is_empty()), "{attack}");
        // What was changed in the scratch database would be a hole; what the tests' login may do beyond it is known.
        let what: Vec<&str> = attack["succeeded"].as_array().unwrap().iter().map(|it| it["what"][0].as_str().unwrap()).collect();
        assert!(what.contains(&if engine == Engine::Postgres { "run programs on the server's machine" } else { "read other databases" }), "{what:?}");
        for changed in ["the history", "the lock", "logins and roles", "settings", "triggers", "databases"] {
            assert!(!what.contains(&changed), "{attack}");
        }
        assert_eq!(project.everything(), before);
        let names = if engine == Engine::Postgres { "SELECT datname::text FROM pg_database" } else { "SHOW DATABASES" };
        let here = project.server_database().name().to_owned();
        assert!(project.rows(names).iter().any(|name| name.contains(&here)));
        let text = project.runner("doctor --attack");
        text.exits(7).prints(&["open ", "would have succeeded", "not tried", "were not tried"]);
    }

    fn a_plain_login_reaches_nothing(engine) {
        // It may make databases of its own, and nothing else.
        let mut project = project!(engine);
        let database = project.server_database();
        let name = format!("maker_{}", database.name());
        let name = name[name.len().saturating_sub(30)..].trim_start_matches('_').to_owned();
        let (create, drop) = match engine {
            Engine::Postgres => (format!("CREATE ROLE \"{name}\" LOGIN CREATEDB PASSWORD 'x'"), format!("DROP ROLE \"{name}\"")),
            _ => (
                format!(
                    "CREATE USER '{name}'@'%' IDENTIFIED BY 'x'; GRANT ALL ON `runner\\_scratch\\_%`.* TO '{name}'@'%'; \
                     GRANT SELECT ON `{}`.* TO '{name}'@'%'",
                    database.name()
                ),
                format!("DROP USER '{name}'@'%'"),
            ),
        };
        project.execute(&create);
        let url = database.url_as(&name, "x");
        let drop = drop.clone();
        project.by(&url);
        let output = project.runner("doctor --attack --format json");
        let attack = told(&output)["attack"].clone();
        project.execute(&drop);
        let succeeded = attack["succeeded"].as_array().unwrap_or_else(|| panic!("{output}"));
        // On MySQL and MariaDB, the login has all databases of that prefix.
        let others = |it: &&Value| !it["what"][0].as_str().unwrap().ends_with("other databases");
        let open: Vec<&Value> = succeeded.iter().filter(others).collect();
        assert!(open.is_empty(), "{open:#?}");
    }
}

/// A login without a privilege to make databases, to which the project's database belongs.
fn owner(project: &mut EngineProject, rights: &str) -> String {
    let database = project.server_database();
    let name = format!("owner_{}", database.name());
    let name = name[name.len().saturating_sub(30)..].trim_start_matches('_').to_owned();
    project.execute(&format!(
        "CREATE ROLE \"{name}\" LOGIN {rights} PASSWORD 'x'; ALTER DATABASE \"{}\" OWNER TO \"{name}\"; \
         ALTER SCHEMA public OWNER TO \"{name}\"",
        database.name()
    ));
    let url = database.url_as(&name, "x");
    project.by(&url);
    name
}

/// Gives the database back, and drops the login.
fn disown(project: &mut EngineProject, name: &str) {
    project.execute(&format!(
        "REASSIGN OWNED BY \"{name}\" TO CURRENT_USER; DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\""
    ));
}

/// All objects of the database and all roles, and what the server has numbered so far would not be seen by a dump.
const EVERYTHING: &str = "SELECT string_agg(x, ';' ORDER BY x) FROM (\
    SELECT c.oid || c.relname || c.relnamespace::regnamespace || coalesce(c.relacl::text, '') AS x FROM pg_class c \
    UNION ALL SELECT p.oid || p.proname FROM pg_proc p UNION ALL SELECT n.nspname FROM pg_namespace n WHERE n.nspname !~ '^pg_' \
    UNION ALL SELECT d.datname || coalesce(s.setconfig::text, '') FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid \
        WHERE d.datname = current_database() \
    UNION ALL SELECT r.rolname || r.rolsuper FROM pg_roles r WHERE r.rolname ~ 'attack' \
    UNION ALL SELECT l.oid::text FROM pg_largeobject_metadata l UNION ALL SELECT o.oid::text FROM pg_operator o) AS t";

/// Where no scratch database can be made, a transaction that is rolled back is the ground.
#[test]
fn without_a_scratch_database_attacks_are_rolled_back() {
    let mut project = project!(Engine::Postgres);
    let name = owner(&mut project, "");
    let before = project.value(EVERYTHING);
    let output = project.runner("doctor --attack --format json");
    // What was not tried is not safe.
    let document = told(output.exits(7));
    let attack = &document["attack"];
    assert_eq!(attack["ground"], "transaction", "{attack}");
    assert!(attack["because"].as_str().unwrap().starts_with("no scratch database can be made: "), "{attack}");
    assert_eq!(attack["succeeded"], json!([]), "{attack}");
    let left: Vec<&str> =
        attack["not_tried"].as_array().unwrap().iter().map(|it| it["why"].as_str().unwrap()).collect();
    assert!(left.contains(&"a rollback does not undo it"), "{left:?}");
    assert!(left.contains(&"what it does happens when the transaction commits"), "{left:?}");
    assert!(left.contains(&"it would change the server if it succeeded"), "{left:?}");
    assert!(attack["tried"].as_u64() > Some(50), "{attack}");
    let not_tried = attack["not_tried"].to_string();
    assert!(
        not_tried.contains("it takes whole runs, which commit") && not_tried.contains("client_encoding"),
        "{attack}"
    );
    assert_eq!(project.value(EVERYTHING), before);
    let text = project.runner("doctor --attack");
    text.exits(7)
        .prints(&[
            "tried in transactions that were rolled back: none would have succeeded",
            "not tried  SELECT pg_catalog.pg_reload_conf()",
        ])
        .says(&["not all attacks that matter were tried", "hint: let the login create databases"]);
    // Once there is a history, nothing is tried on it.
    project.sql("1_a", "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)", "DROP TABLE kept");
    project.runner("apply").succeeds();
    let before = (project.value(EVERYTHING), project.everything());
    let attack = told(project.runner("doctor --attack --format json").exits(7))["attack"].clone();
    assert!(attack["tried"].as_u64() > Some(10), "{attack}");
    let history =
        attack["not_tried"].as_array().unwrap().iter().find(|it| it["why"].as_str().unwrap().contains("the history"));
    assert!(history.is_some_and(|it| it["attacks"].as_array().unwrap().len() > 30), "{attack}");
    assert_eq!((project.value(EVERYTHING), project.everything()), before);
    // What the login may do is found, and nothing of it stays.
    project.execute(&format!("GRANT pg_execute_server_program TO \"{name}\"; ALTER ROLE \"{name}\" CREATEROLE"));
    let output = project.runner("doctor --attack --format json");
    output.exits(7);
    let attack = told(&output)["attack"].clone();
    let what: Vec<&str> =
        attack["succeeded"].as_array().unwrap().iter().map(|it| it["what"][0].as_str().unwrap()).collect();
    assert_eq!(
        (&attack["ground"], what.contains(&"run programs on the server's machine"), what.contains(&"create logins")),
        (&json!("transaction"), true, true),
        "{attack}"
    );
    assert_eq!((project.value(EVERYTHING), project.everything()), before);
    // A trigger of the database would run for each object, and may do what stays.
    project.execute(
        "CREATE SEQUENCE fired; CREATE FUNCTION fires() RETURNS event_trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM nextval('public.fired'); END $$; CREATE EVENT TRIGGER fires ON ddl_command_end EXECUTE FUNCTION fires()",
    );
    let attack = told(&project.runner("doctor --attack --format json"))["attack"].clone();
    assert!(attack["not_tried"].to_string().contains("event triggers of the database would run"), "{attack}");
    assert_eq!(project.value("SELECT is_called::text FROM fired"), "false");
    project.execute("DROP EVENT TRIGGER fires");
    disown(&mut project, &name);
}

/// On MariaDB and MySQL, changes of the schema commit.
#[test]
fn where_nothing_can_be_tried_it_is_no_success() {
    let mut project = project!(Engine::Mariadb);
    let database = project.server_database();
    let name = format!("poor_{}", database.name());
    let name = name[name.len().saturating_sub(30)..].trim_start_matches('_').to_owned();
    project.execute(&format!(
        "CREATE USER '{name}'@'%' IDENTIFIED BY 'x'; GRANT ALL ON `{}`.* TO '{name}'@'%'",
        database.name()
    ));
    let url = database.url_as(&name, "x");
    project.by(&url);
    let output = project.runner("doctor --attack --format json");
    output.exits(7);
    let attack = &told(&output)["attack"];
    assert_eq!(
        (&attack["ground"], &attack["tried"], &attack["succeeded"]),
        (&json!("nowhere"), &json!(0), &json!([])),
        "{attack}"
    );
    assert!(attack["because"].as_str().unwrap().ends_with("changes of the schema commit"), "{attack}");
    let not_tried = attack["not_tried"].to_string();
    assert!(not_tried.contains(&format!("DROP DATABASE {}", project.server_database().name())), "{attack}");
    for placeholder in ["{db}", "{other}", "{t}", "{lock}", "{holder}", "{worker}", "{user}", "{table}"] {
        assert!(!not_tried.contains(placeholder), "{placeholder}: {attack}");
    }
    let text = project.runner("doctor --attack");
    text.exits(7)
        .prints(&["none tried: no scratch database can be made: "])
        .says(&["no attack was tried", "hint: let the login create databases"]);
    project.execute(&format!("DROP USER '{name}'@'%'"));
}
