//! What a change of the schema needs of the grants of a component.

use super::{ForeignKey, SchemaChange};
use crate::grants::{Grants, Need, Touched, Verb};
use crate::{DatabaseError, DatabaseErrorKind, Dialect, Facts, TableName};

impl Grants {
    /// Fails unless a change of the schema is allowed.
    pub fn check_change(&self, change: &SchemaChange, facts: &Facts) -> Result<(), DatabaseError> {
        let schema = facts.schema_of_names();
        // `t` and `public.t` are the same here, whichever is written.
        let mut tables = self.tables.clone();
        for grant in &mut tables {
            grant.tables.schema.get_or_insert_with(|| schema.to_owned());
        }
        let whole = Self { tables, ..Self::default() };
        whole.check(&change.in_schema(schema), facts.dialect).map_err(|error| {
            // In the words of the component, if that is refused as well.
            self.check(change, facts.dialect).err().unwrap_or(error)
        })
    }

    fn check(&self, change: &SchemaChange, dialect: Dialect) -> Result<(), DatabaseError> {
        let table = change.table();
        match change {
            SchemaChange::CreateTable(new) => {
                self.demand(Verb::Create, table, dialect)?;
                let others = new.foreign_keys.iter().filter(|key| key.references != *table);
                others.into_iter().try_for_each(|ForeignKey { references: other, referenced, .. }| {
                    if self.demand(Verb::Create, other, dialect).is_ok() {
                        return Ok(());
                    }
                    // A reference restricts which rows of the other table can be deleted, and shows which values exist.
                    self.demand(Verb::Alter, other, dialect)?;
                    let columns = referenced.iter().map(|column| Touched::Column(column.clone()));
                    columns.into_iter().try_for_each(|columns| self.need(Verb::Read, other, columns, dialect))
                })
            }
            SchemaChange::DropTable(_) => self.demand(Verb::Drop, table, dialect),
            SchemaChange::RenameTable { .. } => {
                Err(denied("a component with grants may not rename a table".to_owned())
                    .hint("create a table of the new name, and copy the rows"))
            }
            SchemaChange::RenameColumn { column, to, .. } => {
                self.demand(Verb::Alter, table, dialect)?;
                // Its grants are for names: another column must not take the place of one that it may read.
                // MySQL and MariaDB compare names of columns by a collation, which ignores accents among others.
                let folds = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
                let names = |of: &str| {
                    let is_plain = |name: &str| !folds || name.is_ascii() && of.is_ascii();
                    [column, to].iter().any(|name| name.eq_ignore_ascii_case(of) || !is_plain(name))
                };
                let is_named = self.tables.iter().any(|grant| {
                    grant.tables.contains(table, dialect) && grant.columns.iter().any(|granted| names(granted))
                });
                match is_named {
                    true => Err(denied(format!(
                        "a component with grants may not rename the column `{column}` of `{table}` to `{to}`, as one of its \
                         grants is for a column of that name"
                    ))
                    .hint("grant it all columns of the table, or rename the column in a migration in SQL")),
                    false => Ok(()),
                }
            }
            SchemaChange::AddColumn { .. }
            | SchemaChange::DropColumn { .. }
            | SchemaChange::CreateIndex(_)
            | SchemaChange::DropIndex { .. } => self.demand(Verb::Alter, table, dialect),
        }
    }

    fn demand(&self, verb: Verb, table: &TableName, dialect: Dialect) -> Result<(), DatabaseError> {
        self.need(verb, table, Touched::Table, dialect)
    }

    fn need(&self, verb: Verb, table: &TableName, columns: Touched, dialect: Dialect) -> Result<(), DatabaseError> {
        let need = Need::Table { verb, table: table.clone(), columns };
        if self.allow(&need, dialect) { Ok(()) } else { Err(need.denied(None)) }
    }
}

fn denied(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, message)
}
