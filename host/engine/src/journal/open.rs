//! Creates the journal of a migration, or opens that of one that was interrupted.

use super::repair::{self, Decision, Unknown};
use super::resolve::Known;
use crate::call::Inputs;
use crate::call::codec::{pack, unpack};
use crate::clock::now;
use crate::journal::store;
use crate::journal::store::{Entry, INPUTS};
use crate::journal::successor::{Builds, Successor};
use crate::journal::{Journal, JournalState, Worker, damaged, entry_name, head};
use crate::run::Run;
use crate::transaction::in_transaction;
use crate::transcript::handover;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{Facts, HostSession, StopSignal, ToolChange};
use runner_project::catalog::Kind;
use runner_project::short;
use runner_sql::excerpt;

/// The progress of a migration in its steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepProgress {
    /// The number of completed steps.
    pub done: u64,
    /// The number of those that may have changed something.
    pub effects: u64,
    /// The step whose outcome is unknown, with its statement.
    pub unknown: Option<(u64, String)>,
    /// A part of that step remains, and it can run again.
    pub repeats: bool,
}

/// The build of a component, or the SQL, that resumes a migration.
pub struct Build<'a> {
    /// Its digest.
    pub sha256: &'a str,
    /// What is recorded if it takes over from another build; `None` if it cannot.
    pub successor: Option<Successor>,
}

/// A journal that was opened to resume its migration.
pub struct Resumed {
    /// The journal.
    pub journal: Journal,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// What the first run of an interrupted migration received; also as the journal has it.
pub async fn first_inputs(database: &mut HostSession<'_>, run: Run) -> Result<(Inputs, Vec<u8>)> {
    let packed = store::part(database, run, INPUTS, 0).await?;
    let packed = packed.ok_or_else(|| damaged("the inputs of the first run are missing".to_owned()))?;
    match unpack(&packed) {
        Some(inputs) => Ok((inputs, packed)),
        None => Err(damaged("the inputs of the first run cannot be read".to_owned())),
    }
}

impl Journal {
    /// Creates the journal of a migration. Belongs in the transaction that records in the history that it has begun.
    pub async fn create(
        database: &mut HostSession<'_>,
        run: Run,
        kind: Kind,
        inputs: Inputs,
        worker: &Worker,
        stop: &StopSignal,
    ) -> Result<Self> {
        store::clear(database, run).await?;
        let mut journal = Self::begun(database.facts(), run, kind, inputs, worker, stop, Vec::new());
        let state = journal.state.get_mut();
        state.is_unwritten = false;
        store::make(database, std::mem::take(&mut state.pending)).await?;
        Ok(journal)
    }

    /// Begins the journal of a migration whose number in history nothing else has had. It is written, after `before`, together
    /// with the first step.
    pub fn begun(
        facts: &Facts,
        run: Run,
        kind: Kind,
        inputs: Inputs,
        worker: &Worker,
        stop: &StopSignal,
        before: Vec<ToolChange>,
    ) -> Self {
        let packed = pack(&inputs);
        let at = now();
        let entry = Entry::inputs(&inputs.sha256);
        let entry = Entry {
            seal: entry.seal_over("", &packed),
            answer: Some(packed),
            began_at: at.clone(),
            ended_at: Some(at),
            ..entry
        };
        let mut pending = before;
        pending.extend([head::begin(run, &entry.seal, worker), store::insert_first(run, &entry)]);
        let state =
            JournalState { seal: entry.seal, is_live: true, pending, is_unwritten: true, ..JournalState::default() };
        let facts = facts.clone();
        Self { run, kind, facts, inputs, stop: stop.clone(), state: tokio::sync::Mutex::new(state) }
    }

    /// Opens the journal of an interrupted migration, to resume it. `build` is the one that resumes it.
    pub async fn resume(
        database: &mut HostSession<'_>,
        run: Run,
        (kind, build): (Kind, Build<'_>),
        worker: &Worker,
        stop: &StopSignal,
    ) -> Result<Resumed> {
        let (inputs, packed) = first_inputs(database, run).await?;
        let mut warnings = Vec::new();
        let handovers = match kind {
            Kind::Component | Kind::Script => handover::read(database, run).await?,
            Kind::Sql => Vec::new(),
        };
        let mut builds = Builds { handovers, ..Builds::default() };
        let current = builds.current(&inputs.sha256);
        let Build { sha256, successor } = build;
        if kind.is_sandboxed() && current != sha256 {
            let Some(successor) = successor else { return Err(other_component(current, sha256)) };
            let (from, to) = (short(current), short(sha256));
            let step = store::done(database, run).await? + 1;
            warnings.push(format!(
                "what is finished was done by sha256 {from}; the corrected build, sha256 {to}, has to repeat it and continues from there, \
                 with step {step}"
            ));
            builds.successor = Some(successor);
        }
        let state = JournalState {
            seal: Entry::inputs(&inputs.sha256).seal_over("", &packed),
            done: store::done(database, run).await?,
            effects: store::effects(database, run).await?,
            builds,
            ..JournalState::default()
        };
        let journal = Self::new(database, run, kind, inputs, stop, state);
        // Without a head, missing steps would be found too late.
        head::read(database, run).await?;
        warnings.extend(journal.settle(database).await?);
        journal.make_way(database).await?;
        in_transaction(database, async |database| head::take(database, run, worker).await).await?;
        Ok(Resumed { journal, warnings })
    }

    /// Opens the journal of a migration that another process executes, to take part in one of its transforms. It
    /// provides the inputs and is not written to. Returns `None` if the other process has started again or ended.
    pub async fn join(
        database: &mut HostSession<'_>,
        run: Run,
        sha256: &str,
        stop: &StopSignal,
    ) -> Result<Option<Self>> {
        let Some(packed) = store::part(database, run, INPUTS, 0).await? else { return Ok(None) };
        let inputs: Inputs =
            unpack(&packed).ok_or_else(|| damaged("the inputs of the first run cannot be read".to_owned()))?;
        let builds = Builds { handovers: handover::read(database, run).await?, ..Builds::default() };
        if builds.current(&inputs.sha256) != sha256 {
            return Ok(None);
        }
        let state = JournalState { builds, ..JournalState::default() };
        Ok(Some(Self::new(database, run, Kind::Component, inputs, stop, state)))
    }

    fn new(
        database: &mut HostSession<'_>,
        run: Run,
        kind: Kind,
        inputs: Inputs,
        stop: &StopSignal,
        state: JournalState,
    ) -> Self {
        let facts = database.facts().clone();
        Self { run, kind, facts, inputs, stop: stop.clone(), state: tokio::sync::Mutex::new(state) }
    }

    /// Determines the outcome of a step that began and has no answer from what the database shows.
    async fn settle(&self, database: &mut HostSession<'_>) -> Result<Option<String>> {
        let Some(unknown) = repair::unknown(database, self.run).await? else { return Ok(None) };
        let (decision, what) = match unknown.known {
            Known::TookEffect => (Decision::Done { rows: 0 }, "the schema shows that it took effect, so it is skipped"),
            Known::NoEffect => (Decision::Retry, "the schema shows that it did not take effect, so it runs again"),
            Known::Repeatable => (Decision::Retry, "it is idempotent, so it runs again"),
            Known::Halved | Known::Nothing => {
                let done = store::done(database, self.run).await?;
                return Err(waits(&unknown, done));
            }
        };
        in_transaction(database, async |database| repair::decide(database, self.run, &unknown, decision).await).await?;
        if matches!(decision, Decision::Done { .. }) {
            let mut state = self.state.lock().await;
            state.done += 1;
            state.effects += 1;
        }
        let (step, text) = (unknown.step, excerpt(&unknown.statement));
        Ok(Some(format!("step {step} was interrupted in an earlier run; {what}: {text}")))
    }
}

/// Returns the error for a step whose outcome only an operator can determine.
fn waits(unknown: &Unknown, done: u64) -> Error {
    let name = entry_name("step", done, unknown.step);
    Error::new(ErrorKind::Partial, format!("it is unknown whether {name} took effect"))
        .at("statement", excerpt(&unknown.statement))
        .hint("`runner repair` shows what is known about it, and records your decision")
}

/// The error of a downgrade, which only the build that began it can resume.
fn other_component(began: &str, now: &str) -> Error {
    Error::mismatch("another build of this component was interrupted, and only that build can resume its downgrade")
        .cause(format!("the downgrade began with sha256 {}, but the project has {}", short(began), short(now)))
        .hint("restore the artifact with which it began, or complete the downgrade by hand, and record that with `runner repair`")
}
