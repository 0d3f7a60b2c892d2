//! A transform has the same effect on a table as a statement, whatever the keys.

use super::*;

/// Source, equivalent statement, parameters.
struct Case {
    tables: &'static str,
    same: &'static str,
    parameters: &'static str,
}

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";

fn turn(case: &Case, arguments: &str) -> (TestProject, runner_tests::Output) {
    let project = project!();
    let tables = case.tables.replace("NUMBERS", NUMBERS);
    project.sql("1_tables", &tables, "SELECT 1;").component("2_turn", &guests::component("turn"));
    project.settings(&format!("[parameters]\n{}", case.parameters));
    project.runner("apply --target 1").succeeds();
    let output = project.runner(&format!("apply {arguments}"));
    output.succeeds();
    (project, output)
}

fn check(case: &Case) {
    let transcript =
        |project: &TestProject| project.value("SELECT transcript FROM runner_history WHERE revision = '2'");
    let (project, _) = turn(case, "--limit batch_rows=100 --jobs 1");
    let alone = project.dump_user();
    let recorded = transcript(&project);
    let (project, _) = turn(case, "--limit batch_rows=100 --jobs 4");
    assert_eq!(project.dump_user(), alone, "four jobs did something else than one");
    assert_eq!(transcript(&project), recorded, "four jobs are recorded as something else than one");
    let (project, _) = turn(case, "--limit batch_rows=7777");
    assert_eq!(project.dump_user(), alone, "one chunk did something else than many");
    let by_sql = rusqlite::Connection::open(project.file("expected.db")).unwrap();
    by_sql.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    by_sql
        .execute_batch(&format!("BEGIN; {}; {}; COMMIT", case.tables.replace("NUMBERS", NUMBERS), case.same))
        .unwrap();
    assert_eq!(alone, dump::user(&by_sql), "SQL did something else");
}

macro_rules! turns {
    ($($name:ident: $tables:literal, $same:literal, $parameters:literal;)+) => {
        $(
            #[test]
            fn $name() {
                check(&Case { tables: $tables, same: $same, parameters: $parameters });
            }
        )+
    };
}

turns! {
    integer_keys:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, other INTEGER);
         NUMBERS INSERT INTO t SELECT i * 7 - 5000, 'name ' || i, i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    the_greatest_and_the_least_key:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         INSERT INTO t VALUES (-9223372036854775808, 'least'), (9223372036854775807, 'greatest'), (0, 'zero');
         NUMBERS INSERT INTO t SELECT i, 'name' FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    text_keys:
        "CREATE TABLE t (code TEXT PRIMARY KEY NOT NULL, name TEXT);
         NUMBERS INSERT INTO t SELECT printf('%c%d é', 65 + i % 60, i), 'name ' || i FROM n;
         INSERT INTO t VALUES ('', 'empty'), (' ', 'blank'), ('日本', 'wide'), ('a' || char(0) || 'b', 'nul');",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    text_keys_without_case:
        "CREATE TABLE t (code TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, name TEXT);
         NUMBERS INSERT INTO t SELECT CASE WHEN i % 2 THEN 'k' ELSE 'K' END || i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    composite_keys:
        "CREATE TABLE t (region TEXT NOT NULL, number INTEGER NOT NULL, name TEXT, PRIMARY KEY (region, number));
         NUMBERS INSERT INTO t SELECT 'region ' || (i % 7), i / 7, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    composite_keys_without_rowid:
        "CREATE TABLE t (a INTEGER, b TEXT, c BLOB, name TEXT, PRIMARY KEY (a, b, c)) WITHOUT ROWID;
         NUMBERS INSERT INTO t SELECT i % 3, i % 11, cast(i AS BLOB), 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    descending_keys_in_the_schema:
        "CREATE TABLE t (a INTEGER, b INTEGER, name TEXT, PRIMARY KEY (a DESC, b ASC)) WITHOUT ROWID;
         NUMBERS INSERT INTO t SELECT i % 50, i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    real_and_blob_keys:
        "CREATE TABLE t (r REAL NOT NULL, b BLOB NOT NULL, name TEXT, PRIMARY KEY (r, b));
         NUMBERS INSERT INTO t SELECT i / 8.0, cast(i AS BLOB), 'name ' || i FROM n;
         INSERT INTO t VALUES (1e308, x'', 'huge'), (-9e999, x'00', 'infinite');",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    read_from_the_end:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'\ndescending = true";
    only_some_rows:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name) WHERE id % 3 = 0 OR name = 'name 7'",
        "source = 't'\nfilter = \"id % 3 = 0 OR name = 'name 7'\"";
    only_some_columns:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, note TEXT CHECK (note <> 'NOTE'));
         NUMBERS INSERT INTO t SELECT i, 'name ' || i, 'note' FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'\ncolumns = 'name'";
    from_a_view:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, gone INTEGER NOT NULL);
         CREATE VIEW there AS SELECT id, name FROM t WHERE NOT gone;
         NUMBERS INSERT INTO t SELECT i, 'name ' || i, i % 2 FROM n;",
        "UPDATE t SET name = upper(name) WHERE NOT gone",
        "source = 'there'\nsource_key = 'id'\ntarget = 't'";
    from_one_table_to_another:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "INSERT INTO u SELECT id, upper(name) FROM t",
        "source = 't'\ntarget = 'u'\nmode = 'insert'";
    two_rows_for_each:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "INSERT INTO u SELECT 2 * id, name FROM t UNION ALL SELECT 2 * id + 1, name FROM t",
        "source = 't'\ntarget = 'u'\nmode = 'insert'\nhow = 'double'";
    inserts_into_its_own_source:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT 1000000 + i, 'name ' || i FROM n;",
        "INSERT INTO t SELECT 2 * id, name FROM t UNION ALL SELECT 2 * id + 1, name FROM t",
        "source = 't'\nmode = 'insert'\nhow = 'double'";
    inserts_before_where_it_reads:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT -1000000 - i, 'name ' || i FROM n;",
        "INSERT INTO t SELECT 2 * id, name FROM t UNION ALL SELECT 2 * id + 1, name FROM t",
        "source = 't'\nmode = 'insert'\nhow = 'double'";
    rows_left_out:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name) WHERE id % 2 = 0",
        "source = 't'\nhow = 'halve'";
    all_rows_left_out:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "SELECT 1",
        "source = 't'\nhow = 'none'";
    upserts:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT, kept TEXT DEFAULT 'default');
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;
         INSERT INTO u SELECT id, 'old', 'kept' FROM t WHERE id % 2;",
        "INSERT INTO u (id, name) SELECT id, upper(name) FROM t WHERE true
         ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        "source = 't'\ntarget = 'u'\nmode = 'upsert'";
    upserts_by_another_key:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT NOT NULL, name TEXT);
         CREATE TABLE u (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'code ' || i, 'name ' || i FROM n;
         INSERT INTO u SELECT id, code, 'old' FROM t WHERE id % 2;",
        "INSERT INTO u (id, code, name) SELECT id, code, upper(name) FROM t WHERE true
         ON CONFLICT (code) DO UPDATE SET id = excluded.id, name = excluded.name",
        "source = 't'\ntarget = 'u'\nmode = 'upsert'\ntarget_key = 'code'";
    updates_by_another_key:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'code ' || i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'\nsource_key = 'code'\ntarget_key = 'code'";
    deletes:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, 'name ' || i FROM n;",
        "DELETE FROM t WHERE id % 2 = 0",
        "source = 't'\nmode = 'delete'\nhow = 'halve'";
    with_triggers_and_generated_columns:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, length INTEGER GENERATED ALWAYS AS (length(name)) STORED);
         CREATE TABLE log (id INTEGER, name TEXT);
         CREATE TRIGGER t_log AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.id, new.name); END;
         NUMBERS INSERT INTO t (id, name) SELECT i, 'name ' || i FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'\ncolumns = 'name'";
    names_that_need_quotes:
        "CREATE TABLE \"select\" (\"group by\" INTEGER PRIMARY KEY, name TEXT, \"a\"\"b\" TEXT, \"日本\" INTEGER);
         NUMBERS INSERT INTO \"select\" SELECT i, 'name ' || i, 'x', i FROM n;",
        "UPDATE \"select\" SET name = upper(name)",
        "source = 'select'";
    nulls_and_empty_texts:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
         NUMBERS INSERT INTO t SELECT i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'name' END FROM n;",
        "UPDATE t SET name = upper(name)",
        "source = 't'";
    nothing_but_nulls:
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name);
         NUMBERS INSERT INTO t SELECT i, NULL FROM n;",
        "SELECT 1",
        "source = 't'";
}

#[test]
fn chunk_sizes_follow_the_limits() {
    let case = Case {
        tables: "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
                 NUMBERS INSERT INTO t SELECT i, printf('%.*c', 1000, 'x') FROM n;",
        same: "",
        parameters: "source = 't'",
    };
    let chunks = |output: &runner_tests::Output| {
        let lines = output.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter_map(|event| event["chunks"].as_u64()).max().unwrap()
    };
    let (_, output) = turn(&case, "--limit batch_rows=1000 --format json");
    assert_eq!(chunks(&output), 3, "{output}");
    let (_, output) = turn(&case, "--limit batch_bytes=300kB --format json");
    assert!((9..=20).contains(&chunks(&output)), "three megabytes in chunks of 300 kB\n{output}");
    // A component is not told about it: it could behave differently the next time.
    output.says(&["read 3000 rows, wrote 3000, in 1 chunks"]);
}

#[test]
fn a_key_with_nulls_is_refused_or_complete() {
    // SQLite allows NULL in a primary key that is not INTEGER; a page that ends there must not skip rows.
    let case = Case {
        tables: "CREATE TABLE t (code TEXT PRIMARY KEY, name TEXT);
                 NUMBERS INSERT INTO t SELECT CASE WHEN i % 10 THEN 'code ' || i END, 'name ' || i FROM n;",
        same: "",
        parameters: "source = 't'",
    };
    let project = project!();
    let tables = case.tables.replace("NUMBERS", NUMBERS);
    project.sql("1_tables", &tables, "SELECT 1;").component("2_turn", &guests::component("turn"));
    project.settings(&format!("[parameters]\n{}", case.parameters));
    project.runner("apply --target 1").succeeds();
    let before = project.dump();
    let output = project.runner("apply --limit batch_rows=100");
    match output.exit_code() {
        Some(0) => assert_eq!(project.value("SELECT count(*) FROM t WHERE name <> upper(name)"), "0"),
        _ => {
            output.exits(1).says(&["NULL", "code"]);
            assert_eq!(project.dump(), before);
        }
    }
}
