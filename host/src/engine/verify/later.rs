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
        if !words.contains(&self.table) && !statement.ends_with('…') {
            return false;
        }
        match words.first().map_or("", String::as_str) {
            // Creating something, or reading, changes no existing rows.
            "create" | "select" | "values" | "table" | "explain" | "analyze" | "comment" | "grant" | "revoke" => false,
            // The part that was cut off may name anything.
            "update" | "alter" if statement.ends_with('…') => true,
            "update" | "alter" => words.iter().any(|word| self.columns.contains(word)),
            _ => true,
        }
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
            "execute" | "query" => written.is_touched_by(&call.text, dialect),
            // `update flights`
            "write" => call.text.to_lowercase().ends_with(&format!(" {}", written.table)),
            // `transform `a`: flights -> update flights`
            "transform" => call.text.to_lowercase().ends_with(&format!(" {}", written.table)),
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
