//! Differences between two dumps.

use std::collections::{BTreeMap, BTreeSet};

use runner_database::Dialect;
use runner_schema::{Change, Kind, Object, columns, folded};

use super::{Dump, Rows};

/// What to exclude from the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// Objects, as messages name them: `table users`, `column users.email`. Those that are parts of one are ignored with it.
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
        for difference in expected.schema.differences(&self.schema) {
            let (id, dump) = match difference.change {
                Change::Added => (&difference.id, self),
                Change::Removed | Change::Altered(_) => (&difference.id, expected),
            };
            let object = dump.schema.objects.get(id);
            let label = dump.schema.label(id);
            let parent = object.and_then(|object| object.parent.as_ref()).map(|parent| dump.schema.label(parent));
            if ignore.schema.contains(&label) || parent.is_some_and(|parent| ignore.schema.contains(&parent)) {
                continue;
            }
            let line =
                |word: &str| object.map(Object::line).filter(|it| !it.is_empty()).map(|it| format!("{word}: {it}"));
            let (message, details) = match difference.change {
                Change::Removed => (format!("`{label}` is missing"), line("expected").into_iter().collect()),
                Change::Added => (format!("`{label}` is unexpected"), line("found").into_iter().collect()),
                Change::Altered(properties) => {
                    let lines = properties.iter().map(|it| it.lines());
                    let lines = lines.flat_map(|(before, now)| {
                        [before.map(|it| format!("expected: {it}")), now.map(|it| format!("found: {it}"))]
                    });
                    (format!("`{label}` differs"), lines.flatten().collect())
                }
            };
            found.push(Difference { message, details });
        }
        let dialect = self.schema.dialect;
        let [before, now] = [expected, self].map(|dump| by_name(&dump.tables, dialect));
        for (_, before, now) in pairs(&before, &now) {
            // A missing table was reported above.
            if let (Some((_, before)), Some((label, now))) = (before, now)
                && let Some(difference) = rows_differ(label, before, now, dialect)
            {
                found.push(difference);
            }
        }
        found
    }
}

/// By what the server takes for the same name, each with its name as it is written.
fn by_name<T>(named: &BTreeMap<String, T>, dialect: Dialect) -> BTreeMap<String, (&str, &T)> {
    named.iter().map(|(name, value)| (folded(name, dialect), (name.as_str(), value))).collect()
}

impl Dump {
    /// Tables whose columns are the same but not in the same order, which `SELECT *` and an INSERT without column names would
    /// notice. A column that was dropped and added again is the last one, and not every engine can change that.
    pub fn moved_columns(&self, expected: &Self, ignore: &Ignore) -> Vec<MovedColumns> {
        let mut found = Vec::new();
        let [all_before, all_now] = [expected, self].map(|dump| dump.schema.parts());
        for id in self.schema.objects.keys().filter(|id| id.kind == Kind::Table) {
            let [before, now] = [&all_before, &all_now].map(|parts| columns(parts.get(id)));
            let sorted = |columns: &[&str]| columns.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
            if before == now || sorted(&before) != sorted(&now) {
                continue;
            }
            let owned = |columns: Vec<&str>| columns.into_iter().map(str::to_owned).collect();
            let table = self.schema.name(id);
            let moved = MovedColumns { table, before: owned(before), now: owned(now) };
            if !ignore.schema.contains(&moved.label()) {
                found.push(moved);
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
        format!("column order {}", self.table)
    }
}

fn pairs<'a, T>(
    left: &'a BTreeMap<String, T>,
    right: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a String, Option<&'a T>, Option<&'a T>)> {
    let labels: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    labels.into_iter().map(|label| (label, left.get(label), right.get(label)))
}

fn rows_differ(label: &str, before: &Rows, now: &Rows, dialect: Dialect) -> Option<Difference> {
    let [columns_before, columns_now] = [before, now].map(|rows| by_name(&rows.columns, dialect));
    // An added or removed column was reported with its table; the others are compared one by one.
    let same_columns = columns_before.keys().eq(columns_now.keys()) || before.count == 0 || now.count == 0;
    let columns: Vec<String> = pairs(&columns_before, &columns_now)
        .filter_map(|(_, before, now)| {
            let ((_, before), (name, now)) = before.zip(now)?;
            (before != now).then(|| format!("`{name}`"))
        })
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
    use runner_schema::{ObjectId, Property, Schema};

    use super::*;

    /// Each object: a kind, a path and a text. Parts belong to the table of their path.
    fn dump(objects: &[(Kind, &[&str], &str)], rows: Rows) -> Dump {
        let mut schema = Schema::empty(Dialect::Sqlite);
        for (at, (kind, path, text)) in objects.iter().enumerate() {
            let path = path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let parent = (path.len() > 1).then(|| ObjectId { kind: Kind::Table, path: vec![path[0].clone()] });
            let properties = [("type".to_owned(), Property::Text((*text).to_owned()))].into();
            let position = i64::try_from(at).ok();
            schema.objects.insert(ObjectId { kind: *kind, path }, Object { parent, position, properties });
        }
        Dump { schema, tables: [("users".to_owned(), rows)].into() }
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
        let before = dump(
            &[
                (Kind::Table, &["users"], "a"),
                (Kind::Column, &["users", "name"], "integer"),
                (Kind::Index, &["i"], "x"),
                (Kind::Table, &["orders"], "a"),
                (Kind::Column, &["orders", "id"], "integer"),
            ],
            rows(2, 1, &["1 | Ada", "2 | Bob"]),
        );
        let now = dump(
            &[(Kind::Table, &["users"], "a"), (Kind::Column, &["users", "name"], "text"), (Kind::View, &["v"], "y")],
            rows(2, 2, &["1 | Ada", "2 | NULL"]),
        );
        let found = now.differences(&before, &Ignore::default());
        let messages: Vec<&str> = found.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`table orders` is missing",
                "`view v` is unexpected",
                "`column users.name` differs",
                "`index i` is missing",
                "the rows of `users` differ: `name` differs"
            ]
        );
        assert_eq!(found[1].details, ["found: type y"]);
        assert_eq!(found[2].details, ["expected: type integer", "found: type text"]);
        assert_eq!(found[4].details, ["expected: 2 | Bob", "found: 2 | NULL"]);
        // The parts of a table are ignored with it.
        let ignore = Ignore { schema: ["index i".to_owned(), "table users".to_owned()].into(), ..Ignore::default() };
        assert_eq!(now.differences(&before, &ignore).len(), 3);
        assert_eq!(before.differences(&before, &Ignore::default()), []);
    }

    #[test]
    fn columns_in_another_order_are_found_unless_ignored() {
        let dump = |columns: &[&str]| {
            let table: &[&str] = &["t"];
            let mut objects = vec![(Kind::Table, table, "")];
            let paths: Vec<[&str; 2]> = columns.iter().map(|name| ["t", name]).collect();
            objects.extend(paths.iter().map(|path| (Kind::Column, &path[..], "integer")));
            dump(&objects, Rows::default())
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
