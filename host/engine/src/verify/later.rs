//! Finds what may have written where a transform wrote before: later steps of the same migration, and later migrations.

use super::Verifier;
use crate::history::{self, History, Record, State, Stored};
use crate::transcript::{Evidence, TransformRecord};
use runner_base::error::Result;
use runner_database::WriteMode;
use runner_project::catalog::{Kind, Migration};
use runner_sql::{Sql, Tokens, fill, has_parameters};

/// Returns what may have changed the rows that a transform wrote, which has this index in its run, as the beginning of a sentence.
pub(super) async fn touched_later(
    verifier: &Verifier,
    history: &History,
    record: &Record,
    (at, transform): (usize, &TransformRecord),
) -> Result<Option<String>> {
    let written = Written::by(transform);
    if may_repeat_keys(transform) {
        return Ok(Some("a later chunk of the same transform".to_owned()));
    }
    if component_touches(verifier, record, &written, Some(at)).await? {
        return Ok(Some("a later step of the same migration".to_owned()));
    }
    for later in history.live.iter().filter(|later| later.id > record.id) {
        let touches = match later.kind {
            Kind::Sql => sql_touches(verifier, history, later, &written).await?,
            Kind::Component | Kind::Script => component_touches(verifier, later, &written, None).await?,
        };
        if touches {
            return Ok(Some(format!("`{}`, which was applied later,", later.id())));
        }
    }
    Ok(None)
}

/// Whether two chunks may have written the same row: their keys are not those of the rows that they read.
fn may_repeat_keys(transform: &TransformRecord) -> bool {
    let TransformRecord { source, target, ledger, .. } = transform;
    let is_read = |name: &String| source.key.contains(name) || source.columns.iter().any(|(column, _)| column == name);
    let may_repeat = match target.mode {
        WriteMode::Insert | WriteMode::Delete => false,
        // Its keys are compared with those of the chunk.
        WriteMode::Update => !target.key.iter().all(is_read),
        WriteMode::Upsert => {
            ledger.kept.len() as u64 != ledger.chunks || ledger.kept.iter().any(|chunk| !chunk.aligned)
        }
    };
    may_repeat && ledger.chunks > 1
}

/// What a transform wrote.
struct Written {
    table: String,
    mode: WriteMode,
    columns: Vec<String>,
}

impl Written {
    fn by(transform: &TransformRecord) -> Self {
        let columns = transform.ledger.kept.iter().flat_map(|chunk| &chunk.columns).map(|(name, _)| name);
        let is_key = |name: &String| transform.target.key.contains(name);
        let mut columns: Vec<String> = columns.filter(|name| !is_key(name)).map(|name| name.to_lowercase()).collect();
        columns.sort_unstable();
        columns.dedup();
        Self { table: transform.target.table.name.to_lowercase(), mode: transform.target.mode, columns }
    }

    /// Whether a statement may change it, judging by its words.
    fn is_touched_by(&self, tokens: &Tokens<'_>) -> bool {
        let words: Vec<String> = tokens.identifiers().iter().map(|word| word.to_lowercase()).collect();
        let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        let first = words.first().map_or("", String::as_str);
        // Their bodies are texts, or elsewhere.
        if ["do", "call"].contains(&first) {
            return true;
        }
        let is_cut = tokens.text().ends_with('…');
        if !words.contains(&self.table) && !is_cut {
            return false;
        }
        match first {
            // Creating something, or reading, changes no existing rows.
            "create" | "select" | "values" | "table" | "explain" | "analyze" | "comment" | "grant" | "revoke" => false,
            // The part that was cut off may name anything.
            "update" | "alter" | "insert" if is_cut => true,
            // Another table took its place, or rows left it.
            "alter" if has(&["rename", "partition"]) => true,
            "update" | "alter" => words.iter().any(|word| self.columns.contains(word)),
            "insert" | "copy" if !has(&["conflict", "duplicate", "replace"]) => self.is_touched_by_new_rows(),
            _ => true,
        }
    }

    /// Whether rows that are new to the table can be taken for rows of the transform.
    fn is_touched_by_new_rows(&self) -> bool {
        match self.mode {
            WriteMode::Insert | WriteMode::Upsert => false,
            // One that was deleted exists again, or is read with those that were updated.
            WriteMode::Update | WriteMode::Delete => true,
        }
    }

    /// Whether a writer does, whose text is its mode and its table, such as `update crm.flights`.
    fn is_touched_by_writer(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is_target = text.strip_suffix(&self.table).is_some_and(|before| before.ends_with([' ', '.']));
        is_target && (!text.starts_with("insert ") || self.is_touched_by_new_rows())
    }

    fn is_touched_by_transform(&self, other: &TransformRecord) -> bool {
        let other = Self::by(other);
        self.table == other.table
            && match other.mode {
                WriteMode::Insert => self.is_touched_by_new_rows(),
                WriteMode::Delete => true,
                WriteMode::Update | WriteMode::Upsert => {
                    other.columns.is_empty()
                        || self.is_touched_by_new_rows() && other.mode == WriteMode::Upsert
                        || self.columns.iter().any(|column| other.columns.contains(column))
                }
            }
    }
}

async fn sql_touches(verifier: &Verifier, history: &History, later: &Record, written: &Written) -> Result<bool> {
    let mut database = verifier.database.lock().await;
    let database = &mut database.host();
    let dialect = database.facts().dialect;
    let of_project = verifier.project.catalog.get(&later.revision).filter(|it| it.sha256 == later.sha256);
    let of_project = of_project.map(Migration::read_sql).transpose()?.flatten().map(|(up, _)| up);
    let sql: Option<Sql> = match of_project {
        Some(up) if !has_parameters(up, dialect) => Some(up.clone()),
        _ if history.keeps(later) => match history::load_artifact(database, &later.revision, &later.sha256).await? {
            // With the values that it ran with.
            Some(Stored::Sql { up, values, .. }) if has_parameters(&up, dialect) => {
                fill(&up, dialect, &values).ok().map(Sql::from)
            }
            Some(Stored::Sql { up, .. }) => Some(up),
            _ => None,
        },
        _ => None,
    };
    // An unknown migration may have done anything.
    let Some(Ok(program)) = sql.map(|sql| sql.program(dialect)) else { return Ok(true) };
    Ok(program.statements().any(|statement| written.is_touched_by(&statement.tokens())))
}

/// Whether the calls of a component do; `after` one of its transforms, or all of them.
async fn component_touches(
    verifier: &Verifier,
    record: &Record,
    written: &Written,
    after: Option<usize>,
) -> Result<bool> {
    if record.state != State::Applied {
        // Its evidence is not complete.
        return Ok(true);
    }
    let mut database = verifier.database.lock().await;
    let database = &mut database.host();
    let dialect = database.facts().dialect;
    let evidence = Evidence::read(database, record.id).await?;
    let first = after.map_or(0, |at| at + 1);
    if evidence.transforms.iter().skip(first).any(|other| written.is_touched_by_transform(other)) {
        return Ok(true);
    }
    let Some(mut calls) = evidence.calls else { return Ok(true) };
    let (mut transforms, kept) = (0, evidence.transforms.len());
    loop {
        let Ok(call) = calls.call() else { return Ok(true) };
        let Some(call) = call else { return Ok(false) };
        let touches = match call.kind.as_str() {
            "transform" => {
                transforms += 1;
                // What is kept was checked above; of the others it is unknown what they wrote.
                transforms > first.max(kept)
            }
            _ if transforms < first => false,
            "execute" | "query" | "schema" => written.is_touched_by(&Tokens::new(&call.text, dialect)),
            "write" => written.is_touched_by_writer(&call.text),
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
    use runner_database::Dialect;

    fn written() -> Written {
        Written { table: "flights".to_owned(), mode: WriteMode::Upsert, columns: vec!["dep_utc".to_owned()] }
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
            ("INSERT INTO flights (id) VALUES (1)", false),
            ("INSERT INTO flights (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET dep_utc = NULL", true),
            ("INSERT INTO flights (id) VALUES …", true),
        ] {
            assert_eq!(written().is_touched_by(&Tokens::new(statement, Dialect::Postgres)), touches, "{statement}");
        }
    }

    #[test]
    fn writers_to_the_same_table_are_found() {
        for (text, touches) in [
            ("update flights", true),
            ("upsert crm.Flights", true),
            ("insert flights", false),
            ("update old_flights", false),
            ("delete flights2", false),
        ] {
            assert_eq!(written().is_touched_by_writer(text), touches, "{text}");
        }
        let deleted = Written { mode: WriteMode::Delete, ..written() };
        assert!(deleted.is_touched_by_writer("insert flights"), "a row that was deleted is there again");
    }
}
