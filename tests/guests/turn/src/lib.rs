//! Converts the column `name` to upper case, from any source to any target named by the parameters.

use runner_guest::prelude::*;

struct Turn;

impl Migration for Turn {
    fn describe() -> Description {
        Description::new("write names in capitals").irreversible()
    }

    fn upgrade() -> Result<()> {
        let text = |name| context::parameter::<Option<String>>(name);
        let list = |name| Ok::<_, Error>(text(name)?.unwrap_or_default());
        let table: String = context::parameter("source")?;
        let mut source = TableSource::new(&table).columns(words(&list("columns")?)).key(words(&list("source_key")?));
        if let Some(condition) = text("filter")? {
            source = source.filter(condition, params![]);
        }
        if context::parameter::<Option<bool>>("descending")?.unwrap_or_default() {
            source = source.descending();
        }
        let table = text("target")?.unwrap_or(table);
        let target = match text("mode")?.as_deref() {
            None | Some("update") => TableTarget::update(table),
            Some("insert") => TableTarget::insert(table),
            Some("upsert") => TableTarget::upsert(table),
            Some("delete") => TableTarget::delete(table),
            Some(other) => bail!("there is no mode `{other}`"),
        };
        let how = text("how")?.unwrap_or_else(|| "shout".to_owned());
        let report = batches::transform(how, &source, &target.key(words(&list("target_key")?)))?;
        info!("read {} rows, wrote {}, in {} chunks", report.rows_read, report.rows_written, report.chunks);
        Ok(())
    }
}

impl Transformer for Turn {
    fn transform(how: &str, mut rows: Batch) -> Result<Batch> {
        match how {
            "shout" => rows.text_mut("name")?.make_ascii_uppercase(),
            // Two rows for each row, for inserts only.
            "double" => rows = double(&rows)?,
            // Every second row, by its position in the chunk.
            "halve" => rows = halve(&rows)?,
            "none" => rows = Batch::empty(),
            _ => bail!("there is no way to turn rows called `{how}`"),
        }
        Ok(rows)
    }
}

fn double(rows: &Batch) -> Result<Batch> {
    let (mut id, mut name) = (runner_guest::batch::Int64Builder::new(), runner_guest::batch::TextBuilder::new());
    for (number, text) in rows.int64("id")?.iter().zip(rows.text("name")?) {
        for copy in 0..2 {
            id.push_option(number.map(|number| 2 * number + copy));
            name.push_option(text);
        }
    }
    Batch::new([id.finish("id"), name.finish("name")])
}

fn halve(rows: &Batch) -> Result<Batch> {
    let (mut id, mut name) = (runner_guest::batch::Int64Builder::new(), runner_guest::batch::TextBuilder::new());
    for (number, text) in
        rows.int64("id")?.iter().zip(rows.text("name")?).filter(|(id, _)| id.is_some_and(|id| id % 2 == 0))
    {
        id.push_option(number);
        name.push_option(text.map(str::to_uppercase).as_deref());
    }
    Batch::new([id.finish("id"), name.finish("name")])
}

fn words(list: &str) -> Vec<&str> {
    list.split_whitespace().collect()
}

runner_guest::export!(Turn, transformer);
