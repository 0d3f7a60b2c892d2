//! Settings of a server under which its own client would read a text in SQL in another way than runner does.

use runner_base::error::Error;
use runner_database::Facts;
use runner_database::facts::UnreadMode;
use runner_sql::classify::open_run_comments;
use runner_sql::{Statement, StatementClass, Tokens, quoted};

/// Whether a statement gives the setting of such modes a value, and so says how what is below it is meant.
pub fn sets(tokens: &Tokens<'_>, facts: &Facts) -> bool {
    let Some(mode) = facts.unread_modes.first().copied() else { return false };
    let sets = |tokens: &Tokens<'_>| tokens.begins_with(&["SET"]) && tokens.mentions(&[setting(mode).0]);
    // Dumps put it into a comment that the server runs.
    match open_run_comments(tokens) {
        Some(opened) => sets(&Tokens::new(&opened, facts.dialect)),
        None => sets(tokens),
    }
}

/// The setting, and what runner reads with.
fn setting(mode: UnreadMode) -> (&'static str, &'static str) {
    match mode {
        UnreadMode::BackslashEscapes => ("standard_conforming_strings", "on"),
        _ => ("sql_mode", "'STRICT_TRANS_TABLES'"),
    }
}

/// Why a statement is refused on a server with such modes, below no statement that [`sets`] them.
pub fn refused(statement: Statement<'_>, tokens: &Tokens<'_>, facts: &Facts) -> Option<Error> {
    let mode = facts.unread_modes.iter().copied().find(|mode| means_another(statement, tokens, *mode))?;
    let (setting, value) = setting(mode);
    let (what, of) = match mode {
        UnreadMode::EmptyStringIsNull => ("an empty string", "`EMPTY_STRING_IS_NULL` in its `sql_mode`"),
        UnreadMode::Oracle => ("a definition", "`ORACLE` in its `sql_mode`"),
        UnreadMode::NoBackslashEscapes => ("a string with a backslash", "`NO_BACKSLASH_ESCAPES` in its `sql_mode`"),
        UnreadMode::BackslashEscapes => ("a string with a backslash", "`standard_conforming_strings` off"),
    };
    Some(Error::usage(format!("the server has {of}, and runner would read {what} without it")).hint(format!(
        "write `SET {setting} = {value};` at the top of the file if it is meant so; otherwise write the statement in a way that does not \
         depend on the setting"
    )))
}

/// Whether a statement means something else in a mode.
fn means_another(statement: Statement<'_>, tokens: &Tokens<'_>, mode: UnreadMode) -> bool {
    let has = |is: fn(&str) -> bool| quoted(tokens).any(is);
    match mode {
        UnreadMode::EmptyStringIsNull => has(|text| matches!(text, "''" | "\"\"")),
        // Types such as `DATE` mean others, and the bodies of routines are in another language.
        UnreadMode::Oracle => statement.class == StatementClass::Schema,
        // What begins with `E` has escapes in any case.
        UnreadMode::BackslashEscapes => has(|text| text.starts_with('\'') && text.contains('\\')),
        UnreadMode::NoBackslashEscapes => has(|text| text.starts_with(['\'', '"']) && text.contains('\\')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

    #[test]
    fn what_a_mode_of_the_server_would_change_is_refused() {
        use Dialect::{Mariadb, Postgres};
        for (dialect, mode, statement, expected) in [
            (Mariadb, UnreadMode::NoBackslashEscapes, r"INSERT INTO t VALUES ('C:\new')", true),
            (Mariadb, UnreadMode::NoBackslashEscapes, r#"INSERT INTO t VALUES ("C:\new")"#, true),
            (Mariadb, UnreadMode::NoBackslashEscapes, r"SELECT 'a' -- C:\new", false),
            (Mariadb, UnreadMode::NoBackslashEscapes, r"SELECT 1 AS `a\b`", false),
            (Mariadb, UnreadMode::EmptyStringIsNull, "INSERT INTO t VALUES ('a', '')", true),
            (Mariadb, UnreadMode::EmptyStringIsNull, "INSERT INTO t VALUES ('it''s')", false),
            (Mariadb, UnreadMode::Oracle, "CREATE TABLE t (d DATE)", true),
            (Mariadb, UnreadMode::Oracle, "INSERT INTO t VALUES ('')", false),
            (Postgres, UnreadMode::BackslashEscapes, r"INSERT INTO t VALUES ('C:\new')", true),
            (Postgres, UnreadMode::BackslashEscapes, r"INSERT INTO t VALUES (E'C:\\new', $$\$$)", false),
            (Postgres, UnreadMode::BackslashEscapes, r#"SELECT 1 AS "a\b""#, false),
        ] {
            let facts = Facts { unread_modes: vec![mode], ..Facts::of_dialect(dialect) };
            let tokens = |text| Tokens::new(text, dialect);
            let refused = |facts: &Facts| refused(Statement::only(statement, dialect), &tokens(statement), facts);
            let found = refused(&facts).map(|it| it.message);
            assert_eq!(found.is_some(), expected, "{mode:?}: {statement}");
            let name = match mode {
                UnreadMode::NoBackslashEscapes => "NO_BACKSLASH_ESCAPES",
                UnreadMode::Oracle => "ORACLE",
                UnreadMode::EmptyStringIsNull => "EMPTY_STRING_IS_NULL",
                UnreadMode::BackslashEscapes => "standard_conforming_strings",
            };
            assert!(found.is_none_or(|it| it.contains(name)));
            let set = match dialect {
                Postgres => "SET standard_conforming_strings = on",
                _ => "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
            };
            let sets = |text| sets(&tokens(text), &facts);
            assert!(sets(set) && !sets("SET @a = 1") && !sets(statement));
            assert!(refused(&Facts::of_dialect(dialect)).is_none());
        }
    }
}
