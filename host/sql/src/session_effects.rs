//! What a statement of MySQL or MariaDB may leave in its session, judged by its words.

use super::tokens::Tokens;

/// What a statement may leave in its session for the next one to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEffects {
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
pub fn session_effects(tokens: &Tokens<'_>) -> SessionEffects {
    let statement = tokens.text();
    // A user variable, or a comment whose content is run.
    if statement.contains('@') || statement.contains("/*!") || statement.contains("/*M!") || tokens.mentions(&MORE) {
        return SessionEffects::Session;
    }
    match () {
        () if tokens.begins_with(&ROWS) => SessionEffects::Rows,
        // `CREATE TABLE … SELECT` runs what it selects.
        () if tokens.begins_with(&SCHEMA) && tokens.mentions(&["SELECT", "VALUES"]) => SessionEffects::Rows,
        () if tokens.begins_with(&SCHEMA) => SessionEffects::None,
        () => SessionEffects::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn what_stays_in_the_session_is_judged_by_the_words() {
        for (statement, left) in [
            ("CREATE TABLE t (a INT DEFAULT 'x')", SessionEffects::None),
            ("/* why */ ALTER TABLE t ADD b INT", SessionEffects::None),
            ("DROP INDEX i ON t", SessionEffects::None),
            ("CREATE TABLE t AS SELECT f()", SessionEffects::Rows),
            ("INSERT INTO t VALUES (1)", SessionEffects::Rows),
            ("SELECT a FROM t", SessionEffects::Rows),
            ("SELECT a INTO @x FROM t", SessionEffects::Session),
            ("INSERT INTO t VALUES (@x)", SessionEffects::Session),
            ("SELECT get_lock('a', 0)", SessionEffects::Session),
            ("CREATE TEMPORARY TABLE t (a INT)", SessionEffects::Session),
            ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", SessionEffects::Session),
            ("/*!50000 SET sql_mode = '' */", SessionEffects::Session),
            ("CREATE TABLE t (a INT) /*M!100000 COMMENT 'x' */", SessionEffects::Session),
            ("SET sql_mode = ''", SessionEffects::Session),
            ("CALL p()", SessionEffects::Session),
            ("FLUSH TABLES WITH READ LOCK", SessionEffects::Session),
            ("HANDLER t OPEN", SessionEffects::Session),
            ("", SessionEffects::Session),
        ] {
            assert_eq!(session_effects(&Tokens::new(statement, Dialect::Mariadb)), left, "{statement}");
        }
    }
}
