//! Names and texts without their quotes.

use std::borrow::Cow;

/// A text without its quotes, if it has any.
pub(super) fn unquote(text: &str) -> Cow<'_, str> {
    let mut characters = text.chars();
    let (Some(first), Some(last)) = (characters.next(), characters.next_back()) else { return Cow::Borrowed(text) };
    let inside = characters.as_str();
    match (first, last) {
        ('"', '"') | ('`', '`') | ('\'', '\'') if inside.contains(first) => {
            Cow::Owned(inside.replace(&format!("{first}{first}"), &first.to_string()))
        }
        ('"', '"') | ('`', '`') | ('\'', '\'') | ('[', ']') => Cow::Borrowed(inside),
        _ => Cow::Borrowed(text),
    }
}
