//! Transactions that SQLite rolls back by itself, in the middle of a component under grants that goes on: nothing of it stays, and
//! nothing is reported that is not so.

use super::*;

/// What makes SQLite roll back: the name of each, and what it tells.
const LOSING: &[(&str, &str)] = &[
    ("memory", "needs more memory"),
    ("conflict", "UNIQUE constraint failed"),
    ("table", "UNIQUE constraint failed"),
    ("trigger", "not here"),
];

/// What would commit by itself afterwards.
const LATER: &[&str] = &["drop", "create", "alter", "index", "insert", "transform"];

const SCRIPT: &str = r#"
import { db, parameters, schema } from "runner-guest";
export const description = { summary: "goes on", MODE };
const LOSING = {
  memory: () => [...db.readTable({ table: "people", columns: ["id"],
    filter: "(select length(group_concat(zeroblob(10000000))) from people)>0" }).rows()],
  conflict: () => db.execute("insert or rollback into people values (1, 'twice')"),
  table: () => db.execute("insert into strict_names values (2, 'ada')"),
  trigger: () => db.execute("insert into trapped values (1)"),
};
const LATER = {
  drop: () => schema.dropTable("outbox_old"),
  create: () => db.execute("create table outbox_new as select * from people"),
  alter: () => db.execute("alter table outbox_old add column late text"),
  index: () => db.execute("create index outbox_ix on outbox_old (v)"),
  insert: () => db.execute("insert into people values (1000, 'late')"),
  transform: () => db.transform(raised, { table: "people", columns: ["name"] }),
};
export const raised = (batch) => batch.mapRows((row) => { row.name += "!"; });
export function upgrade() {
  db.execute("insert into people values (500, 'early')");
  try { LOSING[parameters.losing](); } catch (error) {}
  try { LATER[parameters.later](); } catch (error) {}
  if (parameters.later === "drop") throw new Error("the end");
}
"#;

/// A project with the script as the next migration.
fn going_on(mode: &str) -> TestProject {
    let project = project!();
    project
        .sql(
            "0001_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO people SELECT i, 'x' FROM n;
             CREATE TABLE strict_names (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT ROLLBACK);
             INSERT INTO strict_names VALUES (1, 'ada');
             CREATE TABLE trapped (id INTEGER PRIMARY KEY);
             CREATE TRIGGER trap BEFORE INSERT ON trapped BEGIN SELECT RAISE(ROLLBACK, 'not here'); END;
             CREATE TABLE outbox_old (v TEXT);",
            "",
        )
        .write("migrations/0002_goes_on.js", SCRIPT.replace("MODE", mode))
        .settings(
            "[grants.2]\nraw_sql = true\nallow = ['read people', 'insert people', 'update people', 'insert strict_names', \
             'insert trapped', 'create outbox_*', 'insert outbox_*', 'drop outbox_*', 'alter outbox_*']",
        );
    project.runner("build").succeeds();
    project.runner("apply --target 1").succeeds();
    project
}

fn run(project: &TestProject, flags: &str, losing: &str, later: &str) -> Output {
    project.runner(&format!("apply {flags} --parameter losing={losing} --parameter later={later}"))
}

/// How it ends: with a limit, or with the error that the script throws, or that SQLite has rolled back.
fn code(losing: &str, later: &str) -> i32 {
    if losing == "memory" && later != "drop" { 7 } else { 1 }
}

#[test]
fn nothing_stays_of_a_migration_that_goes_on_after_sqlite_has_rolled_back() {
    let project = going_on("");
    let before = project.dump();
    for (losing, says) in LOSING {
        for later in LATER {
            let output = run(&project, "", losing, later);
            output.exits(code(losing, later)).says(&["2_goes_on", "left no changes"]);
            if *later != "drop" {
                output.says(&["SQLite has rolled the transaction back", says, "hint:"]);
            }
            assert_eq!(project.dump(), before, "{losing}, {later}: {output}");
        }
    }
    project.runner("status").succeeds();
}

#[test]
fn a_dry_run_of_it_changes_nothing_and_fails() {
    let project = going_on("");
    let before = project.dump();
    for (losing, _) in LOSING {
        for later in ["drop", "create", "transform"] {
            for flags in ["--dry-run", "--dry-run --on-copy"] {
                let output = run(&project, flags, losing, later);
                output.exits(code(losing, later)).says(&["the database is unchanged"]);
                assert_eq!(project.dump(), before, "{flags}, {losing}, {later}: {output}");
            }
        }
    }
}

/// There the step is over, and its transaction with it; those that follow have their own.
#[test]
fn stepwise_the_steps_that_fail_leave_nothing() {
    for (losing, _) in LOSING {
        let project = going_on("mode: 'stepwise',");
        let output = run(&project, "", losing, "create");
        output.succeeds();
        assert_eq!(project.value("SELECT count(*) FROM people"), "51");
        assert_eq!(project.value("SELECT count(*) FROM outbox_new"), "51");
        assert_eq!(project.value("SELECT count(*) FROM strict_names"), "1");
        project.runner("verify").succeeds();
        let dry = going_on("mode: 'stepwise',");
        let before = dry.dump();
        run(&dry, "--dry-run", losing, "create")
            .exits(code(losing, "create"))
            .says(&["SQLite has rolled the transaction back", "is unchanged"]);
        assert_eq!(dry.dump(), before);
    }
}
