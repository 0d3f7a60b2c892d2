//! Rebuilds the table `users`, which other tables refer to.

use runner_guest::prelude::*;
use runner_guest::sqlite::rebuild_table;

struct Rebuild;

impl Migration for Rebuild {
    fn describe() -> Description {
        Description::new("require an email address").dialects([Dialect::Sqlite]).needs(Need::TableRebuild)
    }

    fn upgrade() -> Result<()> {
        rebuild_table("users")
            .set_not_null("email")
            .fill("email", "coalesce(email, name || '@example.com')")
            .set_type("balance", "INTEGER")
            .add_constraint("CONSTRAINT solvent CHECK (balance >= 0)")
            .run()
    }

    fn downgrade() -> Result<()> {
        rebuild_table("users").set_nullable("email").set_type("balance", "REAL").drop_constraint("solvent").run()
    }
}

runner_guest::export!(Rebuild);
