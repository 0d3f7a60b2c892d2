//! Texts that PostgreSQL reads as the current time or day because a column expects one: `at = 'now'`. Whether it does, only the types of
//! columns tell.

use super::classify::unquote;
use super::lex::{TokenKind, tokens};
use super::volatile::{dollar_quoted, only_defines};
use crate::dialect::Dialect;

/// The texts.
const TEXTS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// The types that read them so.
const TYPES: [&str; 5] = ["date", "time", "timestamp", "timestamptz", "timetz"];

/// What the types with a time zone end with, before a text.
const ZONE: &str = "zone";

/// How far before a text in an artifact the statement that inserts it may begin.
const INSERTED_WITHIN: usize = 400;

/// A text that a column may make the current time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeText {
    /// The text as it is written in messages: `'now'`.
    pub text: String,
    /// The column; `None` if it is one of the table, in its order.
    pub column: Option<String>,
}

/// The texts that a statement assigns to a column, compares with one or inserts, without a type of their own.
pub fn time_texts(statement: &str) -> Vec<TimeText> {
    let mut found = Vec::new();
    let mut outer = tokens(statement, Dialect::Postgres).map(|(_, text)| text);
    if outer.next().is_some_and(|word| word.eq_ignore_ascii_case("do")) {
        outer.filter_map(dollar_quoted).for_each(|body| add(&mut found, body));
    } else {
        add(&mut found, statement);
    }
    found
}

fn add(found: &mut Vec<TimeText>, statement: &str) {
    // Hardly any statement has one, and most are long.
    if !TEXTS.iter().any(|text| quoted(statement.as_bytes(), text).next().is_some()) {
        return;
    }
    let tokens: Vec<(TokenKind, &str)> = tokens(statement, Dialect::Postgres).collect();
    let lower: Vec<_> = tokens.iter().map(|(kind, text)| (*kind, text.to_ascii_lowercase())).collect();
    if only_defines(&lower) {
        return;
    }
    let text = |at: Option<usize>| at.and_then(|at| lower.get(at)).map_or("", |(_, text)| text.as_str());
    let inserted = inserted(&tokens);
    for at in (0..tokens.len()).filter(|at| tokens[*at].0 == TokenKind::Quoted) {
        let Some(word) = time_text(tokens[at].1) else { continue };
        if matches!(text(Some(at + 1)), ":" | "::" | "|" | "||") {
            continue;
        }
        let place = inserted.iter().find(|(place, _)| *place == at).map(|(_, column)| column.clone());
        let column = match place {
            Some(column) => column,
            None => match compared(&tokens, at) {
                Some(column) => Some(column),
                None => continue,
            },
        };
        let one = TimeText { text: format!("'{word}'"), column };
        if !found.contains(&one) {
            found.push(one);
        }
    }
}

/// The column with which the value at this token is compared, or to which it is assigned.
fn compared(tokens: &[(TokenKind, &str)], at: usize) -> Option<String> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|(_, text)| text.eq_ignore_ascii_case(word));
    let operators = tokens[..at].iter().rev().take_while(|(_, text)| matches!(*text, "=" | "<" | ">" | "!")).count();
    let name = match operators {
        0 if is(at.checked_sub(1)?, "between") => at.checked_sub(2)?,
        0 if is(at.checked_sub(1)?, "and") && is(at.checked_sub(3)?, "between") => at.checked_sub(4)?,
        0 => return None,
        several => at.checked_sub(several + 1)?,
    };
    name_of(*tokens.get(name)?)
}

/// The values of an INSERT that consist of one token, each with its column, if the statement names its columns.
fn inserted(tokens: &[(TokenKind, &str)]) -> Vec<(usize, Option<String>)> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|(_, text)| text.eq_ignore_ascii_case(word));
    let Some(into) = (1..tokens.len()).find(|at| is(*at - 1, "insert") && is(*at, "into")) else { return Vec::new() };
    let Some(values) = (into..tokens.len()).find(|at| is(*at, "values")) else { return Vec::new() };
    let list = (into..values).find(|at| is(*at, "(")).map(|open| &tokens[open + 1..values]);
    let columns: Option<Vec<String>> = list.map(|list| list.iter().filter_map(|token| name_of(*token)).collect());
    let (mut depth, mut place, mut found) = (0_usize, 0, Vec::new());
    for at in values + 1..tokens.len() {
        match tokens[at].1 {
            "(" => {
                depth += 1;
                if depth == 1 {
                    place = 0;
                }
            }
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 1 => place += 1,
            "," => {}
            // `ON CONFLICT`, `RETURNING`
            _ if depth == 0 => break,
            _ => {
                let is_alone = matches!(tokens[at - 1].1, "(" | ",") && (is(at + 1, ",") || is(at + 1, ")"));
                if depth == 1 && is_alone {
                    match &columns {
                        Some(columns) => found.extend(columns.get(place).map(|name| (at, Some(name.clone())))),
                        None => found.push((at, None)),
                    }
                }
            }
        }
    }
    found
}

/// A token as the server reads it as a name.
fn name_of((kind, text): (TokenKind, &str)) -> Option<String> {
    match kind {
        TokenKind::Word if !text.starts_with(|first: char| first.is_ascii_digit()) => Some(text.to_ascii_lowercase()),
        TokenKind::Quoted if text.starts_with('"') => Some(unquote(text)),
        _ => None,
    }
}

/// The word in a string, if it is one of them.
fn time_text(string: &str) -> Option<&'static str> {
    let inner = string.strip_prefix('\'')?.strip_suffix('\'')?.trim();
    TEXTS.into_iter().find(|text| inner.eq_ignore_ascii_case(text))
}

/// Where bytes have this text in quotes, with white space around it or not.
fn quoted<'a>(bytes: &'a [u8], text: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let end = move |at: usize| {
        let inner = bytes[at..].strip_prefix(b"'")?.trim_ascii_start();
        let (word, rest) = inner.split_at_checked(text.len())?;
        let rest = rest.trim_ascii_start().strip_prefix(b"'")?;
        word.eq_ignore_ascii_case(text.as_bytes()).then_some(bytes.len() - rest.len())
    };
    (0..bytes.len()).filter_map(move |at| Some((at, end(at)?)))
}

/// The texts in an artifact that may be part of its statements: those with a type of their own, and the others.
pub fn time_texts_in(artifact: &[u8]) -> (Vec<String>, Vec<TimeText>) {
    let (mut typed, mut others) = (Vec::new(), Vec::new());
    for text in TEXTS {
        for (start, end) in quoted(artifact, text) {
            let before = artifact[..start].trim_ascii_end();
            let after = artifact[end..].trim_ascii_start();
            let cast =
                after.strip_prefix(b"::").or_else(|| after.strip_prefix(b"as ")).or_else(|| after.strip_prefix(b"AS "));
            let is_type = |word: &str| TYPES.iter().any(|it| word.eq_ignore_ascii_case(it));
            let text = format!("'{text}'");
            let is_typed = match cast {
                Some(cast) => is_type(&first_word(cast.trim_ascii_start())),
                None => is_type(&last_word(before)) || last_word(before).eq_ignore_ascii_case(ZONE),
            };
            if is_typed {
                if !typed.contains(&text) {
                    typed.push(text);
                }
                continue;
            }
            let column = if before.ends_with(b"=") || before.ends_with(b"<") || before.ends_with(b">") {
                let operands = before.iter().rposition(|byte| !b"=<>! ".contains(byte)).map_or(0, |last| last + 1);
                Some(last_name(&before[..operands])).filter(|name| !name.is_empty())
            } else {
                let earlier = &before[before.len().saturating_sub(INSERTED_WITHIN)..];
                // The arguments of a function are not those of a column.
                let is_first = before.strip_suffix(b"(").is_some_and(|before| {
                    let word = last_word(before.trim_ascii_end());
                    word.is_empty() || word.eq_ignore_ascii_case("values")
                });
                let is_value = is_first || before.ends_with(b",");
                let is_inserted = earlier.windows(6).any(|word| word.eq_ignore_ascii_case(b"values"));
                if !(is_value && is_inserted && (after.starts_with(b",") || after.starts_with(b")"))) {
                    continue;
                }
                None
            };
            let one = TimeText { text, column };
            if cast.is_none() && !others.contains(&one) {
                others.push(one);
            }
        }
    }
    (typed, others)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The word with which bytes end, also in double quotes.
fn last_word(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\"").unwrap_or(bytes);
    let start = bytes.iter().rposition(|byte| !is_word(*byte)).map_or(0, |at| at + 1);
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}

/// That word as the server reads it as a name.
fn last_name(bytes: &[u8]) -> String {
    let word = last_word(bytes);
    if bytes.ends_with(b"\"") { word } else { word.to_ascii_lowercase() }
}

/// The word with which bytes begin.
fn first_word(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| !is_word(*byte)).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &[TimeText]) -> Vec<String> {
        found.iter().map(|it| format!("{} {}", it.column.as_deref().unwrap_or("?"), it.text)).collect()
    }

    #[test]
    fn texts_are_found_where_a_column_gives_them_a_type() {
        for (statement, found) in [
            ("UPDATE t SET at = 'now', a = 'x now', b = 'NOW'", &["at 'now'", "b 'now'"][..]),
            (
                "SELECT id FROM t WHERE t.\"At\" <= ' Today ' AND status <> 'yesterday'",
                &["At 'today'", "status 'yesterday'"],
            ),
            ("SELECT id FROM t WHERE at BETWEEN 'yesterday' AND 'today'", &["at 'yesterday'", "at 'today'"]),
            ("INSERT INTO t (id, at) VALUES (1, 'now'), (f(2, 'today'), 'tomorrow')", &["at 'now'", "at 'tomorrow'"]),
            (
                "INSERT INTO app.t VALUES (1, 'now') ON CONFLICT (id) DO UPDATE SET at = 'today'",
                &["? 'now'", "at 'today'"],
            ),
            ("DO $$ BEGIN UPDATE t SET at = 'now'; END $$", &["at 'now'"]),
            ("UPDATE t SET at = 'now  ', b = '\ttoday'", &["at 'now'", "b 'today'"]),
            ("SELECT 'now', f('now'), at::text = 'now'::text, a || 'now' FROM t WHERE b = 'now' || c", &[]),
            ("UPDATE t SET at = 'now'::timestamptz, b = date 'today'", &[]),
            ("CREATE TABLE t (at timestamptz DEFAULT 'now')", &[]),
            ("-- at = 'now'\nSELECT 1 FROM t WHERE 1 = 'now' OR (a) = 'now'", &[]),
        ] {
            assert_eq!(shown(&time_texts(statement)), found, "{statement}");
        }
    }

    #[test]
    fn texts_of_an_artifact_may_be_times() {
        let artifact =
            b"\0UPDATE t SET at = 'now'SELECT timestamp with time zone 'now', 'today'::date, CAST('tomorrow' AS date)\
            INSERT INTO t VALUES (1, 'yesterday')x = 'now'::text 'now' print('now')";
        let (typed, others) = time_texts_in(artifact);
        assert_eq!(typed, ["'now'", "'today'", "'tomorrow'"]);
        assert_eq!(shown(&others), ["at 'now'", "? 'yesterday'"]);
        assert_eq!(time_texts_in(b"'now"), (Vec::new(), Vec::new()));
        let (_, others) = time_texts_in(b"\0UPDATE t SET \"At\" = ' now ', Day = 'today'");
        assert_eq!(shown(&others), ["At 'now'", "day 'today'"]);
    }
}
