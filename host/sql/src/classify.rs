//! Classifies statements by their effect on the surrounding transaction, from their first words. Used for planning and messages,
//! and as a first check against transaction control; the database makes the final decision.

use std::iter::Peekable;

use super::lex::TokenKind;
use super::tokens::Tokens;
use super::unquote::unquote;
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

/// First words of statements on rows.
const ROWS: [&str; 13] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "VALUES", "TABLE", "WITH", "SHOW", "DESCRIBE", "DESC",
    "EXPLAIN",
];

/// Whether a statement that begins with this word is one on rows, whatever comes after it.
fn is_of_rows(first: &str) -> bool {
    ROWS.iter().any(|word| word.eq_ignore_ascii_case(first))
}

/// Classifies a statement. One that cannot be parsed is [`StatementClass::Unknown`].
pub fn classify(tokens: &Tokens<'_>) -> StatementClass {
    // As most are, in large files.
    if leading(tokens).next().is_some_and(is_of_rows) {
        return StatementClass::Rows;
    }
    let dialect = tokens.dialect();
    let words = leading_words(tokens);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mysql = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let refuses = match dialect {
        Dialect::Postgres => {
            refuses_transaction(&words) || (words.first() == Some(&"DO") && postgres::commits_within(tokens))
        }
        Dialect::Sqlite => sqlite::refuses_transaction(tokens),
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
        ["COPY", ..] => StatementClass::Rows,
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
pub fn leading_words(tokens: &Tokens<'_>) -> Vec<String> {
    leading(tokens).take(LOOKED_AT).map(str::to_ascii_uppercase).collect()
}

fn leading<'a>(tokens: &Tokens<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let mut has_begun = false;
    let words = tokens.head().map_while(move |(kind, text)| match kind {
        TokenKind::Word => {
            has_begun = true;
            Some(Some(text))
        }
        // `(SELECT …) UNION …` begins with a parenthesis.
        TokenKind::Quoted | TokenKind::Sign if !has_begun && text != "(" => None,
        _ => Some(None),
    });
    words.flatten()
}

/// The statement with the content of executable comments of MySQL and MariaDB (`/*! … */`, `/*!50000 … */`,
/// `/*M! … */`) in place of the comments; `None` if it has none. A command of the client is not content: dumps of
/// MariaDB begin with one, in a version that no server has.
pub fn open_run_comments(tokens: &Tokens<'_>) -> Option<String> {
    read_run_comments(tokens, |inside| if inside.starts_with('\\') { "" } else { inside })
}

/// Whether a statement of MySQL or MariaDB is a setting in a comment, and nothing else:
/// `/*!40101 SET NAMES utf8mb4 */`.
pub fn is_setting_of_dump(tokens: &Tokens<'_>) -> bool {
    let dialect = tokens.dialect();
    let is_setting = |opened: String| classify(&Tokens::new(&opened, dialect)) == StatementClass::Session;
    matches!(dialect, Dialect::Mysql | Dialect::Mariadb)
        && open_run_comments(tokens).is_some_and(is_setting)
        && skip_run_comments(tokens).is_some_and(|skipped| !has_statement(&skipped, dialect))
}

/// The statement without such comments, as a server runs it whose version is below theirs; `None` if it has none.
pub fn skip_run_comments(tokens: &Tokens<'_>) -> Option<String> {
    read_run_comments(tokens, |_| "")
}

fn read_run_comments(tokens: &Tokens<'_>, read: impl Fn(&str) -> &str) -> Option<String> {
    let statement = tokens.text();
    if !(statement.contains("/*!") || statement.contains("/*M!")) {
        return None;
    }
    let mut opened = String::new();
    let mut copied = 0;
    for (_, text) in tokens.parts() {
        let Some(inside) = text.strip_prefix("/*!").or_else(|| text.strip_prefix("/*M!")) else { continue };
        let inside = inside.strip_suffix("*/").unwrap_or(inside).trim_start_matches(|c: char| c.is_ascii_digit());
        let place = tokens.place(text);
        opened.push_str(&statement[copied..place.start]);
        opened.push(' ');
        opened.push_str(read(inside));
        opened.push(' ');
        copied = place.end;
    }
    (copied > 0).then(|| opened + &statement[copied..])
}

/// The database that a `USE` of MySQL or MariaDB makes the session's own.
pub fn used_database(tokens: &Tokens<'_>) -> Option<String> {
    if !matches!(tokens.dialect(), Dialect::Mysql | Dialect::Mariadb) {
        return None;
    }
    let opened = open_run_comments(tokens).map(|opened| used(&Tokens::new(&opened, tokens.dialect())));
    opened.unwrap_or_else(|| used(tokens))
}

fn used(tokens: &Tokens<'_>) -> Option<String> {
    if !tokens.begins_with(&["USE"]) {
        return None;
    }
    tokens.identifiers().get(1).map(|name| name.to_string())
}

/// Whether a statement only reads, judging by its first word; functions that it calls may write.
pub fn reads(tokens: &Tokens<'_>) -> bool {
    let words = leading_words(tokens);
    match words.first().map_or("", String::as_str) {
        "SELECT" | "SHOW" | "DESCRIBE" | "DESC" | "VALUES" | "TABLE" => true,
        // `EXPLAIN ANALYZE` runs what it explains.
        "EXPLAIN" => !words.iter().any(|word| word == "ANALYZE"),
        _ => false,
    }
}

/// Whether a statement inserts the rows that it names, without a query in it. A word may also be a name; then the answer may be no.
/// Most statements of large files are asked, so none of their tokens is kept.
pub fn inserts_values(tokens: &Tokens<'_>) -> bool {
    let mut words = leading(tokens);
    if !words.next().is_some_and(|first| first.eq_ignore_ascii_case("INSERT")) {
        return false;
    }
    let mut has_values = false;
    for word in words {
        if ["SELECT", "TABLE", "WITH"].iter().any(|it| it.eq_ignore_ascii_case(word)) {
            return false;
        }
        has_values |= word.eq_ignore_ascii_case("VALUES");
    }
    has_values
}

/// Whether an insert names its table with a schema, or a database: before the columns and the rows.
pub fn names_schema(tokens: &Tokens<'_>) -> bool {
    let is_end = |part: &(TokenKind, &str)| part.1 == "(" || part.1.to_ascii_uppercase().starts_with("VALUE");
    tokens.head().take_while(|part| !is_end(part)).any(|(_, text)| text == ".")
}

/// The table that `CREATE TEMPORARY TABLE` of MySQL and MariaDB creates: its unquoted names, with that of the database first if
/// given.
pub fn temporary_table(tokens: &Tokens<'_>) -> Option<Vec<String>> {
    let mut parts = tokens.head().map(|(_, text)| text).peekable();
    let skip = |parts: &mut Peekable<_>, words: &[&str]| {
        words.iter().all(|word| parts.next_if(|part: &&str| part.eq_ignore_ascii_case(word)).is_some())
    };
    if !skip(&mut parts, &["CREATE"]) {
        return None;
    }
    skip(&mut parts, &["OR", "REPLACE"]);
    if !skip(&mut parts, &["TEMPORARY", "TABLE"]) {
        return None;
    }
    skip(&mut parts, &["IF", "NOT", "EXISTS"]);
    let mut names = vec![unquote(parts.next()?).into_owned()];
    if parts.next_if_eq(&".").is_some() {
        names.push(unquote(parts.next()?).into_owned());
    }
    Some(names)
}

/// The statement with its placeholders, `$1`, `$2` … or `?`, replaced by texts; `None` if one is missing or left, or for more than
/// one statement.
pub fn substitute(statement: &str, dialect: Dialect, texts: &[String]) -> Option<String> {
    let tokens = Tokens::new(statement, dialect);
    if !tokens.is_whole() {
        return None;
    }
    let mut result = String::with_capacity(statement.len() + 64);
    let has_question_marks = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let (mut rest, mut copied, mut dollar) = (texts.iter(), 0, None);
    for (kind, text) in tokens.parts() {
        let place = tokens.place(text);
        let value = match dollar.take() {
            Some(end) if end != place.start => return None,
            Some(_) => texts.get(text.parse::<usize>().ok()?.checked_sub(1)?)?,
            None => match (*kind, *text) {
                (TokenKind::Semicolon, _) => return None,
                (TokenKind::Sign, "?") if has_question_marks => rest.next()?,
                (TokenKind::Sign, "$") => {
                    result.push_str(&statement[copied..place.start]);
                    (copied, dollar) = (place.end, Some(place.end));
                    continue;
                }
                _ => continue,
            },
        };
        result.push_str(&statement[copied..place.start]);
        result.push_str(value);
        copied = place.end;
    }
    result.push_str(&statement[copied..]);
    let is_complete = !has_question_marks || rest.next().is_none();
    (dollar.is_none() && is_complete).then_some(result)
}

/// Whether a statement has a comma outside parentheses, that is, a list of objects.
pub fn has_list(tokens: &Tokens<'_>) -> bool {
    let mut depth = 0_usize;
    for part in tokens.parts() {
        match part {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            (TokenKind::Sign, ",") if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_a_statement_names_are_known() {
        for (text, inserts) in [
            ("INSERT INTO t VALUES (1, 'SELECTED')", true),
            ("/* why */ insert into t (a) values (1), (2) ON CONFLICT DO NOTHING", true),
            ("INSERT INTO t SELECT 1", false),
            ("INSERT INTO t VALUES ((SELECT max(a) FROM u))", false),
            ("INSERT INTO t TABLE u", false),
            ("WITH u AS (VALUES (1)) INSERT INTO t TABLE u", false),
            ("REPLACE INTO t VALUES (1)", false),
            ("UPDATE t SET a = 1", false),
        ] {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
                assert_eq!(inserts_values(&Tokens::new(text, dialect)), inserts, "{dialect}: {text}");
            }
        }
    }

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
            assert_eq!(classify(&Tokens::new(statement, dialect)), class, "{dialect}: {statement}");
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
            let found = temporary_table(&Tokens::new(statement, Dialect::Mariadb));
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
            assert_eq!(open_run_comments(&Tokens::new(statement, Dialect::Mariadb)).as_deref(), opened, "{statement}");
        }
    }

    #[test]
    fn names_are_found_in_any_quotes() {
        let found = Tokens::new("INSERT INTO `a``b`.t SELECT \"C\" -- d\n FROM 'e'", Dialect::Mariadb);
        assert_eq!(found.identifiers(), ["INSERT", "INTO", "a`b", "t", "SELECT", "C", "FROM", "e"]);
    }
}
