//! Calls the host from `describe`, which is not allowed.

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
