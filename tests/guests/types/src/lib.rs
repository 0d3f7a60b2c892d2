//! Copies the table `source` with every method a migration has for moving rows. The copies have the same columns; the suite
//! compares them cell by cell.

use runner_guest::bindings::migration::runner::migration::types as raw;
use runner_guest::prelude::*;

struct Types;

const COPIES: [&str; 5] = ["by_reader", "by_cursor", "by_transform", "by_rows", "by_request"];

impl Migration for Types {
    fn describe() -> Description {
        Description::new("copy a table in every way")
            .needs(Need::read("source"))
            .needs(Need::insert("by_*"))
            .needs(Need::delete("by_*"))
            .needs(Need::RawSql)
    }

    fn upgrade() -> Result<()> {
        copy(batches::read_table(&TableSource::new("source"))?, "by_reader")?;
        copy(batches::read("SELECT * FROM source ORDER BY id", params![])?, "by_cursor")?;
        batches::transform("copy", &TableSource::new("source"), &TableTarget::insert("by_transform"))?;
        copy_rows()?;
        let requested = TableSource::new("source")
            .columns(["id", "truth", "whole", "real", "text", "bytes"])
            .column_as("exact", ColumnType::Decimal)
            .column_as("json", ColumnType::Json)
            .column_as("day", ColumnType::Date)
            .column_as("time", ColumnType::Time)
            .column_as("moment", ColumnType::Timestamp)
            .column_as("instant", ColumnType::Timestamptz)
            .column_as("uuid", ColumnType::Uuid)
            .column_as("odd", ColumnType::Native);
        copy(batches::read_table(&requested)?, "by_request")
    }

    fn downgrade() -> Result<()> {
        sql::execute_all(COPIES.map(|table| format!("DELETE FROM {table}")))
    }
}

impl Transformer for Types {
    fn transform(_name: &str, rows: Batch) -> Result<Batch> {
        Ok(rows)
    }
}

fn copy(reader: batches::Reader, table: &str) -> Result<()> {
    let writer = batches::writer(&TableTarget::insert(table))?;
    for rows in reader {
        writer.write(&rows?)?;
    }
    writer.finish()?;
    Ok(())
}

/// Row by row, as scalars.
fn copy_rows() -> Result<()> {
    let rows = raw_query("SELECT * FROM source")?;
    let places = vec!["?"; rows.columns.len()].join(", ");
    for row in rows.rows {
        sql::execute(format!("INSERT INTO by_rows ({}) VALUES ({places})", rows.columns.join(", ")), row)?;
    }
    Ok(())
}

fn raw_query(statement: &str) -> Result<raw::RowSet> {
    runner_guest::bindings::migration::runner::migration::sql::query(statement, &[]).map_err(Error::from)
}

runner_guest::export!(Types, transformer);
