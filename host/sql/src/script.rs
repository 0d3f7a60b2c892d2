//! Texts as the server's own client reads them, one after another in one script.

use std::ops::Range;

use super::classify::{StatementClass, leading_words};
use super::lex::{TokenKind, tokens};
use super::split::{Splitter, Statement};
use super::sql::Sql;
use runner_base::dialect::Dialect;

/// A text without what follows its last statement, as a part of a script: that statement has an end, and the next part is read as it
/// is written. The clients of MySQL and MariaDB end a statement at the first semicolon, also in the body of a procedure, unless another
/// delimiter is set.
pub fn client_script(text: &str, dialect: Dialect) -> String {
    let text = text.trim_end();
    let is_mysql = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let is_open = match Splitter::run(text, dialect) {
        Ok(splitter) if is_mysql => return mysql_script(text, &splitter, dialect),
        Ok(splitter) => splitter.ends_open(),
        // What cannot be divided is reported elsewhere.
        Err(_) => ends_open(text, dialect),
    };
    format!("{text}{}", if is_open { "\n;" } else { "" })
}

/// A migration as such a script: what runs in one transaction is in one.
pub fn migration_script(sql: &Sql, dialect: Dialect, is_atomic: bool) -> String {
    let script = client_script(sql, dialect);
    let begins = sql.program(dialect).is_ok_and(|program| {
        let begins_itself = program.has_transaction || program.isolation.is_some() || program.foreign_keys_off;
        !begins_itself && !program.is_empty()
    });
    if is_atomic && begins { format!("BEGIN;\n{script}\nCOMMIT;") } else { script }
}

/// Whether something of a text lasts as long as its session: settings, a role, temporary tables.
pub fn changes_session(sql: &Sql, dialect: Dialect) -> bool {
    let lasts = |statement: Statement<'_>| {
        let words = leading_words(&statement.tokens());
        let is_temporary =
            words.first().is_some_and(|it| it == "CREATE") && words.iter().take(4).any(|it| it.starts_with("TEMP"));
        is_temporary
            || statement.class == StatementClass::Session
            || words.get(..2).is_some_and(|it| it[0] == "SELECT" && words.iter().any(|it| it == "SET_CONFIG"))
    };
    sql.program(dialect).is_ok_and(|program| program.statements().any(lasts))
}

/// What is left of a text that commits step by step, after the first `done` steps, as such a script.
pub fn remaining_script(sql: &Sql, dialect: Dialect, done: u64) -> String {
    // What cannot be divided has run no statement.
    let Ok(program) = sql.program(dialect) else { return client_script(sql, dialect) };
    let unit = |unit: &Range<usize>| {
        let script = client_script(program.text_of(unit), dialect);
        if program.transactions.contains(unit) { format!("BEGIN;\n{script}\nCOMMIT;") } else { script }
    };
    let (units, done) = (program.units(true), usize::try_from(done).unwrap_or(usize::MAX));
    units.iter().skip(done).map(unit).collect::<Vec<_>>().join("\n")
}

/// A statement with semicolons in it for the clients of MySQL and MariaDB, to begin a line and to end one.
pub fn delimited(statement: &str) -> String {
    let delimiter = ["//", "$$", "@@@"].into_iter().find(|it| !statement.contains(it)).unwrap_or("//");
    format!("DELIMITER {delimiter}\n{statement}{delimiter}\nDELIMITER ;")
}

fn mysql_script(text: &str, splitter: &Splitter<'_>, dialect: Dialect) -> String {
    let (mut script, mut copied) = (String::with_capacity(text.len()), 0);
    let mut ends_open = splitter.ends_open();
    let last = splitter.ranges().last().map(|(range, _)| range).unwrap_or_default();
    for (range, delimiter) in splitter.ranges() {
        let statement = &text[range.clone()];
        let is_semicolon = |kind| kind == TokenKind::Semicolon;
        if delimiter.is_some() || !tokens(statement, dialect).any(|token| is_semicolon(token.kind)) {
            continue;
        }
        script.push_str(&text[copied..range.start]);
        if !script.is_empty() && !script.ends_with('\n') {
            script.push('\n');
        }
        script.push_str(&delimited(statement));
        copied = range.end;
        ends_open &= range != last;
        // The semicolon after it would be an empty statement.
        let next = tokens(&text[copied..], dialect).find(|token| !token.kind.is_blank());
        if let Some(semicolon) = next.filter(|token| is_semicolon(token.kind)) {
            script.push_str(&text[copied..copied + semicolon.range.start]);
            copied += semicolon.range.end;
        }
        if !text[copied..].is_empty() && !text[copied..].starts_with('\n') {
            script.push('\n');
        }
    }
    script.push_str(&text[copied..]);
    // What is on the last line may be a comment.
    match (splitter.delimiter(), ends_open) {
        (Some(delimiter), true) => script.push_str(&format!("\n{delimiter}\nDELIMITER ;")),
        (Some(_), false) => script.push_str("\nDELIMITER ;"),
        (None, true) => script.push_str("\n;"),
        (None, false) => {}
    }
    script
}

/// Whether the last statement has no semicolon after it, so that it would run into what follows.
fn ends_open(text: &str, dialect: Dialect) -> bool {
    let last = tokens(text, dialect).filter(|token| !token.kind.is_blank()).last();
    last.is_some_and(|token| token.kind != TokenKind::Semicolon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_has_its_end() {
        for (dialect, text, script) in [
            (Dialect::Sqlite, "SELECT 1", "SELECT 1\n;"),
            (Dialect::Postgres, "SELECT 1; -- one\n", "SELECT 1; -- one"),
            (Dialect::Sqlite, "SELECT 1 -- one", "SELECT 1 -- one\n;"),
            (Dialect::Mysql, "SELECT 1 -- one", "SELECT 1 -- one\n;"),
            (Dialect::Mysql, "SELECT ';'; SELECT 2;", "SELECT ';'; SELECT 2;"),
            (Dialect::Mariadb, "-- nothing", "-- nothing"),
        ] {
            assert_eq!(client_script(text, dialect), script);
        }
    }

    #[test]
    fn a_transaction_is_around_what_runs_in_one() {
        for (text, script) in [
            ("SELECT 1;", "BEGIN;\nSELECT 1;\nCOMMIT;"),
            ("BEGIN; SELECT 1; COMMIT;", "BEGIN; SELECT 1; COMMIT;"),
            ("-- nothing", "-- nothing"),
        ] {
            assert_eq!(migration_script(&text.into(), Dialect::Postgres, true), script);
            assert_eq!(migration_script(&text.into(), Dialect::Postgres, false), text);
        }
        let rebuild = "PRAGMA foreign_keys = OFF; DROP TABLE t; PRAGMA foreign_keys = ON;";
        assert_eq!(migration_script(&rebuild.into(), Dialect::Sqlite, true), rebuild);
    }

    #[test]
    fn what_outlasts_a_file_is_known() {
        use Dialect::{Mariadb, Postgres, Sqlite};
        for (dialect, text, lasts) in [
            (Postgres, "SELECT 1; SET search_path = a", true),
            (Postgres, "SET ROLE a", true),
            (Postgres, "SELECT pg_catalog.set_config('search_path', '', false)", true),
            (Postgres, "CREATE TEMP TABLE t (x int)", true),
            (Mariadb, "CREATE OR REPLACE TEMPORARY TABLE t (x int)", true),
            (Mariadb, "SET time_zone = '+01:00'", true),
            (Mariadb, "UPDATE t SET a = 1", false),
            (Sqlite, "CREATE TABLE t (x int); INSERT INTO t VALUES ('SET')", false),
        ] {
            assert_eq!(changes_session(&text.into(), dialect), lasts, "{text}");
        }
    }

    #[test]
    fn semicolons_of_a_body_do_not_end_it() {
        let body = "CREATE PROCEDURE p() BEGIN SELECT 1; END";
        let whole = format!("DELIMITER //\n{body}//\nDELIMITER ;");
        for (text, script) in [
            (format!("DELIMITER //\n{body}//"), whole.clone()),
            (format!("DELIMITER //\n{body}"), format!("DELIMITER //\n{body}\n//\nDELIMITER ;")),
            (format!("{whole}\nSELECT 2;"), format!("{whole}\nSELECT 2;")),
            (body.to_owned(), whole.clone()),
            (format!("{body};"), whole.clone()),
            (format!("{body} -- one"), format!("{whole}\n -- one")),
            (format!("{body};\n-- one\n"), format!("{whole}\n-- one")),
            (format!("SELECT 1; {body}; SELECT 2"), format!("SELECT 1; \n{whole}\n SELECT 2\n;")),
            (
                "-- +goose StatementBegin\nCREATE PROCEDURE p()\nl: BEGIN SELECT '//'; END;\n-- +goose StatementEnd".to_owned(),
                "-- +goose StatementBegin\nDELIMITER $$\nCREATE PROCEDURE p()\nl: BEGIN SELECT '//'; END$$\nDELIMITER ;\n\
                 -- +goose StatementEnd"
                    .to_owned(),
            ),
        ] {
            assert_eq!(client_script(&text, Dialect::Mariadb), script, "{text}");
        }
    }
}
