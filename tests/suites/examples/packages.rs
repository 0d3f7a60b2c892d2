//! Two packages and a project that uses both, in `examples/packages`.

use std::path::{Path, PathBuf};

use runner_tests::minisign::Keys;
use runner_tests::{Engine, TestProject, guests, project};

use super::example;

/// Set to write the published packages.
const WRITE: &str = "RUNNER_WRITE_EXAMPLES";

/// The packages: the project of the author, the revisions, the name and the version.
const PUBLISHED: [(&str, &str, &str, &str); 4] = [
    ("outbox", "1", "acme/outbox", "1.0.0"),
    ("outbox", "1 2", "acme/outbox", "1.1.0"),
    ("outbox", "1 2 3", "acme/outbox", "1.2.0"),
    ("anonymiser", "1", "acme/anonymiser", "1.0.0"),
];

fn directory() -> PathBuf {
    guests::repository().join("examples/packages")
}

fn published(name: &str, version: &str) -> PathBuf {
    directory().join(format!("published/{}_{version}.wasm", name.replace('/', "_")))
}

/// A key that everybody has: never sign anything else with it.
fn keys() -> Keys {
    Keys::new(7)
}

#[test]
fn what_is_published_is_what_its_authors_made() {
    for (author, revisions, name, version) in PUBLISHED {
        let project = project!();
        project.copy_of(&directory().join(author));
        project.runner("validate --locked").succeeds();
        project.runner(&format!("package {revisions} --name {name} --version {version} -o package.wasm")).succeeds();
        let bytes = std::fs::read(project.file("package.wasm")).unwrap();
        let (file, signature) = (published(name, version), keys().sign(&bytes));
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &bytes).unwrap();
            std::fs::write(signature_of(&file), &signature).unwrap();
        }
        assert!(std::fs::read(&file).unwrap() == bytes, "{} is out of date; {WRITE}=1 writes it", file.display());
        assert_eq!(std::fs::read_to_string(signature_of(&file)).unwrap(), signature);
    }
}

fn signature_of(file: &Path) -> PathBuf {
    format!("{}.minisig", file.display()).into()
}

/// What the authors grant their migrations is enough, up and down.
#[test]
fn the_authors_projects_work() {
    for author in ["outbox", "anonymiser"] {
        let project = project!();
        project.copy_of(&directory().join(author));
        project.runner("apply").succeeds();
        project.runner("status --exit-code").succeeds();
    }
    let outbox = project!();
    outbox.copy_of(&directory().join("outbox"));
    outbox.runner("apply").succeeds();
    let database = outbox.open("outbox.db");
    database.execute_batch("INSERT INTO outbox (topic, payload, attempts) VALUES ('a', 'x', 3)").unwrap();
    database.execute_batch("INSERT INTO outbox_dead VALUES (7, 'b', 'y', 12)").unwrap();
    outbox.runner("rollback").succeeds();
    let count: i64 =
        database.query_row("SELECT count(*) FROM outbox WHERE attempts > 2", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2, "dead letters come back");
    outbox.runner("rollback --all").succeeds();
}

/// From the first version to the last, on a database with rows.
#[test]
fn an_application_follows_the_versions() {
    let project = project!();
    let add = |version: &str| format!("add {} --key {}", published("acme/outbox", version).display(), keys().public());
    let update = |version: &str| format!("update acme/outbox --from {}", published("acme/outbox", version).display());
    project.runner(&add("1.0.0")).succeeds().says(&["it needs more than it is granted: create outbox, drop outbox"]);
    project.runner("apply").exits(7);
    granted(&project, "'create outbox', 'drop outbox'");
    project.runner("apply").succeeds();
    project.database().execute_batch("INSERT INTO outbox (topic, payload) VALUES ('orders', 'one')").unwrap();
    project.runner(&update("1.1.0")).exits(7).says(&["needs more than it is granted: alter outbox"]);
    granted(&project, "'create outbox', 'drop outbox', 'alter outbox'");
    project.runner(&update("1.1.0")).succeeds().says(&["updated acme/outbox 1.1.0 from 1.0.0"]);
    project.runner("apply").succeeds();
    project.database().execute_batch("UPDATE outbox SET attempts = 10").unwrap();
    granted(
        &project,
        "'create outbox*', 'drop outbox*', 'alter outbox', 'read outbox*', 'insert outbox*', 'delete outbox*'",
    );
    project.runner("update").succeeds().says(&["updated acme/outbox 1.2.0 from 1.1.0"]);
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT payload || attempts FROM outbox_dead"), "one10");
    project.runner("rollback --all").succeeds();
    project.runner("remove acme/outbox").succeeds();
}

/// Replaces what the package is granted.
fn granted(project: &TestProject, allow: &str) {
    let settings = project.read("runner.toml");
    let kept: Vec<&str> = settings.lines().filter(|line| !line.starts_with("allow")).collect();
    project.write("runner.toml", format!("{}\nallow = [{allow}]\n", kept.join("\n")));
}

#[test]
fn a_shop_uses_both() {
    let project = example("packages/shop", Engine::Sqlite);
    project.runner("validate --locked").succeeds();
    project.runner("apply --target 0003").succeeds();
    let database = rusqlite::Connection::open(project.url().trim_start_matches("sqlite://")).unwrap();
    let text = |query: &str| -> String { database.query_row(query, [], |row| row.get(0)).unwrap() };
    database.execute_batch("INSERT INTO orders (customer_id, item) VALUES (1, 'tea')").unwrap();
    assert_eq!(text("SELECT topic || ' ' || payload FROM outbox"), "orders 1: tea");
    project.runner("apply").succeeds();
    let order = text("SELECT group_concat(name, ' ') FROM (SELECT name FROM runner_history ORDER BY id)");
    let expected =
        "customers acme/outbox:0001 orders acme/anonymiser:0001 acme/outbox:0002 acme/outbox:0003 drop_notes";
    assert_eq!(order, expected);
    assert_eq!(
        text("SELECT group_concat(email, ' ') FROM customers"),
        "customer-1@example.invalid customer-2@example.invalid"
    );
    assert_eq!(
        text("SELECT group_concat(name, ' ') FROM customers"),
        "Ada Grace Edsger",
        "what is not granted is unchanged"
    );
}

/// The database has an `outbox` already, and calls its customers otherwise.
#[test]
fn a_package_gets_other_names_for_its_tables() {
    let project = project!();
    let sql = "CREATE TABLE outbox (note TEXT); INSERT INTO outbox VALUES ('ours');
               CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
               INSERT INTO clients VALUES (1, 'Ada', 'ada@example.com');";
    project.sql("0001_tables", sql, "DROP TABLE outbox; DROP TABLE clients;");
    let (outbox, key) = (published("acme/outbox", "1.0.0"), keys().public());
    let add = format!("add {} --key {key}", outbox.display());
    project
        .runner(&format!("{add} --prefix 1;"))
        .exits(2)
        .says(&["`1;` is not what the name of a table can begin with"]);
    let added = project.runner(&format!("{add} --prefix acme_"));
    added.succeeds().says(&[
        "here, `outbox*` is `acme_outbox*`",
        "it needs more than it is granted: create acme_outbox, drop acme_outbox",
    ]);
    for file in ["runner.toml", "runner.lock"] {
        assert!(project.read(file).contains(r#"tables = { "outbox*" = "acme_outbox*" }"#), "{}", project.read(file));
    }
    project.runner(&format!("{add} --prefix acme_")).succeeds().says(&["is up to date"]);
    project.runner(&format!("{add} --prefix other_")).exits(2).says(&["differs from `--prefix`"]);
    project.runner("plan").says(&["create acme_outbox"]);
    granted(&project, "'create outbox', 'drop outbox'");
    project.runner("apply").exits(7).says(&["needs more than it is granted: create acme_outbox, drop acme_outbox"]);
    let all = "'create acme_*', 'drop acme_*', 'alter acme_outbox', 'read acme_*', 'insert acme_*', 'delete acme_*'";
    granted(&project, all);
    project.runner("apply").succeeds();
    project.database().execute_batch("INSERT INTO acme_outbox (topic, payload) VALUES ('orders', 'one')").unwrap();
    let new = published("acme/outbox", "1.2.0");
    project.runner(&format!("update acme/outbox --from {}", new.display())).succeeds();
    project.runner("apply --dry-run").succeeds().prints(&["acme_outbox_dead"]);
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) || ' ' || max(note) FROM outbox"), "1 ours");
    assert_eq!(project.value("SELECT count(*) FROM acme_outbox_dead"), "0");
    project.runner("verify --strict").succeeds();
    project.runner("validate").succeeds();
    project.runner("test").succeeds();
    // Tables that exist keep their names.
    let (settings, lockfile) = (project.read("runner.toml"), project.read("runner.lock"));
    project.write("runner.toml", settings.replace("\"acme_outbox*\"", "\"other_outbox*\""));
    for line in ["apply", "plan"] {
        let refused = project.runner(line);
        refused
            .exits(4)
            .says(&["have other names in `[packages.\"acme/outbox\"]` than in `runner.lock`", "restore `tables`"]);
    }
    assert_eq!(project.read("runner.lock"), lockfile);
    // They keep them in a rollback too, which takes what the package was applied with.
    let is_there = |table: &str| project.value(&format!("SELECT count(*) FROM sqlite_schema WHERE name = '{table}'"));
    granted(&project, "'create *', 'drop *', 'alter *', 'read *', 'insert *', 'delete *'");
    project.runner("rollback").succeeds();
    assert_eq!([is_there("acme_outbox"), is_there("acme_outbox_dead")], ["1", "0"]);
    let without: Vec<String> = project.read("runner.toml").lines().map(str::to_owned).collect();
    let without: Vec<&str> = without.iter().map(String::as_str).filter(|line| !line.starts_with("tables")).collect();
    project.write("runner.toml", without.join("\n"));
    project.runner("plan").exits(4).says(&["their own names, not `outbox*` is `acme_outbox*`"]);
    project.runner("rollback").succeeds();
    // The lockfile has no rules now.
    project.runner("update acme/outbox").succeeds();
    assert!(!project.read("runner.lock").contains("tables"), "{}", project.read("runner.lock"));
    project.runner("verify --strict").succeeds();
    project.runner("rollback --target 0001").succeeds();
    assert_eq!([is_there("acme_outbox"), is_there("outbox")], ["0", "1"]);
    assert_eq!(project.value("SELECT note FROM outbox"), "ours");
    project.runner("remove acme/outbox").succeeds();
    assert!(!project.read("runner.toml").contains("packages"), "{}", project.read("runner.toml"));
}

/// One environment still has what was removed from the project.
#[test]
fn a_package_is_rolled_back_after_it_was_removed() {
    let mut project = project!();
    project.sql(
        "0001_ours",
        "CREATE TABLE outbox (note TEXT); INSERT INTO outbox VALUES ('ours');",
        "DROP TABLE outbox;",
    );
    let add = format!("add {} --key {} --prefix acme_", published("acme/outbox", "1.0.0").display(), keys().public());
    project.runner(&add).succeeds();
    granted(&project, "'create acme_outbox', 'drop acme_outbox'");
    project.runner("apply").succeeds();
    let second = project.file("second.db");
    project.database().execute("VACUUM INTO ?1", [second.display().to_string()]).unwrap();
    project.runner("rollback --target 0001").succeeds();
    project.runner("remove acme/outbox").succeeds();
    project.set_url("sqlite://second.db");
    let line = "rollback --target 0001";
    let allow = "allow = [\"create acme_outbox\", \"drop acme_outbox\"]";
    project.runner(line).exits(7).says(&[
        "needs more than it is granted: create acme_outbox, drop acme_outbox",
        &format!("write below `[packages.\"acme/outbox\"]`: `{allow}`"),
    ]);
    project.settings(&format!("[packages.\"acme/outbox\"]\n{allow}\n"));
    project.runner("validate").succeeds().says(&[
        "warning: `[packages.\"acme/outbox\"]` is for no package of this project",
        "hint: add it with `runner add`; if it was removed",
    ]);
    project.runner(line).succeeds();
    let database = rusqlite::Connection::open(&second).unwrap();
    let tables: String = database
        .query_row("SELECT group_concat(name) FROM sqlite_schema WHERE name LIKE '%outbox'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, "outbox");
}

/// A table of the settings without rules is as good as none.
#[test]
fn a_prefix_is_written_where_no_names_are() {
    for tables in ["tables = {}", "[packages.\"acme/outbox\".tables]"] {
        let project = project!();
        project.settings(&format!("[packages.\"acme/outbox\"]\n{tables}\n"));
        let add = format!("add {} --key {}", published("acme/outbox", "1.0.0").display(), keys().public());
        project.runner(&format!("{add} --prefix acme_")).succeeds();
        let settings = project.read("runner.toml");
        assert!(settings.contains("acme_outbox*"), "{settings}");
        project.runner("validate --locked").succeeds();
    }
}

#[test]
fn a_package_works_on_a_table_of_another_name() {
    let project = project!();
    project.sql(
        "0001_clients",
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
         INSERT INTO clients VALUES (1, 'Ada', 'ada@example.com');",
        "DROP TABLE clients;",
    );
    let add = format!("add {} --key {}", published("acme/anonymiser", "1.0.0").display(), keys().public());
    let refused = project.runner(&format!("{add} --prefix acme_"));
    refused
        .exits(2)
        .says(&["`acme/anonymiser` creates no table that a prefix could be for", "write them below `tables`"]);
    project.settings(
        "[packages.'acme/anonymiser']\ntables = { customers = 'clients' }\n\
         allow = ['read clients(id, email)', 'update clients(email)']\n",
    );
    project.runner(&add).succeeds().says(&["here, `customers` is `clients`"]);
    project.runner("validate").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT email FROM clients"), "customer-1@example.invalid");
    project.runner("verify").succeeds().prints(&["1 of 1 chunk"]);
    project.settings("raw_sql = true\n");
    project.runner("status").exits(2).says(&["`tables` and `raw_sql` cannot both be set"]);
}
