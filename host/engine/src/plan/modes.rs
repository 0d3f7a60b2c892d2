//! Settings of a server under which its own client would read a text in SQL in another way than runner does.

use runner_base::error::Error;
use runner_database::Facts;
use runner_sql::classify::open_run_comments;
use runner_sql::{Statement, StatementClass, Tokens, quoted};

/// The setting of which "off" is such a mode; the others are modes of `sql_mode`.
const STANDARD_STRINGS: &str = "standard_conforming_strings";

/// Whether a statement gives the setting of such modes a value, and so says how what is below it is meant.
pub fn sets(tokens: &Tokens<'_>, facts: &Facts) -> bool {
    let Some(mode) = facts.unread_modes.first() else { return false };
    let sets = |tokens: &Tokens<'_>| tokens.begins_with(&["SET"]) && tokens.mentions(&[setting(mode).0]);
    // Dumps put it into a comment that the server runs.
    match open_run_comments(tokens) {
        Some(opened) => sets(&Tokens::new(&opened, facts.dialect)),
        None => sets(tokens),
    }
}

/// The setting, and what runner reads with.
fn setting(mode: &str) -> (&'static str, &'static str) {
    match mode {
        STANDARD_STRINGS => (STANDARD_STRINGS, "on"),
        _ => ("sql_mode", "'STRICT_TRANS_TABLES'"),
    }
}

/// Why a statement is refused on a server with such modes, below no statement that [`sets`] them.
pub fn refused(statement: Statement<'_>, tokens: &Tokens<'_>, facts: &Facts) -> Option<Error> {
    let mode = facts.unread_modes.iter().find(|mode| means_another(statement, tokens, mode))?;
    let (setting, value) = setting(mode);
    let (what, of) = match *mode {
        "EMPTY_STRING_IS_NULL" => ("an empty string", "`EMPTY_STRING_IS_NULL` in its `sql_mode`"),
        "ORACLE" => ("a definition", "`ORACLE` in its `sql_mode`"),
        "NO_BACKSLASH_ESCAPES" => ("a string with a backslash", "`NO_BACKSLASH_ESCAPES` in its `sql_mode`"),
        _ => ("a string with a backslash", "`standard_conforming_strings` off"),
    };
    Some(Error::usage(format!("the server has {of}, and runner would read {what} without it")).hint(format!(
        "write `SET {setting} = {value};` at the top of the file if it is meant so; otherwise write the statement in a way that does not \
         depend on the setting"
    )))
}

/// Whether a statement means something else in a mode.
fn means_another(statement: Statement<'_>, tokens: &Tokens<'_>, mode: &str) -> bool {
    let has = |is: fn(&str) -> bool| quoted(tokens).any(is);
    match mode {
        "EMPTY_STRING_IS_NULL" => has(|text| matches!(text, "''" | "\"\"")),
        // Types such as `DATE` mean others, and the bodies of routines are in another language.
        "ORACLE" => statement.class == StatementClass::Schema,
        // What begins with `E` has escapes in any case.
        STANDARD_STRINGS => has(|text| text.starts_with('\'') && text.contains('\\')),
        _ => has(|text| text.starts_with(['\'', '"']) && text.contains('\\')),
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
            (Mariadb, "NO_BACKSLASH_ESCAPES", r"INSERT INTO t VALUES ('C:\new')", true),
            (Mariadb, "NO_BACKSLASH_ESCAPES", r#"INSERT INTO t VALUES ("C:\new")"#, true),
            (Mariadb, "NO_BACKSLASH_ESCAPES", r"SELECT 'a' -- C:\new", false),
            (Mariadb, "NO_BACKSLASH_ESCAPES", r"SELECT 1 AS `a\b`", false),
            (Mariadb, "EMPTY_STRING_IS_NULL", "INSERT INTO t VALUES ('a', '')", true),
            (Mariadb, "EMPTY_STRING_IS_NULL", "INSERT INTO t VALUES ('it''s')", false),
            (Mariadb, "ORACLE", "CREATE TABLE t (d DATE)", true),
            (Mariadb, "ORACLE", "INSERT INTO t VALUES ('')", false),
            (Postgres, "standard_conforming_strings", r"INSERT INTO t VALUES ('C:\new')", true),
            (Postgres, "standard_conforming_strings", r"INSERT INTO t VALUES (E'C:\\new', $$\$$)", false),
            (Postgres, "standard_conforming_strings", r#"SELECT 1 AS "a\b""#, false),
        ] {
            let facts = Facts { unread_modes: vec![mode], ..Facts::of_dialect(dialect) };
            let tokens = |text| Tokens::new(text, dialect);
            let refused = |facts: &Facts| refused(Statement::only(statement, dialect), &tokens(statement), facts);
            let found = refused(&facts).map(|it| it.message);
            assert_eq!(found.is_some(), expected, "{mode}: {statement}");
            assert!(found.is_none_or(|it| it.contains(mode)));
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
