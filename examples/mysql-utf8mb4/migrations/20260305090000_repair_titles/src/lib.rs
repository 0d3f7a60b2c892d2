//! Repairs titles whose UTF-8 was stored as Latin-1: `KÃ¶ln` becomes `Köln`. The originals are kept.

mod latin1;

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

const KEEP: &str = "keep";
const REPAIR: &str = "repair";

struct RepairTitles;

impl Migration for RepairTitles {
    fn describe() -> Description {
        Description::new("repair titles that are UTF-8 read as Latin-1, keeping the originals")
            .dialects([Dialect::Mysql, Dialect::Mariadb])
            .needs(Need::RawSql)
            .needs(Need::read("articles"))
            .needs(Need::update("articles").columns(["title"]))
            .needs(Need::create("article_titles_kept"))
            .needs(Need::insert("article_titles_kept"))
            .needs(Need::read("article_titles_kept"))
            .needs(Need::drop("article_titles_kept"))
    }

    fn upgrade() -> Result<()> {
        sql::execute(
            "CREATE TABLE article_titles_kept (\
                 article_id INT NOT NULL PRIMARY KEY, \
                 original VARCHAR(255) NOT NULL, \
                 repaired VARCHAR(255) NOT NULL, \
                 FOREIGN KEY (article_id) REFERENCES articles (id) ON DELETE CASCADE\
             ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            params![],
        )?;
        let source = TableSource::new("articles").columns(["title"]);
        let kept = batches::transform(KEEP, &source, &TableTarget::insert("article_titles_kept"))?;
        let repaired = batches::transform(REPAIR, &source, &TableTarget::update("articles"))?;
        info!("{} titles of {} are repaired", repaired.rows_written, repaired.rows_read);

        let different: i64 = sql::query_scalar(
            "SELECT count(*) FROM article_titles_kept AS k JOIN articles AS a ON a.id = k.article_id \
             WHERE CAST(a.title AS BINARY) <> CAST(k.repaired AS BINARY)",
            params![],
        )?;
        ensure!(different == 0, "{different} titles are something else than the repaired ones");
        ensure!(kept.rows_written >= repaired.rows_written, "an original is not kept");
        Ok(())
    }

    fn downgrade() -> Result<()> {
        // A title that was changed since then is left alone.
        let rows = sql::execute(
            "UPDATE articles AS a JOIN article_titles_kept AS k ON k.article_id = a.id SET a.title = k.original \
             WHERE CAST(a.title AS BINARY) = CAST(k.repaired AS BINARY)",
            params![],
        )?;
        info!("{rows} titles are what they were");
        sql::execute("DROP TABLE article_titles_kept", params![])?;
        Ok(())
    }
}

impl Transformer for RepairTitles {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        let (mut key, mut original, mut repaired) = (Int64Builder::new(), TextBuilder::new(), TextBuilder::new());
        for (id, title) in rows.int64("id")?.iter().zip(rows.text("title")?) {
            let Some(title) = title else { continue };
            if let Some(text) = latin1::repair(title) {
                key.push_option(id);
                original.push(title);
                repaired.push(text);
            }
        }
        match name {
            KEEP => Batch::new([key.finish("article_id"), original.finish("original"), repaired.finish("repaired")]),
            REPAIR => Batch::new([key.finish("id"), repaired.finish("title")]),
            other => bail!("there is no transform `{other}`"),
        }
    }
}

runner_guest::export!(RepairTitles, transformer);
