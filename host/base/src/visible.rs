//! Which characters of a foreign text can be shown as they are, and how much room a text takes where they cannot.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Blank, and as wide as a letter. Unicode counts it among the symbols.
const BLANK_BRAILLE: char = '\u{2800}';

/// Whether a character controls a terminal, changes the direction of text, is invisible, or looks different on each machine: what
/// Unicode calls controls, formats, separators of lines, private, unassigned, or ignorable where it is not understood. Variation
/// selectors are among them, and so an emoji is shown with the escape of its own.
pub fn is_unprintable(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let is_of_category = matches!(
        CodePointMapData::<GeneralCategory>::new().get(character),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    );
    is_of_category
        || character == BLANK_BRAILLE
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// The bytes of a text where it is printed, as text or as JSON, whichever is longer.
pub fn printed_length(text: &str) -> usize {
    let of = |character: char| match character {
        '"' | '\\' => 2,
        // `\u{202e}`, and `\u202e` for each of its units.
        character if is_unprintable(character) => character.escape_default().len().max(6 * character.len_utf16()),
        character => character.len_utf8(),
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_steers() {
        for character in [
            '\0',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180f}',
            '\u{200b}',
            '\u{200d}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2065}',
            '\u{2069}',
            '\u{2800}',
            '\u{3164}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff0}',
            '\u{fff9}',
            '\u{fffe}',
            '\u{13430}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{378}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{e0fff}',
            '\u{f0000}',
            '\u{10fffd}',
            '\u{10ffff}',
        ] {
            assert!(is_unprintable(character), "{character:?}");
        }
        assert!(!"aZ~ üß 日本 \u{a0}\u{3000}é😀→“”\u{fffd}".chars().any(is_unprintable));
    }

    #[test]
    fn a_text_is_as_long_as_it_is_printed() {
        for text in ["plain ü", "\0", "a\nb\t", "\u{202e}", "\u{e0041}", "\"\\", "\u{7f}\u{9b}"] {
            let json = serde_json::to_string(text).expect("JSON");
            let in_json: usize = json[1..json.len() - 1]
                .chars()
                .map(|it| if is_unprintable(it) { 6 * it.len_utf16() } else { it.len_utf8() })
                .sum();
            let in_text: usize =
                text.chars().map(|it| if is_unprintable(it) { it.escape_default().len() } else { it.len_utf8() }).sum();
            let printed = printed_length(text);
            assert!(printed >= in_json.max(in_text) && printed <= 8 * text.len(), "{text:?}: {printed}");
        }
    }
}
