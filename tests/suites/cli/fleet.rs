//! Several databases of one project.

use runner_tests::for_each_server;
use runner_tests::servers::{Proxy, TestDatabase};

use super::*;

/// The shop, with tenants in files of their own.
fn fleet(names: &[&str]) -> TestProject {
    let project = shop();
    let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    project.settings(&format!("[tenants]\nurl = 'sqlite:tenants/{{tenant}}.db?mode=rwc'\nnames = [{names}]"));
    std::fs::create_dir(project.file("tenants")).unwrap();
    project
}

/// The result of each database in a report, and its exit code.
fn results(report: &Value) -> Vec<(String, String, Value)> {
    let of = |it: &Value| {
        let text = |key: &str| it[key].as_str().unwrap().to_owned();
        (text("name"), text("result"), it["exit_code"].clone())
    };
    report["databases"].as_array().unwrap().iter().map(of).collect()
}

fn all(results: &[(&str, &str, Option<i32>)]) -> Vec<(String, String, Value)> {
    results.iter().map(|(name, result, code)| ((*name).into(), (*result).into(), Value::from(*code))).collect()
}

#[test]
fn all_tenants_are_applied_then_up_to_date_and_rolled_back() {
    let project = fleet(&["acme", "beta", "gamma"]);
    project
        .runner("plan --all")
        .succeeds()
        .prints(&["3 migrations on 3 databases: acme, beta, gamma", "0001_create_users  upgrade  atomic"]);
    assert!(!project.file("tenants/acme.db").exists(), "`plan` made a database");
    project.runner("apply --all --dry-run").succeeds().says(&["tried 9 migrations on 3 databases"]);
    assert!(!project.file("tenants/acme.db").exists(), "a dry run made a database");
    let output = project.runner("apply --all");
    output.succeeds().says(&["applied acme", "applied 9 migrations on 3 databases in "]);
    output.prints(&[
        "database  result   current           migrations",
        "gamma     applied  0003_index_users           3",
    ]);
    for name in ["acme", "beta", "gamma"] {
        let users = dump::value(&project.open(&format!("tenants/{name}.db")), "SELECT count(*) FROM users");
        assert_eq!(users, "2", "{name}");
    }
    assert!(!project.file("runner.db").exists(), "the main database is none of them");
    project.runner("apply --all").succeeds().says(&["3 databases up to date in "]).does_not_say(&["hint"]);
    project.runner("status --all --exit-code").succeeds().says(&["3 databases up to date"]);

    // One tenant is a database like any other, for every command.
    project.runner("history -n beta").succeeds().prints(&["0003"]);
    project.runner("rollback --database beta").succeeds();
    project.runner("status --all --exit-code").exits(3).prints(&["beta      1 pending   0002_create_orders"]);
    project
        .runner("plan --all")
        .succeeds()
        .prints(&["1 migration on 1 database: beta", "nothing to do on 2 databases"]);
    let mut named = project.command(["current"]);
    project.finish(named.env("RUNNER_DATABASE", "beta")).succeeds().prints(&["0002_create_orders"]);

    let output = project.runner("rollback --all-databases --target base --yes");
    output.succeeds().says(&["rolled back 8 migrations on 3 databases"]);
    project.runner("status --all").succeeds().prints(&["acme      3 pending  base"]);
}

/// One tenant is down, one is ahead, one has another history, and one is partial: the others are done all the same.
#[test]
fn failures_stay_with_their_tenant_and_are_retried() {
    let project = fleet(&["first", "ahead", "down", "last", "other", "partial"]);
    let apply_to = |name: &str, id: &str, up: &str| {
        project.sql(id, up, "SELECT 1;");
        project.runner(&format!("apply -n {name}")).succeeds();
        for direction in ["up", "down"] {
            std::fs::remove_file(project.file(&format!("migrations/{id}.{direction}.sql"))).unwrap();
        }
    };
    apply_to("ahead", "0009_from_a_newer_release", "CREATE TABLE newer (id INTEGER);");
    let users = project.read("migrations/0001_create_users.up.sql");
    project.write("migrations/0001_create_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);");
    project.runner("apply -n other --target 1").succeeds();
    project.write("migrations/0001_create_users.up.sql", users);
    project.write("tenants/down.db", "this is no database, however long it may be\n".repeat(50));
    project.sql(
        "0004_half",
        "-- runner:no-transaction\nCREATE TABLE half (id INTEGER);\nINSERT INTO full VALUES (1);",
        "SELECT 1;",
    );
    // Only one of them lacks the table.
    for name in ["first", "last"] {
        project.open(&format!("tenants/{name}.db")).execute_batch("CREATE TABLE full (id INTEGER)").unwrap();
    }

    let output = project.runner("apply --all --parallel 3 --format json");
    let report = json(&output.exits(6).clone());
    let expected = [
        ("first", "done", Some(0)),
        ("ahead", "failed", Some(4)),
        ("down", "failed", Some(1)),
        ("last", "done", Some(0)),
        ("other", "failed", Some(4)),
        ("partial", "failed", Some(6)),
    ];
    assert_eq!(results(&report), all(&expected), "{output}");
    assert_eq!(report["result"], "failed");
    assert_eq!(report["counts"]["failed"], 4);
    assert_eq!(report["databases"][3]["run"]["applied"].as_array().unwrap().len(), 4);
    assert_eq!(report["databases"][2]["run"], Value::Null);
    project.write("report.json", &output.stdout);

    let output = project.runner("apply --all");
    output.exits(6).prints(&["first     up to date", "partial   partial", "down      failed", "ahead     failed"]);
    output.says(&["2 databases up to date, 4 databases failed in ", "name: down", "hint: the same command again"]);
    let output = project.runner("status --all --exit-code");
    output.exits(6).prints(&["ahead     1 missing, 1 pending", "other     1 changed, 3 pending", "down      failed"]);
    output.says(&["1 database partial", "2 databases with another history", "1 database failed"]);
    let failed = project.runner("status --all");
    failed.exits(1).says(&["not a SQLite database"]);

    std::fs::remove_file(project.file("tenants/down.db")).unwrap();
    for name in ["down", "partial"] {
        project.open(&format!("tenants/{name}.db")).execute_batch("CREATE TABLE full (id INTEGER)").unwrap();
    }
    project.runner("apply -n ahead --allow-missing --allow-out-of-order").exits(6);
    let output = project.runner("apply --retry report.json --canary 0 --format json");
    let report = json(&output);
    let names: Vec<_> = results(&report).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["ahead", "down", "other", "partial"]);
    assert_eq!(report["databases"][1]["result"], "done", "{output}");
    assert_eq!(report["databases"][3]["result"], "done", "{output}");

    let output = project.runner("apply -n first -n last --format json");
    project.write("report.json", &output.succeeds().stdout);
    project.runner("apply --retry report.json").succeeds().says(&["nothing to retry"]);
}

/// What a run would refuse before it begins, `plan` refuses too.
#[test]
fn a_plan_of_all_refuses_what_no_database_can_run() {
    let project = fleet(&["acme", "beta"]);
    project.sql("0004_seed", "-- runner:parameters\nINSERT INTO users VALUES (${next}, 'x');", "SELECT 1;");
    let says = ["name: acme", "name: beta", "has no value", "0004_seed.up.sql", "hint:"];
    project.runner("plan --all").exits(2).says(&says);
    let report = json(project.runner("plan --all --format json").exits(2));
    for database in report["databases"].as_array().unwrap() {
        assert_eq!(database["error"]["kind"], "usage", "{report}");
    }
    project.runner("plan --all --parameter next=9").succeeds();
    // SQL that cannot be split.
    project.sql("0004_seed", "INSERT INTO users VALUES (9, 'x);", "SELECT 1;");
    for line in ["plan -n acme", "plan --all"] {
        project.runner(line).exits(2).says(&["0004_seed.up.sql"]);
    }
    assert!(!project.file("tenants/acme.db").exists(), "`plan` made a database");
}

/// A dry run has changed nothing, and what another command has left is not what this one has.
#[test]
fn a_report_that_is_not_of_such_a_run_is_not_retried() {
    let project = fleet(&["a", "b"]);
    project.write("dry.json", &project.runner("apply --all --dry-run --format json").succeeds().stdout);
    project.write("plan.json", &project.runner("plan --all --format json").succeeds().stdout);
    project.write("apply.json", &project.runner("apply --all --target 1 --format json").succeeds().stdout);
    let before = project.runner("status --all").succeeds().stdout.clone();
    for (line, says) in [
        ("apply --retry dry.json", "it is not that of a run: a dry run has changed nothing"),
        ("apply --retry plan.json", "it is that of `runner plan`, not of `runner apply`"),
        ("rollback --retry apply.json", "it is that of `runner apply`, not of `runner rollback`"),
    ] {
        project.runner(line).exits(2).says(&[says, "hint: give the output of an earlier `runner "]);
        assert_eq!(project.runner("status --all").succeeds().stdout, before, "{line}");
    }
    project.runner("apply --retry apply.json").succeeds().says(&["nothing to retry"]);
}

#[test]
fn a_canary_fails_alone() {
    let project = fleet(&["a", "b", "c"]);
    project.settings("canary = ['b']");
    project.sql("0004_fails", "SELECT nothing;", "SELECT 1;");
    let output = project.runner("apply --all --format json");
    let report = json(output.exits(1));
    assert_eq!(results(&report), all(&[("b", "failed", Some(1)), ("a", "not-run", None), ("c", "not-run", None)]));
    assert!(!project.file("tenants/a.db").exists());
    let output = project.runner("apply --all");
    output
        .exits(1)
        .prints(&["b         failed", "a         not run"])
        .says(&["1 database failed, 2 databases not run"]);
    // Without canaries, each fails by itself.
    let output = project.runner("apply --all --canary 0");
    output.exits(1).says(&["3 databases failed", "name: a", "name: b", "name: c"]);
    project.runner("status --all").succeeds().prints(&["a         1 pending  0003_index_users"]);
    // If nothing was done, the same command again moves nothing twice.
    project.sql("0004_fails", "SELECT 1;", "SELECT nothing;");
    project.runner("apply --all").succeeds();
    let output = project.runner("rollback --all-databases");
    output.exits(1).says(&["1 database failed, 2 databases not run", "the same command again continues"]);
}

#[test]
fn databases_of_their_own_and_tenants_go_together() {
    let project = fleet(&["acme"]);
    project.settings("[databases.billing]\nurl = 'sqlite:billing.db'\nmigrations = 'billing'");
    project.write("billing/1_invoices.up.sql", "CREATE TABLE invoices (id INTEGER);");
    project.write("billing/1_invoices.down.sql", "DROP TABLE invoices;");
    let output = project.runner("apply -n acme -n billing");
    output.succeeds().prints(&["billing   applied  1_invoices", "acme      applied  0003_index_users"]);
    project.runner("status --all").succeeds().prints(&["billing   up to date  1_invoices"]);
    for (line, says) in [
        ("history -n acme -n billing", "this command works on one database, and 2 are named"),
        ("repair -n acme -n billing", "works on one database"),
        ("apply -n acme -n acme", "is named twice"),
        ("apply -n acme -n nobody", "no database or tenant `nobody`"),
        ("apply -n nobody", "no database or tenant `nobody`"),
        ("apply -n acme -D sqlite:x.db", "`--database-url`"),
        ("apply --all -D sqlite:x.db", "`--database-url` cannot be combined"),
        ("apply --all -n acme", "exclude each other"),
        ("apply --canary 2", "about several databases"),
        // `rollback --all` would empty the one database that was meant.
        ("rollback --canary 2", "or use `--all-databases`"),
        ("rollback --all-databases --database acme", "`--all-databases`"),
        ("plan --all --sql", "`--sql` shows the statements for one database"),
        ("apply --all --backup one.db", "cannot be the backup of several databases"),
        ("apply --all --accept-changed 1 --why x", "a decision about one database"),
        ("apply --all --share", "`--share` is about the run on one database"),
        ("apply --retry runner.toml", "it is not JSON"),
        ("apply --all -e production", "no environment `production`"),
    ] {
        project.runner(line).exits(2).says(&[says]);
    }
    // The tenants of an environment are its own.
    project.settings("[environments.production]\nurl = 'sqlite:main.db'");
    project.runner("apply --all -e production").exits(2).says(&["`billing`"]);
    project.settings("[environments.production.databases.billing]\nurl = 'sqlite:production.db'");
    project.runner("apply -n acme -e production").exits(2).says(&["[environments.production.tenants]"]);
    project.settings(
        "[environments.production.tenants]\nurl = 'sqlite:{tenant}.production.db?mode=rwc'\nnames = ['zed']\nprotected = true",
    );
    project.runner("apply --all -e production").succeeds();
    assert!(project.file("zed.production.db").exists());
    let rollback = "rollback --all-databases --all --yes -e production";
    project.runner(rollback).exits(7).says(&["[environments.production.tenants]", "protected"]);
    let by_number = "rollback --all-databases -n 3 -e production";
    project.runner(by_number).exits(7).says(&["will not roll back every migration"]);
    project.runner("rollback --all-databases -n 1 -e production").succeeds();
    let mut one_url = project.command(["apply", "--all"]);
    project.finish(one_url.env("RUNNER_DATABASE_URL", "sqlite:x.db")).exits(2).says(&["RUNNER_DATABASE_URL"]);
}

/// It is for daily use of the main database, as it is for a command on one named database.
#[test]
fn a_url_in_the_file_of_variables_is_not_that_of_several_databases() {
    let project = shop();
    project.settings(
        "[databases.one]\nurl = 'sqlite:one.db'\nmigrations = 'one'\n\
         [databases.two]\nurl = 'sqlite:two.db'\nmigrations = 'two'",
    );
    for name in ["one", "two"] {
        project.write(&format!("{name}/1_a.up.sql"), "CREATE TABLE a (id INTEGER);");
    }
    project.write(".env", "RUNNER_DATABASE_URL=sqlite:dev.db\n");
    project.runner("apply --all").succeeds();
    project.runner("status --all").succeeds().prints(&["one       up to date  1_a", "two       up to date  1_a"]);
    assert!(project.file("one.db").exists() && project.file("two.db").exists() && !project.file("dev.db").exists());
    project.runner("apply").succeeds();
    assert!(project.file("dev.db").exists());
}

/// What counts from where each database is must not be repeated on those that are done.
#[test]
fn the_advice_after_a_failure_suits_the_target() {
    let project = fleet(&["a", "b", "c"]);
    project.runner("apply --all").succeeds();
    project.open("tenants/b.db").execute_batch("DROP INDEX users_name").unwrap();
    let (relative, absolute) = ("hint: the same command again would move", "hint: the same command again continues");
    let output = project.runner("rollback --all-databases --format json");
    project.write("report.json", &output.exits(1).stdout);
    for name in ["a", "c"] {
        project.runner(&format!("apply -n {name}")).succeeds();
    }
    let output = project.runner("rollback --all-databases");
    output.exits(1).says(&[relative, "`--retry REPORT`"]).does_not_say(&[absolute]);
    project.runner("rollback --all-databases --target 2").exits(1).says(&[absolute]).does_not_say(&[relative]);
    project.open("tenants/b.db").execute_batch("CREATE INDEX users_name ON users (name)").unwrap();
    project.runner("rollback --retry report.json").succeeds();
    project.runner("status --all").succeeds().prints(&["a         1 pending  0002", "b         1 pending  0002"]);
}

/// Names and URLs come from elsewhere.
#[test]
fn names_are_escaped_and_passwords_hidden() {
    let project = shop();
    project.settings("[tenants]\nfile = 'list'");
    project
        .write("list", "a\u{202e}b postgres://me:Sup3rS3cret@127.0.0.1:1/a\nc mysql://me:0therS3cret@127.0.0.1:1/c\n");
    for line in ["apply --all --canary 0", "status --all", "plan --all", "apply --all --canary 0 --format json -v"] {
        let output = project.runner(line);
        output.exits(1).does_not_say(&["Sup3rS3cret", "0therS3cret", "\u{202e}"]);
        output.says(&[if line.contains("json") { "" } else { "a\\u{202e}b" }]);
    }
    let output = project.runner("apply --all --canary 0 --format json");
    assert_eq!(json(&output)["databases"][0]["name"], "a\u{202e}b");
    project.write("list", "a\tpostgres://me:Sup3r/S3cret@127.0.0.1:1/a\nb nonsense:Sup3rS3cret\n");
    project.runner("apply --all").exits(2).does_not_say(&["S3cret", "Sup3r"]).says(&["2 errors"]);
}

/// The list and the tenants on servers, and one of them is down.
#[test]
fn a_query_lists_tenants_on_a_server() {
    let server = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Postgres);
    server.execute("CREATE TABLE tenant (name text PRIMARY KEY, url text)");
    server.execute(
        "INSERT INTO tenant VALUES ('here', 'sqlite:here.db?mode=rwc'), ('gone', 'postgres://me@127.0.0.1:1/gone')",
    );
    server.execute(&format!("INSERT INTO tenant VALUES ('itself', '{}')", server.url()));
    server.settings("[tenants]\nquery = 'SELECT name, url FROM tenant ORDER BY name DESC'");
    server.sql("1_a", "CREATE TABLE a (id integer)", "DROP TABLE a");
    let output = server.runner("apply --all --format json");
    let report = json(output.exits(1));
    assert_eq!(
        results(&report),
        all(&[("itself", "done", Some(0)), ("here", "done", Some(0)), ("gone", "failed", Some(1))])
    );
    assert_eq!(server.value("SELECT count(*) FROM a"), "0");
    let events: Vec<Value> = output.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(
        events.iter().any(|event| event["event"] == "migration-finished" && event["database"] == "here"),
        "{output}"
    );
    server.execute("UPDATE tenant SET name = NULL WHERE false; ALTER TABLE tenant ADD COLUMN id integer DEFAULT 7");
    server.write("runner.toml", "[tenants]\nquery = 'SELECT id FROM tenant'\nurl = 'sqlite:{tenant}.db?mode=rwc'");
    server.runner("apply --all").exits(2).says(&["no text in column `id` of row 1", "hint: select the name as text"]);
}

/// Whatever the addresses say, the history is one for the database: the second tenant would have nothing to do.
#[test]
fn tenants_in_one_database_are_refused() {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Postgres);
    project.execute("CREATE SCHEMA acme; CREATE SCHEMA beta");
    let url = project.url();
    let sign = if url.contains('?') { '&' } else { '?' };
    project.settings(&format!(
        "[tenants]\nurl = '{url}{sign}options=-c%20search_path%3D{{tenant}}'\nnames = ['acme', 'beta']"
    ));
    project.sql("1_a", "CREATE TABLE a (id integer)", "DROP TABLE a");
    let told = ["`acme` and `beta` are the same database", "`[history]` gives each a history"];
    project.runner("apply --all").exits(2).says(&told);
    project.runner("status --all").exits(2).says(&told);
    assert_eq!(project.value("SELECT count(*) FROM acme.a"), "0");
}

for_each_server! {
    /// Tenants are databases of one server, and a table there lists them. The server of one is down, one is ahead, one has another
    /// history, and in one a migration fails half-way: the others are done all the same.
    fn failures_on_a_server_stay_with_their_tenant(engine) {
        let server = engine.server().unwrap();
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        let databases: [TestDatabase; 6] = std::array::from_fn(|_| server.database());
        let [first, ahead, down, half, other, last] = databases.each_ref().map(TestDatabase::name);
        let proxy = Proxy::start(server.port());
        project.execute("CREATE TABLE tenant (position INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL, url VARCHAR(200))");
        for (position, database) in databases.iter().enumerate() {
            let url = if database.name() == down { format!("'{}'", database.url_at(proxy.port())) } else { "NULL".into() };
            project.execute(&format!("INSERT INTO tenant VALUES ({position}, '{}', {url})", database.name()));
        }
        let url = databases[0].url().replace(first, "{tenant}");
        project.settings(&format!("[tenants]\nurl = '{url}'\nquery = 'SELECT name, url FROM tenant ORDER BY position'"));

        let users = "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY);";
        project.sql("0001_users", "CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY);", "DROP TABLE users;");
        project.runner(&format!("apply -n {other}")).succeeds();
        project.sql("0001_users", users, "DROP TABLE users;");
        project.sql("0009_newer", "CREATE TABLE newer (id INTEGER);", "DROP TABLE newer;");
        project.runner(&format!("apply -n {ahead}")).succeeds();
        for direction in ["up", "down"] {
            std::fs::remove_file(project.file(&format!("migrations/0009_newer.{direction}.sql"))).unwrap();
        }
        let up = "CREATE TABLE made (id INTEGER);\nINSERT INTO full_table VALUES (1);";
        project.sql("0002_half", up, "DROP TABLE made;");
        for database in databases.iter().filter(|database| database.name() != half) {
            database.sql("CREATE TABLE full_table (id INTEGER)");
        }
        proxy.refuse(true);

        // A migration is one transaction on PostgreSQL only.
        let (code, fails_with) = if engine == Engine::Postgres { (4, 1) } else { (6, 6) };
        let output = project.runner("apply --all --parallel 3 --format json");
        let report = json(output.exits(code));
        let expected = [
            (first, "done", Some(0)),
            (ahead, "failed", Some(4)),
            (down, "failed", Some(1)),
            (half, "failed", Some(fails_with)),
            (other, "failed", Some(4)),
            (last, "done", Some(0)),
        ];
        assert_eq!(results(&report), all(&expected), "{output}");
        project.write("report.json", &output.stdout);
        for database in [&databases[0], &databases[5]] {
            assert_eq!(database.value("SELECT count(*) FROM full_table"), "1");
        }
        let status = project.runner("status --all --exit-code");
        status.prints(&[&format!("{ahead}  1 missing, 1 pending"), &format!("{other}  1 changed, 1 pending")]);
        status.says(&["2 databases with another history", "1 database failed"]);

        proxy.refuse(false);
        databases[3].sql("CREATE TABLE full_table (id INTEGER)");
        let output = project.runner("apply --retry report.json --canary 0 --format json");
        let report = json(output.exits(4));
        let expected =
            [(ahead, "failed", Some(4)), (down, "done", Some(0)), (half, "done", Some(0)), (other, "failed", Some(4))];
        assert_eq!(results(&report), all(&expected), "{output}");
        for database in [&databases[2], &databases[3]] {
            assert_eq!(database.value("SELECT count(*) FROM full_table"), "1", "nothing is done twice");
        }
        project.runner(&format!("rollback --database {first} --database {last} --target base --yes")).succeeds();
        project.runner(&format!("status -n {first} -n {last}")).succeeds().prints(&[&format!("{last}  2 pending  base")]);
    }
}

/// A signal ends what runs at a safe point and begins nothing else; the report says so.
#[cfg(unix)]
#[test]
fn a_signal_stops_all_of_them() {
    let project = fleet(&["a", "b", "c", "d"]);
    project.sql(
        "0004_slow",
        "INSERT INTO users (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000)
         SELECT 'x' FROM n WHERE i < 0;",
        "SELECT 1;",
    );
    let mut command = project.command(["apply", "--all", "--canary", "0", "--parallel", "2", "--format", "json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // Two of them are in the slow statement.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let begun = |line: &String| line.contains("migration-started") && line.contains("\"revision\":\"0004\"");
    assert_eq!(lines.by_ref().map_while(Result::ok).filter(begun).take(2).count(), 2);
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).count());
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    reader.join().unwrap();
    assert_eq!(output.status.code(), Some(143));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let words: Vec<_> = results(&report).into_iter().map(|(_, result, code)| (result, code)).collect();
    let expected = [("failed", Some(143)), ("failed", Some(143)), ("not-run", None), ("not-run", None)];
    assert_eq!(words, expected.map(|(word, code)| (word.to_owned(), Value::from(code))), "{report}");
    for name in ["a", "b"] {
        project.runner(&format!("current -n {name}")).succeeds().prints(&["0003_index_users"]);
    }
}

/// Each component is compiled once, however many databases it runs on.
#[test]
fn a_component_runs_on_every_tenant() {
    let project = with_component();
    project.settings("[tenants]\nurl = 'sqlite:{tenant}.db?mode=rwc'\nnames = ['a', 'b', 'c', 'd', 'e']");
    project.runner("apply --all --parallel 4").succeeds().says(&["applied 10 migrations on 5 databases"]);
    for name in ["a", "e"] {
        project.runner(&format!("verify -n {name}")).succeeds();
    }
    project.runner("rollback --all-databases --number 1").succeeds().says(&["rolled back 5 migrations on 5 databases"]);
}

/// More databases than fit on a screen: the table has those that failed.
#[test]
fn many_tenants() {
    let project = shop();
    let names: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
    project.write("list", names.join("\n")).settings("[tenants]\nurl = 'sqlite:{tenant}.db?mode=rwc'\nfile = 'list'");
    project.write("t7.db", "this is no database, however long it may be\n".repeat(50));
    let output = project.runner("apply --all");
    output.exits(1).prints(&["t7        failed"]).says(&["applied 177 migrations on 59 databases, 1 database failed"]);
    assert_eq!(output.stdout.lines().count(), 2, "{output}");
    output.does_not_say(&["applied t8"]);
    let output = project.runner("apply --all -v");
    assert_eq!(output.stdout.lines().count(), 61, "{output}");
}
