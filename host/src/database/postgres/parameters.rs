//! The parameters of a statement, in the types that the server assigns to its placeholders.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgTypeInfo};
use sqlx::{Arguments as _, AssertSqlSafe, PgConnection, Row as _, ValueRef as _};

use super::error::from_sqlx;
use super::types::{ServerType, TEXT, Types, Wire};
use super::types_column::Raw;
use super::types_write::{Form, Target};
use crate::data::Value;
use crate::database::{DatabaseError, DatabaseErrorKind};

/// Encodes values in binary form; their number must be that of the statement's placeholders.
pub(super) async fn encode(
    connection: &mut PgConnection,
    types: &mut Types,
    placeholders: &[PgTypeInfo],
    values: &[Value],
) -> Result<PgArguments, DatabaseError> {
    if placeholders.len() != values.len() {
        return Err(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            format!("{} parameters for a statement that has {}", values.len(), placeholders.len()),
        ));
    }
    let numbers: Vec<u32> = placeholders.iter().map(|info| info.oid().map_or(TEXT, |oid| oid.0)).collect();
    let of = types.of(connection, &numbers).await?;
    let mut arguments = PgArguments::default();
    for (index, (of, value)) in of.iter().zip(values).enumerate() {
        let bytes = match value {
            Value::Null => None,
            value => Some(one(connection, of, value).await.map_err(|error| place(error, index))?),
        };
        // The type that the server assigns to a placeholder depends on the statement, so it is passed on unchanged.
        add(&mut arguments, Raw { oid: numbers[index], bytes })?;
    }
    Ok(arguments)
}

/// Appends a parameter.
pub(super) fn add(arguments: &mut PgArguments, raw: Raw) -> Result<(), DatabaseError> {
    arguments
        .add(raw)
        .map_err(|error| DatabaseError::new(DatabaseErrorKind::Limit, format!("a parameter is too large: {error}")))
}

async fn one(connection: &mut PgConnection, of: &Arc<ServerType>, value: &Value) -> Result<Vec<u8>, DatabaseError> {
    let form = if matches!(value, Value::Native { .. }) { Form::Native } else { Form::Typed };
    let target = Target::new(of.clone(), None, -1, form);
    let mut bytes = Vec::new();
    target.push(&mut bytes, value).map_err(|what| DatabaseError::new(DatabaseErrorKind::Conversion, what))?;
    if target.as_text && of.wire != Wire::Text {
        bytes = from_text(connection, of, bytes).await?;
    }
    Ok(bytes)
}

/// Asks the server to convert a text to the type and return its binary form.
async fn from_text(connection: &mut PgConnection, of: &ServerType, text: Vec<u8>) -> Result<Vec<u8>, DatabaseError> {
    let statement = format!("SELECT ($1::pg_catalog.text)::{}", of.quoted);
    let mut arguments = PgArguments::default();
    add(&mut arguments, Raw { oid: TEXT, bytes: Some(text) })?;
    let query = sqlx::query_with(AssertSqlSafe(statement), arguments).persistent(false);
    let failed = |error: sqlx::Error| from_sqlx(&error, None);
    let row = query.fetch_one(connection).await.map_err(failed)?;
    let value = row.try_get_raw(0).map_err(failed)?;
    if value.is_null() {
        return Ok(Vec::new());
    }
    value
        .as_bytes()
        .map(<[u8]>::to_vec)
        .map_err(|error| DatabaseError::new(DatabaseErrorKind::Other, format!("the server returned no value: {error}")))
}

fn place(mut error: DatabaseError, index: usize) -> DatabaseError {
    error.message = format!("parameter {}: {}", index + 1, error.message);
    error
}
