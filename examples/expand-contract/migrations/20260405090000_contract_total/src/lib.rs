//! Contract: drops the old column. Text that the new columns cannot reproduce exactly, such as `€ 1.234,50`, is kept
//! for the downgrade.

use money::Money;
use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

const KEEP: &str = "keep";
const RESTORE: &str = "restore";

struct ContractTotal;

impl Migration for ContractTotal {
    fn describe() -> Description {
        Description::new("drop total, keeping what total_cents and currency do not say")
            .needs(Need::RawSql)
            .needs(Need::read("orders"))
            .needs(Need::alter("orders"))
            .needs(Need::update("orders").columns(["total"]))
            .needs(Need::create("order_totals_kept"))
            .needs(Need::insert("order_totals_kept"))
            .needs(Need::read("order_totals_kept"))
            .needs(Need::drop("order_totals_kept"))
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
        sql::execute("ALTER TABLE orders DROP COLUMN total", params![])?;
        info!("{} totals of {} orders are kept as they were written", kept.rows_written, kept.rows_read);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("ALTER TABLE orders ADD COLUMN total VARCHAR(40)", params![])?;
        let source = TableSource::new("orders")
            .columns(["total_cents", "currency"])
            .filter("total_cents IS NOT NULL", params![]);
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

impl Transformer for ContractTotal {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        match name {
            KEEP => keep(&rows),
            RESTORE => restore(&rows),
            other => bail!("there is no transform `{other}`"),
        }
    }
}

/// The texts that `restore` would not reproduce.
fn keep(rows: &Batch) -> Result<Batch> {
    let (id, total) = (rows.int64("id")?, rows.text("total")?);
    let (mut key, mut text) = (Int64Builder::new(), TextBuilder::new());
    for row in 0..rows.len() {
        let restored = money(rows, row)?.map(|money| money.to_string());
        if let Some(written) = total.get(row).filter(|written| restored.as_deref() != Some(written)) {
            key.push_option(id.get(row));
            text.push(written);
        }
    }
    Batch::new([key.finish("order_id"), text.finish("total")])
}

/// The amounts as text.
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

runner_guest::export!(ContractTotal, transformer);

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Result<Batch> {
        Batch::new([
            Int64Builder::from_iter([1, 2, 3, 4].map(Some)).finish("id"),
            TextBuilder::from_iter([Some("12.50 EUR"), Some("€ 1.234,50"), Some("on request"), None]).finish("total"),
            Int64Builder::from_iter([Some(1_250), Some(123_450), None, None]).finish("total_cents"),
            TextBuilder::from_iter([Some("EUR"), Some("EUR"), None, None]).finish("currency"),
        ])
    }

    #[test]
    fn what_the_columns_do_not_tell_is_kept() -> Result<()> {
        let kept = keep(&orders()?)?;
        assert_eq!(kept.int64("order_id")?.iter().flatten().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(kept.text("total")?.iter().flatten().collect::<Vec<_>>(), ["€ 1.234,50", "on request"]);
        Ok(())
    }

    #[test]
    fn amounts_become_texts() -> Result<()> {
        let restored = restore(&orders()?)?;
        let texts = [Some("12.50 EUR"), Some("1234.50 EUR"), None, None];
        assert_eq!(restored.text("total")?.iter().collect::<Vec<_>>(), texts);
        Ok(())
    }
}
