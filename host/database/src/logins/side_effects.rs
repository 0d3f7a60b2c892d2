//! What changes past the grants of a component when it changes what it is granted: rows of other tables, by foreign keys, and what
//! triggers and rules do with the rights of their owners. Pure.

use std::collections::BTreeSet;

use super::rights::Granted;

/// A schema, and the name of a table in it.
type Table = (String, String);

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The table that refers, with the columns that do so.
    pub child: Table,
    /// Those columns.
    pub columns: Vec<String>,
    /// The table that is referred to.
    pub parent: Table,
    /// Its columns.
    pub parent_columns: Vec<String>,
    /// What happens when a row of that is deleted.
    pub on_delete: Action,
    /// What happens when the columns of one change.
    pub on_update: Action,
}

/// What a foreign key does with the rows that refer to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It leaves them alone.
    Nothing,
    /// It does the same to them.
    Cascade,
    /// It gives the columns NULL or their default.
    Set,
}

/// A trigger or a rule that runs with the rights of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it is, and its name: ``trigger `audit` ``.
    pub what: String,
    /// Its table.
    pub table: Table,
    /// The privilege whose use runs it.
    pub privilege: String,
}

/// What is attached to tables.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    /// Foreign keys.
    pub keys: Vec<ForeignKey>,
    /// Triggers and rules.
    pub programs: Vec<Program>,
}

/// A change of rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Delete,
    /// Of these columns; none means all.
    Update(Vec<String>),
}

impl Attached {
    /// Says what reaches past these rights, each once.
    pub fn past(&self, granted: &[Granted<'_>]) -> Vec<String> {
        let mut found = BTreeSet::new();
        let is_of = |one: &Granted<'_>, table: &Table| one.table == (table.0.as_str(), table.1.as_str());
        for Program { what, table, privilege } in &self.programs {
            if granted.iter().any(|one| is_of(one, table) && one.privilege == privilege) {
                found.insert(format!("the {what} of `{}.{}` runs with the rights of its owner", table.0, table.1));
            }
        }
        let mut changes: Vec<(Table, Change)> = granted.iter().filter_map(change).collect();
        let mut followed = BTreeSet::new();
        while let Some((table, change)) = changes.pop() {
            for (at, key) in self.keys.iter().enumerate().filter(|(_, key)| key.parent == table) {
                let Some(next) = key.follow(&change).filter(|next| followed.insert((at, next.clone()))) else {
                    continue;
                };
                if !granted.iter().any(|one| is_of(one, &key.child) && covers(one, &next)) {
                    let does = if next == Change::Delete { "deletes" } else { "changes" };
                    found.insert(format!(
                        "the foreign key `{}` {does} rows of `{}.{}` with those of `{}.{}`",
                        key.name, key.child.0, key.child.1, table.0, table.1
                    ));
                }
                changes.push((key.child.clone(), next));
            }
        }
        found.into_iter().collect()
    }
}

impl ForeignKey {
    /// What it does with the rows that refer to those that change.
    fn follow(&self, change: &Change) -> Option<Change> {
        let action = match change {
            Change::Delete => self.on_delete,
            Change::Update(columns) if columns.is_empty() => self.on_update,
            Change::Update(columns) if columns.iter().any(|it| self.parent_columns.contains(it)) => self.on_update,
            Change::Update(_) => Action::Nothing,
        };
        match action {
            Action::Nothing => None,
            Action::Cascade if *change == Change::Delete => Some(Change::Delete),
            Action::Cascade | Action::Set => Some(Change::Update(self.columns.clone())),
        }
    }
}

/// The change that a right allows.
fn change(granted: &Granted<'_>) -> Option<(Table, Change)> {
    let change = match granted.privilege {
        "DELETE" => Change::Delete,
        "UPDATE" => Change::Update(granted.columns.iter().map(|it| (*it).to_owned()).collect()),
        _ => return None,
    };
    Some(((granted.table.0.to_owned(), granted.table.1.to_owned()), change))
}

/// Whether a right on the table allows a change by itself.
fn covers(granted: &Granted<'_>, change: &Change) -> bool {
    match change {
        Change::Delete => granted.privilege == "DELETE",
        Change::Update(columns) => {
            granted.privilege == "UPDATE"
                && (granted.columns.is_empty() || columns.iter().all(|it| granted.columns.contains(&it.as_str())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logins::rights::Relation;

    fn key(parent: &str, child: &str, on_delete: Action, on_update: Action) -> ForeignKey {
        let table = |name: &str| ("app".to_owned(), name.to_owned());
        ForeignKey {
            name: format!("of_{child}"),
            child: table(child),
            columns: vec![format!("{parent}_id")],
            parent: table(parent),
            parent_columns: vec!["id".to_owned()],
            on_delete,
            on_update,
        }
    }

    #[test]
    fn changes_follow_foreign_keys_as_far_as_they_lead() {
        use Action::{Cascade, Nothing, Set};
        let mut chained = key("b", "c", Nothing, Cascade);
        chained.parent_columns = vec!["a_id".to_owned()];
        let keys =
            vec![key("a", "b", Cascade, Cascade), chained, key("b", "d", Set, Nothing), key("d", "d", Cascade, Set)];
        let trigger = Program {
            what: "trigger `audit`".to_owned(),
            table: ("app".to_owned(), "a".to_owned()),
            privilege: "UPDATE".to_owned(),
        };
        let attached = Attached { keys, programs: vec![trigger] };
        let relation = Relation::default();
        for (rights, past) in [
            (&[("INSERT", "a", ""), ("SELECT", "a", "")][..], &[][..]),
            (
                &[("DELETE", "a", "")],
                &[
                    "the foreign key `of_b` deletes rows of `app.b` with those of `app.a`",
                    "the foreign key `of_d` changes rows of `app.d` with those of `app.b`",
                ],
            ),
            (&[("DELETE", "a", ""), ("DELETE", "b", ""), ("UPDATE", "d", "b_id")], &[]),
            (&[("UPDATE", "a", "email")], &["the trigger `audit` of `app.a` runs with the rights of its owner"]),
            (
                &[("UPDATE", "a", ""), ("UPDATE", "b", "a_id")],
                &[
                    "the foreign key `of_c` changes rows of `app.c` with those of `app.b`",
                    "the trigger `audit` of `app.a` runs with the rights of its owner",
                ],
            ),
            (&[("DELETE", "d", "")], &[]),
        ] {
            let granted: Vec<_> = rights
                .iter()
                .map(|(privilege, table, column)| Granted {
                    privilege,
                    table: ("app", table),
                    columns: Some(*column).filter(|it| !it.is_empty()).into_iter().collect(),
                    relation: &relation,
                })
                .collect();
            assert_eq!(attached.past(&granted), past, "{rights:?}");
        }
    }
}
