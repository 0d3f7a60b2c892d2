//! A column of a batch as one parameter, from which an SQL expression takes the cell of a row by its position.
//!
//! Such a statement is the same for every batch: it is prepared once, has a handful of parameters instead of tens
//! of thousands, and the server reads the bytes of a batch without parsing them.
//!
//! # The formula
//!
//! The cells are padded to one width with a byte that none of them ends with; a marker that no cell equals is NULL:
//!
//! ```sql
//! TRIM(TRAILING ? FROM SUBSTR(?, place * ? + 1, ?))
//! ```
//!
//! Where one long cell would make all others wide, a second string has the offset and length of each cell, in digits.
//! With integer keys in a range at most four times as wide as the batch, `place` is `id - first`, in one `UPDATE …
//! WHERE id BETWEEN ? AND ?`, guarded by a string of 0 and 1 where the range has other numbers. All other keys become a
//! derived table from the same strings and the numbers 0 to n, cast to the types and collations of their columns so
//! that the join uses the index. The numbers come from two joined recursions of 128 steps, since
//! `cte_max_recursion_depth` stops longer ones. CPU time of the server, MariaDB 10.11:
//!
//! | two of three columns changed | µs per row | relative |
//! | --- | --- | --- |
//! | one `UPDATE` over the table | 6.1 | 1.0 |
//! | strings, keys in a range; 4,096 to 16,384 rows | 5.9–6.1 | 1.0 |
//! | strings with positions and lengths in digits | 6.5–6.8 | 1.1 |
//! | position from a counting variable | 6.8 | 1.1 |
//! | `ELT(id - first, '…', '…')` | 7.2–7.8 | 1.2–1.3 |
//! | strings, join with the derived table of keys | 8.3–8.9 | 1.4 |
//! | temporary table in memory; of InnoDB | 7.4–8.2; 9.2–10.4 | 1.3; 1.6 |
//! | `INSERT … ON DUPLICATE KEY UPDATE` of literals | 9.0 | 1.5 |
//! | insert: strings; literals | 7.7; 8.0 | |
//!
//! Rejected: `LOAD DATA LOCAL`, which is off on MySQL 8; session variables, whose whole text is copied for each row;
//! `@p := @p + 1`, whose order of evaluation is not guaranteed; literals, which cost 1.2 times as much and are quoted
//! otherwise in every `sql_mode`; a parameter for each cell, at most 65,535 of them; temporary tables of keys, which
//! have no TEXT and are refused by GTID consistency on MySQL.

use std::ops::Range;

use sqlx::Arguments as _;
use sqlx::mysql::MySqlArguments;

use crate::error::Result;
use crate::types::write::Encoded;
use runner_database::Dialect;

/// Digits of a position or a length in [`PackedForm::Placed`].
const DIGITS: usize = 10;

/// How many bytes padded cells may take beyond twice their own length.
const SLACK: usize = 64 << 10;

/// The cells of some rows of a column.
pub(crate) struct Packed {
    data: Vec<u8>,
    form: PackedForm,
    is_text: bool,
    /// Whether what is cut out of a parameter is cast to bytes. MySQL takes a parameter for text when it prepares the
    /// statement: it would compare by a collation, where an empty text equals a zero byte, and trim by character.
    is_cast: bool,
}

enum PackedForm {
    /// All cells padded to one width with a byte that no cell ends with. NULL is a byte that no cell consists of.
    Padded { width: usize, pad: u8, null: Option<u8> },
    /// The cells end to end, and the position and length of each in digits.
    Placed { places: Vec<u8> },
}

/// A position computed by an expression, and the expression's parameters.
pub(crate) struct RowPlace<'a> {
    /// The expression, counted from 0.
    pub sql: &'a str,
    /// Its parameters.
    pub parameters: &'a [Number],
}

/// A number as a parameter: keys may be unsigned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub i128);

impl Number {
    pub fn bind(self, arguments: &mut MySqlArguments) -> Result<()> {
        let added = match i64::try_from(self.0) {
            Ok(number) => arguments.add(number),
            Err(_) => arguments.add(u64::try_from(self.0).unwrap_or(u64::MAX)),
        };
        added.map_err(|error| crate::error::from_sqlx(sqlx::Error::Encode(error)))
    }
}

/// Adds bytes as a parameter.
pub(crate) fn bind_bytes(arguments: &mut MySqlArguments, bytes: &[u8]) -> Result<()> {
    arguments.add(bytes).map_err(|error| crate::error::from_sqlx(sqlx::Error::Encode(error)))
}

impl Packed {
    /// Packs `rows` of a column; `place` gives the position of a row, below `places`.
    pub fn new(column: &Encoded<'_>, rows: Range<usize>, places: usize, place: impl Fn(usize) -> usize) -> Self {
        let null = |row: usize| column.nulls.get(row).is_some_and(|flag| *flag != 0);
        let (mut longest, mut total) = (1, 0);
        let mut is_last = [false; 256];
        let mut is_whole = [false; 256];
        let mut has_nulls = false;
        for row in rows.clone() {
            if null(row) {
                has_nulls = true;
                continue;
            }
            let cell = column.cells.get(row);
            longest = longest.max(cell.len());
            total += cell.len();
            if let Some(last) = cell.last() {
                is_last[*last as usize] = true;
            }
            if let [only] = cell {
                is_whole[*only as usize] = true;
            }
        }
        let free = |taken: &[bool; 256], but: Option<u8>| {
            (0..=255_u8).find(|byte| !taken[*byte as usize] && Some(*byte) != but)
        };
        let pad = free(&is_last, None);
        let mark = free(&is_whole, pad);
        if let (Some(pad), Some(mark)) = (pad, mark)
            && longest.saturating_mul(places) <= total * 2 + SLACK
        {
            let mut data = vec![pad; longest * places];
            for row in rows {
                let at = place(row) * longest;
                let cell = if null(row) { std::slice::from_ref(&mark) } else { column.cells.get(row) };
                data[at..at + cell.len()].copy_from_slice(cell);
            }
            let form = PackedForm::Padded { width: longest, pad, null: has_nulls.then_some(mark) };
            return Self { data, form, is_text: column.is_text, is_cast: false };
        }
        // Position 0 means NULL, and also marks a position without a row.
        let mut spots = vec![b'0'; places * DIGITS * 2];
        let mut data = Vec::with_capacity(total);
        for row in rows {
            if null(row) {
                continue;
            }
            let cell = column.cells.get(row);
            let text = format!("{:010}{:010}", data.len() + 1, cell.len());
            let at = place(row) * DIGITS * 2;
            spots[at..at + DIGITS * 2].copy_from_slice(text.as_bytes());
            data.extend_from_slice(cell);
        }
        Self { data, form: PackedForm::Placed { places: spots }, is_text: column.is_text, is_cast: false }
    }

    /// The same for a server.
    pub fn on(self, dialect: Dialect) -> Self {
        Self { is_cast: dialect == Dialect::Mysql, ..self }
    }

    /// How many bytes its parameters take.
    pub fn byte_len(&self) -> usize {
        match &self.form {
            PackedForm::Padded { .. } => self.data.len() + 64,
            PackedForm::Placed { places } => self.data.len() + 2 * places.len() + 64,
        }
    }

    /// The expression for the cell at a position: bytes, or text in utf8mb4.
    pub fn sql(&self, place: &str) -> String {
        let part = |part: String| if self.is_cast { format!("CAST({part} AS BINARY)") } else { part };
        let bytes = match &self.form {
            PackedForm::Padded { null, .. } => {
                let cell = format!("TRIM(TRAILING ? FROM {})", part(format!("SUBSTR(?, {place} * ? + 1, ?)")));
                if null.is_some() { format!("NULLIF({cell}, ?)") } else { cell }
            }
            PackedForm::Placed { .. } => part(format!(
                "SUBSTR(?, NULLIF(SUBSTR(?, {place} * 20 + 1, 10), _binary'0000000000'), SUBSTR(?, {place} * 20 + 11, 10))"
            )),
        };
        if self.is_text { format!("CONVERT({bytes} USING utf8mb4)") } else { bytes }
    }

    /// Adds the parameters of [`Packed::sql`].
    pub fn bind(&self, arguments: &mut MySqlArguments, place: &RowPlace<'_>) -> Result<()> {
        let bind_place =
            |arguments: &mut MySqlArguments| place.parameters.iter().try_for_each(|number| number.bind(arguments));
        match &self.form {
            PackedForm::Padded { width, pad, null } => {
                let width = Number(*width as i128);
                bind_bytes(arguments, &[*pad])?;
                bind_bytes(arguments, &self.data)?;
                bind_place(arguments)?;
                width.bind(arguments)?;
                width.bind(arguments)?;
                null.map_or(Ok(()), |null| bind_bytes(arguments, &[null]))
            }
            PackedForm::Placed { places } => {
                bind_bytes(arguments, &self.data)?;
                for _ in 0..2 {
                    bind_bytes(arguments, places)?;
                    bind_place(arguments)?;
                }
                Ok(())
            }
        }
    }
}
