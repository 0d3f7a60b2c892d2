//! The statements of a writer. A batch is sent as one array for each column, which the server turns into rows.
//!
//! # The formula
//!
//! ```sql
//! UPDATE t SET a = b.c1, b = b.c2
//! FROM (SELECT unnest($1::int8[]) AS c0, unnest($2::text[]) AS c1, unnest($3::float8[]) AS c2) AS b
//! WHERE t.id = b.c0 AND t.id BETWEEN $4 AND $5
//! ```
//!
//! With the last condition, the batch's first and last key, the server reads that part of the table once, through its
//! index, and joins by a hash. It is used where the batch covers its range, or the range of its integer keys is at most
//! four times as wide. Other batches by the primary key probe the index for each row; other keys are left to the
//! planner. CPU seconds of the server, PostgreSQL 15, 1,000,000 rows, reading excluded:
//!
//! | method | CPU s | relative |
//! | --- | --- | --- |
//! | `UPDATE t SET name = upper(name), bal = bal * 1.1` | 3.16–3.21 | 1 |
//! | `unnest` in a SELECT list, key range | 3.57–3.66 | 1.13 |
//! | the same, batches of 8,192 or 32,768 | 3.60, 3.65 | 1.13 |
//! | the same, merge join; generic plan; batches of 65,536 | 3.66; 4.02; 4.03 | 1.15; 1.26; 1.26 |
//! | `FROM unnest($1, $2, $3)`, key range | 3.83–3.93 | 1.22 |
//! | `unnest` in a SELECT list, index probes | 4.33 | 1.36 |
//! | `FROM unnest(…)`, index probes; by `ctid` read along | 4.51; 4.48 | 1.41; 1.40 |
//! | `FROM unnest(…)`, planner's choice: a scan for each batch | 11–14 (wall) | 3.5 |
//!
//! `unnest` in a SELECT list streams; in FROM it fills a tuple store first. The planner is given what it cannot know,
//! for that one statement: no nested loop and no sequential scan for a range, with a generic plan, since planning again
//! takes a fortieth of the time; no hash or merge join for probes, with a custom plan; no JIT. Inserts use binary
//! `COPY` unless a column has no encoder here, or the target is a view or has row-level security; then, and for
//! upserts, `INSERT … SELECT` from the same arrays.
//!
//! Rejected: `ctid`, no faster than the key; a temporary table filled by `COPY`, which writes the rows twice; decoding
//! on another thread, 0.66 instead of 0.54 µs a row, because the driver's rows share memory; arrays built by the
//! server, which cost it what they save us.

use std::sync::Arc;

use crate::error::Result;
use crate::schema::Table;
use crate::types::write::{Form, Target};
use crate::types::{ServerType, built_in};
use crate::verdict::Verdict;
use runner_data::{Batch, ColumnType};
use runner_database::write::Layout;
use runner_database::{Dialect, WriteMode};

/// The names of the table's rows and of the batch's rows in these statements.
const TABLE: &str = "runner_table";
const BATCH: &str = "runner_batch";
/// The name of the batch's rows before it is checked that they would not be rounded.
const TEXTS: &str = "runner_texts";

/// The statements of a writer, for batches with certain columns.
#[derive(Clone)]
pub(crate) struct WriteSql {
    pub layout: Layout,
    /// The types of the batch's columns.
    types: Vec<ColumnType>,
    /// The type that each column is written as.
    pub targets: Vec<Target>,
    /// A value is written into a column that the server would number by itself.
    overriding: bool,
}

/// How the rows of a batch are matched with those of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The table is read between two keys, and both sides are joined. The two keys are the parameters after the
    /// columns.
    Range,
    /// Each row is looked up in the index of the primary key.
    Probe,
    /// The server chooses.
    Free,
}

/// What a statement returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returning {
    /// The number of rows that it changed.
    Count,
    /// The number in the batch, from 1, of each row that matched one.
    Numbers,
}

/// The planner settings that [`Way::settings`] uses.
pub(crate) const PLANNER: [&str; 6] =
    ["jit", "plan_cache_mode", "enable_nestloop", "enable_hashjoin", "enable_mergejoin", "enable_seqscan"];

impl Way {
    /// Returns the settings for the planner. It cannot know how long an array is, or what a range contains; a nested
    /// loop over two sides of 16,000 rows, or a scan of the whole table for each batch, would take hours. Between two
    /// keys the plan is the same for every batch: planning again for such long arrays takes a fortieth of the time.
    pub(crate) fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Range => &[
                ("jit", "off"),
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_nestloop", "off"),
                ("enable_seqscan", "off"),
            ],
            Self::Probe => &[
                ("jit", "off"),
                ("plan_cache_mode", "force_custom_plan"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
            ],
            Self::Free => &[("jit", "off"), ("plan_cache_mode", "force_custom_plan")],
        }
    }
}

fn quote(name: &str) -> String {
    Dialect::Postgres.quote(name)
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

impl WriteSql {
    /// Returns the statements for batches with the columns of this one. `types` are those of the table's columns.
    pub(crate) fn new(
        table: &Table,
        types: &[Arc<ServerType>],
        mode: WriteMode,
        key: &[String],
        rows: &Batch,
    ) -> Result<Self> {
        let layout = Layout::new(&table.info, mode, key, rows)?;
        let mut sql = Self { layout, types: Vec::new(), targets: Vec::new(), overriding: false };
        for (column, name) in rows.columns.iter().zip(&sql.layout.names) {
            let at = table.info.columns.iter().position(|other| other.name == *name).unwrap_or_default();
            let column_type = column.values.column_type();
            let form = if column_type == ColumnType::Native { Form::Native } else { Form::Typed };
            if let (Some(of), Some(declared)) = (types.get(at), table.types.get(at)) {
                sql.targets.push(Target::of_column(of.clone(), declared, form));
                sql.overriding |= declared.always_identity;
            }
            sql.types.push(column_type);
        }
        Ok(sql)
    }

    /// Whether the columns of a batch have the same types as those of the first batch.
    pub(crate) fn has_types(&self, rows: &Batch) -> bool {
        self.types.iter().zip(&rows.columns).all(|(known, column)| *known == column.values.column_type())
    }

    /// Whether all columns can be sent in a binary `COPY`.
    pub(crate) fn is_binary(&self) -> bool {
        self.targets.iter().all(|target| !target.as_text)
    }

    /// Returns the positions of the columns that a statement takes as arrays, in the order of its parameters.
    pub(crate) fn parameters(&self, mode: WriteMode) -> Vec<usize> {
        match mode {
            WriteMode::Delete => self.layout.key.clone(),
            _ => (0..self.layout.names.len()).collect(),
        }
    }

    /// Returns the `COPY` into the table.
    pub(crate) fn copy(&self, into: &str) -> String {
        format!("COPY {into} ({}) FROM STDIN (FORMAT binary)", self.list())
    }

    fn list(&self) -> String {
        join(self.layout.names.iter().map(|name| quote(name)), ", ")
    }

    /// Returns the rows of the batch as a FROM item.
    fn rows(&self, mode: WriteMode, answer: Returning) -> String {
        let column = |(at, place): (usize, usize)| {
            let target = &self.targets[place];
            let number = at + 1;
            if target.as_text {
                format!("pg_catalog.unnest(${number}::pg_catalog.text[])::{} AS c{place}", target.converted_to())
            } else {
                format!("pg_catalog.unnest(${number}::{}[]) AS c{place}", target.of.quoted)
            }
        };
        let mut columns = join(self.parameters(mode).into_iter().enumerate().map(column), ", ");
        let numbers = answer == Returning::Numbers;
        if numbers {
            columns.push_str(", pg_catalog.generate_subscripts($1, 1) AS number");
        }
        let places = self.parameters(mode);
        if places.iter().all(|place| self.targets[*place].rounds_to().is_none()) {
            return format!("(SELECT {columns}) AS {BATCH}");
        }
        let mut exact = join(places.into_iter().map(|place| self.exact(place)), ", ");
        if numbers {
            exact.push_str(", number");
        }
        format!("(SELECT {exact} FROM (SELECT {columns}) AS {TEXTS}) AS {BATCH}")
    }

    /// Returns a column that the server has converted from a text. A value that it would round becomes a text that it cannot
    /// convert.
    fn exact(&self, place: usize) -> String {
        let of = &self.targets[place].of;
        match self.targets[place].rounds_to() {
            None => format!("c{place}"),
            Some(declared) => format!(
                "CASE WHEN c{place} {} c{place}::{declared} OR c{place} IS NULL THEN c{place}::{1} \
                 ELSE {2}::{1} END AS c{place}",
                of.operator("="),
                of.quoted,
                Verdict::Rounded.answer(&[&place.to_string(), &format!("c{place}")])
            ),
        }
    }

    fn on_key(&self) -> String {
        let term = |place: &usize| {
            let is = self.targets[*place].of.operator("=");
            format!("{TABLE}.{} {is} {BATCH}.c{place}", quote(&self.layout.names[*place]))
        };
        join(self.layout.key.iter().map(term), " AND ")
    }

    /// Returns the statement that inserts a batch, or updates rows that already exist.
    pub(crate) fn insert(&self, into: &str, mode: WriteMode) -> String {
        let values = join((0..self.layout.names.len()).map(|place| format!("{BATCH}.c{place}")), ", ");
        let overriding = if self.overriding { " OVERRIDING SYSTEM VALUE" } else { "" };
        let rows = self.rows(mode, Returning::Count);
        let mut text =
            format!("INSERT INTO {into} AS {TABLE} ({}){overriding} SELECT {values} FROM {rows}", self.list());
        if mode == WriteMode::Upsert {
            let set = |place: &usize| format!("{0} = excluded.{0}", quote(&self.layout.names[*place]));
            let action = match join(self.layout.others.iter().map(set), ", ") {
                nothing if nothing.is_empty() => "NOTHING".to_owned(),
                set => format!("UPDATE SET {set}"),
            };
            let key = join(self.layout.key.iter().map(|place| quote(&self.layout.names[*place])), ", ");
            text.push_str(&format!(" ON CONFLICT ({key}) DO {action}"));
        }
        text
    }

    /// Whether the driver knows all types that a batch is sent in.
    pub(crate) fn is_of_built_in_types(&self) -> bool {
        self.targets.iter().all(|target| built_in(target.of.oid).is_some())
    }

    /// Returns the statement that updates or deletes a batch.
    pub(crate) fn change(&self, table: &str, mode: WriteMode, way: Way, answer: Returning) -> String {
        let rows = self.rows(mode, answer);
        let mut text = if mode == WriteMode::Delete {
            format!("DELETE FROM {table} AS {TABLE} USING {rows}")
        } else {
            let set = |place: &usize| format!("{} = {BATCH}.c{place}", quote(&self.layout.names[*place]));
            format!("UPDATE {table} AS {TABLE} SET {} FROM {rows}", join(self.layout.others.iter().map(set), ", "))
        };
        text.push_str(&format!(" WHERE {}", self.on_key()));
        if let (Way::Range, [key]) = (way, self.layout.key.as_slice()) {
            let first = self.parameters(mode).len() + 1;
            let target = &self.targets[*key];
            let bound = |number: usize| match target.as_text {
                true => format!("(${number}::pg_catalog.text)::{}", target.of.quoted),
                false => format!("${number}::{}", target.of.quoted),
            };
            let key = quote(&self.layout.names[*key]);
            let (from, to) = (target.of.operator(">="), target.of.operator("<="));
            let (first, last) = (bound(first), bound(first + 1));
            text.push_str(&format!(" AND {TABLE}.{key} {from} {first} AND {TABLE}.{key} {to} {last}"));
        }
        if answer == Returning::Numbers {
            text.push_str(&format!(" RETURNING {BATCH}.number"));
        }
        text
    }

    /// Returns the statement that returns one row for each of the first two rows with a key; the key is passed as its
    /// parameters.
    pub(crate) fn with_key(&self, table: &str) -> String {
        let term = |(at, place): (usize, &usize)| {
            let target = &self.targets[*place];
            let number = at + 1;
            let (name, is) = (quote(&self.layout.names[*place]), target.of.operator("="));
            if target.as_text {
                format!("{name} {is} (${number}::pg_catalog.text)::{}", target.of.quoted)
            } else {
                format!("{name} {is} ${number}::{}", target.of.quoted)
            }
        };
        format!("SELECT 1 FROM {table} WHERE {} LIMIT 2", join(self.layout.key.iter().enumerate().map(term), " AND "))
    }
}
