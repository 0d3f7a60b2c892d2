//! What crates ask a system for: random numbers, and the time where there is a clock. The tests compare the transcripts of runs.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use runner_guest::batch::TextBuilder;
use runner_guest::prelude::*;
use uuid::Uuid;

struct Chance;

impl Migration for Chance {
    fn describe() -> Description {
        Description::new("what chance, the clock and order decide")
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)", [])?;
        let mut things = vec![
            format!("{:?}", (0..50).map(|i| format!("word {i}")).collect::<HashSet<_>>()),
            Uuid::new_v4().to_string(),
            format!("{} {:?}", rand::random::<u64>(), context::run_timestamp()),
        ];
        if cfg!(target_os = "wasi") {
            // The run's, to the microsecond, in which all clocks of a database are.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Error::from_display)?;
            ensure!(now.as_micros() as i64 == context::run_timestamp().0, "the clock stands at {now:?}");
            things.push(format!("{now:?} {}", chrono::Utc::now()));
            println!("seen by the standard library's own");
        }
        for thing in things {
            sql::execute("INSERT INTO things (x) VALUES (?)", params![thing])?;
        }
        sql::execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)", [])?;
        sql::execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
             INSERT INTO chance SELECT i, 'row ' || i FROM n",
            [],
        )?;
        batches::transform("stirred", &TableSource::new("chance"), &TableTarget::update("chance"))?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("DROP TABLE chance", [])?;
        sql::execute("DROP TABLE things", [])?;
        Ok(())
    }
}

impl Transformer for Chance {
    fn transform(_name: &str, rows: Batch) -> Result<Batch> {
        let texts = rows.text("x")?;
        let mut made = TextBuilder::with_capacity(rows.len());
        for row in 0..rows.len() {
            made.push(format!("{} {}", texts.get(row).unwrap_or_default(), Uuid::new_v4()));
        }
        rows.keep(["id"])?.with(made.finish("x"))
    }
}

runner_guest::export!(Chance, transformer);
