//! One step: answered from the journal, or done and recorded.

use tokio::sync::OwnedMutexGuard;

use super::store::{self, Entry};
use crate::data::Batch;
use crate::database::{
    Database, DatabaseError, DatabaseErrorKind, HostSession, MigrationSession, SharedDatabase, StopSignal,
    TransactionOptions,
};
use crate::engine::call::answer::{Answer, pack, unpack};
use crate::engine::call::partial_effects::has_not_begun;
use crate::engine::call::{Call, CallKind, Commit, shown};
use crate::engine::clock::now;
use crate::engine::journal::{Journal, State, crash, damaged, resolve};
use crate::engine::role::session_of;
use crate::engine::stopped::stopped;
use crate::error::{Error, Result};
use crate::project::catalog::Kind;

/// A step that has begun.
pub enum Begun<T> {
    /// The journal holds what it answered.
    Recorded(u64, std::result::Result<T, DatabaseError>),
    /// It is to be done now.
    Live(Live),
}

/// A step under way. Nobody else comes to the database before it has ended.
pub struct Live {
    /// The database, in the transaction of the step.
    database: OwnedMutexGuard<Box<dyn Database>>,
    kind: Kind,
    stop: StopSignal,
    entry: Entry,
    commit: Commit,
    /// The whole statement.
    text: String,
    /// A part of it may stay if it fails.
    may_fail_halfway: bool,
}

impl Live {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.entry.step
    }

    /// The session in which the migration does the step.
    pub fn session(&mut self) -> MigrationSession<'_> {
        session_of(&mut **self.database, self.kind, &self.stop)
    }

    /// The host's session, for what surrounds the step.
    pub fn host(&mut self) -> HostSession<'_> {
        self.database.host()
    }
}

/// What the journal says of a call.
pub(super) enum Found {
    /// It was answered so, packed.
    Answered(u64, Vec<u8>),
    /// It was begun and not answered.
    Intended(Entry),
    /// Nothing: it is to be done.
    Nothing(Entry),
}

impl Journal {
    /// Begins a step. An error ends the migration.
    pub async fn begin<T: Answer>(&self, database: &SharedDatabase, call: &Call<'_>) -> Result<Begun<T>> {
        let mut locked = database.clone().lock_owned().await;
        let mut session = locked.host();
        let database = &mut session;
        let mut state = self.state.lock().await;
        let mut entry = match self.find(database, &mut state, call).await? {
            Found::Answered(step, packed) => {
                let answer = unpack(&packed).ok_or_else(|| damaged(format!("the answer of step {step}")))?;
                return Ok(Begun::Recorded(step, answer));
            }
            // Those that wait for somebody to decide were settled before the migration began.
            Found::Intended(entry) => return Err(damaged(format!("step {} has no answer", entry.step))),
            Found::Nothing(entry) => entry,
        };
        let commit = call.commit(&self.facts);
        database.begin(TransactionOptions::default()).await?;
        if commit == Commit::Apart {
            let halves = call.shows_unless_halved(&self.facts);
            if halves || call.shows_in_schema(&self.facts) {
                entry.answer = Some(resolve::look(database, call.text, halves).await?);
            }
            // Whoever has to look what became of it needs the whole of it.
            let intent = Entry { text: call.text.to_owned(), ..entry.clone() };
            store::insert(database, self.run, &intent).await?;
            database.commit().await?;
        }
        crash::point();
        drop(session);
        let (text, may_fail_halfway) = (call.text.to_owned(), call.may_fail_halfway(&self.facts));
        let (kind, stop) = (self.kind, self.stop.clone());
        Ok(Begun::Live(Live { database: locked, kind, stop, entry, commit, text, may_fail_halfway }))
    }

    /// Ends a step: records its answer, or takes back what it did. An error that the migration may handle is answered; any
    /// other ends it.
    pub async fn finish<T: Answer>(
        &self,
        live: Live,
        result: std::result::Result<T, DatabaseError>,
    ) -> Result<std::result::Result<T, DatabaseError>> {
        let Live { mut database, mut entry, commit, text, may_fail_halfway, .. } = live;
        let database = &mut database.host();
        crash::point();
        let mut state = self.state.lock().await;
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => {
                if commit == Commit::Apart
                    && may_fail_halfway
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
        match commit {
            Commit::Together => {
                self.still_ours(database).await?;
                store::insert(database, self.run, &entry).await?;
            }
            Commit::Apart => {
                // Until it is written down nobody would know.
                state.unknown = Some((entry.step, entry.text.clone()));
                database.begin(TransactionOptions::default()).await?;
                store::answer(database, self.run, &entry).await?;
            }
        }
        match self.commit(database, entry.step).await? {
            Ok(()) => {
                crash::point();
                state.unknown = None;
                state.recorded(&entry);
                Ok(Ok(answer))
            }
            // A commit can fail like a statement: references are checked by it.
            Err(error) => self.failed(database, &mut state, entry, (commit, text), error).await.map(Err),
        }
    }

    /// Puts a part of a step's result into the journal, in the transaction of the step.
    pub async fn put_part(&self, live: &mut Live, part: u64, batch: &Batch) -> Result<()> {
        let step = live.number();
        store::insert_part(&mut live.host(), self.run, step, part, pack(Ok(batch))).await
    }

    /// A part of a step's result.
    pub async fn part(&self, database: &SharedDatabase, step: u64, part: u64) -> Result<Batch> {
        let mut database = database.lock().await;
        let database = &mut database.host();
        let packed = store::part(database, self.run, step, part).await?;
        let batch = packed.as_deref().and_then(unpack).and_then(std::result::Result::ok);
        batch.ok_or_else(|| damaged(format!("part {part} of what step {step} read")))
    }

    /// What the journal says of the next call.
    pub(super) async fn find(
        &self,
        database: &mut HostSession<'_>,
        state: &mut State,
        call: &Call<'_>,
    ) -> Result<Found> {
        if let Some(error) = self.stopped() {
            return Err(error);
        }
        let step = state.step + 1;
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
        let Some(recorded) = self.next_recorded(database, state, step).await? else {
            self.record_failure(database, state).await?;
            state.step = step;
            return Ok(Found::Nothing(entry));
        };
        if recorded.entry.kind != entry.kind || recorded.entry.digest != entry.digest {
            let now = format!("asked for {} `{}`", entry.kind, entry.text);
            let now = if entry.text == recorded.entry.text { format!("{now}, with other parameters") } else { now };
            return Err(self.another_way(state.done, &recorded.entry, &now));
        }
        state.step = step;
        if !recorded.is_done {
            return Ok(Found::Intended(entry));
        }
        let (answer, seal) = store::answer_of(database, self.run, recorded.entry, &state.seal).await?;
        state.seal = seal;
        Ok(Found::Answered(step, answer))
    }

    /// Takes back a step that failed. It stays unrecorded until the migration asks for another: then it was handled.
    async fn failed(
        &self,
        database: &mut HostSession<'_>,
        state: &mut State,
        mut entry: Entry,
        (commit, text): (Commit, String),
        error: DatabaseError,
    ) -> Result<DatabaseError> {
        if error.kind == DatabaseErrorKind::Connection {
            return Err(self.lost(database, state, &entry, commit, error).await);
        }
        match database.rollback().await {
            Err(second) if second.is_not_undone() && commit == Commit::Together => {
                return Err(self.not_undone(database, state, Entry { text, ..entry }, &error, second).await);
            }
            rolled_back => rolled_back?,
        }
        if commit == Commit::Apart {
            // What a statement that failed may have left was looked for before.
            state.unknown = Some((entry.step, entry.text.clone()));
            database.begin(TransactionOptions::default()).await?;
            store::forget(database, self.run, entry.step).await?;
            database.commit().await?;
            state.unknown = None;
        }
        if error.kind == DatabaseErrorKind::Interrupted
            && let Some(reason) = self.stop.reason()
        {
            return Err(stopped(reason));
        }
        entry.rows = 0;
        entry.effect = false;
        state.sealed(&mut entry, pack::<u64>(Err(&error)));
        state.failed = Some(entry);
        Ok(error)
    }

    /// Fails where a statement that failed may have left a part of what it does, unless the schema shows that there is none. Its
    /// intent stays: the next run, or an operator, finds out.
    async fn refuse_part(
        &self,
        database: &mut HostSession<'_>,
        state: &mut State,
        entry: &Entry,
        error: &DatabaseError,
    ) -> Result<()> {
        // Until somebody has looked nobody knows.
        state.unknown = Some((entry.step, entry.text.clone()));
        database.rollback().await?;
        if let Some(intent) = store::intent(database, self.run).await?
            && resolve::known(database, &intent).await? == resolve::Known::NoEffect
        {
            state.unknown = None;
            return Ok(());
        }
        Err(self.in_part(error).cause("it does one thing after the other, and what it did before it failed stays"))
    }

    /// The error of a step whose transaction was rolled back, and of which a part stays all the same. It is noted as one that
    /// was begun, for an operator to look at.
    async fn not_undone(
        &self,
        database: &mut HostSession<'_>,
        state: &mut State,
        entry: Entry,
        error: &DatabaseError,
        second: DatabaseError,
    ) -> Error {
        state.unknown = Some((entry.step, shown(&entry.text)));
        let mut told = self.in_part(error).cause(&second);
        if let Some(hint) = second.hint {
            told = told.hint(hint);
        }
        let intent = Entry { rows: 0, seal: String::new(), answer: None, ended_at: None, ..entry };
        let note = async {
            database.begin(TransactionOptions::default()).await?;
            store::insert(database, self.run, &intent).await?;
            database.commit().await?;
            Ok::<(), Error>(())
        };
        match note.await {
            Ok(()) => told,
            Err(second) => told.cause(format!("and that could not be noted: {}", second.message)),
        }
    }

    fn in_part(&self, error: &DatabaseError) -> Error {
        match self.stop.reason().filter(|_| error.kind == DatabaseErrorKind::Interrupted) {
            Some(reason) => stopped(reason),
            None => Error::from(error.clone()),
        }
    }

    /// Records that the step before failed: the migration has handled it.
    async fn record_failure(&self, database: &mut HostSession<'_>, state: &mut State) -> Result<()> {
        let Some(entry) = state.failed.take() else { return Ok(()) };
        database.begin(TransactionOptions::default()).await?;
        store::clear_failed(database, self.run, entry.step).await?;
        store::insert(database, self.run, &entry).await?;
        self.commit(database, entry.step).await??;
        state.recorded(&entry);
        if entry.kind == CallKind::Transform.name() && entry.effect {
            // Its chunks have been counted already.
            state.effects -= 1;
        }
        crash::point();
        Ok(())
    }

    /// Commits. Where the answer to that got lost, the journal itself tells what came of it.
    pub(super) async fn commit(
        &self,
        database: &mut HostSession<'_>,
        step: u64,
    ) -> Result<std::result::Result<(), DatabaseError>> {
        let error = match database.commit().await {
            Ok(()) => return Ok(Ok(())),
            Err(error) if error.kind != DatabaseErrorKind::Connection => return Ok(Err(error)),
            Err(error) => error,
        };
        if let Err(second) = database.reconnect().await {
            return Err(Error::from(error)
                .cause(second)
                .hint("the journal tells what came of the step, once the database answers again"));
        }
        let recorded = store::page(database, self.run, step - 1).await?;
        if recorded.first().is_some_and(|it| it.entry.step == step && it.is_done) { Ok(Ok(())) } else { Ok(Err(error)) }
    }

    /// The error of a step during which the connection got lost. What was in its transaction is gone.
    async fn lost(
        &self,
        database: &mut HostSession<'_>,
        state: &mut State,
        entry: &Entry,
        commit: Commit,
        error: DatabaseError,
    ) -> Error {
        let error = Error::from(error);
        // It waits until the server has done with what was under way.
        let again = database.reconnect().await;
        if commit == Commit::Apart {
            state.unknown = Some((entry.step, entry.text.clone()));
        }
        match again {
            Ok(()) => error,
            Err(second) => error.cause(second),
        }
    }

    /// Refuses to record a step of a migration that ended the transaction of it, or that changed the journal.
    pub async fn still_ours(&self, database: &mut HostSession<'_>) -> Result<()> {
        let refused = if database.in_transaction().await? {
            match database.check_tool_tables().await {
                Ok(()) => return Ok(()),
                Err(error) => Error::from(error),
            }
        } else {
            Error::denied("the migration ended the transaction it runs in")
                .hint("take `COMMIT`, `ROLLBACK` and the like out: runner itself begins and ends the transaction")
        };
        // What is refused matters more than what a rollback says about it.
        let _ = database.rollback().await;
        Err(refused)
    }
}
