//! Transactions that SQLite rolls back by itself: nothing that comes after it reaches the database, whatever way it takes.

use super::*;
use runner_database::{DatabaseErrorKind, SchemaChange, UnitOfWork};

const FIELD: &[&str] = &[
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT ROLLBACK)",
    "INSERT INTO people VALUES (1, 'ada'), (2, 'grace')",
    "CREATE TABLE plain (id INTEGER PRIMARY KEY, u INTEGER UNIQUE)",
    "INSERT INTO plain VALUES (1, 1)",
    "CREATE TABLE trapped (id INTEGER PRIMARY KEY)",
    "CREATE TRIGGER trap BEFORE INSERT ON trapped BEGIN SELECT RAISE(ROLLBACK, 'not here'); END",
    "CREATE TABLE outbox_old (v TEXT)",
    "CREATE INDEX by_v ON outbox_old (v)",
    "CREATE TABLE big (b BLOB)",
    "CREATE VIEW shown AS SELECT id FROM people",
];

const GRANTS: &[&str] = &[
    "read people",
    "insert people",
    "update people",
    "read plain",
    "insert plain",
    "insert trapped",
    "insert big",
    "alter people",
    "create outbox*",
    "drop outbox*",
    "alter outbox*",
    "insert outbox*",
    "read outbox*",
    "read trapped",
];

/// Statements after which SQLite has rolled back.
const LOSING: &[&str] = &[
    "INSERT OR ROLLBACK INTO plain VALUES (1, 2)",
    "INSERT INTO people VALUES (3, 'ada')",
    "INSERT INTO trapped VALUES (1)",
    "UPDATE OR ROLLBACK people SET id = 1 WHERE id = 2",
    // The file may not grow as much.
    "INSERT INTO big VALUES (zeroblob(8000000))",
];

/// Statements that would commit by themselves.
const LATER: &[&str] = &[
    "DROP TABLE outbox_old",
    "CREATE TABLE outbox_new (v TEXT)",
    "CREATE TABLE outbox_copy AS SELECT * FROM people",
    "CREATE INDEX outbox_ix ON outbox_old (v)",
    "DROP INDEX by_v",
    "ALTER TABLE people ADD COLUMN late TEXT",
    "ALTER TABLE people DROP COLUMN name",
    "CREATE VIEW outbox_view AS SELECT 1",
    "INSERT INTO people VALUES (9, 'kay')",
    "/* */ DROP TABLE outbox_old",
];

fn dump(directory: &Path) -> Vec<String> {
    let file = rusqlite::Connection::open(directory.join("app.db")).expect("the file");
    let mut found = Vec::new();
    let mut read = |question: &str| {
        let mut statement = file.prepare(question).expect(question);
        let width = statement.column_count();
        let mut rows = statement.query([]).expect(question);
        while let Some(row) = rows.next().expect(question) {
            found.push((0..width).map(|at| format!("{:?} ", row.get_ref(at).expect("a cell"))).collect::<String>());
        }
    };
    for question in [
        "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2",
        "SELECT * FROM people ORDER BY 1",
        "SELECT * FROM plain ORDER BY 1",
        "SELECT * FROM trapped",
        "SELECT * FROM outbox_old",
    ] {
        read(question);
    }
    found
}

async fn filled(directory: &Path) -> Box<dyn Database> {
    let mut database = open_at(directory).await;
    for statement in FIELD.iter().copied().chain(["PRAGMA max_page_count = 500"]) {
        run(database.as_mut(), statement).await;
    }
    database
}

fn grants() -> Arc<Grants> {
    let tables = GRANTS.iter().map(|line| line.parse().expect(line)).collect();
    Arc::new(Grants { tables, raw_sql: true, ..Grants::default() })
}

fn is_lost(error: &DatabaseError) -> bool {
    error.code == "SQLITE_ABORT_ROLLBACK (516)" && error.hint.is_some()
}

#[tokio::test]
async fn nothing_reaches_the_database_after_sqlite_has_rolled_back() {
    let directory = directory();
    let mut database = filled(directory.path()).await;
    let database = database.as_mut();
    let before = dump(directory.path());
    for (losing, granted, role) in LOSING.iter().flat_map(|losing| {
        [(losing, false, Role::SqlScript), (losing, false, Role::Component), (losing, true, Role::Component)]
    }) {
        database.set_grants(granted.then(grants)).expect("grants");
        database.begin(TransactionOptions::default()).await.expect("begun");
        database.set_role(role);
        run(database, "INSERT INTO people VALUES (5, 'joan')").await;
        let request = CursorRequest { statement: "SELECT id FROM people".to_owned(), ..CursorRequest::default() };
        let cursor = database.open_cursor(&request).await.expect("a cursor");
        let target = TableTarget { table: TableName::new("plain"), mode: WriteMode::Insert, key: Vec::new() };
        let writer = database.open_writer(&target).await.expect("a writer");
        let first = database.execute(losing, &[]).await.expect_err(losing);
        assert!(!is_lost(&first), "{losing}: {first}");
        for later in LATER {
            let error = database.execute(later, &[]).await.expect_err(later);
            assert!(is_lost(&error), "{losing}, {role:?}: {later}: {error:?}");
            assert!(is_lost(&database.query(later, &[], QueryLimits::NONE).await.expect_err(later)), "{later}");
        }
        let rows = batch(1, vec![integers("id", &[7]), integers("u", &[7])]);
        let hint = WriteHint::default();
        for error in [
            database.query("SELECT 1", &[], QueryLimits::NONE).await.map(drop),
            database.open_cursor(&request).await.map(drop),
            database.fetch(cursor, BatchLimits::default()).await.map(drop),
            database.write(writer, &rows, hint).await.map(drop),
            database.open_writer(&target).await.map(drop),
            database.table(&TableName::new("people")).await.map(drop),
            database.read_page(&page("people", &["id"])).await.map(drop),
        ] {
            let error = error.expect_err("refused");
            assert!(is_lost(&error), "{losing}: {error:?}");
        }
        for change in [
            SchemaChange::DropTable(TableName::new("outbox_old")),
            SchemaChange::DropColumn { table: TableName::new("people"), column: "name".to_owned() },
            SchemaChange::DropIndex { table: TableName::new("outbox_old"), index: "by_v".to_owned() },
        ] {
            let error = database.component(&StopSignal::never()).change_schema(&change).await.expect_err("refused");
            assert!(is_lost(&error), "{losing}: {error:?}");
        }
        database.set_role(Role::Host);
        for error in [
            database.in_transaction().await.map(drop),
            database.check(runner_database::Check::Constraints).await,
            database.drop_temporary().await,
            database.execute("INSERT INTO people VALUES (8, 'host')", &[]).await.map(drop),
            database.commit(UnitOfWork::Migration(&[])).await.result(),
        ] {
            assert!(is_lost(&error.expect_err("refused")), "{losing}");
        }
        assert_eq!(dump(directory.path()), before, "{losing}, {role:?}, grants: {granted}");
        database.rollback().await.expect("proven");
        database.set_grants(None).expect("none");
        assert_eq!(dump(directory.path()), before, "{losing}, {role:?}, grants: {granted}");
    }
    // Then it is as before.
    database.begin(TransactionOptions::default()).await.expect("begun");
    run(database, "INSERT INTO people VALUES (3, 'joan')").await;
    database.commit_or_roll_back().await.expect("committed");
    assert_ne!(dump(directory.path()), before);
}

/// A definition under grants, which is surrounded by a savepoint, has no transaction of its own.
#[tokio::test]
async fn a_definition_under_grants_needs_the_hosts_transaction() {
    let directory = directory();
    let mut database = filled(directory.path()).await;
    let database = database.as_mut();
    let before = dump(directory.path());
    database.set_grants(Some(grants())).expect("grants");
    database.set_role(Role::Component);
    let error = database.execute("DROP TABLE outbox_old", &[]).await.expect_err("no transaction");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
    database.set_role(Role::Host);
    assert_eq!(dump(directory.path()), before);
}
