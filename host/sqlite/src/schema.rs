//! Tables as the database declares them.

use crate::error::text_of;
use crate::executor::Executor;
use crate::guard::is_attached;
use crate::raw::Failure;
use crate::types::Affinity;
use runner_database::spec::{ColumnInfo, ROWID, guess};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role, TableInfo, TableName};

/// A table, with the properties that only SQLite has.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub info: TableInfo,
    pub is_virtual: bool,
    pub is_strict: bool,
}

impl Table {
    /// The affinity of the column with this name, in the table's spelling.
    pub(crate) fn affinity(&self, name: &str) -> Affinity {
        match self.info.column(name) {
            Some(column) => Affinity::of(&column.declared_type, self.is_strict),
            // The row id.
            None => Affinity::Integer,
        }
    }
}

/// What `PRAGMA table_list` says of a table.
pub(crate) struct Listed {
    pub schema: String,
    pub kind: String,
    without_rowid: bool,
    is_strict: bool,
}

/// A table, as the present role sees it.
pub(crate) fn table(executor: &Executor, name: &TableName) -> Result<Table, DatabaseError> {
    executor.guard().check_table(name)?;
    let _host = executor.guard().as_host();
    if let Some(table) = read_table(executor, name)? {
        return Ok(table);
    }
    let error = DatabaseError::new(DatabaseErrorKind::Syntax, format!("there is no table or view `{name}`"));
    let names = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')";
    let names = executor.connection().fetch_all(names, &[], |row| text_of(row, 0)).unwrap_or_default();
    Err(guess(error, &name.name, names.iter().map(String::as_str)))
}

/// Fails unless an index belongs to this table: SQLite drops one by its name alone.
pub(crate) fn check_index(executor: &Executor, table: &TableName, index: &str) -> Result<(), DatabaseError> {
    let _host = executor.guard().as_host();
    let schema = table.schema.as_ref().map(|schema| format!("{}.", Dialect::Sqlite.quote(schema)));
    let (schema, quoted) = (schema.unwrap_or_default(), Dialect::Sqlite.quote(&table.name));
    let list = format!("PRAGMA {schema}index_list({quoted})");
    let names = executor.connection().fetch_all(&list, &[], |row| text_of(row, 1))?;
    let is_there = names.iter().any(|name| name.eq_ignore_ascii_case(index));
    if is_there { Ok(()) } else { Err(DatabaseError::no_index(table, index)) }
}

fn read_table(executor: &Executor, name: &TableName) -> Result<Option<Table>, Failure> {
    let Some(Listed { schema, kind, without_rowid, is_strict }) = find_table(executor, name)? else {
        return Ok(None);
    };
    let connection = executor.connection();
    let is_view = kind == "view";
    let quoted = Dialect::Sqlite.quote(&name.name);
    let schema = Dialect::Sqlite.quote(&schema);
    let mut columns = Vec::new();
    let mut key: Vec<(i64, String)> = Vec::new();
    connection.fetch_all(&format!("PRAGMA {schema}.table_xinfo({quoted})"), &[], |row| {
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
        let integer =
            columns.iter().any(|column| column.name == *only && column.declared_type.eq_ignore_ascii_case("INTEGER"));
        // `INTEGER PRIMARY KEY DESC` has an index of its own and is not the row id.
        let list = format!("PRAGMA {schema}.index_list({quoted})");
        let origins = connection.fetch_all(&list, &[], |row| text_of(row, 3))?;
        integer && !origins.iter().any(|origin| origin == "pk")
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

/// Without a schema SQLite searches `temp`, `main`, then the others, which a component may not use.
pub(crate) fn find_table(executor: &Executor, name: &TableName) -> Result<Option<Listed>, Failure> {
    let is_component = executor.guard().role() == Role::Component;
    let list = format!("PRAGMA table_list({})", Dialect::Sqlite.quote(&name.name));
    let listed = executor.connection().fetch_all(&list, &[], |row| {
        let (schema, kind) = (text_of(row, 0)?, text_of(row, 2)?);
        Ok(Listed { schema, kind, without_rowid: row.get(4)?, is_strict: row.get(5)? })
    })?;
    let order = |listed: &Listed| match listed.schema.as_str() {
        "temp" => 0,
        "main" => 1,
        _ => 2,
    };
    let is_meant = |listed: &Listed| {
        name.schema.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&listed.schema))
            && !(is_component && is_attached(&listed.schema))
    };
    Ok(listed.into_iter().filter(is_meant).min_by_key(order))
}
