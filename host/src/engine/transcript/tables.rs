//! Sources, targets and parameters as bytes that are the same on every machine.

use crate::data::{Digest, Value};
use crate::database::{TableName, TableSource, TableTarget, WriteMode};
use crate::engine::call::codec;
use crate::engine::call::codec::{Sink, Source};

const MODES: [WriteMode; 4] = [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert, WriteMode::Delete];

/// The digest of the parameters of a statement; empty if there are none.
pub fn of_parameters(parameters: &[Value]) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let mut bytes = Vec::new();
    codec::put_list(&mut bytes, parameters, codec::put_value);
    Digest::of(&bytes).hex()
}

/// The digest of what is read.
pub fn of_source(source: &TableSource) -> String {
    let mut bytes = Vec::new();
    put_source(&mut bytes, source);
    Digest::of(&bytes).hex()
}

/// The digest of what is written to.
pub fn of_target(target: &TableTarget) -> String {
    let mut bytes = Vec::new();
    put_target(&mut bytes, target);
    Digest::of(&bytes).hex()
}

/// The digest of a transform's call.
pub fn of_transform(name: &str, source: &TableSource, target: &TableTarget) -> String {
    let mut bytes = Vec::new();
    bytes.bytes(name.as_bytes());
    put_source(&mut bytes, source);
    put_target(&mut bytes, target);
    Digest::of(&bytes).hex()
}

fn put_name(bytes: &mut Vec<u8>, name: &TableName) {
    codec::put_option(bytes, name.schema.as_deref());
    bytes.bytes(name.name.as_bytes());
}

fn name(source: &mut Source<'_>) -> Option<TableName> {
    Some(TableName { schema: codec::option(source)?, name: source.text()? })
}

/// Puts what is read into bytes.
pub fn put_source(bytes: &mut Vec<u8>, source: &TableSource) {
    put_name(bytes, &source.table);
    codec::put_list(bytes, &source.columns, |bytes, (name, read_as)| {
        bytes.bytes(name.as_bytes());
        codec::put_type(bytes, *read_as);
    });
    codec::put_list(bytes, &source.key, |bytes, name| bytes.bytes(name.as_bytes()));
    codec::put_option(bytes, source.filter.as_deref());
    codec::put_list(bytes, &source.parameters, codec::put_value);
    bytes.byte(u8::from(source.descending));
}

/// Takes what is read from bytes.
pub fn source(source: &mut Source<'_>) -> Option<TableSource> {
    Some(TableSource {
        table: name(source)?,
        columns: source.list(|source| Some((source.text()?, codec::column_type(source)?)))?,
        key: source.list(Source::text)?,
        filter: codec::option(source)?,
        parameters: source.list(codec::value)?,
        descending: source.byte()? != 0,
    })
}

/// Puts what is written to into bytes.
pub fn put_target(bytes: &mut Vec<u8>, target: &TableTarget) {
    put_name(bytes, &target.table);
    bytes.byte(MODES.iter().position(|mode| *mode == target.mode).and_then(|at| u8::try_from(at).ok()).unwrap_or(0));
    codec::put_list(bytes, &target.key, |bytes, name| bytes.bytes(name.as_bytes()));
}

/// Takes what is written to from bytes.
pub fn target(source: &mut Source<'_>) -> Option<TableTarget> {
    Some(TableTarget {
        table: name(source)?,
        mode: *MODES.get(usize::from(source.byte()?))?,
        key: source.list(Source::text)?,
    })
}
