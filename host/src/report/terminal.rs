//! The terminal on which progress bars are drawn.

#![allow(clippy::disallowed_methods, reason = "the bars draw here; their texts are escaped before")]

use std::io;

use console::Term;
use indicatif::TermLike;

/// Columns left free at the end of each line: the `^C` that a terminal shows there would otherwise begin a new line, and the
/// line above it could not be cleared any more.
const FREE: u16 = 3;

/// Standard error as a terminal that is a little narrower than it is.
#[derive(Debug)]
pub struct NarrowTerminal(Term);

impl Default for NarrowTerminal {
    fn default() -> Self {
        Self(Term::stderr())
    }
}

impl TermLike for NarrowTerminal {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(FREE)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
