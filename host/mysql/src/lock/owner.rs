//! The names of user locks, and who holds them.
//!
//! The holder publishes its record without a table: an idle session of MySQL or MariaDB shows no text to others, and a
//! table may not exist when the first run waits. What every user can see of a session is which user locks it holds
//! (`IS_USED_LOCK`). So the holder takes one user lock for each bit that is set in its record; they end with its
//! session.

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::host_sql::{HostExecutor, literal, number, row_text, text};
use crate::link::facts::SessionFacts;

/// Names of user locks: at most 64 characters, and the same for all runs with one history.
#[derive(Clone)]
pub(crate) struct Names {
    /// Held by a session that does nothing else.
    pub run: String,
    /// Held by the session that does the work.
    pub work: String,
    /// Begins the names of those that publish the holder.
    pub owner: String,
    /// Held by the session of a component, if it has a login of its own.
    pub guest: String,
    /// What a lease is for.
    pub scope: String,
}

impl Names {
    pub fn of(server: &SessionFacts) -> Self {
        let schema = server.facts.schema.clone().unwrap_or_default();
        // Where the server does not distinguish `App` from `app`, the lock's name must not either.
        let schema = if server.folds_table_names { schema.to_lowercase() } else { schema };
        let place = match server.facts.history.prefix(server.facts.dialect) {
            "" => schema.clone(),
            prefix => format!("{schema}\0{prefix}"),
        };
        let run = format!("runner:{}", hex::encode(&Sha256::digest(place)[..12]));
        let [work, owner, guest] = ["work", "by", "guest"].map(|of| format!("{run}:{of}"));
        Self { run, work, owner, guest, scope: schema }
    }
}

/// The longest record in bytes; its length must fit into one byte.
const LONGEST: usize = 240;

/// Bytes that precede the text: its length, and two by which a reader recognises that it is complete. When the holder
/// leaves, the server releases its locks one after the other.
const HEAD: usize = 3;

/// Publishes the record of the session that holds the lock. The names of the user locks begin with `prefix`.
pub(crate) async fn publish(connection: &mut impl HostExecutor, prefix: &str, record: &str) -> Result<()> {
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
    connection.run(format!("DO {}", locks.join(", "))).await?;
    Ok(())
}

/// The expression for the connection ID of the session that holds the user lock; NULL if none does.
pub(crate) fn is_used(name: &str) -> String {
    format!("IS_USED_LOCK({})", literal(name))
}

/// The session that holds the user lock.
pub(crate) async fn holder_of(session: &mut impl HostExecutor, name: &str) -> Result<Option<u64>> {
    let row = session.one(format!("SELECT {}", is_used(name))).await?;
    Ok(row_text(&row, 0).map(|_| number(&row, 0)))
}

/// Returns the session that holds the user lock and the record that it has published; `None` if the lock is free. The
/// record is empty until it is published completely.
pub(crate) async fn read(
    connection: &mut impl HostExecutor,
    lock: &str,
    prefix: &str,
) -> Result<Option<(u64, String)>> {
    let Some(id) = holder_of(connection, lock).await? else { return Ok(None) };
    let holds = |name: String| format!("IFNULL({} = {id}, 0)", is_used(&format!("{prefix}:{name}")));
    let bits = |from: usize, to: usize| {
        let bits: Vec<String> = (from..to).map(|bit| holds(bit.to_string())).collect();
        format!("CONCAT({})", bits.join(", "))
    };
    let row = connection.one(format!("SELECT {}, {}", holds("told".to_owned()), bits(0, 8 * HEAD))).await?;
    let found = bytes(&text(&row, 1));
    let length = found.first().copied().map_or(0, usize::from);
    if number(&row, 0) == 0 || length == 0 {
        return Ok(Some((id, String::new())));
    }
    let row = connection.one(format!("SELECT {}", bits(8 * HEAD, 8 * (HEAD + length)))).await?;
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
