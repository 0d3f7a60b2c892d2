//! Definitions that mean the same, and that do not; SQLite itself is asked as well.

use rusqlite::Connection;

use super::*;

/// The rows of the schema after some statements.
fn rows(script: &str) -> Vec<(String, SchemaRow)> {
    let connection = Connection::open_in_memory().expect("a database");
    connection.execute_batch(script).unwrap_or_else(|error| panic!("{script}: {error}"));
    let query = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, lower(name)";
    let mut statement = connection.prepare(query).expect("a query");
    let found = statement.query_map([], |row| {
        let label = format!("{} {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?);
        Ok((label, SchemaRow { kind: row.get(0)?, table: row.get(2)?, sql: row.get(3)? }))
    });
    found.expect("rows").map(|row| row.expect("a row")).collect()
}

fn meaning(script: &str) -> Vec<(String, Definition)> {
    let (labels, rows): (Vec<_>, Vec<_>) = rows(script).into_iter().unzip();
    labels.into_iter().zip(definitions(&rows).into_iter().map(sorted)).collect()
}

/// The columns of a table, in whatever order.
fn sorted(definition: Definition) -> Definition {
    match definition {
        Definition::Table(mut table) => {
            table.columns.sort();
            Definition::Table(table)
        }
        text => text,
    }
}

/// What SQLite's own catalogue says of table `t`: columns by name, indexes and foreign keys.
fn catalogue(script: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().expect("a database");
    connection.execute_batch(script).expect("a schema");
    let mut lines = Vec::new();
    for query in [
        "SELECT name, lower(type), coalesce(dflt_value, ''), pk, hidden FROM pragma_table_xinfo('t') ORDER BY name",
        "SELECT l.origin, l.\"unique\", l.partial, group_concat(lower(coalesce(i.name, '?')) || i.desc || lower(i.coll)) \
         FROM pragma_index_list('t') AS l, pragma_index_xinfo(l.name) AS i WHERE i.key GROUP BY l.name ORDER BY 4",
        "SELECT lower(\"table\"), lower(\"from\"), lower(coalesce(\"to\", 'id')), on_update, on_delete \
         FROM pragma_foreign_key_list('t') ORDER BY 1, 2",
        "SELECT wr, strict FROM pragma_table_list WHERE name = 't'",
    ] {
        let mut statement = connection.prepare(query).expect("a query");
        let columns = statement.column_count();
        let mut found = statement.query([]).expect("rows");
        while let Some(row) = found.next().expect("a row") {
            let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).expect("a cell")));
            lines.push(cells.collect::<Vec<_>>().join(" "));
        }
    }
    lines
}

#[test]
fn spellings_of_one_table_are_equal() {
    for (left, right) in [
        (
            "CREATE TABLE t (a INT, b TEXT DEFAULT 'A, B')",
            "create table \"t\"(b text DEFAULT 'A, B', -- why\n [A] int)",
        ),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL)", "CREATE TABLE t (id INTEGER, PRIMARY KEY (id ASC))"),
        ("CREATE TABLE t (a TEXT NOT NULL UNIQUE)", "CREATE TABLE t (a TEXT UNIQUE NOT NULL ON CONFLICT ABORT)"),
        ("CREATE TABLE t (a TEXT, UNIQUE (a))", "CREATE TABLE t (a TEXT UNIQUE)"),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INT REFERENCES p ON DELETE CASCADE)",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INT, FOREIGN KEY (\"p\") REFERENCES \"P\" (id) \
             ON UPDATE NO ACTION ON DELETE CASCADE NOT DEFERRABLE)",
        ),
        ("CREATE TABLE t (a INT CHECK (a IN (1, 2)))", "CREATE TABLE t (a INT, CHECK ((`a` in(1,2))))"),
        ("CREATE TABLE t (a TEXT DEFAULT \"Ab\")", "CREATE TABLE t (a TEXT DEFAULT ('Ab'))"),
        ("CREATE TABLE t (a DEFAULT NULL, b DEFAULT (-1))", "CREATE TABLE t (a, b DEFAULT -1)"),
        ("CREATE TABLE t (a, b AS (a + 1.50e-3))", "CREATE TABLE t (a, b GENERATED ALWAYS AS (\"a\"+1.50E-3) VIRTUAL)"),
        (
            "CREATE TABLE t (a INT PRIMARY KEY) STRICT, WITHOUT ROWID",
            "CREATE TABLE t(a INT PRIMARY KEY) without rowid,strict",
        ),
        (
            "CREATE TABLE t (a VARCHAR (50), x BLOB DEFAULT x'AB')",
            "CREATE TABLE t (a varchar( 50 ), x blob DEFAULT X'ab')",
        ),
        ("CREATE TABLE t (a COLLATE BINARY, UNIQUE (a COLLATE binary))", "CREATE TABLE t (a UNIQUE)"),
        ("CREATE TABLE t (a COLLATE NOCASE UNIQUE)", "CREATE TABLE t (a COLLATE nocase, UNIQUE (a COLLATE nocase))"),
        ("CREATE TABLE t (a, b, PRIMARY KEY (a) UNIQUE (b))", "CREATE TABLE t (b UNIQUE, a PRIMARY KEY)"),
        ("CREATE TABLE t (a, CHECK (a <> \"x\"))", "CREATE TABLE t (a, CHECK (\"a\" <> 'x'))"),
    ] {
        assert_eq!(meaning(left), meaning(right), "{left}");
        if !left.contains("DEFAULT") {
            assert_eq!(catalogue(left), catalogue(right), "{left}");
        }
    }
}

#[test]
fn other_tables_differ() {
    for (left, right) in [
        ("a INT", "a TEXT"),
        ("a INT", "a INTEGER"),
        ("a INT", "a INT NOT NULL"),
        ("a INT NOT NULL", "a INT NOT NULL ON CONFLICT IGNORE"),
        ("a INT DEFAULT 'A'", "a INT DEFAULT 'a'"),
        ("a INT DEFAULT \"A\"", "a INT DEFAULT \"a\""),
        ("a INT DEFAULT 1", "a INT DEFAULT -1"),
        ("a INT DEFAULT (a'') ", "a INT"),
        ("a TEXT", "a TEXT COLLATE NOCASE"),
        ("a, b, PRIMARY KEY (a, b)", "a, b, PRIMARY KEY (b, a)"),
        ("a, b, UNIQUE (a, b)", "a, b, UNIQUE (a), UNIQUE (b)"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY DESC"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("a TEXT PRIMARY KEY", "a TEXT PRIMARY KEY NOT NULL"),
        ("a, UNIQUE (a)", "a, UNIQUE (a DESC)"),
        ("a, UNIQUE (a)", "a, UNIQUE (a COLLATE NOCASE)"),
        ("a, b, CHECK (a > b)", "a, b, CHECK (a >= b)"),
        ("a, CHECK (a <> \"X\")", "a, CHECK (a <> \"x\")"),
        ("a, CONSTRAINT n CHECK (a)", "a, CONSTRAINT m CHECK (a)"),
        ("a REFERENCES p", "a REFERENCES q"),
        ("a REFERENCES p (x)", "a REFERENCES p (y)"),
        ("a REFERENCES p ON DELETE CASCADE", "a REFERENCES p ON UPDATE CASCADE"),
        ("a REFERENCES p", "a REFERENCES p DEFERRABLE INITIALLY DEFERRED"),
        ("a, b AS (a)", "a, b AS (a) STORED"),
        ("a, b AS (a)", "a, b"),
        ("\"a b\" INT", "ab INT"),
        ("a INT", "a INT, b"),
    ] {
        let table = |inside: &str| SchemaRow {
            kind: "table".to_owned(),
            table: "t".to_owned(),
            sql: format!("CREATE TABLE t ({inside})"),
        };
        assert_ne!(definitions(&[table(left)]), definitions(&[table(right)]), "{left}");
    }
    assert_ne!(meaning("CREATE TABLE t (a INT)"), meaning("CREATE TABLE t (a INT) STRICT"));
    assert_ne!(meaning("CREATE TABLE t (a PRIMARY KEY)"), meaning("CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID"));
    let odd = SchemaRow { kind: "table".to_owned(), sql: "never 'ends".to_owned(), ..SchemaRow::default() };
    assert_eq!(definitions(&[odd]), [Definition::Text("never 'ends".to_owned())]);
}

const SCHEMA: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'Max', age INT CHECK (age > 0), total AS (age * 2));
    CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INT REFERENCES users ON DELETE CASCADE, note TEXT);
    CREATE UNIQUE INDEX users_name ON users (name COLLATE NOCASE, age DESC) WHERE age IS NOT NULL;
    CREATE INDEX users_lower ON users (lower(name));
    CREATE VIEW adults AS SELECT u.name AS \"Name\", count(*) FROM users u JOIN orders ON user_id = u.id WHERE age > 17;
    CREATE TRIGGER t AFTER UPDATE OF age ON users FOR EACH ROW WHEN new.age > 5 BEGIN
        UPDATE orders SET note = 'it''s' WHERE user_id = new.id; END;
    ";

#[test]
fn what_sqlite_writes_itself_on_the_way_back_is_equal() {
    let before = meaning(SCHEMA);
    for round_trip in [
        "ALTER TABLE users RENAME TO people; ALTER TABLE people RENAME TO users;",
        "ALTER TABLE users RENAME TO \"two words\"; ALTER TABLE \"two words\" RENAME TO users;",
        "ALTER TABLE users RENAME age TO years; ALTER TABLE users RENAME years TO age;",
        "ALTER TABLE users RENAME age TO \"how old\"; ALTER TABLE users RENAME \"how old\" TO age;",
        "ALTER TABLE users ADD phone TEXT; ALTER TABLE users DROP phone;",
        "ALTER TABLE orders DROP note; DROP TRIGGER t; ALTER TABLE orders ADD COLUMN note TEXT;
         CREATE TRIGGER t AFTER UPDATE OF age ON users WHEN new.age > 5 BEGIN
         UPDATE \"orders\" SET [note] = 'it''s' WHERE user_id=new.id; END;",
        "DROP INDEX users_name; CREATE UNIQUE INDEX IF NOT EXISTS \"users_name\" ON users(\"name\" COLLATE nocase ASC, `age` DESC)
         WHERE (age IS NOT NULL);",
        "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; DROP VIEW adults; DROP TRIGGER t;
         CREATE TABLE _new (id INTEGER NOT NULL PRIMARY KEY, age INT, total GENERATED ALWAYS AS (\"age\" * 2) VIRTUAL,
             \"name\" TEXT DEFAULT ('Max') NOT NULL, CHECK (\"age\" > 0));
         DROP TABLE users; ALTER TABLE _new RENAME TO users;
         CREATE INDEX users_lower ON users (LOWER(\"name\"));
         CREATE UNIQUE INDEX users_name ON users (name COLLATE NOCASE, age DESC) WHERE age IS NOT NULL;
         CREATE VIEW adults AS SELECT u.name AS \"Name\", count(*) FROM \"users\" u JOIN orders ON user_id = u.id WHERE age > 17;
         CREATE TRIGGER t AFTER UPDATE OF age ON users FOR EACH ROW WHEN new.age > 5 BEGIN
             UPDATE orders SET note = 'it''s' WHERE user_id = new.id; END;",
    ] {
        assert_eq!(meaning(&format!("{SCHEMA}{round_trip}")), before, "{round_trip}");
    }
}

#[test]
fn other_indexes_views_and_triggers_differ() {
    let table = "CREATE TABLE t (a, b); ";
    for (left, right) in [
        ("CREATE INDEX i ON t (a, b)", "CREATE INDEX i ON t (b, a)"),
        ("CREATE INDEX i ON t (a)", "CREATE UNIQUE INDEX i ON t (a)"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a DESC)"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a) WHERE b"),
        ("CREATE INDEX i ON t (a) WHERE b = 'X'", "CREATE INDEX i ON t (a) WHERE b = 'x'"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a COLLATE NOCASE)"),
        ("CREATE INDEX i ON t (a + 1)", "CREATE INDEX i ON t (a + 11)"),
        ("CREATE VIEW v AS SELECT a, b FROM t", "CREATE VIEW v AS SELECT b, a FROM t"),
        ("CREATE VIEW v AS SELECT 'A' FROM t", "CREATE VIEW v AS SELECT 'a' FROM t"),
        ("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END"),
        (
            "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TRIGGER r AFTER INSERT ON t WHEN new.a BEGIN SELECT 1; END",
        ),
    ] {
        assert_ne!(meaning(&format!("{table}{left}")), meaning(&format!("{table}{right}")), "{left}");
    }
    let [implicit, explicit] = ["INSERT", "BEFORE INSERT"].map(|event| {
        meaning(&format!("{table}CREATE TRIGGER \"r\" {event} ON \"t\" FOR EACH ROW BEGIN SELECT 1; END"))
    });
    assert_eq!(implicit, explicit);
}

#[test]
fn operators_are_written_as_they_are_read() {
    let conditions = "n >= 0 AND n<=7 AND n <> -1 AND n!=- 2 AND n == +3 AND m || 'x' <> '' AND n << 1 > n>>1 AND m ->> 'a' > m->'b'";
    let Definition::Table(table) = &meaning(&format!("CREATE TABLE t (n INTEGER, m TEXT, CHECK ({conditions}))"))[0].1
    else {
        panic!("a table")
    };
    let written = "n >= 0 and n <= 7 and n <> - 1 and n != - 2 and n == + 3 and m || 'x' <> '' and n << 1 > n >> 1 and m ->> 'a' > m -> 'b'";
    assert_eq!(table.constraints, [(None, format!("check ({written})"))]);
}
