//! Foreign keys whose parent table does not exist. SQLite accepts them, and reports them only when a row is written; its own check
//! knows nothing of them while the table has no rows.

use std::collections::{BTreeMap, BTreeSet};

use super::temporary::databases;
use crate::error::text_of;
use crate::raw::{Connection, Failure};
use runner_database::message::REBUILD_ORDER;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};

/// The tables of all databases of a connection, and the foreign keys among them that lead nowhere.
#[derive(Default)]
pub(super) struct Parents {
    /// Database, and table in lower case.
    tables: BTreeSet<(String, String)>,
    /// What each table refers to, in lower case.
    keys: BTreeMap<(String, String), BTreeSet<String>>,
    orphans: BTreeSet<Orphan>,
}

/// A table that refers to one that does not exist.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Orphan {
    schema: String,
    table: String,
    parent: String,
}

impl Parents {
    pub(super) fn read(connection: &Connection) -> Result<Self, Failure> {
        let mut found = Self::default();
        for schema in databases(connection)? {
            let quoted = Dialect::Sqlite.quote(&schema);
            let tables = format!("SELECT name FROM {quoted}.sqlite_schema WHERE type IN ('table', 'view')");
            let tables = connection.fetch_all(&tables, &[], |row| text_of(row, 0))?;
            found.tables.extend(tables.iter().map(|table| key(&schema, table)));
            let keys = format!(
                "SELECT m.name, f.\"table\" FROM {quoted}.sqlite_schema AS m, pragma_foreign_key_list(m.name, ?1) AS f \
                 WHERE m.type = 'table'"
            );
            for (table, parent) in
                connection.fetch_all(&keys, &[&schema], |row| Ok((text_of(row, 0)?, text_of(row, 1)?)))?
            {
                found.keys.entry(key(&schema, &table)).or_default().insert(parent.to_ascii_lowercase());
                if !found.tables.contains(&key(&schema, &parent)) {
                    found.orphans.insert(Orphan { schema: schema.clone(), table, parent });
                }
            }
        }
        Ok(found)
    }

    /// Fails if a foreign key has lost its parent since `before`. A new key may refer to a table that a later migration creates; it is
    /// not new if the table refers to one less of those before, which was renamed.
    pub(super) fn none_lost(&self, before: &Self) -> Result<(), DatabaseError> {
        let was_there = |orphan: &Orphan, table: &str| before.tables.contains(&key(&orphan.schema, table));
        let mut lost = self.orphans.iter().filter(|orphan| {
            let is_new = !before.orphans.contains(*orphan);
            let of = key(&orphan.schema, &orphan.table);
            let lacks_one = match (before.keys.get(&of), self.keys.get(&of)) {
                (Some(before), Some(now)) => !before.is_subset(now),
                _ => false,
            };
            is_new && (lacks_one || was_there(orphan, &orphan.parent))
        });
        let Some(first) = lost.next() else { return Ok(()) };
        let says = |orphan: &Orphan| format!("`{}` refers to `{}`", orphan.table, orphan.parent);
        const NAMED: usize = 5;
        let mut named = vec![says(first)];
        named.extend(lost.by_ref().take(NAMED - 1).map(says));
        let more = lost.count();
        if more > 0 {
            named.push(format!("and {more} more"));
        }
        let error = DatabaseError::new(
            DatabaseErrorKind::Constraint,
            "a foreign key refers to a table that does not exist, so the transaction was rolled back",
        )
        .detail(named.join("; "));
        let Orphan { table, parent, .. } = first;
        Err(match was_there(first, parent) {
            true => error.hint(format!(
                "keep `{parent}`, or in the same migration drop `{table}` or rebuild it without the foreign key"
            )),
            false => error.hint(REBUILD_ORDER),
        })
    }
}

/// How SQLite compares names.
fn key(schema: &str, table: &str) -> (String, String) {
    (schema.to_owned(), table.to_ascii_lowercase())
}
