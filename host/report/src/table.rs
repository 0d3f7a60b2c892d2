//! Tables aligned by display width, not by bytes.

use std::borrow::Cow;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::escape;
use super::styled::{DIM, Text};

/// A table that is filled row by row.
pub struct Table<'a> {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell<'a>>>,
    /// Number of rows above, and the text.
    notes: Vec<(usize, String)>,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    text: Cow<'a, str>,
    width: usize,
    style: Style,
    right: bool,
}

impl<'a> Cell<'a> {
    /// A left-aligned cell.
    pub fn left(style: Style, text: impl Into<Cow<'a, str>>) -> Self {
        let text = escape::line(text);
        // What is printable ASCII is as wide as it is long.
        let width = if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) { text.len() } else { text.width() };
        Self { text, width, style, right: false }
    }

    /// A right-aligned cell, for numbers.
    pub fn right(style: Style, text: impl Into<Cow<'a, str>>) -> Self {
        Self { right: true, ..Self::left(style, text) }
    }
}

impl<'a> Table<'a> {
    /// A table with these headings.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: Vec<Cell<'a>>) {
        self.rows.push(cells);
    }

    /// Adds a line below the last row, outside the columns.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push((self.rows.len(), note.into()));
    }

    /// The table without empty columns.
    pub fn text(&self) -> Text {
        let right = |at: usize| self.rows.iter().filter_map(|row| row.get(at)).any(|cell| cell.right);
        let used: Vec<(usize, usize)> = (self.headings.iter().enumerate())
            .filter_map(|(at, heading)| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width);
                let widest = cells.max().unwrap_or(0);
                (widest > 0).then(|| (at, widest.max(heading.width())))
            })
            .collect();
        let mut text = Text::new();
        let heading = |at: usize| Cell { right: right(at), ..Cell::left(DIM, self.headings[at]) };
        let headings: Vec<Cell<'_>> = (0..self.headings.len()).map(heading).collect();
        let indent = " ".repeat(used.first().map_or(0, |(_, width)| width + 2));
        for (at, row) in std::iter::once(&headings).chain(&self.rows).enumerate() {
            line(&mut text, row, &used);
            for (_, note) in self.notes.iter().filter(|(above, _)| *above == at) {
                text.push(Style::new(), &indent);
                text.push_line(DIM, note);
            }
        }
        text
    }
}

fn line(text: &mut Text, row: &[Cell<'_>], used: &[(usize, usize)]) {
    let last = used.iter().rposition(|(at, _)| row.get(*at).is_some_and(|cell| !cell.text.is_empty()));
    for (place, (at, width)) in used.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
        if place > 0 {
            text.push_spaces(2);
        }
        let Some(cell) = row.get(*at) else {
            text.push_spaces(*width);
            continue;
        };
        let padding = width - cell.width;
        if cell.right {
            text.push_spaces(padding);
        }
        // It was escaped when the cell was made, to know its width.
        text.push_escaped(cell.style, &cell.text);
        if !cell.right && Some(place) != last {
            text.push_spaces(padding);
        }
    }
    text.push_end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::styled::PLAIN;

    #[test]
    fn columns_align_by_width_and_empty_ones_are_left_out() {
        let mut table = Table::new(&["name", "empty", "rows", "note"]);
        table.row(vec![
            Cell::left(PLAIN, "日本"),
            Cell::left(PLAIN, ""),
            Cell::right(PLAIN, "5"),
            Cell::left(PLAIN, "x"),
        ]);
        table.note("of two columns");
        table.row(vec![Cell::left(PLAIN, "a\nb_long"), Cell::left(PLAIN, ""), Cell::right(PLAIN, "1,000")]);
        let expected = "name        rows  note\n日本           5  x\n           of two columns\na\\nb_long  1,000\n";
        assert_eq!(table.text().unstyled(), expected);
    }
}
