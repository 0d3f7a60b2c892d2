//! Selecting rows.

use super::{Batch, Column, ColumnValues, Fixed, NativeValues, VarValues};
use crate::value::Uuid;

impl Batch {
    /// The rows whose positions satisfy the condition.
    ///
    /// ```
    /// use runner_guest::prelude::*;
    ///
    /// fn only_new_york(rows: Batch) -> Result<Batch> {
    ///     let origin = rows.text("origin")?;
    ///     Ok(rows.filter(|row| matches!(origin.get(row), Some("EWR" | "JFK" | "LGA"))))
    /// }
    /// ```
    pub fn filter(&self, mut condition: impl FnMut(usize) -> bool) -> Batch {
        let chosen: Vec<usize> = (0..self.len()).filter(|row| condition(*row)).collect();
        self.select(&chosen)
    }

    /// The rows at these positions, in this order; a row may be selected more than once. Panics if there is no such row.
    pub fn select(&self, rows: &[usize]) -> Batch {
        let columns = self.columns.iter().map(|column| column.select(rows)).collect();
        Batch { row_count: u32::try_from(rows.len()).expect("a batch has less than 4 billion rows"), columns }
    }
}

impl Column {
    /// The rows at these positions, in this order.
    fn select(&self, rows: &[usize]) -> Column {
        let nulls = if self.nulls.is_empty() { Vec::new() } else { each(&self.nulls, rows) };
        let values = match &self.values {
            ColumnValues::Boolean(values) => ColumnValues::Boolean(each(values, rows)),
            ColumnValues::Int64(values) => ColumnValues::Int64(each(values, rows)),
            ColumnValues::Float64(values) => ColumnValues::Float64(each(values, rows)),
            ColumnValues::Text(values) => ColumnValues::Text(values.select(rows)),
            ColumnValues::Bytes(values) => ColumnValues::Bytes(values.select(rows)),
            ColumnValues::Decimal(values) => ColumnValues::Decimal(values.select(rows)),
            ColumnValues::Date(values) => ColumnValues::Date(each(values, rows)),
            ColumnValues::Time(values) => ColumnValues::Time(each(values, rows)),
            ColumnValues::Timestamp(values) => ColumnValues::Timestamp(each(values, rows)),
            ColumnValues::Timestamptz(values) => ColumnValues::Timestamptz(each(values, rows)),
            ColumnValues::Uuid(values) => ColumnValues::Uuid(
                rows.iter().flat_map(|row| &values[row * Uuid::WIDTH..][..Uuid::WIDTH]).copied().collect(),
            ),
            ColumnValues::Json(values) => ColumnValues::Json(values.select(rows)),
            ColumnValues::Native(values) => ColumnValues::Native(NativeValues {
                type_name: values.type_name.clone(),
                texts: values.texts.select(rows),
            }),
        };
        Column { name: self.name.clone(), nulls, values }
    }
}

impl VarValues {
    fn select(&self, rows: &[usize]) -> VarValues {
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        let mut data = Vec::new();
        offsets.push(0);
        for row in rows {
            data.extend_from_slice(&self.data[self.offsets[*row] as usize..self.offsets[row + 1] as usize]);
            offsets.push(u32::try_from(data.len()).expect("a column holds less than 4 GiB"));
        }
        VarValues { offsets, data }
    }
}

fn each<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| values[*row]).collect()
}
