//! Loads fixtures.

use runner_base::error::{Error, Result};
use runner_database::{
    ColumnInfo, Database, DatabaseError, Dialect, HostSession, Session, TableInfo, TableName, TransactionOptions,
};
use runner_project::fixtures::{Csv, Fixture, FixtureContent};
use runner_sql::{excerpt, split};

/// Maximum rows and bytes of an INSERT: far below the limits of any server.
const ROWS: usize = 256;
const BYTES: usize = 256 << 10;

/// Loads one file.
pub(super) async fn load(database: &mut dyn Database, fixture: &Fixture) -> Result<()> {
    let session = &mut database.host();
    let loaded = match &fixture.content {
        FixtureContent::Sql(text) => statements(session, text).await,
        FixtureContent::Csv { table, rows } => cells(session, table, rows).await,
    };
    loaded.map_err(|error| error.at("fixture", fixture.origin.file.clone()))
}

/// Runs the statements of a SQL file, with the rights of the connection. An error says in which line.
pub async fn run_script(database: &mut dyn Database, text: &str) -> Result<()> {
    statements(&mut database.host(), text).await
}

async fn statements(session: &mut HostSession<'_>, text: &str) -> Result<()> {
    let statements = split(text, session.facts().dialect).map_err(|error| {
        let told = Error::usage(error.message).at("line", error.line.to_string());
        error.hint.into_iter().fold(told, Error::hint)
    })?;
    for statement in statements {
        session.execute(statement.text, &[]).await.map_err(|error| {
            Error::from(error).at("text", excerpt(statement.text)).at("line", statement.line.to_string())
        })?;
    }
    Ok(())
}

async fn cells(session: &mut HostSession<'_>, table: &str, csv: &Csv) -> Result<()> {
    let name = match table.split_once('.') {
        Some((schema, name)) => TableName { schema: Some(schema.to_owned()), name: name.to_owned() },
        None => TableName::new(table),
    };
    let info = session.table(&name).await?;
    let columns = csv.columns.iter().map(|column| known(&info, column)).collect::<Result<Vec<_>, _>>()?;
    session.begin(TransactionOptions::default()).await?;
    match insert(&mut **session, &name, &columns, csv).await {
        Ok(()) => Ok(session.commit_or_roll_back().await?),
        Err(error) => {
            // The error matters more than that of the rollback.
            drop(session.rollback().await);
            Err(error)
        }
    }
}

fn known<'a>(info: &'a TableInfo, column: &str) -> Result<&'a ColumnInfo, DatabaseError> {
    info.known_column(column)?;
    info.column(column).ok_or_else(|| DatabaseError::invalid(format!("`{}` has no column `{column}`", info.name)))
}

async fn insert(session: &mut dyn Session, table: &TableName, columns: &[&ColumnInfo], csv: &Csv) -> Result<()> {
    let dialect = session.facts().dialect;
    let names: Vec<String> = columns.iter().map(|column| dialect.quote(&column.name)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", table.quoted(dialect), names.join(", "));
    let mut statement = head.clone();
    let mut first = 0;
    for (at, row) in csv.rows.iter().enumerate() {
        let cells = row.iter().zip(columns).map(|(cell, column)| literal(cell.as_deref(), column, dialect));
        let comma = if statement.len() > head.len() { ", " } else { "" };
        statement.push_str(&format!("{comma}({})", cells.collect::<Vec<_>>().join(", ")));
        if at + 1 - first == ROWS || statement.len() > BYTES || at + 1 == csv.rows.len() {
            session
                .execute(&statement, &[])
                .await
                .map_err(|error| Error::from(error).at("rows", format!("{} to {}", first + 1, at + 1)))?;
            statement.truncate(head.len());
            first = at + 1;
        }
    }
    Ok(())
}

/// Returns a cell as a SQL literal. The database converts the text to the column's type. Types that CSV files spell the same
/// for all engines are converted here where a database would store the text unchanged.
fn literal(cell: Option<&str>, column: &ColumnInfo, dialect: Dialect) -> String {
    let Some(cell) = cell else { return "NULL".to_owned() };
    let declared = column.declared_type.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    // PostgreSQL reads booleans and bytes as CSV files spell them; the others would store the text.
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
    fn cells_become_literals_of_the_dialect() {
        let column = |declared_type: &str| ColumnInfo {
            name: "c".to_owned(),
            declared_type: declared_type.to_owned(),
            base_type: None,
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
