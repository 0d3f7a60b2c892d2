//! Begins a journal, or takes up that of a run that broke off.

use super::answer::{Answer, Page, Resolved, Spooled, Transformed, pack, unpack};
use super::call::seal;
use super::store::{self, Entry, Intent, Run};
use super::{Inputs, Journal, State, damaged, now, resolve};
use crate::data::RowSet;
use crate::database::{Database, StopSignal};
use crate::error::{Error, ErrorKind, Result};
use crate::project::catalog::Kind;

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

/// The step that holds a run's inputs.
const INPUTS: u64 = 0;

impl Journal {
    /// Begins the journal of a migration. Belongs into the transaction that notes in history that it is under way.
    pub async fn create(
        database: &mut dyn Database,
        run: Run,
        kind: Kind,
        inputs: Inputs,
        stop: &StopSignal,
    ) -> Result<Self> {
        store::clear(database, run).await?;
        let packed = pack(Ok(&inputs));
        let at = now();
        let entry = Entry {
            step: INPUTS,
            kind: "inputs".to_owned(),
            digest: inputs.sha256.clone(),
            seal: seal("", INPUTS, "inputs", &inputs.sha256, &packed),
            answer: Some(packed),
            began_at: at.clone(),
            ended_at: Some(at),
            ..Entry::default()
        };
        store::insert(database, run, &entry).await?;
        let state = State { seal: entry.seal, is_live: true, ..State::default() };
        Ok(Self::new(database, run, kind, inputs, stop, state))
    }

    /// Takes up the journal of a migration that broke off. `done`: behind so many steps, where an operator said so.
    pub async fn resume(
        database: &mut dyn Database,
        run: Run,
        kind: Kind,
        sha256: &str,
        done: u64,
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
            seal: seal("", INPUTS, "inputs", &inputs.sha256, &packed),
            done: store::done(database, run).await?,
            effects: store::effects(database, run).await?,
            ..State::default()
        };
        let journal = Self::new(database, run, kind, inputs, stop, state);
        let warnings = journal.settle(database, done).await?;
        Ok(Resumed { journal, warnings })
    }

    /// The journal of a migration that another process is at, for who takes part in a transform of it: it tells what the
    /// migration sees of the world, and is not written to. None: that process has begun anew, or ended.
    pub async fn join(database: &mut dyn Database, run: Run, sha256: &str, stop: &StopSignal) -> Result<Option<Self>> {
        let Some(packed) = store::part(database, run, INPUTS, 0).await? else { return Ok(None) };
        let inputs: Option<Inputs> = unpack(&packed).and_then(std::result::Result::ok);
        let inputs = inputs.ok_or_else(|| damaged("the inputs of the first run".to_owned()))?;
        if inputs.sha256 != sha256 {
            return Ok(None);
        }
        Ok(Some(Self::new(database, run, Kind::Component, inputs, stop, State::default())))
    }

    fn new(database: &mut dyn Database, run: Run, kind: Kind, inputs: Inputs, stop: &StopSignal, state: State) -> Self {
        let facts = database.facts().clone();
        Self { run, kind, facts, inputs, stop: stop.clone(), state: tokio::sync::Mutex::new(state) }
    }

    /// Settles what became of a step that was begun and not answered: by what an operator found out, or by what the schema
    /// shows.
    async fn settle(&self, database: &mut dyn Database, done: u64) -> Result<Vec<String>> {
        let intent = store::intent(database, self.run).await?.filter(|intent| intent.kind != "transform");
        let Some(intent) = intent else { return Ok(Vec::new()) };
        let (took_effect, warning) = match &intent.before {
            None if done == intent.step => (true, None),
            None if done + 1 == intent.step => (false, None),
            None => return Err(unknown(&intent)),
            Some(before) => {
                let changed = resolve::has_changed(database, &self.facts, before).await?;
                let changed = changed.ok_or_else(|| damaged(format!("what step {} found", intent.step)))?;
                let what =
                    if changed { "is in the schema: it is not run again" } else { "is not in the schema: it is run" };
                let (step, text) = (intent.step, &intent.text);
                (
                    changed,
                    Some(format!("step {step} was begun and not ended by a run before; what it does {what}: {text}")),
                )
            }
        };
        database.begin(crate::database::TransactionOptions::default()).await?;
        if took_effect {
            self.mark_done(database, &intent).await?;
        } else {
            store::forget(database, self.run, intent.step).await?;
        }
        database.commit().await?;
        Ok(warning.into_iter().collect())
    }

    /// Records that a step took effect whose answer is lost.
    async fn mark_done(&self, database: &mut dyn Database, intent: &Intent) -> Result<()> {
        let mut state = self.state.lock().await;
        // The seal is over all steps before.
        let mut seal_before = state.seal.clone();
        let mut digest = None;
        let mut behind = INPUTS;
        'pages: loop {
            let page = store::page(database, self.run, behind).await?;
            if page.is_empty() {
                break;
            }
            for recorded in page {
                behind = recorded.step;
                if recorded.step == intent.step {
                    digest = Some(recorded.digest);
                    break 'pages;
                }
                seal_before = recorded.seal;
            }
        }
        let digest = digest.ok_or_else(|| damaged(format!("step {} is missing", intent.step)))?;
        let answer = lost(&intent.kind);
        let entry = Entry {
            step: intent.step,
            effect: true,
            seal: seal(&seal_before, intent.step, &intent.kind, &digest, &answer),
            answer: Some(answer),
            ended_at: Some(now()),
            ..Entry::default()
        };
        store::answer(database, self.run, &entry).await?;
        state.done += 1;
        state.effects += 1;
        Ok(())
    }
}

/// What is answered for a step that took effect and whose answer is lost.
fn lost(kind: &str) -> Vec<u8> {
    fn of<T: Answer>() -> Vec<u8> {
        pack(Ok(&T::lost()))
    }
    match kind {
        "query" => of::<RowSet>(),
        "read" => of::<Spooled>(),
        "read-table" => of::<Resolved>(),
        "next" => of::<Page>(),
        "transform" => of::<Transformed>(),
        "write" => of::<()>(),
        _ => of::<u64>(),
    }
}

fn unknown(intent: &Intent) -> Error {
    let step = intent.step;
    Error::new(ErrorKind::Partial, format!("nobody knows whether step {step} took effect"))
        .at("statement", intent.text.clone())
        .hint(format!(
            "look into the database; if it did: `--resume-at {}`; if it did not: `--resume-at {step}`",
            step + 1
        ))
}

fn other_component(began: &str, now: &str) -> Error {
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    Error::mismatch("a run of another build of this component broke off, and only that build can go on")
        .cause(format!("it began with sha256 {}, and the project has {}", short(began), short(now)))
        .hint("put back the artifact with which it began; a change belongs into a new migration")
}
