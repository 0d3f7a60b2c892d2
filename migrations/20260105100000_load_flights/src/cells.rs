//! The cells of one column, on their way from text into a batch.

use runner_guest::batch::{Column, Float64Builder, Int64Builder, TextBuilder};
use runner_guest::{Context, Result};

use crate::tables::Kind;

/// How the files write a missing value.
const MISSING: &str = "NA";

/// A column that is being filled.
pub enum Cells {
    Integer(Int64Builder),
    Real(Float64Builder),
    Text(TextBuilder),
}

impl Cells {
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Real => Self::Real(Float64Builder::new()),
            Kind::Text => Self::Text(TextBuilder::new()),
        }
    }

    pub fn push(&mut self, cell: &str) -> Result<()> {
        let cell = (cell != MISSING).then_some(cell);
        match self {
            Self::Integer(cells) => cells.push_option(cell.map(str::parse).transpose().context("no whole number")?),
            Self::Real(cells) => cells.push_option(cell.map(str::parse).transpose().context("no number")?),
            Self::Text(cells) => cells.push_option(cell),
        }
        Ok(())
    }

    pub fn finish(self, name: &str) -> Column {
        match self {
            Self::Integer(cells) => cells.finish(name),
            Self::Real(cells) => cells.finish(name),
            Self::Text(cells) => cells.finish(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind, cells: &[&str]) -> Result<Column> {
        let mut column = Cells::new(kind);
        cells.iter().try_for_each(|cell| column.push(cell))?;
        Ok(column.finish("c"))
    }

    #[test]
    fn reads_numbers_texts_and_missing_values() -> Result<()> {
        assert_eq!(column(Kind::Integer, &["-5", "NA"])?.int64()?.iter().collect::<Vec<_>>(), [Some(-5), None]);
        assert_eq!(column(Kind::Real, &["41.25", "NA"])?.float64()?.iter().collect::<Vec<_>>(), [Some(41.25), None]);
        assert_eq!(
            column(Kind::Text, &["N/A", "NA", ""])?.text()?.iter().collect::<Vec<_>>(),
            [Some("N/A"), None, Some("")]
        );
        Ok(())
    }

    #[test]
    fn refuses_what_is_no_number() {
        assert!(column(Kind::Integer, &["5.5"]).is_err());
        assert!(column(Kind::Real, &[""]).is_err());
    }
}
