//! What the text of a statement shows in a session with a login of its own, whose rights hold the rest; and what each session of a migration is
//! refused alike.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::error::{NOT_PREPARABLE, Result};
use crate::link::Link;
use crate::link::settings::Quoting;
use runner_database::logins::refusals::{cannot_run, check_statement};
use runner_database::{DatabaseError, DatabaseErrorKind};
use runner_sql::classify::open_run_comments;
use runner_sql::{StatementClass, Tokens, classify};

/// Functions that release the locks by which runner recognises its live session.
const FREES_LOCKS: [&str; 2] = ["RELEASE_LOCK", "RELEASE_ALL_LOCKS"];

/// What the names of runner's user locks begin with.
const LOCK_NAMES: &str = "runner:";

/// Fails if a component on the session of its own login may not run a statement; otherwise returns its class. What it reads and changes is
/// for the rights of the login; this is what a login may do by itself, and must not.
pub(crate) fn check_with_login(tokens: &Tokens<'_>, quoting: Quoting) -> Result<StatementClass> {
    check_quoting(quoting, tokens)?;
    if open_run_comments(tokens).is_some() {
        return Err(run_comment());
    }
    check_locks(tokens)?;
    check_hint(tokens.text())?;
    Ok(classify(tokens))
}

/// Fails if the server reads the statement in another way.
pub(crate) fn check_quoting(quoting: Quoting, tokens: &Tokens<'_>) -> Result<()> {
    if quoting.differs(tokens) {
        return Err(denied(
            "a string with a backslash in the `sql_mode` in force (`NO_BACKSLASH_ESCAPES`, or `ANSI_QUOTES` for text \
             in double quotes)",
        )
        .hint("runner splits a file by the rules of the default mode: remove the mode, or the backslash"));
    }
    Ok(())
}

/// The error of a statement whose comments the server runs.
pub(crate) fn run_comment() -> DatabaseError {
    denied("a statement with a comment `/*! … */` that the server runs")
        .hint("write its text without the comment; `dialect` says which server it is")
}

/// Refuses what frees the locks of runner, or takes one.
pub(crate) fn check_locks(tokens: &Tokens<'_>) -> Result<()> {
    if let Some(name) = FREES_LOCKS.into_iter().find(|name| tokens.mentions(&[name])) {
        return Err(denied(&format!("`{name}`: runner's own lock is held by the session"))
            .hint("locks that a migration takes end with it"));
    }
    let is_ours = |name: &Cow<'_, str>| name.to_ascii_lowercase().starts_with(LOCK_NAMES);
    if tokens.mentions(&["GET_LOCK"]) && tokens.identifiers().iter().any(is_ours) {
        return Err(denied("`GET_LOCK` of a lock of runner's").hint("give the lock another name"));
    }
    Ok(())
}

/// Refuses a hint that gives a variable another value while the statement runs. A hint looks like a comment.
pub(crate) fn check_hint(statement: &str) -> Result<()> {
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
pub(crate) fn denied(what: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("a migration may not run {what}"))
}

/// What a component under grants may say. The server is asked too; this only gives the better error.
const MAY_SAY: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "VALUES", "WITH"];

/// How many statements are remembered.
const KNOWN: usize = 256;

/// The server could not read a text.
const UNREADABLE: &str = "1064";

/// Statements that the server has found to be queries or changes of rows.
#[derive(Default)]
pub(super) struct Granted {
    known: HashSet<String>,
}

impl Granted {
    /// Refuses a statement that is neither a query nor a change of rows. The server decides: it explains nothing else, and reads the whole
    /// text before it does anything. A `HANDLER` would return columns that are not granted, and a change of the schema would commit even
    /// where it is refused.
    pub async fn check(&mut self, link: &mut Link, tokens: &Tokens<'_>) -> Result<()> {
        check_statement(tokens, &MAY_SAY)?;
        let statement = tokens.text();
        if self.known.contains(statement) {
            return Ok(());
        }
        if let Err(error) = link.prepare(&format!("EXPLAIN FORMAT=JSON {statement}")).await {
            if [UNREADABLE, NOT_PREPARABLE].contains(&error.code.as_str()) {
                // Its own error, if it is not a statement at all.
                return link.prepare(statement).await.and_then(|_| Err(cannot_run(statement)));
            }
            if error.code.is_empty() {
                return Err(error);
            }
            // It is one, and fails when it runs.
        }
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(statement.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

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
            assert_eq!(check_quoting(quoting, &Tokens::new(text, Dialect::Mariadb)).is_ok(), allowed, "{mode}: {text}");
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
            let answer = check_with_login(&Tokens::new(statement, Dialect::Mysql), Quoting::default());
            assert_eq!(answer.is_ok(), allowed, "{statement}");
        }
    }
}
