//! The migration that is killed at every point: schema changes, SQL, pages copied through a writer, and transforms
//! that update, insert and delete. Anything done twice, or not at all, is visible in the tables.
//!
//! It expects the table `items (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price DOUBLE PRECISION NOT
//! NULL)`. The parameter `steps` adds that many further steps, each of which counts.

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

struct Reference;

impl Migration for Reference {
    fn describe() -> Description {
        Description::new("the reference of the kill matrix").stepwise()
    }

    fn upgrade() -> Result<()> {
        run("CREATE TABLE ledger (id INTEGER NOT NULL PRIMARY KEY, entry VARCHAR(200) NOT NULL)")?;
        run("INSERT INTO ledger (id, entry) VALUES (0, '')")?;
        run("CREATE TABLE copies (id INTEGER NOT NULL PRIMARY KEY, label VARCHAR(120) NOT NULL)")?;
        count()?;
        // In pages, with writes in between: to another table, and to the one being read.
        let writer = batches::writer(&TableTarget::insert("ledger"))?;
        for rows in batches::read_table(&TableSource::new("items").columns(["id", "name"]))? {
            let rows = rows?;
            let (mut id, mut entry) = (Int64Builder::new(), TextBuilder::new());
            for row in 0..rows.len() {
                id.push(1000 + rows.int64("id")?.get(row).unwrap_or_default());
                entry.push(rows.text("name")?.get(row).unwrap_or_default());
            }
            writer.write(&Batch::new([id.finish("id"), entry.finish("entry")])?)?;
        }
        writer.finish()?;
        run("UPDATE items SET name = concat(name, '!')")?;
        let raised = batches::transform("raise", &TableSource::new("items"), &TableTarget::update("items"))?;
        let copied = batches::transform("copy", &TableSource::new("items"), &TableTarget::insert("copies"))?;
        run("CREATE INDEX items_price ON items (price)")?;
        run("ALTER TABLE ledger ADD COLUMN note VARCHAR(20)")?;
        run(format!(
            "UPDATE ledger SET entry = concat(entry, '{} {} {}') WHERE id = 0",
            raised.rows_written, copied.rows_read, copied.rows_written
        ))
    }

    fn downgrade() -> Result<()> {
        run(match context::dialect() {
            Dialect::Mariadb | Dialect::Mysql => "DROP INDEX items_price ON items",
            _ => "DROP INDEX items_price",
        })?;
        batches::transform("lower", &TableSource::new("items"), &TableTarget::update("items"))?;
        batches::transform("forget", &TableSource::new("copies").columns(["id"]), &TableTarget::delete("copies"))?;
        run("UPDATE items SET name = substr(name, 1, length(name) - 1)")?;
        run("DROP TABLE copies")?;
        run("DROP TABLE ledger")
    }
}

impl Transformer for Reference {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        if name == "copy" {
            return copy(&rows);
        }
        if name == "forget" {
            return Ok(rows);
        }
        for price in rows.float64_mut("price")? {
            // Exact in binary in both directions, and visible if done twice.
            *price = if name == "raise" { *price * 2.0 } else { *price / 2.0 };
        }
        Ok(rows)
    }
}

/// Two rows for every second row, and one for each of the others.
fn copy(rows: &Batch) -> Result<Batch> {
    let (mut id, mut label) = (Int64Builder::new(), TextBuilder::new());
    for row in 0..rows.len() {
        let item = rows.int64("id")?.get(row).unwrap_or_default();
        let name = rows.text("name")?.get(row).unwrap_or_default();
        for copy in 0..=item % 2 {
            id.push(item * 2 + copy);
            label.push(&format!("{name} {copy}"));
        }
    }
    Batch::new([id.finish("id"), label.finish("label")])
}

/// Steps that each read what the previous one wrote.
fn count() -> Result<()> {
    let steps = context::parameter::<Option<i64>>("steps")?.unwrap_or_default();
    if steps > 0 {
        run("INSERT INTO ledger (id, entry) VALUES (1, '0')")?;
    }
    for step in 0..steps / 2 {
        let found: String = sql::query_scalar("SELECT entry FROM ledger WHERE id = 1", params![])?;
        if found != step.to_string() {
            bail!("step {step} found {found}");
        }
        run(format!("UPDATE ledger SET entry = '{}' WHERE id = 1", step + 1))?;
    }
    Ok(())
}

fn run(statement: impl AsRef<str>) -> Result<()> {
    sql::execute(statement, params![])?;
    Ok(())
}

runner_guest::export!(Reference, transformer);
