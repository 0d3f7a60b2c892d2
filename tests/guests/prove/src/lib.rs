//! A migration that `verify` can prove completely: its sources do not change, and it uses every kind of database call.
//!
//! The parameters `statements` and `queries` add more of them, one per line, and `afterwards` statements at the end; `undo` has
//! what the downgrade runs.
//!
//! It expects the table `items (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price INTEGER NOT NULL, twice INTEGER)`.

use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

struct Prove;

impl Migration for Prove {
    fn describe() -> Description {
        Description::new("do what can be proven again").stepwise()
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE copies (id INTEGER NOT NULL PRIMARY KEY, label VARCHAR(200) NOT NULL)", params![])?;
        for statement in lines("statements")? {
            sql::execute(statement, params![])?;
        }
        for query in lines("queries")? {
            sql::query(query, params![])?;
        }
        let items = TableSource::new("items");
        let twice = batches::transform("twice", &items.clone().columns(["price"]), &TableTarget::update("items"))?;
        ensure!(twice.rows_read == twice.rows_written, "rows were lost");
        batches::transform("copy", &items.columns(["name"]), &TableTarget::insert("copies"))?;
        // A handled error is an answer like any other.
        if sql::execute("INSERT INTO copies (id, label) VALUES (1, 'again')", params![]).is_ok() {
            bail!("a key was taken twice");
        }
        let mut names = 0;
        for row in sql::query("SELECT name FROM items WHERE id < 4", params![])?.iter() {
            names += row.get::<String>("name")?.len();
        }
        let mut ordered = 0;
        for rows in batches::read("SELECT id, price FROM items ORDER BY id", params![])? {
            ordered += rows?.len();
        }
        let mut paged = 0;
        for rows in batches::read_table(&TableSource::new("items").columns(["name"]))? {
            paged += rows?.len();
        }
        let (mut id, mut label) = (Int64Builder::new(), TextBuilder::new());
        id.push(1_000_000);
        label.push(&format!("{names} {ordered} {paged}"));
        let writer = batches::writer(&TableTarget::insert("copies"))?;
        writer.write(&Batch::new([id.finish("id"), label.finish("label")])?)?;
        writer.finish()?;
        if context::parameter::<Option<bool>>("tell")?.unwrap_or_default() {
            let inputs = format!("{} {} {}", context::seed(), context::run_timestamp().0, context::server_version());
            sql::execute(format!("INSERT INTO copies (id, label) VALUES (1000001, '{inputs}')"), params![])?;
        }
        for statement in lines("afterwards")? {
            sql::execute(statement, params![])?;
        }
        Ok(())
    }

    fn downgrade() -> Result<()> {
        for statement in lines("undo")? {
            sql::execute(statement, params![])?;
        }
        sql::execute("DROP TABLE copies", params![])?;
        sql::execute("UPDATE items SET twice = NULL", params![])?;
        Ok(())
    }
}

fn lines(parameter: &str) -> Result<Vec<String>> {
    let text: Option<String> = context::parameter(parameter)?;
    Ok(text.unwrap_or_default().lines().map(str::to_owned).collect())
}

impl Transformer for Prove {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        if name == "copy" {
            rows.rename("name", "label")?;
            return Ok(rows);
        }
        let mut twice = Int64Builder::new();
        for price in rows.int64("price")?.iter() {
            twice.push_option(price.map(|price| 2 * price));
        }
        let column = twice.finish("twice");
        rows.keep(["id"])?.with(column)
    }
}

runner_guest::export!(Prove, transformer);
