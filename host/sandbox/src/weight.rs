//! What a call weighs: the bytes of its arguments and of its answer, which the guest pays for with fuel. Copying them
//! is work of the host that no instruction of the guest accounts for.

use crate::bindings::runner::migration::batches::{ColumnRequest, TableName, TableSource, TableTarget};
use crate::bindings::runner::migration::context::Parameter;
use crate::bindings::runner::migration::packed::{PackedBatch, PackedColumn};
use crate::bindings::runner::migration::schema::{
    ColumnDefinition, DefaultValue, ForeignKey, IndexDefinition, TableDefinition,
};
use crate::bindings::runner::migration::types;
use runner_data::{Batch, Column, ColumnValues};

/// What an entry of a list takes in the guest's memory at least: an empty text is an address and a length.
const ENTRY: u64 = 8;

/// Something that passes between a guest and the host.
pub trait Weigh {
    /// Its bytes, roughly, and the same on every machine.
    fn weight(&self) -> u64;
}

impl Weigh for () {
    fn weight(&self) -> u64 {
        0
    }
}

impl Weigh for str {
    fn weight(&self) -> u64 {
        ENTRY + self.len() as u64
    }
}

impl Weigh for String {
    fn weight(&self) -> u64 {
        self.as_str().weight()
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn weight(&self) -> u64 {
        self.iter().fold(ENTRY, |sum, entry| sum.saturating_add(entry.weight()))
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn weight(&self) -> u64 {
        self.as_ref().map_or(0, Weigh::weight)
    }
}

impl<A: Weigh + ?Sized, B: Weigh + ?Sized> Weigh for (&A, &B) {
    fn weight(&self) -> u64 {
        self.0.weight().saturating_add(self.1.weight())
    }
}

/// Bytes, without reading each.
impl Weigh for [u8] {
    fn weight(&self) -> u64 {
        ENTRY + self.len() as u64
    }
}

/// Implements it for records, by the fields that are of any length.
macro_rules! records {
    ($($record:ty: $($field:ident)+;)+) => {$(
        impl Weigh for $record {
            fn weight(&self) -> u64 {
                ENTRY $(.saturating_add(self.$field.weight()))+
            }
        }
    )+};
}

records! {
    TableName: schema name;
    ColumnRequest: name;
    TableSource: table columns key filter parameters;
    TableTarget: table key;
    TableDefinition: table columns primary_key unique foreign_keys;
    ColumnDefinition: name default;
    ForeignKey: columns references referenced;
    IndexDefinition: name table columns;
    PackedBatch: columns;
    Parameter: name value;
    types::RowSet: columns rows;
    types::NativeValue: type_name text;
}

impl Weigh for types::Value {
    fn weight(&self) -> u64 {
        match self {
            Self::Text(text) | Self::Decimal(text) | Self::Json(text) => text.weight(),
            Self::Bytes(bytes) => bytes.as_slice().weight(),
            Self::Native(native) => native.weight(),
            _ => ENTRY,
        }
    }
}

impl Weigh for DefaultValue {
    fn weight(&self) -> u64 {
        match self {
            Self::Literal(value) => value.weight(),
            Self::CurrentTimestamp => ENTRY,
        }
    }
}

impl Weigh for PackedColumn {
    fn weight(&self) -> u64 {
        let lists = [&self.nulls, &self.offsets, &self.data].map(|bytes| bytes.as_slice().weight());
        lists.into_iter().fold(self.name.weight().saturating_add(self.type_name.weight()), u64::saturating_add)
    }
}

impl Weigh for Batch {
    fn weight(&self) -> u64 {
        let column = |column: &Column| {
            let native = match &column.values {
                ColumnValues::Native(values) => values.type_name.weight(),
                _ => 0,
            };
            native + column.name.weight() + column.nulls.as_slice().weight() + column.values.byte_len() as u64
        };
        self.columns.iter().fold(ENTRY, |sum, it| sum.saturating_add(column(it)))
    }
}
