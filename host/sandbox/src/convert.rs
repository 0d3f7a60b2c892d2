//! Converts between the WIT contract's types and the host's own. Columns are moved, never copied.

use std::sync::Arc;

use super::bindings::runner::migration::{batches as wit_batches, description_types as wit_description, types as wit};
use runner_data::{Batch, Column, ColumnType, ColumnValues, NativeValues, RowSet, Value, VarValues};
use runner_database::grants::{Grant, Tables, Verb};
use runner_database::{
    DatabaseError, DatabaseErrorKind, Dialect, Renames, TableName, TableSource, TableTarget, WriteMode,
};
use runner_project::catalog::{Description, Mode, Need};

/// A scalar from a guest.
pub fn value_in(value: wit::Value) -> Value {
    match value {
        wit::Value::Null => Value::Null,
        wit::Value::Boolean(truth) => Value::Boolean(truth),
        wit::Value::Int64(number) => Value::Int64(number),
        wit::Value::Float64(number) => Value::Float64(number),
        wit::Value::Text(text) => Value::Text(text),
        wit::Value::Bytes(bytes) => Value::Bytes(bytes),
        wit::Value::Decimal(text) => Value::Decimal(text),
        wit::Value::Date(days) => Value::Date(days),
        wit::Value::Time(micros) => Value::Time(micros),
        wit::Value::Timestamp(micros) => Value::Timestamp(micros),
        wit::Value::Timestamptz(micros) => Value::Timestamptz(micros),
        wit::Value::Uuid((high, low)) => Value::Uuid(high, low),
        wit::Value::Json(text) => Value::Json(text),
        wit::Value::Native(native) => Value::Native { type_name: native.type_name, text: native.text },
    }
}

/// Parameters from a guest.
pub fn values_in(values: Vec<wit::Value>) -> Vec<Value> {
    values.into_iter().map(value_in).collect()
}

/// A scalar to a guest.
pub fn value_out(value: Value) -> wit::Value {
    match value {
        Value::Null => wit::Value::Null,
        Value::Boolean(truth) => wit::Value::Boolean(truth),
        Value::Int64(number) => wit::Value::Int64(number),
        Value::Float64(number) => wit::Value::Float64(number),
        Value::Text(text) => wit::Value::Text(text),
        Value::Bytes(bytes) => wit::Value::Bytes(bytes),
        Value::Decimal(text) => wit::Value::Decimal(text),
        Value::Date(days) => wit::Value::Date(days),
        Value::Time(micros) => wit::Value::Time(micros),
        Value::Timestamp(micros) => wit::Value::Timestamp(micros),
        Value::Timestamptz(micros) => wit::Value::Timestamptz(micros),
        Value::Uuid(high, low) => wit::Value::Uuid((high, low)),
        Value::Json(text) => wit::Value::Json(text),
        Value::Native { type_name, text } => wit::Value::Native(wit::NativeValue { type_name, text }),
    }
}

/// A small result to a guest.
pub fn row_set_out(rows: RowSet) -> wit::RowSet {
    let convert = |row: Vec<Value>| row.into_iter().map(value_out).collect();
    wit::RowSet { columns: rows.columns, rows: rows.rows.into_iter().map(convert).collect() }
}

fn var_in(values: wit::VarValues) -> VarValues {
    VarValues { offsets: values.offsets, data: values.data }
}

fn var_out(values: VarValues) -> wit::VarValues {
    wit::VarValues { offsets: values.offsets, data: values.data }
}

/// A batch from a guest, not validated yet.
pub fn batch_in(batch: wit::Batch) -> Batch {
    let column_in = |column: wit::Column| Column {
        name: column.name,
        nulls: column.nulls,
        values: match column.values {
            wit::ColumnValues::Boolean(entries) => ColumnValues::Boolean(entries),
            wit::ColumnValues::Int64(entries) => ColumnValues::Int64(entries),
            wit::ColumnValues::Float64(entries) => ColumnValues::Float64(entries),
            wit::ColumnValues::Text(values) => ColumnValues::Text(var_in(values)),
            wit::ColumnValues::Bytes(values) => ColumnValues::Bytes(var_in(values)),
            wit::ColumnValues::Decimal(values) => ColumnValues::Decimal(var_in(values)),
            wit::ColumnValues::Date(entries) => ColumnValues::Date(entries),
            wit::ColumnValues::Time(entries) => ColumnValues::Time(entries),
            wit::ColumnValues::Timestamp(entries) => ColumnValues::Timestamp(entries),
            wit::ColumnValues::Timestamptz(entries) => ColumnValues::Timestamptz(entries),
            wit::ColumnValues::Uuid(entries) => ColumnValues::Uuid(entries),
            wit::ColumnValues::Json(values) => ColumnValues::Json(var_in(values)),
            wit::ColumnValues::Native(values) => {
                ColumnValues::Native(NativeValues { type_name: values.type_name, texts: var_in(values.texts) })
            }
        },
    };
    Batch { row_count: batch.row_count as usize, columns: batch.columns.into_iter().map(column_in).collect() }
}

/// A batch to a guest.
pub fn batch_out(batch: Batch) -> wit::Batch {
    let column_out = |column: Column| wit::Column {
        name: column.name,
        nulls: column.nulls,
        values: match column.values {
            ColumnValues::Boolean(entries) => wit::ColumnValues::Boolean(entries),
            ColumnValues::Int64(entries) => wit::ColumnValues::Int64(entries),
            ColumnValues::Float64(entries) => wit::ColumnValues::Float64(entries),
            ColumnValues::Text(values) => wit::ColumnValues::Text(var_out(values)),
            ColumnValues::Bytes(values) => wit::ColumnValues::Bytes(var_out(values)),
            ColumnValues::Decimal(values) => wit::ColumnValues::Decimal(var_out(values)),
            ColumnValues::Date(entries) => wit::ColumnValues::Date(entries),
            ColumnValues::Time(entries) => wit::ColumnValues::Time(entries),
            ColumnValues::Timestamp(entries) => wit::ColumnValues::Timestamp(entries),
            ColumnValues::Timestamptz(entries) => wit::ColumnValues::Timestamptz(entries),
            ColumnValues::Uuid(entries) => wit::ColumnValues::Uuid(entries),
            ColumnValues::Json(values) => wit::ColumnValues::Json(var_out(values)),
            ColumnValues::Native(values) => wit::ColumnValues::Native(wit::NativeValues {
                type_name: values.type_name,
                texts: var_out(values.texts),
            }),
        },
    };
    wit::Batch {
        // A batch never holds more rows than `BatchLimits` allows, far below 2^32.
        row_count: u32::try_from(batch.row_count).unwrap_or(u32::MAX),
        columns: batch.columns.into_iter().map(column_out).collect(),
    }
}

fn column_type_in(column_type: wit::ColumnType) -> ColumnType {
    match column_type {
        wit::ColumnType::Boolean => ColumnType::Boolean,
        wit::ColumnType::Int64 => ColumnType::Int64,
        wit::ColumnType::Float64 => ColumnType::Float64,
        wit::ColumnType::Text => ColumnType::Text,
        wit::ColumnType::Bytes => ColumnType::Bytes,
        wit::ColumnType::Decimal => ColumnType::Decimal,
        wit::ColumnType::Date => ColumnType::Date,
        wit::ColumnType::Time => ColumnType::Time,
        wit::ColumnType::Timestamp => ColumnType::Timestamp,
        wit::ColumnType::Timestamptz => ColumnType::Timestamptz,
        wit::ColumnType::Uuid => ColumnType::Uuid,
        wit::ColumnType::Json => ColumnType::Json,
        wit::ColumnType::Native => ColumnType::Native,
    }
}

/// A name from a guest.
pub fn table_in(table: wit_batches::TableName) -> TableName {
    TableName { schema: table.schema, name: table.name }
}

/// A source from a guest, whose tables have these names.
pub fn source_in(source: wit_batches::TableSource, renames: &Renames) -> TableSource {
    TableSource {
        table: renames.table(table_in(source.table)),
        columns: source.columns.into_iter().map(|column| (column.name, column.read_as.map(column_type_in))).collect(),
        key: source.key,
        filter: source.filter,
        parameters: values_in(source.parameters),
        descending: source.descending,
    }
}

/// A target from a guest, whose tables have these names.
pub fn target_in(target: wit_batches::TableTarget, renames: &Renames) -> TableTarget {
    TableTarget {
        table: renames.table(table_in(target.table)),
        mode: match target.mode {
            wit_batches::WriteMode::Insert => WriteMode::Insert,
            wit_batches::WriteMode::Update => WriteMode::Update,
            wit_batches::WriteMode::Upsert => WriteMode::Upsert,
            wit_batches::WriteMode::Delete => WriteMode::Delete,
        },
        key: target.key,
    }
}

/// A dialect to a guest: the contract has its own enum.
pub fn dialect_out(dialect: Dialect) -> wit::Dialect {
    match dialect {
        Dialect::Sqlite => wit::Dialect::Sqlite,
        Dialect::Postgres => wit::Dialect::Postgres,
        Dialect::Mysql => wit::Dialect::Mysql,
        Dialect::Mariadb => wit::Dialect::Mariadb,
    }
}

/// An error to a guest; kinds that the contract does not distinguish become `other`.
pub fn error_out(error: &DatabaseError) -> wit::Error {
    let kind = match error.kind {
        _ if error.is_too_large() => wit::ErrorKind::Limit,
        DatabaseErrorKind::Denied => wit::ErrorKind::Denied,
        DatabaseErrorKind::Syntax => wit::ErrorKind::Syntax,
        DatabaseErrorKind::Constraint => wit::ErrorKind::Constraint,
        DatabaseErrorKind::Conversion => wit::ErrorKind::Conversion,
        DatabaseErrorKind::InvalidArgument => wit::ErrorKind::InvalidArgument,
        DatabaseErrorKind::Timeout => wit::ErrorKind::Timeout,
        DatabaseErrorKind::Busy => wit::ErrorKind::Busy,
        DatabaseErrorKind::Limit => wit::ErrorKind::Limit,
        DatabaseErrorKind::Connection => wit::ErrorKind::Connection,
        DatabaseErrorKind::NotFound
        | DatabaseErrorKind::Configuration
        | DatabaseErrorKind::ReadOnly
        | DatabaseErrorKind::Full
        | DatabaseErrorKind::Corrupt
        | DatabaseErrorKind::Interrupted
        | DatabaseErrorKind::Other => wit::ErrorKind::Other,
    };
    wit::Error { kind, code: error.code.clone(), message: error.message.clone(), detail: error.detail.clone() }
}

/// A description from a guest. Fails if one of its needs makes no sense.
pub fn description_in(description: wit_description::Description) -> Result<Description, DatabaseError> {
    Ok(Description {
        summary: description.summary,
        depends_on: description.depends_on,
        mode: match description.mode {
            wit_description::Mode::Auto => Mode::Auto,
            wit_description::Mode::Atomic => Mode::Atomic,
            wit_description::Mode::Stepwise => Mode::Stepwise,
        },
        dialects: description
            .dialects
            .into_iter()
            .map(|dialect| match dialect {
                wit::Dialect::Sqlite => Dialect::Sqlite,
                wit::Dialect::Postgres => Dialect::Postgres,
                wit::Dialect::Mysql => Dialect::Mysql,
                wit::Dialect::Mariadb => Dialect::Mariadb,
            })
            .collect(),
        irreversible: description.irreversible,
        needs: description.needs.into_iter().map(need_in).collect::<Result<_, _>>()?,
        down_mode: None,
        no_downgrade: false,
        requires: Vec::new(),
        runtime: None,
        renames: Arc::default(),
        project: String::new(),
    })
}

fn need_in(need: wit_description::Need) -> Result<Need, DatabaseError> {
    Ok(match need {
        wit_description::Need::TableRebuild => Need::TableRebuild,
        wit_description::Need::RawSql => Need::RawSql,
        wit_description::Need::Function(name) => Need::Function(name),
        wit_description::Need::Table(need) => Need::Table(table_need_in(need)?),
        wit_description::Need::Limit(need) => Need::Limit { name: limit_name(need.limit), least: need.at_least },
    })
}

fn table_need_in(need: wit_description::TableNeed) -> Result<Grant, DatabaseError> {
    let verb = match need.verb {
        wit_description::TableVerb::Read => Verb::Read,
        wit_description::TableVerb::Insert => Verb::Insert,
        wit_description::TableVerb::Update => Verb::Update,
        wit_description::TableVerb::Delete => Verb::Delete,
        wit_description::TableVerb::Alter => Verb::Alter,
        wit_description::TableVerb::Create => Verb::Create,
        wit_description::TableVerb::Drop => Verb::Drop,
    };
    let tables = match need.table.name.strip_suffix('*') {
        Some(prefix) => Tables::with_prefix(prefix),
        None => Tables::named(need.table.name),
    };
    let tables = Tables { schema: need.table.schema, ..tables };
    if need.columns.is_empty() { Ok(Grant::new(verb, tables)) } else { Grant::of_columns(verb, tables, need.columns) }
}

/// The name of a limit in the settings.
fn limit_name(limit: wit_description::Limit) -> &'static str {
    match limit {
        wit_description::Limit::GuestMemory => "guest_memory",
        wit_description::Limit::Fuel => "fuel",
        wit_description::Limit::Stack => "stack",
        wit_description::Limit::Handles => "handles",
        wit_description::Limit::HostCallBytes => "host_call_bytes",
        wit_description::Limit::HostCalls => "host_calls",
        wit_description::Limit::StatementBytes => "statement_bytes",
        wit_description::Limit::QueryRows => "query_rows",
        wit_description::Limit::QueryBytes => "query_bytes",
        wit_description::Limit::CellBytes => "cell_bytes",
    }
}
