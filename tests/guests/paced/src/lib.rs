//! Doubles a price, chunk by chunk, so that anything done twice or omitted is visible.

use runner_guest::prelude::*;

struct Paced;

impl Migration for Paced {
    fn describe() -> Description {
        Description::new("double prices").stepwise()
    }

    fn upgrade() -> Result<()> {
        raise("raise")
    }

    fn downgrade() -> Result<()> {
        raise("lower")
    }
}

fn raise(how: &str) -> Result<()> {
    let report = batches::transform(how, &TableSource::new("items"), &TableTarget::update("items"))?;
    info!("{} rows in {} chunks", report.rows_written, report.chunks);
    Ok(())
}

impl Transformer for Paced {
    fn transform(how: &str, mut rows: Batch) -> Result<Batch> {
        for price in rows.float64_mut("price")? {
            // Exact in binary in both directions.
            *price = if how == "raise" { *price * 2.0 } else { *price / 2.0 };
        }
        Ok(rows)
    }
}

runner_guest::export!(Paced, transformer);
