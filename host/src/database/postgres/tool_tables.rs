//! The second line of defence for the tool's own tables: detects, through the server, any change by a script, however
//! it was made.
//!
//! In PostgreSQL a table cannot be changed without a lock on it that is kept until the transaction ends. So a script
//! that wrote to one of them, truncated, locked or altered it, or gave it a trigger, holds a lock that it did not hold
//! before. (`ANALYZE` of the whole database takes a lock under which no content changes; this is allowed.) If the host
//! itself already holds such a lock, the server's count of the rows that this transaction has written shows the
//! difference. Owner and grants can change without a lock, and storage parameters, tables that inherit and statistics under that
//! of `ANALYZE`; these are compared separately.

use std::sync::LazyLock;

use sqlx::postgres::PgRow;

use super::scope::text_of;
use crate::database::facts::{GUARDED_TABLE_LITERALS, TOOL_SCHEMA};
use crate::database::{DatabaseError, DatabaseErrorKind};

/// A query for one row: the tables, this transaction's locks on them, and the number of rows it has written to them.
pub(super) static FINGERPRINT: LazyLock<String> = LazyLock::new(|| LOOK.replace("~tables~", GUARDED_TABLE_LITERALS));

const LOOK: &str = "\
    WITH tool AS ( \
        SELECT c.oid, c.relname, c.relowner, c.relacl, c.reloptions, c.relkind, c.relrowsecurity, c.relchecks, \
            n.nspowner, n.nspacl \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
        WHERE n.nspname OPERATOR(pg_catalog.=) 'runner' \
            AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[~tables~]::pg_catalog.name[])) \
    SELECT (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', relname, oid, relowner, relacl::pg_catalog.text, \
                reloptions::pg_catalog.text, relkind, relrowsecurity, relchecks, nspowner, nspacl::pg_catalog.text, \
                (SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits h WHERE h.inhparent OPERATOR(pg_catalog.=) tool.oid), \
                (SELECT pg_catalog.count(*) FROM pg_catalog.pg_statistic_ext s \
                    WHERE s.stxrelid OPERATOR(pg_catalog.=) tool.oid)), ';' \
                ORDER BY relname) FROM tool), \
        (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', t.relname, l.mode), ';' ORDER BY t.relname, l.mode) \
            FROM pg_catalog.pg_locks l JOIN tool t ON t.oid OPERATOR(pg_catalog.=) l.relation \
            WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
            AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.mode OPERATOR(pg_catalog.<>) ALL \
                (ARRAY['AccessShareLock', 'ShareUpdateExclusiveLock']::pg_catalog.text[]) \
            AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d \
                WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())), \
        (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', relname, pg_catalog.pg_stat_get_xact_tuples_inserted(oid), \
                pg_catalog.pg_stat_get_xact_tuples_updated(oid), pg_catalog.pg_stat_get_xact_tuples_deleted(oid)), ';' \
                ORDER BY relname) FROM tool)";

/// The result of [`FINGERPRINT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(pub(super) [Option<String>; 3]);

impl Fingerprint {
    pub(super) fn of(row: Option<&PgRow>) -> Self {
        Self([0, 1, 2].map(|column| row.and_then(|row| text_of(row, column))))
    }

    /// Fails if the tables have changed.
    pub(super) fn compare(&self, now: &Self) -> Result<(), DatabaseError> {
        let [tables, locks, rows] = &self.0;
        let [tables_now, locks_now, rows_now] = &now.0;
        let what = if tables != tables_now {
            "the migration has made, dropped or renamed one of runner's own tables, or changed who may use it"
        } else if locks != locks_now || rows != rows_now {
            "the migration has changed or locked one of runner's own tables"
        } else {
            return Ok(());
        };
        let error = DatabaseError::new(DatabaseErrorKind::Denied, what).hint(
            "the history is written by `runner apply` and `runner rollback` alone; look at triggers and functions too",
        );
        Err(match added(locks.as_deref(), locks_now.as_deref()) {
            Some(lock) => error.detail(format!("in the schema `{TOOL_SCHEMA}`: {lock}")),
            None => error,
        })
    }
}

/// Returns the first lock that is new.
fn added<'a>(before: Option<&str>, now: Option<&'a str>) -> Option<&'a str> {
    let before: Vec<&str> = before.unwrap_or_default().split(';').collect();
    now.unwrap_or_default().split(';').find(|lock| !before.contains(lock))
}
