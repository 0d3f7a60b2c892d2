//! Scratch databases: none remains, and none in use is removed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use runner_tests::servers::Citus;
use runner_tests::{Engine, EngineProject, Running, for_each_engine, guests, until};

use super::shop::shop;

/// A private server, or a separate directory for SQLite's files, so that other tests do not interfere.
struct Place {
    project: EngineProject,
    server: Option<runner_tests::servers::Server>,
}

impl Place {
    fn new(engine: Engine) -> Self {
        let kind = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(runner_tests::servers::Kind::Postgres),
            Engine::Mariadb => Some(runner_tests::servers::Kind::Mariadb),
        };
        let server = kind.map(|kind| runner_tests::servers::Server::private(kind).start());
        let project = match &server {
            None => EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine),
            Some(server) => EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database()),
        };
        std::fs::create_dir(project.file("tmp")).unwrap();
        Self { project, server }
    }

    fn command(&self, of: &EngineProject, line: &str) -> Command {
        let mut command = of.command(["test", "-D", &self.project.url()]);
        command.args(line.split_whitespace()).env("TMPDIR", self.project.file("tmp"));
        command
    }

    /// The existing scratch databases.
    fn there(&self) -> Vec<String> {
        let names = match self.project.engine() {
            Engine::Sqlite => {
                let directory: PathBuf = self.project.file("tmp");
                let entries = std::fs::read_dir(directory).unwrap();
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
            }
            Engine::Postgres => self.project.rows("SELECT datname FROM pg_database"),
            Engine::Mariadb => self.project.rows("SELECT schema_name FROM information_schema.schemata"),
        };
        names
            .into_iter()
            .filter(|name| name.starts_with("runner_scratch_") || name.starts_with("runner-scratch-"))
            .collect()
    }

    /// Waits until there is one scratch database that its maker has marked as used: by a session, or by the lock before the file.
    fn one_in_use(&self) -> Vec<String> {
        until("a test uses its scratch database", || {
            let there = self.there();
            there.len() == 1
                && match self.project.engine() {
                    Engine::Postgres => {
                        let sessions =
                            "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'runner\\_scratch\\_%'";
                        self.project.value(sessions) != "0"
                    }
                    Engine::Sqlite => self.project.file(&format!("tmp/{}/scratch.db", there[0])).exists(),
                    // Its name is locked before it is made.
                    Engine::Mariadb => true,
                }
        });
        self.there()
    }
}

/// A project whose only migration never ends.
fn endless(engine: Engine) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project
        .sql(
            "1_people",
            "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, score DOUBLE PRECISION);",
            "DROP TABLE people;",
        )
        .component("2_hostile", &guests::component("hostile"))
        .settings("[parameters]\nbehaviour = 'loop_forever'");
    project
}

for_each_engine! {
    fn only_abandoned_scratch_databases_are_removed(engine) {
        let place = Place::new(engine);
        let (sound, endless) = (shop(engine), endless(engine));
        place.project.finish(&mut place.command(&sound, "")).succeeds();
        assert_eq!(place.there(), Vec::<String>::new(), "a test takes away what it made");
        let mut holder = Running::start(&mut place.command(&endless, ""));
        let used = place.one_in_use();
        place.project.finish(&mut place.command(&sound, "")).succeeds();
        assert!(holder.try_wait().unwrap().is_none(), "the test that should last has ended");
        assert_eq!(place.there(), used, "another test takes nothing away that is in use");
        if let Some(server) = &place.server {
            // PostgreSQL keeps everybody out while it waits to refuse that.
            assert!(!server.log().contains("is being accessed by other users"), "{}", server.log());
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        // Its sessions end as soon as the server notices; until then the database is in use.
        until("what is abandoned is removed", || {
            place.project.finish(&mut place.command(&sound, "1")).succeeds();
            place.there().is_empty()
        });
    }

    fn a_signal_ends_a_test_that_leaves_nothing(engine) {
        let place = Place::new(engine);
        let endless = endless(engine);
        for (name, code) in [("INT", 130), ("TERM", 143)] {
            let mut test = Running::start(place.command(&endless, "").stderr(Stdio::null()));
            place.one_in_use();
            std::thread::sleep(Duration::from_millis(200));
            test.signal(name);
            assert_eq!(test.wait().unwrap().code(), Some(code));
            assert_eq!(place.there(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_missing_privilege_to_create_databases_is_reported() {
    let server = Engine::Postgres.server().unwrap();
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    let user = format!("u_{}", project.server_database().name());
    project.execute(&format!("CREATE ROLE {user} LOGIN PASSWORD 'p'"));
    project.sql("1_a", "CREATE TABLE a (i INT);", "DROP TABLE a;");
    let url = project.server_database().url_as(&user, "p");
    let output = project.run(["test", "-D", &url]);
    output.exits(7).says(&["permission denied to create database", "hint:", "privilege to create and drop databases"]);
    project.execute(&format!("DROP ROLE {user}"));
}

/// A plain server that says it has Citus has no extension that could be made.
#[test]
fn a_scratch_database_gets_the_extension_citus_if_the_database_of_the_url_has_it() {
    let place = Place::new(Engine::Postgres);
    let project = &place.project;
    project.sql("1_a", "SELECT citus_is_coordinator(); CREATE TABLE a (i INT);", "DROP TABLE a;");
    let database = project.server_database();
    Citus::COORDINATOR.play(database);
    let output = project.finish(&mut place.command(project, ""));
    output.exits(1).says(&["`citus`, which the database of the URL has", "extension \"citus\" is not available"]);
    assert_eq!(place.there(), Vec::<String>::new());
    // Where new databases have it, nothing needs to be made.
    database.client().of("template1").sql(&Citus::COORDINATOR.statements());
    project.finish(&mut place.command(project, "")).succeeds();
    assert_eq!(place.there(), Vec::<String>::new());
}
