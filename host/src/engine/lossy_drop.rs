//! SQLite: `DROP TABLE` deletes the rows of the table first, and where foreign keys are enforced, that deletes or changes rows of the
//! tables that refer to it. In a file that puts another table in its place, nobody wants that.

use crate::data::Value;
use crate::database::message::REBUILD;
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, HostSession, QueryLimits};
use crate::project::catalog::Description;
use crate::sql::{Program, replaced_tables};

/// The tables that refer to one and follow it, the columns with which they do, and how.
const FOLLOWERS: &str = "SELECT m.name, f.\"from\", f.on_delete FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f \
     WHERE m.type = 'table' AND f.\"table\" = ? COLLATE NOCASE AND m.name <> f.\"table\" COLLATE NOCASE \
     AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT')";

/// The tables that a file drops and replaces, with the positions of the statements that drop them; none if foreign keys are off for
/// it.
pub fn replaced(program: &Program<'_>, dialect: Dialect) -> Vec<(usize, String)> {
    match dialect == Dialect::Sqlite && !program.foreign_keys_off {
        true => replaced_tables(&program.statements),
        false => Vec::new(),
    }
}

/// What is to be said of a file in advance: nothing is known of the rows.
pub fn warning(file: &str, program: &Program<'_>, description: &Description, dialect: Dialect) -> Option<String> {
    let replaced = if description.needs_table_rebuild() { Vec::new() } else { replaced(program, dialect) };
    let (_, table) = replaced.first()?;
    Some(format!(
        "`{file}` drops `{table}` and replaces it, which is refused if rows of other tables refer to it with `ON DELETE CASCADE`, `SET \
         NULL` or `SET DEFAULT`: the directive `-- runner:table-rebuild` at the top of the file keeps them as they are"
    ))
}

/// Refuses to drop a table that is to be replaced, if rows of others would be deleted or changed.
pub async fn refuse(host: &mut HostSession<'_>, table: &str) -> Result<(), DatabaseError> {
    let enforced = host.query("PRAGMA foreign_keys", &[], QueryLimits::NONE).await?;
    if enforced.rows.first().and_then(|row| row.first()).and_then(Value::as_int64) != Some(1) {
        return Ok(());
    }
    let followers = host.query(FOLLOWERS, &[table.into()], QueryLimits::NONE).await?;
    for row in followers.rows {
        let [Some(name), Some(column), Some(action)] = [0, 1, 2].map(|at| row.get(at).and_then(Value::as_text)) else {
            continue;
        };
        let quoted = |name: &str| Dialect::Sqlite.quote(name);
        let any = format!("SELECT 1 FROM {} WHERE {} IS NOT NULL LIMIT 1", quoted(name), quoted(column));
        if host.query(&any, &[], QueryLimits::NONE).await?.rows.is_empty() {
            continue;
        }
        let loss = match action {
            "CASCADE" => format!("delete the rows of `{name}` that refer to it"),
            _ => format!("change `{column}` in the rows of `{name}` that refer to it"),
        };
        let message = format!("`{table}` is to be replaced, and dropping it would {loss} (ON DELETE {action})");
        let error = DatabaseError::new(DatabaseErrorKind::Constraint, message);
        return Err(error.hint(REBUILD));
    }
    Ok(())
}
