//! Converts between the WIT contract's types and the host's own. Columns are moved, never copied.

use super::bindings::runner::migration::{batches as wit_batches, description_types as wit_description, types as wit};
use runner_data::{Batch, Column, ColumnType, ColumnValues, NativeValues, RowSet, Value, VarValues};
use runner_database::grants::{Grant, Tables, Verb};
use runner_database::{
    DatabaseError, DatabaseErrorKind, Dialect, Renames, TableName, TableSource, TableTarget, WriteMode,
};
use runner_project::catalog::{Description, Mode, Need};

/// Defines conversions between enums of the contract and those of the host whose variants have the same names.
macro_rules! same_variants {
    ($($(#[$doc:meta])* $visibility:vis fn $name:ident($from:ty) -> $to:ty {
        $($variant:ident $(($value:ident))?),+ $(; $($other:pat => $converted:expr),+)?
    })+) => {$(
        $(#[$doc])*
        $visibility fn $name(from: $from) -> $to {
            type From = $from;
            type To = $to;
            match from {
                $(From::$variant $(($value))? => To::$variant $(($value.into()))?,)+
                $($($other => $converted,)+)?
            }
        }
    )+};
}
pub(super) use same_variants;

same_variants! {
    /// A scalar from a guest.
    pub fn value_in(wit::Value) -> Value {
        Null, Boolean(it), Int64(it), Float64(it), Text(it), Bytes(it), Decimal(it), Date(it), Time(it), Timestamp(it),
        Timestamptz(it), Json(it);
        wit::Value::Uuid((high, low)) => Value::Uuid(high, low),
        wit::Value::Native(native) => Value::Native { type_name: native.type_name, text: native.text }
    }
    /// A scalar to a guest.
    pub fn value_out(Value) -> wit::Value {
        Null, Boolean(it), Int64(it), Float64(it), Text(it), Bytes(it), Decimal(it), Date(it), Time(it), Timestamp(it),
        Timestamptz(it), Json(it);
        Value::Uuid(high, low) => wit::Value::Uuid((high, low)),
        Value::Native { type_name, text } => wit::Value::Native(wit::NativeValue { type_name, text })
    }
    fn column_values_in(wit::ColumnValues) -> ColumnValues {
        Boolean(it), Int64(it), Float64(it), Text(it), Bytes(it), Decimal(it), Date(it), Time(it), Timestamp(it),
        Timestamptz(it), Uuid(it), Json(it), Native(it)
    }
    fn column_values_out(ColumnValues) -> wit::ColumnValues {
        Boolean(it), Int64(it), Float64(it), Text(it), Bytes(it), Decimal(it), Date(it), Time(it), Timestamp(it),
        Timestamptz(it), Uuid(it), Json(it), Native(it)
    }
    fn column_type_in(wit::ColumnType) -> ColumnType {
        Boolean, Int64, Float64, Text, Bytes, Decimal, Date, Time, Timestamp, Timestamptz, Uuid, Json, Native
    }
    fn write_mode_in(wit_batches::WriteMode) -> WriteMode { Insert, Update, Upsert, Delete }
    fn dialect_in(wit::Dialect) -> Dialect { Sqlite, Postgres, Mysql, Mariadb }
    /// A dialect to a guest: the contract has its own enum.
    pub fn dialect_out(Dialect) -> wit::Dialect { Sqlite, Postgres, Mysql, Mariadb }
    fn mode_in(wit_description::Mode) -> Mode { Auto, Atomic, Stepwise }
    fn verb_in(wit_description::TableVerb) -> Verb { Read, Insert, Update, Delete, Alter, Create, Drop }
}

/// Parameters from a guest.
pub fn values_in(values: Vec<wit::Value>) -> Vec<Value> {
    values.into_iter().map(value_in).collect()
}

/// A small result to a guest.
pub fn row_set_out(rows: RowSet) -> wit::RowSet {
    let convert = |row: Vec<Value>| row.into_iter().map(value_out).collect();
    wit::RowSet { columns: rows.columns, rows: rows.rows.into_iter().map(convert).collect() }
}

impl From<wit::VarValues> for VarValues {
    fn from(values: wit::VarValues) -> Self {
        Self { offsets: values.offsets, data: values.data }
    }
}

impl From<VarValues> for wit::VarValues {
    fn from(values: VarValues) -> Self {
        Self { offsets: values.offsets, data: values.data }
    }
}

impl From<wit::NativeValues> for NativeValues {
    fn from(values: wit::NativeValues) -> Self {
        Self { type_name: values.type_name, texts: values.texts.into() }
    }
}

impl From<NativeValues> for wit::NativeValues {
    fn from(values: NativeValues) -> Self {
        Self { type_name: values.type_name, texts: values.texts.into() }
    }
}

/// A batch from a guest, not validated yet.
pub fn batch_in(batch: wit::Batch) -> Batch {
    let column_in = |column: wit::Column| Column {
        name: column.name,
        nulls: column.nulls,
        values: column_values_in(column.values),
    };
    Batch { row_count: batch.row_count as usize, columns: batch.columns.into_iter().map(column_in).collect() }
}

/// A batch to a guest.
pub fn batch_out(batch: Batch) -> wit::Batch {
    let column_out = |column: Column| wit::Column {
        name: column.name,
        nulls: column.nulls,
        values: column_values_out(column.values),
    };
    wit::Batch {
        // A batch never holds more rows than `BatchLimits` allows, far below 2^32.
        row_count: u32::try_from(batch.row_count).unwrap_or(u32::MAX),
        columns: batch.columns.into_iter().map(column_out).collect(),
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
    TableTarget { table: renames.table(table_in(target.table)), mode: write_mode_in(target.mode), key: target.key }
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
        mode: mode_in(description.mode),
        dialects: description.dialects.into_iter().map(dialect_in).collect(),
        irreversible: description.irreversible,
        needs: description.needs.into_iter().map(need_in).collect::<Result<_, _>>()?,
        ..Description::default()
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
    let verb = verb_in(need.verb);
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
