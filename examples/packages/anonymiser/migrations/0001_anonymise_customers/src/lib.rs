//! Replaces the e-mail addresses of customers, in batches: the local part by the customer's number, so that addresses stay
//! distinct, and the domain by one that nobody can receive mail at.

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

struct Anonymise;

impl Migration for Anonymise {
    fn describe() -> Description {
        Description::new("anonymise customers")
            .needs(Need::read("customers").columns(["id", "email"]))
            .needs(Need::update("customers").columns(["email"]))
            .irreversible()
    }

    fn upgrade() -> Result<()> {
        let source = TableSource::new("customers").columns(["id", "email"]);
        let done = batches::transform("email", &source, &TableTarget::update("customers"))?;
        info!("{} of {} addresses replaced", done.rows_written, done.rows_read);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        bail!("the addresses are gone")
    }
}

impl Transformer for Anonymise {
    fn transform(_name: &str, rows: Batch) -> Result<Batch> {
        let (ids, emails) = (rows.int64("id")?, rows.text("email")?);
        let mut keys = Int64Builder::with_capacity(rows.len());
        let mut texts = TextBuilder::with_capacity(rows.len());
        for (id, email) in ids.iter().zip(emails.iter()) {
            let (Some(id), Some(_)) = (id, email) else { continue };
            keys.push(id);
            texts.push(&format!("customer-{id}@example.invalid"));
        }
        Batch::builder().column(keys.finish("id")).column(texts.finish("email")).build()
    }
}

runner_guest::export!(Anonymise, transformer);
