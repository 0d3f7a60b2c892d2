//! Moves messages that were tried ten times to a table of their own.

use runner_guest::prelude::*;
use runner_guest::schema::{Column, DataType, Table};

/// The columns of both tables.
const COLUMNS: [&str; 4] = ["id", "topic", "payload", "attempts"];

struct KeepDeadLetters;

impl Migration for KeepDeadLetters {
    fn describe() -> Description {
        Description::new("keep dead letters apart")
            .depends_on("2")
            .needs(Need::read("outbox"))
            .needs(Need::insert("outbox"))
            .needs(Need::delete("outbox"))
            .needs(Need::create("outbox_dead"))
            .needs(Need::read("outbox_dead"))
            .needs(Need::insert("outbox_dead"))
            .needs(Need::drop("outbox_dead"))
    }

    fn upgrade() -> Result<()> {
        Table::new("outbox_dead")
            .column(Column::new("id", DataType::Int64))
            .column(Column::new("topic", DataType::Varchar(200)).not_null())
            .column(Column::new("payload", DataType::Text).not_null())
            .column(Column::new("attempts", DataType::Int32).not_null())
            .primary_key(["id"])
            .create()?;
        let dead = batches::writer(&TableTarget::insert("outbox_dead"))?;
        let sent = batches::writer(&TableTarget::delete("outbox"))?;
        let source = TableSource::new("outbox").columns(COLUMNS).filter("attempts >= 10", params![]);
        for rows in batches::read_table(&source)? {
            let rows = rows?;
            dead.write(&rows)?;
            sent.write(&rows.keep(["id"])?)?;
        }
        let (moved, deleted) = (dead.finish()?, sent.finish()?);
        ensure!(moved == deleted, "{moved} messages were copied, but {deleted} deleted");
        info!("{moved} dead letters");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        let outbox = batches::writer(&TableTarget::insert("outbox"))?;
        for rows in batches::read_table(&TableSource::new("outbox_dead").columns(COLUMNS))? {
            outbox.write(&rows?)?;
        }
        outbox.finish()?;
        schema::drop_table("outbox_dead")
    }
}

runner_guest::export!(KeepDeadLetters);
