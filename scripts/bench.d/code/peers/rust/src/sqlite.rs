//! Prepared statements.

use rusqlite::{Connection, params};

use crate::{CHUNK, Result, rules};

pub fn run(file: &str) -> Result<()> {
    let mut db = Connection::open(file)?;
    let tx = db.transaction()?;
    {
        let mut read = tx.prepare("SELECT id, phone, joined FROM people WHERE id > ? ORDER BY id LIMIT ?")?;
        let mut write = tx.prepare("UPDATE people SET phone = ?, due = ? WHERE id = ?")?;
        let mut last = 0;
        loop {
            let people: Vec<(i64, String, String)> = read
                .query_map(params![last, CHUNK], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<_>>()?;
            for (id, phone, joined) in &people {
                write.execute(params![rules::phone_number(phone), rules::due_date(joined)?, id])?;
            }
            match people.last() {
                Some((id, ..)) if people.len() as i64 == CHUNK => last = *id,
                _ => break,
            }
        }
    }
    tx.commit()?;
    Ok(())
}
