//! `runner db`: whole databases.

use runner_tests::servers::Proxy;
use runner_tests::{Engine, EngineProject, Running, for_each_engine, for_each_server, project, until};

use super::told;

fn one(engine: Engine) -> EngineProject {
    let project = project!(engine);
    project.sql("0001_users", "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY);", "DROP TABLE users;");
    project
}

/// A project whose database does not exist yet.
fn without_database(engine: Engine) -> EngineProject {
    let mut project = one(engine);
    if engine != Engine::Sqlite {
        let name = project.server_database().name().to_owned();
        let url = project.url().replace(&name, &format!("{name}_other"));
        project.by(&url);
    }
    project
}

#[test]
fn an_empty_file_becomes_a_database() {
    let project = one(Engine::Sqlite);
    let size = || std::fs::metadata(project.file("runner.db")).unwrap().len();
    project.write("runner.db", "");
    project.runner("db create -D sqlite:runner.db?mode=rw").succeeds().says(&["exists already"]);
    assert_eq!(size(), 0);
    project.runner("db create").succeeds().says(&["created"]);
    assert_ne!(size(), 0);
    project.runner("db create").succeeds().says(&["exists already"]);
}

for_each_engine! {
    fn is_created_reset_and_dropped(engine) {
        let project = without_database(engine);
        project.runner("db drop").succeeds().says(&["does not exist"]);
        project.runner("db create").succeeds().says(&["created"]);
        project.runner("db create").succeeds().says(&["exists already"]);
        project.runner("apply").succeeds();
        project.runner("db reset").succeeds().says(&["dropped and created", "applied"]);
        project.runner("status --exit-code").succeeds();
        let document = told(&project.runner("db drop --format json"));
        assert_eq!((&document["action"], &document["changed"]), (&"drop".into(), &true.into()), "{document}");
        let document = told(&project.runner("db drop --format json"));
        assert_eq!(document["changed"], false, "{document}");
    }

    fn is_not_dropped_where_it_is_protected(engine) {
        let project = one(engine);
        project.runner("apply").succeeds();
        let url = project.url();
        let by_itself = format!("[environments.production]\nprotected = true\nurl = \"{url}\"");
        // Without a URL of its own, an environment is the same database.
        let by_the_database = format!("[database]\nurl = \"{url}\"\nprotected = true\n[environments.production]");
        for (settings, table) in [(by_itself, "[environments.production]"), (by_the_database, "[database]")] {
            project.write("runner.toml", settings);
            let numbers = ["rollback -n 2 --yes", "rollback --target -2"];
            let by_name = ["db drop --yes", "db reset --yes", "rollback --all --yes", "rollback --target base"];
            for line in by_name.into_iter().chain(numbers) {
                let line = format!("{line} -e production");
                project.runner(&line).exits(7).says(&[table, "--unprotect"]);
            }
            assert_eq!(project.history(), ["0001"]);
        }
        // What leaves something applied is no destruction.
        project.sql("0002_more", "CREATE TABLE more (id INTEGER);", "DROP TABLE more;");
        project.runner("apply -e production").succeeds();
        project.runner("rollback -n 2 -e production").exits(7).says(&["is protected: will not roll back every migration"]);
        project.runner("rollback -e production").succeeds().says(&["rolled back 0002_more"]);
        let elsewhere = format!("[database]\nurl = \"{url}\"\nprotected = true\n[environments.production]\nurl = \"{url}\"");
        project.write("runner.toml", elsewhere);
        project.runner("rollback --all -e production").exits(7).says(&["`[database]` is protected"]);
        project.runner("rollback -e production").succeeds();
    }

    fn stays_protected_by_any_url(engine) {
        let project = one(engine);
        for number in 2..=4 {
            let table = format!("CREATE TABLE t{number} (id INTEGER);");
            project.sql(&format!("000{number}_more"), &table, &format!("DROP TABLE t{number};"));
        }
        let url = project.url();
        project.write("runner.toml", format!("[environments.production]\nprotected = true\nurl = \"{url}\""));
        // By its address, before anything says so in the database.
        project.runner(&format!("apply -D {url}")).succeeds();
        project.runner(&format!("rollback -n 2 -D {url}")).exits(7).says(&["`[environments.production]` is protected"]);
        // Marked by a run that has nothing to do, too.
        project.runner("apply -e production").succeeds().says(&["nothing to do"]);
        project.write("runner.toml", "");
        for line in ["rollback -n 2", "rollback --target 1", "rollback --all --yes", "db drop --yes", "db reset --yes"] {
            project.runner(&format!("{line} -D {url}")).exits(7).says(&["the history of this database says", "--unprotect"]);
        }
        assert_eq!(project.history(), ["0001", "0002", "0003", "0004"]);
        project.runner(&format!("rollback -D {url}")).succeeds();
        project.runner(&format!("rollback -n 2 --unprotect another -D {url}")).exits(7);
        let told = project.runner(&format!("rollback -n 2 -D {url}")).stderr;
        let name = told.split("--unprotect ").nth(1).unwrap().split('`').next().unwrap();
        project.runner(&format!("rollback -n 2 --unprotect {name} -D {url}")).succeeds();
        assert_eq!(project.history(), ["0001"]);
    }

    fn is_not_dropped_for_a_project_that_cannot_be_applied(engine) {
        let project = one(engine);
        project.runner("apply").succeeds();
        project.write("migrations/0002_more.up.sql", "-- runner:nonsense\nSELECT 1;");
        assert_ne!(project.runner("db reset").exit_code(), Some(0));
        for (text, target, code, said) in [
            ("-- runner:parameters\nSELECT '${nothing}';", "latest", 2, "the parameter `nothing` has no value"),
            ("COMMIT;", "latest", 7, "COMMIT"),
            ("SELECT 1;", "craete_users", 2, "craete_users"),
            ("SELECT 1;", "base", 2, "base"),
            ("SELECT 1;", "-1", 2, "-1"),
        ] {
            project.write("migrations/0002_more.up.sql", text);
            let output = project.runner(&format!("db reset --yes --target {target}"));
            output.exits(code).says(&[said]).does_not_say(&["dropped"]);
            assert_eq!(project.history(), ["0001"], "{text}, {target}");
        }
        project.write("migrations/0002_more.up.sql", "SELECT 1;");
        let flags: &[(&str, &str)] = match engine {
            Engine::Sqlite => &[("--chunk-time 1s", "apply to"), ("--max-lag 5s", "apply to"), ("--force", "apply to")],
            Engine::Postgres => &[],
            Engine::Mariadb => &[("--max-lag 5s", "requires `replicas`"), ("--force", "apply to")],
        };
        for (flag, why) in flags {
            project.runner(&format!("db reset --yes {flag}")).exits(2).says(&[why]).does_not_say(&["dropped and"]);
            assert_eq!(project.history(), ["0001"], "{flag}");
        }
    }

    fn is_backed_up_before_it_is_dropped(engine) {
        let project = without_database(engine);
        project.settings("[backup]\nto = \"auto\"\ndirectory = \"kept\"");
        let backups = || std::fs::read_dir(project.file("kept")).map_or(0, Iterator::count);
        project.runner("db reset").succeeds();
        assert_eq!(backups(), 0, "there was nothing to back up");
        project.sql("0002_row", "INSERT INTO users VALUES (42424242);", "DELETE FROM users;");
        project.runner("apply --backup none").succeeds();
        project.write("migrations/0002_row.up.sql", "INSERT INTO users VALUES (1);");
        project.runner("db reset").succeeds().says(&["dropped and created", "backup "]);
        assert_eq!(backups(), 1);
        // What fails after the drop says what there is to restore.
        project.write("migrations/0003_wrong.up.sql", "INSERT INTO nowhere VALUES (1);");
        project.runner("db reset --backup before.backup").exits(1).says(&[
            "holds the database as it was before this run",
            "before.backup",
        ]);
        let document = told(&project.runner("db reset --target 2 --backup second.backup --format json"));
        assert!(document["backup"]["path"].as_str().is_some_and(|path| path.ends_with("second.backup")), "{document}");
        if engine == Engine::Sqlite {
            let auto = std::fs::read_dir(project.file("kept")).unwrap().next().unwrap().unwrap().path();
            for (file, row) in [(auto, 42_424_242), (project.file("before.backup"), 1)] {
                let found: i64 = rusqlite::Connection::open(file)
                    .unwrap()
                    .query_row("SELECT id FROM users", [], |row| row.get(0))
                    .unwrap();
                assert_eq!(found, row);
            }
        }
        project.runner("db reset --backup second.backup").exits(1).says(&["already exists"]).does_not_say(&["dropped"]);
    }
}

/// `db wait` waits, and ends once its reason is gone.
fn waits_until(project: &EngineProject, gone: impl FnOnce()) {
    let said = project.file("said");
    let mut command = project.command(["db", "wait", "--timeout", "10m"]);
    let mut waiting = Running::start(command.stderr(std::fs::File::create(&said).unwrap()));
    let read = || std::fs::read_to_string(&said).unwrap();
    until("it waits", || read().contains("waiting for"));
    gone();
    assert!(waiting.wait().unwrap().success(), "{}", read());
    assert!(read().contains("ready"), "{}", read());
}

for_each_server! {
    fn is_waited_for(engine) {
        let mut project = one(engine);
        let proxy = Proxy::start(engine.server().unwrap().port());
        let url = project.server_database().url_at(proxy.port());
        project.by(&url);
        proxy.refuse(true);
        project.runner("db wait --timeout 1s").exits(1).says(&["did not accept connections within 1 s"]);
        waits_until(&project, || proxy.refuse(false));
        project.runner("db wait --timeout soon").exits(2).says(&["`soon` is not a duration"]);
    }

    fn of_the_server_stays(engine) {
        let mut project = one(engine);
        let system = if engine == Engine::Postgres { "postgres" } else { "mysql" };
        let name = project.server_database().name().to_owned();
        let url = project.url().replace(&name, system);
        project.by(&url);
        project.runner("db drop --yes").exits(7).says(&["belongs to the server"]);
    }
}

#[test]
fn a_postgres_database_in_use_is_dropped_by_force() {
    let project = one(Engine::Postgres);
    project.runner("apply").succeeds();
    let mut session = project.server_database().client().session();
    session.run("SELECT 1;");
    project.runner("db drop").exits(5).says(&["--force"]);
    project.runner("db drop --force").succeeds().says(&["dropped"]);
}

#[test]
fn only_a_sqlite_database_is_removed() {
    let project = one(Engine::Sqlite);
    project.write("runner.db", "this is my diary, and no database");
    project.runner("db drop --yes").exits(1).says(&["not a SQLite database"]);
    assert!(project.file("runner.db").exists());
}

#[test]
fn of_several_that_create_a_postgres_database_one_does() {
    let project = without_database(Engine::Postgres);
    for _ in 0..4 {
        let told = std::thread::scope(|scope| {
            let create = || scope.spawn(|| told(&project.runner("db create --format json"))["changed"] == true);
            [create(), create(), create(), create()].map(|it| it.join().unwrap())
        });
        assert_eq!(told.iter().filter(|created| **created).count(), 1, "{told:?}");
        project.runner("db drop --yes").succeeds();
    }
}

#[test]
fn a_free_connection_is_waited_for() {
    let mut project = one(Engine::Postgres);
    let database = project.server_database();
    let user = database.name().replace("runner_test_", "w");
    database.sql(&format!("CREATE ROLE {user} LOGIN CONNECTION LIMIT 1"));
    let (url, client) = (database.url_as(&user, ""), database.client().as_user(&user, ""));
    project.by(&url);
    let mut session = client.session();
    session.run("SELECT 1;");
    // If its last attempt is not answered in time, it has another reason.
    until("the server says why", || {
        let late = project.runner("db wait --timeout 1s");
        late.exits(1).says(&["did not accept connections within 1 s"]);
        late.stderr.contains("too many connections for role")
    });
    waits_until(&project, || drop(session));
    project.server_database().sql(&format!("DROP ROLE {user}"));
}
