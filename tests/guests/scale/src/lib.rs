//! A stepwise migration with transforms over any table: anything done twice is visible.
//!
//! Parameters set the table and the key; `log` is a table into which each row is copied afterwards, `slow` delays each batch,
//! `stumble` is a value of `n` at which it fails, and with `survive` an error of the database is handled.

use runner_guest::prelude::*;

struct Scale;

impl Migration for Scale {
    fn describe() -> Description {
        Description::new("add one to each row").stepwise()
    }

    fn upgrade() -> Result<()> {
        let added = batches::transform("add", &source()?, &target()?);
        if context::parameter::<Option<bool>>("survive")?.unwrap_or_default() {
            info!("refused: {}", added.is_err());
            return Ok(());
        }
        let report = added?;
        info!("read {}, wrote {}, chunks {}", report.rows_read, report.rows_written, report.chunks);
        if let Some(log) = context::parameter::<Option<String>>("log")? {
            let report = batches::transform("copy", &source()?, &TableTarget::insert(log))?;
            info!("copied {} of {}", report.rows_written, report.rows_read);
        }
        if context::parameter::<Option<bool>>("handle")?.unwrap_or_default() {
            let refused = batches::transform("add", &source()?, &TableTarget::insert("nowhere"));
            info!("refused: {}", refused.is_err());
        }
        Ok(())
    }

    fn downgrade() -> Result<()> {
        batches::transform("subtract", &source()?, &target()?)?;
        Ok(())
    }
}

fn table() -> Result<String> {
    Ok(context::parameter::<Option<String>>("table")?.unwrap_or_else(|| "items".to_owned()))
}

fn key() -> Result<String> {
    Ok(context::parameter::<Option<String>>("key")?.unwrap_or_default())
}

fn source() -> Result<TableSource> {
    let key = key()?;
    let mut source = TableSource::new(table()?).key(key.split_whitespace());
    if let Some(condition) = context::parameter::<Option<String>>("filter")? {
        source = source.filter(condition, params![]);
    }
    if context::parameter::<Option<bool>>("descending")?.unwrap_or_default() {
        source = source.descending();
    }
    Ok(source)
}

fn target() -> Result<TableTarget> {
    let key = key()?;
    Ok(TableTarget::update(table()?).key(key.split_whitespace()))
}

impl Transformer for Scale {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        let mut noise = 1_u64;
        for round in 0..context::parameter::<Option<i64>>("slow")?.unwrap_or_default() {
            // The compiler must not optimise it away.
            noise = std::hint::black_box(noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round as u64));
        }
        let stumble = context::parameter::<Option<i64>>("stumble")?;
        if stumble.is_some() && rows.int64("n")?.iter().any(|n| n == stumble) {
            bail!("no way past {}", stumble.unwrap_or_default());
        }
        let more = match name {
            "add" => 1,
            "subtract" => -1,
            _ => 0,
        };
        for n in rows.int64_mut("n")? {
            *n += more;
        }
        Ok(rows)
    }
}

runner_guest::export!(Scale, transformer);
