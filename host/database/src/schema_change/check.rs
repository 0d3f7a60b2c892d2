//! What a change of the schema must look like, whatever the database: so that a component that works on one works on the others.

use super::{DataType, DefaultValue, DeleteAction, ForeignKey, NewColumn, NewIndex, NewTable, SchemaChange};
use crate::facts::{TOOL_SCHEMA, is_tool_table};
use crate::{DatabaseError, DatabaseErrorKind, Dialect, TableName};

/// Bytes of a name. PostgreSQL cuts longer ones off without an error; MySQL has 64 characters.
const NAME: usize = 63;
/// Columns of a table: InnoDB has 1,017, PostgreSQL 1,600 and SQLite 2,000.
const COLUMNS: usize = 1_000;
/// Columns of a key or an index: MySQL's greatest number.
const KEY: usize = 16;
/// Constraints of a table: MySQL has 64 indexes.
const CONSTRAINTS: usize = 60;
/// Characters of a `varchar`: as many as fit into a row of InnoDB, with four bytes each.
const VARCHAR: u32 = 16_383;
/// Digits of a decimal number, and those after the decimal point: MySQL's greatest numbers.
const PRECISION: u8 = 65;
const SCALE: u8 = 30;
/// Characters of a name that a message shows.
const SHOWN: usize = 40;

/// The name of every primary key on MySQL and MariaDB.
const PRIMARY_KEY: &str = "PRIMARY";
/// What SQLite keeps for itself.
const SQLITE_PREFIX: &str = "sqlite_";
/// Columns that every table of PostgreSQL has.
const POSTGRES_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
/// Schemas of the servers, and of the tool.
const SCHEMAS: [&str; 6] = [TOOL_SCHEMA, "runner_gate", "information_schema", "mysql", "performance_schema", "sys"];

type Checked = Result<(), DatabaseError>;

impl SchemaChange {
    /// Fails if no statement may be made of it.
    pub(super) fn check(&self, dialect: Dialect) -> Checked {
        check_table(self.table())?;
        match self {
            Self::CreateTable(new) => check_new_table(new, dialect),
            Self::DropTable(_) => Ok(()),
            Self::RenameTable { to, .. } => check_object("a table", to),
            Self::AddColumn { table, column } => check_added(table, column, dialect),
            Self::DropColumn { column, .. } => check_name("a column", column),
            Self::RenameColumn { column, to, .. } => {
                check_name("a column", column)?;
                check_column_name(to)
            }
            Self::CreateIndex(NewIndex { name, columns, .. }) => {
                check_index(name)?;
                check_list("an index", columns)
            }
            Self::DropIndex { index, .. } => check_index(index),
        }
    }
}

fn check_new_table(new: &NewTable, dialect: Dialect) -> Checked {
    let NewTable { table, columns, primary_key, unique, foreign_keys } = new;
    if columns.is_empty() {
        return Err(invalid(format!("the table `{table}` has no columns")));
    }
    at_most("columns", columns.len(), COLUMNS)?;
    at_most("constraints", unique.len() + foreign_keys.len(), CONSTRAINTS)?;
    for (at, column) in columns.iter().enumerate() {
        check_column(table, column, dialect)?;
        if columns[..at].iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
            return Err(invalid(format!("the table `{table}` has two columns of the name `{}`", column.name)));
        }
        if column.identity && (primary_key.as_slice() != [column.name.as_str()] || column.data_type != DataType::Int64)
        {
            return Err(invalid(format!("the column `{table}.{}` cannot be an identity", column.name))
                .hint("an identity is an `int64` and the only column of the primary key"));
        }
    }
    if !primary_key.is_empty() {
        check_key(table, columns, "a primary key", primary_key)?;
    }
    unique.iter().try_for_each(|list| check_key(table, columns, "a unique constraint", list))?;
    foreign_keys.iter().try_for_each(|key| check_foreign_key(table, columns, primary_key, key))
}

fn check_foreign_key(table: &TableName, columns: &[NewColumn], primary_key: &[String], key: &ForeignKey) -> Checked {
    check_key(table, columns, "a foreign key", &key.columns)?;
    check_table(&key.references)?;
    check_list("a foreign key", &key.referenced)?;
    let (own, other) = (key.columns.len(), key.referenced.len());
    if own != other {
        return Err(invalid(format!("a foreign key of `{table}` has {own} columns and refers to {other}")));
    }
    let refuses_null =
        |name: &String| primary_key.contains(name) || columns.iter().any(|it| it.name == *name && it.not_null);
    match key.columns.iter().find(|name| key.on_delete == DeleteAction::SetNull && refuses_null(name)) {
        Some(name) => Err(invalid(format!("the column `{table}.{name}` refuses NULL, and a foreign key would set it"))
            .hint("let the column accept NULL, or choose another action")),
        None => Ok(()),
    }
}

/// Checks columns of a new table that are named again in a constraint.
fn check_key(table: &TableName, columns: &[NewColumn], what: &str, key: &[String]) -> Checked {
    check_list(what, key)?;
    match key.iter().find(|name| !columns.iter().any(|column| column.name == **name)) {
        Some(name) => {
            Err(invalid(format!("{what} of `{table}` names the column `{}`, which it does not have", shown(name))))
        }
        None => Ok(()),
    }
}

fn check_list(what: &str, columns: &[String]) -> Checked {
    if columns.is_empty() {
        return Err(invalid(format!("{what} has no columns")));
    }
    at_most(&format!("columns in {what}"), columns.len(), KEY)?;
    for (at, name) in columns.iter().enumerate() {
        check_name("a column", name)?;
        if columns[..at].contains(name) {
            return Err(invalid(format!("{what} names the column `{name}` twice")));
        }
    }
    Ok(())
}

fn check_added(table: &TableName, column: &NewColumn, dialect: Dialect) -> Checked {
    check_column(table, column, dialect)?;
    let name = &column.name;
    if column.identity {
        return Err(invalid(format!("the column `{table}.{name}` cannot be added as an identity"))
            .hint("a table gets it when it is created"));
    }
    let has_default = !matches!(&column.default, None | Some(DefaultValue::Literal(runner_data::Value::Null)));
    if column.not_null && !has_default {
        return Err(invalid(format!("the column `{table}.{name}` refuses NULL and has no default"))
            .hint("rows that exist need a value: give it a default, or let it accept NULL"));
    }
    if dialect == Dialect::Sqlite && column.default == Some(DefaultValue::CurrentTimestamp) {
        return Err(invalid(format!(
            "SQLite cannot add the column `{table}.{name}` with the current time as its default"
        ))
        .hint("let it accept NULL, without a default"));
    }
    Ok(())
}

fn check_column(table: &TableName, column: &NewColumn, dialect: Dialect) -> Checked {
    check_column_name(&column.name)?;
    let place = || format!("the column `{table}.{}`", column.name);
    match column.data_type {
        DataType::Varchar(length) if !(1..=VARCHAR).contains(&length) => {
            return Err(invalid(format!("{} has {length} characters; a `varchar` has 1 to {VARCHAR}", place()))
                .hint("use `text` for longer ones"));
        }
        DataType::Decimal { precision, scale }
            if !(1..=PRECISION).contains(&precision) || scale > SCALE.min(precision) =>
        {
            return Err(invalid(format!(
                "{} has {precision} digits, {scale} of them after the decimal point; a `decimal` has 1 to {PRECISION}, and at \
                 most {SCALE} of them there",
                place()
            )));
        }
        _ => {}
    }
    if column.identity && column.default.is_some() {
        return Err(invalid(format!("{} is an identity and has a default", place())));
    }
    match &column.default {
        None => Ok(()),
        Some(DefaultValue::CurrentTimestamp) if column.data_type == DataType::Timestamptz => Ok(()),
        Some(DefaultValue::CurrentTimestamp) => {
            Err(invalid(format!("{} has the current time as its default and is no `timestamptz`", place())))
        }
        Some(DefaultValue::Literal(value)) => column
            .data_type
            .literal(value, dialect)
            .map(drop)
            .map_err(|why| invalid(format!("the default of {} {why}", place()))),
    }
}

fn check_table(table: &TableName) -> Checked {
    if let Some(schema) = &table.schema {
        check_name("a schema", schema)?;
        let is_server = SCHEMAS.iter().any(|known| known.eq_ignore_ascii_case(schema));
        if is_server || schema.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("pg_")) {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Denied,
                format!("no migration may change the schema `{}`", shown(schema)),
            )
            .hint("it belongs to the server or to runner"));
        }
    }
    check_object("a table", &table.name)
}

/// Checks the name of something that has a name of its own in a schema.
fn check_object(what: &str, name: &str) -> Checked {
    check_name(what, name)?;
    if is_tool_table(name) {
        return Err(DatabaseError::new(DatabaseErrorKind::Denied, format!("`{name}` belongs to runner"))
            .hint("choose another name"));
    }
    if name.get(..SQLITE_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(SQLITE_PREFIX)) {
        return Err(invalid(format!("`{}` is reserved: SQLite keeps names that begin with `sqlite_`", shown(name)))
            .hint("choose another name"));
    }
    Ok(())
}

fn check_index(name: &str) -> Checked {
    check_object("an index", name)?;
    match name.eq_ignore_ascii_case(PRIMARY_KEY) {
        true => Err(invalid(format!(
            "`{name}` is not allowed as the name of an index: it is what MySQL and MariaDB call the primary key"
        ))
        .hint("choose another name; no change of the schema drops a primary key")),
        false => Ok(()),
    }
}

fn check_column_name(name: &str) -> Checked {
    check_name("a column", name)?;
    if POSTGRES_COLUMNS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(invalid(format!("`{name}` is reserved: every table of PostgreSQL has a column of that name"))
            .hint("choose another name"));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Checked {
    if name.is_empty() {
        return Err(invalid(format!("{what} has an empty name")));
    }
    if name.len() > NAME {
        return Err(invalid(format!(
            "the name of {what} has {} bytes, more than {NAME}: `{}`",
            name.len(),
            shown(name)
        ))
        .hint("PostgreSQL would cut it off"));
    }
    if let Some(character) = name.chars().find(|character| character.is_control()) {
        return Err(invalid(format!(
            "the name of {what} has the control character U+{:04X}: `{}`",
            u32::from(character),
            shown(name)
        )));
    }
    if let Some(character) = name.chars().find(|character| u32::from(*character) > 0xFFFF) {
        return Err(invalid(format!(
            "the name of {what} has the character U+{:04X}: `{}`",
            u32::from(character),
            shown(name)
        ))
        .hint("MySQL and MariaDB allow only characters up to U+FFFF in names"));
    }
    if name.ends_with(' ') {
        return Err(invalid(format!("the name of {what} ends with a space: `{name}`")).hint("MySQL refuses such names"));
    }
    Ok(())
}

fn at_most(what: &str, count: usize, most: usize) -> Checked {
    match count > most {
        true => Err(DatabaseError::new(DatabaseErrorKind::Limit, format!("{count} {what}, more than {most}"))),
        false => Ok(()),
    }
}

fn invalid(message: String) -> DatabaseError {
    DatabaseError::invalid(message)
}

/// The beginning of a name, with control characters escaped.
fn shown(name: &str) -> String {
    let start: String = name.chars().take(SHOWN).collect();
    let cut = if start.len() < name.len() { "…" } else { "" };
    format!("{}{cut}", start.escape_debug())
}
