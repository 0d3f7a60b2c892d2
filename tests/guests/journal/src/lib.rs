//! A stepwise migration that uses every kind of database call, each of which leaves a trace of how often it ran.
//!
//! It expects the table `items (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price DOUBLE PRECISION NOT NULL)`.

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

struct Journal;

impl Migration for Journal {
    fn describe() -> Description {
        Description::new("take every way to the database").stepwise()
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE ledger (id INTEGER NOT NULL PRIMARY KEY, entry VARCHAR(200) NOT NULL)", params![])?;
        note(1, format!("{} {}", context::seed(), context::run_timestamp().0))?;
        let count: i64 = sql::query_scalar("SELECT count(*) FROM items", params![])?;
        note(2, format!("{count} items"))?;
        // A handled error is an answer like any other.
        match note(2, "twice".to_owned()) {
            Ok(()) => bail!("a key was taken twice"),
            Err(error) => note(3, format!("{:?}", error.kind()))?,
        }
        pages()?;
        rows()?;
        fill()?;
        let report = batches::transform("raise", &TableSource::new("items"), &TableTarget::update("items"))?;
        note(4, format!("{} {} {}", report.rows_read, report.rows_written, report.chunks))?;
        sql::execute(own("UPDATE ledger SET entry = 'once' WHERE id = 1 AND entry = ?"), params![inputs()])?;
        sql::execute("CREATE INDEX items_price ON items (price)", params![])?;
        if context::parameter::<Option<bool>>("fail")?.unwrap_or_default() {
            sql::execute("INSERT INTO nowhere VALUES (1)", params![])?;
        }
        sql::execute("ALTER TABLE ledger ADD COLUMN note VARCHAR(20)", params![])?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute(
            match context::dialect() {
                Dialect::Mariadb | Dialect::Mysql => "DROP INDEX items_price ON items",
                _ => "DROP INDEX items_price",
            },
            params![],
        )?;
        batches::transform("lower", &TableSource::new("items"), &TableTarget::update("items"))?;
        let writer = batches::writer(&TableTarget::delete("ledger"))?;
        for rows in batches::read_table(&TableSource::new("ledger").columns(["id"]))? {
            writer.write(&rows?)?;
        }
        writer.finish()?;
        sql::execute("UPDATE items SET name = substr(name, 1, length(name) - 1)", params![])?;
        sql::execute("DROP TABLE ledger", params![])?;
        Ok(())
    }
}

impl Transformer for Journal {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        if context::parameter::<Option<bool>>("stumble")?.unwrap_or_default() && rows.int64("id")?.get(0) == Some(41) {
            bail!("no way past 41");
        }
        for price in rows.float64_mut("price")? {
            // Exact in binary in both directions, and visible if done twice.
            *price = if name == "raise" { *price * 2.0 } else { *price / 2.0 };
        }
        Ok(rows)
    }
}

fn inputs() -> String {
    format!("{} {}", context::seed(), context::run_timestamp().0)
}

/// The statement with the database's placeholders.
fn own(statement: &str) -> String {
    if context::dialect() != Dialect::Postgres {
        return statement.to_owned();
    }
    let mut number = 0;
    let dollar = |part: &str| {
        number += 1;
        format!("{part}${number}")
    };
    let (parts, last) = statement.rsplit_once('?').unwrap_or((statement, ""));
    parts.split('?').map(dollar).collect::<String>() + last
}

fn note(id: i64, entry: String) -> Result<()> {
    sql::execute(own("INSERT INTO ledger (id, entry) VALUES (?, ?)"), params![id, entry])?;
    Ok(())
}

/// Reads a table in pages and writes between them, including to the table it reads.
fn pages() -> Result<()> {
    let mut id = 100;
    for rows in batches::read_table(&TableSource::new("items").columns(["name"]))? {
        let rows = rows?;
        note(id, format!("page of {} from {:?}", rows.len(), rows.int64("id")?.get(0)))?;
        let (first, last) = (rows.int64("id")?.get(0), rows.int64("id")?.get(rows.len() - 1));
        let statement = own("UPDATE items SET name = concat(name, '!') WHERE id BETWEEN ? AND ?");
        sql::execute(statement, params![first, last])?;
        id += 1;
    }
    Ok(())
}

/// Reads a result whose rows no longer match its condition after the first write.
fn rows() -> Result<()> {
    let mut id = 200;
    for rows in batches::read("SELECT id, price FROM items WHERE price < 1000 ORDER BY id", params![])? {
        let rows = rows?;
        note(id, format!("rows from {:?}", rows.int64("id")?.get(0)))?;
        sql::execute("UPDATE items SET price = price + 1000", params![])?;
        id += 1;
    }
    sql::execute(format!("UPDATE items SET price = price - {}", 1000 * (id - 200)), params![])?;
    Ok(())
}

/// Writes batches.
fn fill() -> Result<()> {
    let writer = batches::writer(&TableTarget::insert("ledger"))?;
    for first in [300, 400, 500] {
        let (mut id, mut entry) = (Int64Builder::new(), TextBuilder::new());
        for number in first..first + 20 {
            id.push(number);
            entry.push(&format!("entry {number}"));
        }
        writer.write(&Batch::new([id.finish("id"), entry.finish("entry")])?)?;
    }
    note(600, format!("{} written", writer.finish()?))
}

runner_guest::export!(Journal, transformer);
