//! Bulk data: rows as columns, one batch at a time.
//!
//! The fastest way to change every row of a table is [`transform`]: the host reads, splits, checkpoints and writes, and may
//! run the component's [`Transformer`](crate::Transformer) in parallel. Use [`read`] or [`read_table`] with a [`writer`]
//! where one batch depends on another.

mod source;
mod target;

use crate::bindings::migration::runner::migration::batches;
use crate::error::from_host;
use crate::{Batch, Result, Value};

pub use batches::{ColumnRequest, TableName, TableSource, TableTarget, TransformReport, WriteMode};

/// Reads the result of any SELECT, in the statement's own order.
///
/// ```no_run
/// use runner_guest::prelude::*;
///
/// let mut longest = 0;
/// for rows in batches::read("SELECT name FROM airports", params![])? {
///     longest = rows?.text("name")?.iter().flatten().map(str::len).fold(longest, usize::max);
/// }
/// # Ok::<(), Error>(())
/// ```
pub fn read(statement: impl AsRef<str>, parameters: impl AsRef<[Value]>) -> Result<Reader> {
    batches::read(statement.as_ref(), parameters.as_ref()).map(Reader).map_err(from_host)
}

/// Reads a table in pages, in key order. Rows written in the meantime are seen if they are ahead of the reader's position,
/// and not seen if it has already passed them.
pub fn read_table(source: &TableSource) -> Result<Reader> {
    batches::read_table(source).map(Reader).map_err(from_host)
}

/// Opens a writer.
///
/// ```no_run
/// use runner_guest::prelude::*;
///
/// let writer = batches::writer(&TableTarget::insert("archive"))?;
/// for rows in batches::read_table(&TableSource::new("orders").filter("year < ?", params![2020]))? {
///     writer.write(&rows?)?;
/// }
/// let rows = writer.finish()?;
/// info!("{rows} orders are in the archive");
/// # Ok::<(), Error>(())
/// ```
pub fn writer(target: &TableTarget) -> Result<Writer> {
    batches::write(target).map(Writer).map_err(from_host)
}

/// Reads the source one chunk at a time, passes each chunk to
/// [`Transformer::transform`](crate::Transformer::transform) of other instances of this component under the given name, and
/// writes the results to the target, in the order of the source's key. Rows that are added beyond the greatest key while it
/// runs are not read.
///
/// ```no_run
/// use runner_guest::prelude::*;
///
/// let source = TableSource::new("flights").columns(["carrier", "distance"]);
/// let report = batches::transform("metric", &source, &TableTarget::update("flights"))?;
/// info!("{} flights in {} chunks", report.rows_written, report.chunks);
/// # Ok::<(), Error>(())
/// ```
pub fn transform(name: impl AsRef<str>, source: &TableSource, target: &TableTarget) -> Result<TransformReport> {
    batches::transform(name.as_ref(), source, target).map_err(from_host)
}

/// Reads a result one batch at a time, as an iterator. The host chooses the size of a batch, which is never empty.
#[derive(Debug)]
pub struct Reader(batches::Reader);

impl Iterator for Reader {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map_err(from_host).transpose()
    }
}

/// Writes rows one batch at a time. Dropping it without [`finish`](Writer::finish) fails the migration.
#[derive(Debug)]
#[must_use = "a writer that is dropped without `finish` fails the migration"]
pub struct Writer(batches::Writer);

impl Writer {
    /// Writes a batch and returns the number of rows it changed. All batches of one writer have the same columns.
    pub fn write(&self, rows: &Batch) -> Result<u64> {
        self.0.write(rows).map_err(from_host)
    }

    /// Ends the writer and returns the number of rows that all batches changed.
    pub fn finish(self) -> Result<u64> {
        self.0.finish().map_err(from_host)
    }
}
