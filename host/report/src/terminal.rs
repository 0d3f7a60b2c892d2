//! The terminal on which progress bars are drawn.

#![allow(clippy::disallowed_methods, reason = "the bars draw here; their texts are escaped before")]

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use console::{AnsiCodeIterator, Term};
use indicatif::TermLike;
use unicode_width::UnicodeWidthChar;

/// Columns left free at the end of each line: the `^C` that a terminal shows there, twice if it is pressed twice, would
/// otherwise begin a new line, and the line above it could not be cleared any more.
const FREE: u16 = 5;

/// The fewest columns that are assumed: a wide character takes two, and a line holds at least one.
const FEWEST: u16 = 2;

/// What is on the screen: a process draws one set of bars at a time.
static SHOWN: Mutex<Shown> = Mutex::new(Shown { at: Cursor { row: 0, column: 0 }, is_over: false });

struct Shown {
    at: Cursor,
    /// Nothing is drawn any more.
    is_over: bool,
}

/// Where the cursor is, seen from the first line of the bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    row: usize,
    column: usize,
}

impl Cursor {
    /// A text as a terminal of so many columns shows it: what exceeds a line continues on the next one.
    ///
    /// `indicatif` ends no line: it fills it with spaces, and the terminal itself begins the next. A terminal that has
    /// more columns than it knows of does not, so the line breaks are written here.
    fn wrap(&mut self, text: &str, columns: usize) -> String {
        let mut wrapped = String::with_capacity(text.len());
        for (piece, is_control) in AnsiCodeIterator::new(text) {
            if is_control {
                wrapped.push_str(piece);
                continue;
            }
            for character in piece.chars() {
                match (character, character.width()) {
                    ('\r', _) => self.column = 0,
                    ('\n', _) => *self = Self { row: self.row + 1, column: 0 },
                    (_, width) => {
                        let width = width.unwrap_or(0);
                        if self.column + width > columns {
                            wrapped.push_str("\r\n");
                            *self = Self { row: self.row + 1, column: 0 };
                        }
                        self.column += width;
                    }
                }
                wrapped.push(character);
            }
        }
        wrapped
    }
}

/// Standard error as a terminal that is a little narrower than it is.
#[derive(Debug)]
pub struct NarrowTerminal {
    /// A frame is written at once, so it is never seen in part.
    term: Term,
    at: Mutex<Cursor>,
}

impl Default for NarrowTerminal {
    fn default() -> Self {
        Self { term: Term::buffered_stderr(), at: Mutex::default() }
    }
}

impl NarrowTerminal {
    fn at(&self) -> MutexGuard<'_, Cursor> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Erases the bars and draws none any more, because the process ends now.
pub fn erase_at_exit() {
    // A thread that draws has the lock for the time of a write, unless the terminal takes nothing; then nothing can be erased.
    for _ in 0..10 {
        let mut shown = match SHOWN.try_lock() {
            Ok(shown) => shown,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        let at = std::mem::take(&mut shown.at);
        if !std::mem::replace(&mut shown.is_over, true) && at != Cursor::default() {
            let term = Term::stderr();
            // A failure to write to standard error cannot be reported.
            let _ = term.move_cursor_up(at.row);
            let _ = term.clear_line();
            let _ = term.clear_to_end_of_screen();
        }
        return;
    }
}

impl TermLike for NarrowTerminal {
    fn width(&self) -> u16 {
        self.term.size().1.saturating_sub(FREE).max(FEWEST)
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        let mut at = self.at();
        at.row = at.row.saturating_sub(lines);
        self.term.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.at().row += lines;
        self.term.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.at().column += columns;
        self.term.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        let mut at = self.at();
        at.column = at.column.saturating_sub(columns);
        self.term.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\r\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let wrapped = self.at().wrap(text, self.width().into());
        self.term.write_str(&wrapped)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.at().column = 0;
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_over {
            return Ok(());
        }
        shown.at = *self.at();
        self.term.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_full_ends_before_the_next_character() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.wrap("abc", 5), "abc");
        assert_eq!(cursor.wrap("  ", 5), "  ", "full, and the cursor stays");
        assert_eq!(cursor, Cursor { row: 0, column: 5 });
        assert_eq!(cursor.wrap("", 5), "");
        assert_eq!(cursor.wrap("\u{1b}[2mde\u{1b}[0m", 5), "\u{1b}[2m\r\nde\u{1b}[0m");
        assert_eq!(cursor, Cursor { row: 1, column: 2 });
        assert_eq!(cursor.wrap("fgh名", 5), "fgh\r\n名", "a wide character does not fit");
        assert_eq!(cursor.wrap("\rx\ny", 5), "\rx\ny");
        assert_eq!(cursor, Cursor { row: 3, column: 1 });
    }
}
