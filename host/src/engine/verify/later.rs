//! Finds later migrations that may write where an earlier one wrote.

use super::Verifier;
use crate::database::Dialect;
use crate::engine::history::{self, History, Record, Stored};
use crate::engine::transcript::{Evidence, TransformRecord};
use crate::error::Result;
use crate::project::catalog::{Artifact, Kind};
use crate::sql::{fill, has_parameters, identifiers, program};

/// Returns the first later revision that may have changed what the transform wrote.
pub(super) async fn touched_later(
    verifier: &Verifier,
    history: &History,
    record: &Record,
    transform: &TransformRecord,
) -> Result<Option<String>> {
    let written = Written::by(transform);
    for later in history.live.iter().filter(|later| later.id > record.id) {
        let touches = match later.kind {
            Kind::Sql => sql_touches(verifier, history, later, &written).await?,
            Kind::Component | Kind::Script => component_touches(verifier, later, &written).await?,
        };
        if touches {
            return Ok(Some(later.id()));
        }
    }
    Ok(None)
}

/// What a transform wrote.
struct Written {
    table: String,
    columns: Vec<String>,
}

impl Written {
    fn by(transform: &TransformRecord) -> Self {
        let columns = transform.ledger.kept.iter().flat_map(|chunk| &chunk.columns).map(|(name, _)| name);
        let is_key = |name: &String| transform.target.key.contains(name);
        let mut columns: Vec<String> = columns.filter(|name| !is_key(name)).map(|name| name.to_lowercase()).collect();
        columns.sort_unstable();
        columns.dedup();
        Self { table: transform.target.table.name.to_lowercase(), columns }
    }

    /// Whether a statement may change it, judging by its words.
    fn is_touched_by(&self, statement: &str, dialect: Dialect) -> bool {
        let words: Vec<String> = identifiers(statement, dialect).iter().map(|word| word.to_lowercase()).collect();
        let first = words.first().map_or("", String::as_str);
        // Their bodies are texts, or elsewhere.
        if ["do", "call"].contains(&first) {
            return true;
        }
        if !words.contains(&self.table) && !statement.ends_with('…') {
            return false;
        }
        match first {
            // Creating something, or reading, changes no existing rows.
            "create" | "select" | "values" | "table" | "explain" | "analyze" | "comment" | "grant" | "revoke" => false,
            // The part that was cut off may name anything.
            "update" | "alter" if statement.ends_with('…') => true,
            // Another table took its place, or rows left it.
            "alter" if words.iter().any(|word| ["rename", "partition"].contains(&word.as_str())) => true,
            "update" | "alter" => words.iter().any(|word| self.columns.contains(word)),
            _ => true,
        }
    }

    /// Whether a call whose text ends with the table that it writes, such as `update crm.flights`, writes to this one.
    fn is_target_of(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        text.strip_suffix(&self.table).is_some_and(|before| before.ends_with([' ', '.']))
    }
}

async fn sql_touches(verifier: &Verifier, history: &History, later: &Record, written: &Written) -> Result<bool> {
    let mut database = verifier.database.lock().await;
    let database = &mut database.host();
    let dialect = database.facts().dialect;
    let of_project = verifier.project.catalog.get(&later.revision).filter(|it| it.sha256 == later.sha256);
    let of_project = match of_project.map(|migration| &migration.artifact) {
        Some(Artifact::Sql { up, .. }) => Some(up),
        _ => None,
    };
    let text = match of_project {
        Some(up) if !has_parameters(up, dialect) => Some(up.clone()),
        _ if history.keeps(later) => match history::load_artifact(database, &later.revision, &later.sha256).await? {
            // With the values that it ran with.
            Some(Stored::Sql { up, values, .. }) if has_parameters(&up, dialect) => fill(&up, dialect, &values).ok(),
            Some(Stored::Sql { up, .. }) => Some(up),
            _ => None,
        },
        _ => None,
    };
    // An unknown migration may have done anything.
    let Some(text) = text else { return Ok(true) };
    let Ok(program) = program(&text, dialect) else { return Ok(true) };
    Ok(program.statements.iter().any(|statement| written.is_touched_by(statement.text, dialect)))
}

async fn component_touches(verifier: &Verifier, later: &Record, written: &Written) -> Result<bool> {
    let mut database = verifier.database.lock().await;
    let database = &mut database.host();
    let dialect = database.facts().dialect;
    let Some(mut calls) = Evidence::read(database, later.id).await?.calls else { return Ok(true) };
    loop {
        let Ok(call) = calls.call() else { return Ok(true) };
        let Some(call) = call else { return Ok(false) };
        let touches = match call.kind.as_str() {
            "execute" | "query" | "schema" => written.is_touched_by(&call.text, dialect),
            // `update flights`, and `transform `a`: flights -> update flights`.
            "write" | "transform" => written.is_target_of(&call.text),
            _ => false,
        };
        if touches {
            return Ok(true);
        }
        if calls.skip_answer().is_err() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Written {
        Written { table: "flights".to_owned(), columns: vec!["dep_utc".to_owned()] }
    }

    #[test]
    fn statements_that_may_change_what_was_written_are_found() {
        for (statement, touches) in [
            ("UPDATE flights SET dep_utc = NULL", true),
            ("UPDATE flights SET other = 1", false),
            ("UPDATE airports SET dep_utc = NULL", false),
            ("DELETE FROM crm.Flights WHERE id = 1", true),
            ("ALTER TABLE flights ADD COLUMN x int", false),
            ("ALTER TABLE flights RENAME TO old", true),
            ("ALTER TABLE flights_new RENAME TO flights", true),
            ("ALTER TABLE flights DETACH PARTITION p", true),
            ("DROP TABLE \"flights\"", true),
            ("CREATE INDEX i ON flights (dep_utc)", false),
            ("DO $$ BEGIN UPDATE flights SET dep_utc = NULL; END $$", true),
            ("CALL fix()", true),
        ] {
            assert_eq!(written().is_touched_by(statement, Dialect::Postgres), touches, "{statement}");
        }
    }

    #[test]
    fn calls_that_write_there_are_found() {
        for (text, is_target) in [
            ("update flights", true),
            ("update crm.flights", true),
            ("transform `a`: airports -> update crm.Flights", true),
            ("update old_flights", false),
            ("insert flights2", false),
        ] {
            assert_eq!(written().is_target_of(text), is_target, "{text}");
        }
    }
}
