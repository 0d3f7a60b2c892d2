//! `runner doctor`: what isolates components.

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
    project.settings("[grants.2]\nallow = ['read people(id)']");
    project
        .runner("doctor")
        .succeeds()
        .prints(&["component  0001_free: all tables", "component  0002_held: read people(id)"]);
    let document = told(&project.runner("doctor --format json"));
    assert_eq!((&document["isolation"], &document["powers"]), (&json!("authorizer"), &json!([])), "{document}");
    assert_eq!(document["components"][1]["granted"], json!(["read people(id)"]), "{document}");
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
        let project = project!(engine);
        let before = project.everything();
        let output = project.runner("doctor --attack --format json");
        output.exits(7);
        let attack = &told(&output)["attack"];
        assert!(attack["tried"].as_u64() > Some(60), "{attack}");
        assert!(attack["left_out"].as_u64() > Some(0), "{attack}");
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
        text.exits(7).prints(&["open ", "would have succeeded", "were left out"]);
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

#[test]
fn attacks_need_a_scratch_database() {
    let mut project = project!(Engine::Postgres);
    let name = format!("poor_{}", project.server_database().name());
    project.execute(&format!("CREATE ROLE \"{name}\" LOGIN PASSWORD 'x'"));
    let url = project.server_database().url_as(&name, "x");
    project.by(&url);
    project.runner("doctor --attack").exits(7).says(&["privilege to create and drop databases"]);
    project.execute(&format!("DROP ROLE \"{name}\""));
}
