//! What the text of a statement shows in a session with a login of its own, whose rights hold the rest; and what each session of a migration is
//! refused alike.

use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};
use runner_sql::classify::open_run_comments;
use runner_sql::{StatementClass, classify, identifiers, quoted};

/// Functions that release the locks by which runner recognises its live session.
const FREES_LOCKS: [&str; 2] = ["RELEASE_LOCK", "RELEASE_ALL_LOCKS"];

/// What the names of runner's user locks begin with.
const LOCK_NAMES: &str = "runner:";

/// Modes in which the server finds the end of a string elsewhere than runner does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quoting {
    /// `NO_BACKSLASH_ESCAPES`.
    pub plain_backslash: bool,
    /// `ANSI_QUOTES`: in a name there are no escapes.
    pub ansi: bool,
}

impl Quoting {
    /// Of a `sql_mode`.
    pub fn of(mode: &str) -> Self {
        let has = |wanted: &str| mode.split(',').any(|it| it.trim().eq_ignore_ascii_case(wanted));
        Self { plain_backslash: has("NO_BACKSLASH_ESCAPES"), ansi: has("ANSI_QUOTES") }
    }

    /// Whether the server reads the statement in another way.
    pub fn differs(self, statement: &str, dialect: Dialect) -> bool {
        let differs = |token: &str| {
            token.contains('\\')
                && (self.plain_backslash && token.starts_with(['\'', '"']) || self.ansi && token.starts_with('"'))
        };
        (self.plain_backslash || self.ansi) && quoted(statement, dialect).into_iter().any(differs)
    }

    /// Fails if the server reads the statement in another way.
    pub fn check(self, statement: &str, dialect: Dialect) -> Result<(), DatabaseError> {
        if self.differs(statement, dialect) {
            return Err(denied(
                "a string with a backslash in the `sql_mode` in force (`NO_BACKSLASH_ESCAPES`, or `ANSI_QUOTES` for text \
                 in double quotes)",
            )
            .hint("runner splits a file by the rules of the default mode: remove the mode, or the backslash"));
        }
        Ok(())
    }
}

/// Fails if a component on the session of its own login may not run a statement; otherwise returns its class. What it reads and changes is
/// for the rights of the login; this is what a login may do by itself, and must not.
pub(super) fn check_with_login(
    statement: &str,
    dialect: Dialect,
    quoting: Quoting,
) -> Result<StatementClass, DatabaseError> {
    quoting.check(statement, dialect)?;
    if open_run_comments(statement, dialect).is_some() {
        return Err(run_comment());
    }
    check_locks(&identifiers(statement, dialect))?;
    check_hint(statement)?;
    Ok(classify(statement, dialect))
}

/// The error of a statement whose comments the server runs.
pub(super) fn run_comment() -> DatabaseError {
    denied("a statement with a comment `/*! … */` that the server runs")
        .hint("write its text without the comment; `dialect` tells which server it is")
}

/// Refuses what frees the locks of runner, or takes one.
pub(super) fn check_locks(names: &[String]) -> Result<(), DatabaseError> {
    let has = |name: &str| names.iter().any(|it| it.eq_ignore_ascii_case(name));
    if let Some(name) = FREES_LOCKS.into_iter().find(|name| has(name)) {
        return Err(denied(&format!("`{name}`: runner's own lock is held by the session"))
            .hint("locks that a migration takes end with it"));
    }
    if has("GET_LOCK") && names.iter().any(|name| name.to_ascii_lowercase().starts_with(LOCK_NAMES)) {
        return Err(denied("`GET_LOCK` of a lock of runner's").hint("give the lock another name"));
    }
    Ok(())
}

/// Refuses a hint that gives a variable another value while the statement runs. A hint looks like a comment.
pub(super) fn check_hint(statement: &str) -> Result<(), DatabaseError> {
    if !(statement.contains("/*+") && statement.to_ascii_uppercase().contains("SET_VAR")) {
        return Ok(());
    }
    Err(denied(
        "a statement with the hint `SET_VAR` from a component: what it turns off, such as checks of foreign keys, protects tables of \
         others too",
    )
    .hint("leave the hint out"))
}

/// The error of what a migration may not run.
pub(super) fn denied(what: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("a migration may not run {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_where_the_server_ends_it() {
        for (mode, text, allowed) in [
            ("STRICT_TRANS_TABLES", r"SELECT '\''", true),
            ("NO_BACKSLASH_ESCAPES", "SELECT 'a'", true),
            ("no_backslash_escapes", r"SELECT '\' AS a -- '", false),
            ("ANSI_QUOTES", r"SELECT '\''", true),
            ("ANSI_QUOTES", r#"SELECT 1 AS "\" -- ""#, false),
            ("NO_BACKSLASH_ESCAPES", r"SELECT `\`", true),
        ] {
            let quoting = Quoting::of(mode);
            assert_eq!(quoting.check(text, Dialect::Mariadb).is_ok(), allowed, "{mode}: {text}");
        }
    }

    #[test]
    fn what_a_login_may_do_by_itself_is_refused() {
        for (statement, allowed) in [
            ("SELECT a FROM t", true),
            ("SELECT 1 /*! + 1 */", false),
            ("SELECT release_all_locks()", false),
            ("SELECT GET_LOCK('runner:x', 0)", false),
            ("SELECT GET_LOCK('mine', 0)", true),
            ("DELETE /*+ BKA(t) set_var(foreign_key_checks = 0) */ FROM t", false),
        ] {
            let answer = check_with_login(statement, Dialect::Mysql, Quoting::default());
            assert_eq!(answer.is_ok(), allowed, "{statement}");
        }
    }
}
