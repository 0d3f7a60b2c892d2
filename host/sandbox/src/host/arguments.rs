//! Bounds on the arguments of calls, in one place. Their bytes together are bounded before they are copied out of the
//! guest; what is refused here is what would be copied again, into errors, events, the journal and the database's
//! own messages. The guest gets an error of kind `limit`.

use crate::text::{WORD, cut};
use runner_data::{Batch, ColumnValues, Value};
use runner_database::schema_change::{DefaultValue, NewColumn};
use runner_database::{DatabaseError, DatabaseErrorKind, SchemaChange, TableName, TableSource, TableTarget};
use runner_engine::CallError;
use runner_project::limits::Limits;
use runner_project::units::format_size;

/// Parameters of a statement: as many as the protocols of PostgreSQL and MySQL can count. SQLite has fewer.
const PARAMETERS: usize = 65_535;
/// Columns of a table, a key or a batch: SQLite's greatest number. PostgreSQL has 1,600, MySQL 4,096.
const COLUMNS: usize = 32_767;
/// Bytes of a name. No database has names of 1,000.
const NAME: usize = 1_000;
/// Bytes of an asset's path, as on Linux.
const PATH: usize = 4_096;

type Checked = Result<(), CallError>;

/// Checks a statement and its parameters.
pub fn statement(text: &str, parameters: &[Value], limits: &Limits) -> Checked {
    if text.len() as u64 > limits.statement_bytes {
        let (bytes, most) = (format_size(text.len() as u64), format_size(limits.statement_bytes));
        return Err(exceeded(format!("the statement has {bytes}, more than the limit `statement_bytes` of {most}"))
            .hint("pass data as parameters or in batches, or raise the limit with `--limit statement_bytes=…`")
            .into());
    }
    values(parameters)
}

/// Checks the size of a change of the schema, whose names are checked where the statement is made.
pub fn schema_change(change: &SchemaChange, limits: &Limits) -> Checked {
    let bytes = |column: &NewColumn| match &column.default {
        Some(DefaultValue::Literal(Value::Text(text) | Value::Json(text) | Value::Decimal(text))) => text.len(),
        Some(DefaultValue::Literal(Value::Bytes(bytes))) => bytes.len(),
        _ => 0,
    };
    let bytes: usize = change.new_columns().iter().map(bytes).sum();
    match bytes as u64 > limits.statement_bytes {
        true => Err(exceeded(format!(
            "the defaults have {}, more than the limit `statement_bytes` of {}",
            format_size(bytes as u64),
            format_size(limits.statement_bytes)
        ))
        .into()),
        false => Ok(()),
    }
}

/// Checks what is read of a table.
pub fn source(source: &TableSource, limits: &Limits) -> Checked {
    table(&source.table)?;
    count("columns", source.columns.len(), COLUMNS)?;
    source.columns.iter().try_for_each(|(column, _)| name("a column's name", column))?;
    names(&source.key)?;
    statement(source.filter.as_deref().unwrap_or_default(), &source.parameters, limits)
}

/// Checks what is written to.
pub fn target(target: &TableTarget) -> Checked {
    table(&target.table)?;
    names(&target.key)
}

/// Checks the columns of a batch. Its rows are checked where it is used.
pub fn batch(batch: &Batch) -> Checked {
    count("columns", batch.columns.len(), COLUMNS)?;
    batch.columns.iter().try_for_each(|column| {
        name("a column's name", &column.name)?;
        match &column.values {
            ColumnValues::Native(values) => name("a type's name", &values.type_name),
            _ => Ok(()),
        }
    })
}

/// Checks a name that the guest makes up.
pub fn name(what: &str, text: &str) -> Checked {
    bytes(what, text, NAME)
}

/// Checks the path of an asset.
pub fn path(text: &str) -> Result<(), DatabaseError> {
    if text.len() <= PATH { Ok(()) } else { Err(too_long("the path of an asset", text, PATH)) }
}

fn values(values: &[Value]) -> Checked {
    count("parameters", values.len(), PARAMETERS)?;
    values.iter().try_for_each(|value| match value {
        Value::Native { type_name, .. } => name("a type's name", type_name),
        _ => Ok(()),
    })
}

fn table(table: &TableName) -> Checked {
    table.schema.iter().try_for_each(|schema| name("a schema's name", schema))?;
    name("a table's name", &table.name)
}

fn names(key: &[String]) -> Checked {
    count("key columns", key.len(), COLUMNS)?;
    key.iter().try_for_each(|column| name("a column's name", column))
}

fn count(what: &str, count: usize, most: usize) -> Checked {
    if count <= most { Ok(()) } else { Err(exceeded(format!("the call has {count} {what}, more than {most}")).into()) }
}

fn bytes(what: &str, text: &str, most: usize) -> Checked {
    if text.len() <= most { Ok(()) } else { Err(too_long(what, text, most).into()) }
}

fn too_long(what: &str, text: &str, most: usize) -> DatabaseError {
    exceeded(format!("{what} is longer than {most} bytes: `{}`", cut(text, WORD)))
}

fn exceeded(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::WriteMode;

    fn message(checked: Checked) -> String {
        match checked {
            Err(CallError::Database(error)) => {
                assert_eq!(error.kind, DatabaseErrorKind::Limit);
                error.message
            }
            other => panic!("{other:?} is no refusal"),
        }
    }

    fn source_of(columns: usize, name: &str) -> TableSource {
        TableSource {
            table: TableName { schema: None, name: name.to_owned() },
            columns: vec![("c".to_owned(), None); columns],
            key: Vec::new(),
            filter: None,
            parameters: Vec::new(),
            descending: false,
        }
    }

    #[test]
    fn arguments_are_accepted_up_to_their_bounds() {
        let limits = Limits { statement_bytes: 10, ..Limits::default() };
        statement("SELECT 100", &vec![Value::Null; PARAMETERS], &limits).expect("the longest");
        assert!(message(statement("SELECT 1000", &[], &limits)).contains("limit `statement_bytes` of 10B"));
        assert!(message(statement("", &vec![Value::Null; PARAMETERS + 1], &limits)).contains("65536 parameters"));
        let native = Value::Native { type_name: "x".repeat(NAME + 1), text: String::new() };
        assert!(message(statement("", &[native], &limits)).starts_with("a type's name is longer than 1000 bytes"));

        source(&source_of(COLUMNS, &"t".repeat(NAME)), &limits).expect("the widest");
        assert!(message(source(&source_of(COLUMNS + 1, "t"), &limits)).contains("32768 columns"));
        let long = message(source(&source_of(1, &"t".repeat(1 << 20)), &limits));
        assert!(long.len() < 300 && long.contains("a table's name"), "{long}");
        let filtered = TableSource { filter: Some("a OR b OR c".to_owned()), ..source_of(1, "t") };
        assert!(message(source(&filtered, &limits)).contains("statement_bytes"));

        let keys = vec![String::new(); COLUMNS + 1];
        let wide = TableTarget { table: source_of(0, "t").table, mode: WriteMode::Update, key: keys };
        assert!(message(target(&wide)).contains("32768 key columns"));
        assert!(path(&"p".repeat(PATH + 1)).is_err() && path("notes/a.txt").is_ok());
    }
}
