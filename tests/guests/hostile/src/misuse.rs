//! Misuses readers, writers and statements.

use runner_guest::batch::{ColumnValues, Int64Builder, TextBuilder};
use runner_guest::bindings::migration::runner::migration::batches as raw;
use runner_guest::bindings::migration::runner::migration::types::Error as Answer;
use runner_guest::prelude::*;

/// The host's answer, as text.
fn told(error: Answer) -> Error {
    Error::with_kind(error.kind, error.message)
}

/// One new row of `people`.
fn newcomer() -> Result<Batch> {
    let (mut id, mut name) = (Int64Builder::new(), TextBuilder::new());
    id.push(1_000);
    name.push("newcomer");
    Batch::new([id.finish("id"), name.finish("name")])
}

pub fn writer_not_finished() -> Result<()> {
    batches::writer(&TableTarget::insert("people"))?.write(&newcomer()?)?;
    Ok(())
}

pub fn writer_finished_twice() -> Result<()> {
    let writer = raw::write(&TableTarget::insert("people")).map_err(told)?;
    writer.write(&newcomer()?).map_err(told)?;
    writer.finish().map_err(told)?;
    writer.finish().map_err(told)?;
    Ok(())
}

/// A part of the batch may be in the table.
pub fn ignore_failed_write() -> Result<()> {
    let mut rows = newcomer()?;
    rows.column_mut("id")?.values = ColumnValues::Int64(vec![1]);
    let writer = raw::write(&TableTarget::insert("people")).map_err(told)?;
    if writer.write(&rows).is_ok() {
        bail!("a key was taken twice");
    }
    let _ = writer.finish();
    Ok(())
}

pub fn write_after_finish() -> Result<()> {
    let writer = raw::write(&TableTarget::insert("people")).map_err(told)?;
    writer.finish().map_err(told)?;
    writer.write(&newcomer()?).map_err(told)?;
    Ok(())
}

pub fn write_malformed_batch() -> Result<()> {
    let mut rows = newcomer()?;
    rows.column_mut("id")?.values = ColumnValues::Int64(vec![1_000, 1_001]);
    batches::writer(&TableTarget::insert("people"))?.write(&rows)?;
    Ok(())
}

pub fn write_other_columns() -> Result<()> {
    let writer = batches::writer(&TableTarget::insert("people"))?;
    writer.write(&newcomer()?)?;
    writer.write(&newcomer()?.keep(["id"])?)?;
    writer.finish()?;
    Ok(())
}

pub fn write_unknown_table() -> Result<()> {
    let writer = batches::writer(&TableTarget::insert("nowhere"))?;
    writer.write(&newcomer()?)?;
    writer.finish()?;
    Ok(())
}

pub fn update_missing_row() -> Result<()> {
    let writer = batches::writer(&TableTarget::update("people"))?;
    writer.write(&newcomer()?)?;
    writer.finish()?;
    Ok(())
}

pub fn write_history() -> Result<()> {
    let mut revision = TextBuilder::new();
    revision.push("99999999999999");
    let writer = batches::writer(&TableTarget::insert("runner_history"))?;
    writer.write(&Batch::new([revision.finish("revision")])?)?;
    writer.finish()?;
    Ok(())
}

pub fn transform_history() -> Result<()> {
    batches::transform("transform_history", &TableSource::new("people"), &TableTarget::upsert("runner_history"))?;
    Ok(())
}

pub fn transform_without_key() -> Result<()> {
    sql::execute("CREATE VIEW keyless AS SELECT name FROM people", params![])?;
    batches::transform("behave", &TableSource::new("keyless"), &TableTarget::insert("people"))?;
    Ok(())
}

pub fn drop_table_under_reader() -> Result<()> {
    let mut reader = batches::read("SELECT * FROM people", params![])?;
    sql::execute("DROP TABLE people", params![])?;
    while let Some(rows) = reader.next() {
        rows?;
    }
    Ok(())
}

/// Tries statements that should all be refused, and continues in any case; with the parameter `call`, by this call alone, whose
/// failure ends the migration.
pub fn statements() -> Result<()> {
    let list: String = context::parameter("statements")?;
    let only: Option<String> = context::parameter("call")?;
    type Call = fn(&str) -> Result<()>;
    let calls: [(&str, Call); 3] = [
        ("execute", |statement| sql::execute(statement, params![]).map(drop)),
        ("query", |statement| sql::query(statement, params![]).map(drop)),
        ("read", |statement| batches::read(statement, params![])?.try_for_each(|rows| rows.map(drop))),
    ];
    for statement in list.lines() {
        for (name, call) in calls.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
            match call(statement) {
                Ok(()) => warning!("{name} accepted: {statement}"),
                Err(error) if only.is_some() => return Err(error),
                Err(error) => debug!("{name} refused: {statement}: {error}"),
            }
        }
    }
    Ok(())
}
