//! Rebuilds on SQLite itself, defensive and with its usual traps.

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;

use super::connection::Connection;
use super::{TableRebuild, rebuild_table, steps};
use crate::bindings::migration::runner::migration::types::RowSet;
use crate::sql::Rows;
use crate::{Error, ErrorKind, Result, Value};

struct Sqlite(rusqlite::Connection);

impl Connection for Sqlite {
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64> {
        let mut prepared = self.0.prepare(statement)?;
        Ok(prepared.execute(rusqlite::params_from_iter(parameters.iter().map(to_sqlite)))? as u64)
    }

    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows> {
        let mut prepared = self.0.prepare(statement)?;
        let columns: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
        let mut found = prepared.query(rusqlite::params_from_iter(parameters.iter().map(to_sqlite)))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push((0..columns.len()).map(|at| Ok(from_sqlite(row.get_ref(at)?))).collect::<Result<_>>()?);
        }
        Ok(Rows::new(RowSet { columns, rows }))
    }
}

fn to_sqlite(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Int64(number) => (*number).into(),
        Value::Text(text) => text.clone().into(),
        other => unreachable!("a rebuild binds no {}", other.type_name()),
    }
}

fn from_sqlite(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int64(number),
        ValueRef::Real(number) => Value::Float64(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

impl Sqlite {
    fn new(script: &str) -> Self {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        db.execute_batch(script).unwrap();
        Self(db)
    }

    /// All rows of a query, its cells parted by `|`.
    fn rows(&self, query: &str) -> Vec<String> {
        let show = |value: &Value| match value {
            Value::Null => "null".to_owned(),
            Value::Int64(number) => number.to_string(),
            Value::Float64(number) => format!("{number:?}"),
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        let rows = self.query(query, &[]).unwrap();
        rows.iter().map(|row| row.values().iter().map(show).collect::<Vec<_>>().join("|")).collect()
    }

    /// Rebuilds in a transaction, as the host has it, and checks what the host checks.
    fn rebuild(&self, rebuild: &TableRebuild) -> Result<()> {
        self.0.execute_batch("BEGIN").unwrap();
        let answer = steps::run(rebuild, self);
        assert_eq!(self.rows("PRAGMA foreign_key_check"), [""; 0]);
        self.0.execute_batch(if answer.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
        assert_eq!(self.rows("PRAGMA integrity_check"), ["ok"]);
        answer
    }

    fn refusal(&self, rebuild: &TableRebuild) -> Error {
        let before = self.rows("SELECT type, name, sql FROM sqlite_schema");
        let error = self.rebuild(rebuild).unwrap_err();
        assert_eq!(self.rows("SELECT type, name, sql FROM sqlite_schema"), before);
        error
    }
}

const SHOP: &str = "
    CREATE TABLE Users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        email TEXT COLLATE NOCASE, -- may be missing, for now
        age REAL CHECK (users.age > 0),
        shout TEXT GENERATED ALWAYS AS (upper(email)) VIRTUAL,
        boss INTEGER REFERENCES users (id) ON DELETE CASCADE
    );
    CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE);
    CREATE TABLE log (line TEXT);
    CREATE UNIQUE INDEX users_email ON users (email) WHERE age > 18;
    CREATE VIEW adults AS SELECT id, email FROM users WHERE age > 18;
    CREATE VIEW older AS SELECT id FROM adults;
    CREATE TRIGGER users_log AFTER UPDATE OF email ON users BEGIN INSERT INTO log VALUES (new.email); END;
    CREATE TRIGGER adults_insert INSTEAD OF INSERT ON adults BEGIN INSERT INTO users (email, age) VALUES (new.email, 19); END;
    CREATE TRIGGER orders_log AFTER DELETE ON orders BEGIN UPDATE users SET age = age + 1 WHERE id = old.user_id; END;
    INSERT INTO users (id, email, age, boss) VALUES (1, 'ada@x', 36, NULL), (5, NULL, 20, 1), (90, 'z@x', 3, 5);
    DELETE FROM users WHERE id = 90;
    INSERT INTO orders VALUES (1, 1), (2, 5), (3, 5);
";

fn tighten() -> TableRebuild {
    rebuild_table("users").set_not_null("email").fill("email", "coalesce(email, 'none')").set_type("age", "INTEGER")
}

#[test]
fn keeps_all_that_hangs_on_the_table() {
    let db = Sqlite::new(SHOP);
    let others = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT IN ('Users') ORDER BY name";
    let before = db.rows(others);
    db.rebuild(&tighten()).unwrap();
    assert_eq!(db.rows(others), before);
    assert_eq!(
        db.rows("SELECT sql FROM sqlite_schema WHERE name = 'Users'"),
        [
            "CREATE TABLE \"Users\" (\n  id INTEGER PRIMARY KEY AUTOINCREMENT,\n  email TEXT COLLATE NOCASE NOT NULL,\n  \
         age INTEGER CHECK (\"Users\".age > 0),\n  shout TEXT GENERATED ALWAYS AS (upper(email)) VIRTUAL,\n  \
         boss INTEGER REFERENCES users (id) ON DELETE CASCADE\n)"
        ]
    );
    assert_eq!(
        db.rows("SELECT id, email, age, typeof(age), shout, boss FROM users"),
        ["1|ada@x|36|integer|ADA@X|null", "5|none|20|integer|NONE|1"]
    );
    assert_eq!(db.rows("SELECT count(*) FROM orders"), ["3"]);
    assert_eq!(db.rows("SELECT * FROM older"), ["1", "5"]);
}

#[test]
fn what_hangs_on_the_table_still_works() {
    let db = Sqlite::new(SHOP);
    db.rebuild(&tighten()).unwrap();
    let script = "PRAGMA foreign_keys = ON; UPDATE users SET email = 'new' WHERE id = 5; INSERT INTO adults (email) VALUES ('b');
                  DELETE FROM orders WHERE id = 3; DELETE FROM users WHERE id = 1";
    db.0.execute_batch(script).unwrap();
    assert_eq!(db.rows("SELECT * FROM log"), ["new"]);
    // 90 was given before, so the next one is 91; the deletion took the boss's people and their orders along.
    assert_eq!(db.rows("SELECT id, email, age FROM users"), ["91|b|19"]);
    assert_eq!(db.rows("SELECT count(*) FROM orders"), ["0"]);
    assert!(db.0.execute_batch("INSERT INTO users (email, age) VALUES ('c', -1)").is_err());
    assert!(db.0.execute_batch("INSERT INTO users (email, age) VALUES ('B', 20)").is_err());
}

#[test]
fn refuses_where_enforced_foreign_keys_would_delete_rows() {
    let db = Sqlite::new(SHOP);
    db.0.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let error = db.refusal(&tighten());
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().starts_with("rebuilding table `users`: table `Users` refers to it"), "{error}");
    // Nothing refers to the orders.
    db.rebuild(&rebuild_table("orders").add_column("note TEXT")).unwrap();
}

#[test]
fn keeps_row_ids_that_no_column_shows() {
    let db = Sqlite::new("CREATE TABLE t (a, rowid TEXT); INSERT INTO t (_rowid_, a) VALUES (7, 'x'), (3, 'y')");
    db.rebuild(&rebuild_table("t").set_type("a", "TEXT")).unwrap();
    assert_eq!(db.rows("SELECT _rowid_, a FROM t"), ["3|y", "7|x"]);
    db.rebuild(&rebuild_table("t").definition("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").drop_column("rowid"))
        .unwrap();
    assert_eq!(db.rows("SELECT id, a FROM t"), ["3|y", "7|x"]);
}

#[test]
fn keeps_tables_strict_and_without_row_ids() {
    let db = Sqlite::new(
        "CREATE TABLE t (k TEXT, v INTEGER DEFAULT 3, PRIMARY KEY (k, v)) WITHOUT ROWID, STRICT; INSERT INTO t VALUES ('a', 1)",
    );
    db.rebuild(&rebuild_table("t").drop_default("v").add_column("w INTEGER NOT NULL DEFAULT 0")).unwrap();
    assert_eq!(db.rows("SELECT wr, strict FROM pragma_table_list('t')"), ["1|1"]);
    assert_eq!(db.rows("SELECT * FROM t"), ["a|1|0"]);
}

#[test]
fn renames_a_column_everywhere() {
    let db = Sqlite::new(SHOP);
    // SQLite renames what a view's trigger calls `new.email`, and then misses it.
    db.0.execute_batch("DROP TRIGGER adults_insert").unwrap();
    db.rebuild(
        &rebuild_table("users")
            .rename_column("email", "mail address")
            .set_not_null("mail address")
            .fill("mail address", "id"),
    )
    .unwrap();
    assert_eq!(db.rows("SELECT id, \"mail address\", shout FROM users"), ["1|1|1", "5|5|5"]);
    assert_eq!(db.rows("SELECT * FROM adults"), ["1|1", "5|5"]);
}

#[test]
fn refuses_to_drop_a_column_that_is_used() {
    let db = Sqlite::new(SHOP);
    let drop = |column: &str| db.refusal(&rebuild_table("users").drop_column(column)).message().to_owned();
    assert!(drop("email").contains("index `users_email` may use it"));
    assert!(drop("id").contains("table `Users` refers to it"));
    db.0.execute_batch("DROP INDEX users_email").unwrap();
    assert!(drop("email").contains("trigger `users_log` may use it"));
    db.0.execute_batch("DROP TRIGGER users_log").unwrap();
    assert!(drop("email").contains("it is used in `GENERATED ALWAYS AS (upper(email)) VIRTUAL`"));
    let both = rebuild_table("users").drop_column("shout").drop_column("email");
    assert!(db.refusal(&both).message().contains("view `adults` would no longer work"));
    db.0.execute_batch("DROP VIEW older; DROP VIEW adults").unwrap();
    db.rebuild(&both).unwrap();
    assert_eq!(db.rows("SELECT * FROM users"), ["1|36.0|null", "5|20.0|1"]);
}

#[test]
fn sees_names_that_would_turn_into_texts() {
    let db = Sqlite::new("CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a, \"b\" FROM t");
    let error = db.refusal(&rebuild_table("t").drop_column("b"));
    assert!(error.message().contains("view `v` may use it"), "{error}");
}

#[test]
fn loses_no_row_to_a_lenient_constraint() {
    let db = Sqlite::new("CREATE TABLE t (a); INSERT INTO t VALUES (1), (1)");
    let unique = "UNIQUE (a) ON CONFLICT IGNORE";
    assert!(db.refusal(&rebuild_table("t").add_constraint(unique)).message().contains("UNIQUE constraint failed"));
    db.0.execute_batch("UPDATE t SET a = rowid").unwrap();
    db.rebuild(&rebuild_table("t").add_constraint(unique)).unwrap();
    assert_eq!(db.rows("SELECT a FROM t"), ["1", "2"]);
}

#[test]
fn leaves_alone_what_was_broken_before() {
    let db = Sqlite::new("CREATE TABLE t (a); CREATE VIEW v AS SELECT missing FROM t; INSERT INTO t VALUES (1)");
    db.rebuild(&rebuild_table("t").set_not_null("a")).unwrap();
    assert_eq!(db.rows("SELECT name FROM sqlite_schema"), ["t", "v"]);
}

#[test]
fn takes_a_whole_definition() {
    let db = Sqlite::new(SHOP);
    let new = "create table if not exists main.users (id integer primary key autoincrement, email text, cents integer)";
    let lost = db.refusal(&rebuild_table("users").definition(new));
    assert!(lost.message().contains("column `age` would be lost"), "{lost}");
    let wrong = db.refusal(&rebuild_table("orders").definition(new));
    assert!(wrong.message().contains("the definition is for another table"), "{wrong}");
    let db =
        Sqlite::new("CREATE TABLE p (id INTEGER PRIMARY KEY, price REAL); INSERT INTO p VALUES (1, 1.15), (2, NULL)");
    let cents = rebuild_table("p")
        .definition("CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, cents INT) STRICT;")
        .fill("cents", "CAST(round(price * 100) AS INTEGER)")
        .drop_column("price");
    db.rebuild(&cents).unwrap();
    assert_eq!(db.rows("SELECT * FROM p"), ["1|115", "2|null"]);
}

#[test]
fn refuses_what_is_no_table() {
    let db = Sqlite::new(
        "CREATE VIEW v AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5 (a); CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
    );
    for name in ["v", "f", "f_data", "sqlite_sequence", "missing"] {
        assert_eq!(db.refusal(&rebuild_table(name)).kind(), ErrorKind::InvalidArgument, "{name}");
    }
}

#[test]
fn keeps_a_sequence_whose_rows_are_gone() {
    let db = Sqlite::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO t VALUES (41, 'x'); DELETE FROM t",
    );
    db.rebuild(&rebuild_table("t").set_type("a", "TEXT")).unwrap();
    db.0.execute_batch("INSERT INTO t (a) VALUES ('y')").unwrap();
    assert_eq!(db.rows("SELECT * FROM t"), ["42|y"]);
}
