//! Validate: the old column and the new ones must agree in every row, otherwise the migration fails.

use money::Money;
use runner_guest::prelude::*;

/// How many orders an error names.
const NAMED: usize = 5;

struct ValidateTotal;

impl Migration for ValidateTotal {
    fn describe() -> Description {
        Description::new("compare total with total_cents and currency")
            .needs(Need::read("orders").columns(["id", "total", "total_cents", "currency"]))
    }

    fn upgrade() -> Result<()> {
        let source = TableSource::new("orders").columns(["total", "total_cents", "currency"]);
        let (mut compared, mut wrong) = (0, Vec::new());
        for rows in batches::read_table(&source)? {
            let rows = rows?;
            compared += rows.len();
            wrong.extend(differences(&rows)?);
            ensure!(wrong.len() < NAMED, "{}", wrong[..NAMED].join("; "));
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("; "));
        info!("{compared} orders say the same in both");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        Ok(())
    }
}

/// What is wrong with the rows whose columns disagree.
fn differences(rows: &Batch) -> Result<Vec<String>> {
    let (id, total) = (rows.int64("id")?, rows.text("total")?);
    let (cents, currency) = (rows.int64("total_cents")?, rows.text("currency")?);
    let shown = |money: Option<Money<'_>>| money.map_or("no amount".to_owned(), |money| money.to_string());
    let mut found = Vec::new();
    for row in 0..rows.len() {
        let written = total.get(row).and_then(Money::parse);
        let stored = cents.get(row).zip(currency.get(row)).map(|(cents, currency)| Money { cents, currency });
        if written != stored {
            let (id, written, stored) = (id.get(row).unwrap_or_default(), shown(written), shown(stored));
            found.push(format!("order {id}: `total` says {written}, and the new columns say {stored}"));
        }
    }
    Ok(found)
}

runner_guest::export!(ValidateTotal);

#[cfg(test)]
mod tests {
    use runner_guest::batch::{Int64Builder, TextBuilder};

    use super::*;

    #[test]
    fn a_row_that_says_two_things_is_named() -> Result<()> {
        let orders = Batch::new([
            Int64Builder::from_iter([1, 2, 3, 4].map(Some)).finish("id"),
            TextBuilder::from_iter([Some("12.50 EUR"), Some("€ 1.234,50"), Some("on request"), None]).finish("total"),
            Int64Builder::from_iter([Some(1_250), Some(123_400), None, Some(5)]).finish("total_cents"),
            TextBuilder::from_iter([Some("EUR"), Some("EUR"), None, Some("USD")]).finish("currency"),
        ])?;
        assert_eq!(
            differences(&orders)?,
            [
                "order 2: `total` says 1234.50 EUR, and the new columns say 1234.00 EUR",
                "order 4: `total` says no amount, and the new columns say 0.05 USD",
            ]
        );
        Ok(())
    }
}
