//! Statements of the host whose values are spelled in their text: they come to what a prepared statement does.

use super::*;
use runner_data::{RowSet, Value};

/// Questions, with their values.
const ASKED: &[(&str, &[i64])] = &[
    ("SELECT id, v FROM t WHERE id > $1 ORDER BY id", &[-5]),
    ("SELECT id FROM t WHERE id >= $1 AND id < $2 ORDER BY id", &[i64::MIN, i64::MAX]),
    ("SELECT id, \"name\" FROM \"gr\u{f6}\u{df}e\" WHERE id > $1", &[0]),
    ("SELECT 'a\\b', '\u{554a}', id FROM t WHERE id = $1", &[1]),
    ("SELECT NULL::int8, NULL::text, NULL::bytea, true, false, decode('00ff5c', 'hex'), 'it''s', '', 26::oid", &[]),
    ("SELECT 1.50::numeric, 'NaN'::float8, now()::date = '1999-01-01', '{1}'::int[]", &[]),
    ("SELECT id FROM t WHERE id = 99", &[]),
    ("SELECT $1 - 1, 3 - -$1::int8", &[-1]),
];

#[tokio::test]
async fn they_answer_what_prepared_ones_do() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, v bytea); \
         INSERT INTO t VALUES (-9223372036854775808, NULL), (-5, ''), (-4, 'a'), (1, '\\xff'), (9223372036854775806, 'z'); \
         CREATE TABLE \"gr\u{f6}\u{df}e\" (id int PRIMARY KEY, \"name\" text); INSERT INTO \"gr\u{f6}\u{df}e\" VALUES (1, 'x')",
    );
    let mut answers: [Vec<RowSet>; 2] = Default::default();
    for (is_open, answers) in [false, true].into_iter().zip(&mut answers) {
        if is_open {
            database.begin(TransactionOptions::default()).await.expect("begun");
        }
        for (statement, values) in ASKED {
            let values: Vec<Value> = values.iter().copied().map(Value::from).collect();
            answers.push(database.query(statement, &values, QueryLimits::NONE).await.expect(statement));
        }
    }
    let [prepared, plain] = answers;
    for (((statement, _), prepared), plain) in ASKED.iter().zip(prepared).zip(plain) {
        // A NaN is not equal to itself.
        assert_eq!(format!("{:?}", plain.rows), format!("{:?}", prepared.rows), "{statement}");
    }
}

#[tokio::test]
async fn texts_about_the_tools_tables_mean_what_they_are() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    make_tool_tables(database).await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    for text in ["it's", "a\\b", "$1", "gr\u{f6}\u{df}e \u{554a}", "'; DROP TABLE x; --", ""] {
        let changed = "UPDATE \"runner\".runner_history SET state = $1 WHERE id = $2";
        assert_eq!(database.execute(changed, &[text.into(), 1.into()]).await, Ok(1), "{text}");
        let asked = "SELECT state, id FROM \"runner\".runner_history WHERE state = $1";
        let found = database.query(asked, &[text.into()], QueryLimits::NONE).await.expect(text);
        assert_eq!(found.rows, [[Value::from(text), Value::from(1)]]);
    }
    let none = "UPDATE \"runner\".runner_history SET state = $1 WHERE id = $2";
    assert_eq!(database.execute(none, &["".into(), 9.into()]).await, Ok(0));
    let refused = database.query("SELECT x FROM \"runner\".runner_history", &[], QueryLimits::NONE).await;
    assert_eq!(refused.expect_err("no such column").code, "42703");
    assert!(database.commit_or_roll_back().await.is_err(), "an error ends the transaction");
}

/// Where a body begins, only the server knows: its semicolons are no proof of one statement.
#[tokio::test]
async fn a_body_that_is_none_ends_no_transaction() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql("CREATE TABLE t (v int); CREATE TYPE begin AS (v int)");
    for text in [
        "CREATE FUNCTION begin() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMIT; DROP TABLE t; END",
        "CREATE FUNCTION f() RETURNS begin LANGUAGE sql AS 'SELECT NULL::begin'; COMMIT; DROP TABLE t; END",
    ] {
        database.begin(TransactionOptions::default()).await.expect("begun");
        database.set_role(Role::SqlScript);
        let error = database.execute(text, &[]).await.expect_err(text);
        assert!(!error.message.is_empty(), "{error}");
        database.set_role(Role::Host);
        database.rollback().await.expect("rolled back");
        fresh.sql("SELECT v FROM t");
    }
}

/// All statements of one message begin at one time.
#[tokio::test]
async fn a_semicolon_in_a_value_parts_no_statements() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql("CREATE TABLE t (at timestamptz, v text)");
    for (values, times) in [
        (["'a'", "'b'", "'c'"], 1),
        (["'a;'", "';b'", "$$;$$"], 1),
        (["'it''s;'", "/* ; */ 'b'", "'c' -- ;"], 1),
        (["'a\\;'", "'b'", "'c'"], 2),
        (["E'a\\';'", "'b'", "E'c\\''"], 3),
    ] {
        let statements = values.map(|value| format!("INSERT INTO t VALUES (statement_timestamp(), {value}\n)"));
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        database.begin(TransactionOptions::default()).await.expect("begun");
        database.set_role(Role::SqlScript);
        let mut changed = Vec::new();
        database.execute_each(&statements, &mut changed).await.expect("inserted");
        assert_eq!(changed, [1; 3]);
        database.set_role(Role::Host);
        let found = database.query("SELECT count(DISTINCT at), count(*) FROM t", &[], QueryLimits::NONE).await;
        assert_eq!(found.expect("counted").rows, [[Value::from(times), Value::from(3)]], "{values:?}");
        database.rollback().await.expect("rolled back");
    }
}
