//! The rebuild itself, following the procedure of <https://sqlite.org/lang_altertable.html#otheralter>.

use super::connection::Connection;
use super::copy::{self, Wishes};
use super::definition::{self, Definition};
use super::dependent::Dependents;
use super::edit::Edit;
use super::rebuild::TableRebuild;
use super::schema::{self, Table, scalar};
use super::{quote, token};
use crate::{Error, ErrorKind, Result, params};

/// Rebuilds a table.
pub(super) fn run(rebuild: &TableRebuild, db: &impl Connection) -> Result<()> {
    steps(rebuild, db).map_err(|error| error.context(format_args!("rebuilding table `{}`", rebuild.table)))
}

fn steps(rebuild: &TableRebuild, db: &impl Connection) -> Result<()> {
    let old = rename_columns(rebuild, db, Table::read(db, &rebuild.table)?)?;
    schema::guard_children(db, &old.name)?;
    let objects = schema::objects(db)?;
    let indexes = || {
        let own = |object: &&schema::Object| object.kind == "index" && object.table.eq_ignore_ascii_case(&old.name);
        objects.iter().filter(own)
    };
    let dependents = schema::dependents(&objects, &old.name)?;
    for column in &rebuild.drops {
        schema::guard_column(db, &old, column, indexes().chain(&dependents))?;
    }
    let dependents = Dependents::new(db, dependents)?;

    let temporary = schema::free_name(db, &old.name)?;
    let definition = match &rebuild.definition {
        Some(given) => given_definition(rebuild, &old, given)?,
        None => edited_definition(rebuild, &old)?,
    };
    db.execute(&definition::with_name(&definition, &temporary)?, &[])?;
    let new = Table::read(db, &temporary)?;
    if rebuild.definition.is_none() {
        compare(rebuild, &old, &new)?;
    }

    copy_rows(rebuild, db, &old, &new)?;
    let sequence = sequence(db, &old, &definition)?;
    dependents.drop(db)?;
    db.execute(&format!("DROP TABLE main.{}", quote(&old.name)), &[])?;
    db.execute(&format!("ALTER TABLE main.{} RENAME TO {}", quote(&temporary), quote(&old.name)), &[])?;
    if let Some(sequence) = sequence {
        set_sequence(db, &old.name, sequence)?;
    }
    for index in indexes() {
        db.execute(&index.sql, &[])?;
    }
    dependents.restore(db)
}

/// SQLite itself renames columns in everything that refers to them.
fn rename_columns(rebuild: &TableRebuild, db: &impl Connection, table: Table) -> Result<Table> {
    for (name, to) in &rebuild.renames {
        let table = quote(&table.name);
        db.execute(&format!("ALTER TABLE main.{table} RENAME COLUMN {} TO {}", quote(name), quote(to)), &[])?;
    }
    if rebuild.renames.is_empty() { Ok(table) } else { Table::read(db, &table.name) }
}

fn given_definition(rebuild: &TableRebuild, old: &Table, given: &str) -> Result<String> {
    let invalid = |message: &str| Err(Error::with_kind(ErrorKind::InvalidArgument, message));
    if !rebuild.edits.is_empty() {
        return invalid("pass either the whole definition or single changes, not both");
    }
    if !definition::table_name(given)?.eq_ignore_ascii_case(&old.name) {
        return invalid("the definition is for another table");
    }
    Ok(given.to_owned())
}

fn edited_definition(rebuild: &TableRebuild, old: &Table) -> Result<String> {
    let unsure = |error: Error| error.context("single changes are not enough; pass the whole `.definition(…)`");
    let mut table = Definition::parse(&old.sql).map_err(unsure)?;
    // The database's own information about the table decides whether the text was parsed correctly.
    let read = table.columns.iter().map(|column| &column.name);
    if !read.eq(old.columns.iter().map(|column| &column.name)) {
        return Err(unsure(Error::new("its columns differ from those in its text")));
    }
    let drops = rebuild.drops.iter().map(|name| Edit::DropColumn { name: name.clone() });
    // Drops come last, since another change may remove the last use of a column.
    rebuild.edits.iter().cloned().chain(drops).try_for_each(|edit| edit.apply(&mut table))?;
    Ok(table.render(&old.name))
}

/// Verifies that single changes have changed what they name, and nothing else.
fn compare(rebuild: &TableRebuild, old: &Table, new: &Table) -> Result<()> {
    let changed = |name: &str| {
        let named = rebuild.edits.iter().filter_map(Edit::column).chain(rebuild.drops.iter().map(String::as_str));
        named.into_iter().any(|named| named.eq_ignore_ascii_case(name))
    };
    // A primary key added as a constraint makes its columns NOT NULL if the table has no row ids.
    let key_changed = rebuild.edits.iter().any(|edit| edit.column().is_none());
    for column in old.columns.iter().filter(|column| !changed(&column.name)) {
        let same = new.column(&column.name).is_some_and(|found| {
            let mut found = found.clone();
            if key_changed {
                (found.primary_key, found.not_null) = (column.primary_key, column.not_null);
            }
            found == *column
        });
        if !same {
            let message =
                format!("single changes would change column `{}` too; pass the whole `.definition(…)`", column.name);
            return Err(Error::new(message));
        }
    }
    if (old.has_rowid, old.strict) != (new.has_rowid, new.strict) {
        return Err(Error::new("single changes would change the kind of the table; pass the whole `.definition(…)`"));
    }
    Ok(())
}

fn copy_rows(rebuild: &TableRebuild, db: &impl Connection, old: &Table, new: &Table) -> Result<()> {
    let wishes = Wishes { fills: &rebuild.fills, drops: &rebuild.drops };
    let copied = db.execute(&copy::statement(old, new, &wishes)?, &[])?;
    let rows: u64 = scalar(db, &format!("SELECT count(*) FROM main.{}", quote(&old.name)), &[])?;
    if copied == rows { Ok(()) } else { Err(Error::new(format!("{copied} of {rows} rows were copied"))) }
}

/// The last number of the table's AUTOINCREMENT sequence, if both the old and the new table have one.
fn sequence(db: &impl Connection, old: &Table, definition: &str) -> Result<Option<i64>> {
    let has_sequence = |sql: &str| Ok::<_, Error>(token::tokens(sql)?.iter().any(|token| token.is("AUTOINCREMENT")));
    if !has_sequence(&old.sql)? || !has_sequence(definition)? {
        return Ok(None);
    }
    let rows = db.query("SELECT seq FROM main.sqlite_sequence WHERE name = ?1", &params![old.name.as_str()])?;
    rows.iter().next().map_or(Ok(None), |row| row.get(0))
}

/// Numbers that were assigned once are not assigned again, even if their rows are gone.
fn set_sequence(db: &impl Connection, table: &str, sequence: i64) -> Result<()> {
    let update = "UPDATE main.sqlite_sequence SET seq = ?1 WHERE name = ?2";
    if db.execute(update, &params![sequence, table])? == 0 {
        db.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?2, ?1)", &params![sequence, table])?;
    }
    Ok(())
}
