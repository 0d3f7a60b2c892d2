//! Begins a journal, or takes up that of a run that broke off.

use super::repair::{self, Decision, Unknown};
use super::resolve::Known;
use crate::database::{HostSession, StopSignal, TransactionOptions};
use crate::engine::call::Inputs;
use crate::engine::call::answer::{pack, unpack};
use crate::engine::clock::now;
use crate::engine::journal::store;
use crate::engine::journal::store::{Entry, INPUTS};
use crate::engine::journal::{Journal, State, Worker, damaged, head};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind, Result};
use crate::project::catalog::Kind;
use crate::sql::excerpt;

/// How far a migration has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done.
    pub done: u64,
    /// Of these, those that may have changed something.
    pub effects: u64,
    /// A step of which nobody knows whether it took effect, and what it is.
    pub unknown: Option<(u64, String)>,
}

/// What taking up a journal found out.
pub struct Resumed {
    /// The journal.
    pub journal: Journal,
    /// What an operator should hear of.
    pub warnings: Vec<String>,
}

impl Journal {
    /// Begins the journal of a migration. Belongs into the transaction that notes in history that it is under way.
    pub async fn create(
        database: &mut HostSession<'_>,
        run: Run,
        kind: Kind,
        inputs: Inputs,
        worker: &Worker,
        stop: &StopSignal,
    ) -> Result<Self> {
        store::clear(database, run).await?;
        let packed = pack(Ok(&inputs));
        let at = now();
        let entry = Entry::inputs(&inputs.sha256);
        let entry = Entry {
            seal: entry.seal_over("", &packed),
            answer: Some(packed),
            began_at: at.clone(),
            ended_at: Some(at),
            ..entry
        };
        head::begin(database, run, &entry.seal, worker).await?;
        store::insert_first(database, run, &entry).await?;
        let state = State { seal: entry.seal, is_live: true, ..State::default() };
        Ok(Self::new(database, run, kind, inputs, stop, state))
    }

    /// Takes up the journal of a migration that broke off.
    pub async fn resume(
        database: &mut HostSession<'_>,
        run: Run,
        kind: Kind,
        sha256: &str,
        worker: &Worker,
        stop: &StopSignal,
    ) -> Result<Resumed> {
        let packed = store::part(database, run, INPUTS, 0).await?;
        let packed = packed.ok_or_else(|| damaged("the inputs of the first run are missing".to_owned()))?;
        let inputs: Inputs = unpack(&packed)
            .and_then(std::result::Result::ok)
            .ok_or_else(|| damaged("the inputs of the first run".to_owned()))?;
        if kind == Kind::Component && inputs.sha256 != sha256 {
            return Err(other_component(&inputs.sha256, sha256));
        }
        let state = State {
            seal: Entry::inputs(&inputs.sha256).seal_over("", &packed),
            done: store::done(database, run).await?,
            effects: store::effects(database, run).await?,
            ..State::default()
        };
        let journal = Self::new(database, run, kind, inputs, stop, state);
        // Without it nobody would notice what is missing, before it is too late.
        head::read(database, run).await?;
        let warning = journal.settle(database).await?;
        database.begin(TransactionOptions::default()).await?;
        head::take(database, run, worker).await?;
        database.commit().await?;
        Ok(Resumed { journal, warnings: warning.into_iter().collect() })
    }

    /// The journal of a migration that another process is at, for who takes part in a transform of it: it tells what the
    /// migration sees of the world, and is not written to. None: that process has begun anew, or ended.
    pub async fn join(
        database: &mut HostSession<'_>,
        run: Run,
        sha256: &str,
        stop: &StopSignal,
    ) -> Result<Option<Self>> {
        let Some(packed) = store::part(database, run, INPUTS, 0).await? else { return Ok(None) };
        let inputs: Option<Inputs> = unpack(&packed).and_then(std::result::Result::ok);
        let inputs = inputs.ok_or_else(|| damaged("the inputs of the first run".to_owned()))?;
        if inputs.sha256 != sha256 {
            return Ok(None);
        }
        Ok(Some(Self::new(database, run, Kind::Component, inputs, stop, State::default())))
    }

    fn new(
        database: &mut HostSession<'_>,
        run: Run,
        kind: Kind,
        inputs: Inputs,
        stop: &StopSignal,
        state: State,
    ) -> Self {
        let facts = database.facts().clone();
        Self { run, kind, facts, inputs, stop: stop.clone(), state: tokio::sync::Mutex::new(state) }
    }

    /// Settles what became of a step that was begun and not answered, by what the database shows.
    async fn settle(&self, database: &mut HostSession<'_>) -> Result<Option<String>> {
        let Some(unknown) = repair::unknown(database, self.run).await? else { return Ok(None) };
        let (decision, what) = match unknown.known {
            Known::TookEffect => (Decision::Done { rows: 0 }, "what it does is in the schema: it is not run again"),
            Known::NoEffect => (Decision::Retry, "what it does is not in the schema: it is run"),
            Known::Repeatable => (Decision::Retry, "it does the same a second time: it is run again"),
            Known::Halved | Known::Nothing => return Err(waits(&unknown)),
        };
        database.begin(TransactionOptions::default()).await?;
        repair::decide(database, self.run, &unknown, decision).await?;
        database.commit().await?;
        if matches!(decision, Decision::Done { .. }) {
            let mut state = self.state.lock().await;
            state.done += 1;
            state.effects += 1;
        }
        let (step, text) = (unknown.step, excerpt(&unknown.statement));
        Ok(Some(format!("step {step} was begun and not ended by a run before; {what}: {text}")))
    }
}

/// The error of a step that only an operator can find out about.
fn waits(unknown: &Unknown) -> Error {
    let step = unknown.step;
    Error::new(ErrorKind::Partial, format!("nobody knows whether step {step} took effect"))
        .at("statement", excerpt(&unknown.statement))
        .hint("`runner repair` shows what is known of it, and takes your word for what became of it")
}

fn other_component(began: &str, now: &str) -> Error {
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    Error::mismatch("a run of another build of this component broke off, and only that build can go on")
        .cause(format!("it began with sha256 {}, and the project has {}", short(began), short(now)))
        .hint("put back the artifact with which it began; a change belongs into a new migration")
        .hint(
            "`runner rollback` takes it back with the build that the database keeps, if that copes with a part; if nothing \
             does, `runner repair` takes your word for what you did by hand",
        )
}
