//! A probe of the database: several of the engine's own queries in one message. A server may be far away, and even on a
//! nearby one the round trips and statement descriptions take longer than the answers.

use futures_util::{Stream, TryStreamExt as _};
use sqlx::Either;

use super::LockHolder;
use super::{DatabaseError, DatabaseErrorKind};
use runner_data::Value;

/// The result of a probe; see [`Connection::probe`](super::Connection::probe).
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// The rows that answer each query.
    pub answers: Vec<Vec<Vec<Value>>>,
    /// The holder of the lock; `None` if the lock is free. A session that holds it itself may leave this out.
    pub holder: Option<LockHolder>,
}

/// Returns the rows of each statement of a text.
pub async fn by_statement<D, R>(
    mut stream: impl Stream<Item = Result<Either<D, R>, sqlx::Error>> + Unpin,
) -> Result<Vec<Vec<R>>, sqlx::Error> {
    let (mut results, mut rows) = (Vec::new(), Vec::new());
    while let Some(step) = stream.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            Either::Left(_) => results.push(std::mem::take(&mut rows)),
        }
    }
    Ok(results)
}

/// Reads a cell of an answer. When several queries go in one message, servers answer in text.
pub fn cell(text: Option<&[u8]>, is_number: bool) -> Result<Value, DatabaseError> {
    let Some(bytes) = text else { return Ok(Value::Null) };
    let text = std::str::from_utf8(bytes).ok();
    let value = if is_number {
        text.and_then(|digits| digits.parse().ok()).map(Value::Int64)
    } else {
        text.map(|text| Value::Text(text.to_owned()))
    };
    value.ok_or_else(|| {
        DatabaseError::new(
            DatabaseErrorKind::Conversion,
            "the server answered something else than an integer or a text",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_integers_and_texts() {
        assert_eq!(cell(None, true), Ok(Value::Null));
        assert_eq!(cell(Some(b"-7"), true), Ok(Value::Int64(-7)));
        assert_eq!(cell(Some(b"-7"), false), Ok(Value::Text("-7".to_owned())));
        for (bytes, is_number) in [(&b"7.5"[..], true), (&b"\xff"[..], false)] {
            assert_eq!(cell(Some(bytes), is_number).map_err(|error| error.kind), Err(DatabaseErrorKind::Conversion));
        }
    }
}
