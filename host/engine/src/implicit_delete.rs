//! Where `DROP TABLE` deletes the rows of the table first, and `REPLACE` the rows with the same key. Where foreign keys are enforced, that
//! deletes or changes rows of the tables that refer to it, which the statement does not show. So it is refused: a file that means it says
//! `DELETE` first.

use std::collections::BTreeMap;

use runner_data::Value;
use runner_database::dialect_sql::CascadeSql;
use runner_database::message::{REBUILD, REBUILD_ORDER};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, HostSession, QueryLimits};
use runner_project::catalog::Description;
use runner_sql::{Dropped, Program, Statement, dropped_tables, replacing};

/// A statement that deletes rows without saying so.
#[derive(Debug)]
pub enum ImplicitDelete {
    /// All of a table.
    Drop(Dropped),
    /// Those of this table whose keys it takes.
    Replace(String),
}

impl ImplicitDelete {
    /// Such statements of a file, with their positions; none if foreign keys are off for it.
    pub fn all(program: &Program) -> BTreeMap<usize, Self> {
        if program.foreign_keys_off {
            return BTreeMap::new();
        }
        let replaced = program.statements().enumerate().filter_map(|(at, it)| Some((at, replacing(&it.tokens())?)));
        let replaced = replaced.map(|(at, table)| (at, Self::Replace(table)));
        let dropped = dropped_tables(program.statements()).into_iter();
        replaced.chain(dropped.map(|it| (it.at, Self::Drop(it)))).collect()
    }

    /// The only statement of a call.
    pub fn of_call(statement: &str, dialect: Dialect) -> Option<Self> {
        let statement = Statement::only(statement, dialect);
        let drops = || dropped_tables(std::iter::once(statement)).pop();
        replacing(&statement.tokens()).map(Self::Replace).or_else(|| drops().map(Self::Drop))
    }

    /// Refuses to drop a table if rows of others would follow. Returns how many changes there were before the statement.
    pub async fn before(&self, host: &mut HostSession<'_>) -> Result<i64, DatabaseError> {
        match self {
            Self::Drop(dropped) => refuse(host, dropped).await.map(|()| 0),
            Self::Replace(_) => number(host, |sql| sql.changes).await,
        }
    }

    /// Refuses what the statement did, if rows of other tables have followed those that it replaced. SQLite counts them with all changes,
    /// but not with those of the statement; those of triggers likewise, so a table that has any is refused where rows may have followed.
    pub async fn after(&self, host: &mut HostSession<'_>, changes_before: i64) -> Result<(), DatabaseError> {
        let Self::Replace(table) = self else { return Ok(()) };
        if number(host, |sql| sql.changes_before).await? == changes_before {
            return Ok(());
        }
        let followers = followers(host, table).await?;
        let Some(follower) = followers.iter().find(|it| it.acts()) else { return Ok(()) };
        let has_triggers = !ask(host, |sql| sql.triggers, &[table.as_str().into()]).await?.is_empty();
        let would = if has_triggers { ", which has triggers, may" } else { " would" };
        let message = format!("replacing rows of `{table}`{would} {}", follower.loss("them"));
        let hint = "`INSERT … ON CONFLICT (…) DO UPDATE SET …` changes a row in place";
        Err(DatabaseError::new(DatabaseErrorKind::Constraint, message).hint(hint))
    }
}

async fn ask(
    host: &mut HostSession<'_>,
    text: fn(&CascadeSql) -> &'static str,
    parameters: &[Value],
) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let Some(sql) = &host.facts().sql.catalog.cascade else { return Ok(Vec::new()) };
    Ok(host.query(text(sql), parameters, QueryLimits::NONE).await?.rows)
}

async fn number(host: &mut HostSession<'_>, text: fn(&CascadeSql) -> &'static str) -> Result<i64, DatabaseError> {
    let rows = ask(host, text, &[]).await?;
    Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_int64).unwrap_or_default())
}

/// What is to be said about a file in advance: nothing is known of the rows.
pub fn warning(file: &str, program: &Program, description: &Description) -> Option<String> {
    let is_rebuild = program.foreign_keys_off || description.needs_table_rebuild();
    // A rebuild is checked at its end, and fails then if foreign keys have followed the old table.
    let replaced = |it: &Dropped| it.replaced.is_some() && (!is_rebuild || it.is_renamed());
    let dropped = dropped_tables(program.statements()).into_iter().find(replaced)?;
    let (table, dropped_as) = (dropped.replaced.as_deref()?, &dropped.name);
    Some(match dropped.is_renamed() {
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

/// Refuses to drop a table if rows of others would be deleted or changed, or if it was renamed to be replaced, and others would refer to a
/// table that no longer exists.
async fn refuse(host: &mut HostSession<'_>, dropped: &Dropped) -> Result<(), DatabaseError> {
    if number(host, |sql| sql.is_enforced).await? != 1 {
        return Ok(());
    }
    // As most that are dropped: a dump drops thousands that are not there. A table that was renamed has left its name to others.
    let dialect = host.facts().dialect;
    let (schema, table) = (host.facts().schema_of_names(), dialect.quote(&dropped.name));
    let any = format!("SELECT 1 FROM {schema}.{table} LIMIT 1");
    match host.query(&any, &[], QueryLimits::NONE).await {
        Err(error) if error.kind == DatabaseErrorKind::Syntax => return Ok(()),
        Ok(found) if found.rows.is_empty() && !dropped.is_renamed() => return Ok(()),
        other => drop(other?),
    }
    // The table, and those that its rows take with them and that are replaced as well.
    let mut tables = vec![dropped.name.clone()];
    let mut orphan = None;
    let mut at = 0;
    while let Some(table) = tables.get(at).cloned() {
        at += 1;
        for follower in followers(host, &table).await? {
            let name = &follower.name;
            let later = dropped.dropped_later(name);
            if at == 1 && later.is_none() {
                orphan.get_or_insert_with(|| name.clone());
            }
            if !follower.is_changed(host).await? {
                continue;
            }
            match later.filter(|later| !later.is_read) {
                None => {
                    let to = if at == 1 { "it".to_owned() } else { format!("`{table}`") };
                    return Err(refused(dropped, name, &follower.loss(&to), dialect));
                }
                Some(later) if later.is_replaced && follower.action == "CASCADE" && !tables.contains(name) => {
                    tables.push(name.clone());
                }
                Some(_) => {}
            }
        }
    }
    match orphan.filter(|_| dropped.is_renamed()) {
        Some(name) => {
            let loss = format!("leave `{name}` with a foreign key to a table that no longer exists");
            Err(refused(dropped, &name, &loss, dialect))
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

impl Follower {
    /// Whether it deletes or changes rows.
    fn acts(&self) -> bool {
        matches!(self.action.as_str(), "CASCADE" | "SET NULL" | "SET DEFAULT")
    }

    /// Whether deleting all rows of the other table would delete or change a row of this one.
    async fn is_changed(&self, host: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        if !self.acts() {
            return Ok(false);
        }
        let (schema, dialect) = (host.facts().schema_of_names(), host.facts().dialect);
        let (table, column) = (dialect.quote(&self.name), dialect.quote(&self.column));
        let any = format!("SELECT 1 FROM {schema}.{table} WHERE {column} IS NOT NULL LIMIT 1");
        Ok(!host.query(&any, &[], QueryLimits::NONE).await?.rows.is_empty())
    }

    /// What happens to its rows that refer `to` others.
    fn loss(&self, to: &str) -> String {
        let Self { name, column, action } = self;
        match action.as_str() {
            "CASCADE" => format!("delete the rows of `{name}` that refer to {to} (ON DELETE {action})"),
            _ => format!("change `{column}` in the rows of `{name}` that refer to {to} (ON DELETE {action})"),
        }
    }
}

async fn followers(host: &mut HostSession<'_>, table: &str) -> Result<Vec<Follower>, DatabaseError> {
    let found = ask(host, |sql| sql.followers, &[table.into()]).await?;
    let follower = |row: &Vec<Value>| {
        let [name, column, action] = [0, 1, 2].map(|at| row.get(at).and_then(Value::as_text).map(str::to_owned));
        Some(Follower { name: name?, column: column?, action: action? })
    };
    Ok(found.iter().filter_map(follower).collect())
}

fn refused(dropped: &Dropped, follower: &str, loss: &str, dialect: Dialect) -> DatabaseError {
    let name = &dropped.name;
    let Some(table) = &dropped.replaced else {
        let error = DatabaseError::new(DatabaseErrorKind::Constraint, format!("dropping `{name}` would {loss}"));
        return error.hint(format!(
            "if that is meant, write `DELETE FROM {}` above it; otherwise drop `{follower}` first, or rebuild it without the foreign key",
            dialect.quote(name)
        ));
    };
    let renamed = if dropped.is_renamed() { format!(" as `{name}`") } else { String::new() };
    let message = format!("`{table}` is to be replaced, and dropping it{renamed} would {loss}");
    let error = DatabaseError::new(DatabaseErrorKind::Constraint, message);
    match dropped.is_renamed() {
        true => error.hint(in_order(false)),
        false => error.hint(REBUILD),
    }
}
