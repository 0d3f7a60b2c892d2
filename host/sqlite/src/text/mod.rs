//! What the text of a statement shows before SQLite has read it: words, wherever they are, since they may be part of a string or a
//! comment. What must not be overlooked is searched for like this.

mod nesting;

pub(crate) use nesting::check_nesting;
use runner_database::facts::{TOOL_TABLES, may_name_tool_objects};
use runner_sql::BOM;

/// The text after each place at which a word occurs. A byte order mark before it is white space to SQLite.
pub(crate) fn after<'a>(statement: &'a str, word: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let text = statement.as_bytes();
    let windows = text.windows(word.len()).enumerate();
    let begins = |before: &[u8]| before.ends_with(BOM) || !before.last().is_some_and(is_part_of_word);
    let found = windows.filter(move |(at, window)| {
        window.eq_ignore_ascii_case(word.as_bytes())
            && begins(&text[..*at])
            && !text.get(at + word.len()).is_some_and(is_part_of_word)
    });
    found.map(move |(at, _)| &text[at + word.len()..])
}

/// Whether a word occurs.
pub(crate) fn has(statement: &str, word: &str) -> bool {
    after(statement, word).next().is_some()
}

/// The first of the tool's tables whose name is in the text as a word, or as the end of one: with the prefix of a history.
pub(crate) fn mentioned_tool_table(statement: &str) -> Option<&'static str> {
    if !may_name_tool_objects(statement) {
        return None;
    }
    let text = statement.to_ascii_lowercase();
    TOOL_TABLES.into_iter().find(|table| {
        has(statement, table)
            || text
                .match_indices(&format!("_{table}"))
                .any(|(at, _)| !text.as_bytes().get(at + 1 + table.len()).is_some_and(is_part_of_word))
    })
}

/// Whether the one statement of a text is a VACUUM.
pub(crate) fn is_vacuum(statement: &str) -> bool {
    const WORD: &[u8] = b"VACUUM";
    let text = statement.as_bytes();
    let Some(start) = something_else(text) else { return false };
    let word = text.get(start..start + WORD.len());
    word.is_some_and(|word| word.eq_ignore_ascii_case(WORD))
        && !text.get(start + WORD.len()).is_some_and(is_part_of_word)
}

fn is_part_of_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'$' || *byte >= 0x80
}

/// Where the text contains something other than white space, comments and semicolons.
pub(crate) fn something_else(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        match &text[at..] {
            [b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b';', ..] => at += 1,
            rest if rest.starts_with(BOM) => at += BOM.len(),
            [b'-', b'-', rest @ ..] => at += 2 + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', rest @ ..] => {
                at += 2 + rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2);
            }
            _ => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_tools_tables_are_found_in_texts() {
        for table in TOOL_TABLES {
            for text in [format!("DELETE FROM {table}"), format!("delete from [A_{}]", table.to_uppercase())] {
                assert_eq!(mentioned_tool_table(&text), Some(table), "{text}");
            }
            assert_eq!(mentioned_tool_table(&format!("SELECT {table}s FROM fore{table}")), None);
        }
    }

    #[test]
    fn a_tail_may_hold_comments_only() {
        for harmless in ["", " \r\n;; ", "-- done", "/* a */ -- b\n ;", "/* open", "; \u{feff}\u{feff}--"] {
            assert_eq!(something_else(harmless.as_bytes()), None, "{harmless:?}");
        }
        for (tail, at) in
            [("SELECT 1", 0), (" ; DROP TABLE t", 3), ("-- a\nx", 5), ("/* a */x", 7), ("- 1", 0), (" \u{feff}x", 4)]
        {
            assert_eq!(something_else(tail.as_bytes()), Some(at), "{tail:?}");
        }
    }
}
