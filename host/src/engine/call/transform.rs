//! What a transform is to do, as the database keeps it: another process that has the same component can take part.

use crate::data::Value;
use crate::database::{TableName, TableSource, TableTarget, WriteMode};
use crate::engine::call::answer::Answer;
use crate::engine::call::codec;
use crate::engine::call::codec::{Sink, Source};

/// A transform as it was begun: with its columns and keys by name.
#[derive(Clone, Debug)]
pub struct Work {
    /// The name of the batch function.
    pub name: String,
    /// What is read.
    pub source: TableSource,
    /// What is written.
    pub target: TableTarget,
    /// The greatest key that is read; none: there were no rows.
    pub bound: Option<Vec<Value>>,
}

const MODES: [WriteMode; 4] = [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert, WriteMode::Delete];

impl Answer for Work {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.bytes(self.name.as_bytes());
        put_table(bytes, &self.source.table);
        codec::put_list(bytes, &self.source.columns, |bytes, (name, read_as)| {
            bytes.bytes(name.as_bytes());
            codec::put_type(bytes, *read_as);
        });
        put_names(bytes, &self.source.key);
        codec::put_option(bytes, self.source.filter.as_deref());
        codec::put_list(bytes, &self.source.parameters, codec::put_value);
        bytes.byte(u8::from(self.source.descending));
        put_table(bytes, &self.target.table);
        bytes.byte(MODES.iter().position(|mode| *mode == self.target.mode).map_or(u8::MAX, |at| at as u8));
        put_names(bytes, &self.target.key);
        KeyOrEnd(self.bound.clone()).encode(bytes);
    }

    fn decode(bytes: &mut Source<'_>) -> Option<Self> {
        let column = |bytes: &mut Source<'_>| Some((bytes.text()?, codec::column_type(bytes)?));
        Some(Self {
            name: bytes.text()?,
            source: TableSource {
                table: table(bytes)?,
                columns: bytes.list(column)?,
                key: bytes.list(Source::text)?,
                filter: codec::option(bytes)?,
                parameters: bytes.list(codec::value)?,
                descending: bytes.byte()? != 0,
            },
            target: TableTarget {
                table: table(bytes)?,
                mode: *MODES.get(usize::from(bytes.byte()?))?,
                key: bytes.list(Source::text)?,
            },
            bound: KeyOrEnd::decode(bytes)?.0,
        })
    }

    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {
        let table = TableName::new(String::new());
        Self {
            name: String::new(),
            source: TableSource {
                table: table.clone(),
                columns: Vec::new(),
                key: Vec::new(),
                filter: None,
                parameters: Vec::new(),
                descending: false,
            },
            target: TableTarget { table, mode: WriteMode::Insert, key: Vec::new() },
            bound: None,
        }
    }
}

fn put_table(bytes: &mut Vec<u8>, table: &TableName) {
    codec::put_option(bytes, table.schema.as_deref());
    bytes.bytes(table.name.as_bytes());
}

fn table(bytes: &mut Source<'_>) -> Option<TableName> {
    Some(TableName { schema: codec::option(bytes)?, name: bytes.text()? })
}

fn put_names(bytes: &mut Vec<u8>, names: &[String]) {
    codec::put_list(bytes, names, |bytes, name| bytes.bytes(name.as_bytes()));
}

/// A key, or the open end of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyOrEnd(pub Option<Vec<Value>>);

impl Answer for KeyOrEnd {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.byte(u8::from(self.0.is_some()));
        codec::put_list(bytes, self.0.as_deref().unwrap_or_default(), codec::put_value);
    }

    fn decode(bytes: &mut Source<'_>) -> Option<Self> {
        let is_there = bytes.byte()? != 0;
        let key = bytes.list(codec::value)?;
        Some(Self(is_there.then_some(key)))
    }

    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ColumnType;
    use crate::engine::call::answer::{pack, unpack};

    #[test]
    fn a_transform_comes_back_as_it_was() {
        let work = Work {
            name: "raise".to_owned(),
            source: TableSource {
                table: TableName { schema: Some("s".to_owned()), name: "t".to_owned() },
                columns: vec![("a".to_owned(), None), ("b".to_owned(), Some(ColumnType::Text))],
                key: vec!["a".to_owned()],
                filter: Some("a > ?".to_owned()),
                parameters: vec![Value::Int64(7)],
                descending: true,
            },
            target: TableTarget { table: TableName::new("u"), mode: WriteMode::Delete, key: vec!["k".to_owned()] },
            bound: Some(vec![Value::Int64(70)]),
        };
        let packed = pack(Ok(&work));
        let back: Work = unpack(&packed).and_then(Result::ok).expect("a transform");
        assert_eq!(format!("{back:?}"), format!("{work:?}"));
        assert!(unpack::<Work>(&packed[..packed.len() - 1]).is_none(), "a part of it is none");
        for key in [KeyOrEnd(None), KeyOrEnd(Some(vec![Value::Text("x".to_owned()), Value::Uuid(1, 2)]))] {
            assert_eq!(unpack(&pack(Ok(&key))), Some(Ok(key)));
        }
    }
}
