//! Converts what a guest asks of the schema.

use super::bindings::runner::migration::schema as wit;
use super::convert::{same_variants, table_in, value_in};
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
        on_delete: action_in(key.on_delete),
    }
}

same_variants! {
    fn action_in(wit::DeleteAction) -> DeleteAction { Refuse, Cascade, SetNull }
    fn type_in(wit::DataType) -> DataType {
        Boolean, Int32, Int64, Float64, Text, Varchar(length), Bytes, Date, Time, Timestamp, Timestamptz, Uuid, Json;
        wit::DataType::Decimal(size) => DataType::Decimal { precision: size.precision, scale: size.scale }
    }
}
