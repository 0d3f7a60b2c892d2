//! Loads fixtures.

use crate::database::{ColumnInfo, Database, DatabaseError, Dialect, Role, TableInfo, TableName, TransactionOptions};
use crate::error::{Error, Result};
use crate::project::fixtures::{Csv, Fixture, FixtureContent};
use crate::sql::{excerpt, split};

/// Maximum rows and bytes of an INSERT: far below the limits of any server.
const ROWS: usize = 256;
const BYTES: usize = 256 << 10;

/// Loads one file.
pub(super) async fn load(database: &mut dyn Database, fixture: &Fixture) -> Result<()> {
    crate::database::role::set_role(database, Role::Host, &crate::database::StopSignal::never());
    let loaded = match &fixture.content {
        FixtureContent::Sql(text) => statements(database, text).await,
        FixtureContent::Csv { table, rows } => cells(database, table, rows).await,
    };
    loaded.map_err(|error| error.at("fixture", fixture.origin.file.clone()))
}

async fn statements(database: &mut dyn Database, text: &str) -> Result<()> {
    let statements = split(text, database.facts().dialect).map_err(|error| {
        let told = Error::usage(error.message).at("line", error.line.to_string());
        error.hint.into_iter().fold(told, Error::hint)
    })?;
    for statement in statements {
        database.execute(statement.text, &[]).await.map_err(|error| {
            Error::from(error).at("text", excerpt(statement.text)).at("line", statement.line.to_string())
        })?;
    }
    Ok(())
}

async fn cells(database: &mut dyn Database, table: &str, csv: &Csv) -> Result<()> {
    let name = match table.split_once('.') {
        Some((schema, name)) => TableName { schema: Some(schema.to_owned()), name: name.to_owned() },
        None => TableName::new(table),
    };
    let info = database.table(&name).await?;
    let columns = csv.columns.iter().map(|column| known(&info, column)).collect::<Result<Vec<_>, _>>()?;
    database.begin(TransactionOptions::default()).await?;
    match insert(database, &name, &columns, csv).await {
        Ok(()) => Ok(database.commit().await?),
        Err(error) => {
            // The error matters more than that of the rollback.
            drop(database.rollback().await);
            Err(error)
        }
    }
}

fn known<'a>(info: &'a TableInfo, column: &str) -> Result<&'a ColumnInfo, DatabaseError> {
    info.known_column(column)?;
    info.column(column).ok_or_else(|| DatabaseError::invalid(format!("`{}` has no column `{column}`", info.name)))
}

async fn insert(database: &mut dyn Database, table: &TableName, columns: &[&ColumnInfo], csv: &Csv) -> Result<()> {
    let dialect = database.facts().dialect;
    let names: Vec<String> = columns.iter().map(|column| dialect.quote(&column.name)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", table.quoted(dialect), names.join(", "));
    let mut statement = head.clone();
    let mut first = 0;
    for (at, row) in csv.rows.iter().enumerate() {
        let cells = row.iter().zip(columns).map(|(cell, column)| literal(cell.as_deref(), column, dialect));
        let comma = if statement.len() > head.len() { ", " } else { "" };
        statement.push_str(&format!("{comma}({})", cells.collect::<Vec<_>>().join(", ")));
        if at + 1 - first == ROWS || statement.len() > BYTES || at + 1 == csv.rows.len() {
            database
                .execute(&statement, &[])
                .await
                .map_err(|error| Error::from(error).at("rows", format!("{} to {}", first + 1, at + 1)))?;
            statement.truncate(head.len());
            first = at + 1;
        }
    }
    Ok(())
}

/// A cell as a SQL literal. The database converts the text to the type of the column; the few types that CSV spells the same way
/// for all engines are converted here, where a database would store the text as it is.
fn literal(cell: Option<&str>, column: &ColumnInfo, dialect: Dialect) -> String {
    let Some(cell) = cell else { return "NULL".to_owned() };
    let declared = column.declared_type.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if dialect == Dialect::Postgres {
        return format!("E'{}'", cell.replace('\\', "\\\\").replace('\'', "''"));
    }
    if is(&["bool", "tinyint(1)"]) && matches!(cell, "true" | "false") {
        return if cell == "true" { "1" } else { "0" }.to_owned();
    }
    if is(&["blob", "binary", "bytea"])
        && let Some(digits) = cell.strip_prefix("\\x")
        && hex::decode(digits).is_ok()
    {
        return format!("x'{digits}'");
    }
    match dialect {
        // As bytes, independent of the session's handling of backslashes.
        Dialect::Mysql | Dialect::Mariadb if !cell.is_empty() => format!("_utf8mb4 x'{}'", hex::encode(cell)),
        _ => format!("'{}'", cell.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_literals_of_the_engine() {
        let column = |declared_type: &str| ColumnInfo {
            name: "c".to_owned(),
            declared_type: declared_type.to_owned(),
            not_null: false,
            generated: false,
        };
        for (cell, declared, dialect, expected) in [
            (None, "int", Dialect::Sqlite, "NULL"),
            (Some("it's"), "text", Dialect::Sqlite, "'it''s'"),
            (Some("a\\'b"), "text", Dialect::Postgres, "E'a\\\\''b'"),
            (Some("a'"), "varchar(9)", Dialect::Mariadb, "_utf8mb4 x'6127'"),
            (Some(""), "text", Dialect::Mysql, "''"),
            (Some("true"), "BOOLEAN", Dialect::Sqlite, "1"),
            (Some("true"), "boolean", Dialect::Postgres, "E'true'"),
            (Some("true"), "text", Dialect::Sqlite, "'true'"),
            (Some("\\x00ff"), "BLOB", Dialect::Sqlite, "x'00ff'"),
            (Some("\\x0"), "BLOB", Dialect::Sqlite, "'\\x0'"),
            (Some("\\x00ff"), "bytea", Dialect::Postgres, "E'\\\\x00ff'"),
        ] {
            assert_eq!(literal(cell, &column(declared), dialect), expected, "{cell:?} {declared}");
        }
    }
}
