//! Columns of a batch in PostgreSQL's binary form: as rows for `COPY`, and as arrays for parameters.

use std::ops::Range;

use sqlx::Postgres;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};

use super::write::{Target, day, push_uuid};
use super::{TEXT, Wire};
use runner_data::{Column, ColumnValues, Value};
use runner_database::message::cell_text;

/// The length of a cell that is NULL.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// A value in its binary form, as a parameter.
pub(crate) struct Raw {
    /// The OID of its type.
    pub oid: u32,
    /// `None` is NULL.
    pub bytes: Option<Vec<u8>>,
}

impl sqlx::Type<Postgres> for Raw {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(TEXT))
    }
}

impl Encode<'_, Postgres> for Raw {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.oid)))
    }
}

/// A cell that cannot be written.
pub(crate) struct Unwritable {
    pub column: String,
    pub row: usize,
    pub what: String,
}

/// A column of a batch and the table column it is written to.
#[derive(Clone, Copy)]
pub(crate) struct Encoder<'a> {
    column: &'a Column,
    target: &'a Target,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(column: &'a Column, target: &'a Target) -> Self {
        Self { column, target }
    }

    /// Appends the length and the bytes of a cell.
    #[inline]
    pub(crate) fn push_cell(&self, out: &mut Vec<u8>, row: usize) -> Result<(), Unwritable> {
        if self.column.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(());
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        self.push_body(out, row).map_err(|what| self.unwritable(row, &what))?;
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn push_body(&self, out: &mut Vec<u8>, row: usize) -> Result<(), String> {
        let target = self.target;
        match (&self.column.values, target.wire()) {
            (ColumnValues::Int64(entries), Wire::Int8) => out.extend_from_slice(&entries[row].to_be_bytes()),
            (ColumnValues::Int64(entries), Wire::Int4) => {
                out.extend_from_slice(&target.narrow::<i32>(entries[row])?.to_be_bytes());
            }
            (ColumnValues::Int64(entries), Wire::Int2) => {
                out.extend_from_slice(&target.narrow::<i16>(entries[row])?.to_be_bytes());
            }
            (ColumnValues::Float64(entries), Wire::Float8) => out.extend_from_slice(&entries[row].to_be_bytes()),
            (ColumnValues::Float64(entries), Wire::Float4) => {
                out.extend_from_slice(&target.single(entries[row])?.to_be_bytes());
            }
            (ColumnValues::Text(values), Wire::Text) => target.push_text(out, values.get(row))?,
            (ColumnValues::Native(values), Wire::Text) => target.push_text(out, values.texts.get(row))?,
            (ColumnValues::Json(values), Wire::Json | Wire::Text) => target.push_text(out, values.get(row))?,
            (ColumnValues::Json(values), Wire::Jsonb) => {
                out.push(1);
                target.push_text(out, values.get(row))?;
            }
            (ColumnValues::Decimal(values), Wire::Numeric) => target.push_decimal(out, values.get(row))?,
            (ColumnValues::Bytes(values), Wire::Bytea) => out.extend_from_slice(values.get(row)),
            (ColumnValues::Boolean(entries), Wire::Bool) => out.push(entries[row]),
            (ColumnValues::Date(entries), Wire::Date) => out.extend_from_slice(&day(entries[row])?.to_be_bytes()),
            (ColumnValues::Time(entries), Wire::Time) => {
                out.extend_from_slice(&target.time_of_day(entries[row])?.to_be_bytes());
            }
            (ColumnValues::Timestamp(entries), Wire::Timestamp)
            | (ColumnValues::Timestamptz(entries), Wire::Timestamptz) => {
                out.extend_from_slice(&target.since_2000(entries[row])?.to_be_bytes());
            }
            (ColumnValues::Uuid(entries), Wire::Uuid) => push_uuid(out, entries[row * 2], entries[row * 2 + 1]),
            _ => target.push(out, &Value::of_cell(self.column, row))?,
        }
        Ok(())
    }

    /// Returns some of its rows as an array.
    pub(crate) fn array(&self, rows: Range<usize>) -> Result<Raw, Unwritable> {
        let data = self.column.values.byte_len();
        let mut out = Vec::with_capacity(20 + data + rows.len() * 8);
        let has_nulls = i32::from(self.column.nulls.contains(&1));
        // One dimension, with indexes from 1.
        for field in [1, has_nulls, self.target.oid() as i32, rows.len() as i32, 1] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        for row in rows {
            self.push_cell(&mut out, row)?;
        }
        Ok(Raw { oid: self.target.array(), bytes: Some(out) })
    }

    /// Returns one cell as a parameter.
    pub(crate) fn parameter(&self, row: usize) -> Result<Raw, Unwritable> {
        let oid = self.target.oid();
        if self.column.is_null(row) {
            return Ok(Raw { oid, bytes: None });
        }
        let mut out = Vec::new();
        self.push_body(&mut out, row).map_err(|what| self.unwritable(row, &what))?;
        Ok(Raw { oid, bytes: Some(out) })
    }

    #[cold]
    fn unwritable(&self, row: usize, what: &str) -> Unwritable {
        Unwritable { column: self.column.name.clone(), row, what: format!("{}: {what}", cell_text(self.column, row)) }
    }
}

/// The start of a binary `COPY`: its signature, no flags, no extension.
pub(crate) const COPY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of a binary `COPY`, in place of a number of cells.
pub(crate) const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
