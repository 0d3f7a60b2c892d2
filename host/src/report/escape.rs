//! Escapes foreign text, which must not control the terminal, hide itself, or pass for our own.

use std::fmt::Write;

/// Whether a character controls a terminal or changes the direction of text.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// A text on one line: line ends, tabs, control characters and changes of direction are escaped (`\n`, `\u{1b}`).
pub fn line(text: &str) -> String {
    without(text, steers)
}

/// The lines of a text, escaped; tabs are kept.
pub fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|text| without(text, |character| steers(character) && character != '\t'))
}

fn without(text: &str, harmful: impl Fn(char) -> bool) -> String {
    // Nearly all text is of these characters alone, none of which is harmful.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if harmful(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A JSON document without characters that control a terminal: JSON's own escapes mean the same. They only occur in strings, where
/// JSON already escapes those below U+0020; between strings there are only line ends.
pub fn json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for character in document.chars() {
        if steers(character) && character != '\n' {
            // All of them are below U+10000.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        for (text, shown) in [
            ("plain ü 日本", "plain ü 日本"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{7f}\0\u{7}", "\\u{7f}\\u{0}\\u{7}"),
            ("user\u{202e}txt.exe\u{2066}", "user\\u{202e}txt.exe\\u{2066}"),
            ("one\u{2028}two", "one\\u{2028}two"),
        ] {
            assert_eq!(line(text), shown);
        }
        assert_eq!(lines("a\n\tb\u{1b}").collect::<Vec<_>>(), ["a", "\tb\\u{1b}"]);
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "text": "a\u{9b}b\u{202e}c\u{7f}\n" });
        let shown = json(&value.to_string());
        assert!(!shown.chars().any(steers), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}
