//! Copies the rows from the old table to the new one.

use super::quote;
use super::schema::Table;
use crate::{Error, ErrorKind, Result};

/// What the migration requests for the rows.
pub(super) struct Wishes<'a> {
    /// Columns of the new table, each with the expression over the old one that provides its values.
    pub(super) fills: &'a [(String, String)],
    /// Columns of the old table that are dropped.
    pub(super) drops: &'a [String],
}

/// The statement that copies all rows, including row ids.
///
/// Nothing is lost silently: a column that the new table does not have must be among the drops, and `OR ABORT` keeps a
/// constraint of the new table from skipping or replacing rows.
pub(super) fn statement(old: &Table, new: &Table, wishes: &Wishes<'_>) -> Result<String> {
    let lost =
        |name: &str| new.column(name).is_none() && !wishes.drops.iter().any(|drop| drop.eq_ignore_ascii_case(name));
    if let Some(column) = old.columns.iter().find(|column| lost(&column.name)) {
        let name = &column.name;
        return Err(invalid(format!("column `{name}` would be lost; say `.drop_column(\"{name}\")` if that is meant")));
    }
    for (name, _) in wishes.fills {
        match new.column(name) {
            None => return Err(invalid(format!("there is no column `{name}` to fill in the new table"))),
            Some(column) if column.generated => {
                return Err(invalid(format!("column `{name}` is generated, not filled")));
            }
            Some(_) => {}
        }
    }
    let mut pairs = Vec::new();
    if let (true, true, None, Some(rowid)) = (old.has_rowid, new.has_rowid, &new.rowid_column, rowid(old, new)) {
        pairs.push((rowid.to_owned(), rowid.to_owned()));
    }
    for column in new.columns.iter().filter(|column| !column.generated) {
        let fill = wishes.fills.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.name));
        let source = match (fill, old.column(&column.name)) {
            (Some((_, expression)), _) => Some(expression.clone()),
            (None, Some(own)) => Some(quote(&own.name)),
            // A new name for the row id preserves the row ids.
            (None, None) if new.rowid_column.as_ref() == Some(&column.name) && old.has_rowid => {
                rowid(old, old).map(str::to_owned)
            }
            (None, None) => None,
        };
        pairs.extend(source.map(|source| (quote(&column.name), source)));
    }
    if pairs.is_empty() {
        return Err(invalid("no column of the new table gets anything from the old one".to_owned()));
    }
    let (targets, sources): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let (new, old) = (quote(&new.name), quote(&old.name));
    Ok(format!(
        "INSERT OR ABORT INTO main.{new} ({}) SELECT {} FROM main.{old}",
        targets.join(", "),
        sources.join(", ")
    ))
}

/// A name of the row id that is not a column name in either table.
fn rowid(old: &Table, new: &Table) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| old.column(name).is_none() && new.column(name).is_none())
}

fn invalid(message: String) -> Error {
    Error::with_kind(ErrorKind::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::super::schema::ColumnInfo;
    use super::*;

    fn table(name: &str, columns: &[&str], rowid_column: Option<&str>) -> Table {
        let column = |name: &&str| ColumnInfo {
            name: name.trim_start_matches('=').to_string(),
            data_type: "TEXT".into(),
            not_null: false,
            default: None,
            primary_key: 0,
            generated: name.starts_with('='),
        };
        Table {
            name: name.into(),
            sql: String::new(),
            columns: columns.iter().map(column).collect(),
            has_rowid: true,
            strict: false,
            rowid_column: rowid_column.map(Into::into),
        }
    }

    fn copy(old: &Table, new: &Table, fills: &[(&str, &str)], drops: &[&str]) -> Result<String> {
        let fills: Vec<_> = fills.iter().map(|(name, fill)| (name.to_string(), fill.to_string())).collect();
        let drops: Vec<_> = drops.iter().map(ToString::to_string).collect();
        statement(old, new, &Wishes { fills: &fills, drops: &drops })
    }

    #[test]
    fn copies_columns_by_name_and_row_ids() {
        let old = table("t", &["a", "rowid", "c"], None);
        let new = table("n", &["A", "=g", "b", "d"], None);
        let sql = copy(&old, &new, &[("b", "upper(a)")], &["rowid", "c"]).unwrap();
        let expected =
            "INSERT OR ABORT INTO main.\"n\" (_rowid_, \"A\", \"b\") SELECT _rowid_, \"a\", upper(a) FROM main.\"t\"";
        assert_eq!(sql, expected);
    }

    #[test]
    fn makes_row_ids_a_key() {
        let sql = copy(&table("t", &["a"], None), &table("n", &["id", "a"], Some("id")), &[], &[]).unwrap();
        assert_eq!(sql, "INSERT OR ABORT INTO main.\"n\" (\"id\", \"a\") SELECT rowid, \"a\" FROM main.\"t\"");
    }

    #[test]
    fn refuses_to_lose_a_column_unsaid() {
        let (old, new) = (table("t", &["a", "b"], None), table("n", &["a", "=g"], None));
        let error = copy(&old, &new, &[], &[]).unwrap_err();
        assert_eq!(error.message(), "column `b` would be lost; say `.drop_column(\"b\")` if that is meant");
        assert!(copy(&old, &new, &[("x", "1")], &["b"]).is_err());
        assert!(copy(&old, &new, &[("g", "1")], &["b"]).is_err());
    }
}
