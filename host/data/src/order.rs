//! The order of rows by some of their columns, the same on every machine: numbers by value, texts and bytes by their bytes.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Batch, Column, ColumnType, ColumnValues, VarValues};

/// Whether values of this type are ordered, and are read back exactly as written.
pub fn is_ordered(column_type: ColumnType) -> bool {
    match column_type {
        ColumnType::Boolean
        | ColumnType::Int64
        | ColumnType::Text
        | ColumnType::Bytes
        | ColumnType::Date
        | ColumnType::Uuid => true,
        ColumnType::Float64
        | ColumnType::Decimal
        | ColumnType::Time
        | ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::Json
        | ColumnType::Native => false,
    }
}

/// Returns the rows of a validated batch in the order of `key`, or `None` if the batch lacks one of these columns, or has
/// NULL or values without an order in one, or the same key twice.
pub fn by_key<'a>(rows: &'a Batch, key: &[String]) -> Option<Cow<'a, Batch>> {
    let columns: Vec<&Column> = key.iter().map(|name| rows.column(name)).collect::<Option<_>>()?;
    let usable = |column: &&Column| is_ordered(column.values.column_type()) && !column.nulls.contains(&1);
    if columns.is_empty() || !columns.iter().all(usable) {
        return None;
    }
    if let [Column { values: ColumnValues::Int64(entries), .. }] = columns.as_slice()
        && entries.is_sorted_by(|left, right| left < right)
    {
        return Some(Cow::Borrowed(rows));
    }
    let is_above = |pair: &[usize]| compare(&columns, pair[0], pair[1]).is_lt();
    if (1..rows.row_count).all(|row| is_above(&[row - 1, row])) {
        return Some(Cow::Borrowed(rows));
    }
    let mut order: Vec<usize> = (0..rows.row_count).collect();
    order.sort_by(|left, right| compare(&columns, *left, *right));
    if !order.windows(2).all(is_above) {
        return None;
    }
    let columns = rows.columns.iter().map(|column| picked(column, &order)).collect();
    Some(Cow::Owned(Batch { row_count: rows.row_count, columns }))
}

fn compare(columns: &[&Column], left: usize, right: usize) -> Ordering {
    columns.iter().map(|column| compare_cells(column, left, right)).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_cells(column: &Column, left: usize, right: usize) -> Ordering {
    match &column.values {
        ColumnValues::Boolean(entries) => entries[left].cmp(&entries[right]),
        ColumnValues::Int64(entries)
        | ColumnValues::Time(entries)
        | ColumnValues::Timestamp(entries)
        | ColumnValues::Timestamptz(entries) => entries[left].cmp(&entries[right]),
        ColumnValues::Float64(entries) => entries[left].total_cmp(&entries[right]),
        ColumnValues::Date(entries) => entries[left].cmp(&entries[right]),
        ColumnValues::Uuid(entries) => entries[left * 2..left * 2 + 2].cmp(&entries[right * 2..right * 2 + 2]),
        other => other.var_values().map_or(Ordering::Equal, |values| values.get(left).cmp(values.get(right))),
    }
}

/// The column with its rows in this order.
fn picked(column: &Column, order: &[usize]) -> Column {
    fn each<T: Copy>(entries: &[T], order: &[usize]) -> Vec<T> {
        order.iter().map(|row| entries[*row]).collect()
    }
    let var = |values: &VarValues| {
        let mut picked = VarValues::default();
        picked.data.reserve_exact(values.data.len());
        picked.offsets.reserve_exact(order.len());
        for row in order {
            picked.data.extend_from_slice(values.get(*row));
            // No more bytes than in the validated column, whose offsets fit.
            picked.offsets.push(u32::try_from(picked.data.len()).unwrap_or(u32::MAX));
        }
        picked
    };
    let values = match &column.values {
        ColumnValues::Boolean(entries) => ColumnValues::Boolean(each(entries, order)),
        ColumnValues::Int64(entries) => ColumnValues::Int64(each(entries, order)),
        ColumnValues::Float64(entries) => ColumnValues::Float64(each(entries, order)),
        ColumnValues::Date(entries) => ColumnValues::Date(each(entries, order)),
        ColumnValues::Time(entries) => ColumnValues::Time(each(entries, order)),
        ColumnValues::Timestamp(entries) => ColumnValues::Timestamp(each(entries, order)),
        ColumnValues::Timestamptz(entries) => ColumnValues::Timestamptz(each(entries, order)),
        ColumnValues::Uuid(entries) => {
            ColumnValues::Uuid(order.iter().flat_map(|row| [entries[row * 2], entries[row * 2 + 1]]).collect())
        }
        ColumnValues::Text(values) => ColumnValues::Text(var(values)),
        ColumnValues::Bytes(values) => ColumnValues::Bytes(var(values)),
        ColumnValues::Decimal(values) => ColumnValues::Decimal(var(values)),
        ColumnValues::Json(values) => ColumnValues::Json(var(values)),
        ColumnValues::Native(values) => {
            ColumnValues::Native(super::NativeValues { type_name: values.type_name.clone(), texts: var(&values.texts) })
        }
    };
    let nulls = if column.nulls.is_empty() { Vec::new() } else { each(&column.nulls, order) };
    Column { name: column.name.clone(), nulls, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnBuilder, NativeValues, Value};

    fn texts(entries: &[&str]) -> VarValues {
        let mut values = VarValues::default();
        for entry in entries {
            values.data.extend_from_slice(entry.as_bytes());
            values.offsets.push(values.data.len() as u32);
        }
        values
    }

    fn batch(columns: Vec<(&str, ColumnValues)>) -> Batch {
        let columns = columns.into_iter().map(|(name, values)| Column { name: name.to_owned(), nulls: vec![], values });
        let batch = Batch { row_count: 3, columns: columns.collect() };
        batch.validate().expect("a batch");
        batch
    }

    fn key(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rows_are_moved_with_all_their_columns() {
        let rows = batch(vec![
            ("a", ColumnValues::Int64(vec![2, 1, 2])),
            ("b", ColumnValues::Text(texts(&["y", "z", "x"]))),
            ("c", ColumnValues::Uuid(vec![0, 1, 2, 3, 4, 5])),
            ("d", ColumnValues::Native(NativeValues { type_name: "n".to_owned(), texts: texts(&["", "12", "3"]) })),
            ("e", ColumnValues::Float64(vec![0.5, 1.5, 2.5])),
        ]);
        let sorted = by_key(&rows, &key(&["a", "b"])).expect("ordered");
        let row = |batch: &Batch, row| batch.columns.iter().map(|it| Value::of_cell(it, row)).collect::<Vec<_>>();
        let [first, second, third] = [1, 2, 0].map(|at| row(&rows, at));
        assert_eq!([row(&sorted, 0), row(&sorted, 1), row(&sorted, 2)], [first, second, third]);
        sorted.validate().expect("a batch");
        assert!(matches!(by_key(&sorted, &key(&["a", "b"])), Some(Cow::Borrowed(_))), "it is in order");
    }

    #[test]
    fn texts_are_ordered_by_their_bytes() {
        let rows = batch(vec![("a", ColumnValues::Text(texts(&["ä", "b", "B"])))]);
        let sorted = by_key(&rows, &key(&["a"])).expect("ordered");
        assert_eq!(sorted.columns[0].values, ColumnValues::Text(texts(&["B", "b", "ä"])));
    }

    #[test]
    fn what_has_no_order_is_not_sorted() {
        let rows = batch(vec![("a", ColumnValues::Int64(vec![2, 1, 2])), ("b", ColumnValues::Float64(vec![3.0; 3]))]);
        for names in [&["a"][..], &["a", "b"], &["x"], &[]] {
            assert_eq!(by_key(&rows, &key(names)), None, "{names:?}");
        }
        let mut nulls = ColumnBuilder::new(ColumnType::Int64, 1, "");
        nulls.push_null();
        let rows = Batch { row_count: 1, columns: vec![nulls.finish("a")] };
        assert_eq!(by_key(&rows, &key(&["a"])), None);
    }
}
