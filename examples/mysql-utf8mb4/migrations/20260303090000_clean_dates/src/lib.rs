//! Invalid dates such as `0000-00-00` become NULL. Those with a year or a month are kept for the downgrade.

use runner_guest::batch::{DateBuilder, Int64Builder, TextBuilder};
use runner_guest::prelude::*;

const KEEP: &str = "keep";
const CLEAN: &str = "clean";

/// What the old application wrote for "no date".
const NO_DATE: &str = "0000-00-00";

struct CleanDates;

impl Migration for CleanDates {
    fn describe() -> Description {
        Description::new("replace dates that are none by NULL")
            .dialects([Dialect::Mysql, Dialect::Mariadb])
            .needs(Need::RawSql)
            .needs(Need::read("articles"))
            .needs(Need::update("articles").columns(["published_on"]))
            .needs(Need::insert("article_dates_kept"))
            .needs(Need::read("article_dates_kept"))
            .needs(Need::delete("article_dates_kept"))
    }

    fn upgrade() -> Result<()> {
        // Such a date is not valid, so the column is read as text.
        let source = TableSource::new("articles").column_as("published_on", ColumnType::Text);
        let kept = batches::transform(KEEP, &source, &TableTarget::insert("article_dates_kept"))?;
        let cleaned = batches::transform(CLEAN, &source, &TableTarget::update("articles"))?;
        info!("{} dates are NULL now, {} of them are kept", cleaned.rows_written, kept.rows_written);

        let left: i64 = sql::query_scalar(
            "SELECT count(*) FROM articles WHERE year(published_on) = 0 OR month(published_on) = 0 OR day(published_on) = 0",
            params![],
        )?;
        ensure!(left == 0, "{left} articles still have a date that is none");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        // A strict server accepts these dates only with IGNORE, as warnings.
        let date = format!(
            "UPDATE IGNORE articles AS a LEFT JOIN article_dates_kept AS k ON k.article_id = a.id \
             SET a.published_on = coalesce(k.published_on, '{NO_DATE}') WHERE a.published_on IS NULL"
        );
        let rows = sql::execute(date, params![])?;
        info!("{rows} dates are what they were");
        sql::execute("DELETE FROM article_dates_kept", params![])?;
        Ok(())
    }
}

impl Transformer for CleanDates {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        let (id, date) = (rows.int64("id")?, rows.text("published_on")?);
        let none = id.iter().zip(date).filter_map(|(id, date)| Some((id?, date.filter(|date| is_none(date))?)));
        let mut key = Int64Builder::new();
        match name {
            KEEP => {
                let mut text = TextBuilder::new();
                for (id, date) in none.filter(|(_, date)| *date != NO_DATE) {
                    key.push(id);
                    text.push(date);
                }
                Batch::new([key.finish("article_id"), text.finish("published_on")])
            }
            CLEAN => {
                none.for_each(|(id, _)| key.push(id));
                let nulls = DateBuilder::from_iter(vec![None; key.len()]);
                Batch::new([key.finish("id"), nulls.finish("published_on")])
            }
            other => bail!("there is no transform `{other}`"),
        }
    }
}

/// Whether the year, the month or the day is zero.
fn is_none(date: &str) -> bool {
    date.split('-').any(|part| part.bytes().all(|digit| digit == b'0'))
}

runner_guest::export!(CleanDates, transformer);

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(name: &str) -> Result<Batch> {
        let dates = [Some("2010-10-01"), Some(NO_DATE), Some("2011-00-00"), None];
        let rows = Batch::new([
            TextBuilder::from_iter(dates).finish("published_on"),
            Int64Builder::from_iter([1, 2, 3, 4].map(Some)).finish("id"),
        ])?;
        CleanDates::transform(name, rows)
    }

    #[test]
    fn dates_without_a_day_become_null() -> Result<()> {
        let cleaned = turned(CLEAN)?;
        assert_eq!(cleaned.int64("id")?.iter().collect::<Vec<_>>(), [Some(2), Some(3)]);
        assert!(cleaned.date("published_on")?.iter().all(|date| date.is_none()));
        Ok(())
    }

    #[test]
    fn dates_that_say_something_are_kept() -> Result<()> {
        let kept = turned(KEEP)?;
        assert_eq!(kept.int64("article_id")?.iter().collect::<Vec<_>>(), [Some(3)]);
        assert_eq!(kept.text("published_on")?.iter().collect::<Vec<_>>(), [Some("2011-00-00")]);
        Ok(())
    }
}
