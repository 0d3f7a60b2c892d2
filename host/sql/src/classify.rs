//! Classifies statements by their effect on the surrounding transaction, from their first words. Used for planning and messages,
//! and as a first check against transaction control; the database makes the final decision.

use super::lex::{Lexer, TokenKind, tokens};
use super::{has_statement, postgres, sqlite};
use runner_base::dialect::Dialect;

/// Effect of a statement on the surrounding transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementClass {
    /// Reads or changes rows, and can be rolled back.
    Rows,
    /// Changes the schema or privileges; MySQL and MariaDB commit before and after it.
    Schema,
    /// Begins, ends or divides a transaction.
    TransactionControl,
    /// Cannot run inside a transaction: `VACUUM`, SQLite's `PRAGMA wal_checkpoint`, PostgreSQL's `CREATE INDEX
    /// CONCURRENTLY`, a `DO` that commits, and similar.
    RefusesTransaction,
    /// Changes settings of the session, or its role.
    Session,
    /// Anything else: procedures, anonymous blocks, commands of the server. It may do all of the above.
    Unknown,
}

/// Classifies a statement. One that cannot be parsed is [`StatementClass::Unknown`].
pub fn classify(statement: &str, dialect: Dialect) -> StatementClass {
    let words = leading_words(statement, dialect);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mysql = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let refuses = match dialect {
        Dialect::Postgres => {
            refuses_transaction(&words)
                || (words.first() == Some(&"DO") && postgres::commits_within(statement, dialect))
        }
        Dialect::Sqlite => sqlite::refuses_transaction(statement),
        Dialect::Mysql | Dialect::Mariadb => false,
    };
    if refuses {
        return StatementClass::RefusesTransaction;
    }
    match words.as_slice() {
        ["CREATE" | "DROP", "TEMPORARY", "TABLE", ..] | ["CREATE", "OR", "REPLACE", "TEMPORARY", "TABLE", ..]
            if mysql =>
        {
            StatementClass::Rows
        }
        ["LOAD", "DATA" | "XML", ..] if mysql => StatementClass::Rows,
        ["LOAD", "INDEX", ..] | ["SET", "PASSWORD", ..] | ["SET", "DEFAULT", "ROLE", ..] | ["RESET", ..] if mysql => {
            StatementClass::Schema
        }
        ["SET", rest @ ..] if mysql && rest.contains(&"AUTOCOMMIT") => StatementClass::TransactionControl,
        ["SET", "CONSTRAINTS", ..] if dialect == Dialect::Postgres => StatementClass::Rows,
        [
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "MERGE" | "VALUES" | "TABLE" | "WITH" | "SHOW"
            | "DESCRIBE" | "DESC" | "EXPLAIN" | "COPY",
            ..,
        ] => StatementClass::Rows,
        ["BEGIN", "NOT", "ATOMIC", ..] => StatementClass::Unknown,
        ["BEGIN" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "END" | "ABORT" | "XA", ..]
        | ["START", "TRANSACTION", ..]
        | ["PREPARE", "TRANSACTION", ..]
        | ["SET", "TRANSACTION" | "AUTOCOMMIT", ..]
        | ["SET", "SESSION" | "LOCAL" | "GLOBAL", "TRANSACTION" | "AUTOCOMMIT", ..]
        | ["SET", "SESSION", "CHARACTERISTICS", ..] => StatementClass::TransactionControl,
        ["LOCK" | "UNLOCK", "TABLE" | "TABLES", ..] if mysql => StatementClass::TransactionControl,
        ["SET" | "RESET" | "USE" | "DISCARD" | "LISTEN" | "UNLISTEN" | "LOAD", ..] => StatementClass::Session,
        [
            "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "RENAME" | "GRANT" | "REVOKE" | "COMMENT" | "REINDEX"
            | "CLUSTER" | "REFRESH" | "SECURITY" | "IMPORT" | "REASSIGN",
            ..,
        ] => StatementClass::Schema,
        ["ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK" | "FLUSH" | "CACHE" | "INSTALL" | "UNINSTALL", ..] if mysql => {
            StatementClass::Schema
        }
        ["ANALYZE" | "LOCK" | "NOTIFY", ..] => StatementClass::Rows,
        _ => StatementClass::Unknown,
    }
}

/// PostgreSQL statements that cannot run in a transaction block. (`ALTER TYPE … ADD VALUE` can since version 12, but its value cannot
/// be used before the commit.)
fn refuses_transaction(words: &[&str]) -> bool {
    match words {
        ["VACUUM", ..]
        | ["CREATE" | "DROP", "DATABASE" | "TABLESPACE", ..]
        | ["ALTER", "SYSTEM", ..]
        | ["CREATE" | "DROP", "SUBSCRIPTION", ..] => true,
        // Other changes of a subscription are allowed.
        ["ALTER", "SUBSCRIPTION", rest @ ..] => rest.iter().any(|word| matches!(*word, "REFRESH" | "PUBLICATION")),
        ["ALTER", "DATABASE", rest @ ..] => rest.windows(2).any(|pair| pair == ["SET", "TABLESPACE"]),
        ["CREATE", "INDEX", "CONCURRENTLY", ..]
        | ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", ..]
        | ["DROP", "INDEX", "CONCURRENTLY", ..] => true,
        ["REINDEX", rest @ ..] => {
            // Options in parentheses may precede the kind of object.
            let what = rest.iter().find(|word| matches!(**word, "INDEX" | "TABLE" | "SCHEMA" | "DATABASE" | "SYSTEM"));
            matches!(what, Some(&("SCHEMA" | "DATABASE" | "SYSTEM"))) || rest.contains(&"CONCURRENTLY")
        }
        ["ALTER", "TABLE", rest @ ..] => {
            rest.contains(&"DETACH") && rest.contains(&"PARTITION") && rest.contains(&"CONCURRENTLY")
        }
        ["CLUSTER"] | ["CLUSTER", "VERBOSE"] => true,
        _ => false,
    }
}

/// Maximum number of words to consider.
const LOOKED_AT: usize = 16;

/// The first words of a statement in upper case, without comments, punctuation and quoted texts. The content of an executable
/// comment `/*! … */` of MySQL and MariaDB does not count, so that a statement that begins with one is unknown.
pub fn leading_words(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut words = Vec::new();
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        match token.kind {
            TokenKind::Word => words.push(text.to_ascii_uppercase()),
            // `(SELECT …) UNION …` begins with a parenthesis.
            TokenKind::Sign if words.is_empty() && text == "(" => {}
            TokenKind::Quoted | TokenKind::Sign if words.is_empty() => break,
            _ => {}
        }
        if words.len() == LOOKED_AT {
            break;
        }
    }
    words
}

/// The statement with the content of executable comments of MySQL and MariaDB (`/*! … */`, `/*!50000 … */`,
/// `/*M! … */`) in place of the comments; `None` if it has none. A command of the client is not content: dumps of
/// MariaDB begin with one, in a version that no server has.
pub fn open_run_comments(statement: &str, dialect: Dialect) -> Option<String> {
    read_run_comments(statement, dialect, |inside| if inside.starts_with('\\') { "" } else { inside })
}

/// Whether a statement of MySQL or MariaDB is a setting in a comment, and nothing else:
/// `/*!40101 SET NAMES utf8mb4 */`.
pub fn is_setting_of_dump(statement: &str, dialect: Dialect) -> bool {
    let is_setting = |opened: String| classify(&opened, dialect) == StatementClass::Session;
    matches!(dialect, Dialect::Mysql | Dialect::Mariadb)
        && open_run_comments(statement, dialect).is_some_and(is_setting)
        && skip_run_comments(statement, dialect).is_some_and(|skipped| !has_statement(&skipped, dialect))
}

/// The statement without such comments, as a server runs it whose version is below theirs; `None` if it has none.
pub fn skip_run_comments(statement: &str, dialect: Dialect) -> Option<String> {
    read_run_comments(statement, dialect, |_| "")
}

fn read_run_comments(statement: &str, dialect: Dialect, read: impl Fn(&str) -> &str) -> Option<String> {
    let mut lexer = Lexer::new(statement, dialect);
    let mut opened = String::new();
    let mut copied = 0;
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        let Some(inside) = text.strip_prefix("/*!").or_else(|| text.strip_prefix("/*M!")) else { continue };
        let inside = inside.strip_suffix("*/").unwrap_or(inside).trim_start_matches(|c: char| c.is_ascii_digit());
        opened.push_str(&statement[copied..token.range.start]);
        opened.push(' ');
        opened.push_str(read(inside));
        opened.push(' ');
        copied = token.range.end;
    }
    (copied > 0).then(|| opened + &statement[copied..])
}

/// The database that a `USE` of MySQL or MariaDB makes the session's own.
pub fn used_database(statement: &str, dialect: Dialect) -> Option<String> {
    if !matches!(dialect, Dialect::Mysql | Dialect::Mariadb) {
        return None;
    }
    let opened = open_run_comments(statement, dialect);
    let mut names = identifiers(opened.as_deref().unwrap_or(statement), dialect).into_iter();
    names.next().filter(|first| first.eq_ignore_ascii_case("USE")).and_then(|_| names.next())
}

/// Whether a statement only reads, judging by its first word; functions that it calls may write.
pub fn reads(statement: &str, dialect: Dialect) -> bool {
    let words = leading_words(statement, dialect);
    match words.first().map_or("", String::as_str) {
        "SELECT" | "SHOW" | "DESCRIBE" | "DESC" | "VALUES" | "TABLE" => true,
        // `EXPLAIN ANALYZE` runs what it explains.
        "EXPLAIN" => !words.iter().any(|word| word == "ANALYZE"),
        _ => false,
    }
}

/// The table that `CREATE TEMPORARY TABLE` of MySQL and MariaDB creates: its unquoted names, with that of the database first if
/// given.
pub fn temporary_table(statement: &str, dialect: Dialect) -> Option<Vec<String>> {
    let mut tokens = tokens(statement, dialect).map(|(_, text)| text).peekable();
    let skip = |tokens: &mut std::iter::Peekable<_>, words: &[&str]| {
        words.iter().all(|word| tokens.next_if(|token: &&str| token.eq_ignore_ascii_case(word)).is_some())
    };
    if !skip(&mut tokens, &["CREATE"]) {
        return None;
    }
    skip(&mut tokens, &["OR", "REPLACE"]);
    if !skip(&mut tokens, &["TEMPORARY", "TABLE"]) {
        return None;
    }
    skip(&mut tokens, &["IF", "NOT", "EXISTS"]);
    let mut names = vec![unquote(tokens.next()?)];
    if tokens.next_if_eq(&".").is_some() {
        names.push(unquote(tokens.next()?));
    }
    Some(names)
}

/// The statement with its placeholders, `$1`, `$2` … or `?`, replaced by texts; `None` if one is missing or left, or for more than
/// one statement.
pub fn substitute(statement: &str, dialect: Dialect, texts: &[String]) -> Option<String> {
    let mut result = String::with_capacity(statement.len() + 64);
    let mut lexer = Lexer::new(statement, dialect);
    let mut behind_dollar = false;
    let has_question_marks = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let mut rest = texts.iter();
    while let Some(token) = lexer.next_token().ok()? {
        let text = &statement[token.range.clone()];
        if behind_dollar {
            let number: usize = text.parse().ok()?;
            result.push_str(texts.get(number.checked_sub(1)?)?);
        }
        match token.kind {
            TokenKind::Semicolon => return None,
            _ if behind_dollar => {}
            TokenKind::Sign if text == "?" && has_question_marks => result.push_str(rest.next()?),
            TokenKind::Sign if text == "$" => {}
            _ => result.push_str(text),
        }
        behind_dollar = text == "$" && token.kind == TokenKind::Sign;
    }
    let is_complete = !has_question_marks || rest.next().is_none();
    (!behind_dollar && is_complete).then_some(result)
}

/// The unquoted names and words of a statement. Quoted texts are included, since some dialects quote names like strings.
pub fn identifiers(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut found = Vec::new();
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        match token.kind {
            TokenKind::Word => found.push(text.to_owned()),
            TokenKind::Quoted => found.push(unquote(text)),
            _ => {}
        }
    }
    found
}

/// Whether a statement has a comma outside parentheses, that is, a list of objects.
pub fn has_list(statement: &str, dialect: Dialect) -> bool {
    let mut depth = 0_usize;
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        match (token.kind, &statement[token.range]) {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            (TokenKind::Sign, ",") if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

pub(super) fn unquote(text: &str) -> String {
    let mut characters = text.chars();
    let (Some(first), Some(last)) = (characters.next(), characters.next_back()) else { return text.to_owned() };
    let inside = characters.as_str();
    match (first, last) {
        ('"', '"') | ('`', '`') | ('\'', '\'') => inside.replace(&format!("{first}{first}"), &first.to_string()),
        ('[', ']') => inside.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_give_way_to_texts() {
        let page = "SELECT \"$1\" FROM t WHERE (a, b) > ($1, $2) AND a <= $1 LIMIT 7";
        let texts = ["'-5'", "'it''s $1'"].map(str::to_owned);
        let expected = "SELECT \"$1\" FROM t WHERE (a, b) > ('-5', 'it''s $1') AND a <= '-5' LIMIT 7";
        assert_eq!(substitute(page, Dialect::Postgres, &texts).as_deref(), Some(expected));
        for statement in ["SELECT $3", "SELECT $1; SELECT 2"] {
            assert_eq!(substitute(statement, Dialect::Postgres, &texts), None, "{statement}");
        }
    }

    #[test]
    fn statements_are_classified() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        use StatementClass::{RefusesTransaction, Rows, Schema, Session, TransactionControl, Unknown};
        for (dialect, statement, class) in [
            (Postgres, "-- a\n/* b */ sElEcT 1", Rows),
            (Postgres, "(SELECT 1) UNION (SELECT 2)", Rows),
            (Postgres, "WITH x AS (SELECT 1) DELETE FROM t", Rows),
            (Postgres, "create index Concurrently i on t (a)", RefusesTransaction),
            (Postgres, "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", RefusesTransaction),
            (Postgres, "CREATE INDEX i ON t (concurrently)", Schema),
            (Postgres, "REINDEX TABLE CONCURRENTLY t", RefusesTransaction),
            (Postgres, "REINDEX (VERBOSE) INDEX CONCURRENTLY i", RefusesTransaction),
            (Postgres, "ALTER TABLE p DETACH PARTITION q CONCURRENTLY", RefusesTransaction),
            (Postgres, "ALTER TABLE p DETACH PARTITION q", Schema),
            (Postgres, "VACUUM t", RefusesTransaction),
            (Sqlite, "VACUUM", RefusesTransaction),
            (Sqlite, "PRAGMA journal_mode = DELETE", RefusesTransaction),
            (Postgres, "REINDEX (VERBOSE) DATABASE d", RefusesTransaction),
            (Postgres, "REINDEX TABLE t", Schema),
            (Postgres, "CLUSTER t USING i", Schema),
            (Postgres, "ALTER SUBSCRIPTION s DISABLE", Schema),
            (Postgres, "ALTER SUBSCRIPTION s REFRESH PUBLICATION", RefusesTransaction),
            (Postgres, "ALTER DATABASE d SET TABLESPACE t", RefusesTransaction),
            (Postgres, "SET CONSTRAINTS ALL DEFERRED", Rows),
            (Postgres, "LOAD 'auto_explain'", Session),
            (Mysql, "LOAD DATA INFILE 'x' INTO TABLE t", Rows),
            (Mysql, "SET @x = 1, autocommit = 0", TransactionControl),
            (Mysql, "SET PASSWORD = 'x'", Schema),
            (Mariadb, "SET DEFAULT ROLE NONE", Schema),
            (Mariadb, "RESET QUERY CACHE", Schema),
            (Postgres, "RESET search_path", Session),
            (Mariadb, "CREATE OR REPLACE TEMPORARY TABLE t (a INT)", Rows),
            (Postgres, "ALTER TYPE e ADD VALUE 'x'", Schema),
            (Postgres, "PREPARE TRANSACTION 'x'", TransactionControl),
            (Postgres, "SET ROLE x", Session),
            (Postgres, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", TransactionControl),
            (Postgres, "DO $$ BEGIN END $$", Unknown),
            (Postgres, "DO $$ BEGIN COMMIT; END $$", RefusesTransaction),
            (Postgres, "CALL p()", Unknown),
            (Postgres, "-- a\rCOMMIT", TransactionControl),
            (Mariadb, "CREATE TABLE t (a INT)", Schema),
            (Mariadb, "CREATE TEMPORARY TABLE t (a INT)", Rows),
            (Mariadb, "/*!50000 COMMIT */", Unknown),
            (Mariadb, "BEGIN NOT ATOMIC SELECT 1; END", Unknown),
            (Mariadb, "XA START 'x'", TransactionControl),
            (Mariadb, "LOCK TABLES t READ", TransactionControl),
            (Mysql, "SET autocommit = 0", TransactionControl),
            (Mysql, "CALL p()", Unknown),
            (Mysql, "OPTIMIZE TABLE t", Schema),
            (Sqlite, "BEGIN IMMEDIATE", TransactionControl),
            (Sqlite, "PRAGMA user_version", Unknown),
            (Sqlite, "", Unknown),
        ] {
            assert_eq!(classify(statement, dialect), class, "{dialect}: {statement}");
        }
    }

    #[test]
    fn temporary_tables_are_named() {
        for (statement, names) in [
            ("CREATE TEMPORARY TABLE `a``b` (id INT)", Some(vec!["a`b"])),
            ("create /* x */ temporary table if not exists app . `t` (id INT)", Some(vec!["app", "t"])),
            ("CREATE OR REPLACE TEMPORARY TABLE t AS SELECT 1", Some(vec!["t"])),
            ("CREATE TABLE t (id INT)", None),
            ("CREATE TEMPORARY TABLE", None),
        ] {
            let found = temporary_table(statement, Dialect::Mariadb);
            assert_eq!(found, names.map(|names| names.into_iter().map(str::to_owned).collect()), "{statement}");
        }
    }

    #[test]
    fn executable_comments_are_opened() {
        for (statement, opened) in [
            ("/*!50000 COMMIT */", Some("  COMMIT  ")),
            ("/*M! commit */ -- x", Some("  commit   -- x")),
            ("SELECT '/*! a */' /* b */", None),
            ("SELECT 1 /*!99999 + 1 */ + 2", Some("SELECT 1   + 1   + 2")),
        ] {
            assert_eq!(open_run_comments(statement, Dialect::Mariadb).as_deref(), opened, "{statement}");
        }
    }

    #[test]
    fn names_are_found_in_any_quotes() {
        let found = identifiers("INSERT INTO `a``b`.t SELECT \"C\" -- d\n FROM 'e'", Dialect::Mariadb);
        assert_eq!(found, ["INSERT", "INTO", "a`b", "t", "SELECT", "C", "FROM", "e"]);
    }
}
