//! Phone numbers in one form, and the date of the first bill, row by row.

use runner_guest::batch::TextBuilder;
use runner_guest::prelude::*;

mod rules;

struct People;

impl Migration for People {
    fn describe() -> Description {
        Description::new("write phone numbers in one form and fill in the first due date").irreversible()
    }

    fn upgrade() -> Result<()> {
        let source = TableSource::new("people").columns(["id", "phone", "joined"]);
        batches::transform("tidy", &source, &TableTarget::update("people"))?;
        Ok(())
    }
}

impl Transformer for People {
    fn transform(_name: &str, mut people: Batch) -> Result<Batch> {
        let mut phones = TextBuilder::with_capacity(people.len());
        let mut due = TextBuilder::with_capacity(people.len());
        for (phone, joined) in people.text("phone")?.iter().zip(people.text("joined")?.iter()) {
            phones.push_option(phone.map(rules::phone_number));
            due.push_option(joined.map(rules::due_date).transpose().context("a date")?);
        }
        people.set(phones.finish("phone"))?;
        people.set(due.finish("due"))?;
        Ok(people)
    }
}

runner_guest::export!(People, transformer);
