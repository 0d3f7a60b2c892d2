// Builds of one migration; `BUILD` says which. It is shared by the crates `stumble`, `mended`, `strayed` and `wider`.
//
// It expects the tables `items (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price DOUBLE PRECISION NOT NULL)` and
// `marks (entry VARCHAR(50) NOT NULL)`. The parameter `at` is the key at which the second transform of `stumble` fails.

use runner_guest::batch::Float64Builder;
use runner_guest::prelude::*;

struct Build;

impl Migration for Build {
    fn describe() -> Description {
        Description::new(format!("a build called {BUILD}")).stepwise()
    }

    fn upgrade() -> Result<()> {
        let more = if BUILD == "strayed" { "more" } else { "price" };
        sql::execute(format!("CREATE TABLE raised (id INTEGER NOT NULL PRIMARY KEY, {more} DOUBLE PRECISION NOT NULL)"), params![])?;
        sql::execute(
            "CREATE TABLE copies (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, price DOUBLE PRECISION)",
            params![],
        )?;
        sql::execute("CREATE TABLE tags (id INTEGER NOT NULL PRIMARY KEY)", params![])?;
        let source = || TableSource::new("items").columns(["id", "price"]);
        batches::transform("raise", &source(), &TableTarget::insert("raised"))?;
        let source = TableSource::new("items").columns(["id", "name"]);
        batches::transform("copy", &source, &TableTarget::insert("copies"))?;
        // Other columns than the transform before it.
        batches::transform("tag", &TableSource::new("items").columns(["id"]), &TableTarget::insert("tags"))?;
        sql::execute("INSERT INTO marks VALUES ('the end')", params![])?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("DROP TABLE IF EXISTS tags", params![])?;
        sql::execute("DROP TABLE IF EXISTS copies", params![])?;
        sql::execute("DROP TABLE IF EXISTS raised", params![])?;
        sql::execute(format!("INSERT INTO marks VALUES ('undone by {BUILD}')"), params![])?;
        Ok(())
    }
}

impl Transformer for Build {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        if name == "raise" {
            let mut raised = Float64Builder::new();
            for price in rows.float64("price")?.iter() {
                raised.push_option(price.map(|price| price + 1.0));
            }
            let column = raised.finish("price");
            return rows.keep(["id"])?.with(column);
        }
        if name == "tag" {
            return Ok(rows);
        }
        let stumbles = context::parameter::<Option<i64>>("at")?;
        let ids: Vec<Option<i64>> = rows.int64("id")?.iter().collect();
        if BUILD == "stumble" && stumbles.is_some() && ids.contains(&stumbles) {
            bail!("no way past {}", stumbles.unwrap_or_default());
        }
        if BUILD == "stumble" {
            rows.text_mut("name")?.make_ascii_uppercase();
        }
        if BUILD == "wider" {
            let mut prices = Float64Builder::new();
            for id in &ids {
                prices.push_option(id.map(|id| id as f64));
            }
            return rows.with(prices.finish("price"));
        }
        Ok(rows)
    }
}

runner_guest::export!(Build, transformer);
