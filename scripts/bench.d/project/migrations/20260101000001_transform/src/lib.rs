//! The benchmark's transform: names in upper case, balances increased by ten percent.

use runner_guest::prelude::*;

struct Transform;

impl Migration for Transform {
    fn describe() -> Description {
        let description = Description::new("write names in capitals and raise balances").irreversible();
        if cfg!(feature = "stepwise") { description.stepwise() } else { description }
    }

    fn upgrade() -> Result<()> {
        let source = TableSource::new("t").columns(["id", "name", "bal"]);
        batches::transform("raise", &source, &TableTarget::update("t"))?;
        Ok(())
    }
}

impl Transformer for Transform {
    fn transform(_name: &str, mut rows: Batch) -> Result<Batch> {
        rows.text_mut("name")?.make_ascii_uppercase();
        for balance in rows.float64_mut("bal")?.iter_mut() {
            *balance *= 1.1;
        }
        Ok(rows)
    }
}

runner_guest::export!(Transform, transformer);
