//! The statements of a writer.

use crate::raw::{HAS, function_name};
use runner_data::Batch;
use runner_database::write::Layout;
use runner_database::{DatabaseError, Dialect, TableInfo, WriteMode};

/// Parameters that one statement may have.
const PARAMETERS: usize = 32_766;

/// Rows that one INSERT takes at most; more do not make it faster.
const ROWS_AT_ONCE: usize = 64;

/// The statements of a writer for batches with certain columns.
pub(super) struct WriteSql {
    pub layout: Layout,
    mode: WriteMode,
    /// The table as statements name it.
    into: String,
}

fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

impl WriteSql {
    /// Builds the statements for batches with the columns of this one, the first.
    pub(super) fn new(table: &TableInfo, mode: WriteMode, key: &[String], rows: &Batch) -> Result<Self, DatabaseError> {
        let layout = Layout::new(table, mode, key, rows)?;
        Ok(Self { layout, mode, into: table.name.quoted(Dialect::Sqlite) })
    }

    fn name(&self, place: usize) -> String {
        quote(&self.layout.names[place])
    }

    /// The columns of the parameters of [`WriteSql::by_row`] for one row.
    pub(super) fn parameters(&self) -> Vec<usize> {
        let layout = &self.layout;
        match self.mode {
            WriteMode::Insert | WriteMode::Upsert => (0..layout.names.len()).collect(),
            WriteMode::Update => layout.others.iter().chain(&layout.key).copied().collect(),
            WriteMode::Delete => layout.key.clone(),
        }
    }

    /// How many rows one run of [`WriteSql::by_row`] may take.
    pub(super) fn rows_at_once(&self) -> usize {
        match self.mode {
            WriteMode::Insert | WriteMode::Upsert => (PARAMETERS / self.layout.names.len()).clamp(1, ROWS_AT_ONCE),
            WriteMode::Update | WriteMode::Delete => 1,
        }
    }

    /// The statement that writes `rows` rows, given as parameters.
    pub(super) fn by_row(&self, rows: usize) -> String {
        let (into, layout) = (&self.into, &self.layout);
        let name = |place: &usize| self.name(*place);
        match self.mode {
            WriteMode::Insert | WriteMode::Upsert => {
                let columns = join(layout.names.iter().map(|name| quote(name)), ", ");
                let row = format!("({})", join(layout.names.iter().map(|_| "?".to_owned()), ", "));
                let values = join(std::iter::repeat_n(row, rows), ", ");
                let mut text = format!("INSERT INTO {into} ({columns}) VALUES {values}");
                if self.mode == WriteMode::Upsert {
                    let set = |place: &usize| format!("{0} = excluded.{0}", name(place));
                    let action = match join(layout.others.iter().map(set), ", ") {
                        nothing if nothing.is_empty() => "NOTHING".to_owned(),
                        set => format!("UPDATE SET {set}"),
                    };
                    text.push_str(&format!(" ON CONFLICT ({}) DO {action}", join(layout.key.iter().map(name), ", ")));
                }
                text
            }
            WriteMode::Update => {
                let set = self.numbered(1, &layout.others, ", ");
                let key = self.numbered(layout.others.len() + 1, &layout.key, " AND ");
                format!("UPDATE {into} SET {set} WHERE {key}")
            }
            WriteMode::Delete => format!("DELETE FROM {into} WHERE {}", self.numbered(1, &layout.key, " AND ")),
        }
    }

    /// `name = ?number` for each of the columns.
    fn numbered(&self, first: usize, places: &[usize], separator: &str) -> String {
        let terms = places.iter().enumerate().map(|(at, place)| format!("{} = ?{}", self.name(*place), first + at));
        join(terms, separator)
    }

    /// The statement that pulls the rows of a key range from the batch. `guarded`: the range may contain other rows.
    pub(super) fn by_range(&self, guarded: bool) -> Option<String> {
        let into = &self.into;
        let [key] = self.layout.key.as_slice() else { return None };
        let key = self.name(*key);
        let guard = if guarded { format!(" AND {HAS}({key})") } else { String::new() };
        let range = format!("WHERE {key} BETWEEN ?1 AND ?2{guard}");
        match self.mode {
            WriteMode::Update => {
                let set = |place: &usize| format!("{} = {}({key})", self.name(*place), function_name(*place));
                Some(format!("UPDATE {into} SET {} {range}", join(self.layout.others.iter().map(set), ", ")))
            }
            WriteMode::Delete => Some(format!("DELETE FROM {into} {range}")),
            WriteMode::Insert | WriteMode::Upsert => None,
        }
    }

    /// The statement that returns a row for each of the first two rows with a key.
    pub(super) fn with_key(&self) -> String {
        format!("SELECT 1 FROM {} WHERE {} LIMIT 2", self.into, self.numbered(1, &self.layout.key, " AND "))
    }
}
