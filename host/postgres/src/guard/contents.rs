//! What the tool's tables hold, before and after a statement that cannot run in a transaction. Such a statement commits by
//! itself, so a change is found when it is too late to undo; but it is found.
//!
//! A row has the number of the transaction that wrote it, which no statement can choose: whatever is inserted, updated or
//! deleted changes the numbers that a table holds. A column that is dropped and added again gets another number, whatever default
//! its rows show.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::error::{Result, denied};
use crate::host_sql::text_of;
use crate::link::Link;
use crate::place::ToolPlace;
use crate::settings::OURS;
use crate::verdict::explain;
use runner_database::Meaning;
use runner_database::facts::{TOOL_SCHEMA, TOOL_TABLES};

/// Tables that other sessions write to at any time.
const SHARED: [&str; 4] = ["runner_control", "runner_progress", "runner_lease", "runner_heartbeat"];

/// SQLSTATE of a table that does not exist.
const NO_TABLE: &str = "42P01";

/// The columns of a row of [`ToolPlace::which`].
const WHICH_COLUMNS: usize = 6;

/// The columns of a row of [`held`].
const HELD_COLUMNS: usize = 3;

/// What the tables are and hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored(Vec<Vec<Option<String>>>);

impl Stored {
    /// Reads it, in one message with the statements of `first`, which it follows. Fails if something foreign is attached to the
    /// tables, unless that `is_known`; then no part of `first` took effect.
    pub(super) async fn read(link: &mut Link, place: &ToolPlace, first: &str, is_known: bool) -> Result<Self> {
        let inspect = if is_known { "" } else { place.inspect.as_str() };
        // As ourselves: a script may have taken a role that cannot read them.
        let which = format!("{OURS}{inspect}{}; {}", place.outline, place.which);
        let all = |names: &mut dyn Iterator<Item = &'static str>| format!("{first}{which}{}", held(place, names));
        let found = match link.rows(&all(&mut TOOL_TABLES.into_iter())).await {
            // A table is missing: those that are not are found out first.
            Err(error) if error.code == NO_TABLE => {
                let existing = link.rows(&which).await.map_err(explain)?;
                let exists = |name: &&str| existing.iter().any(|row| is_of(row, name));
                link.rows(&all(&mut TOOL_TABLES.into_iter().filter(exists))).await
            }
            other => other,
        }
        .map_err(explain)?;
        let stored = found.iter().filter(|row| row.len() == WHICH_COLUMNS || row.len() == HELD_COLUMNS);
        let mut stored: Vec<Vec<Option<String>>> =
            stored.map(|row| (0..row.len()).map(|column| text_of(row, column)).collect()).collect();
        // The server may read them in any order.
        stored.sort_unstable();
        Ok(Self(stored))
    }

    /// Fails if the tables have changed.
    pub(super) fn compare(&self, now: &Self) -> Result<()> {
        if self == now {
            return Ok(());
        }
        // A table rather than the schemas, whose name is the shortest.
        let changed = self.0.iter().chain(&now.0).filter(|row| !self.0.contains(row) || !now.0.contains(row)).max();
        let name = changed.and_then(|row| row.first().cloned().flatten()).unwrap_or_default();
        Err(denied(match name == TOOL_SCHEMA {
                true => "the statement has changed what is in runner's own schemas, and has committed that".to_owned(),
                false => format!("the statement has changed runner's own table `{name}`, and has committed that"),
            },
        )
        // Nothing rolls it back: see `DatabaseError::has_run`.
        .means(Meaning::Ran)
        .hint(
            "a statement that cannot run in a transaction can run code too: look at its block, or at the functions of its indexes; restore \
             it from a backup, or find out with `runner history` and `runner verify` what is wrong in it",
        ))
    }
}

/// Whether a row of [`ToolPlace::which`] is that of this table.
fn is_of(row: &PgRow, name: &str) -> bool {
    row.len() == WHICH_COLUMNS && text_of(row, 0).as_deref() == Some(name)
}

/// A further statement, for what these tables hold; those are left out that others write to.
fn held(place: &ToolPlace, names: &mut dyn Iterator<Item = &'static str>) -> String {
    let held = names.filter(|name| !SHARED.contains(name)).map(|name| {
        let table = place.table(name);
        format!(
            "SELECT '{name}', pg_catalog.count(*), pg_catalog.md5(pg_catalog.string_agg(\
             t.xmin::pg_catalog.text, ',' ORDER BY t.xmin::pg_catalog.text COLLATE pg_catalog.\"C\")) \
             FROM ONLY {table} t"
        )
    });
    held.map(|query| format!("; {query}")).collect()
}
