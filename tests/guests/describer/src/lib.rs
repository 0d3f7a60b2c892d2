//! Asks the host a question while it describes itself, which no migration may.

use runner_guest::prelude::*;

struct Describer;

impl Migration for Describer {
    fn describe() -> Description {
        Description::new(format!("runs on {:?}", context::dialect()))
    }

    fn upgrade() -> Result<()> {
        Ok(())
    }
}

runner_guest::export!(Describer);
