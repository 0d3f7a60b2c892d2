//! Texts from guests, cut to a length that fits into messages and logs.

use std::borrow::Cow;

/// Bytes of an error that a guest reports. The longest of real ones quote a statement or a row; a guest could make one as
/// long as its memory, and it would be copied into messages, events and the history. Half of what is shown on a line, so
/// that the number of bytes left out is shown, too.
pub const ERROR: usize = 8 << 10;
/// Bytes of an error code, a unit or another word.
pub const WORD: usize = 100;

/// The text, or its beginning and the number of bytes that are left out.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let kept = &text[..text.floor_char_boundary(most)];
    Cow::Owned(format!("{kept}… ({} more bytes)", text.len() - kept.len()))
}

/// As [`cut`], without a copy of a text that fits.
pub fn cut_owned(text: String, most: usize) -> String {
    if text.len() <= most { text } else { cut(&text, most).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("as it is", 8), "as it is");
        assert_eq!(cut("äöü", 3), "ä… (4 more bytes)");
        assert_eq!(cut("äöü", 0), "… (6 more bytes)");
        assert_eq!(cut_owned("x".repeat(ERROR + 1), ERROR).len(), ERROR + "… (1 more bytes)".len());
    }
}
