//! The ORDER BY of a statement, and whether it lacks one.

use super::lex::TokenKind;
use super::tokens::Tokens;

/// Whether the database decides the order or choice of the rows that a statement returned: several rows without ORDER
/// BY, or LIMIT without ORDER BY. An ORDER BY in parentheses does not order the result, unless they are around all of it; the text does
/// not show whether an ORDER BY is total. What RETURNING returns has no order.
pub fn is_unordered(tokens: &Tokens<'_>, rows: u64) -> bool {
    // As deep as people write them.
    const PARENTHESES: usize = 4;
    let mut text = tokens.text();
    for _ in 0..=PARENTHESES {
        let words = outer_words(&Tokens::new(text, tokens.dialect()));
        if !words.is_empty() {
            return are_unordered(&words, rows);
        }
        let trimmed = text.trim().trim_end_matches(';').trim_end();
        let inner = trimmed.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let Some(inner) = inner else { return false };
        text = inner;
    }
    false
}

/// The words that are not in parentheses, in upper case.
fn outer_words(tokens: &Tokens<'_>) -> Vec<String> {
    let (mut depth, mut words) = (0_usize, Vec::new());
    for part in tokens.parts() {
        match part {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            (TokenKind::Word, word) if depth == 0 => words.push(word.to_ascii_uppercase()),
            _ => {}
        }
    }
    words
}

fn are_unordered(words: &[String], rows: u64) -> bool {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let reads = match words.first().map_or("", String::as_str) {
        "SELECT" | "TABLE" => has("FROM") || has("TABLE"),
        "WITH" => has("SELECT") && has("FROM") || has("RETURNING"),
        "UPDATE" | "DELETE" | "MERGE" => has("RETURNING"),
        // The rows of `VALUES` stay in their order.
        "INSERT" | "REPLACE" => has("RETURNING") && has("SELECT"),
        // `(SELECT …) UNION (SELECT …)`
        "UNION" | "INTERSECT" | "EXCEPT" => true,
        _ => false,
    };
    let is_ordered = words.windows(2).any(|pair| pair[0] == "ORDER" && pair[1] == "BY");
    reads && !is_ordered && (rows > 1 || (rows == 1 && (has("LIMIT") || has("FETCH"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_base::dialect::Dialect;

    #[test]
    fn unordered_results_are_recognised() {
        for (statement, rows, unordered) in [
            ("SELECT a FROM t", 2, true),
            ("select a from t -- order by a", 2, true),
            ("SELECT a FROM t", 1, false),
            ("SELECT a FROM t LIMIT 1", 1, true),
            ("SELECT a FROM t LIMIT 1", 0, false),
            ("SELECT a FROM t ORDER BY a LIMIT 1", 1, false),
            ("SELECT a FROM t order /* x */ By a", 2, false),
            ("SELECT a FROM (SELECT a FROM t ORDER BY a) AS s", 2, true),
            ("SELECT row_number() OVER (ORDER BY a) FROM t", 2, true),
            ("WITH s AS (SELECT 1) SELECT * FROM s", 2, true),
            ("WITH s AS (SELECT 1) DELETE FROM s RETURNING a", 2, true),
            ("UPDATE t SET a = 1 RETURNING a", 2, true),
            ("UPDATE t SET a = 1 RETURNING a", 1, false),
            ("INSERT INTO t VALUES (1), (2) RETURNING a", 2, false),
            ("INSERT INTO t SELECT a FROM u ORDER BY a RETURNING a", 2, false),
            ("INSERT INTO t SELECT a FROM u RETURNING a", 2, true),
            ("(SELECT a FROM t)", 2, true),
            ("((SELECT a FROM t ORDER BY a));", 2, false),
            ("VALUES (1), (2)", 2, false),
            ("(SELECT a FROM t) UNION (SELECT b FROM t)", 2, true),
            ("SELECT 1", 1, false),
            ("PRAGMA table_info(t)", 5, false),
            ("INSERT INTO t SELECT a FROM u", 5, false),
        ] {
            assert_eq!(is_unordered(&Tokens::new(statement, Dialect::Sqlite), rows), unordered, "{statement}");
        }
    }
}
