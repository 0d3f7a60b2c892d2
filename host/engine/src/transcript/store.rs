//! Reads and writes the table `runner_evidence`. The caller has taken the host's role and owns the transaction.

use super::chunk::{ChunkRecord, Ledger};
use crate::Direction;
use crate::call::codec;
use crate::event::Unrepeatable;
use crate::run::Run;
use crate::schema::evidence as sql;
use runner_base::error::{Error, Result};
use runner_data::{ColumnType, Value};
use runner_database::{DatabaseErrorKind, HostSession, QueryLimits, ToolChange, tool_sql};

/// The bytes of one row: far below what any server accepts at once.
const PART: usize = 512 << 10;

runner_base::named! {
    /// The kind of a row.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum EvidenceKind {
        /// The inputs of the run.
        Inputs = "inputs",
        /// The calls of the run, with their answers.
        Calls = "calls",
        /// A completed transform.
        Transform = "transform",
        /// A chunk of a transform in progress.
        Chunk = "chunk",
        /// An unrepeatable statement.
        Unrepeatable = "unrepeatable",
        /// Where other builds of the component took over.
        Handovers = "handovers",
        /// Which builds did the batches of a transform, if several did.
        Builders = "builders",
    }
}

fn of(run: Run) -> [Value; 2] {
    [run.history.into(), run.direction.to_string().into()]
}

fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

async fn execute(database: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<u64> {
    let text = tool_sql(text, database.facts());
    database.execute(&text, parameters).await.map_err(unusable)
}

async fn rows(database: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
    let text = tool_sql(text, database.facts());
    Ok(database.query(&text, parameters, QueryLimits::NONE).await.map_err(unusable)?.rows)
}

/// What evidence belongs to.
#[derive(Clone, Copy, Debug)]
pub enum EvidenceOf<'a> {
    /// A run, whose history row is known.
    Run(Run),
    /// The upgrade of a revision, whose history row is added before, by the same unit of work.
    Applied(&'a str),
}

/// The changes that add content, in as many rows as it takes.
pub fn added(of: EvidenceOf<'_>, kind: EvidenceKind, step: u64, content: &[u8]) -> Vec<ToolChange> {
    content.chunks(PART).zip(0..).map(|(content, part)| row(of, kind, step, part, content)).collect()
}

/// Adds content, in as many rows as it takes.
pub async fn put(
    database: &mut HostSession<'_>,
    run: Run,
    kind: EvidenceKind,
    step: u64,
    content: &[u8],
) -> Result<()> {
    for change in added(EvidenceOf::Run(run), kind, step, content) {
        database.change(&change).await.map_err(unusable)?;
    }
    Ok(())
}

fn row(of: EvidenceOf<'_>, kind: EvidenceKind, step: u64, part: u64, content: &[u8]) -> ToolChange {
    let cells = [kind.name().into(), number(step), number(part), Value::Bytes(content.to_vec())].into_iter();
    match of {
        EvidenceOf::Run(run) => ToolChange::of_one_row(sql::INSERT, self::of(run).into_iter().chain(cells)),
        EvidenceOf::Applied(revision) => {
            let direction = Value::from(Direction::Up.to_string());
            let values = std::iter::once(direction).chain(cells).chain([revision.into()]);
            ToolChange::of_one_row(sql::INSERT_LIVE, values)
        }
    }
}

/// The change that adds a chunk of a transform in progress, and its bytes. `at` numbers the chunks from 1 in key order.
pub fn chunk_added(run: Run, step: u64, at: u64, chunk: &ChunkRecord) -> (ToolChange, usize) {
    let content = codec::encode(chunk);
    (row(EvidenceOf::Run(run), EvidenceKind::Chunk, step, at, &content), content.len())
}

/// Returns the columns that a chunk of a transform in progress wrote; `None` if none has written a row.
pub async fn written_columns(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
) -> Result<Option<Vec<(String, ColumnType)>>> {
    let mut last = 0;
    loop {
        let page = chunk_page(database, run, step, last).await?;
        if page.is_empty() {
            return Ok(None);
        }
        for (part, chunk) in page {
            if chunk.rows_out > 0 {
                return Ok(Some(chunk.columns));
            }
            last = part;
        }
    }
}

/// Returns the chunks of a transform that has written its last one, and deletes their rows. `seen` gets the number of each.
pub async fn take_chunks(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
    mut seen: impl FnMut(u64),
) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut last = 0;
    loop {
        let page = chunk_page(database, run, step, last).await?;
        if page.is_empty() {
            break;
        }
        for (part, chunk) in page {
            last = part;
            seen(part);
            ledger.push(chunk);
        }
    }
    clear_chunks(database, run, step).await?;
    Ok(ledger)
}

/// The next chunks after one, as many as are kept in memory, with their numbers.
async fn chunk_page(database: &mut HostSession<'_>, run: Run, step: u64, last: u64) -> Result<Vec<(u64, ChunkRecord)>> {
    let [history, direction] = of(run);
    let parameters = [history, direction, EvidenceKind::Chunk.name().into(), number(step), number(last)];
    let chunk = |row: Vec<Value>| {
        let [Value::Int64(part), Value::Bytes(content)] = &row[..] else { return None };
        Some((u64::try_from(*part).ok()?, codec::decode(content)?))
    };
    let found = rows(database, sql::PAGE, &parameters).await?;
    found.into_iter().map(|row| chunk(row).ok_or_else(corrupt)).collect()
}

/// Deletes the chunks of a transform.
pub async fn clear_chunks(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<()> {
    clear_step(database, run, EvidenceKind::Chunk, step).await
}

/// Deletes what a step has of a kind.
pub async fn clear_step(database: &mut HostSession<'_>, run: Run, kind: EvidenceKind, step: u64) -> Result<()> {
    let [history, direction] = of(run);
    let parameters = [history, direction, kind.name().into(), number(step)];
    execute(database, sql::CLEAR_STEP, &parameters).await.map(drop)
}

/// Returns all content of a kind, in the order of the steps.
pub async fn all(database: &mut HostSession<'_>, run: Run, kind: EvidenceKind) -> Result<Vec<Vec<u8>>> {
    Ok(steps(database, run, kind).await?.into_iter().map(|(_, bytes)| bytes).collect())
}

/// As [`all`], with the steps.
pub async fn steps(database: &mut HostSession<'_>, run: Run, kind: EvidenceKind) -> Result<Vec<(u64, Vec<u8>)>> {
    let [history, direction] = of(run);
    let found = rows(database, sql::ALL, &[history, direction, kind.name().into()]).await?;
    let mut steps: Vec<(u64, Vec<u8>)> = Vec::new();
    for row in found {
        let [Value::Int64(step), Value::Bytes(content)] = &row[..] else { return Err(corrupt()) };
        let step = u64::try_from(*step).map_err(|_| corrupt())?;
        match steps.last_mut() {
            Some((last, bytes)) if *last == step => bytes.extend_from_slice(content),
            _ => steps.push((step, content.clone())),
        }
    }
    Ok(steps)
}

/// Deletes the evidence of a run.
pub async fn clear(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    execute(database, sql::CLEAR, &of(run)).await.map(drop)
}

/// Deletes what is not needed once a history row is no longer active. Unrepeatable statements are still reported.
pub fn retired(history: i64) -> ToolChange {
    ToolChange::of_any_rows(sql::RETIRE, [history.into()])
}

/// Returns the unrepeatable statements of earlier runs of an artifact; none if there is no history.
pub async fn known_unrepeatable(
    database: &mut HostSession<'_>,
    revision: &str,
    sha256: &str,
) -> Result<Vec<Unrepeatable>> {
    let text = tool_sql(sql::UNREPEATABLE, database.facts());
    let found = match database.query(&text, &[revision.into(), sha256.into()], QueryLimits::NONE).await {
        Ok(found) => found,
        Err(error) if error.kind == DatabaseErrorKind::Syntax => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    let statement = |row: Vec<Value>| match row.into_iter().next() {
        Some(Value::Bytes(bytes)) => codec::decode(&bytes).ok_or_else(corrupt),
        _ => Err(corrupt()),
    };
    let mut statements: Vec<Unrepeatable> = found.rows.into_iter().map(statement).collect::<Result<_>>()?;
    statements.sort_unstable_by(|left, right| left.statement.cmp(&right.statement));
    Ok(statements)
}

fn corrupt() -> Error {
    Error::mismatch("the evidence for `runner verify` is damaged").at("table", "runner_evidence")
}

fn unusable(error: runner_database::DatabaseError) -> Error {
    Error::from(error).at("while using", "the table `runner_evidence`")
}
