//! A migration that fails where its parameters say, and whose downgrade handles any partial upgrade.
//!
//! It expects the table `items (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL)`. Parameters: `odd`, a statement
//! to run unchanged; `stumble`, the key at which the transform fails; `fail` and `fail_down`, whether a statement
//! near the end fails.

use runner_guest::prelude::*;

struct Halfway;

impl Migration for Halfway {
    fn describe() -> Description {
        Description::new("break off on purpose").stepwise()
    }

    fn upgrade() -> Result<()> {
        sql::execute("CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, entry VARCHAR(200) NOT NULL)", params![])?;
        if let Some(odd) = context::parameter::<Option<String>>("odd")? {
            let rows = sql::execute(odd, params![])?;
            sql::execute(format!("INSERT INTO notes VALUES (1, 'odd: {rows} rows')"), params![])?;
        }
        let report = batches::transform("shout", &TableSource::new("items"), &TableTarget::update("items"))?;
        sql::execute(format!("INSERT INTO notes VALUES (2, '{} shouted')", report.rows_written), params![])?;
        if context::parameter::<Option<bool>>("fail")?.unwrap_or_default() {
            sql::execute("INSERT INTO nowhere VALUES (1)", params![])?;
        }
        sql::execute("INSERT INTO notes VALUES (3, 'the end')", params![])?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute("UPDATE items SET name = lower(name)", params![])?;
        sql::execute("DROP TABLE IF EXISTS notes", params![])?;
        if context::parameter::<Option<bool>>("fail_down")?.unwrap_or_default() {
            sql::execute("INSERT INTO nowhere VALUES (2)", params![])?;
        }
        sql::execute("UPDATE items SET name = concat(name, '') WHERE id < 0", params![])?;
        Ok(())
    }
}

impl Transformer for Halfway {
    fn transform(_: &str, mut rows: Batch) -> Result<Batch> {
        let stumble = context::parameter::<Option<i64>>("stumble")?;
        if stumble.is_some() && rows.int64("id")?.get(0) == stumble {
            bail!("stumbled");
        }
        rows.text_mut("name")?.make_ascii_uppercase();
        Ok(rows)
    }
}

runner_guest::export!(Halfway, transformer);
