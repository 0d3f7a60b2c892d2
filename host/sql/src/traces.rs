//! What a statement of MySQL or MariaDB may leave in its session, judged by its words.

use super::tokens::Tokens;

/// What a statement may leave in its session for the next one to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traces {
    /// Nothing.
    None,
    /// Nothing but `LAST_INSERT_ID()`, unless a trigger or a function runs with it.
    Rows,
    /// Variables, settings, temporary tables, locks or anything else.
    Session,
}

/// Words of statements on rows.
const ROWS: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH"];

/// Words of statements that change the schema, and nothing else.
const SCHEMA: [&str; 5] = ["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"];

/// Words that make either leave more: temporary tables; what runs with later statements; user locks; the functions of MariaDB's
/// schema `sys`.
const MORE: [&str; 10] = [
    "TEMPORARY",
    "TRIGGER",
    "FUNCTION",
    "PROCEDURE",
    "EVENT",
    "PACKAGE",
    "GET_LOCK",
    "RELEASE_LOCK",
    "RELEASE_ALL_LOCKS",
    "SYS",
];

/// Returns what a statement may leave in its session. What is not known to leave nothing may leave anything.
pub fn traces(tokens: &Tokens<'_>) -> Traces {
    let statement = tokens.text();
    // A user variable, or a comment whose content is run.
    if statement.contains('@') || statement.contains("/*!") || statement.contains("/*M!") || tokens.mentions(&MORE) {
        return Traces::Session;
    }
    match () {
        () if tokens.begins_with(&ROWS) => Traces::Rows,
        // `CREATE TABLE … SELECT` runs what it selects.
        () if tokens.begins_with(&SCHEMA) && tokens.mentions(&["SELECT", "VALUES"]) => Traces::Rows,
        () if tokens.begins_with(&SCHEMA) => Traces::None,
        () => Traces::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn what_stays_in_the_session_is_told_from_the_words() {
        for (statement, left) in [
            ("CREATE TABLE t (a INT DEFAULT 'x')", Traces::None),
            ("/* why */ ALTER TABLE t ADD b INT", Traces::None),
            ("DROP INDEX i ON t", Traces::None),
            ("CREATE TABLE t AS SELECT f()", Traces::Rows),
            ("INSERT INTO t VALUES (1)", Traces::Rows),
            ("SELECT a FROM t", Traces::Rows),
            ("SELECT a INTO @x FROM t", Traces::Session),
            ("INSERT INTO t VALUES (@x)", Traces::Session),
            ("SELECT get_lock('a', 0)", Traces::Session),
            ("CREATE TEMPORARY TABLE t (a INT)", Traces::Session),
            ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", Traces::Session),
            ("/*!50000 SET sql_mode = '' */", Traces::Session),
            ("CREATE TABLE t (a INT) /*M!100000 COMMENT 'x' */", Traces::Session),
            ("SET sql_mode = ''", Traces::Session),
            ("CALL p()", Traces::Session),
            ("FLUSH TABLES WITH READ LOCK", Traces::Session),
            ("HANDLER t OPEN", Traces::Session),
            ("", Traces::Session),
        ] {
            assert_eq!(traces(&Tokens::new(statement, Dialect::Mariadb)), left, "{statement}");
        }
    }
}
