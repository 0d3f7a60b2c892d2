//! The guides about runs that last, fail or are proven later, most of them on a server.

use std::process::Stdio;

use runner_tests::{Engine, EngineProject, Running, guests, project, servers, until};

use crate::docs::story::Story;

/// A table of 70 rows, and a component that processes it in chunks of 20.
fn halfway(engine: Engine, revision: &str, parameters: &str) -> EngineProject {
    let project = project!(engine);
    let rows = engine.numbers(70);
    let items = format!(
        "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);\n\
         INSERT INTO items (id, name) SELECT i, concat('item ', i) FROM ({rows}) AS n;"
    );
    project
        .sql("0001_items", &items, "DROP TABLE items;")
        .component(revision, &guests::component("halfway"))
        .settings(&format!("[limits]\nbatch_rows = 20\n[parameters]\n{parameters}"));
    project.runner("apply --target 1").succeeds();
    project
}

/// A project whose component failed within a transform, and is fixed.
fn stumbled() -> EngineProject {
    let project = project!(Engine::Sqlite);
    let marks = "CREATE TABLE marks (entry VARCHAR(50) NOT NULL);";
    project
        .sql("0001_items", &format!("{}\n{marks}", Engine::Sqlite.items(100)), "DROP TABLE marks;\nDROP TABLE items;")
        .component("0002_build", &guests::component("stumble"))
        .settings("[transform]\nchunk_rows = 20\n[limits]\nbatch_rows = 10\n[parameters]\nat = 70");
    project.runner("apply").exits(6);
    project.write("migrations/0002_build.wasm", guests::component("mended"));
    project
}

/// A project whose last run was killed in a procedure call after the call took effect and before that was recorded.
fn killed_in_a_call() -> EngineProject {
    for moment in 1..20 {
        let project = halfway(Engine::Mariadb, "0002_halfway", "odd = 'CALL bump()'");
        project.execute("CREATE TABLE counter (n INTEGER)");
        project.execute("INSERT INTO counter VALUES (0)");
        project.execute("CREATE PROCEDURE bump() UPDATE counter SET n = n + 1");
        assert!(project.dies_at("apply", moment), "there is no such moment");
        if project.value("SELECT n FROM counter") == "1" {
            return project;
        }
    }
    panic!("there is no such moment");
}

#[test]
fn recovery() {
    let project = halfway(Engine::Sqlite, "0002_prices", "stumble = 41");
    project.settings("[database]\nurl = \"sqlite://runner.db\"");
    let mut story = Story::new("guide/recovery", &project);
    story.prints("runner apply", 6);
    let fixed = stumbled();
    let mut story = story.elsewhere(&fixed);
    story.run("runner build", 0);
    story.run("runner apply --accept-changed 0002 --why 'accepts empty names'", 0).says(&["continues from there"]);
    let mut story = story.elsewhere(&project);
    story.prints("runner plan --target -1", 0);
    story.execute("runner rollback", 0);

    let project = killed_in_a_call();
    let mut story = story.elsewhere(&project);
    story.prints("runner apply", 6);
    story.prints("runner repair 0002", 0);
    story.run("runner repair 0002 --mark-done --rows-affected 5 --why 'counted: 5 prices are the new ones'", 0);
    story.execute("runner apply", 0);
    assert_eq!(project.value("SELECT n FROM counter"), "1");
    assert_eq!(project.value("SELECT entry FROM notes WHERE id = 1"), "odd: 5 rows");
    story.execute("runner rollback", 0);

    story.execute("runner apply -p fail=true", 6);
    project.execute("DROP TABLE notes; UPDATE items SET name = lower(name)");
    story.run("runner repair 0002 --as-not-applied --why 'build lost with the laptop; dropped its table by hand'", 0);
    story.execute("runner status --exit-code", 3);
    story.execute("runner apply -p fail=true", 6);
    project.execute("INSERT INTO notes VALUES (3, 'the end')");
    story.run("runner repair 0002 --as-applied --why 'did the last three statements by hand'", 0);
    story.execute("runner status --exit-code", 0);
    story.end();
}

#[test]
fn reproducibility() {
    let project = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite, guests::repository());
    let mut story = Story::new("guide/reproducibility", &project);
    story.execute("runner apply", 0);
    story.run("runner verify", 0);
    story.prints("runner verify", 0);
    project.execute("UPDATE flights SET departed_at = '2013-01-24T06:10:00Z' WHERE id = 20000");
    story.prints("runner verify utc_instants", 0);
    // The exit code has just been compared.
    story.skip("echo $?");

    let project = project!(Engine::Postgres);
    let rows = Engine::Postgres.numbers(70);
    let items = format!(
        "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, price INTEGER NOT NULL, \
         twice INTEGER, changed_at TIMESTAMPTZ);\n\
         INSERT INTO items (id, name, price) SELECT i, concat('item ', i), i * 3 FROM ({rows}) AS n;"
    );
    project
        .sql("0001_items", &items, "DROP TABLE items;")
        .component("0002_prove", &guests::component("prove"))
        .settings("[parameters]\nstatements = \"UPDATE items SET changed_at = now()\"");
    project.runner("apply --target 1").succeeds();
    let mut story = story.elsewhere(&project);
    story.prints("runner apply", 0);
    story.execute("runner rollback", 0);
    story.prints("runner plan", 0);
    story.end();
}

#[test]
fn postgresql_migrations() {
    // Roles belong to a server and not to a database.
    let server = servers::Server::private(servers::Kind::Postgres).start();
    let database = server.database();
    database.sql(&format!(
        "CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE {} TO app; GRANT ALL ON SCHEMA public TO app",
        database.name()
    ));
    let project = project!();
    project.copy_of(&guests::repository().join("examples/postgres-native"));
    let settings = project.read("runner.toml");
    let configured = "postgres://postgres@localhost/contacts";
    assert!(settings.contains(configured), "{settings}");
    project.write("runner.toml", settings.replace(configured, &database.url_as("app", "")));
    let mut story = Story::new("guide/postgresql-migrations", &project);
    story.execute("runner apply --target add_state_paused", 0);
    story.prints("runner apply", 7);
    story.end();
    database.sql("ALTER ROLE app BYPASSRLS");
    project.runner("apply").succeeds();
}

#[test]
fn scale() {
    const ROWS: u64 = 30_000;
    let project = project!(Engine::Postgres);
    let items = format!(
        "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, app BIGINT NOT NULL);\n\
         INSERT INTO items (id, n, app) SELECT i * 10, i, 0 FROM ({}) AS numbers;\n\
         CREATE TABLE log (id BIGINT NOT NULL, n BIGINT NOT NULL, app BIGINT NOT NULL);",
        Engine::Postgres.numbers(ROWS)
    );
    project
        .sql("0001_items", &items, "DROP TABLE log;\nDROP TABLE items;")
        .component("0002_scale", &guests::component("scale"))
        // It is to wait for a table for as long as the rest takes.
        .settings(
            "[database]\ntable_lock_timeout = \"none\"\n[transform]\nchunk_rows = 100\n[parameters]\nlog = \"log\"",
        );
    project.runner("apply --target 1").succeeds();
    let mut story = Story::new("guide/scale", &project);
    // On this host, at the same time as the next command.
    story.skip("runner apply");
    // Nobody can write until the leader's only worker and one of the helper's have a chunk each, which nobody can take over.
    let mut gate = project.server_database().client().session();
    gate.run("BEGIN; LOCK TABLE items IN SHARE MODE");
    let waiting = || {
        let query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        project.value(query).parse::<u32>().unwrap()
    };
    let mut leader = Running::start(project.command(["apply", "--jobs", "1"]).stderr(Stdio::null()));
    until("the leader has a chunk", || waiting() > 0);
    // The time that it has for its first chunk.
    story.replace("apply --share", "apply --share --lock-timeout 5m");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("the helper has a chunk", || waiting() > 1);
            gate.run("ROLLBACK");
        });
        story.run("runner apply --share", 0).says(&["shared a transform: "]);
    });
    assert_eq!(leader.wait().unwrap().code(), Some(0));
    assert_eq!(project.value("SELECT count(DISTINCT id) FROM log"), ROWS.to_string());
    assert_eq!(project.value("SELECT count(*) FROM log"), ROWS.to_string());
    story.execute("runner status --exit-code", 0);
    story.end();
}

#[test]
fn testing() {
    let tests = "migrations/tests";
    let (users, times) = ("20260105093000_create_users", "20260112101500_utc_times");
    let project = project!();
    project
        .sql(users, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, seen TEXT);", "DROP TABLE users;")
        .sql(
            times,
            "ALTER TABLE users ADD COLUMN seen_at TEXT;\nUPDATE users SET seen_at = seen || 'Z';",
            "ALTER TABLE users DROP COLUMN seen_at;",
        )
        .write(&format!("{tests}/{users}/fixtures/1_users.csv"), "id,name,seen\n1,Ada,2026-01-01T10:00:00\n")
        .write(&format!("{tests}/{users}/fixtures/2_more.sql"), "INSERT INTO users (id, name) VALUES (2, 'Bob');")
        .write(
            &format!("{tests}/{times}/up/no_time_is_lost.sql"),
            "SELECT id FROM users WHERE seen IS NOT NULL AND seen_at IS NULL",
        )
        .write(
            &format!("{tests}/{times}/up/totals.sql"),
            "SELECT count(*) AS users, count(seen_at) AS times FROM users",
        )
        .write(&format!("{tests}/{times}/up/totals.csv"), "users,times\n2,1\n");
    let mut story = Story::new("guide/testing", &project);
    story.prints("runner test", 0);

    let empty = project!();
    empty.sql("1_users", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);", "DROP TABLE users;").sql(
        "2_shout",
        "UPDATE users SET name = upper(name);",
        "UPDATE users SET name = lower(name);",
    );
    let mut story = story.elsewhere(&empty);
    story.prints("runner test shout", 0);

    let mut story = story.elsewhere(&project);
    story.prints("runner test --crash utc_times", 0);
    story.execute("runner status --exit-code", 3);
    story.end();
}

#[test]
fn throttling() {
    let project = project!(Engine::Postgres);
    let items = format!(
        "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, price DOUBLE PRECISION NOT NULL)\n\
         WITH (autovacuum_enabled = false);\n\
         INSERT INTO items (id, price) SELECT i, i / 8.0 FROM ({}) AS n;",
        Engine::Postgres.numbers(600)
    );
    project
        .sql("0001_items", &items, "DROP TABLE items;")
        .component("20260112101500_raise_prices", &guests::component("paced"))
        .settings("[limits]\nbatch_rows = 10");
    project.runner("apply --target 1").succeeds();
    // The statistics of a large table: its rows are not counted.
    project.execute("UPDATE pg_class SET reltuples = 70000000 WHERE relname = 'items'");
    let doubled = || project.value("SELECT count(*) FROM items WHERE price = id / 4.0").parse::<u64>().unwrap();
    // It would take two minutes: it does not end before it is cancelled.
    let begin = || {
        let line = "apply --jobs 1 --batch-delay 2s";
        Running::start(project.command(line.split(' ')).stderr(Stdio::null()))
    };
    let waits = || project.runner("status").succeeds().stdout.contains("\nwaiting ");

    let mut story = Story::new("guide/throttling", &project);
    story.run("runner apply --max-lag 5s --max-active-connections 40 --batch-delay 50ms", 0);
    assert_eq!(doubled(), 600);
    story.execute("runner rollback", 0);

    let mut run = begin();
    until("rows are done", || doubled() > 0);
    story.prints("runner pause --why 'month end'", 0);
    until("the run waits", waits);
    let done = doubled();
    story.prints("runner resume", 0);
    until("the run continues", || doubled() > done);
    story.prints("runner cancel --why 'too slow'", 0);
    assert_eq!(run.wait().unwrap().code(), Some(143));
    assert!(doubled() < 600, "the run was complete before it was cancelled");

    let mut run = begin();
    let done = doubled();
    until("the run continues", || doubled() > done);
    story.execute("runner pause --why 'month end'", 0);
    until("the run waits", waits);
    story.prints("runner status", 0);
    let done = doubled();
    story.execute("runner resume", 0);
    until("the run continues", || doubled() > done);
    story.execute("runner cancel", 0);
    assert_eq!(run.wait().unwrap().code(), Some(143));
    // The rest, without a delay.
    story.execute("runner apply", 0);
    assert_eq!(doubled(), 600);
    story.end();
}
