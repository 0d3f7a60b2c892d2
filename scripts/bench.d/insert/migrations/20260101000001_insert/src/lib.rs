//! The benchmark's copy into a new table: names in upper case, balances increased by ten percent.

use runner_guest::prelude::*;

struct Insert;

impl Migration for Insert {
    fn describe() -> Description {
        Description::new("copy accounts into a new table").irreversible()
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE u (id BIGINT NOT NULL, name VARCHAR(100), bal DOUBLE PRECISION)", &[])?;
        let source = TableSource::new("t").columns(["id", "name", "bal"]);
        batches::transform("raise", &source, &TableTarget::insert("u"))?;
        Ok(())
    }
}

impl Transformer for Insert {
    fn transform(_name: &str, mut rows: Batch) -> Result<Batch> {
        rows.text_mut("name")?.make_ascii_uppercase();
        for balance in rows.float64_mut("bal")?.iter_mut() {
            *balance *= 1.1;
        }
        Ok(rows)
    }
}

runner_guest::export!(Insert, transformer);
