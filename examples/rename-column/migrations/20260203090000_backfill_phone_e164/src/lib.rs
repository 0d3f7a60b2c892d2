//! Fills `customers.phone_e164` from numbers typed by people, in batches: the logic is awkward in SQL.

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

struct Backfill;

impl Migration for Backfill {
    fn describe() -> Description {
        Description::new("fill phone_e164 from phone")
    }

    fn upgrade() -> Result<()> {
        let source = TableSource::new("customers").columns(["id", "phone"]).filter("phone_e164 IS NULL", params![]);
        let done = batches::transform("e164", &source, &TableTarget::update("customers"))?;
        let issues = batches::transform("issues", &source, &TableTarget::insert("customer_issues"))?;
        info!("{} customers seen, {} numbers could not be read", done.rows_read, issues.rows_written);

        // The validation is part of the migration: if it fails, nothing is changed.
        let left = sql::query_scalar::<i64>(
            "SELECT count(*) FROM customers c WHERE phone IS NOT NULL AND phone_e164 IS NULL
               AND NOT EXISTS (SELECT 1 FROM customer_issues WHERE customer_id = c.id)",
            params![],
        )?;
        ensure!(left == 0, "{left} customers have a phone number that was neither converted nor reported");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("DELETE FROM customer_issues WHERE issue = 'unreadable phone number'", params![])?;
        sql::execute("UPDATE customers SET phone_e164 = NULL", params![])?;
        Ok(())
    }
}

impl Transformer for Backfill {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        let ids = rows.int64("id")?;
        let phones = rows.text("phone")?;
        let mut keys = Int64Builder::with_capacity(rows.len());
        let mut texts = TextBuilder::with_capacity(rows.len());
        for (id, phone) in ids.iter().zip(phones.iter()) {
            let (Some(id), Some(phone)) = (id, phone) else { continue };
            match (name, e164(phone)) {
                ("e164", Some(number)) => {
                    keys.push(id);
                    texts.push(number);
                }
                ("issues", None) => {
                    keys.push(id);
                    texts.push("unreadable phone number");
                }
                _ => {}
            }
        }
        let (key, text) = if name == "e164" { ("id", "phone_e164") } else { ("customer_id", "issue") };
        Batch::builder().column(keys.finish(key)).column(texts.finish(text)).build()
    }
}

/// `+` and digits, if the text is a phone number; numbers without a country code are North American.
fn e164(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let foreign = text.trim_start().starts_with('+');
    let number = match (foreign, digits.strip_prefix("00")) {
        (true, _) => format!("+{digits}"),
        (false, Some(international)) => format!("+{international}"),
        (false, None) if digits.len() == 10 => format!("+1{digits}"),
        _ => return None,
    };
    (8..=16).contains(&number.len()).then_some(number)
}

runner_guest::export!(Backfill, transformer);
