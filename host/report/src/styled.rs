//! Styled text. A [`Text`] escapes everything that is added to it, and nothing else is written to the terminal.

use std::fmt::Write;
use std::ops::Range;

use anstyle::{AnsiColor, Style};
use runner_sql::without_rows;

use super::escape::{self, ScriptTo};

/// A text that has no room for lines of its own, such as the reason that an operator gave, or a statement, without rows that it copies.
pub(crate) fn one_line(text: &str) -> String {
    without_rows(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Errors.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Success.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Warnings.
pub const ODD: Style = AnsiColor::Yellow.on_default();
/// Hints.
pub const HINT: Style = AnsiColor::Cyan.on_default();
/// Details.
pub const DIM: Style = Style::new().dimmed();
/// Headings and names.
pub const STRONG: Style = Style::new().bold();
/// A row before a change.
pub const OLD: Style = AnsiColor::Red.on_default();
/// A row after a change.
pub const NEW: Style = AnsiColor::Green.on_default();
/// No style.
pub const PLAIN: Style = Style::new();

/// About as many bytes as the code takes that begins a style.
const ESCAPE_CODES: usize = 6;

/// Styled text. Everything that is added is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// The styled pieces: where each begins and ends in the text, in bytes, and in order.
    styles: Vec<(Range<usize>, Style)>,
}

impl Text {
    /// No text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece that stays on its line.
    #[must_use]
    pub fn add(mut self, style: Style, piece: impl AsRef<str>) -> Self {
        self.push(style, piece);
        self
    }

    /// Adds a piece without a style.
    #[must_use]
    pub fn plain(self, piece: impl AsRef<str>) -> Self {
        self.add(PLAIN, piece)
    }

    /// Ends the line.
    #[must_use]
    pub fn end(mut self) -> Self {
        self.text.push('\n');
        self
    }

    /// Adds a piece that stays on its line.
    pub fn push(&mut self, style: Style, piece: impl AsRef<str>) {
        self.push_escaped(style, &escape::line(piece.as_ref()));
    }

    /// Adds spaces.
    pub(crate) fn push_spaces(&mut self, count: usize) {
        self.text.extend(std::iter::repeat_n(' ', count));
    }

    /// Adds a piece that [`escape::line`] has returned.
    pub(crate) fn push_escaped(&mut self, style: Style, piece: &str) {
        let start = self.text.len();
        self.text.push_str(piece);
        if !style.is_plain() && !piece.is_empty() {
            self.styles.push((start..self.text.len(), style));
        }
    }

    /// Adds a piece that ends its line.
    pub fn push_line(&mut self, style: Style, piece: impl AsRef<str>) {
        self.push(style, piece);
        self.push_end();
    }

    /// Adds several lines with the same indent and ends the last one. What exceeds some screens is cut off.
    pub fn push_block(&mut self, style: Style, indent: &str, block: &str) {
        for line in escape::lines(block) {
            self.text.push_str(indent);
            self.push_escaped(style, &line);
            self.text.push('\n');
        }
    }

    /// Adds a script, whole and as its file has it.
    pub fn push_whole(&mut self, style: Style, script: &str, to: ScriptTo) {
        for line in escape::whole_lines(script, to) {
            self.push_escaped(style, &line);
            self.text.push('\n');
        }
    }

    /// Adds another text.
    pub fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.styles.extend(other.styles.iter().map(|(at, style)| (start + at.start..start + at.end, *style)));
    }

    /// Ends the line.
    pub fn push_end(&mut self) {
        self.text.push('\n');
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text with the escape codes of its styles.
    pub fn styled(&self) -> String {
        let mut styled = String::with_capacity(self.text.len() + 2 * ESCAPE_CODES * self.styles.len());
        let mut end = 0;
        for (at, style) in &self.styles {
            // A `String` takes whatever it is given.
            let _ = write!(styled, "{}{style}{}{style:#}", &self.text[end..at.start], &self.text[at.clone()]);
            end = at.end;
        }
        styled.push_str(&self.text[end..]);
        styled
    }

    /// The text without the codes of its styles.
    pub fn unstyled(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_ours_alone() {
        let text = Text::new().add(BAD, "error").plain(": \x1b[0m").end();
        assert_eq!(text.styled(), "\x1b[1m\x1b[31merror\x1b[0m: \\u{1b}[0m\n");
        let mut block = Text::new();
        block.push_block(PLAIN, "  ", "a\nb\x1b");
        assert_eq!(block.styled(), "  a\n  b\\u{1b}\n");
    }

    #[test]
    fn styles_stay_with_their_pieces() {
        let mut text = Text::new().plain("a ").add(STRONG, "b").add(GOOD, "");
        text.append(&Text::new().add(DIM, "c").plain(" d").end());
        assert_eq!(text.styled(), "a \x1b[1mb\x1b[0m\x1b[2mc\x1b[0m d\n");
        assert_eq!(text.unstyled(), "a bc d\n");
    }
}
