//! The statements of a writer.

use super::raw::{HAS, function_name};
use super::schema::Table;
use crate::data::Batch;
use crate::database::{DatabaseError, Dialect, WriteMode};

/// Parameters that one statement may have.
const PARAMETERS: usize = 32_766;

/// Rows that one INSERT takes at most; more do not make it faster.
const ROWS_AT_ONCE: usize = 64;

/// Which columns a batch has, and what they mean for the table.
pub(super) struct Layout {
    /// The names of the batch's columns, as they come.
    pub given: Vec<String>,
    /// The same as the table spells them.
    pub names: Vec<String>,
    /// The places of the key's columns, in the key's order.
    pub key: Vec<usize>,
    /// The places of the others.
    pub others: Vec<usize>,
}

fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

impl Layout {
    /// Checks a batch's columns against the table.
    pub(super) fn new(table: &Table, mode: WriteMode, key: &[String], rows: &Batch) -> Result<Self, DatabaseError> {
        let name = &table.info.name;
        let mut names: Vec<String> = Vec::with_capacity(rows.columns.len());
        for column in &rows.columns {
            let known = table.info.known_column(&column.name)?;
            if names.contains(&known) {
                return Err(DatabaseError::invalid(format!("column `{known}` stands twice in a batch for `{name}`")));
            }
            names.push(known);
        }
        if names.is_empty() {
            return Err(DatabaseError::invalid(format!("a batch for `{name}` has no columns")));
        }
        let mut key_at = Vec::with_capacity(key.len());
        for column in key {
            key_at.push(names.iter().position(|other| other == column).ok_or_else(|| {
                DatabaseError::invalid(format!(
                    "a batch for `{name}` lacks the key column `{column}`, which {mode} needs"
                ))
            })?);
        }
        let others: Vec<usize> = (0..names.len()).filter(|place| !key_at.contains(place)).collect();
        let generated = |place: &usize| table.info.column(&names[*place]).is_some_and(|column| column.generated);
        if mode != WriteMode::Delete {
            let place = match mode {
                WriteMode::Update => others.iter().copied().find(generated),
                _ => (0..names.len()).find(generated),
            };
            if let Some(place) = place {
                return Err(DatabaseError::invalid(format!(
                    "column `{name}.{}` is generated and cannot be written",
                    names[place]
                ))
                .hint("leave the column out of the batch"));
            }
        }
        if mode == WriteMode::Update && others.is_empty() {
            return Err(DatabaseError::invalid(format!(
                "a batch for `{name}` has no columns beside the key, so there is nothing to update"
            )));
        }
        let given = rows.columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { given, names, key: key_at, others })
    }

    /// Whether a batch has these columns.
    pub(super) fn fits(&self, rows: &Batch) -> bool {
        self.given.len() == rows.columns.len()
            && self.given.iter().zip(&rows.columns).all(|(name, column)| *name == column.name)
    }

    /// The columns of the parameters of [`Layout::by_row`], for one row.
    pub(super) fn parameters(&self, mode: WriteMode) -> Vec<usize> {
        match mode {
            WriteMode::Insert | WriteMode::Upsert => (0..self.names.len()).collect(),
            WriteMode::Update => self.others.iter().chain(&self.key).copied().collect(),
            WriteMode::Delete => self.key.clone(),
        }
    }

    /// How many rows one run of [`Layout::by_row`] may take.
    pub(super) fn rows_at_once(&self, mode: WriteMode) -> usize {
        match mode {
            WriteMode::Insert | WriteMode::Upsert => (PARAMETERS / self.names.len()).clamp(1, ROWS_AT_ONCE),
            WriteMode::Update | WriteMode::Delete => 1,
        }
    }

    /// The statement that writes `rows` rows, given as parameters.
    pub(super) fn by_row(&self, table: &Table, mode: WriteMode, rows: usize) -> String {
        let into = table.info.name.quoted(Dialect::Sqlite);
        let name = |place: &usize| quote(&self.names[*place]);
        let numbered = |first: usize, places: &[usize], separator: &str| {
            let terms = places.iter().enumerate().map(|(at, place)| format!("{} = ?{}", name(place), first + at));
            join(terms, separator)
        };
        match mode {
            WriteMode::Insert | WriteMode::Upsert => {
                let columns = join(self.names.iter().map(|name| quote(name)), ", ");
                let row = format!("({})", join(self.names.iter().map(|_| "?".to_owned()), ", "));
                let values = join(std::iter::repeat_n(row, rows), ", ");
                let mut text = format!("INSERT INTO {into} ({columns}) VALUES {values}");
                if mode == WriteMode::Upsert {
                    let set = |place: &usize| format!("{0} = excluded.{0}", name(place));
                    let action = match join(self.others.iter().map(set), ", ") {
                        nothing if nothing.is_empty() => "NOTHING".to_owned(),
                        set => format!("UPDATE SET {set}"),
                    };
                    text.push_str(&format!(" ON CONFLICT ({}) DO {action}", join(self.key.iter().map(name), ", ")));
                }
                text
            }
            WriteMode::Update => {
                let set = numbered(1, &self.others, ", ");
                format!("UPDATE {into} SET {set} WHERE {}", numbered(self.others.len() + 1, &self.key, " AND "))
            }
            WriteMode::Delete => format!("DELETE FROM {into} WHERE {}", numbered(1, &self.key, " AND ")),
        }
    }

    /// The statement that pulls the rows of a key range out of the batch; `guarded`: there may be others in the range.
    pub(super) fn by_range(&self, table: &Table, mode: WriteMode, guarded: bool) -> Option<String> {
        let into = table.info.name.quoted(Dialect::Sqlite);
        let [key] = self.key.as_slice() else { return None };
        let key = quote(&self.names[*key]);
        let guard = if guarded { format!(" AND {HAS}({key})") } else { String::new() };
        let range = format!("WHERE {key} BETWEEN ?1 AND ?2{guard}");
        match mode {
            WriteMode::Update => {
                let set = self
                    .others
                    .iter()
                    .map(|place| format!("{} = {}({key})", quote(&self.names[*place]), function_name(*place)));
                Some(format!("UPDATE {into} SET {} {range}", join(set, ", ")))
            }
            WriteMode::Delete => Some(format!("DELETE FROM {into} {range}")),
            WriteMode::Insert | WriteMode::Upsert => None,
        }
    }

    /// The statement that counts the rows with a key.
    pub(super) fn count_key(&self, table: &Table) -> String {
        let terms =
            self.key.iter().enumerate().map(|(at, place)| format!("{} = ?{}", quote(&self.names[*place]), at + 1));
        format!("SELECT 1 FROM {} WHERE {} LIMIT 2", table.info.name.quoted(Dialect::Sqlite), join(terms, " AND "))
    }
}
