//! What differs from run to run in an ordinary program, and exists in Rust without a system: the order of maps, addresses, and the
//! seed and time of the run. The tests compare the transcripts of runs; `tests/languages` has the same in other languages.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use runner_guest::batch::TextBuilder;
use runner_guest::prelude::*;

struct Chance;

impl Migration for Chance {
    fn describe() -> Description {
        Description::new("what chance, the clock and order decide")
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)", [])?;
        let words: HashSet<String> = (0..50).map(|i| format!("word {i}")).collect();
        let numbers: HashMap<u32, u32> = (0..50).map(|i| (i, i)).collect();
        let place = Box::new(7);
        let things = [
            format!("{words:?}"),
            format!("{numbers:?}"),
            format!("{} {:p}", RandomState::new().hash_one("x"), &*place),
            format!("{} {:?}", context::seed(), context::run_timestamp()),
        ];
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
        let (ids, texts) = (rows.int64("id")?, rows.text("x")?);
        let mut made = TextBuilder::with_capacity(rows.len());
        for row in 0..rows.len() {
            let id = ids.get(row).unwrap_or_default() as u64;
            let mixed = (context::seed() ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            made.extend([Some(format!("{} {mixed}", texts.get(row).unwrap_or_default()))]);
        }
        rows.keep(["id"])?.with(made.finish("x"))
    }
}

runner_guest::export!(Chance, transformer);
