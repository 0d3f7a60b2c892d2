use super::read::normalise;
use super::*;
use crate::migration::Mode;

#[test]
fn line_ends_and_byte_order_marks_are_ignored() {
    for bytes in
        [&b"SELECT 1;\nSELECT 2;\n"[..], b"SELECT 1;\r\nSELECT 2;\r\n", b"\xef\xbb\xbfSELECT 1;\nSELECT 2;\r\n"]
    {
        assert_eq!(normalise(bytes.to_vec()).expect("text"), "SELECT 1;\nSELECT 2;\n");
    }
    assert_eq!(normalise(b"a\rb".to_vec()).expect("a lone CR is data"), "a\rb");
}

#[test]
fn invalid_text_is_refused() {
    let error = normalise(b"SELECT '\xe9';".to_vec()).expect_err("Latin-1");
    assert_eq!(error.message, "is not valid UTF-8 at byte 8 (counted from 0)");
    let error = normalise(b"PGDMP\x01\x0e\0".to_vec()).expect_err("no text");
    assert_eq!(error.message, "is an archive of `pg_dump`, not SQL");
    let error = normalise(b"SELECT 1;\0DROP TABLE a;".to_vec()).expect_err("NUL");
    assert_eq!(error.message, "contains a NUL at byte 9 (counted from 0)");
}

fn file(name: &str, part: SqlPart, dialect: Option<Dialect>) -> SqlFile {
    let autocommit = name.contains(".autocommit");
    SqlFile { entry: FoundEntry { file_name: name.to_owned(), link: false }, part, dialect, autocommit }
}

#[test]
fn a_file_of_what_no_transaction_can_have_needs_no_directive() {
    let mode = |dialect, up: &str| of(&[("up", up)], dialect).expect(up).mode;
    for (dialect, up, expected) in [
        (Dialect::Postgres, "-- an index\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);", Mode::Stepwise),
        (
            Dialect::Postgres,
            "SET lock_timeout = '1s'; DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY j",
            Mode::Stepwise,
        ),
        (Dialect::Postgres, "VACUUM t", Mode::Stepwise),
        (Dialect::Postgres, "CREATE DATABASE a", Mode::Stepwise),
        (Dialect::Postgres, "alter database a set tablespace b", Mode::Stepwise),
        (Dialect::Postgres, "DROP TABLESPACE a", Mode::Stepwise),
        (Dialect::Postgres, "ALTER SYSTEM SET work_mem = '8MB'", Mode::Stepwise),
        (Dialect::Postgres, "DROP SUBSCRIPTION a", Mode::Stepwise),
        (Dialect::Postgres, "ALTER SUBSCRIPTION a REFRESH PUBLICATION", Mode::Stepwise),
        (Dialect::Postgres, "REINDEX SCHEMA a", Mode::Stepwise),
        (Dialect::Postgres, "REINDEX (VERBOSE) DATABASE a", Mode::Stepwise),
        (Dialect::Postgres, "CLUSTER", Mode::Stepwise),
        (Dialect::Postgres, "REINDEX TABLE a; ALTER DATABASE a SET work_mem = '8MB'; CLUSTER t", Mode::Auto),
        (Dialect::Postgres, "CREATE INDEX CONCURRENTLY i ON t (a); DROP TABLE u", Mode::Auto),
        (Dialect::Postgres, "BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT", Mode::Auto),
        (Dialect::Postgres, "DROP INDEX CONCURRENTLY i; DO $$ BEGIN COMMIT; END $$", Mode::Auto),
        (Dialect::Postgres, "-- concurrently\nSET lock_timeout = '1s'", Mode::Auto),
        (Dialect::Sqlite, "VACUUM", Mode::Stepwise),
        (Dialect::Sqlite, "PRAGMA foreign_keys", Mode::Auto),
    ] {
        assert_eq!(mode(dialect, up), expected, "{up}");
    }
}

#[test]
fn a_name_may_say_that_each_statement_commits() {
    let read = |_: &FoundEntry| Ok(b"CREATE INDEX i ON t (a);".to_vec());
    let of = |up: &str, down: &str| {
        let files = [file(up, SqlPart::Up, None), file(down, SqlPart::Down, None)];
        let texts = SqlTexts::read(&files, None, read).expect("texts");
        let described = texts.describe(&texts.choose(Dialect::Postgres).expect("an upgrade")).expect("a description");
        (described.mode, described.down_mode, texts.digests().stepwise)
    };
    assert_eq!(of("1_a.autocommit.up.sql", "1_a.autocommit.down.sql"), (Mode::Stepwise, None, true));
    assert_eq!(of("1_a.up.sql", "1_a.autocommit.down.sql"), (Mode::Auto, Some(Mode::Stepwise), true));
    assert_eq!(of("1_a.up.sql", "1_a.down.sql"), (Mode::Auto, None, false));
}

/// The texts of files named by their suffixes: `up`, `down`, `up.postgres` and so on.
fn texts(files: &[(&str, &str)]) -> Result<SqlTexts, Vec<String>> {
    let found: Vec<SqlFile> = (files.iter())
        .map(|(suffix, _)| {
            let (part, dialect) = suffix.split_once('.').unwrap_or((suffix, ""));
            let part = if part == "down" { SqlPart::Down } else { SqlPart::Up };
            file(&format!("1_a.{suffix}.sql"), part, dialect.parse().ok())
        })
        .collect();
    let read = |entry: &FoundEntry| {
        let text = files.iter().find(|(suffix, _)| entry.file_name == format!("1_a.{suffix}.sql"));
        Ok(text.map(|(_, text)| text.as_bytes().to_vec()).unwrap_or_default())
    };
    SqlTexts::read(&found, None, read).map_err(|problems| problems.into_iter().map(|it| it.message).collect())
}

fn of(files: &[(&str, &str)], dialect: Dialect) -> Result<Description, Vec<String>> {
    let texts = texts(files)?;
    let chosen = texts.choose(dialect).expect("an upgrade");
    texts.describe(&chosen).map_err(|problems| problems.into_iter().map(|it| it.message).collect())
}

#[test]
fn directives_of_both_files_must_fit() {
    let sqlite = |up, down| of(&[("up", up), ("down", down)], Dialect::Sqlite);
    let both = "-- runner:no-transaction\nSELECT 1;";
    let of_both = sqlite(both, both).expect("repeated");
    assert_eq!((of_both.mode, of_both.down_mode), (Mode::Stepwise, None));
    assert!(sqlite(both, "").is_ok(), "a way back with nothing to do");
    let of_down = sqlite("SELECT 1", both).expect("its own");
    assert_eq!((of_down.mode, of_down.down_mode), (Mode::Auto, Some(Mode::Stepwise)));
    assert_eq!(
        sqlite("SELECT 1", "-- runner:depends-on 1\nSELECT 1"),
        Err(vec!["`1_a.down.sql` has directives that are for the whole migration".to_owned()])
    );
    assert_eq!(
        sqlite("-- runner:irreversible\n;", "-- runner:x"),
        Err(vec![
            "unknown directive `runner:x`".to_owned(),
            "`1_a.up.sql` is `runner:irreversible`, but `1_a.down.sql` exists".to_owned(),
        ])
    );
    assert_eq!(
        sqlite("-- runner:no-transaction\nPRAGMA foreign_keys = OFF; VACUUM", ""),
        Err(vec!["`1_a.up.sql` rebuilds a table, and commits each statement".to_owned()])
    );
    assert_eq!(
        sqlite("-- runner:no-transaction\nVACUUM", "PRAGMA foreign_keys = OFF; DROP TABLE t"),
        Err(vec!["`1_a.down.sql` rebuilds a table, and commits each statement, as its upgrade does".to_owned()])
    );
    let missing = of(&[("up", "SELECT 1")], Dialect::Sqlite).expect("no way back");
    assert!(missing.no_downgrade && !missing.irreversible);
}

/// The texts with which other tools rebuild a table: `PRAGMA foreign_keys` does nothing in their transaction.
#[test]
fn a_rebuild_runs_in_a_transaction_whatever_it_says() {
    let rebuild = "PRAGMA foreign_keys=OFF;\nBEGIN;\nDROP TABLE t;\nCOMMIT;\nPRAGMA foreign_keys=ON;\n";
    let without = rebuild.replace("BEGIN;\n", "").replace("COMMIT;\n", "");
    let goose = format!("-- +goose NO TRANSACTION\n-- +goose Up\n{rebuild}-- +goose Down\n{rebuild}");
    let dbmate =
        format!("-- migrate:up transaction:false\n{rebuild}-- migrate:down transaction:false\nDROP TABLE t;\n");
    for (up, down_mode) in [
        (format!("-- no-transaction\n{rebuild}"), None),
        (format!("-- runner:no-transaction\n{without}"), None),
        (goose, None),
        (dbmate, Some(Mode::Stepwise)),
    ] {
        let described = of(&[("up", &up)], Dialect::Sqlite).expect(&up);
        assert_eq!((described.mode, described.down_mode), (Mode::Auto, down_mode), "{up}");
        assert!(described.needs_table_rebuild(), "{up}");
        // Only SQLite has the pragma.
        assert_eq!(of(&[("up", &up)], Dialect::Postgres).expect(&up).mode, Mode::Stepwise, "{up}");
    }
}

#[test]
fn what_keeps_a_rebuild_from_its_transaction_is_named() {
    let hints = |files: &[(&str, &str)]| {
        let texts = texts(files).expect("texts");
        let problems = texts.describe(&texts.choose(Dialect::Sqlite).expect("an upgrade")).expect_err("a problem");
        problems.into_iter().filter_map(|it| it.hint).collect::<Vec<_>>().join("; ")
    };
    let outside = "PRAGMA foreign_keys=OFF; DROP TABLE t; PRAGMA foreign_keys=ON; INSERT INTO u VALUES (1);";
    let removed = |marker: &str, line: usize| {
        format!(
            "remove `{marker}` (`1_a.up.sql`, line {line}): a table is rebuilt in a transaction, with foreign keys off"
        )
    };
    let sqlx = format!("-- a\n-- no-transaction\n{outside}");
    assert_eq!(hints(&[("up", &sqlx)]), removed("-- no-transaction", 2));
    let goose = format!("-- +goose NO TRANSACTION\n-- +goose Up\n{outside}");
    assert_eq!(hints(&[("up", &goose)]), removed("-- +goose NO TRANSACTION", 1));
    let dbmate = format!("-- migrate:up\nSELECT 1;\n-- migrate:down transaction:false\n{outside}");
    assert_eq!(hints(&[("up", &dbmate)]), removed("transaction:false", 3));
    let migrate = format!("-- no transaction: prose\n-- +migrate Up notransaction\n{outside}");
    assert_eq!(hints(&[("up", &migrate)]), removed("notransaction", 2));
    // The upgrade's is for both.
    let refused = "put what cannot run in a transaction into another migration, and remove";
    assert_eq!(
        hints(&[("up", "-- no-transaction\nVACUUM; SELECT 1"), ("down", "PRAGMA foreign_keys=OFF; DROP TABLE t")]),
        format!("{refused} `-- no-transaction` (`1_a.up.sql`, line 1)")
    );
    let both = "PRAGMA foreign_keys=OFF; DROP TABLE t; PRAGMA foreign_keys=ON; VACUUM;";
    assert_eq!(
        hints(&[("up", &format!("-- no-transaction\n{both}"))]),
        format!("{refused} `-- no-transaction` (`1_a.up.sql`, line 1)")
    );
    assert_eq!(
        hints(&[("up", "PRAGMA foreign_keys=OFF; VACUUM")]),
        "rebuild the table in a separate migration, in a transaction"
    );
}

#[test]
fn the_most_specific_text_is_chosen() {
    use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
    let texts = texts(&[
        ("up", "plain"),
        ("down", "back"),
        ("up.mysql", "mysql"),
        ("up.mariadb", "mariadb"),
        ("down.mysql", "back in mysql"),
        ("up.postgres", "-- migrate:up\nin\n-- migrate:down\nout"),
    ])
    .expect("texts");
    for (dialect, up, down) in [
        (Sqlite, "plain", "back"),
        (Mysql, "mysql", "back in mysql"),
        (Mariadb, "mariadb", "back in mysql"),
        (Postgres, "-- migrate:up\nin", "-- migrate:down\nout"),
    ] {
        let chosen = texts.choose(dialect).expect("an upgrade");
        assert_eq!((chosen.up.text.trim(), chosen.down.map(|it| it.text.trim())), (up, Some(down)), "{dialect}");
    }
    assert_eq!(texts.dialects(), []);
    assert_eq!(texts.digests().texts.keys().count(), 4);
}

#[test]
fn a_migration_may_be_for_some_databases_only() {
    let texts = texts(&[("up.postgres", "a"), ("up.mysql", "b"), ("down.mysql", "c")]).expect("texts");
    let chosen = texts.choose(Dialect::Sqlite).expect("any");
    assert_eq!((&*chosen.up.text, chosen.dialect), ("a", Dialect::Postgres));
    assert_eq!(texts.describe(&chosen).expect("described").dialects, [Dialect::Postgres, Dialect::Mysql]);
}

#[test]
fn two_downgrades_are_refused() {
    let both = "-- +goose Up\nA;\n-- +goose Down\nB;";
    for files in [[("up", both), ("down", "C;")], [("down", "C;"), ("up", both)]] {
        assert_eq!(texts(&files), Err(vec!["`1_a.up.sql` has a downgrade, and so has `1_a.down.sql`".to_owned()]));
    }
    assert_eq!(
        texts(&[("up", "A"), ("down", both)]),
        Err(vec!["`1_a.down.sql` has markers of an upgrade, but is a downgrade".to_owned()])
    );
}

#[test]
fn a_transaction_is_kept_where_statements_commit_by_themselves() {
    let mode = |text, dialect| of(&[("up", text)], dialect).expect("described").mode;
    assert_eq!(mode("BEGIN; INSERT INTO t VALUES (1); COMMIT", Dialect::Mariadb), Mode::Atomic);
    assert_eq!(mode("BEGIN; CREATE TABLE t (a INT); COMMIT", Dialect::Mariadb), Mode::Auto);
    assert_eq!(mode("BEGIN; INSERT INTO t VALUES (1); COMMIT", Dialect::Postgres), Mode::Auto);
}

#[test]
fn the_options_of_diesel_are_read() {
    let of = |text| runs_in_transaction("1_a/metadata.toml", text).map_err(|problem| problem.message);
    assert_eq!(of(""), Ok(true));
    assert_eq!(of("run_in_transaction = false"), Ok(false));
    assert_eq!(of("x = 1"), Err("`1_a/metadata.toml` sets `x`".to_owned()));
    assert_eq!(
        of("run_in_transaction = 0"),
        Err("`1_a/metadata.toml` sets `run_in_transaction` to something else".to_owned())
    );
    assert_eq!(of("]"), Err("`1_a/metadata.toml` is not valid TOML".to_owned()));
}

#[test]
fn utf_16_is_named() {
    let encoded = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
        let text = "SELECT 1".encode_utf16().flat_map(unit);
        mark.iter().copied().chain(text).collect::<Vec<u8>>()
    };
    for (bytes, encoding) in [
        (encoded(&[0xff, 0xfe], u16::to_le_bytes), "UTF-16"),
        (encoded(&[0xfe, 0xff], u16::to_be_bytes), "UTF-16"),
        (encoded(&[], u16::to_le_bytes), "UTF-16LE"),
        (encoded(&[], u16::to_be_bytes), "UTF-16BE"),
    ] {
        let problem = super::read::normalise(bytes).expect_err(encoding);
        assert_eq!(problem.message, format!("is {encoding}, not UTF-8"));
    }
}
