//! Backfill: parses `orders.total` into `total_cents` and `currency`. What cannot be parsed becomes an issue.

use money::Money;
use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

const AMOUNTS: &str = "amounts";
const ISSUES: &str = "issues";

struct BackfillTotal;

impl Migration for BackfillTotal {
    fn describe() -> Description {
        Description::new("fill total_cents and currency from total")
            .needs(Need::RawSql)
            .needs(Need::read("orders"))
            .needs(Need::update("orders").columns(["total_cents", "currency"]))
            .needs(Need::insert("order_issues"))
            .needs(Need::read("order_issues"))
            .needs(Need::delete("order_issues"))
    }

    fn upgrade() -> Result<()> {
        // The second application writes all three columns, so its rows need no work.
        let source = TableSource::new("orders")
            .columns(["total"])
            .filter("total IS NOT NULL AND total_cents IS NULL", params![]);
        let issues = batches::transform(ISSUES, &source, &TableTarget::insert("order_issues"))?;
        let amounts = batches::transform(AMOUNTS, &source, &TableTarget::update("orders"))?;
        info!("{} totals are filled in, {} cannot be read", amounts.rows_written, issues.rows_written);

        let left: i64 = sql::query_scalar(
            "SELECT count(*) FROM orders WHERE total IS NOT NULL AND total_cents IS NULL \
             AND id NOT IN (SELECT order_id FROM order_issues)",
            params![],
        )?;
        ensure!(left == 0, "{left} orders have a total that was neither read nor reported");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("DELETE FROM order_issues", params![])?;
        sql::execute("UPDATE orders SET total_cents = NULL, currency = NULL", params![])?;
        Ok(())
    }
}

impl Transformer for BackfillTotal {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        let totals = rows.int64("id")?.iter().zip(rows.text("total")?);
        let totals = totals.filter_map(|(id, total)| Some((id?, total?)));
        let mut key = Int64Builder::new();
        match name {
            AMOUNTS => {
                let (mut cents, mut currency) = (Int64Builder::new(), TextBuilder::new());
                for (id, money) in totals.filter_map(|(id, total)| Some((id, Money::parse(total)?))) {
                    key.push(id);
                    cents.push(money.cents);
                    currency.push(money.currency);
                }
                Batch::new([key.finish("id"), cents.finish("total_cents"), currency.finish("currency")])
            }
            ISSUES => {
                let mut text = TextBuilder::new();
                for (id, total) in totals.filter(|(_, total)| Money::parse(total).is_none()) {
                    key.push(id);
                    text.push(total);
                }
                Batch::new([key.finish("order_id"), text.finish("total")])
            }
            other => bail!("there is no transform `{other}`"),
        }
    }
}

runner_guest::export!(BackfillTotal, transformer);
