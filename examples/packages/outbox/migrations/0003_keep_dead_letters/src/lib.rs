//! Moves messages that were tried ten times to a table of their own.

use runner_guest::prelude::*;

struct KeepDeadLetters;

impl Migration for KeepDeadLetters {
    fn describe() -> Description {
        Description::new("keep dead letters apart").depends_on("2").changes_schema().dialects([Dialect::Sqlite])
    }

    fn upgrade() -> Result<()> {
        sql::execute(
            "CREATE TABLE outbox_dead (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload TEXT NOT NULL,
             attempts INTEGER NOT NULL)",
            params![],
        )?;
        let moved = sql::execute(
            "INSERT INTO outbox_dead SELECT id, topic, payload, attempts FROM outbox WHERE attempts >= 10",
            params![],
        )?;
        let deleted = sql::execute("DELETE FROM outbox WHERE attempts >= 10", params![])?;
        ensure!(moved == deleted, "{moved} messages were copied, but {deleted} deleted");
        info!("{moved} dead letters");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute(
            "INSERT INTO outbox (id, topic, payload, attempts) SELECT id, topic, payload, attempts FROM outbox_dead",
            params![],
        )?;
        sql::execute("DROP TABLE outbox_dead", params![])?;
        Ok(())
    }
}

runner_guest::export!(KeepDeadLetters);
