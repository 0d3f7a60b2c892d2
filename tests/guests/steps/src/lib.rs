//! A migration with many steps that logs each one, so that a test can interrupt it at any of them.
//!
//! It expects the table `items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, price DOUBLE PRECISION NOT
//! NULL)`, on any engine.

use std::hint::black_box;

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

struct Steps;

impl Migration for Steps {
    fn describe() -> Description {
        Description::new("raise prices and keep a ledger")
    }

    fn upgrade() -> Result<()> {
        let mut step = Step(0);
        step.run("CREATE TABLE ledger (id INTEGER NOT NULL PRIMARY KEY, entry VARCHAR(100) NOT NULL)")?;
        for entry in 1..=5 {
            step.run(format!("INSERT INTO ledger (id, entry) VALUES ({entry}, 'entry {entry}')"))?;
        }
        step.run("UPDATE items SET name = concat(name, '!') WHERE id % 3 = 0")?;
        batches::transform("raise", &TableSource::new("items"), &TableTarget::update("items"))?;
        step.done();
        step.run("CREATE INDEX items_name ON items (name)")?;
        let writer = batches::writer(&TableTarget::insert("ledger"))?;
        step.done();
        for first in [100, 200, 300] {
            writer.write(&entries(first)?)?;
            step.done();
        }
        writer.finish()?;
        step.done();
        step.run("DELETE FROM ledger WHERE id = 5")?;
        step.run("ALTER TABLE ledger ADD COLUMN note VARCHAR(100)")?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        let mut step = Step(0);
        step.run("DROP TABLE ledger")?;
        step.run(match context::dialect() {
            Dialect::Mysql | Dialect::Mariadb => "DROP INDEX items_name ON items",
            _ => "DROP INDEX items_name",
        })?;
        batches::transform("lower", &TableSource::new("items"), &TableTarget::update("items"))?;
        step.done();
        step.run("UPDATE items SET name = substr(name, 1, length(name) - 1) WHERE id % 3 = 0")?;
        Ok(())
    }
}

impl Transformer for Steps {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        for price in rows.float64_mut("price")? {
            // Exact in binary in both directions.
            *price = if name == "raise" { *price * 2.0 } else { *price / 2.0 };
        }
        Ok(rows)
    }
}

/// Counts and logs steps.
struct Step(u32);

impl Step {
    fn run(&mut self, statement: impl AsRef<str>) -> Result<()> {
        sql::execute(statement, params![])?;
        self.done();
        Ok(())
    }

    /// Logs the step and waits, so that an interruption happens here.
    fn done(&mut self) {
        self.0 += 1;
        info!("step {} done", self.0);
        for count in 0..2_000_000_u32 {
            black_box(count);
        }
    }
}

fn entries(first: i64) -> Result<Batch> {
    let (mut id, mut entry) = (Int64Builder::new(), TextBuilder::new());
    for number in first..first + 50 {
        id.push(number);
        entry.push(&format!("entry {number}"));
    }
    Batch::new([id.finish("id"), entry.finish("entry")])
}

runner_guest::export!(Steps, transformer);
