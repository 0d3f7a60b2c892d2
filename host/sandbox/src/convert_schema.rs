//! Converts what a guest asks of the schema.

use super::bindings::runner::migration::schema as wit;
use super::convert::{table_in, value_in};
use runner_database::schema_change::{DataType, DefaultValue, DeleteAction, ForeignKey, NewColumn, NewIndex, NewTable};

/// A new table from a guest, not checked yet.
pub fn new_table_in(definition: wit::TableDefinition) -> NewTable {
    NewTable {
        table: table_in(definition.table),
        columns: definition.columns.into_iter().map(column_in).collect(),
        primary_key: definition.primary_key,
        unique: definition.unique,
        foreign_keys: definition.foreign_keys.into_iter().map(foreign_key_in).collect(),
    }
}

/// A column from a guest.
pub fn column_in(column: wit::ColumnDefinition) -> NewColumn {
    NewColumn {
        name: column.name,
        data_type: type_in(column.data_type),
        not_null: column.not_null,
        default: column.default.map(|default| match default {
            wit::DefaultValue::Literal(value) => DefaultValue::Literal(value_in(value)),
            wit::DefaultValue::CurrentTimestamp => DefaultValue::CurrentTimestamp,
        }),
        identity: column.identity,
    }
}

/// An index from a guest.
pub fn index_in(index: wit::IndexDefinition) -> NewIndex {
    NewIndex { name: index.name, table: table_in(index.table), columns: index.columns, unique: index.unique }
}

fn foreign_key_in(key: wit::ForeignKey) -> ForeignKey {
    ForeignKey {
        columns: key.columns,
        references: table_in(key.references),
        referenced: key.referenced,
        on_delete: match key.on_delete {
            wit::DeleteAction::Refuse => DeleteAction::Refuse,
            wit::DeleteAction::Cascade => DeleteAction::Cascade,
            wit::DeleteAction::SetNull => DeleteAction::SetNull,
        },
    }
}

fn type_in(data_type: wit::DataType) -> DataType {
    match data_type {
        wit::DataType::Boolean => DataType::Boolean,
        wit::DataType::Int32 => DataType::Int32,
        wit::DataType::Int64 => DataType::Int64,
        wit::DataType::Float64 => DataType::Float64,
        wit::DataType::Text => DataType::Text,
        wit::DataType::Varchar(length) => DataType::Varchar(length),
        wit::DataType::Bytes => DataType::Bytes,
        wit::DataType::Decimal(size) => DataType::Decimal { precision: size.precision, scale: size.scale },
        wit::DataType::Date => DataType::Date,
        wit::DataType::Time => DataType::Time,
        wit::DataType::Timestamp => DataType::Timestamp,
        wit::DataType::Timestamptz => DataType::Timestamptz,
        wit::DataType::Uuid => DataType::Uuid,
        wit::DataType::Json => DataType::Json,
    }
}
