use super::*;

#[test]
fn the_name_and_table_of_a_concurrent_index_are_found() {
    for (statement, found) in [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", Some(("i", "t"))),
        (
            "create unique index concurrently if not exists Idx on only \"S\" . \"T\" using btree (a)",
            Some(("idx", "\"S\".\"T\"")),
        ),
        ("CREATE INDEX CONCURRENTLY \"I\"\"x\" /* c */ ON public.t (a)", Some(("I\"x", "public.t"))),
        ("CREATE INDEX CONCURRENTLY Idx_Übung ON t (a)", Some(("idx_Übung", "t"))),
        ("CREATE INDEX CONCURRENTLY ON t (a)", None),
        ("CREATE INDEX i ON t (a)", None),
        ("DROP INDEX CONCURRENTLY i", None),
    ] {
        let index = concurrent_index(&Tokens::new(statement, Dialect::Postgres));
        assert_eq!(index.as_ref().map(|it| (it.name.as_str(), it.table.as_str())), found, "{statement}");
    }
    assert_eq!(concurrent_index(&Tokens::new("CREATE INDEX CONCURRENTLY i ON t (a)", Dialect::Sqlite)), None);
}

#[test]
fn what_is_rebuilt_concurrently_is_found() {
    for (statement, found) in [
        ("REINDEX INDEX CONCURRENTLY i", Some("i")),
        ("reindex (verbose, concurrently) table s . \"T\";", Some("s.\"T\"")),
        ("REINDEX (TABLESPACE x) TABLE CONCURRENTLY t", Some("t")),
        ("REINDEX (CONCURRENTLY on, TABLESPACE index) TABLE t", Some("t")),
        ("REINDEX /* all */ TABLE CONCURRENTLY \"INDEX\" -- of it", Some("\"INDEX\"")),
        ("REINDEX INDEX CONCURRENTLY \"a.b\".c", Some("\"a.b\".c")),
        ("REINDEX INDEX CONCURRENTLY index", Some("index")),
        ("REINDEX (CONCURRENTLY false) INDEX i", None),
        ("REINDEX DATABASE CONCURRENTLY index", None),
        ("REINDEX INDEX CONCURRENTLY U&\"i\"", None),
        ("REINDEX INDEX CONCURRENTLY", None),
        ("REINDEX INDEX i", None),
        ("REINDEX SCHEMA CONCURRENTLY s", None),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", None),
    ] {
        assert_eq!(rebuilt_concurrently(&Tokens::new(statement, Dialect::Postgres)).as_deref(), found, "{statement}");
    }
    assert_eq!(rebuilt_concurrently(&Tokens::new("REINDEX INDEX CONCURRENTLY i", Dialect::Sqlite)), None);
}

#[test]
fn what_is_removed_concurrently_is_found() {
    let index = |name: &str| Some(RemovedConcurrently::Index(name.to_owned()));
    let partition = |name: &str| Some(RemovedConcurrently::Partition(name.to_owned()));
    for (statement, found) in [
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", partition("p")),
        ("alter table if exists s.t detach partition \"S\" . \"P\" concurrently", partition("\"S\".\"P\"")),
        ("ALTER TABLE t DETACH PARTITION p", None),
        ("ALTER TABLE t DETACH PARTITION p FINALIZE", None),
        ("DROP INDEX CONCURRENTLY i", index("i")),
        ("drop index concurrently if exists s . \"I\" cascade", index("s.\"I\"")),
        ("DROP INDEX i", None),
    ] {
        assert_eq!(removed_concurrently(&Tokens::new(statement, Dialect::Postgres)), found, "{statement}");
    }
    assert_eq!(
        removed_concurrently(&Tokens::new("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", Dialect::Mariadb)),
        None
    );
}

#[test]
fn a_block_that_commits_is_told_from_one_that_only_names_it() {
    for (statement, commits) in [
        ("DO $$ BEGIN COMMIT; END $$", true),
        (
            "do language plpgsql $a$ begin loop update t set a = 1; exit when not found; commit ; end loop; end $a$",
            true,
        ),
        ("DO $$ BEGIN IF a THEN COMMIT; EXIT; ELSE ROLLBACK; END IF; END $$ LANGUAGE plpgsql", true),
        ("DO $$ BEGIN INSERT INTO t VALUES (1); -- then\n COMMIT AND CHAIN; END $$", true),
        ("/* why */ DO 'BEGIN INSERT INTO t VALUES (''a''); COMMIT; END'", true),
        ("DO $$ BEGIN CALL p(); END $$", false),
        ("DO $$ BEGIN CREATE TEMP TABLE t (a int) ON COMMIT DROP; END $$", false),
        ("DO $$ BEGIN PERFORM commit FROM t; t.commit := 1; END $$", false),
        ("DO $$ BEGIN RAISE NOTICE '; COMMIT;'; /* ; COMMIT; */ END $$", false),
        ("DO $$ BEGIN EXECUTE $q$ CREATE PROCEDURE p() AS 'BEGIN COMMIT; END' $q$; END $$", false),
        ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$", false),
        ("CALL p('BEGIN COMMIT; END')", false),
        ("DO $$", false),
    ] {
        assert_eq!(commits_within(&Tokens::new(statement, Dialect::Postgres)), commits, "{statement}");
    }
    assert!(!commits_within(&Tokens::new("DO 'BEGIN COMMIT; END'", Dialect::Mariadb)));
}

#[test]
fn a_with_that_changes_rows_is_told_from_one_that_only_has_the_words() {
    for (statement, changes) in [
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", true),
        ("WITH x AS MATERIALIZED (/* why */ update only t SET a = 1 RETURNING a) TABLE x", true),
        ("WITH x AS (SELECT 1), y AS (MERGE INTO t USING x ON true WHEN MATCHED THEN DELETE) SELECT 1", true),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", true),
        ("WITH x AS (SELECT 1) UPDATE \"T\" SET a = 1", true),
        ("WITH delete AS (SELECT 1) DELETE FROM t USING delete", true),
        ("WITH RECURSIVE x AS (SELECT 1) SEARCH DEPTH FIRST BY a SET b DELETE FROM t", true),
        ("WITH x AS (WITH y AS (SELECT 1) DELETE FROM t RETURNING 1) SELECT * FROM x", true),
        ("(WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x)", true),
        ("WITH x AS (SELECT * FROM log WHERE action = 'delete') SELECT * FROM x", false),
        ("WITH x AS (SELECT \"update\" FROM t) SELECT x.\"update\", delete FROM x", false),
        ("WITH x AS (SELECT a, update FROM t) SELECT count(update), (delete) FROM x", false),
        ("WITH x AS (SELECT 1 FOR UPDATE) SELECT * FROM x FOR NO KEY UPDATE OF x", false),
        ("WITH update AS (SELECT 1), delete (a) AS (SELECT 2) SELECT * FROM update, delete", false),
        ("WITH x AS (SELECT 1) (SELECT delete FROM x)", false),
    ] {
        assert_eq!(changes_within(&Tokens::new(statement, Dialect::Postgres)), changes, "{statement}");
    }
}

#[test]
fn the_schemas_that_a_statement_names_are_found() {
    for (statement, named) in [
        ("GRANT USAGE ON SCHEMA app TO x", &["app"][..]),
        ("GRANT ALL ON ALL TABLES IN SCHEMA a, \"b\"\"c\" TO x", &["a", "b\"c"]),
        ("CREATE SCHEMA app AUTHORIZATION x", &["app"]),
        ("CREATE SCHEMA IF NOT EXISTS AUTHORIZATION x", &["x"]),
        ("drop schema /* why */ if exists a, x cascade", &["a", "x"]),
        ("CREATE SCHEMA IF AUTHORIZATION x", &["IF"]),
        ("ALTER TABLE x SET SCHEMA app", &["app"]),
        ("SET SCHEMA 'x'", &["x"]),
        ("ALTER SCHEMA app RENAME TO x", &["app", "x"]),
        ("ALTER SCHEMA app OWNER TO x", &["app"]),
        ("COMMENT ON SCHEMA app IS 'x'", &["app"]),
        ("IMPORT FOREIGN SCHEMA a LIMIT TO (b) FROM SERVER c INTO x", &["a", "x"]),
        ("REINDEX SCHEMA CONCURRENTLY x", &["x"]),
        ("DROP SCHEMA U&\"x\", u&\"y\"", &["x", "y"]),
        ("CREATE PUBLICATION p FOR TABLES IN SCHEMA a, TABLES IN SCHEMA x", &["a", "TABLES", "x"]),
        ("SELECT 'SCHEMA x', \"SCHEMA\" x", &[]),
    ] {
        assert_eq!(schemas(&Tokens::new(statement, Dialect::Postgres)), named, "{statement}");
    }
}

#[test]
fn the_use_of_a_new_enum_value_is_late_unless_the_enum_is_new_too() {
    let late =
        |statements: &[&str]| late_enum_value(statements.iter().map(|it| Statement::only(it, Dialect::Postgres)));
    let used = Some((1, "b".to_owned()));
    assert_eq!(late(&["ALTER TYPE s.m ADD VALUE 'b'", "SELECT 'b'::s.m"]), used);
    assert_eq!(late(&["ALTER TYPE s.m ADD VALUE 'b'", "SELECT 'b' :: M"]), used);
    assert_eq!(late(&["ALTER TYPE m ADD VALUE 'b'", "UPDATE t SET a = CAST('b' AS m)"]), used);
    assert_eq!(late(&["ALTER TYPE m ADD VALUE 'b' BEFORE 'a'", "SELECT 'a'::m, 'bb', \"b\", b"]), None);
    assert_eq!(late(&["CREATE TYPE \"m\" AS ENUM ('a')", "ALTER TYPE m ADD VALUE 'b'", "SELECT 'b'::m"]), None);
    assert_eq!(late(&["ALTER TYPE m ADD VALUE 'b'", "CREATE FUNCTION f() RETURNS m AS $$ SELECT 'b'::m $$"]), None);
    // Whether these mean the enum, only the server knows.
    assert_eq!(late(&["ALTER TYPE m ADD VALUE 'b'", "UPDATE t SET note = 'b'"]), None);
    assert_eq!(late(&["ALTER TYPE m ADD VALUE 'b'", "SELECT 'b'::text"]), None);
    assert_eq!(late(&["ALTER TYPE m ADD VALUE IF NOT EXISTS 'b'", "SELECT 'b'::m"]), None);
    assert_eq!(late(&["ALTER TYPE m ADD VALUE 'b'", "SET search_path = s", "SELECT 'b'::m"]), None);
}
