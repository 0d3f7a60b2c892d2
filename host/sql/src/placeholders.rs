//! `${NAME}` in SQL files that begin with the directive `-- runner:parameters`.
//!
//! Filled in everywhere but in comments: in names, in strings, and in dollar-quoted bodies. `${$}` is a literal `$`. The escape of
//! many tools, `$${`, is refused: on PostgreSQL `$$` begins and ends strings, so that it would have two meanings.

use std::collections::BTreeMap;

use super::lex::{TokenKind, tokens};
use super::{SqlError, line_of};
use runner_base::dialect::Dialect;

/// A parameter that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Its name.
    pub name: String,
    /// The line where it is first named, counted from 1.
    pub line: usize,
}

/// The parameters that a text names, each once, in the order of the text.
pub fn placeholders(text: &str, dialect: Dialect) -> Result<Vec<Placeholder>, SqlError> {
    let mut found: Vec<Placeholder> = Vec::new();
    for part in parts(text, dialect)? {
        if let Part::Parameter { name, at } = part
            && found.iter().all(|it| it.name != name)
        {
            found.push(Placeholder { name: name.to_owned(), line: line_of(text, at) });
        }
    }
    Ok(found)
}

/// The text with the values of its parameters. What is in a value is not read again.
pub fn fill(text: &str, dialect: Dialect, values: &BTreeMap<String, String>) -> Result<String, SqlError> {
    let mut filled = String::with_capacity(text.len());
    for part in parts(text, dialect)? {
        filled.push_str(match part {
            Part::Text(text) => text,
            Part::Parameter { name, at } => values.get(name).ok_or_else(|| SqlError {
                line: line_of(text, at),
                message: format!("the parameter `{name}` has no value"),
                hint: None,
            })?,
        });
    }
    Ok(filled)
}

enum Part<'a> {
    Text(&'a str),
    Parameter { name: &'a str, at: usize },
}

/// The text, divided at its parameters.
fn parts(text: &str, dialect: Dialect) -> Result<Vec<Part<'_>>, SqlError> {
    let mut parts = Vec::new();
    let mut code = 0;
    // What cannot be read to its end is reported by what splits it.
    let is_comment = |kind| matches!(kind, TokenKind::LineComment | TokenKind::BlockComment);
    for comment in tokens(text, dialect).filter(|token| is_comment(token.kind)) {
        of_code(text, code, comment.range.start, &mut parts)?;
        code = comment.range.end;
        parts.push(Part::Text(&text[comment.range]));
    }
    of_code(text, code, text.len(), &mut parts)?;
    Ok(parts)
}

/// Divides what is between two comments.
fn of_code<'a>(text: &'a str, start: usize, end: usize, parts: &mut Vec<Part<'a>>) -> Result<(), SqlError> {
    let mut rest = start;
    while let Some(at) = text[rest..end].find("${").map(|offset| rest + offset) {
        let wrong = |message: &str, hint: &str| {
            Err(SqlError { line: line_of(text, at), message: message.to_owned(), hint: Some(hint.to_owned()) })
        };
        if at > start && text.as_bytes()[at - 1] == b'$' {
            return wrong(
                "`$${` is ambiguous",
                "write `${$}{` for a literal `${`, and a space between `$$` and what it encloses",
            );
        }
        parts.push(Part::Text(&text[rest..at]));
        let inner = at + 2;
        let length = text[inner..end].find('}').unwrap_or_default();
        match &text[inner..inner + length] {
            "$" => parts.push(Part::Text("$")),
            name if is_name(name) => parts.push(Part::Parameter { name, at }),
            _ => {
                return wrong(
                    "`${` does not begin a parameter",
                    "write `${NAME}` with letters, digits, `_`, `-` and `.`, and `${$}{` for a literal `${`",
                );
            }
        }
        rest = inner + length + 1;
    }
    parts.push(Part::Text(&text[rest..end]));
    Ok(())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, dialect: Dialect) -> Result<String, SqlError> {
        let values = [("a", "A"), ("b-c", "${a}"), ("q", "it''s")].map(|(name, value)| (name.into(), value.into()));
        fill(text, dialect, &values.into())
    }

    #[test]
    fn rows_that_are_copied_have_no_comments() {
        let text = "-- ${none}\nCOPY t FROM stdin;\n1\tit's a--${x} /*\n\\.\nSELECT '--${x}';";
        let expected = "-- ${none}\nCOPY t FROM stdin;\n1\tit's a--7 /*\n\\.\nSELECT '--7';";
        let values = BTreeMap::from([("x".to_owned(), "7".to_owned())]);
        assert_eq!(fill(text, Dialect::Postgres, &values).as_deref(), Ok(expected));
    }

    #[test]
    fn parameters_are_filled_in_everywhere_but_in_comments() {
        use Dialect::{Mariadb, Postgres, Sqlite};
        for (dialect, text, expected) in [
            (Sqlite, "", ""),
            (Sqlite, "CREATE TABLE ${a}_t (x)", "CREATE TABLE A_t (x)"),
            (Sqlite, "SELECT '${q}', \"${a}\", [${a}]", "SELECT 'it''s', \"A\", [A]"),
            (Sqlite, "-- ${none}\n/* ${none} */ ${a}${a}-- ${", "-- ${none}\n/* ${none} */ AA-- ${"),
            (Sqlite, "SELECT ${b-c}", "SELECT ${a}"),
            (Sqlite, "SELECT '${$}{a} ${$}5'", "SELECT '${a} $5'"),
            (Postgres, "DO $$ BEGIN -- ${a}\n EXECUTE '${a}'; END $$", "DO $$ BEGIN -- A\n EXECUTE 'A'; END $$"),
            (Postgres, "SELECT $x$ ${a}$x$, $1", "SELECT $x$ A$x$, $1"),
            (Mariadb, "/*!80000 SELECT ${a} */ # ${none}", "/*!80000 SELECT A */ # ${none}"),
            // Text that cannot be read to its end.
            (Sqlite, "SELECT '${a}", "SELECT 'A"),
        ] {
            assert_eq!(filled(text, dialect).expect(text), expected);
        }
    }

    #[test]
    fn parameters_are_listed_once_with_their_line() {
        let found = placeholders("-- ${x}\nSELECT ${b},\n${$}, ${a}, ${b}", Dialect::Sqlite).expect("names");
        let found: Vec<(&str, usize)> = found.iter().map(|it| (it.name.as_str(), it.line)).collect();
        assert_eq!(found, [("b", 2), ("a", 3)]);
    }

    #[test]
    fn what_is_no_parameter_is_an_error() {
        for (text, line, message) in [
            ("SELECT 1,\n '${a b}'", 2, "`${` does not begin a parameter"),
            ("SELECT '${}'", 1, "`${` does not begin a parameter"),
            ("SELECT '${a'", 1, "`${` does not begin a parameter"),
            // The brace is in a comment.
            ("SELECT ${a -- }", 1, "`${` does not begin a parameter"),
            ("SELECT $${a}", 1, "`$${` is ambiguous"),
            ("\nSELECT $$${a}$$", 2, "`$${` is ambiguous"),
            ("SELECT ${none}", 1, "the parameter `none` has no value"),
        ] {
            let error = filled(text, Dialect::Postgres).expect_err(text);
            assert_eq!((error.line, error.message.as_str()), (line, message), "{text}");
        }
    }
}
