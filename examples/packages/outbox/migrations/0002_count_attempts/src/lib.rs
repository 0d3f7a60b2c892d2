//! Counts how often a message could not be sent.

use runner_guest::prelude::*;
use runner_guest::schema::{Column, DataType};

struct CountAttempts;

impl Migration for CountAttempts {
    fn describe() -> Description {
        Description::new("count attempts to send").depends_on("1").needs(Need::alter("outbox"))
    }

    fn upgrade() -> Result<()> {
        schema::add_column("outbox", Column::new("attempts", DataType::Int32).not_null().default(0))
    }

    fn downgrade() -> Result<()> {
        schema::drop_column("outbox", "attempts")
    }
}

runner_guest::export!(CountAttempts);
