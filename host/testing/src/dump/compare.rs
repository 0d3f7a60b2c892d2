//! Differences between two dumps.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dump, Rows};

/// What to exclude from the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// Objects, by their names in [`Dump::objects`].
    pub schema: BTreeSet<String>,
    /// `table`, or `table.column`.
    pub rows: BTreeSet<String>,
}

impl Ignore {
    /// What either of the two ignores.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { schema: &self.schema | &other.schema, rows: &self.rows | &other.rows }
    }

    /// Whether all rows of a table are ignored.
    pub fn rows_of(&self, table: &str) -> bool {
        self.rows.contains(table)
    }

    pub(super) fn cells_of(&self, table: &str, column: &str) -> bool {
        self.rows.contains(&format!("{table}.{column}"))
    }
}

/// A difference between two dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs, without a full stop.
    pub message: String,
    /// Details, one per line.
    pub details: Vec<String>,
}

/// Maximum number of rows of each kind to show.
const SHOWN: usize = 5;

impl Dump {
    /// Differences from `expected`. Both must ignore the same.
    pub fn differences(&self, expected: &Self, ignore: &Ignore) -> Vec<Difference> {
        let mut found = Vec::new();
        for (label, before, now) in pairs(&expected.objects, &self.objects) {
            if before == now || ignore.schema.contains(label) {
                continue;
            }
            let (message, details) = match (before, now) {
                (Some(before), None) => {
                    (format!("`{label}` is missing"), vec![format!("expected: {}", before.join(", "))])
                }
                (None, Some(now)) => (format!("`{label}` is unexpected"), vec![format!("found: {}", now.join(", "))]),
                (before, now) => {
                    let lines = |lines: Option<&Vec<String>>| lines.cloned().unwrap_or_default();
                    let (before, now) = (lines(before), lines(now));
                    let lost = before.iter().filter(|line| !now.contains(line)).map(|line| format!("expected: {line}"));
                    let new = now.iter().filter(|line| !before.contains(line)).map(|line| format!("found: {line}"));
                    (format!("`{label}` differs"), lost.chain(new).collect())
                }
            };
            found.push(Difference { message, details });
        }
        for (label, before, now) in pairs(&expected.tables, &self.tables) {
            // A missing table was reported above.
            if let (Some(before), Some(now)) = (before, now)
                && let Some(difference) = rows_differ(label, before, now)
            {
                found.push(difference);
            }
        }
        found
    }
}

impl Dump {
    /// Tables whose columns are the same but not in the same order, which `SELECT *` and an INSERT without column names would
    /// notice. A column that was dropped and added again is the last one, and not every engine can change that.
    pub fn moved_columns(&self, expected: &Self, ignore: &Ignore) -> Vec<MovedColumns> {
        let mut found = Vec::new();
        for (table, before, now) in pairs(&expected.columns, &self.columns) {
            let (Some(before), Some(now)) = (before, now) else { continue };
            let sorted = |columns: &[String]| columns.iter().cloned().collect::<BTreeSet<_>>();
            if before != now && sorted(before) == sorted(now) && !ignore.schema.contains(&moved_label(table)) {
                found.push(MovedColumns { table: table.clone(), before: before.clone(), now: now.clone() });
            }
        }
        found
    }
}

/// A table whose columns are in another order than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedColumns {
    /// The table.
    pub table: String,
    /// Its columns as expected.
    pub before: Vec<String>,
    /// Its columns as found.
    pub now: Vec<String>,
}

impl MovedColumns {
    /// What [`Ignore::schema`] calls it.
    pub fn label(&self) -> String {
        moved_label(&self.table)
    }
}

fn moved_label(table: &str) -> String {
    format!("column order {table}")
}

fn pairs<'a, T>(
    left: &'a BTreeMap<String, T>,
    right: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a String, Option<&'a T>, Option<&'a T>)> {
    let labels: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    labels.into_iter().map(|label| (label, left.get(label), right.get(label)))
}

fn rows_differ(label: &str, before: &Rows, now: &Rows) -> Option<Difference> {
    // An added or removed column was reported with its table; the others are compared one by one.
    let same_columns = before.columns.keys().eq(now.columns.keys()) || before.count == 0 || now.count == 0;
    let columns: Vec<String> = pairs(&before.columns, &now.columns)
        .filter(|(_, before, now)| before.zip(*now).is_some_and(|(before, now)| before != now))
        .map(|(name, ..)| format!("`{name}`"))
        .collect();
    let same = if same_columns { before.digest == now.digest } else { columns.is_empty() };
    if same && before.count == now.count {
        return None;
    }
    let mut message = format!("the rows of `{label}` differ");
    if before.count != now.count {
        message.push_str(&format!(": {} expected, {} found", before.count, now.count));
    } else if !columns.is_empty() {
        message.push_str(&format!(": {} differs", columns.join(", ")));
    }
    let mut details = Vec::new();
    if let (Some(before), Some(now), true) = (&before.few, &now.few, same_columns) {
        let lost = before.iter().filter(|row| !now.contains(row)).map(|row| format!("expected: {row}"));
        let new = now.iter().filter(|row| !before.contains(row)).map(|row| format!("found: {row}"));
        details.extend(lost.take(SHOWN));
        details.extend(new.take(SHOWN));
    }
    Some(Difference { message, details })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(objects: &[(&str, &str)], rows: Rows) -> Dump {
        Dump {
            objects: objects.iter().map(|(label, text)| ((*label).to_owned(), vec![(*text).to_owned()])).collect(),
            tables: [("users".to_owned(), rows)].into(),
            ..Dump::default()
        }
    }

    fn rows(count: u64, digest: u64, lines: &[&str]) -> Rows {
        Rows {
            count,
            digest: [digest; 4],
            columns: [("id".to_owned(), 1), ("name".to_owned(), digest)].into(),
            few: Some(lines.iter().map(|line| (*line).to_owned()).collect()),
        }
    }

    #[test]
    fn differences_have_details() {
        let before = dump(&[("table users", "a"), ("index i", "x")], rows(2, 1, &["1 | Ada", "2 | Bob"]));
        let now = dump(&[("table users", "b"), ("view v", "y")], rows(2, 2, &["1 | Ada", "2 | NULL"]));
        let found = now.differences(&before, &Ignore::default());
        let messages: Vec<&str> = found.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`index i` is missing",
                "`table users` differs",
                "`view v` is unexpected",
                "the rows of `users` differ: `name` differs"
            ]
        );
        assert_eq!(found[3].details, ["expected: 2 | Bob", "found: 2 | NULL"]);
        let ignore = Ignore { schema: ["index i".to_owned(), "view v".to_owned()].into(), ..Ignore::default() };
        assert_eq!(now.differences(&before, &ignore).len(), 2);
        assert_eq!(before.differences(&before, &Ignore::default()), []);
    }

    #[test]
    fn a_table_that_differs_shows_only_what_does() {
        let dump = |lines: &[&str]| Dump {
            objects: [("table t".to_owned(), lines.iter().map(|line| (*line).to_owned()).collect())].into(),
            ..Dump::default()
        };
        let found = dump(&["table t", "column a int"])
            .differences(&dump(&["table t", "column a int not null", "unique (a)"]), &Ignore::default());
        assert_eq!(found[0].message, "`table t` differs");
        assert_eq!(
            found[0].details,
            ["expected: column a int not null", "expected: unique (a)", "found: column a int"]
        );
    }

    #[test]
    fn columns_in_another_order_are_found_unless_ignored() {
        let dump = |columns: &[&str]| Dump {
            columns: [("t".to_owned(), columns.iter().map(|name| (*name).to_owned()).collect())].into(),
            ..Dump::default()
        };
        let (before, now) = (dump(&["a", "b", "c"]), dump(&["a", "c", "b"]));
        let found = now.moved_columns(&before, &Ignore::default());
        assert_eq!((found.len(), found[0].label().as_str()), (1, "column order t"));
        let ignore = Ignore { schema: ["column order t".to_owned()].into(), ..Ignore::default() };
        assert_eq!(now.moved_columns(&before, &ignore), []);
        assert_eq!(before.moved_columns(&before, &Ignore::default()), []);
        // Another column is a difference of the schema.
        assert_eq!(dump(&["a", "c"]).moved_columns(&before, &Ignore::default()), []);
        assert_eq!(now.differences(&before, &Ignore::default()), []);
    }

    #[test]
    fn columns_that_both_have_are_compared() {
        let mut wider = rows(2, 1, &[]);
        wider.columns.insert("shout".to_owned(), 9);
        wider.digest = [7; 4];
        let before = dump(&[], rows(2, 1, &[]));
        assert_eq!(dump(&[], wider.clone()).differences(&before, &Ignore::default()), []);
        wider.columns.insert("name".to_owned(), 9);
        let found = dump(&[], wider).differences(&before, &Ignore::default());
        assert_eq!(found[0].message, "the rows of `users` differ: `name` differs");
    }

    #[test]
    fn a_different_number_of_rows_is_reported() {
        let before = dump(&[], rows(2, 1, &["1 | Ada", "2 | Bob"]));
        let now = dump(&[], rows(1, 2, &["1 | Ada"]));
        let found = now.differences(&before, &Ignore::default());
        assert_eq!(found[0].message, "the rows of `users` differ: 2 expected, 1 found");
        assert_eq!(found[0].details, ["expected: 2 | Bob"]);
    }
}
