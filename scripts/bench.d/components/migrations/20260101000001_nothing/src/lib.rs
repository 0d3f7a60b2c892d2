//! A component that does next to nothing, to measure what a component costs by itself.

use runner_guest::prelude::*;

struct Nothing;

impl Migration for Nothing {
    fn describe() -> Description {
        Description::new("create and drop a table")
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE IF NOT EXISTS touched (id INTEGER PRIMARY KEY)", params![])?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        Ok(())
    }
}

runner_guest::export!(Nothing);
