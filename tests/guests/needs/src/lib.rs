//! A component that declares everything that a migration can need, and needs nothing of it.

use runner_guest::Limit;
use runner_guest::prelude::*;

struct Needs;

impl Migration for Needs {
    fn describe() -> Description {
        Description::new("needs everything")
            .needs(Need::TableRebuild)
            .needs(Need::read("people").columns(["id", "email"]))
            .needs(Need::insert("invoices").columns(["total"]).in_schema("billing"))
            .needs(Need::update("people"))
            .needs(Need::delete("tmp_*"))
            .needs(Need::alter("people"))
            .needs(Need::create("outbox_*"))
            .needs(Need::drop("tmp_*"))
            .needs(Need::RawSql)
            .needs(Need::function("random"))
            .needs(Need::limit(Limit::GuestMemory, 512 << 20))
            .needs(Need::limit(Limit::Fuel, 2_000_000_000_000))
    }

    fn upgrade() -> Result<()> {
        Ok(())
    }

    fn downgrade() -> Result<()> {
        Ok(())
    }
}

runner_guest::export!(Needs);
