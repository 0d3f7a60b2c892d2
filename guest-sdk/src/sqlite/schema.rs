//! What the database reports about a table and everything that depends on it.

use super::connection::Connection;
use super::token::{Kind, tokens};
use crate::{Error, ErrorKind, Result, Value, params};

/// An existing table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Its name, spelled as in the database.
    pub(super) name: String,
    /// Its CREATE TABLE.
    pub(super) sql: String,
    /// Its columns, including generated ones.
    pub(super) columns: Vec<ColumnInfo>,
    /// Whether it has row ids.
    pub(super) has_rowid: bool,
    /// Whether it is STRICT.
    pub(super) strict: bool,
    /// The column that is an alias for the row id.
    pub(super) rowid_column: Option<String>,
}

/// An existing column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColumnInfo {
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    /// Its position in the primary key, from 1; 0 if it is not part of it.
    pub(super) primary_key: i64,
    pub(super) generated: bool,
}

/// An index, a view or a trigger.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) table: String,
    pub(super) sql: String,
}

impl Table {
    /// Reads a table by its name, ignoring case.
    pub(super) fn read(db: &impl Connection, name: &str) -> Result<Self> {
        let sql = "SELECT l.name, l.type, l.wr, l.strict, s.sql FROM pragma_table_list AS l \
                   LEFT JOIN main.sqlite_schema AS s ON s.type = 'table' AND s.name = l.name \
                   WHERE l.schema = 'main' AND l.name = ?1 COLLATE NOCASE";
        let rows = db.query(sql, &params![name])?;
        let row =
            rows.iter().next().ok_or_else(|| Error::with_kind(ErrorKind::InvalidArgument, "there is no such table"))?;
        let kind: &str = row.get("type")?;
        let name: String = row.get("name")?;
        if kind != "table" || name.to_ascii_lowercase().starts_with("sqlite_") {
            return Err(Error::with_kind(ErrorKind::InvalidArgument, format!("`{name}` is not an ordinary table")));
        }
        let columns = columns(db, &name)?;
        let has_rowid = !row.get::<bool>("wr")?;
        let rowid_column = if has_rowid { rowid_column(db, &name, &columns)? } else { None };
        let (sql, strict) = (row.get("sql")?, row.get("strict")?);
        Ok(Self { sql, columns, has_rowid, strict, rowid_column, name })
    }

    /// The column with this name, ignoring case.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnInfo> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

fn columns(db: &impl Connection, table: &str) -> Result<Vec<ColumnInfo>> {
    let sql = "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid";
    let column = |row: crate::sql::Row| {
        Ok(ColumnInfo {
            name: row.get("name")?,
            data_type: row.get("type")?,
            not_null: row.get("notnull")?,
            default: row.get("dflt_value")?,
            primary_key: row.get("pk")?,
            generated: row.get::<i64>("hidden")? != 0,
        })
    };
    db.query(sql, &params![table])?.into_iter().map(column).collect()
}

/// An INTEGER PRIMARY KEY is an alias for the row id. Unlike any other key, it has no index.
fn rowid_column(db: &impl Connection, table: &str, columns: &[ColumnInfo]) -> Result<Option<String>> {
    let mut key = columns.iter().filter(|column| column.primary_key > 0);
    let (Some(column), None) = (key.next(), key.next()) else { return Ok(None) };
    let sql = "SELECT count(*) FROM pragma_index_list(?1) WHERE origin = 'pk'";
    Ok((scalar::<i64>(db, sql, &params![table])? == 0).then(|| column.name.clone()))
}

/// All indexes, views and triggers created by a statement, in the order of creation.
pub(super) fn objects(db: &impl Connection) -> Result<Vec<Object>> {
    let sql = "SELECT type, name, tbl_name, sql FROM main.sqlite_schema \
               WHERE type IN ('index', 'view', 'trigger') AND sql IS NOT NULL ORDER BY rowid";
    let object = |row: crate::sql::Row| {
        Ok(Object { kind: row.get("type")?, name: row.get("name")?, table: row.get("tbl_name")?, sql: row.get("sql")? })
    };
    db.query(sql, &[])?.into_iter().map(object).collect()
}

/// The views and triggers that refer to a table, directly or through other views.
///
/// A rename fails while one of them refers to a missing table. Including one too many does no harm, since they are created
/// again from the same text.
pub(super) fn dependents(objects: &[Object], table: &str) -> Result<Vec<Object>> {
    let mut names = vec![table.to_owned()];
    let mut found = vec![false; objects.len()];
    loop {
        let before = names.len();
        for (object, found) in
            objects.iter().zip(&mut found).filter(|(object, found)| object.kind != "index" && !**found)
        {
            let tokens = tokens(&object.sql)?;
            let speaks =
                |name: &String| object.table.eq_ignore_ascii_case(name) || tokens.iter().any(|token| token.names(name));
            if names.iter().any(speaks) {
                *found = true;
                names.push(object.name.clone());
            }
        }
        if names.len() == before {
            return Ok(objects
                .iter()
                .zip(found)
                .filter(|(_, found)| *found)
                .map(|(object, _)| object.clone())
                .collect());
        }
    }
}

/// Refuses to continue if rows of other tables would be affected: with foreign keys enforced, dropping a table first deletes
/// its rows, and everything that refers to them.
pub(super) fn guard_children(db: &impl Connection, table: &str) -> Result<()> {
    let children = children(db, table)?;
    let enforced = db.query("PRAGMA foreign_keys", &[])?.iter().next().map_or(Ok(false), |row| row.get::<bool>(0))?;
    match children.first() {
        Some((child, _)) if enforced => Err(Error::with_kind(
            ErrorKind::Denied,
            format!(
                "table `{child}` refers to it and foreign keys are enforced; \
                 have the description say `.needs(Need::TableRebuild)`, so that they are checked as a whole at the end instead"
            ),
        )),
        _ => Ok(()),
    }
}

/// The tables that refer to a table, and the columns they refer to; no column means the primary key.
pub(super) fn children(db: &impl Connection, table: &str) -> Result<Vec<(String, Option<String>)>> {
    let sql = "SELECT s.name, f.\"to\" FROM main.sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f \
               WHERE s.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE";
    db.query(sql, &params![table])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Refuses to drop a column that something else uses, especially where SQLite would not report it.
pub(super) fn guard_column<'a>(
    db: &impl Connection,
    table: &Table,
    column: &str,
    objects: impl IntoIterator<Item = &'a Object>,
) -> Result<()> {
    let refuse = |what: String, way_out: &str| {
        Err(Error::with_kind(
            ErrorKind::InvalidArgument,
            format!("column `{column}` cannot be dropped: {what}; {way_out}"),
        ))
    };
    if table.column(column).is_none() {
        return Err(Error::with_kind(ErrorKind::InvalidArgument, format!("there is no column `{column}`")));
    }
    for (child, to) in children(db, &table.name)? {
        if to.is_some_and(|to| to.eq_ignore_ascii_case(column)) {
            return refuse(format!("table `{child}` refers to it"), "drop that foreign key first");
        }
    }
    for object in objects {
        let tokens = tokens(&object.sql)?;
        // A name in double quotes that is no longer a column silently becomes a string.
        let mut quoted = tokens.iter().filter(|token| token.kind == Kind::Quoted && token.text.starts_with('"'));
        let uses = match object.kind.as_str() {
            "index" => {
                let list = tokens.iter().skip_while(|token| !token.is_symbol('('));
                object.table.eq_ignore_ascii_case(&table.name) && list.into_iter().any(|token| token.names(column))
            }
            "trigger" if object.table.eq_ignore_ascii_case(&table.name) => {
                // `UPDATE OF column` would never fire again.
                let header = tokens.iter().skip_while(|token| !token.is("OF")).take_while(|token| !token.is("ON"));
                header.into_iter().any(|token| token.names(column)) || quoted.any(|token| token.names(column))
            }
            _ => quoted.any(|token| token.names(column)),
        };
        if uses {
            return refuse(
                format!("{} `{}` may use it", object.kind, object.name),
                "drop that first, and create it again afterwards",
            );
        }
    }
    Ok(())
}

/// An unused name for the new table.
pub(super) fn free_name(db: &impl Connection, table: &str) -> Result<String> {
    let taken = "SELECT count(*) FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    for number in 1.. {
        let name = format!("{table}_rebuilt_{number}");
        if scalar::<i64>(db, taken, &params![name.as_str()])? == 0 {
            return Ok(name);
        }
    }
    unreachable!("a schema has an end")
}

/// The only value of a query.
pub(super) fn scalar<T>(db: &impl Connection, sql: &str, parameters: &[Value]) -> Result<T>
where
    T: for<'a> crate::value::FromValue<'a>,
{
    let rows = db.query(sql, parameters)?;
    rows.iter().next().ok_or_else(|| Error::new("the query returned no rows"))?.get(0)
}
