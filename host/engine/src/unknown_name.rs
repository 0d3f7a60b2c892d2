//! The name that a statement may have meant by one that the database does not know.

use runner_base::suggest::did_you_mean;
use runner_data::Value;
use runner_database::dialect_sql::UnknownName;
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, QueryLimits};

/// The error with the most similar name as a hint, if it is about a name that the database does not know. Some
/// servers give such hints themselves.
pub async fn suggest(error: DatabaseError, host: &mut HostSession<'_>, statement: &str) -> DatabaseError {
    let Some(text) = host.facts().sql.catalog.columns else { return error };
    if error.kind != DatabaseErrorKind::Syntax || error.hint.is_some() {
        return error;
    }
    let Some(unknown) = host.facts().sql.server.unknown_name(&error.message) else { return error };
    let (UnknownName::Table(wrong) | UnknownName::Column(wrong)) = unknown;
    let wrong = wrong.rsplit('.').next().unwrap_or_default().trim_matches(['"', '`']);
    let Ok(found) = host.query(text, &[], QueryLimits::NONE).await else { return error };
    let names = |row: &Vec<Value>| {
        let [table, column] = [0, 1].map(|at| row.get(at).and_then(Value::as_text).map(str::to_owned));
        Some((table?, column?))
    };
    let names: Vec<(String, String)> = found.rows.iter().filter_map(names).collect();
    let lower = statement.to_lowercase();
    let known = names.iter().filter_map(|(table, column)| match unknown {
        UnknownName::Table(_) => Some(table.as_str()),
        UnknownName::Column(_) => lower.contains(&table.to_lowercase()).then_some(column.as_str()),
    });
    match did_you_mean(wrong, known) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error,
    }
}
