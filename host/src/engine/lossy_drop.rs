//! SQLite: `DROP TABLE` deletes the rows of the table first, and where foreign keys are enforced, that deletes or changes rows of the
//! tables that refer to it. In a file that puts another table in its place, nobody wants that. A table that is dropped for good
//! takes with it what its foreign keys say.

use crate::data::Value;
use crate::database::message::{REBUILD, REBUILD_ORDER};
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, HostSession, QueryLimits};
use crate::project::catalog::Description;
use crate::sql::{Program, Replaced, replaced_tables};

/// The tables that refer to one, the columns with which they do, and how they follow it.
const FOLLOWERS: &str = "SELECT m.name, f.\"from\", f.on_delete FROM main.sqlite_schema AS m, \
     pragma_foreign_key_list(m.name, 'main') AS f \
     WHERE m.type = 'table' AND f.\"table\" = ? COLLATE NOCASE AND m.name <> f.\"table\" COLLATE NOCASE";

/// The tables that a file drops and replaces; none if foreign keys are off for it.
pub fn replaced(program: &Program<'_>, dialect: Dialect) -> Vec<Replaced> {
    match dialect == Dialect::Sqlite && !program.foreign_keys_off {
        true => replaced_tables(&program.statements),
        false => Vec::new(),
    }
}

/// What is to be said of a file in advance: nothing is known of the rows.
pub fn warning(file: &str, program: &Program<'_>, description: &Description, dialect: Dialect) -> Option<String> {
    if dialect != Dialect::Sqlite {
        return None;
    }
    let is_rebuild = program.foreign_keys_off || description.needs_table_rebuild();
    // A rebuild is checked at its end, and fails then if foreign keys have followed the old table.
    let replaced = replaced_tables(&program.statements).into_iter().find(|it| !is_rebuild || it.is_renamed())?;
    let Replaced { table, dropped_as, .. } = &replaced;
    Some(match replaced.is_renamed() {
        true => format!(
            "`{file}` renames `{table}` to `{dropped_as}`, drops it and replaces it, which is refused if other tables refer to it: {}",
            in_order(is_rebuild)
        ),
        false => format!(
            "`{file}` drops `{table}` and replaces it, which is refused if rows of other tables refer to it with `ON DELETE CASCADE`, \
             `SET NULL` or `SET DEFAULT`: the directive `-- runner:table-rebuild` at the top of the file keeps them as they are"
        ),
    })
}

/// How to rebuild a table that was renamed first.
fn in_order(is_rebuild: bool) -> String {
    match is_rebuild {
        true => REBUILD_ORDER.to_owned(),
        false => format!("write the directive `-- runner:table-rebuild` at the top of the file, and {REBUILD_ORDER}"),
    }
}

/// Refuses to drop a table that is to be replaced, if rows of others would be deleted or changed, or if it was renamed and others
/// would refer to a table that no longer exists.
pub async fn refuse(host: &mut HostSession<'_>, replaced: &Replaced) -> Result<(), DatabaseError> {
    let enforced = host.query("PRAGMA foreign_keys", &[], QueryLimits::NONE).await?;
    if enforced.rows.first().and_then(|row| row.first()).and_then(Value::as_int64) != Some(1) {
        return Ok(());
    }
    // As most that are dropped: a dump drops thousands that are not there. A table that was renamed has left its name to others.
    let any = format!("SELECT 1 FROM main.{} LIMIT 1", Dialect::Sqlite.quote(&replaced.dropped_as));
    match host.query(&any, &[], QueryLimits::NONE).await {
        Err(error) if error.kind == DatabaseErrorKind::Syntax => return Ok(()),
        Ok(found) if found.rows.is_empty() && !replaced.is_renamed() => return Ok(()),
        other => drop(other?),
    }
    // The table, and those that its rows take with them and that are replaced as well.
    let mut tables = vec![replaced.dropped_as.clone()];
    let mut orphan = None;
    let mut at = 0;
    while let Some(table) = tables.get(at).cloned() {
        at += 1;
        for Follower { name, column, action } in followers(host, &table).await? {
            let later = replaced.dropped_later(&name);
            if at == 1 && later.is_none() {
                orphan.get_or_insert_with(|| name.clone());
            }
            if !matches!(action.as_str(), "CASCADE" | "SET NULL" | "SET DEFAULT")
                || !refers(host, &name, &column).await?
            {
                continue;
            }
            match later.filter(|later| !later.is_read) {
                None => {
                    let to = if at == 1 { "it".to_owned() } else { format!("`{table}`") };
                    let loss = match action.as_str() {
                        "CASCADE" => format!("delete the rows of `{name}` that refer to {to}"),
                        _ => format!("change `{column}` in the rows of `{name}` that refer to {to}"),
                    };
                    return Err(refused(replaced, &format!("{loss} (ON DELETE {action})")));
                }
                Some(later) if later.is_replaced && action == "CASCADE" && !tables.contains(&name) => tables.push(name),
                Some(_) => {}
            }
        }
    }
    match orphan.filter(|_| replaced.is_renamed()) {
        Some(name) => {
            Err(refused(replaced, &format!("leave `{name}` with a foreign key to a table that no longer exists")))
        }
        None => Ok(()),
    }
}

/// A foreign key of another table.
struct Follower {
    name: String,
    column: String,
    action: String,
}

async fn followers(host: &mut HostSession<'_>, table: &str) -> Result<Vec<Follower>, DatabaseError> {
    let found = host.query(FOLLOWERS, &[table.into()], QueryLimits::NONE).await?;
    let follower = |row: &Vec<Value>| {
        let [name, column, action] = [0, 1, 2].map(|at| row.get(at).and_then(Value::as_text).map(str::to_owned));
        Some(Follower { name: name?, column: column?, action: action? })
    };
    Ok(found.rows.iter().filter_map(follower).collect())
}

/// Whether a row of a table has a value in a column.
async fn refers(host: &mut HostSession<'_>, table: &str, column: &str) -> Result<bool, DatabaseError> {
    let quoted = |name: &str| Dialect::Sqlite.quote(name);
    let any = format!("SELECT 1 FROM main.{} WHERE {} IS NOT NULL LIMIT 1", quoted(table), quoted(column));
    Ok(!host.query(&any, &[], QueryLimits::NONE).await?.rows.is_empty())
}

fn refused(replaced: &Replaced, loss: &str) -> DatabaseError {
    let Replaced { table, dropped_as, .. } = replaced;
    let renamed = if replaced.is_renamed() { format!(" as `{dropped_as}`") } else { String::new() };
    let message = format!("`{table}` is to be replaced, and dropping it{renamed} would {loss}");
    let error = DatabaseError::new(DatabaseErrorKind::Constraint, message);
    match replaced.is_renamed() {
        true => error.hint(in_order(false)),
        false => error.hint(REBUILD),
    }
}
