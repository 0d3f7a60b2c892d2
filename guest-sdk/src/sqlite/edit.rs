//! Single changes to a table's definition.

use super::column::{Column, ConstraintKind};
use super::definition::{Definition, TableConstraint};
use super::token::{Token, tokens};
use crate::{Error, Result};

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    AddColumn { definition: String },
    ReplaceColumn { name: String, definition: String },
    DropColumn { name: String },
    SetType { name: String, data_type: String },
    SetNotNull { name: String },
    SetNullable { name: String },
    SetDefault { name: String, expression: String },
    DropDefault { name: String },
    AddConstraint { text: String },
    DropConstraint { name: String },
}

impl Edit {
    /// The column that it changes, if that column existed before.
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::ReplaceColumn { name, .. }
            | Self::DropColumn { name }
            | Self::SetType { name, .. }
            | Self::SetNotNull { name }
            | Self::SetNullable { name }
            | Self::SetDefault { name, .. }
            | Self::DropDefault { name } => Some(name),
            Self::AddColumn { .. } | Self::AddConstraint { .. } | Self::DropConstraint { .. } => None,
        }
    }

    /// Applies the change.
    pub(super) fn apply(&self, table: &mut Definition) -> Result<()> {
        match self {
            Self::AddColumn { definition } => {
                let column = Column::from_text(definition)?;
                if find(table, &column.name).is_ok() {
                    return Err(Error::new(format!("column `{}` already exists", column.name)));
                }
                table.columns.push(column);
            }
            Self::ReplaceColumn { name, definition } => {
                let column = Column::from_text(definition)?;
                if !column.name.eq_ignore_ascii_case(name) {
                    let message = format!("`{definition}` does not define column `{name}`; rename it separately");
                    return Err(Error::new(message));
                }
                *find(table, name)? = column;
            }
            Self::DropColumn { name } => {
                find(table, name)?;
                table.columns.retain(|column| !column.name.eq_ignore_ascii_case(name));
                if let Some(user) = user_of(table, name)? {
                    let message = format!("column `{name}` cannot be dropped alone: it is used in `{user}`");
                    return Err(Error::new(message));
                }
            }
            Self::SetType { name, data_type } => find(table, name)?.data_type.clone_from(data_type),
            Self::SetNotNull { name } => {
                let column = find(table, name)?;
                column.remove(ConstraintKind::Null);
                if !column.has(ConstraintKind::NotNull) {
                    column.add(ConstraintKind::NotNull, "NOT NULL".to_owned());
                }
            }
            Self::SetNullable { name } => find(table, name)?.remove(ConstraintKind::NotNull),
            Self::SetDefault { name, expression } => {
                let column = find(table, name)?;
                column.remove(ConstraintKind::Default);
                column.add(ConstraintKind::Default, format!("DEFAULT ({expression})"));
            }
            Self::DropDefault { name } => find(table, name)?.remove(ConstraintKind::Default),
            Self::AddConstraint { text } => table.constraints.extend(TableConstraint::from_text(text)?),
            Self::DropConstraint { name } => drop_constraint(table, name)?,
        }
        Ok(())
    }
}

fn find<'a>(table: &'a mut Definition, name: &str) -> Result<&'a mut Column> {
    let found = table.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| Error::new(format!("there is no column `{name}`")))
}

fn drop_constraint(table: &mut Definition, name: &str) -> Result<()> {
    let other = |own: &Option<String>| !own.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let count = |table: &Definition| {
        table.constraints.len() + table.columns.iter().map(|column| column.constraints.len()).sum::<usize>()
    };
    let before = count(table);
    table.constraints.retain(|constraint| other(&constraint.name));
    table.columns.iter_mut().for_each(|column| column.constraints.retain(|constraint| other(&constraint.name)));
    match before - count(table) {
        1 => Ok(()),
        0 => Err(Error::new(format!("there is no constraint `{name}`"))),
        more => Err(Error::new(format!("there are {more} constraints `{name}`"))),
    }
}

/// A constraint or an expression that uses a column.
///
/// SQLite itself would not always notice: it treats an unknown name in double quotes as a string.
fn user_of(table: &Definition, column: &str) -> Result<Option<String>> {
    let expressions = table.columns.iter().flat_map(|column| &column.constraints);
    let expressions = expressions
        .filter(|constraint| matches!(constraint.kind, ConstraintKind::Check | ConstraintKind::Generated))
        .map(|constraint| &constraint.text);
    for text in expressions.chain(table.constraints.iter().map(|constraint| &constraint.text)) {
        let tokens = tokens(text)?;
        let named = usize::from(tokens[0].is("CONSTRAINT")) * 2;
        // REFERENCES names columns of another table; a reference to the table itself is found in the database.
        let own: Vec<&Token<'_>> = tokens[named..].iter().take_while(|token| !token.is("REFERENCES")).collect();
        if own.iter().any(|token| token.names(column)) {
            return Ok(Some(text.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "CREATE TABLE t (
        id INTEGER PRIMARY KEY,
        email TEXT NULL DEFAULT 'none' UNIQUE,
        age REAL CONSTRAINT adult CHECK (age > 17),
        upper TEXT AS (\"email\"),
        boss INTEGER,
        CONSTRAINT boss_is_there FOREIGN KEY (boss) REFERENCES people (age)
    ) WITHOUT ROWID";

    fn edited(edits: &[Edit]) -> Result<String> {
        let mut table = Definition::parse(TABLE)?;
        edits.iter().try_for_each(|edit| edit.apply(&mut table))?;
        Ok(table.render("t"))
    }

    #[test]
    fn changes_what_it_is_told_and_nothing_else() {
        let name = || "email".to_owned();
        let text = edited(&[
            Edit::SetNotNull { name: name() },
            Edit::SetDefault { name: name(), expression: "lower('X')".into() },
            Edit::SetType { name: "AGE".into(), data_type: "INTEGER".into() },
            Edit::DropConstraint { name: "Adult".into() },
            Edit::DropColumn { name: "age".into() },
            Edit::AddColumn { definition: "state TEXT NOT NULL DEFAULT 'new'".into() },
            Edit::AddConstraint { text: "CHECK (state <> '')".into() },
            Edit::ReplaceColumn { name: "boss".into(), definition: "boss TEXT".into() },
        ]);
        assert_eq!(
            text.unwrap(),
            "CREATE TABLE \"t\" (\n  id INTEGER PRIMARY KEY,\n  email TEXT UNIQUE NOT NULL DEFAULT (lower('X')),\n  \
             upper TEXT AS (\"email\"),\n  boss TEXT,\n  state TEXT NOT NULL DEFAULT 'new',\n  \
             CONSTRAINT boss_is_there FOREIGN KEY (boss) REFERENCES people (age),\n  CHECK (state <> '')\n) WITHOUT ROWID"
        );
    }

    #[test]
    fn refuses_to_drop_what_others_use() {
        let drop = |name: &str| edited(&[Edit::DropColumn { name: name.into() }]).unwrap_err().message().to_owned();
        assert_eq!(drop("email"), "column `email` cannot be dropped alone: it is used in `AS (\"email\")`");
        assert!(drop("boss").contains("boss_is_there"));
        assert_eq!(drop("none"), "there is no column `none`");
        let missing = edited(&[Edit::DropConstraint { name: "none".into() }]).unwrap_err();
        assert_eq!(missing.message(), "there is no constraint `none`");
    }
}
