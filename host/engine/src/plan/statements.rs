//! Analyses the statements of a migration in SQL before anything runs: whether its mode suits them, which of them commit by
//! themselves, and whether a dry run can roll them back.

use std::slice::from_ref;

use super::{PlannedMigration, Refusal, modes};
use crate::chunks::Chunks;
use crate::event::Unrepeatable;
use crate::history::RunMode;
use crate::journal::counts_own_statements;
use crate::unreadable::unreadable;
use runner_base::error::{Error, Result};
use runner_database::Facts;
use runner_drivers::offline_checks::OfflineChecks;
use runner_sql::{
    LockExtent, Program, Sql, Statement, StatementClass, Tokens, excerpt, keeps_last, late_enum_value,
    leaves_write_ahead_log, reads_client_file, waits_for_vacuum, writes_file,
};

/// The statements of a migration in SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// Their number; in a stepwise migration, each transaction of the file is one.
    pub count: u64,
    /// The number of those transactions.
    pub transactions: u64,
    /// The number of those that commit by themselves even in a transaction.
    pub committing: u64,
}

/// A table that is locked until the transaction ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// Its name.
    pub table: String,
    /// How many rows it has, as the server estimates.
    pub rows: u64,
    /// How much of it is locked.
    pub held: LockExtent,
}

/// What is known of a planned migration beyond the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Its statements, if it is in SQL.
    pub statements: Option<Statements>,
    /// Whether a dry run is possible.
    pub dry_run: bool,
    /// For a migration in SQL: large tables that it keeps locked.
    pub locks: Vec<HeldLock>,
    /// For a component or a script that commits its steps: how its transforms are cut.
    pub chunks: Option<Chunks>,
    /// For a component that has run on this database: its unrepeatable statements.
    pub unrepeatable: Vec<Unrepeatable>,
}

/// Inspects the text of one direction of a migration in SQL, which is in `file` and is to be run in `mode`: what it
/// means, and all that cannot be run so.
pub fn inspect(id: &str, file: &str, mode: RunMode, sql: &Sql, facts: &Facts) -> (Statements, Vec<Refusal>) {
    let refusal = |line: usize, error: Error| Refusal { migration: id.to_owned(), file: file.to_owned(), line, error };
    let program = match sql.program(facts.dialect) {
        Ok(program) => program,
        Err(error) => {
            let refused = Error::usage(error.message).at("line", error.line.to_string());
            let refused = error.hint.into_iter().fold(refused, Error::hint);
            return (Statements::default(), vec![refusal(error.line, refused)]);
        }
    };
    let mut known = OfflineChecks::new(facts, mode == RunMode::Atomic);
    let mut refusals = Vec::new();
    let mut says_modes = false;
    let transactions = if mode == RunMode::Stepwise { &program.transactions[..] } else { &[] };
    for (at, statement) in program.statements().enumerate() {
        let (tokens, class) = (statement.tokens(), statement.class);
        says_modes |= modes::sets(&tokens, facts);
        let refused = match transactions.iter().any(|it| it.contains(&at)) {
            true if class == StatementClass::RefusesTransaction => Some(
                Error::usage("the statement cannot run inside a transaction")
                    .hint("write it before the `BEGIN`, or after the `COMMIT`, of the transaction that it is in"),
            ),
            _ if class == StatementClass::TransactionControl && is_unclosed(&program, at) => Some(
                Error::usage("the file begins a transaction and does not commit it")
                    .hint("write the `COMMIT`; without one, the file may have been cut off"),
            ),
            _ => refuse(mode, statement, facts)
                .or_else(|| without_vacuum(&program, at, &tokens))
                .or_else(|| reads_clients_file(&tokens))
                .or_else(|| exceeds_packet(statement.text, facts))
                .or_else(|| modes::refused(statement, &tokens, facts).filter(|_| !says_modes))
                .or_else(|| {
                    let is_alone = mode == RunMode::Stepwise && !transactions.iter().any(|it| it.contains(&at));
                    let count = keeps_last(&tokens).filter(|_| is_alone)?;
                    Some(counts_own_statements(&count, true))
                }),
        };
        if let Some(error) = refused.or_else(|| known.refused(&tokens).map(Error::from)) {
            refusals.push(refusal(statement.line, at_statement(error, &program, at).0));
        }
    }
    let whole = 0..program.len();
    for transaction in if mode == RunMode::Atomic { from_ref(&whole) } else { transactions } {
        if let Some((at, value)) = late_enum_value(program.within(transaction.clone())) {
            let error = Error::usage(format!(
                "`{value}` was added to an enum in the same transaction, and cannot be used before that ends"
            ));
            let (error, line) = at_statement(error, &program, transaction.start + at);
            refusals.push(refusal(line, error.hint("add the value in a separate, earlier migration")));
        }
    }
    if mode == RunMode::Stepwise && program.isolation.is_some() {
        let error = Error::usage(
            "the file sets the isolation level of a transaction, but each of its statements commits by itself",
        );
        let hint = match program.is_divided {
            true => "put the transaction with the level into a migration of its own",
            false => "remove the level: it holds for one transaction, and there is none around the statements",
        };
        refusals.push(refusal(program.lines.isolation.unwrap_or(1), error.hint(hint)));
    }
    // Enforced, foreign keys let the table take the rows of others with it.
    if mode == RunMode::Stepwise && program.foreign_keys_off {
        let error = Error::usage(
            "the file rebuilds a table without foreign keys, but each of its statements commits by itself",
        );
        let line = program.lines.foreign_keys_off.unwrap_or(1);
        refusals.push(refusal(line, error.hint("rebuild the table in a migration of its own, in a transaction")));
    }
    let committing = program.statements().filter(|it| commits(it.class, facts)).count() as u64;
    let count = program.units(mode == RunMode::Stepwise).len() as u64;
    (Statements { count, transactions: transactions.len() as u64, committing }, refusals)
}

/// Whether a statement begins a transaction that none of the later ones ends.
fn is_unclosed(program: &Program, at: usize) -> bool {
    let is = |statement: Statement<'_>, words: &[&str]| words.contains(&first_word(statement.text).as_str());
    let mut statements = program.within(at..program.len());
    statements.next().is_some_and(|first| is(first, &["BEGIN", "START"]))
        && !statements.any(|it| is(it, &["COMMIT", "END", "ROLLBACK", "ABORT"]))
}

/// Why a statement cannot run in a mode.
fn refuse(mode: RunMode, Statement { text: statement, class, .. }: Statement<'_>, facts: &Facts) -> Option<Error> {
    let is_lock = || matches!(first_word(statement).as_str(), "LOCK" | "UNLOCK");
    let no_transaction = "add the directive `-- runner:no-transaction` at the top of the file";
    match (class, mode) {
        (StatementClass::TransactionControl, _) if is_lock() => Some(
            Error::denied("a migration cannot use `LOCK TABLES` or `UNLOCK TABLES`")
                .hint(instead_of_control(statement, mode)),
        ),
        (StatementClass::TransactionControl, _) => Some(
            Error::denied("a migration cannot begin or end transactions or use savepoints")
                .hint(instead_of_control(statement, mode)),
        ),
        (StatementClass::RefusesTransaction, RunMode::Atomic) => {
            Some(Error::usage("the statement cannot run inside a transaction").hint(no_transaction))
        }
        (class, RunMode::Atomic) if commits(class, facts) => Some(
            Error::usage(format!(
                "{} commits schema changes immediately, so the migration cannot be atomic",
                facts.dialect
            ))
            .hint("let it run stepwise, or move the schema change to another migration"),
        ),
        _ => None,
    }
}

/// Why a setting of SQLite would do nothing. With a write-ahead log, as is usual, not even `VACUUM` changes the size of pages.
fn without_vacuum(program: &Program, at: usize, tokens: &Tokens<'_>) -> Option<Error> {
    let name = waits_for_vacuum(tokens)?;
    let mut journals = program.within(0..at).rev().filter_map(|it| leaves_write_ahead_log(&it.tokens()));
    let (above, hint) = match name.eq_ignore_ascii_case("page_size") {
        true => (journals.next() == Some(true), "write `PRAGMA journal_mode = delete;` above it, `VACUUM;`"),
        false => (true, "write `VACUUM;`"),
    };
    let is_followed = program.within(at..program.len()).any(|later| first_word(later.text) == "VACUUM");
    (!above || !is_followed).then(|| {
        Error::usage(format!("PRAGMA {name} does nothing before the next VACUUM, as the database has tables already"))
            .hint(format!("{hint} below it, and the directive `-- runner:no-transaction` at the top of the file"))
    })
}

/// A statement that asks the client for a file; runner sends none.
fn reads_clients_file(tokens: &Tokens<'_>) -> Option<Error> {
    reads_client_file(tokens).then(|| {
        Error::usage("`LOAD … LOCAL INFILE` reads a file of the client, and runner sends no files to a server").hint(
            "write the rows as `INSERT` statements, or read the file in a script; without `LOCAL`, the server reads a file of its own",
        )
    })
}

/// MariaDB and MySQL: a statement that the server would refuse by closing the connection. Of a project alone, the server is unknown.
fn exceeds_packet(statement: &str, facts: &Facts) -> Option<Error> {
    let most = facts.packet_bytes?;
    // The command's byte belongs to the packet, too.
    (statement.len() >= most).then(|| {
        Error::denied(format!(
            "the statement has {} bytes, and the server takes {most} at once (`max_allowed_packet`)",
            statement.len()
        ))
        .hint(
            "raise `max_allowed_packet` on the server, or divide the statement; `mariadb-dump --net-buffer-length=1M` writes shorter ones",
        )
    })
}

/// What to write in place of transaction control.
fn instead_of_control(statement: &str, mode: RunMode) -> &'static str {
    let first = first_word(statement);
    let sets_autocommit = first == "SET" && statement.to_ascii_uppercase().contains("AUTOCOMMIT");
    match (first.as_str(), mode) {
        ("LOCK" | "UNLOCK", _) => {
            "remove it: the run has its own lock; `mariadb-dump --skip-add-locks` leaves it out of a dump"
        }
        _ if sets_autocommit => {
            "remove it, and the `COMMIT` after it; `mariadb-dump --skip-no-autocommit` leaves both out of a dump"
        }
        (_, RunMode::Stepwise) => "remove the statement: each of the others commits by itself",
        (_, RunMode::Atomic) => {
            "remove the statement: the whole file runs in one transaction; a `BEGIN` is accepted together with its `COMMIT`"
        }
    }
}

fn first_word(statement: &str) -> String {
    statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

fn commits(class: StatementClass, facts: &Facts) -> bool {
    !facts.transactional_ddl && class == StatementClass::Schema
}

/// Fails if a migration cannot run in a transaction that is rolled back, as far as that is known in advance. `sql`: of a migration in
/// SQL.
pub fn check_dry_run(migration: &PlannedMigration, sql: Option<&Sql>, facts: &Facts) -> Result<()> {
    dry_run(migration, sql, facts).map_err(|error| error.at("migration", migration.id()))
}

fn dry_run(migration: &PlannedMigration, sql: Option<&Sql>, facts: &Facts) -> Result<()> {
    if migration.kind.is_sandboxed() && migration.resume_after.is_some() {
        let error = Error::usage("an interrupted component resumes from its journal, which needs its own transactions");
        return Err(match facts.dialect.has_scratch_copies() {
            true => error.hint("`--on-copy` runs it on a copy of the database"),
            false => error,
        });
    }
    if facts.transactional_ddl {
        return Ok(());
    }
    // What a component does is known only when it runs; it is stopped before a call that would commit.
    let Some(sql) = sql else { return Ok(()) };
    let program = sql.program(facts.dialect).map_err(|error| unreadable(migration.direction, error))?;
    let writes = |it: Statement<'_>| writes_file(&it.tokens());
    let lasts = |(_, it): &(usize, Statement<'_>)| it.class != StatementClass::Rows || writes(*it);
    let Some((at, statement)) = program.statements().enumerate().find(lasts) else { return Ok(()) };
    let error = if writes(statement) {
        Error::usage("the statement writes a file of the server, which a dry run cannot undo")
    } else {
        Error::usage(format!(
            "{} may commit the statement immediately, so a dry run in a transaction is not possible",
            facts.dialect
        ))
        .hint("`--on-copy` runs it on a scratch copy of the database")
    };
    Err(at_statement(error, &program, at).0.at("script", migration.direction.to_string()))
}

/// Adds the place of a statement to an error; returns its line, too.
fn at_statement(error: Error, program: &Program, at: usize) -> (Error, usize) {
    let Some(statement) = program.within(at..at + 1).next() else { return (error, 1) };
    let place = format!("{} of {}, line {}", at + 1, program.len(), statement.line);
    (error.at("text", excerpt(statement.text)).at("statement", place), statement.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

    #[test]
    fn another_database_is_not_used() {
        let facts = Facts { schema: Some("shop".to_owned()), ..Facts::of_dialect(Dialect::Mariadb) };
        let refused = |text: &str| !inspect("1_a", "1_a.up.sql", RunMode::Stepwise, &text.into(), &facts).1.is_empty();
        for (text, expected) in [
            ("USE shop", false),
            ("use `shop_test`", true),
            ("/*!40000 USE other */", true),
            ("SELECT 1 AS `use`", false),
        ] {
            assert_eq!(refused(text), expected, "{text}");
        }
    }

    #[test]
    fn a_statement_that_does_not_fit_into_a_packet_is_refused() {
        let facts = Facts { packet_bytes: Some(29), ..Facts::of_dialect(Dialect::Mariadb) };
        let (_, refusals) = inspect(
            "1_a",
            "1_a.up.sql",
            RunMode::Stepwise,
            &"SELECT 1;\nSELECT 2345678901234567890123;".into(),
            &facts,
        );
        let [Refusal { line: 2, error, .. }] = refusals.as_slice() else { panic!("{refusals:?}") };
        assert_eq!(error.message, "the statement has 29 bytes, and the server takes 29 at once (`max_allowed_packet`)");
    }

    #[test]
    fn a_file_that_sets_the_mode_says_how_it_is_meant() {
        let facts = Facts {
            unread_modes: vec![runner_database::facts::UnreadMode::EmptyStringIsNull],
            ..Facts::of_dialect(Dialect::Mariadb)
        };
        let lines = |text: &str| -> Vec<usize> {
            inspect("1_a", "1_a.up.sql", RunMode::Stepwise, &text.into(), &facts).1.iter().map(|it| it.line).collect()
        };
        let insert = "INSERT INTO t VALUES ('');";
        assert_eq!(lines(&format!("{insert}\nSET sql_mode = '';\n{insert}")), [1]);
        assert_eq!(lines(&format!("SET sql_mode = '';\n{insert}")), [0; 0]);
    }

    /// One whose upgrade commits each statement may have been stored before such pairs were refused.
    #[test]
    fn a_table_is_not_rebuilt_statement_by_statement() {
        let text = "PRAGMA foreign_keys = OFF; DROP TABLE t; PRAGMA foreign_keys = ON";
        let refusals = |mode| inspect("1_a", "1_a.down.sql", mode, &text.into(), &Facts::of_dialect(Dialect::Sqlite)).1;
        assert!(refusals(RunMode::Atomic).is_empty());
        let refused = refusals(RunMode::Stepwise);
        assert!(
            refused[0].error.message.contains("each of its statements commits by itself"),
            "{:?}",
            refused[0].error
        );
    }

    #[test]
    fn what_is_taken_out_of_a_file_is_refused_with_its_line() {
        use Dialect::{Mariadb, Postgres, Sqlite};
        for (dialect, text, expected) in [
            (Sqlite, "-- runner:no-transaction\n\nINSERT INTO t VALUES (1);\n\n\nBEGIN;\nVACUUM;\nCOMMIT;", vec![7]),
            (Postgres, "-- a\nBEGIN;\nDROP TABLE t;\nCOMMIT;", vec![]),
            (Postgres, "-- a\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nDROP TABLE t;\nCOMMIT;\nSELECT 1", vec![2]),
            (Mariadb, "-- a\n\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nDROP TABLE t;", vec![3]),
            (Sqlite, "SELECT 1;\nPRAGMA foreign_keys = OFF;\nDROP TABLE t;", vec![2]),
        ] {
            let refusals = inspect("1_a", "1_a.up.sql", RunMode::Stepwise, &text.into(), &Facts::of_dialect(dialect)).1;
            assert_eq!(refusals.iter().map(|it| it.line).collect::<Vec<_>>(), expected, "{text}: {refusals:?}");
        }
    }

    fn inspected(dialect: Dialect, mode: RunMode, text: &str) -> String {
        let (statements, refusals) = inspect("1_a", "1_a.up.sql", mode, &text.into(), &Facts::of_dialect(dialect));
        let told = refusals.iter().map(|Refusal { error, .. }| {
            let place = error.places.iter().find(|(label, _)| *label == "statement");
            format!("{}: {}", place.map(|(_, place)| place.as_str()).unwrap_or_default(), error.message)
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { format!("{} {}", statements.count, statements.committing) } else { told.join("; ") }
    }

    #[test]
    fn statements_that_do_not_suit_the_mode_are_rejected_with_their_place() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        use RunMode::{Atomic, Stepwise};
        let index = "CREATE TABLE t (a int);\n\nCREATE INDEX CONCURRENTLY i ON t (a)";
        let used = "ALTER TYPE mood ADD VALUE 'it''s' AFTER 'sad';\nUPDATE p SET m = 'it''s'::mood";
        for (dialect, mode, text, expected) in [
            (Postgres, Atomic, index, "2 of 2, line 3: the statement cannot run inside a transaction"),
            (Postgres, Stepwise, index, "2 0"),
            (Sqlite, Atomic, "VACUUM", "1 of 1, line 1: the statement cannot run inside a transaction"),
            (
                Postgres,
                Atomic,
                used,
                "2 of 2, line 2: `it's` was added to an enum in the same transaction, and cannot be used before that ends",
            ),
            (Postgres, Stepwise, used, "2 0"),
            (
                Postgres,
                Stepwise,
                "SELECT 1; BEGIN; ALTER TYPE mood ADD VALUE 'x'; UPDATE p SET m = 'x'::mood; COMMIT",
                "3 of 3, line 1: `x` was added to an enum in the same transaction, and cannot be used before that ends",
            ),
            (Postgres, Stepwise, "BEGIN; ALTER TYPE mood ADD VALUE 'x'; COMMIT; UPDATE p SET m = 'x'::mood", "2 0"),
            (Postgres, Stepwise, "BEGIN; SELECT 1; SELECT 2; COMMIT; BEGIN; SELECT 3; COMMIT", "2 0"),
            (
                Postgres,
                Stepwise,
                "BEGIN; SELECT 1; COMMIT; BEGIN; VACUUM; COMMIT",
                "2 of 2, line 1: the statement cannot run inside a transaction",
            ),
            (
                Postgres,
                Atomic,
                "BEGIN; CREATE TABLE t (a int)",
                "1 of 2, line 1: the file begins a transaction and does not commit it",
            ),
            (Postgres, Atomic, "ALTER TYPE mood ADD VALUE 'new'; UPDATE p SET m = 'sad'", "2 0"),
            (Postgres, Atomic, "CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; SELECT 'b'::m", "3 0"),
            (Mysql, Stepwise, "CREATE TABLE t (a INT); INSERT INTO t VALUES (1); DROP TABLE t", "3 2"),
            (
                Mariadb,
                Atomic,
                "INSERT INTO t VALUES (1); DROP TABLE t",
                "2 of 2, line 1: MariaDB commits schema changes immediately, so the migration cannot be atomic",
            ),
            (Mariadb, Atomic, "INSERT INTO t VALUES (1)", "1 0"),
            (
                Sqlite,
                Atomic,
                "CREATE TABLE t (a);\nPRAGMA synchronous = OFF; DROP TABLE runner_history",
                "2 of 3, line 2: PRAGMA synchronous is refused: the setting would outlive the migration [SQLITE_AUTH (23)]; 3 of 3, \
                 line 2: a migration may not change `runner_history`, which belongs to runner itself [SQLITE_AUTH (23)]",
            ),
            (
                Sqlite,
                Stepwise,
                "DELETE FROM runner_head",
                "1 of 1, line 1: a migration may not write to `runner_head`, which belongs to runner itself [SQLITE_AUTH (23)]",
            ),
            (
                Mysql,
                Stepwise,
                "SET GLOBAL general_log = 1",
                "1 of 1, line 1: a migration may not run `SET GLOBAL` or `SET PERSIST`: it changes the server for all users",
            ),
            (
                Mariadb,
                Stepwise,
                "CREATE TABLE t (a INT);\nUPDATE u SET a = 1;\nSET @n = row_count()",
                "3 of 3, line 3: `row_count()` does not count the rows of the migration's last statement here, but those of runner's own",
            ),
            (Mariadb, Stepwise, "CREATE TABLE t (a INT); SELECT row_count()", "2 1"),
            (Mariadb, Atomic, "UPDATE u SET a = 1; SET @n = row_count()", "2 0"),
            (
                Mariadb,
                Stepwise,
                "LOAD /* x */ DATA LOCAL INFILE 'a' INTO TABLE t",
                "1 of 1, line 1: `LOAD … LOCAL INFILE` reads a file of the client, and runner sends no files to a server",
            ),
            (
                Mariadb,
                Stepwise,
                "LOCK TABLES t WRITE",
                "1 of 1, line 1: a migration cannot use `LOCK TABLES` or `UNLOCK TABLES`",
            ),
            (
                Mariadb,
                Stepwise,
                "INSERT INTO t VALUES (1);\nCOMMIT",
                "2 of 2, line 2: a migration cannot begin or end transactions or use savepoints",
            ),
        ] {
            assert_eq!(inspected(dialect, mode, text), expected, "{dialect}: {text}");
        }
    }
}
