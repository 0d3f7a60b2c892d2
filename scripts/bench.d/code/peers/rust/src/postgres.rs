//! Updates that are sent without waiting for each other's answers, or one statement for each chunk, whose parameters are arrays.

use futures_util::future::try_join_all;
use tokio_postgres::NoTls;

use crate::{CHUNK, Result, rules};

pub async fn run(url: &str, arrays: bool) -> Result<()> {
    let (mut db, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let tx = db.transaction().await?;
    let read = tx.prepare("SELECT id, phone, joined FROM people WHERE id > $1 ORDER BY id LIMIT $2").await?;
    let one = tx.prepare("UPDATE people SET phone = $1, due = $2 WHERE id = $3").await?;
    let many = tx
        .prepare(
            "UPDATE people SET phone = new.phone, due = new.due
             FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (id, phone, due) WHERE people.id = new.id",
        )
        .await?;
    let mut last = 0i64;
    loop {
        let people = tx.query(&read, &[&last, &CHUNK]).await?;
        let ids: Vec<i64> = people.iter().map(|row| row.get(0)).collect();
        let phones: Vec<String> = people.iter().map(|row| rules::phone_number(row.get(1))).collect();
        let due = people.iter().map(|row| rules::due_date(row.get(2))).collect::<std::result::Result<Vec<_>, _>>()?;
        if arrays {
            tx.execute(&many, &[&ids, &phones, &due]).await?;
        } else {
            let updates = (0..ids.len()).map(|row| {
                let (tx, one, id, phone, due) = (&tx, &one, &ids[row], &phones[row], &due[row]);
                async move { tx.execute(one, &[phone, due, id]).await }
            });
            try_join_all(updates).await?;
        }
        match ids.last() {
            Some(id) if ids.len() as i64 == CHUNK => last = *id,
            _ => break,
        }
    }
    tx.commit().await?;
    drop(db);
    connection.await??;
    Ok(())
}
