//! One step: answered from the journal, or executed and recorded.

use tokio::sync::OwnedMutexGuard;

use super::resolve::Look;
use super::store::{self, Entry};
use crate::call::answer::{Answer, pack, unpack};
use crate::call::partial_effects::has_not_begun;
use crate::call::{Call, Commit, codec};
use crate::clock::now;
use crate::journal::{Journal, JournalState, crash, damaged, resolve};
use crate::role::session_of;
use crate::settle::{AWAY_AFTER_COMMIT, Marker, Settled, reconnect, settle};
use runner_base::error::{Error, Result};
use runner_data::Batch;
use runner_database::{
    Committed, Database, DatabaseError, DatabaseErrorKind, FixedInputs, HostSession, Meaning, MigrationSession,
    SharedDatabase, StopSignal, ToolChange, UnitOfWork,
};
use runner_project::catalog::Kind;
use runner_sql::without_rows;

/// A step that has begun.
pub enum JournalStep<T> {
    /// The journal contains its answer.
    Recorded(u64, std::result::Result<T, DatabaseError>),
    /// It runs now.
    Live(LiveStep),
}

/// A step in progress. It has the database to itself until it ends.
pub struct LiveStep {
    /// The database, in the transaction of the step.
    database: OwnedMutexGuard<Box<dyn Database>>,
    kind: Kind,
    stop: StopSignal,
    entry: Entry,
    commit: Commit,
    /// The complete statement.
    text: String,
    /// Whether a part of its changes may remain if it fails.
    may_fail_halfway: bool,
    /// The database shows that it took effect, so that its answer may be stored with the next step.
    may_wait: bool,
}

impl LiveStep {
    /// Returns the number of the step.
    pub fn number(&self) -> u64 {
        self.entry.step
    }

    /// Sets what the statements of the step see as chance and as the current time.
    pub fn fix_inputs(&mut self, inputs: FixedInputs) {
        self.database.fix_inputs(inputs);
    }

    /// Returns the session in which the migration executes the step.
    pub fn session(&mut self) -> MigrationSession<'_> {
        session_of(&mut **self.database, self.kind, &self.stop)
    }

    /// Returns the host's session, for the statements around the step.
    pub fn host(&mut self) -> HostSession<'_> {
        self.database.host()
    }
}

/// What the journal contains of a call.
pub(super) enum Lookup {
    /// The number of its step, and its packed answer.
    Answered(u64, Vec<u8>),
    /// Its intent: it began and has no answer.
    Intended(Entry),
    /// Nothing: it runs now, and is recorded with this entry.
    Absent(Entry),
}

impl Journal {
    /// Begins a step, or as many as the call is. An error ends the migration.
    pub async fn begin<T: Answer>(
        &self,
        database: &SharedDatabase,
        call: &Call<'_>,
        steps: u64,
    ) -> Result<JournalStep<T>> {
        let mut locked = database.clone().lock_owned().await;
        let mut session = locked.host();
        let database = &mut session;
        let mut state = self.state.lock().await;
        self.note_session(&mut state, database.session_number());
        let mut entry = match self.find(database, &mut state, call, steps).await? {
            Lookup::Answered(step, packed) => {
                let answer =
                    unpack(&packed).ok_or_else(|| damaged(format!("the answer of step {step} cannot be read")))?;
                self.note_step(&mut state, call.kind.name(), call.text, true);
                return Ok(JournalStep::Recorded(step, answer));
            }
            // Intents were resolved before the migration began.
            Lookup::Intended(entry) => return Err(damaged(format!("step {} has no answer", entry.step))),
            Lookup::Absent(entry) => entry,
        };
        let commit = call.commit(&self.facts);
        self.check_session(&state, call)?;
        self.set_again(database, &mut state).await?;
        let mut shows = false;
        if commit == Commit::Apart {
            let (halves, wholly) = (call.shows_unless_halved(&self.facts), call.shows_in_schema(&self.facts));
            if halves || wholly {
                match resolve::observe(database, call, halves).await? {
                    Some(Look::Found(found)) => entry.answer = Some(found),
                    Some(Look::Expression(expression)) => {
                        entry.expression = Some(expression);
                        shows = wholly;
                    }
                    None => {}
                }
            }
            // The intent contains the complete statement, which a later probe or an operator needs.
            let intent = Entry { text: call.text.to_owned(), ..entry.clone() };
            self.record(database, &mut state, store::insert(self.run, &intent).into(), entry.step).await?;
            self.note_session(&mut state, database.session_number());
            self.set_again(database, &mut state).await?;
            entry.expression = None;
        } else {
            self.record_and_begin(database, &mut state, entry.step - steps).await?;
            self.note_session(&mut state, database.session_number());
        }
        // The session may have been lost just now.
        if let Err(error) = self.check_session(&state, call) {
            if commit == Commit::Apart {
                store::record(database, &store::forget(self.run, entry.step, entry.step - 1)).await?;
            }
            return Err(error);
        }
        crash::point();
        drop(session);
        let (text, may_fail_halfway) = (without_rows(call.text).to_owned(), call.may_fail_halfway(&self.facts));
        let (kind, stop) = (self.kind, self.stop.clone());
        let may_wait = shows && self.kind == Kind::Sql;
        Ok(JournalStep::Live(LiveStep {
            database: locked,
            kind,
            stop,
            entry,
            commit,
            text,
            may_fail_halfway,
            may_wait,
        }))
    }

    /// Ends a step: records its answer, or rolls it back. Returns an error that the migration may handle as its answer;
    /// any other error ends the migration.
    pub async fn finish<T: Answer>(
        &self,
        live: LiveStep,
        result: std::result::Result<T, DatabaseError>,
    ) -> Result<std::result::Result<T, DatabaseError>> {
        let LiveStep { mut database, mut entry, commit, text, may_fail_halfway, may_wait, .. } = live;
        let database = &mut database.host();
        crash::point();
        let mut state = self.state.lock().await;
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => {
                if commit == Commit::Apart
                    && (may_fail_halfway || error.has_run() || error.is_unanswered())
                    && error.kind != DatabaseErrorKind::Connection
                    && !has_not_begun(&text, self.facts.dialect, &error)
                {
                    self.refuse_part(database, &mut state, &entry, &error).await?;
                }
                return self.failed(database, &mut state, entry, (commit, text), error).await.map(Err);
            }
        };
        let packed = pack(Ok(&answer));
        entry.rows = answer.rows();
        state.sealed(&mut entry, packed);
        let committed = match commit {
            Commit::Together => self.finish_together(database, &mut state, &entry).await?,
            Commit::Apart => {
                let answer = store::answer(self.run, &entry);
                if may_wait {
                    state.pending.extend(answer);
                    state.unanswered = Some((entry.step, entry.text.clone()));
                } else {
                    // Until its answer is recorded, its outcome is unknown.
                    state.unknown = Some((entry.step, entry.text.clone()));
                    self.record_answer(database, &mut state, answer.into(), entry.step).await?;
                }
                Ok(())
            }
        };
        match committed {
            Ok(()) => {
                crash::point();
                state.unknown = None;
                state.recorded(&entry);
                // Its session may have ended with it.
                let is_earlier = state.session.is_lost();
                self.note_step(&mut state, &entry.kind, &text, is_earlier);
                Ok(Ok(answer))
            }
            // A commit can fail like a statement: it checks deferred constraints.
            Err(error) => self.failed(database, &mut state, entry, (commit, text), error).await.map(Err),
        }
    }

    /// Commits a step together with its entry. Refuses to do so for a migration that ended the transaction of it, or that
    /// changed the tool's tables.
    async fn finish_together(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        entry: &Entry,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        match database.commit(UnitOfWork::Step(&store::insert(self.run, entry))).await {
            // What it did before may be committed.
            Committed::No(error) if error.has_ended_transaction() => {
                let _ = database.rollback().await;
                let why = DatabaseError::not_undone("the transaction of the step had ended");
                Err(self.not_undone(database, state, entry.clone(), &error, why).await)
            }
            Committed::No(error) if error.kind == DatabaseErrorKind::Denied || error.is_unexpected_rows() => {
                match database.rollback().await {
                    Err(second) if second.is_not_undone() => {
                        Err(self.not_undone(database, state, entry.clone(), &error, second).await)
                    }
                    // What is refused matters more than what else a rollback says about it.
                    _ if error.kind == DatabaseErrorKind::Denied => Err(error.into()),
                    _ => Err(store::unmade(error)),
                }
            }
            committed => self.step_outcome(database, state, entry.step, committed).await,
        }
    }

    /// Stores the answer of a step that is committed already.
    async fn record_answer(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        answer: Vec<ToolChange>,
        step: u64,
    ) -> Result<()> {
        let recorded = self.record_ended(database, &answer).await;
        if let Committed::No(error) = recorded {
            return Err(store::unmade(error));
        }
        if let Err(error) = self.step_outcome(database, state, step, recorded).await? {
            // The session is a new one, and the step has not been answered: its outcome is still known here.
            let again = database.commit(UnitOfWork::Apart(&answer)).await.result();
            again.map_err(|second| Error::from(error).cause(second.message))?;
        }
        state.unknown = None;
        Ok(())
    }

    /// Makes changes after a step that has ended. The step itself may have ended the session that holds the lock, which is then
    /// taken again.
    pub(super) async fn record_ended(&self, database: &mut HostSession<'_>, changes: &[ToolChange]) -> Committed {
        match database.commit(UnitOfWork::Apart(changes)).await {
            Committed::No(error) if error.meaning == Meaning::LockLost => {
                match reconnect(database, AWAY_AFTER_COMMIT, &self.stop).await {
                    Ok(()) => database.commit(UnitOfWork::Apart(changes)).await,
                    Err(second) => Committed::No(error.detail(second.message)),
                }
            }
            recorded => recorded,
        }
    }

    /// Records a part of a step's result in the transaction of the step.
    pub async fn put_part(&self, live: &mut LiveStep, part: u64, batch: &Batch) -> Result<()> {
        let step = live.number();
        store::make(&mut live.host(), [store::insert_part(self.run, step, part, codec::pack(batch))]).await
    }

    /// Returns a part of a step's result.
    pub async fn part(&self, database: &SharedDatabase, step: u64, part: u64) -> Result<Batch> {
        let mut database = database.lock().await;
        let database = &mut database.host();
        let packed = store::part(database, self.run, step, part).await?;
        let batch = packed.as_deref().and_then(codec::unpack);
        batch.ok_or_else(|| damaged(format!("part {part} of the result of step {step} cannot be read")))
    }

    /// Looks up the next call in the journal, which is as many steps.
    pub(super) async fn find(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        call: &Call<'_>,
        steps: u64,
    ) -> Result<Lookup> {
        if let Some(error) = self.stopped() {
            return Err(error);
        }
        let step = state.step + steps;
        let digest = call.digest();
        let entry = Entry {
            step,
            kind: call.kind.name().to_owned(),
            digest,
            text: call.shown(),
            effect: call.has_effect(self.facts.dialect),
            began_at: now(),
            ..Entry::default()
        };
        let Some(recorded) = self.next_recorded(database, state).await? else {
            self.hand_over(database, state, (step, false)).await?;
            self.record_failure(database, state).await?;
            state.step = step;
            return Ok(Lookup::Absent(entry));
        };
        if recorded.entry.step != step || recorded.entry.kind != entry.kind || recorded.entry.digest != entry.digest {
            let now = format!("{} `{}`", entry.kind, entry.text);
            let now = if entry.text == recorded.entry.text { format!("{now} with other parameters") } else { now };
            return Err(self.diverged(state, &recorded.entry, &now));
        }
        state.step = step;
        if !recorded.is_done {
            return Ok(Lookup::Intended(entry));
        }
        let (answer, seal) = store::answer_of(database, self.run, recorded.entry, &state.seal).await?;
        state.seal = seal;
        Ok(Lookup::Answered(step, answer))
    }

    /// Commits. If the answer to the commit is lost, the journal shows whether it succeeded.
    pub(super) async fn commit(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        step: u64,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        let committed = database.commit(UnitOfWork::Step(&[])).await;
        if let Committed::No(error) = committed {
            // The error of the commit matters more than that of the rollback.
            let _ = database.rollback().await;
            return Ok(Err(error));
        }
        self.step_outcome(database, state, step, committed).await
    }

    /// What became of the end of a step. Where the answer was lost, the journal itself shows it.
    async fn step_outcome(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        step: u64,
        committed: Committed,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        self.resolve_commit(database, state, committed, &store::has_answer(self.run, step)).await
    }

    /// What became of changes to the journal. An error in the answer says that they were rolled back.
    pub(super) async fn resolve_commit(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        committed: Committed,
        marker: &Marker,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        let is_lost = matches!(committed, Committed::Unanswered(_));
        let settled = settle(database, committed, marker, &self.stop).await;
        if is_lost {
            // The session that a component's own login had may be another one, too.
            state.session.lost();
            state.session_number = Some(database.session_number());
        }
        match settled {
            Settled::Committed { .. } => Ok(Ok(())),
            Settled::RolledBack(error) => Ok(Err(error)),
            Settled::Unknown { error, why } => Err(Error::from(error)
                .cause(why)
                .hint("the journal shows the outcome of the step once the database can be reached again")),
        }
    }
}
