//! The large tables that a migration in SQL keeps locked while it runs.

use crate::control::total::estimate;
use crate::plan::HeldLock;
use runner_database::{DatabaseError, HostSession, TableName, TableSource};
use runner_sql::{Sql, table_locks};

/// With fewer rows, a table is not worth a word: its lock is held for an instant.
const LARGE: u64 = 100_000;

/// The large tables that the transactions of a file lock, each once; `is_whole`: the file is one transaction. Nothing is found where a
/// name is not that of a table.
pub async fn held_locks(sql: &Sql, is_whole: bool, host: &mut HostSession<'_>) -> Result<Vec<HeldLock>, DatabaseError> {
    let Ok(program) = sql.program(host.facts().dialect) else { return Ok(Vec::new()) };
    let whole = 0..program.len();
    let units = if is_whole { vec![whole] } else { program.units(true) };
    let mut found: Vec<HeldLock> = Vec::new();
    for (held, names) in units.into_iter().flat_map(|unit| table_locks(program.within(unit))) {
        for name in names {
            let source = TableSource::all_of(TableName::new(name.as_str()));
            let Some(total) = estimate(&mut **host, &source).await?.filter(|total| total.rows >= LARGE) else {
                continue;
            };
            match found.iter_mut().find(|lock| lock.table == name) {
                Some(lock) => lock.held = lock.held.max(held),
                None => found.push(HeldLock { table: name, rows: total.rows, held }),
            }
            break;
        }
    }
    Ok(found)
}
