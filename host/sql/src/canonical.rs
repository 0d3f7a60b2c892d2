//! Normalises definitions, so that equivalent ones are equal.

use super::lex::TokenKind;
use super::tokens::Tokens;
use runner_base::dialect::Dialect;

/// A definition on one line: without comments, with single spaces, unquoted words in lower case, and names without unnecessary
/// quotes. The items of a CREATE TABLE are sorted, because a column that was dropped and added again is always the last one. A text
/// that cannot be parsed is returned unchanged.
pub fn canonical(definition: &str, dialect: Dialect) -> String {
    let Some(words) = words(definition, dialect) else { return definition.to_owned() };
    let is_table = words.first().is_some_and(|word| word == "create")
        && words.iter().take(4).any(|word| word == "table")
        && !words.iter().take(4).any(|word| word == "virtual");
    if is_table { sorted(&words) } else { words.join(" ") }
}

fn words(definition: &str, dialect: Dialect) -> Option<Vec<String>> {
    let tokens = Tokens::new(definition, dialect);
    let words = tokens.parts().iter().map(|(kind, text)| match kind {
        TokenKind::Word => text.to_lowercase(),
        TokenKind::Quoted => unquoted(text, dialect),
        _ => (*text).to_owned(),
    });
    tokens.is_whole().then(|| words.collect())
}

/// Removes the quotes of a name that does not need them; other quoted texts are unchanged.
fn unquoted(quoted: &str, dialect: Dialect) -> String {
    let mysql = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let inner = match quoted.as_bytes() {
        [b'"', .., b'"'] if !mysql => &quoted[1..quoted.len() - 1],
        [b'`', .., b'`'] | [b'[', .., b']'] => &quoted[1..quoted.len() - 1],
        _ => return quoted.to_owned(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = !inner.is_empty() && inner.chars().all(plain) && !inner.starts_with(|c: char| c.is_ascii_digit());
    if is_plain { inner.to_lowercase() } else { quoted.to_owned() }
}

/// The words of a CREATE TABLE, the items between its outer parentheses sorted.
fn sorted(words: &[String]) -> String {
    let Some(open) = words.iter().position(|word| word == "(") else { return words.join(" ") };
    let mut items = vec![Vec::new()];
    let mut depth = 0;
    let mut close = words.len();
    for (at, word) in words.iter().enumerate().skip(open) {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            close = at;
            break;
        }
        match (depth, word.as_str(), items.last_mut()) {
            (1, "(", _) if at == open => {}
            (1, ",", _) => items.push(Vec::new()),
            (_, word, Some(item)) => item.push(word),
            (_, _, None) => {}
        }
    }
    let mut items: Vec<String> = items.iter().map(|item| item.join(" ")).collect();
    items.sort_unstable();
    let behind = words.get(close + 1..).unwrap_or_default().join(" ");
    format!("{} ({}) {behind}", words[..open].join(" "), items.join(", ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_definitions_are_equal() {
        for (left, right) in [
            ("CREATE TABLE \"t\" (a INT, b TEXT DEFAULT 'A, B')", "create table t(b text DEFAULT 'A, B',\n  a int)"),
            (
                "CREATE TABLE t (a INT CHECK (a IN (1, 2)) -- why\n, PRIMARY KEY (a))",
                "CREATE TABLE t (PRIMARY KEY (a), a INT CHECK(a IN(1,2)))",
            ),
            ("CREATE INDEX [i] ON t (`A`)", "CREATE INDEX i ON t (a)"),
            ("CREATE TABLE t (a INT) STRICT", "CREATE TABLE t(a INT)  STRICT"),
        ] {
            assert_eq!(canonical(left, Dialect::Sqlite), canonical(right, Dialect::Sqlite));
        }
    }

    #[test]
    fn different_definitions_differ() {
        for (left, right) in [
            ("CREATE TABLE t (a INT)", "CREATE TABLE t (a TEXT)"),
            ("CREATE TABLE t (a INT DEFAULT 'A')", "CREATE TABLE t (a INT DEFAULT 'a')"),
            ("CREATE TABLE t (a, b, PRIMARY KEY (a, b))", "CREATE TABLE t (a, b, PRIMARY KEY (b, a))"),
            ("CREATE INDEX i ON t (a, b)", "CREATE INDEX i ON t (b, a)"),
            ("CREATE TABLE t (\"a b\" INT)", "CREATE TABLE t (ab INT)"),
            ("CREATE VIEW v AS SELECT a, b FROM t", "CREATE VIEW v AS SELECT b, a FROM t"),
        ] {
            assert_ne!(canonical(left, Dialect::Sqlite), canonical(right, Dialect::Sqlite));
        }
        assert_eq!(canonical("never 'ends", Dialect::Sqlite), "never 'ends");
    }
}
