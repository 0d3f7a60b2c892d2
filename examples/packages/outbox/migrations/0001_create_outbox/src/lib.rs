//! Creates the table of an outbox: what an application has to send, written in the transaction that it is about.

use runner_guest::prelude::*;

struct CreateOutbox;

impl Migration for CreateOutbox {
    fn describe() -> Description {
        Description::new("create the outbox").changes_schema().dialects([Dialect::Sqlite])
    }

    fn upgrade() -> Result<()> {
        sql::execute(
            "CREATE TABLE outbox (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload TEXT NOT NULL)",
            params![],
        )?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("DROP TABLE outbox", params![])?;
        Ok(())
    }
}

runner_guest::export!(CreateOutbox);
