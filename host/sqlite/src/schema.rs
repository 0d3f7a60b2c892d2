//! Tables as the database declares them.

use super::SqliteDatabase;
use super::denial::denied_attached;
use super::error::{from_failure, text_of};
use super::raw::Failure;
use super::rights::is_attached;
use super::types_write::Affinity;
use runner_database::spec::guess;
use runner_database::spec::{ColumnInfo, ROWID};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role, TableInfo, TableName};

/// A table, with the properties that only SQLite has.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub info: TableInfo,
    pub is_virtual: bool,
    pub is_strict: bool,
}

impl Table {
    /// The affinity of the column with this name, in the table's spelling.
    pub(super) fn affinity(&self, name: &str) -> Affinity {
        match self.info.column(name) {
            Some(column) => Affinity::of(&column.declared_type, self.is_strict),
            // The row id.
            None => Affinity::Integer,
        }
    }
}

/// What `PRAGMA table_list` says of a table.
pub(super) struct Listed {
    pub schema: String,
    pub kind: String,
    without_rowid: bool,
    is_strict: bool,
}

impl SqliteDatabase {
    pub(super) fn table_now(&mut self, name: &TableName) -> Result<Table, DatabaseError> {
        let is_guest = self.guard.rights() == Role::Component;
        if let Some(schema) = name.schema.as_deref().filter(|schema| is_guest && is_attached(schema)) {
            return Err(denied_attached(schema));
        }
        if let Some(error) = self.guard.ungranted(name) {
            return Err(error);
        }
        let _host = self.guard.as_host();
        match self.read_table(name, is_guest) {
            Ok(Some(table)) => Ok(table),
            Ok(None) => {
                let error =
                    DatabaseError::new(DatabaseErrorKind::Syntax, format!("there is no table or view `{name}`"));
                let names = self.table_names().unwrap_or_default();
                Err(guess(error, &name.name, names.iter().map(String::as_str)))
            }
            Err(failure) => Err(from_failure(&failure)),
        }
    }

    /// Fails unless an index belongs to this table: SQLite drops one by its name alone.
    pub(super) fn check_index(&self, table: &TableName, index: &str) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        let schema = table.schema.as_ref().map(|schema| format!("{}.", Dialect::Sqlite.quote(schema)));
        let (schema, quoted) = (schema.unwrap_or_default(), Dialect::Sqlite.quote(&table.name));
        let mut is_there = false;
        let listed = self.connection.each_row(&format!("PRAGMA {schema}index_list({quoted})"), &[], |row| {
            is_there |= text_of(row, 1)?.eq_ignore_ascii_case(index);
            Ok(())
        });
        listed.map_err(|failure| from_failure(&failure))?;
        if is_there { Ok(()) } else { Err(DatabaseError::no_index(table, index)) }
    }

    pub(super) fn read_table(&self, name: &TableName, is_guest: bool) -> Result<Option<Table>, Failure> {
        let Some(Listed { schema, kind, without_rowid, is_strict }) = self.find_table(name, is_guest)? else {
            return Ok(None);
        };
        let is_view = kind == "view";
        let quoted = Dialect::Sqlite.quote(&name.name);
        let schema = Dialect::Sqlite.quote(&schema);
        let mut columns = Vec::new();
        let mut key: Vec<(i64, String)> = Vec::new();
        self.connection.each_row(&format!("PRAGMA {schema}.table_xinfo({quoted})"), &[], |row| {
            let hidden: i64 = row.get(6)?;
            // 1: a hidden column of a virtual table; 2 and 3: generated.
            if hidden == 1 {
                return Ok(());
            }
            let column = ColumnInfo {
                name: text_of(row, 1)?,
                declared_type: text_of(row, 2)?,
                base_type: None,
                not_null: row.get(3)?,
                generated: hidden >= 2,
            };
            let place: i64 = row.get(5)?;
            if place > 0 {
                key.push((place, column.name.clone()));
            }
            columns.push(column);
            Ok(())
        })?;
        key.sort();
        let mut key: Vec<String> = key.into_iter().map(|(_, name)| name).collect();
        let taken = |alias: &&str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(alias));
        let free = ROWID.into_iter().find(|alias| !taken(alias));
        let rowid = free.filter(|_| !is_view && !without_rowid).map(str::to_owned);
        let key_is_rowid = if let ([only], false) = (key.as_slice(), without_rowid) {
            let integer = columns
                .iter()
                .any(|column| column.name == *only && column.declared_type.eq_ignore_ascii_case("INTEGER"));
            // `INTEGER PRIMARY KEY DESC` has an index of its own and is not the row id.
            let mut indexed = false;
            self.connection.each_row(&format!("PRAGMA {schema}.index_list({quoted})"), &[], |row| {
                indexed |= text_of(row, 3)? == "pk";
                Ok(())
            })?;
            integer && !indexed
        } else if key.is_empty() {
            key.extend(rowid.clone());
            rowid.is_some()
        } else {
            false
        };
        for column in &mut columns {
            // Other keys of rowid tables may hold NULL.
            column.not_null |= (key_is_rowid || without_rowid) && key.contains(&column.name);
        }
        let info = TableInfo { name: name.clone(), columns, key, is_view, has_heirs: false, key_is_rowid, rowid };
        Ok(Some(Table { info, is_virtual: kind == "virtual", is_strict }))
    }

    /// Without a schema SQLite searches `temp`, `main`, then the others, which a guest may not use.
    pub(super) fn find_table(&self, name: &TableName, is_guest: bool) -> Result<Option<Listed>, Failure> {
        let mut found: Option<(u8, Listed)> = None;
        self.connection.each_row(&format!("PRAGMA table_list({})", Dialect::Sqlite.quote(&name.name)), &[], |row| {
            let schema = text_of(row, 0)?;
            if name.schema.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&schema)) {
                return Ok(());
            }
            if is_guest && is_attached(&schema) {
                return Ok(());
            }
            let order = match schema.as_str() {
                "temp" => 0,
                "main" => 1,
                _ => 2,
            };
            if found.as_ref().is_none_or(|(other, _)| order < *other) {
                let kind = text_of(row, 2)?;
                found = Some((order, Listed { schema, kind, without_rowid: row.get(4)?, is_strict: row.get(5)? }));
            }
            Ok(())
        })?;
        Ok(found.map(|(_, table)| table))
    }

    fn table_names(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        self.connection.each_row("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')", &[], |row| {
            names.push(text_of(row, 0)?);
            Ok(())
        })?;
        Ok(names)
    }
}
