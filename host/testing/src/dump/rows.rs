//! The digest of a table's rows.

use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};

use super::tables::Table;
use super::{Ignore, Rows};
use runner_data::{Batch, ColumnType, ColumnValues};
use runner_database::{BatchLimits, CursorRequest, DatabaseError, HostSession, Session, TransactionOptions};

/// Tables with at most this many rows are kept as text, so that a message can show differences.
const FEW: usize = 64;

/// Maximum length of a row in messages, in characters.
const LONGEST: usize = 240;

/// Reads all rows of a table. Each row becomes a digest of its cells in the order of column names, and digests are added up: two
/// tables with the same rows are equal, independent of the order of rows and columns.
pub(super) async fn digest(
    session: &mut HostSession<'_>,
    table: &Table,
    ignore: &Ignore,
) -> Result<Rows, DatabaseError> {
    let mut rows = Rows { few: Some(Vec::new()), ..Rows::default() };
    if ignore.rows_of(&table.label) {
        return Ok(Rows::default());
    }
    let dialect = session.facts().dialect;
    let mut columns: Vec<_> =
        table.columns.iter().filter(|(name, _)| !ignore.cells_of(&table.label, name)).cloned().collect();
    // The same order for names that differ by case, which SQLite ignores.
    columns.sort_by_cached_key(|(name, _)| (name.to_ascii_lowercase(), name.clone()));
    // A table may have rows and no columns.
    let list = columns.iter().map(|(_, read)| read.as_str()).chain(columns.is_empty().then_some("'row'"));
    // Numbered names: distinct for the cursor, whatever the expressions.
    let list: Vec<_> = list.enumerate().map(|(at, read)| format!("{read} AS c{at}")).collect();
    let request = CursorRequest {
        statement: format!("SELECT {} FROM {}", list.join(", "), table.name.quoted(dialect)),
        types: vec![Some(ColumnType::Text); list.len()],
        ..CursorRequest::default()
    };
    session.begin(TransactionOptions::default()).await?;
    let read = read(&mut **session, &request, &columns, &mut rows).await;
    session.rollback().await?;
    read?;
    if let Some(few) = &mut rows.few {
        few.sort_unstable();
    }
    Ok(rows)
}

async fn read(
    session: &mut dyn Session,
    request: &CursorRequest,
    columns: &[(String, String)],
    rows: &mut Rows,
) -> Result<(), DatabaseError> {
    let cursor = session.open_cursor(request).await?;
    // Everything in the table was written by a migration within its limits, or by SQL, which has none.
    let limits = BatchLimits { cell_bytes: usize::MAX, ..BatchLimits::default() };
    while let Some(batch) = session.fetch(cursor, limits).await? {
        add(rows, &batch, columns);
    }
    Ok(())
}

fn add(rows: &mut Rows, batch: &Batch, columns: &[(String, String)]) {
    rows.count += batch.row_count as u64;
    if rows.count > FEW as u64 {
        rows.few = None;
    }
    for row in 0..batch.row_count {
        let mut digest = Sha256::new();
        let mut line = String::new();
        for (at, column) in batch.columns.iter().enumerate() {
            let cell = match &column.values {
                ColumnValues::Text(values) if !column.is_null(row) => Some(values.get(row)),
                _ => None,
            };
            // NULL differs from the empty string.
            digest.update(cell.map_or(u64::MAX, |cell| cell.len() as u64).to_le_bytes());
            digest.update(cell.unwrap_or_default());
            let mut hasher = DefaultHasher::new();
            cell.hash(&mut hasher);
            if let Some((name, _)) = columns.get(at) {
                let sum = rows.columns.entry(name.clone()).or_default();
                *sum = sum.wrapping_add(hasher.finish());
            }
            if rows.few.is_some() {
                if at > 0 {
                    line.push_str(" | ");
                }
                line.push_str(&cell.map_or("NULL".into(), String::from_utf8_lossy));
            }
        }
        for (sum, part) in rows.digest.iter_mut().zip(digest.finalize().as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*part));
        }
        if let Some(few) = &mut rows.few {
            if let Some((end, _)) = line.char_indices().nth(LONGEST) {
                line.truncate(end);
                line.push('…');
            }
            few.push(line);
        }
    }
}
