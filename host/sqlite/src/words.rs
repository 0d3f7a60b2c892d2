//! Words of a text, wherever they are: they may be part of a string or a comment. What must not be overlooked is
//! searched for like this.

use super::statement::something_else;
use runner_database::facts::TOOL_TABLES;
use runner_sql::BOM;

/// The text after each place at which a word occurs. A byte order mark before it is white space to SQLite.
pub(super) fn after<'a>(statement: &'a str, word: &'a str) -> impl Iterator<Item = &'a [u8]> {
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
pub(super) fn has(statement: &str, word: &str) -> bool {
    after(statement, word).next().is_some()
}

/// The first of the tool's tables whose name is in the text as a word, or as the end of one: with the prefix of a history.
pub(super) fn mentioned_tool_table(statement: &str) -> Option<&'static str> {
    let text = statement.to_ascii_lowercase();
    TOOL_TABLES.into_iter().find(|table| {
        has(statement, table)
            || text
                .match_indices(&format!("_{table}"))
                .any(|(at, _)| !text.as_bytes().get(at + 1 + table.len()).is_some_and(is_part_of_word))
    })
}

/// Whether the one statement of a text is a VACUUM.
pub(super) fn is_vacuum(statement: &str) -> bool {
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
