//! How deeply the text of a statement nests.
//!
//! SQLite's parser needs no stack for that, but most of what follows does: the functions that resolve, copy, compile and
//! free a statement call themselves for each level of the tree that the parser made. `SQLITE_LIMIT_EXPR_DEPTH` bounds the
//! depth of one expression, and nothing bounds that of `SELECT … FROM (SELECT … FROM (…))`. This does, with a number that
//! is never less than the depth of the tree.

use runner_database::{DatabaseError, DatabaseErrorKind};

/// The depth at which a statement is refused. The stack of `raw::stack` has room for it; a statement that a person wrote, or
/// a tool, has a few hundred.
const MOST: usize = 10_000;

/// The depth of one expression, as SQLite bounds it.
const EXPRESSION: usize = 1_000;

/// One pair of parentheses, or the statement itself.
#[derive(Clone, Copy, Default)]
struct Level {
    /// The depth at which it begins.
    base: usize,
    /// Tokens since the last comma: each can add a level to an expression.
    tokens: usize,
    /// `NOT`s among them. SQLite notices the depth of an expression too late where these follow each other.
    nots: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.base + self.tokens.min(EXPRESSION) + self.nots
    }
}

/// Fails if the statement nests too deeply.
pub(crate) fn check_nesting(statement: &str) -> Result<(), DatabaseError> {
    // Short texts, which are nearly all, need no second look.
    if statement.len() <= MOST || depth(statement) <= MOST {
        return Ok(());
    }
    Err(DatabaseError::new(
        DatabaseErrorKind::Limit,
        "the statement nests too deeply: subqueries and parentheses within each other are limited",
    )
    .code("SQLITE_TOOBIG (18)")
    .hint("split it into several statements, for example with temporary tables"))
}

/// An upper bound of the depth of the tree that SQLite makes of a text.
fn depth(statement: &str) -> usize {
    let text = statement.as_bytes();
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut deepest = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        at += match rest {
            [b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', ..] => 1,
            [b'-', b'-', rest @ ..] => 2 + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            // `/*/` does not end itself.
            [b'/', b'*', rest @ ..] if !rest.is_empty() => {
                2 + rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2)
            }
            [quote @ (b'\'' | b'"' | b'`'), ..] => {
                level.tokens += 1;
                quoted(rest, *quote)
            }
            [b'[', rest @ ..] => {
                level.tokens += 1;
                1 + rest.iter().position(|byte| *byte == b']').map_or(rest.len(), |end| end + 1)
            }
            [b'(', ..] => {
                level.tokens += 1;
                outer.push(level);
                level = Level { base: level.depth(), ..Level::default() };
                1
            }
            [b')', ..] => {
                // Unbalanced, and so no statement; SQLite stops here.
                let Some(before) = outer.pop() else { return deepest };
                level = before;
                1
            }
            [b',' | b';', ..] => {
                (level.tokens, level.nots) = (0, 0);
                1
            }
            [b'$' | b'@' | b':' | b'#', ..] => {
                level.tokens += 1;
                variable(rest)
            }
            [first, ..] if is_word(*first) => {
                let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                level.tokens += 1;
                level.nots += usize::from(rest[..length].eq_ignore_ascii_case(b"NOT"));
                length
            }
            _ => {
                level.tokens += 1;
                1
            }
        };
        deepest = deepest.max(level.depth());
    }
    deepest
}

/// The length of a quoted text, in which the quote is doubled; to the end if it is not closed.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(end) = text[at..].iter().position(|byte| *byte == quote) {
        at += end + 1;
        if text.get(at) != Some(&quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The length of a variable, to which Tcl's parentheses belong: `$a('b)` is one, and contains no quoted text.
fn variable(text: &[u8]) -> usize {
    let mut at = 1;
    let mut is_named = false;
    loop {
        match &text[at..] {
            [byte, ..] if is_word(*byte) => (at, is_named) = (at + 1, true),
            [b':', b':', ..] => at += 2,
            [b'(', rest @ ..] if is_named => {
                let is_end = |byte: &u8| *byte == b')' || byte.is_ascii_whitespace() || *byte == b'\x0b';
                let end = rest.iter().position(is_end).unwrap_or(rest.len());
                return at + 1 + end + usize::from(rest.get(end) == Some(&b')'));
            }
            _ => return at,
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_follows_parentheses_and_not_length() {
        let nested = |levels: usize| format!("{}1{}", "SELECT * FROM (".repeat(levels), ")".repeat(levels));
        assert!(depth(&nested(100)) >= 400);
        assert!(check_nesting(&nested(2_000)).is_ok());
        assert_eq!(check_nesting(&nested(3_000)).expect_err("too deep").kind, DatabaseErrorKind::Limit);
        // A long statement is not a deep one.
        let long = format!("INSERT INTO t VALUES (1, 'a'){}", ", (2, 'b(((')".repeat(100_000));
        assert!(check_nesting(&long).is_ok(), "{}", depth(&long));
        let cases = format!("SELECT CASE x {} END FROM t", "WHEN 1 THEN 'a' ".repeat(20_000));
        assert!(check_nesting(&cases).is_ok(), "{}", depth(&cases));
    }

    #[test]
    fn parentheses_cannot_be_hidden() {
        let levels = 4_000;
        let (open, close) = ("SELECT * FROM (".repeat(levels), ")".repeat(levels));
        for before in [
            "/* ' */ ",
            "-- ' \" [\n",
            "/*/ ' */",
            "'it''s' ",
            "\"a\"\"b\" ",
            "`a``b` ",
            "[a'b] ",
            "x'00' ",
            "'\\' ",
            "' -- ' ",
            "$a(') ",
            "@a::b(\") ",
            ":a ",
        ] {
            let text = format!("{before}{open}1{close}");
            assert!(check_nesting(&text).is_err(), "{before}");
        }
        // What SQLite takes for text is text here.
        for hidden in ["'", "\"", "`", "/*", "--"] {
            assert!(check_nesting(&format!("SELECT 1 {hidden}{open}")).is_ok(), "{hidden}");
        }
        let nots = format!("SELECT {}1", "1 = NOT ".repeat(11_000));
        assert!(check_nesting(&nots).is_err(), "{}", depth(&nots));
    }
}
