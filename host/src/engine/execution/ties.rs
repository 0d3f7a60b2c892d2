//! Whether the ORDER BY of a statement left the order of different rows open. Rows that do not include the columns they are
//! ordered by tell nothing.

use crate::data::{Batch, RowSet, Value};
use crate::dialect::Dialect;
use crate::sql::order::{OrderColumn, order_columns};

/// Whether two rows in succession are equal by the ORDER BY of the statement, but not in all columns.
pub(super) fn in_rows(statement: &str, dialect: Dialect, found: &RowSet) -> bool {
    let Some(key) = key_of(statement, dialect, &found.columns, found.rows.len()) else { return false };
    let is_tie = |pair: &[Vec<Value>]| {
        let [above, below] = pair else { return false };
        above != below && key.iter().all(|at| above.get(*at) == below.get(*at))
    };
    found.rows.windows(2).any(is_tie)
}

/// The same of a batch.
pub(super) fn in_batch(statement: &str, dialect: Dialect, rows: &Batch) -> bool {
    let names: Vec<String> = rows.columns.iter().map(|column| column.name.clone()).collect();
    let Some(key) = key_of(statement, dialect, &names, rows.row_count) else { return false };
    let same = |at: usize, row: usize| {
        let Some(column) = rows.columns.get(at) else { return true };
        // NULLs are equal for an ORDER BY.
        column.same(row - 1, row) || (column.is_null(row - 1) && column.is_null(row))
    };
    (1..rows.row_count)
        .any(|row| key.iter().all(|at| same(*at, row)) && !(0..rows.columns.len()).all(|at| same(at, row)))
}

/// The columns of the result by which it is ordered.
fn key_of(statement: &str, dialect: Dialect, names: &[String], rows: usize) -> Option<Vec<usize>> {
    if rows < 2 {
        return None;
    }
    let of = |column: OrderColumn| match column {
        OrderColumn::Position(position) => position.checked_sub(1).filter(|at| *at < names.len()),
        OrderColumn::Name(name) => names.iter().position(|it| it.eq_ignore_ascii_case(&name)),
    };
    order_columns(statement, dialect)?.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ColumnBuilder, ColumnType};

    fn rows(ids: [Option<i64>; 3], others: [i64; 3]) -> (RowSet, Batch) {
        let values =
            ids.iter().zip(others).map(|(id, other)| vec![id.map_or(Value::Null, Value::Int64), Value::Int64(other)]);
        let set = RowSet { columns: vec!["id".to_owned(), "x".to_owned()], rows: values.collect() };
        let mut id = ColumnBuilder::new(ColumnType::Int64, 3, "");
        let mut x = ColumnBuilder::new(ColumnType::Int64, 3, "");
        for (value, other) in ids.into_iter().zip(others) {
            match value {
                Some(value) => assert!(id.push_int64(value)),
                None => id.push_null(),
            }
            assert!(x.push_int64(other));
        }
        (set, Batch { row_count: 3, columns: vec![id.finish("id"), x.finish("x")] })
    }

    #[test]
    fn different_rows_of_one_order_are_ties() {
        for (statement, ids, others, is_tied) in [
            ("SELECT id, x FROM t ORDER BY id", [Some(1), Some(2), Some(2)], [1, 2, 3], true),
            ("SELECT id, x FROM t ORDER BY t.ID DESC", [None, None, Some(2)], [1, 2, 3], true),
            ("SELECT id, x FROM t ORDER BY 1", [Some(1), Some(1), Some(2)], [1, 2, 3], true),
            ("SELECT id, x FROM t ORDER BY id", [Some(1), Some(2), Some(2)], [1, 2, 2], false),
            ("SELECT id, x FROM t ORDER BY id, x", [Some(1), Some(2), Some(2)], [1, 2, 3], false),
            ("SELECT id, x FROM t ORDER BY y", [Some(1), Some(2), Some(2)], [1, 2, 3], false),
            ("SELECT id, x FROM t", [Some(1), Some(2), Some(2)], [1, 2, 3], false),
        ] {
            let (set, batch) = rows(ids, others);
            assert_eq!(in_rows(statement, Dialect::Sqlite, &set), is_tied, "{statement}");
            assert_eq!(in_batch(statement, Dialect::Sqlite, &batch), is_tied, "{statement}");
        }
    }
}
