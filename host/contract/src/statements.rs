//! Statements and small results.

use std::time::{Duration, Instant};

use super::lock::shown;
use super::*;
use runner_database::schema_change::{DataType, DefaultValue, NewColumn, NewTable};
use runner_database::stop::StopReason;

pub async fn counts_changed_rows(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    for (statement, changed) in [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", 0),
        ("INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)", 3),
        ("CREATE INDEX i ON t (n)", 0),
        ("UPDATE t SET n = n + 1 WHERE n = 1", 2),
        ("SELECT * FROM t", 0),
        ("DELETE FROM t WHERE n = 7", 0),
        ("DELETE FROM t", 3),
        ("DROP TABLE t", 0),
    ] {
        assert_eq!(run(database, statement).await, changed, "{statement}");
    }
}

pub async fn runs_statements_up_to_the_first_that_fails(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, s VARCHAR(40))").await;
    let good = [
        "INSERT INTO t VALUES (1, 'a;b'), (2, 'it''s') -- two",
        "INSERT INTO t VALUES (3, NULL)",
        "/* none */ INSERT INTO t SELECT id, s FROM t WHERE id < 0",
        "INSERT INTO t VALUES (4, '\u{e4}\u{20ac}\u{1f600}')",
    ];
    for (more, done) in [
        ("INSERT INTO t VALUES (5, 'last')", 5),
        ("INSERT INTO t VALUES (3, 'twice')", 4),
        ("INSERT INTO t VALUES (5, 'unfinished)", 4),
        ("INSERT INTO t VALUES (5, 'a'); COMMIT", 4),
        ("COMMIT", 4),
        ("INSERT INTO nowhere VALUES (5)", 4),
    ] {
        for role in [Role::SqlScript, Role::Component] {
            let statements: Vec<&str> = good.into_iter().chain([more]).collect();
            database.begin(TransactionOptions::default()).await.expect("begun");
            database.set_role(role);
            let mut changed = Vec::new();
            let result = database.execute_each(&statements, &mut changed).await;
            let all = [2, 1, 0, 1, 1];
            let (failed, result) = result.map_or_else(|(at, error)| (at, Err(error)), |()| (all.len(), Ok(())));
            assert_eq!(failed, done, "{role:?} {more}: {result:?}");
            // A server that cannot read one of them may not have run those that it got together with it.
            assert!(all[..done].starts_with(&changed), "{role:?} {more}: {changed:?}");
            database.set_role(Role::Host);
            database.rollback().await.expect("rolled back");
            assert_eq!(rows(database, "SELECT count(*) FROM t").await, [[Value::Int64(0)]], "{role:?} {more}");
            // As if each had been sent by itself.
            database.begin(TransactionOptions::default()).await.expect("begun");
            database.set_role(role);
            let mut alone = Ok(());
            for statement in statements {
                alone = alone.and(database.execute(statement, &[]).await.map(drop));
            }
            assert_eq!(result, alone, "{role:?} {more}");
            database.set_role(Role::Host);
            database.rollback().await.expect("rolled back");
        }
    }
}

pub async fn binds_every_kind_of_value(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT, f DOUBLE PRECISION, s TEXT)").await;
    let dialect = database.facts().dialect;
    let places: Vec<String> = (1..=4).map(|number| dialect.placeholder(number)).collect();
    let insert = format!("INSERT INTO t VALUES ({})", places.join(", "));
    let all = [
        vec![Value::Int64(1), Value::Int64(i64::MIN), Value::Float64(0.1), Value::from("")],
        vec![Value::Int64(2), Value::Int64(i64::MAX), Value::Float64(-1e300), Value::from("ä€😀 ' \" \\")],
        vec![Value::Int64(3), Value::Null, Value::Null, Value::Null],
    ];
    for row in &all {
        assert_eq!(database.execute(&insert, row).await, Ok(1));
    }
    let found = rows(database, "SELECT id, n, f, s FROM t ORDER BY id").await;
    assert_eq!(found, all);
    let error = database.execute(&insert, &all[0][..3]).await.expect_err("too few");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
    let by_text = format!("SELECT id FROM t WHERE s = {}", dialect.placeholder(1));
    let found = database.query(&by_text, &[Value::from("")], QueryLimits::NONE).await.expect("rows");
    assert_eq!((found.columns, found.rows), (vec!["id".to_owned()], vec![vec![Value::Int64(1)]]));
}

pub async fn accepts_one_statement_per_call(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    for rights in [Role::Host, Role::SqlScript, Role::Component] {
        database.set_role(rights);
        for several in
            ["CREATE TABLE a (x INTEGER); CREATE TABLE b (x INTEGER)", "SELECT 1; SELECT 2", "SELECT 1; -- a\n x"]
        {
            let error = database.execute(several, &[]).await.expect_err(several);
            assert_eq!(error.kind, DatabaseErrorKind::Syntax, "{several}: {error}");
            assert!(database.query(several, &[], QueryLimits::NONE).await.is_err(), "{several}");
            assert!(read(database, several, &[], BatchLimits::default()).await.is_err(), "{several}");
        }
        for none in ["", " \n", "-- nothing", "/* nothing */"] {
            let error = database.execute(none, &[]).await.expect_err(none);
            assert_eq!(error.kind, DatabaseErrorKind::Syntax, "{none:?}: {error}");
        }
    }
    assert!(database.query("SELECT x FROM a", &[], QueryLimits::NONE).await.is_err(), "nothing of it was run");
    assert_eq!(rows(database, "SELECT 1; -- the end").await, [[Value::Int64(1)]]);
}

pub async fn classifies_errors(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n > 0), u INTEGER UNIQUE)").await;
    run(database, "INSERT INTO t VALUES (1, 1, 1)").await;
    for (statement, kind) in [
        ("SELEC 1", DatabaseErrorKind::Syntax),
        ("SELECT * FROM nowhere", DatabaseErrorKind::Syntax),
        ("SELECT nothing FROM t", DatabaseErrorKind::Syntax),
        ("INSERT INTO t VALUES (1, 1, 2)", DatabaseErrorKind::Constraint),
        ("INSERT INTO t VALUES (2, NULL, 2)", DatabaseErrorKind::Constraint),
        ("INSERT INTO t VALUES (2, 0, 2)", DatabaseErrorKind::Constraint),
        ("INSERT INTO t VALUES (2, 1, 1)", DatabaseErrorKind::Constraint),
    ] {
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert_eq!(error.kind, kind, "{statement}: {error}");
        assert!(!error.code.is_empty(), "{statement}: {error:?}");
        assert!(!error.message.is_empty(), "{statement}: {error:?}");
    }
    let error = database.table(&TableName::new("nowhere")).await.expect_err("no table");
    assert_eq!(error.kind, DatabaseErrorKind::Syntax);
}

pub async fn bounds_results(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)").await;
    run(database, "INSERT INTO t VALUES (1, 'abc'), (2, 'def'), (3, 'ghi')").await;
    let all = "SELECT id, s FROM t";
    for (limits, fits) in [
        (QueryLimits { rows: 3, bytes: 1000 }, true),
        (QueryLimits { rows: 2, bytes: 1000 }, false),
        (QueryLimits { rows: 3, bytes: 20 }, false),
    ] {
        match database.query(all, &[], limits).await {
            Ok(found) => assert!(fits, "{limits:?}: {found:?}"),
            Err(error) => assert_eq!((fits, error.kind), (false, DatabaseErrorKind::Limit), "{limits:?}: {error}"),
        }
    }
}

pub async fn stops_soon_after_the_signal(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let stop = StopSignal::default();
    database.set_stop_signal(stop.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.raise(StopReason::Interrupt);
    });
    let started = Instant::now();
    let error = database.execute(endless(database.facts().dialect), &[]).await.expect_err("endless");
    assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    let error = database.execute("SELECT 1", &[]).await.expect_err("still stopped");
    assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
    database.rollback().await.expect("what ends a run still works");
    database.set_stop_signal(StopSignal::default());
    run(database.as_mut(), "SELECT 1").await;
}

pub async fn answers_several_queries(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, s VARCHAR(20))").await;
    run(database, "INSERT INTO t VALUES (-1, 'ä;b'), (9007199254740993, NULL)").await;
    let ask = |questions: &[&str]| questions.iter().map(|question| (*question).to_owned()).collect::<Vec<_>>();
    let questions =
        ask(&["SELECT id, s FROM t ORDER BY id", "SELECT s FROM t WHERE id = 7", "SELECT s FROM t WHERE id < 0"]);
    let answers = [
        vec![vec![Value::Int64(-1), Value::from("ä;b")], vec![Value::Int64(9_007_199_254_740_993), Value::Null]],
        vec![],
        vec![vec![Value::from("ä;b")]],
    ];
    let sight = database.probe(&questions).await.expect("answers");
    assert_eq!((&sight.answers[..], sight.holder), (&answers[..], None));
    // A failed query leaves the connection as it was.
    let error = database.probe(&ask(&["SELECT id FROM t", "SELECT id FROM nowhere", "SELECT id FROM t"])).await;
    assert_eq!(error.expect_err("no such table").kind, DatabaseErrorKind::Syntax);
    let mut other = factory.open().await;
    let request = LockRequest { wait: Duration::ZERO, run_id: "r".to_owned(), owner: "run 7 on host x".to_owned() };
    other.lock(&request, &StopSignal::default(), &|_| {}).await.expect("the lock");
    let sight = database.probe(&questions).await.expect("answers");
    let (holder, name) = (sight.holder.expect("a holder"), shown(other.as_ref(), "run 7 on host x"));
    assert!(sight.answers == answers && holder.name.starts_with(name), "{holder} {:?}", sight.answers);
    assert_eq!((holder.run_id.as_deref(), holder.work), (name.starts_with("run").then_some("r"), None));
}

/// A server keeps some defaults as text of its own making, which it reads again for every insert.
pub async fn keeps_defaults(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    let texts = [
        "plain",
        "it's",
        "\"double\" `back`",
        "C:\\new\\table",
        "line\nand\ttab",
        "\\",
        "'",
        "''\\'",
        "0' + 0*CHAR_LENGTH('\\\\') + 1 + '0",
        "x'), b TEXT DEFAULT ('y",
        "_utf8mb4'z'",
        "ä€😀",
        "%s",
    ];
    for (at, text) in texts.into_iter().enumerate() {
        let json = serde_json::to_string(text).expect("JSON");
        let column = |name: &str, data_type, default: Option<Value>| NewColumn {
            name: name.to_owned(),
            data_type,
            not_null: false,
            default: default.map(DefaultValue::Literal),
            identity: false,
        };
        let change = SchemaChange::CreateTable(NewTable {
            columns: vec![
                column("id", DataType::Int64, None),
                column("t", DataType::Text, Some(text.into())),
                column("v", DataType::Varchar(99), Some(text.into())),
                column("j", DataType::Json, Some(Value::Json(json.clone()))),
                column("b", DataType::Bytes, Some(Value::Bytes(text.as_bytes().to_vec()))),
            ],
            table: TableName::new(format!("t{at}")),
            primary_key: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        });
        let dialect = database.facts().dialect;
        run(database, &change.statement(dialect).expect(text)).await;
        // Another session reads the definition again.
        let mut other = factory.open().await;
        for id in [1, 2] {
            run(other.as_mut(), &format!("INSERT INTO t{at} (id) VALUES ({id})")).await;
        }
        let found = rows(other.as_mut(), &format!("SELECT t, v, j, b FROM t{at}")).await;
        assert_eq!(found.len(), 2);
        for row in found {
            assert_eq!(row[..2], [Value::from(text), Value::from(text)], "{text}");
            let (Value::Json(kept) | Value::Text(kept)) = &row[2] else { panic!("{:?}", row[2]) };
            assert_eq!(serde_json::from_str::<String>(kept).ok().as_deref(), Some(text));
            assert_eq!(row[3], Value::Bytes(text.as_bytes().to_vec()));
        }
    }
}
