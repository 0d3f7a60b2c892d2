//! The name that a statement may have meant by one that the database does not know.

use runner_base::suggest::did_you_mean;
use runner_data::Value;
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, QueryLimits};

/// What is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Table,
    Column,
}

/// The error with the most similar name as a hint, if it is about a name that the database does not know. Some
/// servers give such hints themselves.
pub async fn suggest(error: DatabaseError, host: &mut HostSession<'_>, statement: &str) -> DatabaseError {
    let Some(text) = host.facts().sql.catalog.columns else { return error };
    if error.kind != DatabaseErrorKind::Syntax || error.hint.is_some() {
        return error;
    }
    let Some((what, wrong)) = unknown(&error.message) else { return error };
    let wrong = wrong.to_owned();
    let Ok(found) = host.query(text, &[], QueryLimits::NONE).await else { return error };
    let names = |row: &Vec<Value>| {
        let [table, column] = [0, 1].map(|at| row.get(at).and_then(Value::as_text).map(str::to_owned));
        Some((table?, column?))
    };
    let names: Vec<(String, String)> = found.rows.iter().filter_map(names).collect();
    let lower = statement.to_lowercase();
    let known = names.iter().filter_map(|(table, column)| match what {
        Unknown::Table => Some(table.as_str()),
        Unknown::Column => lower.contains(&table.to_lowercase()).then_some(column.as_str()),
    });
    match did_you_mean(&wrong, known) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error,
    }
}

/// The unknown name in a message: "no such column: u.emial", "Unknown column 'emial' in 'field list'", "Table 'd.usr' doesn't exist".
fn unknown(message: &str) -> Option<(Unknown, &str)> {
    fn quoted(rest: &str) -> Option<&str> {
        rest.split('\'').next()
    }
    let (what, name) = if let Some(name) = message.strip_prefix("no such column: ") {
        (Unknown::Column, name)
    } else if let Some(name) = message.strip_prefix("no such table: ") {
        (Unknown::Table, name)
    } else if let Some(rest) = message.strip_prefix("Unknown column '") {
        (Unknown::Column, quoted(rest)?)
    } else {
        (Unknown::Table, quoted(message.strip_prefix("Table '").filter(|it| it.contains("doesn't exist"))?)?)
    };
    let name = name.rsplit('.').next()?.trim_matches(['"', '`']);
    (!name.is_empty()).then_some((what, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_name_is_read_from_the_message() {
        for (message, expected) in [
            ("no such column: u.emial", Some("emial")),
            ("no such table: main.usr", Some("usr")),
            ("Unknown column 'emial' in 'field list'", Some("emial")),
            ("Table 'd.usr' doesn't exist", Some("usr")),
            ("near \".\": syntax error", None),
        ] {
            assert_eq!(unknown(message).map(|(_, name)| name), expected, "{message}");
        }
    }
}
