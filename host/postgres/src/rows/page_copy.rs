//! A page of a table by `COPY (SELECT …) TO STDOUT`: whole rows of bytes, at half the client's cost for rows of a
//! cursor. `COPY` takes no parameters, so the key after which the page begins is part of the statement.
//!
//! An insert of 1,000,000 rows took 0.39 s of the client's CPU instead of 0.51, and 1.31 instead of 1.49 times `CREATE
//! TABLE AS`. Where a literal could be read otherwise than a parameter, as a UUID for a text, and for the first page,
//! the cursor is used. If rows become wider, four batches of a page are kept and the rest is dropped. A prepared query
//! for each page was rejected: its stream cannot be abandoned before its end.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::cursor_batch::Filling;
use crate::error::{Result, from_sqlx, lost};
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// The start of a binary `COPY`; flags and the length of an extension follow.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Bytes of flags and of the extension's length.
const HEADER_REST: usize = 8;

/// Lets the server begin to run the statement of a page that it has not run before, and read nothing. What refuses it, a right that is
/// missing above all, is then an error like any other: after an error in the place of the first answer to a `COPY`, the driver leaves
/// the rest unread, and the connection is lost.
pub(crate) async fn prove(connection: &mut PgConnection, select: &str) -> Result<()> {
    let text = format!("SELECT FROM (\n{select}\n) AS runner_page LIMIT 0");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop).map_err(|error| from_sqlx(&error, None))
}

/// Reads the page. Once a batch is full or `room` bytes have arrived, the rest is received and dropped: the next page
/// begins after the last row that was kept. `unread` says whether the connection still holds a response that the driver
/// does not know of: the driver stops reading if the statement fails before its first row.
pub(crate) async fn copy(
    (connection, meter): (&mut PgConnection, &Meter),
    select: &str,
    filling: &mut Filling<'_>,
    room: usize,
    unread: &mut bool,
) -> Result<()> {
    let text = format!("COPY (\n{select}\n) TO STDOUT (FORMAT binary)");
    *unread = true;
    let mut stream = meter.rows(connection.copy_out_raw(&text).await.map_err(|error| from_sqlx(&error, None))?);
    *unread = false;
    let mut rows = Rows { header: false, kept: Vec::new(), cells: Vec::new() };
    let mut taken = Ok(());
    let mut bytes = 0;
    // Always read the stream to its end: dropping it would leave the connection in the middle of a response.
    while let Some(message) = stream.try_next().await.map_err(|error| from_sqlx(&error, None))? {
        if taken.is_ok() && bytes < room && !filling.has_batch() {
            taken = rows.take(&message, filling);
        }
        bytes += message.len();
    }
    taken?;
    if filling.is_empty() && bytes >= room {
        return Err(DatabaseError::new(DatabaseErrorKind::Limit, format!("a row of more than {room} bytes"))
            .hint("raise the limit on batches, or leave its large columns out"));
    }
    Ok(())
}

/// Splits the bytes of a `COPY` into rows. The server sends one row per message, but does not promise to.
struct Rows {
    header: bool,
    /// The beginning of a row whose end has not arrived yet.
    kept: Vec<u8>,
    /// The positions of a row's cells; `None` for NULL.
    cells: Vec<Option<(usize, usize)>>,
}

impl Rows {
    fn take(&mut self, message: &[u8], filling: &mut Filling<'_>) -> Result<()> {
        if self.kept.is_empty() {
            let used = self.rows(message, filling)?;
            self.kept.extend_from_slice(&message[used..]);
        } else {
            let mut whole = std::mem::take(&mut self.kept);
            whole.extend_from_slice(message);
            let used = self.rows(&whole, filling)?;
            self.kept = whole.split_off(used);
        }
        Ok(())
    }

    /// Reads all complete rows; returns how many bytes they took.
    fn rows(&mut self, bytes: &[u8], filling: &mut Filling<'_>) -> Result<usize> {
        let mut at = 0;
        if !self.header {
            if bytes.len() < SIGNATURE.len() + HEADER_REST {
                return Ok(0);
            }
            if !bytes.starts_with(SIGNATURE) {
                return Err(lost("the server's answer to a COPY does not begin as one"));
            }
            self.header = true;
            at = SIGNATURE.len() + HEADER_REST;
        }
        while let Some(end) = self.row(bytes, at) {
            let Some(end) = end else { return Ok(bytes.len()) };
            filling.push(|column| self.cells.get(column).copied().flatten().map(|(from, to)| &bytes[from..to]))?;
            at = end;
        }
        Ok(at)
    }

    /// Finds the cells and the end of the row that begins at `at`. Returns `None` if the end has not arrived yet, and
    /// `Some(None)` at the marker after the last row.
    fn row(&mut self, bytes: &[u8], at: usize) -> Option<Option<usize>> {
        let count = i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        let Ok(count) = usize::try_from(count) else { return Some(None) };
        self.cells.clear();
        let mut at = at + 2;
        for _ in 0..count {
            let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            at += 4;
            match usize::try_from(length) {
                Ok(length) if bytes.len() - at >= length => {
                    self.cells.push(Some((at, at + length)));
                    at += length;
                }
                Ok(_) => return None,
                Err(_) => self.cells.push(None),
            }
        }
        Some(Some(at))
    }
}
