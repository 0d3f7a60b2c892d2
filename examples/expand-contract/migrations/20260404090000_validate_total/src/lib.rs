//! Validate: the old column and the new ones say the same in every row, or nothing goes on. Texts that the new columns do
//! not tell to the letter, such as `€ 1.234,50`, are kept for the way back.

use money::Money;
use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

const KEEP: &str = "keep";
const RESTORE: &str = "restore";

struct ValidateTotal;

impl Migration for ValidateTotal {
    fn describe() -> Description {
        Description::new("compare total with total_cents and currency, keeping what they do not say")
            .changes_schema()
            .reads_table("orders")
            .writes_table("orders")
            .writes_table("order_totals_kept")
    }

    fn upgrade() -> Result<()> {
        sql::execute(
            "CREATE TABLE order_totals_kept (\
                 order_id INTEGER NOT NULL PRIMARY KEY, \
                 total VARCHAR(40) NOT NULL, \
                 FOREIGN KEY (order_id) REFERENCES orders (id))",
            params![],
        )?;
        let source = TableSource::new("orders").columns(["total", "total_cents", "currency"]);
        let kept = batches::transform(KEEP, &source, &TableTarget::insert("order_totals_kept"))?;
        info!("{} orders compared, {} totals are kept as they were written", kept.rows_read, kept.rows_written);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        let source = TableSource::new("orders")
            .columns(["total_cents", "currency"])
            .filter("total IS NULL AND total_cents IS NOT NULL", params![]);
        batches::transform(RESTORE, &source, &TableTarget::update("orders"))?;
        sql::execute(
            "UPDATE orders SET total = (SELECT k.total FROM order_totals_kept k WHERE k.order_id = orders.id) \
             WHERE id IN (SELECT order_id FROM order_totals_kept)",
            params![],
        )?;
        sql::execute("DROP TABLE order_totals_kept", params![])?;
        Ok(())
    }
}

impl Transformer for ValidateTotal {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        match name {
            KEEP => keep(&rows),
            RESTORE => restore(&rows),
            other => bail!("there is no transform `{other}`"),
        }
    }
}

/// The texts that the new columns do not tell; fails where a text says something else than they do.
fn keep(rows: &Batch) -> Result<Batch> {
    let (id, total) = (rows.int64("id")?, rows.text("total")?);
    let (mut key, mut text) = (Int64Builder::new(), TextBuilder::new());
    for row in 0..rows.len() {
        let stored = money(rows, row)?;
        let written = total.get(row).and_then(Money::parse);
        if stored != written {
            let shown = |money: Option<Money<'_>>| money.map_or("no amount".to_owned(), |money| money.to_string());
            bail!(
                "order {}: `total` says {}, and the new columns say {}",
                id.get(row).unwrap_or_default(),
                shown(written),
                shown(stored)
            );
        }
        if let Some(written) = total.get(row).filter(|written| stored.is_none_or(|it| it.to_string() != *written)) {
            key.push_option(id.get(row));
            text.push(written);
        }
    }
    Batch::new([key.finish("order_id"), text.finish("total")])
}

/// The amounts as texts.
fn restore(rows: &Batch) -> Result<Batch> {
    let (id, mut text) = (rows.int64("id")?, TextBuilder::new());
    for row in 0..rows.len() {
        text.push_option(money(rows, row)?.map(|money| money.to_string()));
    }
    Batch::new([Int64Builder::from_iter(id).finish("id"), text.finish("total")])
}

fn money(rows: &Batch, row: usize) -> Result<Option<Money<'_>>> {
    let (cents, currency) = (rows.int64("total_cents")?.get(row), rows.text("currency")?.get(row));
    Ok(cents.zip(currency).map(|(cents, currency)| Money { cents, currency }))
}

runner_guest::export!(ValidateTotal, transformer);

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(cents: Option<i64>) -> Result<Batch> {
        Batch::new([
            Int64Builder::from_iter([1, 2, 3, 4].map(Some)).finish("id"),
            TextBuilder::from_iter([Some("12.50 EUR"), Some("€ 1.234,50"), Some("on request"), None]).finish("total"),
            Int64Builder::from_iter([Some(1_250), cents, None, None]).finish("total_cents"),
            TextBuilder::from_iter([Some("EUR"), Some("EUR"), None, None]).finish("currency"),
        ])
    }

    #[test]
    fn what_the_columns_do_not_tell_is_kept() -> Result<()> {
        let kept = keep(&orders(Some(123_450))?)?;
        assert_eq!(kept.int64("order_id")?.iter().flatten().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(kept.text("total")?.iter().flatten().collect::<Vec<_>>(), ["€ 1.234,50", "on request"]);
        Ok(())
    }

    #[test]
    fn a_row_that_says_two_things_is_named() -> Result<()> {
        let error = keep(&orders(Some(123_400))?).unwrap_err();
        assert_eq!(error.message(), "order 2: `total` says 1234.50 EUR, and the new columns say 1234.00 EUR");
        Ok(())
    }

    #[test]
    fn amounts_become_texts() -> Result<()> {
        let restored = restore(&orders(Some(123_450))?)?;
        let texts = [Some("12.50 EUR"), Some("1234.50 EUR"), None, None];
        assert_eq!(restored.text("total")?.iter().collect::<Vec<_>>(), texts);
        Ok(())
    }
}
