//! The result of a query, with typed cells.

use std::fmt;
use std::rc::Rc;

use crate::bindings::migration::runner::migration::types::RowSet;
use crate::value::FromValue;
use crate::{Error, ErrorKind, Result, Value};

/// All rows of a small result.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: Rc<[String]>,
    rows: Vec<Row>,
}

/// One row of a result.
#[derive(Clone)]
pub struct Row {
    columns: Rc<[String]>,
    values: Vec<Value>,
}

impl Rows {
    pub(crate) fn new(set: RowSet) -> Self {
        let columns: Rc<[String]> = set.columns.into();
        let rows = set.rows.into_iter().map(|values| Row { columns: columns.clone(), values }).collect();
        Self { columns, rows }
    }

    /// The names of the columns, in the order of the SELECT list.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, in the statement's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.rows.iter()
    }

    /// One column of every row.
    pub fn column<'a, T: FromValue<'a>>(&'a self, column: impl ColumnIndex + Copy) -> Result<Vec<T>> {
        self.iter().map(|row| row.get(column)).collect()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Row {
    /// The cell of a column, by its name or its position, counted from 0.
    ///
    /// A missing column is an error of kind `invalid-argument`, one that cannot be read as `T` an error of kind
    /// `conversion`. Ask for an `Option` if the cell may be NULL.
    pub fn get<'a, T: FromValue<'a>>(&'a self, column: impl ColumnIndex) -> Result<T> {
        let at = column.find(&self.columns)?;
        T::from_value(&self.values[at]).map_err(|mismatch| {
            let (column, found) = (&self.columns[at], mismatch.found);
            let message = format!("column `{column}` holds {found}, not {}", mismatch.wanted);
            Error::with_kind(ErrorKind::Conversion, message)
        })
    }

    /// The cells, in the order of the SELECT list.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The cells, in the order of the SELECT list.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.columns.iter().zip(&self.values)).finish()
    }
}

/// A column of a row: its name, or its position, counted from 0.
pub trait ColumnIndex {
    /// The position in a list of names, or an error that lists the names.
    fn find(&self, columns: &[String]) -> Result<usize>;
}

impl ColumnIndex for usize {
    fn find(&self, columns: &[String]) -> Result<usize> {
        if *self < columns.len() {
            return Ok(*self);
        }
        let message = format!("there is no column {self}; the row has {}, counted from 0", columns.len());
        Err(Error::with_kind(ErrorKind::InvalidArgument, message))
    }
}

impl ColumnIndex for &str {
    fn find(&self, columns: &[String]) -> Result<usize> {
        columns.iter().position(|column| column == self).ok_or_else(|| {
            let message = format!("there is no column `{self}`; there are: {}", columns.join(", "));
            Error::with_kind(ErrorKind::InvalidArgument, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        Rows::new(RowSet {
            columns: vec!["id".into(), "name".into()],
            rows: vec![vec![Value::Int64(1), Value::Text("Ada".into())], vec![Value::Int64(2), Value::Null]],
        })
    }

    #[test]
    fn reads_cells_by_name_and_position() {
        let rows = rows();
        assert_eq!(rows.column::<i64>("id").unwrap(), [1, 2]);
        assert_eq!(rows.column::<Option<&str>>(1).unwrap(), [Some("Ada"), None]);
    }

    #[test]
    fn tells_a_missing_column_from_a_wrong_type() {
        let row = rows().into_iter().nth(1).unwrap();
        let missing = row.get::<i64>("age").unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::InvalidArgument);
        assert_eq!(missing.message(), "there is no column `age`; there are: id, name");
        let wrong = row.get::<String>("name").unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Conversion);
        assert_eq!(wrong.message(), "column `name` holds null, not a text");
        assert!(row.get::<i64>(2).is_err());
    }
}
