//! What a statement takes from its session, and what it leaves there: user variables, and what the statements before it did.

use super::classify::{StatementClass, classify, leading_words, open_run_comments};
use super::lex::TokenKind;
use super::tokens::{Tokens, identifier};
use super::volatile::calls_volatile;
use runner_base::dialect::Dialect;

/// The values of a session that a statement reads or sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionValues {
    /// User variables that it reads, in lower case, without the `@`.
    pub reads: Vec<String>,
    /// User variables that it sets.
    pub sets: Vec<String>,
    /// User variables that it gives to a procedure, which may read or set them: `CALL p(@id)`.
    pub passes: Vec<String>,
    /// A call that returns the key which an earlier `INSERT` generated: `LAST_INSERT_ID()`.
    pub reads_key: Option<String>,
    /// A call or a variable that reports on the statement before: `ROW_COUNT()`.
    pub reads_last: Option<String>,
    /// Whether it may generate a key.
    pub makes_key: bool,
    /// Whether it is a setting that has the same value whenever it is made.
    pub is_setting: bool,
}

/// What may precede the word `TABLE` in a statement that creates one.
const BEFORE_TABLE: [&str; 8] = ["CREATE", "OR", "REPLACE", "TEMP", "TEMPORARY", "GLOBAL", "LOCAL", "UNLOGGED"];

/// The functions and the variables of the server that report on the statement before.
fn of_last(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &["changes"],
        Dialect::Postgres => &[],
        Dialect::Mysql | Dialect::Mariadb => &["row_count", "found_rows", "warning_count", "error_count"],
    }
}

/// Whether a statement may read what the statement before it left; a quick search.
pub fn may_read_last(tokens: &Tokens<'_>) -> bool {
    let is_in = |name: &&str| {
        let mut parts = tokens.text().as_bytes().windows(name.len());
        parts.any(|part| part.eq_ignore_ascii_case(name.as_bytes()))
    };
    of_last(tokens.dialect()).iter().any(is_in)
}

/// Returns what a statement of a migration in SQL reads of the statement before it, and keeps: in a table or in a variable. What the
/// body of a program reads is of that program.
pub fn keeps_last(tokens: &Tokens<'_>) -> Option<String> {
    // Hardly any statement has such a call, and most of what dumps insert is long.
    if !may_read_last(tokens) {
        return None;
    }
    let values = session_values(tokens);
    let keeps = ["INSERT", "REPLACE", "UPDATE", "DELETE", "SET", "WITH", "CREATE", "CALL"];
    let first = leading_words(tokens).into_iter().next().unwrap_or_default();
    values.reads_last.filter(|_| keeps.contains(&first.as_str()) || !values.sets.is_empty())
}

/// Returns what a statement reads and sets in its session, as far as its text shows.
pub fn session_values(tokens: &Tokens<'_>) -> SessionValues {
    // Dumps make their settings in such comments. A server that skips one leaves as unknown what it would have set.
    match open_run_comments(tokens) {
        Some(opened) => values(&Tokens::new(&opened, tokens.dialect())),
        None => values(tokens),
    }
}

fn values(statement: &Tokens<'_>) -> SessionValues {
    let dialect = statement.dialect();
    let words = leading_words(statement);
    let first = words.first().map_or("", String::as_str);
    // `CREATE TABLE … SELECT`
    let fills = first == "CREATE"
        && words.iter().find(|word| !BEFORE_TABLE.contains(&word.as_str())).is_some_and(|word| word == "TABLE");
    // What is in the body of a routine is for another time, and an `@` in these is part of an account.
    if !fills && matches!(first, "CREATE" | "ALTER" | "DROP" | "GRANT" | "REVOKE" | "RENAME") {
        return SessionValues::default();
    }
    let tokens = View(statement);
    let mut found = SessionValues::default();
    let is_set = first == "SET";
    // Variables that a `SET` assigns take effect from the next comma on.
    let mut assigned = Vec::new();
    let (mut depth, mut is_into) = (0_usize, false);
    for at in 0..tokens.len() {
        match tokens.text(at) {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 0 && is_set => found.sets.append(&mut assigned),
            _ => {}
        }
        if let Some(name) = tokens.variable(at) {
            let before = at.checked_sub(1).map_or("", |at| tokens.text(at));
            let after = (tokens.text(at + 2), tokens.text(at + 3));
            is_into = before.eq_ignore_ascii_case("INTO") || (is_into && before == ",");
            let is_argument =
                first == "CALL" && depth == 1 && matches!(before, "(" | ",") && matches!(after.0, ")" | ",");
            let is_target = is_set && depth == 0 && (before == "," || before.eq_ignore_ascii_case("SET"));
            if is_into || after == (":", "=") || (is_target && after.0 == "=") {
                assigned.push(name);
            } else if is_argument {
                found.passes.push(name);
            } else if !found.sets.contains(&name) {
                found.reads.push(name);
            }
        } else if let Some(call) = tokens.call(at) {
            let keys: &[&str] = match dialect {
                Dialect::Sqlite => &["last_insert_rowid"],
                Dialect::Postgres => &["lastval"],
                Dialect::Mysql | Dialect::Mariadb => &["last_insert_id", "lastval"],
            };
            // With an argument, `LAST_INSERT_ID` sets the value.
            let has_argument = tokens.text(at + 2) != ")" && call != "lastval";
            if keys.contains(&call.as_str()) && !has_argument {
                found.reads_key.get_or_insert(format!("{}()", tokens.text(at)));
            } else if of_last(dialect).contains(&call.as_str()) {
                found.reads_last.get_or_insert(format!("{}()", tokens.text(at)));
            }
        } else if let Some(name) = tokens.setting(at)
            && of_last(dialect).iter().any(|it| it.eq_ignore_ascii_case(name))
        {
            found.reads_last.get_or_insert(format!("@@{name}"));
        }
        is_into &= matches!(tokens.text(at), "@" | ",") || tokens.text(at.wrapping_sub(1)) == "@";
        let word = tokens.text(at);
        found.makes_key |= !fills
            && ["INSERT", "REPLACE", "NEXTVAL", "LAST_INSERT_ID", "CALL"]
                .iter()
                .any(|it| it.eq_ignore_ascii_case(word));
    }
    found.sets.append(&mut assigned);
    found.is_setting = match classify(statement) {
        // Other settings are meant for the rest of the file, however they are computed.
        StatementClass::Session => found.sets.is_empty() || tokens.is_plain(),
        StatementClass::Rows => tokens.sets_configuration(),
        // Later statements name the database that it attaches.
        StatementClass::Unknown => dialect == Dialect::Sqlite && matches!(first, "ATTACH" | "DETACH"),
        _ => false,
    };
    found
}

/// The tokens of a statement, and what is said by several of them.
struct View<'t, 'a>(&'t Tokens<'a>);

impl<'a> View<'_, 'a> {
    fn len(&self) -> usize {
        self.0.parts().len()
    }

    fn text(&self, at: usize) -> &'a str {
        self.0.parts().get(at).map_or("", |(_, text)| text)
    }

    /// Whether nothing is between the token before this one and this one.
    fn adjoins(&self, at: usize) -> bool {
        at > 0 && self.0.place(self.text(at - 1)).end == self.0.place(self.text(at)).start
    }

    /// The name of the user variable that begins here. `@@name` is a setting, and `'user'@'host'` an account.
    fn variable(&self, at: usize) -> Option<String> {
        if !matches!(self.0.dialect(), Dialect::Mysql | Dialect::Mariadb) || self.text(at) != "@" {
            return None;
        }
        if self.adjoins(at) && (self.0.is_name(at - 1) || self.text(at - 1) == "@") {
            return None;
        }
        if !(self.0.is_name(at + 1) && self.adjoins(at + 1)) {
            return None;
        }
        Some(identifier(self.0.parts()[at + 1])?.to_lowercase())
    }

    /// The name of the server's variable that begins here: `@@name`, `@@session.name`.
    fn setting(&self, at: usize) -> Option<&'a str> {
        let is_scoped = self.text(at + 3) == ".";
        (self.text(at) == "@" && self.text(at + 1) == "@").then(|| self.text(at + if is_scoped { 4 } else { 2 }))
    }

    /// The name of the function that is called here, in lower case.
    fn call(&self, at: usize) -> Option<String> {
        let (kind, text) = self.0.parts().get(at)?;
        let is_qualified = at.checked_sub(1).is_some_and(|at| self.text(at) == ".");
        let is_call = *kind == TokenKind::Word && self.text(at + 1) == "(" && !is_qualified;
        is_call.then(|| text.to_ascii_lowercase())
    }

    /// Whether a setting is computed by nothing that may change.
    fn is_plain(&self) -> bool {
        (0..self.len()).all(|at| self.text(at) != "(") && !calls_volatile(self.0)
    }

    /// Whether it is a `SELECT set_config(…)` of PostgreSQL, and nothing else.
    fn sets_configuration(&self) -> bool {
        let is = |at: usize, word: &str| self.text(at).eq_ignore_ascii_case(word);
        let name = if is(1, "pg_catalog") && is(2, ".") { 3 } else { 1 };
        let calls = (0..self.len()).filter(|at| self.text(*at) == "(").count();
        self.0.dialect() == Dialect::Postgres
            && is(0, "SELECT")
            && is(name, "set_config")
            && is(name + 1, "(")
            && calls == 1
            && !(0..self.len()).any(|at| is(at, "FROM") || is(at, "INTO"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_a_statement_are_found() {
        for (statement, reads, sets) in [
            ("UPDATE t SET new = 1 WHERE id > @m", &["m"][..], &[][..]),
            ("SET @n = 5", &[], &["n"]),
            ("SET @n = 5, @M := @N + @o", &["o"], &["n", "m"]),
            ("SET @n = @n + 1", &["n"], &["n"]),
            ("SET @old = @@sql_mode, sql_mode = ''", &[], &["old"]),
            ("SELECT MAX(id), MIN(id) INTO @a, @`b` FROM t WHERE id > @c", &["c"], &["a", "b"]),
            ("UPDATE t SET x = (@n := @n + 1), y = @`It's`", &["n", "it's"], &["n"]),
            ("SET @a = 1 = @b", &["b"], &["a"]),
            ("SHOW GRANTS FOR 'me'@'host'", &[], &[]),
            ("CREATE PROCEDURE p() SELECT @m", &[], &[]),
            ("CREATE OR REPLACE TEMPORARY TABLE a AS SELECT @m", &["m"], &[]),
            ("CREATE TABLE a SELECT (@n := @n + 1) AS n FROM t", &["n"], &["n"]),
            ("CALL p(@id, 1 + @n, f(@o))", &["n", "o"], &[]),
            ("/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='' */", &[], &["old"]),
            ("/*M!999999\\- enable the sandbox mode */ \n/*!40101 SET @OLD=@@SQL_MODE */", &[], &["old"]),
            ("/*!40101 SET SQL_MODE=@OLD */", &["old"], &[]),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @m = 1 */",
                &[],
                &[],
            ),
            ("/*!40000 ALTER TABLE t DISABLE KEYS */", &[], &[]),
            ("GRANT SELECT ON t TO me@localhost", &[], &[]),
            ("SELECT '@n', `@n` -- @n", &[], &[]),
        ] {
            let found = session_values(&Tokens::new(statement, Dialect::Mariadb));
            assert_eq!((&*found.reads, &*found.sets), (&*owned(reads), &*owned(sets)), "{statement}");
        }
        assert_eq!(session_values(&Tokens::new("CALL p(@id, @`N`)", Dialect::Mysql)).passes, ["id", "n"]);
        assert_eq!(session_values(&Tokens::new("SELECT @n", Dialect::Sqlite)), SessionValues::default(), "a parameter");
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn calls_that_tell_of_earlier_statements_are_found() {
        for (dialect, statement, key, last) in [
            (Dialect::Mysql, "INSERT INTO u VALUES (LAST_INSERT_ID())", Some("LAST_INSERT_ID()"), None),
            (Dialect::Mysql, "UPDATE t SET n = LAST_INSERT_ID(n + 1)", None, None),
            (Dialect::Mariadb, "SELECT row_count ()", None, Some("row_count()")),
            (Dialect::Mariadb, "SET @n = @@session.Warning_Count", None, Some("@@Warning_Count")),
            (Dialect::Mysql, "SELECT @@error_count", None, Some("@@error_count")),
            (Dialect::Mariadb, "SELECT t.last_insert_id, 'last_insert_id()' FROM t", None, None),
            (Dialect::Sqlite, "CREATE TABLE k AS SELECT last_insert_rowid()", Some("last_insert_rowid()"), None),
            (Dialect::Sqlite, "SELECT last_insert_rowid(), changes()", Some("last_insert_rowid()"), Some("changes()")),
            (Dialect::Postgres, "SELECT lastval()", Some("lastval()"), None),
        ] {
            let found = session_values(&Tokens::new(statement, dialect));
            assert_eq!((found.reads_key.as_deref(), found.reads_last.as_deref()), (key, last), "{statement}");
        }
        assert!(session_values(&Tokens::new("INSERT INTO t VALUES (1)", Dialect::Sqlite)).makes_key);
        assert!(!session_values(&Tokens::new("UPDATE t SET a = 1", Dialect::Sqlite)).makes_key);
    }

    #[test]
    fn what_is_kept_of_the_statement_before_is_told_from_what_is_shown() {
        for (statement, kept) in [
            ("SET @n = row_count()", true),
            ("/* n */ SELECT found_rows() INTO @n", true),
            ("SELECT @n := ROW_COUNT()", true),
            ("SELECT row_count()", false),
            ("CALL log(row_count())", true),
            ("CREATE TABLE t AS SELECT @@warning_count AS n", true),
            ("CREATE PROCEDURE p() SET @n = row_count()", false),
            ("INSERT INTO t (row_count) VALUES ('row_count()')", false),
            ("SET @n = last_insert_id()", false),
        ] {
            assert_eq!(keeps_last(&Tokens::new(statement, Dialect::Mariadb)).is_some(), kept, "{statement}");
        }
    }

    #[test]
    fn settings_are_told_from_values_of_the_moment() {
        for (dialect, statement, is_setting) in [
            (Dialect::Mariadb, "SET @n = 5", true),
            (Dialect::Mariadb, "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */", true),
            (Dialect::Mariadb, "/*!40101 SET NAMES utf8mb4 */", true),
            (Dialect::Mariadb, "SET @m = (SELECT MAX(id) FROM t)", false),
            (Dialect::Mariadb, "SET @at = CURRENT_TIMESTAMP", false),
            (Dialect::Mariadb, "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')", true),
            (Dialect::Mariadb, "SELECT MAX(id) INTO @m FROM t", false),
            (Dialect::Postgres, "SET search_path = app", true),
            (Dialect::Postgres, "SELECT set_config('search_path', 'app', false)", true),
            (Dialect::Postgres, "select pg_catalog.set_config('search_path', 'app', false)", true),
            (Dialect::Postgres, "SELECT set_config('x.n', nextval('s')::text, false)", false),
            (Dialect::Postgres, "SELECT set_config('x.n', a, false) FROM t", false),
        ] {
            assert_eq!(session_values(&Tokens::new(statement, dialect)).is_setting, is_setting, "{statement}");
        }
    }
}
