//! What a comparison sees: every statement here changes something, and what takes it back leaves no difference.

use std::path::Path;

use runner_tests::servers::{self, TestDatabase};

use super::{Difference, Dump, Ignore, take};
use runner_database::{ConnectOptions, Database, DatabaseUrl};
use runner_drivers::connect;
use runner_schema::{Kind, ObjectId};

/// An object as failures name it, a statement that changes it, and one that takes that back.
type Change = [&'static str; 3];

async fn connected(url: &str) -> Box<dyn Database> {
    let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
    let options = ConnectOptions { create: true, ..ConnectOptions::default() };
    connect(&url, &options).await.expect("a connection")
}

async fn dump(database: &TestDatabase) -> Dump {
    take(&mut *connected(&database.url()).await, &Ignore::default()).await.expect("a dump")
}

async fn each_change_is_seen(database: &TestDatabase, changes: &[Change]) {
    let before = dump(database).await;
    for [object, up, down] in changes {
        database.sql(up);
        let found = dump(database).await.differences(&before, &Ignore::default());
        let says = |it: &Difference| it.message.starts_with(&format!("`{object}` "));
        assert!(found.iter().any(says), "{up}: {found:?}");
        database.sql(down);
        let found = dump(database).await.differences(&before, &Ignore::default());
        assert_eq!(found, [], "{down}");
    }
}

#[tokio::test]
async fn postgres_privileges_are_compared_by_what_they_allow() {
    let database = servers::postgres().database();
    database.sql(
        "CREATE TABLE users (id int PRIMARY KEY, name text); CREATE SEQUENCE numbers; CREATE SCHEMA more; \
         CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b int)",
    );
    let changes: [Change; 9] = [
        ["table users", "GRANT SELECT ON users TO PUBLIC", "REVOKE SELECT ON users FROM PUBLIC"],
        // The entries come back in another order.
        [
            "table users",
            "GRANT SELECT ON users TO pg_monitor; GRANT SELECT ON users TO PUBLIC; REVOKE ALL ON users FROM CURRENT_USER",
            "REVOKE SELECT ON users FROM PUBLIC, pg_monitor; GRANT ALL ON users TO CURRENT_USER",
        ],
        ["column users.name", "GRANT SELECT (name) ON users TO PUBLIC", "REVOKE SELECT (name) ON users FROM PUBLIC"],
        [
            "sequence numbers",
            "GRANT USAGE ON SEQUENCE numbers TO PUBLIC",
            "REVOKE USAGE ON SEQUENCE numbers FROM PUBLIC",
        ],
        ["schema more", "GRANT USAGE ON SCHEMA more TO PUBLIC", "REVOKE USAGE ON SCHEMA more FROM PUBLIC"],
        ["function one()", "REVOKE EXECUTE ON FUNCTION one() FROM PUBLIC", "GRANT EXECUTE ON FUNCTION one() TO PUBLIC"],
        ["type mood", "REVOKE USAGE ON TYPE mood FROM PUBLIC", "GRANT USAGE ON TYPE mood TO PUBLIC"],
        ["type pair", "REVOKE USAGE ON TYPE pair FROM PUBLIC", "GRANT USAGE ON TYPE pair TO PUBLIC"],
        ["table users", "ALTER TABLE users OWNER TO pg_monitor", "ALTER TABLE users OWNER TO CURRENT_USER"],
    ];
    each_change_is_seen(&database, &changes).await;
    // A role may be given what does not exist yet.
    database.sql("ALTER DEFAULT PRIVILEGES IN SCHEMA more GRANT SELECT ON TABLES TO PUBLIC");
    let granted = dump(&database).await;
    assert!(granted.schema.objects.keys().any(|id| id.kind == Kind::DefaultPrivileges), "{granted:?}");
    database.sql("COMMENT ON TABLE users IS 'who'");
    let users = dump(&database).await.schema.objects[&ObjectId::new(Kind::Table, ["public", "users"])].line();
    assert!(users.starts_with("comment who, owner ") && users.contains("privileges ("), "{users}");
}

#[tokio::test]
async fn postgres_objects_of_every_kind_are_compared() {
    let database = servers::postgres().database();
    database.sql(
        "CREATE TABLE users (id int CONSTRAINT users_key PRIMARY KEY, name text); CREATE INDEX users_name ON users (name); \
         CREATE TABLE parents (id int); CREATE TABLE children (id int); CREATE SEQUENCE numbers; CREATE SCHEMA more; \
         CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE mood AS ENUM ('sad', 'happy'); \
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
         CREATE TRIGGER kept BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION keep(); \
         CREATE RULE still AS ON DELETE TO users DO INSTEAD NOTHING; CREATE POLICY own ON users USING (true); \
         CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0'); \
         CREATE FUNCTION apart(int, int) RETURNS float8 IMMUTABLE LANGUAGE sql AS 'SELECT 1.0::float8'; \
         CREATE TYPE span AS RANGE (SUBTYPE = int); CREATE STATISTICS both_columns ON id, name FROM users",
    );
    let changes: [Change; 23] = [
        ["table users", "ALTER TABLE users FORCE ROW LEVEL SECURITY", "ALTER TABLE users NO FORCE ROW LEVEL SECURITY"],
        ["table users", "ALTER TABLE users REPLICA IDENTITY FULL", "ALTER TABLE users REPLICA IDENTITY DEFAULT"],
        ["table children", "ALTER TABLE children INHERIT parents", "ALTER TABLE children NO INHERIT parents"],
        [
            "column users.name",
            "ALTER TABLE users ALTER name SET STATISTICS 500",
            "ALTER TABLE users ALTER name SET STATISTICS -1",
        ],
        [
            "column users.name",
            "ALTER TABLE users ALTER name SET STORAGE EXTERNAL",
            "ALTER TABLE users ALTER name SET STORAGE EXTENDED",
        ],
        [
            "column users.name",
            "ALTER TABLE users ALTER name SET (n_distinct = 5)",
            "ALTER TABLE users ALTER name RESET (n_distinct)",
        ],
        ["rule users.still", "ALTER TABLE users DISABLE RULE still", "ALTER TABLE users ENABLE RULE still"],
        ["sequence numbers", "ALTER SEQUENCE numbers CACHE 7", "ALTER SEQUENCE numbers CACHE 1"],
        ["sequence numbers", "ALTER SEQUENCE numbers OWNED BY users.id", "ALTER SEQUENCE numbers OWNED BY NONE"],
        [
            "function total(integer)",
            "DROP AGGREGATE total (int); CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '7')",
            "DROP AGGREGATE total (int); CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')",
        ],
        [
            "type span",
            "DROP TYPE span; CREATE TYPE span AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = apart)",
            "DROP TYPE span; CREATE TYPE span AS RANGE (SUBTYPE = int)",
        ],
        [
            "statistics more_of_both",
            "CREATE STATISTICS more_of_both ON id, name FROM users",
            "DROP STATISTICS more_of_both",
        ],
        [
            "statistics both_columns",
            "ALTER STATISTICS both_columns SET STATISTICS 50",
            "ALTER STATISTICS both_columns SET STATISTICS -1",
        ],
        [
            "event trigger watching",
            "CREATE EVENT TRIGGER watching ON ddl_command_start EXECUTE FUNCTION watch()",
            "DROP EVENT TRIGGER watching",
        ],
        ["collation plain", "CREATE COLLATION plain (LOCALE = 'C')", "DROP COLLATION plain"],
        ["schema more", "COMMENT ON SCHEMA more IS 'new'", "COMMENT ON SCHEMA more IS NULL"],
        ["function one()", "COMMENT ON FUNCTION one() IS 'new'", "COMMENT ON FUNCTION one() IS NULL"],
        ["type mood", "COMMENT ON TYPE mood IS 'new'", "COMMENT ON TYPE mood IS NULL"],
        ["index users_name", "COMMENT ON INDEX users_name IS 'new'", "COMMENT ON INDEX users_name IS NULL"],
        [
            "constraint users.users_key",
            "COMMENT ON CONSTRAINT users_key ON users IS 'new'",
            "COMMENT ON CONSTRAINT users_key ON users IS NULL",
        ],
        ["trigger users.kept", "COMMENT ON TRIGGER kept ON users IS 'new'", "COMMENT ON TRIGGER kept ON users IS NULL"],
        ["policy users.own", "COMMENT ON POLICY own ON users IS 'new'", "COMMENT ON POLICY own ON users IS NULL"],
        ["rule users.still", "COMMENT ON RULE still ON users IS 'new'", "COMMENT ON RULE still ON users IS NULL"],
    ];
    each_change_is_seen(&database, &changes).await;
}

#[tokio::test]
async fn mariadb_objects_of_every_kind_are_compared() {
    let server = servers::mariadb();
    let database = server.database();
    database.sql(
        "CREATE TABLE users (id INT PRIMARY KEY); CREATE PROCEDURE none() COMMENT 'old' SELECT 1; \
         CREATE EVENT sweep ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM users",
    );
    let mut changes: Vec<Change> = vec![
        ["event sweep", "ALTER EVENT sweep ON COMPLETION PRESERVE", "ALTER EVENT sweep ON COMPLETION NOT PRESERVE"],
        ["event sweep", "ALTER EVENT sweep COMMENT 'new'", "ALTER EVENT sweep COMMENT ''"],
        ["procedure none", "ALTER PROCEDURE none COMMENT 'new'", "ALTER PROCEDURE none COMMENT 'old'"],
    ];
    if !server.kind().is_mysql() {
        database.sql("CREATE SEQUENCE numbers INCREMENT BY 1 CACHE 1000");
        changes.extend([
            ["sequence numbers", "ALTER SEQUENCE numbers INCREMENT BY 10", "ALTER SEQUENCE numbers INCREMENT BY 1"],
            ["sequence numbers", "ALTER SEQUENCE numbers CYCLE", "ALTER SEQUENCE numbers NOCYCLE"],
        ]);
        // The number of the next row does not count, and neither does that of a sequence.
        let before = dump(&database).await;
        database.sql("SELECT NEXTVAL(numbers)");
        assert_eq!(dump(&database).await.differences(&before, &Ignore::default()), []);
    }
    each_change_is_seen(&database, &changes).await;
}

#[tokio::test]
async fn mariadb_cells_of_every_type_are_compared() {
    let database = servers::mariadb().database();
    database.sql(
        "CREATE TABLE cells (id INT PRIMARY KEY, f FLOAT, places GEOMETRYCOLLECTION); \
         INSERT INTO cells VALUES (1, 0.1, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), POINT(200 200))'))",
    );
    let before = dump(&database).await;
    for (column, change) in [
        // Six digits, which are all that FLOAT shows as text, are the same.
        ("f", "UPDATE cells SET f = 0.10000002"),
        ("places", "UPDATE cells SET places = ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), POINT(201 200))')"),
    ] {
        database.sql(change);
        let found = dump(&database).await.differences(&before, &Ignore::default());
        assert!(found[0].message.contains(&format!("`{column}`")), "{change}: {found:?}");
    }
    // Vectors are bytes where there are any.
    if database.client().try_sql("SELECT VEC_FromText('[1, 2]')").is_ok()
        || database.client().try_sql("SELECT TO_VECTOR('[1, 2]')").is_ok()
    {
        database.sql("CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(2)); INSERT INTO vectors VALUES (1, x'0000803F00000040')");
        let before = dump(&database).await;
        database.sql("UPDATE vectors SET v = x'0000803F00008041'");
        let found = dump(&database).await.differences(&before, &Ignore::default());
        assert_eq!(found[0].message, "the rows of `vectors` differ: `v` differs");
    }
}

#[tokio::test]
async fn a_text_with_a_nul_is_compared_to_its_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite:{}", directory.path().join("test.db").display());
    let mut database = connected(&url).await;
    for statement in ["CREATE TABLE t (s)", "INSERT INTO t VALUES ('a' || char(0) || 'b'), ('it''s'), (x'6100')"] {
        database.host().execute(statement, &[]).await.expect("SQL");
    }
    let before = take(&mut *database, &Ignore::default()).await.expect("a dump");
    for text in ["'a'", "'a' || char(0)", "'a' || char(0) || 'c'", "x'610062'"] {
        let change = format!("UPDATE t SET s = {text} WHERE rowid = 1");
        database.host().execute(&change, &[]).await.expect("SQL");
        let now = take(&mut *database, &Ignore::default()).await.expect("a dump");
        let found = now.differences(&before, &Ignore::default());
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].details[0], "expected: text 610062", "{text}");
    }
    database.host().execute("UPDATE t SET s = 'a' || char(0) || 'b' WHERE rowid = 1", &[]).await.expect("SQL");
    let now = take(&mut *database, &Ignore::default()).await.expect("a dump");
    assert_eq!(now.differences(&before, &Ignore::default()), []);
}

/// Where it shares a schema with the tables of the application, the history is no part of what is compared.
#[tokio::test]
async fn a_history_among_the_tables_of_the_application_is_not_seen() {
    let database = servers::postgres().database();
    database.sql("CREATE TABLE users (id int PRIMARY KEY)");
    let before = dump(&database).await;
    database.sql(
        "CREATE TABLE runner_history (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, revision text UNIQUE CHECK (revision <> ''), \
         at timestamptz DEFAULT now()); CREATE TABLE runner_meta (key text PRIMARY KEY, value text NOT NULL); \
         INSERT INTO runner_meta VALUES ('format', '4')",
    );
    let found = dump(&database).await.differences(&before, &Ignore::default());
    assert_eq!(found, []);
}
