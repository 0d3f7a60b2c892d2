//! What rows become on their way through components: the same rows, whatever their types, keys and number.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use runner_tests::{TestProject, dump, guests, project};
use rusqlite::types::Value;

const COLUMNS: &str = "id INTEGER PRIMARY KEY, truth BOOLEAN, whole INTEGER, real REAL, text TEXT, bytes BLOB, \
                       exact DECIMAL(20, 5), json JSON, day TEXT, time TEXT, moment TEXT, instant TEXT, uuid TEXT, odd";

/// For each column behind the key, values that are easily lost.
fn hard_values() -> Vec<Vec<Value>> {
    let text = |texts: &[&str]| texts.iter().map(|text| Value::from((*text).to_owned())).collect::<Vec<_>>();
    let long = "long ".repeat(50_000);
    vec![
        [0, 1].map(Value::from).to_vec(),
        [0, 1, -1, i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1, -(1 << 40)].map(Value::from).to_vec(),
        [0.5, -0.0, 0.1, 1e308, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, 3.0, 1e16]
            .map(Value::from)
            .to_vec(),
        text(&[
            "",
            " ",
            "a",
            "ünïcödé",
            "日本語",
            "👩‍👩‍👧",
            "line\nbreak\r\n",
            "nul\0inside",
            "'quoted\"",
            "\u{feff}bom",
            &long,
        ]),
        vec![
            Value::Blob(vec![]),
            Value::Blob((0..=255).collect()),
            Value::Blob(vec![0; 10]),
            Value::Blob(vec![0xff; 100_000]),
        ],
        // An integer, a real number, and texts that the column's NUMERIC affinity leaves alone or turns by itself.
        vec![
            Value::from(12),
            Value::from(-12.5),
            Value::from("0.10".to_owned()),
            Value::from("123456789012345678901234.5".to_owned()),
        ],
        text(&["{}", "null", "[1, 2.50, \"x\"]", "{\"a\": {\"b\": [true, false]}}", "\"text\""]),
        text(&["1970-01-01", "2024-02-29", "0001-01-01", "9999-12-31", "1900-03-01"]),
        text(&["00:00:00", "23:59:59", "12:34:56.789012", "24:00:00"]),
        text(&["1970-01-01 00:00:00", "2013-01-01 05:17:00", "0001-01-01 00:00:00", "2024-02-29 23:59:59.000001"]),
        text(&["1970-01-01T00:00:00Z", "2013-01-01T10:17:00Z", "9999-12-31T23:59:59.999999Z"]),
        text(&["00000000-0000-0000-0000-000000000000", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"]),
        text(&["anything", "at all", "1", "1.0"]),
    ]
}

fn fill(project: &TestProject, rows: i64) {
    let connection = project.database();
    let columns = hard_values();
    let places = vec!["?"; columns.len() + 1].join(", ");
    connection.execute_batch("BEGIN").unwrap();
    let mut insert = connection.prepare(&format!("INSERT INTO source VALUES ({places})")).unwrap();
    for row in 0..rows {
        let cell = |(at, values): (usize, &Vec<Value>)| {
            // Long texts in a few rows only, and a NULL in every column sooner or later.
            match (row as usize * 7 + at) % (values.len() + 1) {
                choice if choice == values.len() => Value::Null,
                choice if row > 100 && choice == values.len() - 1 => values[0].clone(),
                choice => values[choice].clone(),
            }
        };
        let cells: Vec<Value> =
            [Value::from(row * 3 - 10)].into_iter().chain(columns.iter().enumerate().map(cell)).collect();
        insert.execute(rusqlite::params_from_iter(cells)).unwrap();
    }
    drop(insert);
    connection.execute_batch("COMMIT").unwrap();
}

fn types() -> TestProject {
    let tables = ["source", "by_reader", "by_cursor", "by_transform", "by_rows", "by_request"];
    let up: String = tables.iter().map(|table| format!("CREATE TABLE {table} ({COLUMNS});\n")).collect();
    let down: String = tables.iter().map(|table| format!("DROP TABLE {table};\n")).collect();
    let project = project!();
    project.sql("1_tables", &up, &down).component("2_types", &guests::component("types"));
    project.runner("apply --target 1").succeeds();
    project
}

/// The rows with the storage class of each cell.
fn cells(project: &TestProject, table: &str) -> Vec<String> {
    let connection = project.database();
    let names = dump::rows(&connection, "SELECT name FROM pragma_table_info('source')");
    let list: Vec<String> = names.iter().map(|name| format!("typeof({name}), {name}")).collect();
    dump::rows(&connection, &format!("SELECT {} FROM {table} ORDER BY id", list.join(", ")))
}

#[test]
fn every_value_arrives_as_it_was() {
    let project = types();
    fill(&project, 1_500);
    project.runner("apply --limit batch_rows=333 --limit query_bytes=64MiB").succeeds();
    let source = cells(&project, "source");
    assert_eq!(source.len(), 1_500);
    for table in ["by_reader", "by_cursor", "by_transform", "by_rows", "by_request"] {
        let copy = cells(&project, table);
        assert_eq!(copy.len(), source.len(), "{table}");
        let differs = source.iter().zip(&copy).find(|(row, copied)| row != copied);
        assert!(differs.is_none(), "`{table}` differs: {differs:.300?}");
    }
    project.runner("rollback").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM by_reader"), "0");
}

#[test]
fn an_empty_table_arrives_empty() {
    let project = types();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM by_transform"), "0");
}

/// SQLite takes a text in a column of integers; a batch cannot hold it, and nothing may be made of it.
#[test]
fn a_cell_that_its_column_cannot_hold_is_named() {
    for (cell, column) in [("'seven'", "whole"), ("x'00ff'", "text"), ("2", "truth"), ("cast(x'ff' AS TEXT)", "text")] {
        let project = types();
        project.database().execute(&format!("INSERT INTO source (id, {column}) VALUES (4, {cell})"), []).unwrap();
        let before = project.dump();
        let output = project.runner("apply");
        output.exits(1).says(&["source", column, "id = 4", "2_types"]);
        assert_eq!(project.dump(), before);
    }
}

/// Source, statement that does the same, parameters.
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
fn chunks_have_the_size_that_the_limits_say() {
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
    // A component hears nothing of it: it could do something else the next time.
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

#[test]
fn a_rebuilt_table_keeps_its_rows_and_those_that_refer_to_it() {
    let project = project!();
    project
        .sql(
            "1_shop",
            "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, email TEXT, balance REAL);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE);
             CREATE TABLE log (line TEXT);
             CREATE UNIQUE INDEX users_email ON users (email) WHERE balance > 10;
             CREATE VIEW rich AS SELECT name FROM users WHERE balance > 500;
             CREATE TRIGGER users_log AFTER DELETE ON users BEGIN INSERT INTO log VALUES (old.name); END;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
             INSERT INTO users SELECT i, 'user ' || i, CASE WHEN i % 4 THEN 'user' || i || '@example.org' END, i FROM n;
             INSERT INTO orders SELECT id * 2, id FROM users;
             DELETE FROM users WHERE id = 1000;",
            "DROP TABLE orders; DROP VIEW rich; DROP TABLE users; DROP TABLE log;",
        )
        .component("2_rebuild", &guests::component("rebuild"));
    project.runner("apply --target 1").succeeds();
    let before = project.dump_user();
    project.runner("apply").succeeds();
    dump::check(&project.database());
    for (query, expected) in [
        ("SELECT count(*) FROM users", "999"),
        ("SELECT count(*) FROM users WHERE email IS NULL", "0"),
        ("SELECT email FROM users WHERE id = 4", "user 4@example.com"),
        ("SELECT count(*) FROM orders", "999"),
        ("SELECT count(*) FROM log", "1"),
        ("SELECT count(*) FROM rich", "499"),
        ("SELECT typeof(balance) FROM users WHERE id = 7", "integer"),
        ("SELECT seq FROM sqlite_sequence WHERE name = 'users'", "1000"),
        (
            "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE tbl_name NOT GLOB 'runner_*' ORDER BY name)",
            "log,orders,rich,sqlite_sequence,users,users_email,users_log",
        ),
    ] {
        assert_eq!(project.value(query), expected, "{query}");
    }
    let refused = project.database().execute("INSERT INTO users (name, email, balance) VALUES ('x', 'x', -1)", []);
    assert!(refused.unwrap_err().to_string().contains("solvent"));
    project.runner("rollback").succeeds();
    dump::check(&project.database());
    let after = project.dump_user();
    assert_eq!(after.tables(), before.tables());
    assert_eq!(project.value("SELECT count(*) FROM users WHERE email IS NULL"), "0");
    assert_eq!(project.value("SELECT count(*) FROM orders"), "999");
}
