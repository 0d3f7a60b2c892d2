//! Rows that pass through components are preserved, whatever their types, keys and number.

#[cfg(unix)]
mod memory;
#[cfg(unix)]
mod statements;
mod turns;

use runner_tests::{TestProject, dump, guests, project};
use rusqlite::types::Value;

const COLUMNS: &str = "id INTEGER PRIMARY KEY, truth BOOLEAN, whole INTEGER, real REAL, text TEXT, bytes BLOB, \
                       exact DECIMAL(20, 5), json JSON, day TEXT, time TEXT, moment TEXT, instant TEXT, uuid TEXT, odd";

/// For each column after the key, values that are easily lost.
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
        // An integer, a real number, and texts that the column's NUMERIC affinity either keeps or converts.
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
            // Long texts in a few rows only, and occasionally a NULL in every column.
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
fn every_value_is_preserved() {
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
fn an_empty_table_stays_empty() {
    let project = types();
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM by_transform"), "0");
}

/// SQLite accepts text in an integer column; a batch cannot hold it, and must not convert it.
#[test]
fn an_error_names_the_cell_that_does_not_fit() {
    for (cell, column) in [("'seven'", "whole"), ("x'00ff'", "text"), ("2", "truth"), ("cast(x'ff' AS TEXT)", "text")] {
        let project = types();
        project.database().execute(&format!("INSERT INTO source (id, {column}) VALUES (4, {cell})"), []).unwrap();
        let before = project.dump();
        let output = project.runner("apply");
        output.exits(1).says(&["source", column, "id = 4", "2_types"]);
        assert_eq!(project.dump(), before);
    }
}

#[test]
fn a_rebuilt_table_keeps_its_rows_and_references() {
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
