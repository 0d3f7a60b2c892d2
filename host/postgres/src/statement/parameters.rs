//! The parameters of a statement, in the types that the server assigns to its placeholders.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgTypeInfo};
use sqlx::{Arguments as _, AssertSqlSafe, PgConnection, Row as _, ValueRef as _};

use crate::error::{Result, conversion, from_sqlx};
use crate::host_sql::quoted;
use crate::types::column::Raw;
use crate::types::write::{Form, Target};
use crate::types::{NAME, ServerType, TEXT, Types, Wire};
use runner_data::{Value, temporal};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Encodes values in binary form; their number must be that of the statement's placeholders.
pub(crate) async fn encode(
    connection: &mut PgConnection,
    types: &mut Types,
    placeholders: &[PgTypeInfo],
    values: &[Value],
) -> Result<PgArguments> {
    if placeholders.len() != values.len() {
        return Err(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            format!("{} parameters for a statement that has {}", values.len(), placeholders.len()),
        ));
    }
    let numbers = numbers(placeholders);
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

/// The OIDs of the placeholders' types.
fn numbers(placeholders: &[PgTypeInfo]) -> Vec<u32> {
    placeholders.iter().map(|info| info.oid().map_or(TEXT, |oid| oid.0)).collect()
}

/// Returns the values as literals that mean the same as [`encode`] would send; `None` if it would refuse one, or if one may be
/// read otherwise as a text.
pub(crate) async fn literals(
    connection: &mut PgConnection,
    types: &mut Types,
    placeholders: &[PgTypeInfo],
    values: &[Value],
) -> Result<Option<Vec<String>>> {
    if placeholders.len() != values.len() {
        return Ok(None);
    }
    let of = types.of(connection, &numbers(placeholders)).await?;
    Ok(of.iter().zip(values).map(|(of, value)| literal_of(of, value)).collect())
}

/// Returns a value as a literal of its placeholder's type, in parentheses: it is valid wherever a placeholder is.
fn literal_of(of: &Arc<ServerType>, value: &Value) -> Option<String> {
    use Wire::{Int2, Int4, Int8, Numeric, Oid, Text};
    let text = match (value, of.wire) {
        (Value::Int64(number), Int2 | Int4 | Int8 | Oid | Numeric | Text) => number.to_string(),
        // The server shortens the text of a `name`, and refuses such a parameter.
        (Value::Text(text), Text) if of.oid != NAME && !text.contains('\\') => text.clone(),
        (Value::Uuid(..), Wire::Uuid) => temporal::value_text(value).ok()?,
        _ => return None,
    };
    Target::new(of.clone(), None, -1, Form::Typed).push(&mut Vec::new(), value).ok()?;
    Some(format!("({}::{})", quoted(&text), of.quoted))
}

/// Appends a parameter.
pub(crate) fn add(arguments: &mut PgArguments, raw: Raw) -> Result<()> {
    arguments
        .add(raw)
        .map_err(|error| DatabaseError::new(DatabaseErrorKind::Limit, format!("a parameter is too large: {error}")))
}

async fn one(connection: &mut PgConnection, of: &Arc<ServerType>, value: &Value) -> Result<Vec<u8>> {
    let form = if matches!(value, Value::Native { .. }) { Form::Native } else { Form::Typed };
    let target = Target::new(of.clone(), None, -1, form);
    let mut bytes = Vec::new();
    target.push(&mut bytes, value).map_err(conversion)?;
    if target.as_text && of.wire != Wire::Text {
        bytes = from_text(connection, of, bytes).await?;
    }
    Ok(bytes)
}

/// Asks the server to convert a text to the type and return its binary form.
async fn from_text(connection: &mut PgConnection, of: &ServerType, text: Vec<u8>) -> Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::built_in;

    #[test]
    fn a_literal_means_what_the_parameter_would() {
        let uuid = Value::Uuid(0x67e5_5044_10b1_426f, 0x9247_bb68_0e5f_e0c8);
        let spelt = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        for (number, value, expected) in [
            (23, Value::Int64(-5), Some("('-5'::pg_catalog.int4)")),
            (25, Value::Int64(5), Some("('5'::pg_catalog.text)")),
            (1700, Value::Int64(5), Some("('5'::pg_catalog.numeric)")),
            (23, Value::Int64(1 << 31), None),
            (26, Value::Int64(-1), None),
            (17, Value::Int64(5), None),
            (701, Value::Int64(5), None),
            (1043, Value::from("it's"), Some("('it''s'::pg_catalog.varchar)")),
            (1042, Value::from("a "), Some("('a '::pg_catalog.bpchar)")),
            (25, Value::from("a\\b"), None),
            (25, Value::from("a\0b"), None),
            (19, Value::from("a"), None),
            (23, Value::from("007"), None),
            (2950, Value::from("7"), None),
            (2950, uuid.clone(), Some(&*format!("('{spelt}'::pg_catalog.uuid)"))),
            (25, uuid.clone(), None),
            (17, uuid, None),
            (25, Value::Float64(0.5), None),
            (25, Value::Null, None),
        ] {
            let of = Arc::new(built_in(number).expect("a type"));
            assert_eq!(literal_of(&of, &value).as_deref(), expected, "{value:?} as {}", of.name);
        }
    }
}
