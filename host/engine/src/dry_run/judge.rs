//! What a migration may do in a dry run: nothing that would take effect outside the transaction or the copy.

use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Facts, TableName};
use runner_sql::classify::open_run_comments;
use runner_sql::{StatementClass, Tokens, classify, engine_of_elsewhere, opens_file, qualifiers, words, writes_file};

/// Where a dry run takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// In a transaction that is rolled back.
    Transaction,
    /// On a copy that is then removed.
    Copy {
        /// The other databases on the server.
        others: Vec<String>,
    },
}

/// What happens to a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Judgement {
    Run,
    /// It is reported but not run.
    Leave,
    Refuse(Box<DatabaseError>),
}

/// Decides what happens to a statement of a migration. `outside` says that it would run outside a transaction in a real run.
pub(super) fn judge(statement: &str, ground: &Ground, facts: &Facts, outside: bool) -> Judgement {
    let tokens = &Tokens::new(statement, facts.dialect);
    let class = classify(tokens);
    let refused = match ground {
        Ground::Transaction if facts.transactional_ddl => {
            // A statement that should run in a transaction fails as it would in a real run.
            let leaves = outside && class == StatementClass::RefusesTransaction;
            return if leaves { Judgement::Leave } else { Judgement::Run };
        }
        Ground::Transaction if writes_file(tokens) => Some(file_of_server()),
        Ground::Transaction => {
            let is_plain = class == StatementClass::Rows && open_run_comments(tokens).is_none();
            (!is_plain).then(|| commits(facts.dialect))
        }
        Ground::Copy { .. } if !facts.dialect.has_server() => opens_file(tokens).then(other_file),
        Ground::Copy { others } => leaves_schema(tokens, class, others),
    };
    match refused {
        None => Judgement::Run,
        Some(error) => Judgement::Refuse(Box::new(error)),
    }
}

/// Fails for a table outside the copy.
pub(super) fn judge_table(table: &TableName, ground: &Ground) -> Result<(), DatabaseError> {
    match (ground, &table.schema) {
        (Ground::Copy { others }, Some(schema)) if is_other(schema, others) => Err(other_database(schema)),
        _ => Ok(()),
    }
}

/// The error of a statement that only this kind of dry run refuses.
fn denied(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}

fn commits(dialect: Dialect) -> DatabaseError {
    denied(format!("{dialect} may commit the statement immediately, so a dry run in a transaction stops here"))
        .hint("`--on-copy` runs it on a scratch copy of the database")
}

fn other_file() -> DatabaseError {
    denied("the statement opens or writes another file, which a dry run on a copy cannot undo".to_owned())
        .hint("omit `--on-copy` to run it in a transaction")
}

fn file_of_server() -> DatabaseError {
    denied("the statement writes a file of the server, which a dry run cannot undo".to_owned()).hint(STOP_BEFORE)
}

fn other_database(name: &str) -> DatabaseError {
    outside(&format!("`{name}`")).hint(format!("name tables without their database; {STOP_BEFORE}"))
}

fn outside(what: &str) -> DatabaseError {
    denied(format!("the statement affects {what}, outside the scratch copy, so the dry run stops here"))
        .hint(STOP_BEFORE)
}

/// The way out where no kind of dry run can run a statement.
const STOP_BEFORE: &str = "`--target` stops before this migration";

fn is_other(name: &str, others: &[String]) -> bool {
    // Servers differ in whether `Shop` and `shop` are the same; here they are.
    others.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// Returns the error of a statement that may affect something outside a scratch database.
fn leaves_schema(tokens: &Tokens<'_>, class: StatementClass, others: &[String]) -> Option<DatabaseError> {
    // The server runs the content of some comments.
    let Some(opened) = open_run_comments(tokens) else { return leaves_by_words(tokens, class, others) };
    let opened = Tokens::new(&opened, tokens.dialect());
    leaves_schema(&opened, classify(&opened), others).or_else(|| leaves_by_words(&opened, class, others))
}

fn leaves_by_words(tokens: &Tokens<'_>, class: StatementClass, others: &[String]) -> Option<DatabaseError> {
    if let Some(name) = qualifiers(tokens).into_iter().find(|name| is_other(name, others)) {
        return Some(other_database(&name));
    }
    let words = words(tokens);
    let has = |word: &str| words.iter().any(|it| it == word);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Text that becomes a statement cannot be inspected in advance.
    if has("EXECUTE") || has("PREPARE") {
        return Some(outside("whatever the text that it runs names"));
    }
    if writes_file(tokens) {
        return Some(file_of_server());
    }
    if matches!(class, StatementClass::Schema | StatementClass::Session)
        && let Some(engine) = engine_of_elsewhere(tokens)
    {
        return Some(outside(&format!("what tables of the engine {engine} stand for")));
    }
    let is_within = match class {
        StatementClass::Rows => true,
        StatementClass::Schema => match words.as_slice() {
            ["ALTER", "DATABASE" | "SCHEMA", ..] => !tokens.identifiers().iter().any(|name| is_other(name, others)),
            ["CREATE" | "ALTER" | "DROP" | "RENAME", rest @ ..] => of_a_schema(rest),
            ["TRUNCATE" | "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK", ..] => true,
            _ => false,
        },
        StatementClass::Session => {
            words.first() == Some(&"SET")
                && !["GLOBAL", "PERSIST", "PASSWORD", "ROLE"].into_iter().any(has)
                && !["@@global", "@@persist"].iter().any(|it| tokens.text().to_ascii_lowercase().contains(it))
        }
        StatementClass::Unknown => matches!(words.first(), Some(&("CALL" | "DO"))),
        // The database rejects it.
        StatementClass::TransactionControl | StatementClass::RefusesTransaction => true,
    };
    (!is_within).then(|| outside("the server as a whole"))
}

/// Whether what is created, altered or dropped is in a schema.
fn of_a_schema(words: &[&str]) -> bool {
    const KINDS: [&str; 10] =
        ["TABLE", "INDEX", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "SEQUENCE", "EVENT", "PACKAGE", "TABLES"];
    const BEFORE: [&str; 21] = [
        "OR",
        "REPLACE",
        "TEMPORARY",
        "UNIQUE",
        "FULLTEXT",
        "SPATIAL",
        "ONLINE",
        "OFFLINE",
        "IGNORE",
        "AGGREGATE",
        "SQL",
        "SECURITY",
        "DEFINER",
        "INVOKER",
        "ALGORITHM",
        "UNDEFINED",
        "MERGE",
        "TEMPTABLE",
        "CURRENT_USER",
        "BODY",
        "VECTOR",
    ];
    words.iter().find(|word| !BEFORE.contains(word)).is_some_and(|word| KINDS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(statement: &str, ground: &Ground, dialect: Dialect, outside: bool) -> Judgement {
        judge(statement, ground, &Facts::of_dialect(dialect), outside)
    }

    #[test]
    fn in_a_transaction_what_it_cannot_hold_is_left_or_refused() {
        use Dialect::{Mariadb, Postgres, Sqlite};
        let refused =
            |statement, dialect| matches!(judged(statement, &Ground::Transaction, dialect, true), Judgement::Refuse(_));
        let index = "CREATE INDEX CONCURRENTLY i ON t (a)";
        assert_eq!(judged(index, &Ground::Transaction, Postgres, true), Judgement::Leave);
        assert_eq!(judged(index, &Ground::Transaction, Postgres, false), Judgement::Run);
        assert_eq!(judged("VACUUM", &Ground::Transaction, Sqlite, true), Judgement::Leave);
        assert_eq!(judged("PRAGMA journal_mode = wal", &Ground::Transaction, Sqlite, true), Judgement::Leave);
        assert_eq!(judged("PRAGMA journal_mode", &Ground::Transaction, Sqlite, true), Judgement::Run);
        assert_eq!(judged("DROP TABLE t", &Ground::Transaction, Sqlite, true), Judgement::Run);
        for statement in ["DROP TABLE t", "CALL p()", "SELECT 1 /*! INTO OUTFILE 'x' */", "SET sql_mode = ''"] {
            assert!(refused(statement, Mariadb), "{statement}");
        }
        assert!(!refused("UPDATE t SET a = 1", Mariadb));
        // No ground can take a file back, so the hint names no other.
        let Judgement::Refuse(error) = judged("SELECT 1 INTO OUTFILE 'x'", &Ground::Transaction, Mariadb, true) else {
            panic!("a file is written")
        };
        assert!(error.message.contains("writes a file of the server"), "{error:?}");
        assert!(!error.hint.unwrap_or_default().contains("--on-copy"));
    }

    #[test]
    fn no_statement_leaves_the_copy() {
        let ground = Ground::Copy { others: vec!["shop".to_owned(), "mysql".to_owned()] };
        for statement in [
            "UPDATE Shop.items SET a = 1",
            "UPDATE `shop` . items SET a = 1",
            "/*!50000 DELETE FROM shop.items */",
            "ALTER DATABASE shop CHARACTER SET utf8mb4",
            "DROP DATABASE shop",
            "CREATE DATABASE other",
            "CREATE USER me",
            "CREATE OR REPLACE USER me",
            "GRANT SELECT ON t TO me",
            "USE shop",
            "SET GLOBAL max_connections = 1",
            "SET @@global.max_connections = 1",
            "SET PASSWORD = ''",
            "EXECUTE IMMEDIATE concat('DELETE FROM ', 'shop', '.items')",
            "CREATE PROCEDURE p() BEGIN PREPARE s FROM @x; END",
            "BEGIN NOT ATOMIC DELETE FROM items; END",
            "SELECT * FROM items INTO OUTFILE '/tmp/x'",
            "CREATE TABLE r (a INT) ENGINE = FEDERATED CONNECTION = 'mysql://h/d/t'",
            "CREATE TABLE r (a INT) /*! ENGINE = SPIDER */",
            "ALTER TABLE t ENGINE=CONNECT",
            "SET default_storage_engine = 'FEDERATED'",
            "FLUSH TABLES",
            "KILL 1",
        ] {
            let judged = judged(statement, &ground, Dialect::Mariadb, true);
            assert!(matches!(judged, Judgement::Refuse(_)), "{statement}: {judged:?}");
        }
        for statement in [
            "UPDATE items i SET i.a = 1",
            "CREATE TABLE t (a INT)",
            "CREATE TABLE t (a INT NOT NULL) ENGINE = CSV",
            "INSERT INTO t (engine, connect) VALUES ('S3', 1)",
            "CREATE OR REPLACE TEMPORARY TABLE t (a INT)",
            "CREATE UNIQUE INDEX i ON t (a)",
            "CREATE DEFINER = CURRENT_USER TRIGGER t BEFORE INSERT ON items FOR EACH ROW SET NEW.a = 1",
            "CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW v AS SELECT 1",
            "ALTER TABLE t ADD COLUMN b INT",
            "ALTER DATABASE CHARACTER SET utf8mb4",
            "ALTER DATABASE COLLATE utf8mb4_bin",
            "RENAME TABLE a TO b",
            "TRUNCATE t",
            "SET sql_mode = ''",
            "CALL p()",
        ] {
            assert_eq!(judged(statement, &ground, Dialect::Mariadb, true), Judgement::Run, "{statement}");
        }
        let file = Ground::Copy { others: Vec::new() };
        for (statement, runs) in
            [("ATTACH 'x.db' AS x", false), ("VACUUM main INTO 'x'", false), ("VACUUM", true), ("SELECT 1", true)]
        {
            assert_eq!(judged(statement, &file, Dialect::Sqlite, true) == Judgement::Run, runs, "{statement}");
        }
        let table = |schema: Option<&str>| TableName { schema: schema.map(str::to_owned), name: "t".to_owned() };
        assert!(judge_table(&table(Some("SHOP")), &ground).is_err());
        assert!(judge_table(&table(None), &ground).is_ok());
        assert!(judge_table(&table(Some("shop")), &Ground::Transaction).is_ok());
    }
}
