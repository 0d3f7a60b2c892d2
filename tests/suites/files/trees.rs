//! Small projects in the shape of other tools, `tests/trees`, as they are.

use std::path::Path;

use super::*;

/// A project with a tree for its migrations.
fn tree(name: &str) -> TestProject {
    let project = project!();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/trees").join(name), &project.file("migrations"));
    project
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// The tree is valid, applied, rolled back and applied again, with and without a lockfile.
fn goes_up_and_down(project: &TestProject) -> String {
    project.runner("validate").succeeds();
    project.runner("apply").succeeds();
    let (up, status) = (project.dump_user(), project.runner("status --format json"));
    project.runner("rollback --all").succeeds();
    assert!(project.dump_user().tables().is_empty());
    project.runner("build").succeeds();
    project.runner("apply --locked").succeeds();
    assert_eq!(format!("{:?}", project.dump_user()), format!("{up:?}"));
    let status = json(&status);
    let ids = status["migrations"].as_array().unwrap().iter().map(|it| format!("{}_{}", it["revision"], it["name"]));
    ids.collect::<Vec<_>>().join(" ").replace('"', "")
}

#[test]
fn goose() {
    let project = tree("goose");
    assert_eq!(goes_up_and_down(&project), "00001_create_users 00002_audit 00003_compact");
    assert_eq!(project.value("SELECT name FROM audit"), "Ada");
    assert_snapshot!(project.read("runner.lock"));
}

#[test]
fn dbmate() {
    let project = tree("dbmate");
    assert_eq!(goes_up_and_down(&project), "20260105093000_create_users 20260106101500_compact");
}

#[test]
fn golang_migrate() {
    let project = tree("golang-migrate");
    assert_eq!(goes_up_and_down(&project), "0001_ 0002_add_email 0003_noop");
    assert_snapshot!(project.runner("validate").snapshot());
    project.runner("rollback --target 1").succeeds();
    assert_eq!(json(&project.runner("current --format json"))["current"], "0001");
}

#[test]
fn diesel() {
    let project = tree("diesel");
    let ids = goes_up_and_down(&project);
    assert_eq!(ids, "00000000000000_diesel_initial_setup 20260105093000_create_users 202601061015000000_compact");
    // What the file beside the SQL says is locked like the SQL.
    project.write("migrations/2026-01-06-101500-0000_compact/metadata.toml", "run_in_transaction = true\n");
    project.runner("validate").exits(4).says(&["202601061015000000_compact", "runs in a transaction or not"]);
}

#[test]
fn flyway() {
    let project = tree("flyway");
    assert_eq!(goes_up_and_down(&project), "1_create_users 1.1_add_email 2_index_users");
    project.write("migrations/R__views.sql", "CREATE VIEW v AS SELECT 1;");
    project.runner("apply").exits(2).says(&["R__views.sql", "repeatable migration of Flyway"]);
}

#[test]
fn sqlx() {
    let project = tree("sqlx");
    assert_eq!(goes_up_and_down(&project), "20260105_create_users 20260105093000_add_email 20260106_compact");
    let plan = project.runner("plan --target base --format json");
    assert_eq!(json(&plan)["migrations"][0]["mode"], "stepwise");
}

#[test]
fn prisma() {
    let project = tree("prisma");
    project.runner("validate").succeeds();
    project.runner("apply").succeeds();
    // A rebuild with foreign keys on would have deleted the posts with their users.
    assert_eq!(project.value("SELECT count(*) FROM Post"), "1");
    assert_snapshot!(project.runner("rollback").snapshot());
}

#[test]
fn several_files_of_one_number() {
    let project = tree("one-number");
    project.runner("apply").succeeds();
    assert_snapshot!(project.runner("status").snapshot());
    project.runner("build").succeeds();
    project.runner("validate --locked").succeeds();
    project.runner("show 187.2").succeeds().prints(&["0187.2_b"]);
    project.write("migrations/0187_z.sql", "CREATE TABLE z (id INTEGER);");
    project.runner("apply").exits(4).says(&["0187.3_z", "older than `0188_c`"]);
    project.runner("apply --allow-out-of-order").succeeds();
}

/// As an earlier version advised to rename them, and as they were before.
#[test]
fn the_downgrade_in_a_file_is_never_run_by_an_upgrade() {
    for (marker, name) in [("+goose Down", "1_a.up.sql"), ("+goose Down", "1_a.sql"), ("migrate:down", "1_a.up.sql")] {
        let up = marker.replace("Down", "Up").replace("down", "up");
        let text = format!("-- {up}\nCREATE TABLE a (id INTEGER);\n-- {marker}\nDROP TABLE a;\n");
        let project = project!();
        project.write(&format!("migrations/{name}"), text);
        project.runner("apply").succeeds();
        assert_eq!(project.dump_user().tables(), ["a"]);
        project.runner("rollback").succeeds();
        assert!(project.dump_user().tables().is_empty());
    }
    let project = project!();
    project.write("migrations/1_a.up.sql", "CREATE TABLE a (id INTEGER);\n-- +goose Down\nDROP TABLE a;\n");
    assert_snapshot!(project.runner("apply").snapshot());
    // An error in a section is on the line of the file.
    project.write(
        "migrations/1_a.up.sql",
        "-- +goose Up\nCREATE TABLE a (id INTEGER);\n-- +goose Down\n\nDROP TABLE b;\n",
    );
    project.runner("apply").succeeds();
    project.runner("rollback").exits(1).says(&["file: 1_a.up.sql", "1 of 1, line 5"]);
}

for_each_engine! {
    fn each_database_gets_its_own_sql(engine) {
        let mut project = project!(engine);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/trees/dialects"), &project.file("migrations"));
        project.runner("build").succeeds();
        let lockfile = project.read("runner.lock");
        for part in ["mysql = { up = ", "mariadb = { up = ", "postgres = { up = ", "down = "] {
            assert!(lockfile.contains(part), "{lockfile}");
        }
        if engine == Engine::Mariadb {
            // Which of the two the server is, shows only when it is asked.
            project.runner("apply --locked").exits(2).says(&["1_docs", "the server is MariaDB", "mariadb://"]);
            let url = project.url().replace("mysql://", "mariadb://");
            project.by(&url);
        }
        project.runner("apply --locked").succeeds();
        let shown = json(&project.runner("plan --target base --sql --format json"))["migrations"][1]["sql"].clone();
        assert!(shown.as_str().unwrap().contains("DROP TABLE docs"), "{shown}");
        project.runner("rollback --all").succeeds();
        let expected = match engine {
            Engine::Sqlite => "body TEXT NOT NULL",
            Engine::Postgres => "jsonb",
            Engine::Mariadb => "json_valid",
        };
        project.runner("plan --sql").succeeds().prints(&[expected]);
        // A change of SQL for another database is one of the migration.
        project.write("migrations/1_docs.up.cockroach.sql", "ignored");
        project.runner("validate").succeeds();
        let (file, other) = match engine {
            Engine::Postgres => ("1_docs.up.mariadb.sql", "mariadb"),
            _ => ("1_docs.up.postgres.sql", "postgres"),
        };
        project.write(&format!("migrations/{file}"), "SELECT 1;");
        project.runner("validate").exits(4).says(&[file, "does not match the digest"]);
        project.runner(&format!("validate --dialect {other}")).exits(4).says(&[file]);
    }
}

#[test]
fn a_migration_for_another_database_is_left_out() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
    project.write("migrations/2_search.up.postgres.sql", "CREATE EXTENSION pg_trgm;");
    project.sql("3_c", "-- runner:depends-on 1, 2\nCREATE TABLE c (id INTEGER);", "DROP TABLE c;");
    let note = "note: `2_search` is for another database and does nothing here";
    project.runner("validate").succeeds().says(&[note]);
    project.runner("plan").succeeds().says(&[note]);
    project.runner("build").succeeds();
    assert!(project.read("runner.lock").contains("2_search"));
    project.runner("apply --locked").succeeds();
    assert_eq!(project.dump_user().tables(), ["a", "c"]);
    let status = project.runner("status --exit-code");
    status.succeeds().says(&[note]);
    // As soon as there is something for this database, it is pending.
    project.write("migrations/2_search.up.sqlite.sql", "CREATE TABLE b (id INTEGER);");
    project.runner("build").succeeds();
    project.runner("apply").exits(4).says(&["2_search", "older than `3_c`"]);
    project.runner("apply --allow-out-of-order").succeeds();
    assert_eq!(project.dump_user().tables(), ["a", "b", "c"]);
}

#[test]
fn popx() {
    let project = project!();
    project.write("migrations/20200101000000000000_a.sqlite3.up.sql", "CREATE TABLE a (id INTEGER);");
    project.write("migrations/20200101000000000000_a.mysql.up.sql", "CREATE TABLE a (id INT);");
    project.write("migrations/20200101000000000000_a.down.sql", "DROP TABLE a;");
    project.write("migrations/20200102000000000000_a.mysql.up.sql", "ALTER TABLE a MODIFY id BIGINT;");
    project.write("migrations/20200102000000000000_a.mysql.down.sql", "ALTER TABLE a MODIFY id INT;");
    project.write("migrations/20200103000000000000_i.autocommit.up.sql", "CREATE INDEX i ON a (id);");
    project.write("migrations/20200103000000000000_i.autocommit.down.sql", "DROP INDEX i;");
    project.write(
        "migrations/20200103000000000000_i.cockroach.autocommit.up.sql",
        "CREATE INDEX CONCURRENTLY i ON a (id);",
    );
    assert_eq!(goes_up_and_down(&project), "20200101000000000000_a 20200103000000000000_i");
    let plan = json(&project.runner("plan --target base --format json"));
    assert_eq!(plan["migrations"][0]["mode"], "stepwise", "{plan}");
    // What the name says is locked.
    let up = "migrations/20200103000000000000_i";
    std::fs::rename(project.file(&format!("{up}.autocommit.up.sql")), project.file(&format!("{up}.up.sql"))).unwrap();
    std::fs::rename(project.file(&format!("{up}.autocommit.down.sql")), project.file(&format!("{up}.down.sql")))
        .unwrap();
    project.runner("validate").exits(4).says(&["20200103000000000000_i", "runs in a transaction or not"]);
}

#[test]
fn up_and_down_at_the_end_of_names() {
    let project = project!();
    project.write("migrations/1_a_up.sql", "CREATE TABLE a (id INTEGER);");
    project.write("migrations/1_a_down.sql", "DROP TABLE a;");
    project.write("migrations/2_b_up.sql", "CREATE TABLE b (id INTEGER);");
    project.write("migrations/2_b_down.sql", "DROP TABLE b;");
    project.write("migrations/3_c.sql", "CREATE TABLE c (id INTEGER);");
    project.write("migrations/3_c_rollback.sql", "DROP TABLE c;");
    project.write("migrations/4_d.sql", "CREATE TABLE d (id INTEGER);");
    project.write("migrations/4_d.rollback.sql", "DROP TABLE d;");
    assert_eq!(goes_up_and_down(&project), "1_a 2_b 3_c 4_d");
    // The lockfile has both directions of each.
    assert_eq!(project.read("runner.lock").matches(", down = ").count(), 4);
}

#[test]
fn a_file_that_takes_itself_back_is_refused() {
    let project = project!();
    project.write("migrations/1_a.sql", "-- Up\nCREATE TABLE a (id INTEGER);\n\n-- Down\nDROP TABLE a;\n");
    project.write("migrations/2_b.sql", "CREATE TABLE b (id INTEGER);\n-- //@UNDO\nDROP TABLE b;\n");
    project.runner("apply").exits(2).says(&[
        "`-- Down` divides the file in a way that is not supported",
        "1_a.sql:4",
        "2_b.sql:2",
        "split the file at this line into `NAME.up.sql` and `NAME.down.sql`",
    ]);
    assert!(project.dump_user().tables().is_empty());
}

#[test]
fn drizzle() {
    let project = project!();
    project.write("migrations/meta/_journal.json", "{}");
    project.write(
        "migrations/0000_calm_hulk.sql",
        "CREATE TABLE `a` (`id` integer);\n--> statement-breakpoint\nCREATE TABLE `b` (`id` integer);",
    );
    project.write("migrations/20260105093000_wise_storm/migration.sql", "CREATE TABLE `c` (`id` integer);");
    project.write("migrations/20260105093000_wise_storm/snapshot.json", "{}");
    project.runner("apply").succeeds();
    assert_eq!(project.dump_user().tables(), ["a", "b", "c"]);
}

#[test]
fn a_broken_downgrade_is_told_of_when_its_upgrade_was_applied() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;\nVACUUM;");
    project.sql("2_b", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
    project.runner("apply --target 1").succeeds().says(&[
        "warning: 1 statement of a downgrade cannot run as written",
        "1_a.down.sql:2: the statement cannot run inside a transaction",
    ]);
    let later = project.runner("apply");
    later.succeeds();
    assert!(!later.stderr.contains("warning"), "{}", later.stderr);
}

#[test]
fn files_embedded_or_in_directories_of_one_database() {
    let project = project!();
    project.write("migrations/sqlite/1_a.sql", "CREATE TABLE a (id INTEGER);");
    project.runner("apply").exits(2).says(&["`sqlite` is a directory named after a database", "migrations"]);
}

#[test]
fn a_file_that_takes_the_place_of_an_applied_one_gets_a_number_of_its_own() {
    let project = project!();
    for name in ["x", "y"] {
        project.write(&format!("migrations/10_{name}.up.sql"), format!("CREATE TABLE {name} (a);"));
    }
    project.runner("apply").succeeds();
    // As a branch brings it.
    project.write("migrations/10_a.up.sql", "CREATE TABLE a (a);");
    let hint = "give it a revision of its own by `runner renumber 10_a`";
    project.runner("apply").exits(4).says(&["`10_a` took the place of `10_x`", hint]);
    project.runner("status").succeeds().says(&["`10_a` took the place of `10_x`, which is applied", hint]);
    project
        .runner("repair 10 --accept-checksum --why same")
        .exits(2)
        .says(&["a different migration from `10_x`", "renumber 10_a"]);
    project.runner("renumber 10_a").succeeds();
    project.runner("apply").succeeds();
    assert_eq!(project.dump_user().tables().len(), 3);
}

/// A migration is named as its file is, whatever that is read as.
#[test]
fn a_file_with_a_date_is_renumbered_by_its_own_name() {
    let project = project!();
    for day in ["01_a", "02_b", "03_c"] {
        project.write(&format!("migrations/2024_01_{day}.sql"), "SELECT 1;");
    }
    project.runner("renumber 2024_01_02_b").succeeds();
    let files = std::fs::read_dir(project.file("migrations")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    assert!(
        !names.contains(&"2024_01_02_b.sql".to_owned()) && names.iter().any(|name| name.ends_with("_b.sql")),
        "{names:?}"
    );
}
