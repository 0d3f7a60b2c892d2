//! What a step answered, as the journal keeps it.

use crate::data::{Batch, ColumnType, Digest, RowSet, Value, digest};
use crate::database::DatabaseError;
use crate::engine::call::codec;
use crate::engine::call::codec::{Sink, Source};

/// Below this size compression costs more than it saves.
const RAW_BYTES: usize = 512;

/// The quickest: answers are written more often than they are read.
const LEVEL: i32 = 1;

/// The greatest answer that is read back: a guard against a damaged size, not a limit for users.
const READ_BYTES: usize = 1 << 30;

/// Something that a step can answer.
pub trait Answer: Sized {
    /// Puts it into bytes.
    fn encode(&self, bytes: &mut Vec<u8>);

    /// Takes it from bytes; none if they are no such answer.
    fn decode(source: &mut Source<'_>) -> Option<Self>;

    /// The rows that it changed or read.
    fn rows(&self) -> u64;

    /// What is answered for a step that took effect and whose answer is lost.
    fn lost() -> Self;

    /// The digest of what the migration sees of it.
    fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        Digest::of(&bytes)
    }
}

/// An answer or an error, packed.
pub fn pack<T: Answer>(answer: Result<&T, &DatabaseError>) -> Vec<u8> {
    compress(&encode(answer))
}

/// An answer or an error as bytes.
pub fn encode<T: Answer>(answer: Result<&T, &DatabaseError>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match answer {
        Ok(answer) => {
            bytes.byte(0);
            answer.encode(&mut bytes);
        }
        Err(error) => {
            bytes.byte(1);
            codec::put_error(&mut bytes, error);
        }
    }
    bytes
}

/// What was packed; none if it is not as it was written.
pub fn unpack<T: Answer>(packed: &[u8]) -> Option<Result<T, DatabaseError>> {
    decode(&decompress(packed)?)
}

/// What was put into bytes; none if it is not as it was written.
pub fn decode<T: Answer>(bytes: &[u8]) -> Option<Result<T, DatabaseError>> {
    let mut source = Source::new(bytes);
    let answer = match source.byte()? {
        0 => Ok(T::decode(&mut source)?),
        1 => Err(codec::error(&mut source)?),
        _ => return None,
    };
    source.is_empty().then_some(answer)
}

/// Bytes with a first one that says whether the rest is compressed.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= RAW_BYTES
        && let Ok(smaller) = zstd::bulk::compress(bytes, LEVEL)
    {
        let mut packed = Vec::with_capacity(smaller.len() + 9);
        packed.byte(1);
        packed.number(bytes.len() as u64);
        packed.put(&smaller);
        return packed;
    }
    let mut packed = Vec::with_capacity(bytes.len() + 1);
    packed.byte(0);
    packed.put(bytes);
    packed
}

/// The bytes that were compressed; none if they are not as they were.
pub fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (0, bytes) => Some(bytes.to_vec()),
        (1, rest) => {
            let (size, bytes) = rest.split_at_checked(8)?;
            let size = usize::try_from(u64::from_le_bytes(size.try_into().ok()?)).ok()?;
            zstd::bulk::decompress(bytes, size.min(READ_BYTES)).ok()
        }
        _ => None,
    }
}

/// Rows changed, or how many parts a spooled result has.
impl Answer for u64 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.number(*self);
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        source.number()
    }

    fn rows(&self) -> u64 {
        *self
    }

    fn lost() -> Self {
        0
    }
}

impl Answer for RowSet {
    fn encode(&self, bytes: &mut Vec<u8>) {
        codec::put_row_set(bytes, self);
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        codec::row_set(source)
    }

    fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    fn lost() -> Self {
        Self::default()
    }
}

/// Nothing but that it went well.
impl Answer for () {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut Source<'_>) -> Option<Self> {
        Some(())
    }

    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {}
}

impl Answer for Batch {
    fn encode(&self, bytes: &mut Vec<u8>) {
        codec::put_batch(bytes, self);
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        codec::batch(source)
    }

    fn rows(&self) -> u64 {
        self.row_count as u64
    }

    fn lost() -> Self {
        Self::default()
    }
    fn digest(&self) -> Digest {
        digest::of_batch(self)
    }
}

/// A result that was put into the journal as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spooled {
    /// Its batches.
    pub parts: u64,
    /// Its rows.
    pub rows: u64,
}

impl Answer for Spooled {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.number(self.parts);
        bytes.number(self.rows);
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        Some(Self { parts: source.number()?, rows: source.number()? })
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn lost() -> Self {
        Self::default()
    }
    /// The reader that it becomes says nothing yet.
    fn digest(&self) -> Digest {
        ().digest()
    }
}

/// The columns and the key of a reading of a table, as they were when it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Names, and the types that were asked for.
    pub columns: Vec<(String, Option<ColumnType>)>,
    /// The key's columns.
    pub key: Vec<String>,
}

impl Answer for Resolved {
    fn encode(&self, bytes: &mut Vec<u8>) {
        codec::put_list(bytes, &self.columns, |bytes, (name, read_as)| {
            bytes.bytes(name.as_bytes());
            codec::put_type(bytes, *read_as);
        });
        codec::put_list(bytes, &self.key, |bytes, name| bytes.bytes(name.as_bytes()));
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        let column = |source: &mut Source<'_>| Some((source.text()?, codec::column_type(source)?));
        Some(Self { columns: source.list(column)?, key: source.list(Source::text)? })
    }

    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {
        Self::default()
    }
    /// The reader that it becomes says nothing yet.
    fn digest(&self) -> Digest {
        ().digest()
    }
}

/// How far a reading of a table has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// The greatest key that is read, for a reading that is bounded.
    pub bound: Option<Vec<Value>>,
    /// The key of the last row, as the database stores it.
    pub last: Option<Vec<Value>>,
    /// The types of the columns, as far as rows showed them.
    pub types: Vec<Option<ColumnType>>,
}

impl Answer for Position {
    fn encode(&self, bytes: &mut Vec<u8>) {
        for key in [&self.bound, &self.last] {
            bytes.byte(u8::from(key.is_some()));
            codec::put_list(bytes, key.as_deref().unwrap_or_default(), codec::put_value);
        }
        codec::put_list(bytes, &self.types, |bytes, column_type| codec::put_type(bytes, *column_type));
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        let key = |source: &mut Source<'_>| {
            let is_there = source.byte()? != 0;
            let key = source.list(codec::value)?;
            Some(is_there.then_some(key))
        };
        Some(Self { bound: key(source)?, last: key(source)?, types: source.list(codec::column_type)? })
    }

    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {
        Self::default()
    }
}

/// A page of a table, and where it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The rows; none behind the last page.
    pub batch: Option<Batch>,
    /// Where the next page begins.
    pub position: Position,
}

impl Answer for Page {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.position.encode(bytes);
        bytes.byte(u8::from(self.batch.is_some()));
        if let Some(batch) = &self.batch {
            codec::put_batch(bytes, batch);
        }
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        let position = Position::decode(source)?;
        let batch = if source.byte()? == 0 { None } else { Some(codec::batch(source)?) };
        Some(Self { batch, position })
    }

    fn rows(&self) -> u64 {
        self.batch.as_ref().map_or(0, |batch| batch.row_count as u64)
    }

    fn lost() -> Self {
        Self::default()
    }
    /// Where the page stands in its table is not told.
    fn digest(&self) -> Digest {
        self.batch.as_ref().map_or_else(|| ().digest(), digest::of_batch)
    }
}

/// What a transform did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transformed {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Chunks.
    pub chunks: u64,
    /// The digest over what went into its chunks and what came out.
    pub content: Digest,
}

impl Answer for Transformed {
    fn encode(&self, bytes: &mut Vec<u8>) {
        [self.rows_read, self.rows_written, self.chunks].into_iter().for_each(|number| bytes.number(number));
        bytes.put(&self.content.0);
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        let (rows_read, rows_written, chunks) = (source.number()?, source.number()?, source.number()?);
        Some(Self { rows_read, rows_written, chunks, content: Digest(source.array()?) })
    }

    fn rows(&self) -> u64 {
        self.rows_written
    }

    fn lost() -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DatabaseErrorKind;

    #[test]
    fn answers_come_back_as_they_were() {
        let large = RowSet { columns: vec!["a".to_owned()], rows: vec![vec![Value::Text("x".repeat(10_000))]; 9] };
        let packed = pack(Ok(&large));
        assert!(packed.len() < 1_000, "{}", packed.len());
        assert_eq!(unpack(&packed), Some(Ok(large)));
        let position =
            Position { bound: None, last: Some(vec![Value::Int64(1)]), types: vec![None, Some(ColumnType::Text)] };
        let page = Page { batch: None, position };
        assert_eq!(unpack(&pack(Ok(&page))), Some(Ok(page)));
        let resolved = Resolved { columns: vec![("a".to_owned(), None)], key: vec!["a".to_owned()] };
        assert_eq!(unpack(&pack(Ok(&resolved))), Some(Ok(resolved)));
        let error = DatabaseError::new(DatabaseErrorKind::Constraint, "no");
        assert_eq!(unpack::<u64>(&pack::<u64>(Err(&error))), Some(Err(error)));
        assert_eq!(unpack::<u64>(&pack(Ok(&7_u64))), Some(Ok(7)));
        assert_eq!(unpack::<()>(&pack(Ok(&7_u64))), None, "another kind of answer");
        assert_eq!(unpack::<u64>(b""), None);
        assert_eq!(unpack::<u64>(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 9]), None);
    }
}
