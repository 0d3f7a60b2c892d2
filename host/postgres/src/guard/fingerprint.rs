//! The result of the query that `place::tool_tables` describes.

use sqlx::postgres::PgRow;

use crate::error::{Result, denied};
use crate::host_sql::{literal, text_of};
use crate::place::ToolPlace;
use crate::verdict::Verdict;
use runner_database::DatabaseError;

/// The result of [`fingerprint`](crate::place::tool_tables::fingerprint).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    tables: Option<String>,
    locks: Option<String>,
    /// Says nothing more where there are no locks: a session that writes to a table holds one.
    rows: Option<String>,
}

impl Fingerprint {
    pub(crate) fn of(row: Option<&PgRow>) -> Self {
        let [tables, locks, rows] = [0, 1, 2].map(|column| row.and_then(|row| text_of(row, column)));
        Self { tables, locks, rows }
    }

    /// A question that fails, with what they are now, unless the tool's tables are as they were.
    pub(crate) fn proof(&self, place: &ToolPlace) -> String {
        let is_same = |name: &str, value: &Option<String>| match value {
            Some(value) => format!("coalesce(now.{name} OPERATOR(pg_catalog.=) {}, false)", literal(value)),
            None => format!("now.{name} IS NULL"),
        };
        let same = format!("{} AND {}", is_same("a", &self.tables), is_same("b", &self.locks));
        let (look, same) = match self.locks {
            None => (&place.without_rows, same),
            Some(_) => (&place.fingerprint, format!("{same} AND {}", is_same("c", &self.rows))),
        };
        let unless = Verdict::Changed.unless(&same, &["now.a", "now.b", "now.c"]);
        format!("{unless} FROM ({look}) AS now (a, b, c); ")
    }

    /// The error of a transaction in which [`Self::proof`] has failed, or else the error itself.
    pub(crate) fn explain(&self, error: DatabaseError) -> DatabaseError {
        let Some((Verdict::Changed, parts)) = Verdict::of(&error) else { return error };
        let mut parts = parts.into_iter().map(|part| Some(part).filter(|part| !part.is_empty()));
        let mut next = || parts.next().flatten();
        let now = Self { tables: next(), locks: next(), rows: next() };
        self.compare(&now).err().unwrap_or(error)
    }

    /// Fails if the tables have changed.
    pub(crate) fn compare(&self, now: &Self) -> Result<()> {
        let what = if self.tables != now.tables {
            "the migration has made, changed or dropped something that is runner's own, or changed who may use it"
        } else if self.locks != now.locks || self.locks.is_some() && self.rows != now.rows {
            "the migration has changed or locked one of runner's own tables"
        } else {
            return Ok(());
        };
        let error = denied(what).hint(
            "runner's own tables, and the schemas `runner` and `runner_gate`, are changed by runner alone; look at triggers and functions \
             too",
        );
        Err(match added(self.locks.as_deref(), now.locks.as_deref()) {
            Some(lock) => error.detail(lock),
            None => error,
        })
    }
}

/// Returns the first lock that is new.
fn added<'a>(before: Option<&str>, now: Option<&'a str>) -> Option<&'a str> {
    let before: Vec<&str> = before.unwrap_or_default().split(';').collect();
    now.unwrap_or_default().split(';').find(|lock| !before.contains(lock))
}
