//! Publishes who holds the lock, without a table: an idle session of MySQL or MariaDB shows no text to others, and a
//! table may not exist when the first run waits. What every user can see of a session is which user locks it holds
//! (`IS_USED_LOCK`). So the holder takes one user lock for each bit that is set in its record; they end with its
//! session.

use super::session::{self, Spoken, number, row_text, text};
use runner_database::DatabaseError;

/// The longest record in bytes; its length must fit into one byte.
const LONGEST: usize = 240;

/// Bytes that precede the text: its length, and two by which a reader recognises that it is complete. When the holder
/// leaves, the server releases its locks one after the other.
const HEAD: usize = 3;

/// Publishes the record of the session that holds the lock. The names of the user locks begin with `prefix`.
pub(super) async fn publish(connection: &mut impl Spoken, prefix: &str, record: &str) -> Result<(), DatabaseError> {
    let mut end = record.len().min(LONGEST);
    while !record.is_char_boundary(end) {
        end -= 1;
    }
    let record = &record.as_bytes()[..end];
    let bytes = [&head(record), record].concat();
    let is_set = |bit: &usize| bytes[bit / 8] >> (bit % 8) & 1 == 1;
    let mut locks: Vec<String> =
        (0..bytes.len() * 8).filter(is_set).map(|bit| format!("GET_LOCK('{prefix}:{bit}', 0)")).collect();
    // This one is last: readers ignore the others until it is held.
    locks.push(format!("GET_LOCK('{prefix}:told', 0)"));
    session::run(connection, format!("DO {}", locks.join(", "))).await?;
    Ok(())
}

/// The query for the ID of the session that holds the user lock.
pub(super) fn question(lock: &str) -> String {
    format!("SELECT IS_USED_LOCK('{lock}')")
}

/// Returns the session that holds the user lock and the record that it has published; `None` if the lock is free. The
/// record is empty until it is published completely.
pub(super) async fn read(
    connection: &mut impl Spoken,
    lock: &str,
    prefix: &str,
) -> Result<Option<(u64, String)>, DatabaseError> {
    let row = session::one(connection, question(lock)).await?;
    let Some(id) = row_text(&row, 0).and_then(|id| id.parse::<u64>().ok()) else { return Ok(None) };
    let holds = |name: String| format!("IFNULL(IS_USED_LOCK('{prefix}:{name}') = {id}, 0)");
    let bits = |from: usize, to: usize| {
        let bits: Vec<String> = (from..to).map(|bit| holds(bit.to_string())).collect();
        format!("CONCAT({})", bits.join(", "))
    };
    let row = session::one(connection, format!("SELECT {}, {}", holds("told".to_owned()), bits(0, 8 * HEAD))).await?;
    let found = bytes(&text(&row, 1));
    let length = found.first().copied().map_or(0, usize::from);
    if number(&row, 0) == 0 || length == 0 {
        return Ok(Some((id, String::new())));
    }
    let row = session::one(connection, format!("SELECT {}", bits(8 * HEAD, 8 * (HEAD + length)))).await?;
    let record = bytes(&text(&row, 0));
    let is_complete = found == head(&record);
    Ok(Some((id, if is_complete { String::from_utf8_lossy(&record).into_owned() } else { String::new() })))
}

/// What precedes a record.
fn head(record: &[u8]) -> [u8; HEAD] {
    // FNV-1a.
    let sum = record.iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = sum.to_le_bytes();
    [record.len() as u8, a ^ c, b ^ d]
}

/// What the server reports about a session: user, host and statement. Empty if the session does not exist or may not
/// be seen.
pub(super) async fn describe(connection: &mut impl Spoken, id: u64) -> Result<String, DatabaseError> {
    // MySQL is going to remove `information_schema.PROCESSLIST`.
    let sessions = session::all(connection, "SHOW FULL PROCESSLIST").await?;
    let Some(row) = sessions.iter().find(|row| number(row, 0) == id) else { return Ok(String::new()) };
    let mut told = format!("connection {id} of `{}` from `{}`", text(row, 1), text(row, 2));
    if let Some(statement) = row_text(row, 7) {
        let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let begin: String = line.chars().take(EXCERPT).collect();
        told.push_str(&format!(", which has been running `{begin}` for {} s", number(row, 5)));
    }
    Ok(told)
}

/// Characters of a statement that a message shows.
const EXCERPT: usize = 120;

/// The bytes of a string of bits, the lowest bit of each byte first.
fn bytes(bits: &str) -> Vec<u8> {
    bits.as_bytes()
        .chunks(8)
        .map(|bits| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit == b'1') << at))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_become_bytes() {
        assert_eq!(bytes("1000001001000110"), b"Ab");
    }

    #[test]
    fn a_record_that_lacks_a_bit_is_not_complete() {
        let record = b"20260105T093000Z-deadbeef: `runner apply` of ann@db: 1".to_vec();
        for bit in 0..record.len() * 8 {
            let mut other = record.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(head(&other), head(&record), "{bit}");
        }
    }
}
