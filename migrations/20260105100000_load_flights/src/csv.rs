//! From a compressed CSV file into a table, a batch at a time.

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use runner_guest::batch::Int64Builder;
use runner_guest::prelude::*;

use crate::cells::Cells;
use crate::tables::Table;

/// How many rows are written at a time.
const ROWS: usize = 8_192;

/// Inserts all rows of a table's file.
pub fn load(table: &Table) -> Result<()> {
    let file = context::asset::open(format!("{}.csv.gz", table.name))?;
    let mut lines = BufReader::new(GzDecoder::new(file)).lines();
    check_header(table, &lines.next().context("the file is empty")??)?;

    let writer = batches::writer(&TableTarget::insert(table.name))?;
    let mut rows = Rows::after(table, 0);
    for line in lines {
        rows.push(&line?)?;
        if rows.len() == ROWS {
            let read = rows.read();
            writer.write(&rows.into_batch()?)?;
            context::progress(read, table.rows, "rows");
            rows = Rows::after(table, read);
        }
    }
    if rows.len() > 0 {
        writer.write(&rows.into_batch()?)?;
    }
    writer.finish()?;
    Ok(())
}

fn check_header(table: &Table, header: &str) -> Result<()> {
    let expected = table.columns.iter().map(|(name, _)| *name);
    ensure!(header.split(',').eq(expected), "the file's columns are {header}");
    Ok(())
}

/// Rows of a file that wait to be written.
struct Rows<'a> {
    table: &'a Table,
    /// How many rows of the file stand before these.
    before: u64,
    ids: Int64Builder,
    cells: Vec<Cells>,
}

impl<'a> Rows<'a> {
    fn after(table: &'a Table, before: u64) -> Self {
        let cells = table.columns.iter().map(|(_, kind)| Cells::new(*kind)).collect();
        Self { table, before, ids: Int64Builder::new(), cells }
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many rows of the file have been read when these have.
    fn read(&self) -> u64 {
        self.before + self.len() as u64
    }

    /// Adds a line. The files quote nothing, so that a comma always ends a cell.
    fn push(&mut self, line: &str) -> Result<()> {
        let row = self.read() + 1;
        ensure!(!line.contains('"'), "row {row}: a quoted cell, which these files do not have");
        let found = line.split(',').count();
        ensure!(found == self.cells.len(), "row {row}: {found} cells in {} columns", self.cells.len());
        for ((cells, (column, _)), cell) in self.cells.iter_mut().zip(self.table.columns).zip(line.split(',')) {
            cells.push(cell).with_context(|| format!("row {row}, {column} `{cell}`"))?;
        }
        self.ids.push(i64::try_from(row)?);
        Ok(())
    }

    fn into_batch(self) -> Result<Batch> {
        let id = self.table.numbered.then(|| self.ids.finish("id"));
        let columns = self.cells.into_iter().zip(self.table.columns).map(|(cells, (name, _))| cells.finish(name));
        Batch::new(id.into_iter().chain(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TABLES;

    const AIRLINES: &Table = &TABLES[0];

    #[test]
    fn turns_lines_into_a_batch() -> Result<()> {
        let flights = &TABLES[3];
        let mut rows = Rows::after(flights, 8_192);
        rows.push("2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z")?;
        rows.push("2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,NA,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z")?;
        assert_eq!(rows.read(), 8_194);
        let batch = rows.into_batch()?;
        assert_eq!(batch.int64("id")?.iter().collect::<Vec<_>>(), [Some(8_193), Some(8_194)]);
        assert_eq!(batch.int64("dep_time")?.iter().collect::<Vec<_>>(), [Some(517), None]);
        assert_eq!(batch.text("tailnum")?.iter().collect::<Vec<_>>(), [Some("N14228"), None]);
        Ok(())
    }

    #[test]
    fn names_row_and_column_of_a_bad_cell() {
        let mut rows = Rows::after(&TABLES[1], 6);
        let error = rows.push("04G,Lansdowne Airport,north,-80.6,1044,-5,A,America/New_York").unwrap_err();
        assert!(error.message().starts_with("row 7, lat `north`: no number"), "{error}");
    }

    #[test]
    fn refuses_files_of_another_shape() {
        assert!(check_header(AIRLINES, "carrier,name").is_ok());
        assert!(check_header(AIRLINES, "name,carrier").is_err());
        let mut rows = Rows::after(AIRLINES, 0);
        assert_eq!(rows.push("AA").unwrap_err().message(), "row 1: 1 cells in 2 columns");
        assert_eq!(rows.push("AA,b,c").unwrap_err().message(), "row 1: 3 cells in 2 columns");
        assert!(rows.push("AA,\"American, Inc.\"").is_err());
    }
}
