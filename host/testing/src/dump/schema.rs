//! The objects of a schema on any engine, and how to read its tables.

use std::collections::BTreeMap;

use super::{mysql, postgres};
use runner_data::Value;
use runner_database::facts::is_tool_table;
use runner_database::{DatabaseError, Dialect, QueryLimits, Session, TableName};
use runner_sql::{SchemaRow, normalised_schema};

/// The objects of a schema, and its tables.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub objects: BTreeMap<String, Vec<String>>,
    pub tables: Vec<Table>,
}

/// A table, and for each of its columns the expression that reads it as text.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name in messages and files.
    pub label: String,
    pub name: TableName,
    pub columns: Vec<(String, String)>,
}

pub(super) async fn read(session: &mut dyn Session) -> Result<Schema, DatabaseError> {
    // Each server describes its schema in catalogs of its own.
    match session.facts().dialect {
        Dialect::Sqlite => sqlite(session).await,
        Dialect::Postgres => postgres::read(session).await,
        Dialect::Mysql | Dialect::Mariadb => mysql::read(session).await,
    }
}

/// The rows of a query, all cells as text.
pub(super) async fn lines<const N: usize>(
    session: &mut dyn Session,
    query: &str,
    parameters: &[Value],
) -> Result<Vec<[String; N]>, DatabaseError> {
    let found = session.query(query, parameters, QueryLimits::NONE).await?;
    let rows = found.rows.into_iter().map(|row| {
        let mut cells = row.into_iter().map(text);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    });
    Ok(rows.collect())
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int64(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::Native { text, .. } => text,
        other => other.as_text().unwrap_or_default().to_owned(),
    }
}

async fn sqlite(session: &mut dyn Session) -> Result<Schema, DatabaseError> {
    let mut schema = Schema::default();
    for pragma in ["user_version", "application_id"] {
        let [[value]] = lines::<1>(session, &format!("PRAGMA {pragma}"), &[]).await?.try_into().unwrap_or_default();
        schema.objects.insert(format!("setting {pragma}"), vec![value]);
    }
    let objects = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let found = lines::<4>(session, objects, &[]).await?.into_iter().filter(|[_, _, table, _]| !is_tool_table(table));
    let (labels, rows): (Vec<_>, Vec<_>) =
        found.map(|[kind, name, table, sql]| (format!("{kind} {name}"), SchemaRow { kind, table, sql })).unzip();
    schema.objects.extend(labels.into_iter().zip(normalised_schema(&rows)));
    // The shadow tables of a virtual table are an implementation detail.
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
                  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    for [name] in lines::<1>(session, tables, &[]).await? {
        if is_tool_table(&name) {
            continue;
        }
        let columns = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1";
        let columns = lines::<1>(session, columns, &[Value::Text(name.clone())]).await?;
        // A cell may have any type: `quote` distinguishes them. It ends at a NUL, which a text may contain.
        let read = |column: &str| {
            let name = Dialect::Sqlite.quote(column);
            format!(
                "CASE WHEN typeof({name}) = 'text' AND instr({name}, char(0)) THEN 'text ' || hex({name}) ELSE quote({name}) END"
            )
        };
        let columns = columns.into_iter().map(|[column]| (column.clone(), read(&column))).collect();
        schema.tables.push(Table { label: name.clone(), name: TableName::new(name), columns });
    }
    Ok(schema)
}
