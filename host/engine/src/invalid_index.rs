//! Finds what a statement that failed or was killed outside a transaction may have left, and what would prevent it from
//! running again.

use runner_data::Value;
use runner_database::{DatabaseError, HostSession};

/// What a statement that failed or was killed left.
#[derive(Default)]
pub struct Leftover {
    /// The names of the indexes, quoted.
    pub indexes: Vec<String>,
    /// The statement must not run while they exist.
    pub is_in_the_way: bool,
}

/// Returns what a failed or killed attempt at the statement left. On PostgreSQL, a failed `CREATE INDEX CONCURRENTLY` leaves an
/// invalid index, which occupies the name and slows down writes; with `IF NOT EXISTS` it would even be taken for a valid one. A
/// failed `REINDEX … CONCURRENTLY` leaves copies, which slow down writes. Runs outside a transaction.
pub async fn find(database: &mut HostSession<'_>, statement: &str) -> Result<Leftover, DatabaseError> {
    let dialect = database.facts().dialect;
    let question = (database.facts().sql.catalog.leftover)(statement);
    let Some((question, is_in_the_way)) = question else { return Ok(Leftover::default()) };
    let found = database.probe(&[question]).await?.answers;
    let name = |row: &Vec<Value>| {
        let [schema, name] = [0, 1].map(|at| row.get(at).and_then(Value::as_text));
        Some(format!("{}.{}", dialect.quote(schema?), dialect.quote(name?)))
    };
    Ok(Leftover { indexes: found.iter().flatten().filter_map(name).collect(), is_in_the_way })
}
