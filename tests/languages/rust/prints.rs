//! Prints by the macros that take the place of those of `std`, and ends where the tests say so.
#[macro_use]
extern crate runner_guest;

use runner_guest::prelude::*;

struct Prints;

impl Migration for Prints {
    fn describe() -> Description {
        Description::new("prints").irreversible()
    }

    fn upgrade() -> Result<()> {
        println!("one");
        print!("tw");
        println!("{}", "o");
        eprintln!("wrong \u{fffd}");
        sql::execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)", params![])?;
        sql::execute("INSERT INTO printed (id) VALUES (1)", params![])?;
        batches::transform("prints", &TableSource::new("printed"), &TableTarget::update("printed"))?;
        let seven = dbg!(3 + 4);
        ensure!(seven == 7, "dbg! gives what it is given");
        // ends here
        print!("three ä");
        Ok(())
    }
}

impl Transformer for Prints {
    fn transform(_name: &str, rows: Batch) -> Result<Batch> {
        print!("a batch");
        Ok(rows)
    }
}

runner_guest::export!(Prints, transformer);
