//! Counts how often a message could not be sent.

use runner_guest::prelude::*;

struct CountAttempts;

impl Migration for CountAttempts {
    fn describe() -> Description {
        Description::new("count attempts to send").depends_on("1").changes_schema().dialects([Dialect::Sqlite])
    }

    fn upgrade() -> Result<()> {
        sql::execute("ALTER TABLE outbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0", params![])?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("ALTER TABLE outbox DROP COLUMN attempts", params![])?;
        Ok(())
    }
}

runner_guest::export!(CountAttempts);
