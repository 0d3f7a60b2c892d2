//! Finds what a statement that failed or was killed outside a transaction may have left, and what would prevent it from
//! running again.

use crate::data::Value;
use crate::database::{DatabaseError, HostSession};
use crate::dialect::Dialect;
use crate::sql::{RebuiltConcurrently, concurrent_index, rebuilt_concurrently};

/// The question for invalid indexes that are as the condition says.
fn invalid(condition: &str) -> String {
    format!(
        "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE NOT i.indisvalid AND {condition}"
    )
}

/// The question for an unfinished index with this name and table, both spelled as texts, that no session is building.
fn unfinished(name: &str, table: &str) -> String {
    invalid(&format!(
        "c.relname::pg_catalog.text OPERATOR(pg_catalog.=) {name}::pg_catalog.text \
         AND i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({table}::pg_catalog.text)::pg_catalog.oid \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
         WHERE p.index_relid OPERATOR(pg_catalog.=) c.oid)"
    ))
}

/// The question for what a `REINDEX … CONCURRENTLY` of an index or a table, spelled as a text, left: copies that were to take the
/// place of indexes, and indexes whose place was taken. Nobody rebuilds an index of that table: it is known which table a session
/// is at, not which of the copies it made.
fn half_rebuilt(rebuilt: &RebuiltConcurrently, name: &str) -> String {
    let named = format!("pg_catalog.to_regclass({name}::pg_catalog.text)");
    // Partitions are rebuilt one by one.
    let all = format!(
        "SELECT {named}::pg_catalog.oid UNION SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree({named})"
    );
    let tables = match rebuilt {
        RebuiltConcurrently::Table(_) => all,
        RebuiltConcurrently::Index(_) => {
            format!(
                "SELECT o.indrelid FROM pg_catalog.pg_index o WHERE o.indexrelid OPERATOR(pg_catalog.=) ANY ({all})"
            )
        }
    };
    invalid(&format!(
        "c.relname::pg_catalog.text OPERATOR(pg_catalog.~) '_cc(new|old)[0-9]*$'::pg_catalog.text \
         AND i.indrelid OPERATOR(pg_catalog.=) ANY ({tables}) \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
         WHERE p.relid OPERATOR(pg_catalog.=) i.indrelid)"
    ))
}

/// The question for what a statement may leave, if it may.
fn question(statement: &str, dialect: Dialect) -> Option<String> {
    // In one message, as nothing is prepared. What cannot be spelled does not exist.
    let spelled = |text: &str| dialect.text_literal(text).ok();
    if let Some(index) = concurrent_index(statement, dialect) {
        return Some(unfinished(&spelled(&index.name)?, &spelled(&index.table)?));
    }
    let rebuilt = rebuilt_concurrently(statement, dialect)?;
    let (RebuiltConcurrently::Index(name) | RebuiltConcurrently::Table(name)) = &rebuilt;
    Some(half_rebuilt(&rebuilt, &spelled(name)?))
}

/// Returns the names of the indexes that a failed or killed attempt at the statement left. On PostgreSQL, a failed `CREATE INDEX
/// CONCURRENTLY` leaves an invalid index, which occupies the name and slows down writes; with `IF NOT EXISTS` it would even
/// be taken for a valid one. A failed `REINDEX … CONCURRENTLY` leaves copies, which slow down writes. Runs outside a transaction.
pub async fn find(database: &mut HostSession<'_>, statement: &str) -> Result<Vec<String>, DatabaseError> {
    let dialect = database.facts().dialect;
    let Some(question) = question(statement, dialect) else { return Ok(Vec::new()) };
    let found = database.probe(&[question]).await?.answers;
    let name = |row: &Vec<Value>| {
        let [schema, name] = [0, 1].map(|at| row.get(at).and_then(Value::as_text));
        Some(format!("{}.{}", dialect.quote(schema?), dialect.quote(name?)))
    };
    Ok(found.iter().flatten().filter_map(name).collect())
}
