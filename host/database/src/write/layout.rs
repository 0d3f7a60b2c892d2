//! The layout of a write: which columns of a table a batch has, and how the writer uses each.

use super::other_columns;
use crate::{DatabaseError, TableInfo, WriteMode};
use runner_data::Batch;

/// The columns of a batch and their meaning for the table.
#[derive(Clone)]
pub struct Layout {
    /// The names of the batch's columns as given.
    given: Vec<String>,
    /// The same names as the table spells them.
    pub names: Vec<String>,
    /// The positions of the key's columns, in key order.
    pub key: Vec<usize>,
    /// The positions of the other columns.
    pub others: Vec<usize>,
}

impl Layout {
    /// Checks the columns of a batch against the table. `key` has the columns by which rows are found, as the table
    /// spells them.
    pub fn new(table: &TableInfo, mode: WriteMode, key: &[String], rows: &Batch) -> Result<Self, DatabaseError> {
        let name = &table.name;
        let mut names: Vec<String> = Vec::with_capacity(rows.columns.len());
        for column in &rows.columns {
            let known = table.known_column(&column.name)?;
            if names.contains(&known) {
                return Err(DatabaseError::invalid(format!("column `{known}` appears twice in a batch for `{name}`")));
            }
            names.push(known);
        }
        if names.is_empty() {
            return Err(DatabaseError::invalid(format!("a batch for `{name}` has no columns")));
        }
        let mut key_at = Vec::with_capacity(key.len());
        for column in key {
            key_at.push(names.iter().position(|other| other == column).ok_or_else(|| {
                DatabaseError::invalid(format!(
                    "a batch for `{name}` lacks the key column `{column}`, which {mode} needs"
                ))
            })?);
        }
        let others = (0..names.len()).filter(|place| !key_at.contains(place)).collect();
        let given = rows.columns.iter().map(|column| column.name.clone()).collect();
        let layout = Self { given, names, key: key_at, others };
        layout.check_written(table, mode)?;
        Ok(layout)
    }

    /// Checks the columns that are written, as opposed to those by which rows are found.
    fn check_written(&self, table: &TableInfo, mode: WriteMode) -> Result<(), DatabaseError> {
        let name = &table.name;
        let generated = |place: &usize| table.column(&self.names[*place]).is_some_and(|column| column.generated);
        let written = match mode {
            WriteMode::Delete => None,
            WriteMode::Update => self.others.iter().copied().find(generated),
            WriteMode::Insert | WriteMode::Upsert => (0..self.names.len()).find(generated),
        };
        if let Some(place) = written {
            return Err(DatabaseError::invalid(format!(
                "column `{name}.{}` is generated and cannot be written",
                self.names[place]
            ))
            .hint("leave the column out of the batch"));
        }
        if mode == WriteMode::Update && self.others.is_empty() {
            return Err(DatabaseError::invalid(format!(
                "a batch for `{name}` has no columns besides the key, so there is nothing to update"
            )));
        }
        Ok(())
    }

    /// Fails unless a further batch has the columns of the first.
    pub fn check_columns(&self, table: &TableInfo, rows: &Batch) -> Result<(), DatabaseError> {
        let same = self.given.len() == rows.columns.len()
            && self.given.iter().zip(&rows.columns).all(|(name, column)| *name == column.name);
        if same { Ok(()) } else { Err(other_columns(&table.name, &self.given)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnInfo, TableName};
    use runner_contract::{batch, integers};

    fn table() -> TableInfo {
        let column = |name: &str, generated| ColumnInfo {
            name: name.to_owned(),
            declared_type: "integer".to_owned(),
            base_type: None,
            not_null: false,
            generated,
        };
        TableInfo {
            name: TableName::new("t"),
            columns: vec![column("id", false), column("n", false), column("twice", true)],
            key: vec!["id".to_owned()],
            is_view: false,
            has_heirs: false,
            key_is_rowid: false,
            rowid: None,
        }
    }

    fn layout(mode: WriteMode, columns: &[&str]) -> Result<Layout, DatabaseError> {
        let key = if mode == WriteMode::Insert { Vec::new() } else { table().key };
        Layout::new(&table(), mode, &key, &of(columns))
    }

    fn of(columns: &[&str]) -> Batch {
        batch(1, columns.iter().map(|name| integers(name, &[1])).collect())
    }

    #[test]
    fn columns_are_those_of_the_table() {
        let found = layout(WriteMode::Update, &["N", "ID"]).expect("a layout");
        assert_eq!(
            (&found.names[..], &found.key[..], &found.others[..]),
            (&["n".into(), "id".into()][..], &[1][..], &[0][..])
        );
        assert!(found.check_columns(&table(), &of(&["N", "ID"])).is_ok());
        for columns in [&["N"][..], &["ID", "N"], &["n", "id"]] {
            let error = found.check_columns(&table(), &of(columns)).expect_err("other columns");
            assert!(error.message.ends_with("than the writer's first one: N, ID"), "{error}");
        }
    }

    #[test]
    fn a_batch_that_cannot_be_written_is_refused() {
        for (mode, columns, part) in [
            (WriteMode::Insert, &["id", "x"][..], "no column `x`"),
            (WriteMode::Insert, &["id", "ID"], "column `id` appears twice"),
            (WriteMode::Insert, &[], "no columns"),
            (WriteMode::Upsert, &["n"], "lacks the key column `id`, which upsert needs"),
            (WriteMode::Insert, &["id", "twice"], "`t.twice` is generated"),
            (WriteMode::Update, &["id", "twice"], "`t.twice` is generated"),
            (WriteMode::Update, &["id"], "nothing to update"),
        ] {
            let error = layout(mode, columns).err().unwrap_or_else(|| panic!("{mode} {columns:?}"));
            assert!(error.message.contains(part), "{mode} {columns:?}: {error}");
        }
        assert!(layout(WriteMode::Delete, &["id", "twice"]).is_ok(), "nothing is written");
    }
}
