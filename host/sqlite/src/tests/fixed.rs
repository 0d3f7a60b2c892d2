//! Chance and time in the statements of a component.

use super::*;
use runner_database::{FixedInputs, Role, StopSignal};

const INPUTS: FixedInputs = FixedInputs { time: 1_357_095_845_678_901, seed: [7; 32] };

/// What the statements see in a role.
async fn seen(database: &mut dyn Database, role: Role, statements: &[&str]) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    for statement in statements {
        let mut session = database.in_role(role, &StopSignal::never());
        found.extend(session.query(statement, &[], QueryLimits::NONE).await.expect(statement).rows);
    }
    found
}

#[tokio::test]
async fn the_time_is_that_of_the_inputs() {
    let mut database = in_memory().await;
    let statements = [
        "SELECT datetime('now'), current_timestamp, strftime('%f'), unixepoch(), date('now', '+1 day')",
        "SELECT datetime('2000-01-01'), unixepoch(0), time(0.5)",
    ];
    let text = |text: &str| Value::Text(text.to_owned());
    database.fix_inputs(INPUTS);
    let fixed = seen(&mut *database, Role::Component, &statements).await;
    let now = text("2013-01-02 03:04:05");
    assert_eq!(fixed[0], [now.clone(), now.clone(), text("05.678"), Value::Int64(1_357_095_845), text("2013-01-03")]);
    for role in [Role::Host, Role::SqlScript] {
        let real = seen(&mut *database, role, &statements).await;
        assert!(real[0].iter().zip(&fixed[0]).all(|(real, fixed)| real != fixed), "{real:?}");
        assert_eq!(real[1], fixed[1]);
    }
}

#[tokio::test]
async fn chance_follows_from_the_seed() {
    let (mut first, mut second) = (in_memory().await, in_memory().await);
    let statements = ["SELECT random(), hex(randomblob(3))", "SELECT random(), randomblob(0) FROM (VALUES (1), (2))"];
    first.fix_inputs(INPUTS);
    second.fix_inputs(INPUTS);
    let rows = seen(&mut *first, Role::Component, &statements).await;
    assert_eq!(seen(&mut *second, Role::Component, &statements).await, rows);
    let numbers: std::collections::BTreeSet<_> = rows.iter().map(|row| row[0].as_int64()).collect();
    assert_eq!((rows.len(), numbers.len()), (3, 3));
    assert!(matches!(&rows[1][1], Value::Bytes(bytes) if bytes.len() == 1));

    second.fix_inputs(FixedInputs { seed: [8; 32], ..INPUTS });
    assert_ne!(seen(&mut *second, Role::Component, &statements).await, rows);
    first.fix_inputs(INPUTS);
    assert_ne!(seen(&mut *first, Role::SqlScript, &statements).await, rows);
    assert_eq!(seen(&mut *first, Role::Component, &statements).await, rows, "scripts take nothing of it");
}

#[tokio::test]
async fn defaults_triggers_and_indexes_keep_working() {
    let mut database = in_memory().await;
    for statement in [
        "CREATE TABLE t (a INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP, token DEFAULT (hex(randomblob(4))), day \
         TEXT GENERATED ALWAYS AS (date(a * 86400, 'unixepoch')) STORED)",
        "CREATE INDEX days ON t (date(day))",
    ] {
        run(&mut *database, statement).await;
    }
    database.fix_inputs(INPUTS);
    let inserted = ["INSERT INTO t (a) VALUES (1), (2) RETURNING at, token"];
    let rows = seen(&mut *database, Role::Component, &inserted).await;
    assert_eq!(rows[0][0], Value::Text("2013-01-02 03:04:05".to_owned()));
    assert_ne!(rows[0][1], rows[1][1]);
    assert_eq!(text_of(&mut *database, "SELECT day FROM t WHERE date(day) = '1970-01-03'").await, "1970-01-03");
}

#[tokio::test]
async fn a_blob_beyond_the_limit_is_refused() {
    let mut database = in_memory().await;
    database.fix_inputs(INPUTS);
    let mut session = database.in_role(Role::Component, &StopSignal::never());
    let error = session.query("SELECT randomblob(9000000000)", &[], QueryLimits::NONE).await.expect_err("too big");
    assert!(error.message.contains("too big"), "{error}");
}

/// It does not matter what inserts the row, a statement or a batch.
#[tokio::test]
async fn defaults_follow_from_the_inputs() {
    let mut found = Vec::new();
    for _ in 0..2 {
        let mut database = in_memory().await;
        let database = &mut *database;
        for statement in [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, r DEFAULT (random()), at TEXT DEFAULT (datetime('now')), day TEXT DEFAULT \
             CURRENT_DATE, token DEFAULT (lower(hex(randomblob(8)))))",
            "CREATE TABLE log (t INTEGER, r DEFAULT (random()), at DEFAULT CURRENT_TIMESTAMP)",
            "CREATE TRIGGER logs AFTER INSERT ON t BEGIN INSERT INTO log (t) VALUES (new.id); END",
        ] {
            run(database, statement).await;
        }
        database.fix_inputs(INPUTS);
        seen(database, Role::Component, &["INSERT INTO t (id) VALUES (1), (2) RETURNING id"]).await;
        database.set_role(Role::Component);
        let rows = batch(2, vec![integers("id", &[3, 4])]);
        write(database, "t", WriteMode::Insert, &[], &rows).await.expect("written");
        let rows = batch(2, vec![integers("id", &[4, 5])]);
        write(database, "t", WriteMode::Upsert, &[], &rows).await.expect("written");
        database.set_role(Role::Host);
        let all = "SELECT t.id, t.r, t.at, day, token, log.r, log.at FROM t JOIN log ON log.t = t.id ORDER BY t.id";
        found.push(seen(database, Role::Host, &[all]).await);
    }
    assert_eq!(found[0], found[1]);
    let text = |text: &str| Value::Text(text.to_owned());
    for row in &found[0] {
        assert_eq!(
            (&row[2], &row[3], &row[6]),
            (&text("2013-01-02 03:04:05"), &text("2013-01-02"), &text("2013-01-02 03:04:05"))
        );
    }
    let numbers: std::collections::BTreeSet<_> =
        found[0].iter().flat_map(|row| [row[1].as_int64(), row[5].as_int64()]).collect();
    assert_eq!(numbers.len(), 10, "each default is a value of its own");
}
