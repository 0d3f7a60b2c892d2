//! Creates the table of an outbox: what an application has to send, written in the transaction that it is about.

use runner_guest::prelude::*;
use runner_guest::schema::{Column, DataType, Table};

struct CreateOutbox;

impl Migration for CreateOutbox {
    fn describe() -> Description {
        Description::new("create the outbox").needs(Need::create("outbox")).needs(Need::drop("outbox"))
    }

    fn upgrade() -> Result<()> {
        Table::new("outbox")
            .column(Column::new("id", DataType::Int64).identity())
            .column(Column::new("topic", DataType::Varchar(200)).not_null())
            .column(Column::new("payload", DataType::Text).not_null())
            .primary_key(["id"])
            .create()
    }

    fn downgrade() -> Result<()> {
        schema::drop_table("outbox")
    }
}

runner_guest::export!(CreateOutbox);
