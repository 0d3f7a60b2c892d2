//! A component that declares what it needs, and does what its parameters say: `transform` copies the rows of `people` to `copies`,
//! `read` reads the listed columns of `people`, `statements` are run one per line; a statement after `?` may fail.

use runner_guest::prelude::*;

struct Granted;

impl Migration for Granted {
    fn describe() -> Description {
        Description::new("copy people")
            .needs(Need::read("people").columns(["id", "name"]))
            .needs(Need::insert("copies"))
            .atomic()
    }

    fn upgrade() -> Result<()> {
        for statement in lines("statements")? {
            match statement.strip_prefix('?') {
                None => drop(sql::execute(statement, params![])?),
                Some(statement) => match sql::execute(statement, params![]) {
                    Ok(_) => info!("accepted: {statement}"),
                    Err(error) => info!("refused: {statement}: {error}"),
                },
            }
        }
        let columns = lines("read")?;
        if !columns.is_empty() {
            let source = TableSource::new("people").columns(columns.iter().map(String::as_str));
            let mut count = 0;
            for rows in batches::read_table(&source)? {
                count += rows?.len();
            }
            info!("read {count} rows");
        }
        if context::parameter::<Option<String>>("transform")?.is_some() {
            let source = TableSource::new("people").columns(["id", "name"]);
            batches::transform("copy", &source, &TableTarget::insert("copies"))?;
        }
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("DELETE FROM copies", params![])?;
        Ok(())
    }
}

fn lines(parameter: &str) -> Result<Vec<String>> {
    let text: Option<String> = context::parameter(parameter)?;
    Ok(text.unwrap_or_default().lines().map(str::to_owned).collect())
}

impl Transformer for Granted {
    fn transform(_name: &str, rows: Batch) -> Result<Batch> {
        Ok(rows)
    }
}

runner_guest::export!(Granted, transformer);
