//! The second line of defence for the tool's own tables: detects, through the server, any change by a script, however
//! it was made.
//!
//! In PostgreSQL a table cannot be changed without a lock on it that is kept until the transaction ends. So a script
//! that wrote to one of them, truncated, locked or altered it, or gave it a trigger, holds a lock that it did not hold
//! before. (`ANALYZE` of the whole database takes a lock under which no content changes; this is allowed.) If the host
//! itself already holds such a lock, the server's count of the rows that this transaction has written shows the
//! difference. Owner and grants can change without a lock, and storage parameters, tables that inherit and statistics under that
//! of `ANALYZE`; these are compared separately.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::postgres::PgRow;

use super::record::literal;
use super::scope::text_of;
use crate::database::facts::{GUARDED_TABLE_LITERALS, TOOL_SCHEMA};
use crate::database::{DatabaseError, DatabaseErrorKind};

/// A query for one row: the tables, this transaction's locks on them, and the number of rows it has written to them.
pub(super) static FINGERPRINT: LazyLock<String> = LazyLock::new(|| {
    let oids = format!("ARRAY(SELECT c.oid FROM pg_catalog.pg_class c WHERE {})", *THEIRS);
    format!("SELECT {}, {}, {}", *DEFINED, LOCKED.replace("{oids}", &oids), WRITTEN.replace("{theirs}", &THEIRS))
});

/// The tables as they are defined. This is asked after each file, and planning it takes longer than the answer: so there is no
/// join, and what the schema says is looked up once.
static DEFINED: LazyLock<String> = LazyLock::new(|| DEFINITIONS.replace("{theirs}", &THEIRS));

/// The condition on a row `c` of `pg_class` that it is one of the tables.
static THEIRS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('{TOOL_SCHEMA}') \
         AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[{GUARDED_TABLE_LITERALS}]::pg_catalog.name[])"
    )
});

const DEFINITIONS: &str = "\
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', c.relname, c.oid, c.relowner, c.relacl::pg_catalog.text, \
            c.reloptions::pg_catalog.text, c.relkind, c.relrowsecurity, c.relchecks, \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits h WHERE h.inhparent OPERATOR(pg_catalog.=) c.oid), \
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_statistic_ext s \
                WHERE s.stxrelid OPERATOR(pg_catalog.=) c.oid)), ';' ORDER BY c.relname) \
        FROM pg_catalog.pg_class c WHERE {theirs}) \
    OPERATOR(pg_catalog.||) (SELECT pg_catalog.concat_ws(',', ';schema', n.nspowner, n.nspacl::pg_catalog.text) \
        FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'runner')";

const LOCKED: &str = "\
    (SELECT pg_catalog.string_agg((SELECT c.relname::pg_catalog.text OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) l.mode \
                FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) l.relation), ';' ORDER BY l.relation, l.mode) \
        FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
        AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.mode OPERATOR(pg_catalog.<>) ALL \
            (ARRAY['AccessShareLock', 'ShareUpdateExclusiveLock']::pg_catalog.text[]) \
        AND l.relation OPERATOR(pg_catalog.=) ANY ({oids}))";

const WRITTEN: &str = "\
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', c.relname, pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid), \
            pg_catalog.pg_stat_get_xact_tuples_updated(c.oid), pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)), ';' \
            ORDER BY c.relname) \
        FROM pg_catalog.pg_class c WHERE {theirs})";

/// The result of [`FINGERPRINT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    tables: Option<String>,
    locks: Option<String>,
    /// Tells nothing more where there are no locks: whoever writes to a table holds one.
    rows: Option<String>,
}

impl Fingerprint {
    pub(super) fn of(row: Option<&PgRow>) -> Self {
        let [tables, locks, rows] = [0, 1, 2].map(|column| row.and_then(|row| text_of(row, column)));
        Self { tables, locks, rows }
    }

    /// That of a transaction that begins right after one that ended with this fingerprint.
    pub(super) fn of_next(&self) -> Self {
        Self { tables: self.tables.clone(), locks: None, rows: None }
    }

    /// Returns the query for what has to be compared, in the order of [`Self::of_parts`], and the condition under which its row
    /// `now (a, b, c)` shows no change.
    pub(super) fn look(&self) -> (Cow<'static, str>, String) {
        let is_same = |name: &str, value: &Option<String>| match value {
            Some(value) => format!("coalesce(now.{name} OPERATOR(pg_catalog.=) {}, false)", literal(value)),
            None => format!("now.{name} IS NULL"),
        };
        let same = format!("{} AND {}", is_same("a", &self.tables), is_same("b", &self.locks));
        match (&self.tables, &self.locks) {
            // A table that is not among these would show in the definitions.
            (Some(tables), None) => {
                let locks = LOCKED.replace("{oids}", &format!("ARRAY[{}]::pg_catalog.oid[]", oids(tables)));
                (format!("SELECT {}, {locks}, NULL", *DEFINED).into(), same)
            }
            _ => (FINGERPRINT.as_str().into(), format!("{same} AND {}", is_same("c", &self.rows))),
        }
    }

    /// The values `a`, `b` and `c` of such a query.
    pub(super) fn of_parts([tables, locks, rows]: [Option<String>; 3]) -> Self {
        Self { tables, locks, rows }
    }

    /// Fails if the tables have changed.
    pub(super) fn compare(&self, now: &Self) -> Result<(), DatabaseError> {
        let what = if self.tables != now.tables {
            "the migration has made, dropped or renamed one of runner's own tables, or changed who may use it"
        } else if self.locks != now.locks || self.locks.is_some() && self.rows != now.rows {
            "the migration has changed or locked one of runner's own tables"
        } else {
            return Ok(());
        };
        let error = DatabaseError::new(DatabaseErrorKind::Denied, what).hint(
            "the history is written by `runner apply` and `runner rollback` alone; look at triggers and functions too",
        );
        Err(match added(self.locks.as_deref(), now.locks.as_deref()) {
            Some(lock) => error.detail(format!("in the schema `{TOOL_SCHEMA}`: {lock}")),
            None => error,
        })
    }
}

/// Returns the numbers of the tables in [`DEFINED`], for a list.
fn oids(tables: &str) -> String {
    let numbers = tables.split(';').filter_map(|table| table.split(',').nth(1)?.parse::<u32>().ok());
    numbers.map(|oid| oid.to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the first lock that is new.
fn added<'a>(before: Option<&str>, now: Option<&'a str>) -> Option<&'a str> {
    let before: Vec<&str> = before.unwrap_or_default().split(';').collect();
    now.unwrap_or_default().split(';').find(|lock| !before.contains(lock))
}
