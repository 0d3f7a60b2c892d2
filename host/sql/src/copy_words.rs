//! The words of `COPY … FROM stdin`, and where the rows are that follow it.

/// The line after the last row.
pub(super) const END: &str = "\\.";

/// How much of `COPY … FROM stdin` a statement has so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopyWords {
    part: Part,
    /// Open parentheses: of columns, of options, of a query.
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Nothing,
    Copy,
    From,
    Client,
    Another,
}

impl CopyWords {
    /// Takes the next token into account that is neither blank nor a comment; returns true for a semicolon after which rows follow. The
    /// server takes either name of the client in either direction.
    pub fn see(&mut self, text: &str) -> bool {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if text == ";" {
            return std::mem::take(self).part == Part::Client;
        }
        if matches!(self.part, Part::Another | Part::Client) {
            return false;
        }
        match text {
            "(" => self.depth += 1,
            ")" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.part = match self.part {
            Part::Nothing if is("COPY") => Part::Copy,
            Part::Nothing => Part::Another,
            Part::From if is("STDIN") || is("STDOUT") => Part::Client,
            Part::Copy if self.depth == 0 && is("FROM") => Part::From,
            Part::From => Part::Copy,
            part => part,
        };
        false
    }
}

/// Where the rows end that follow a semicolon before this place; `None` if they have no end, or more is in its line.
pub(super) fn end_of_rows(text: &str, after: usize) -> Option<usize> {
    let (blank, _) = text.get(after..)?.split_once('\n')?;
    if !blank.trim().is_empty() {
        return None;
    }
    // It is asked for by each that judges the statement, and the rows may be many.
    let mut ends = text.get(after..)?.match_indices("\n\\.").map(|(at, found)| after + at + found.len());
    ends.find(|end| matches!(text.as_bytes().get(*end), None | Some(b'\n')))
}

/// Why there are no rows after a semicolon before this place, and what to do about it.
pub(super) fn missing_rows(text: &str, after: usize) -> (&'static str, &'static str) {
    match text.get(after..).and_then(|rest| rest.split_once('\n')) {
        None => {
            ("`COPY` from the client has no rows", "write them into the lines after it, with a line `\\.` at the end")
        }
        Some((blank, _)) if !blank.trim().is_empty() => {
            ("`COPY` from the client has more in its line", "its rows begin in the next line: put the rest after them")
        }
        Some(_) => ("the rows of `COPY` from the client have no end", "write a line `\\.` after the last one"),
    }
}
