//! Steps that fail: what of them is undone, what remains, and what is recorded.

use super::chunk;
use super::store::{self, Entry};
use crate::call::answer::pack;
use crate::call::{CallKind, Commit, shown};
use crate::journal::{Journal, JournalState, crash, resolve};
use crate::settle::after_loss;
use crate::stopped::stopped;
use runner_base::error::{Error, Result};
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, TransactionOptions};

impl Journal {
    /// Rolls back a failed step. It is recorded when the migration begins another step or ends, and so has handled the error.
    pub(super) async fn failed(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
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
            // The caller has checked that no part of the statement remains.
            state.unknown = Some((entry.step, entry.text.clone()));
            let forgotten =
                self.record_ended(database, &store::forget(self.run, entry.step, entry.step - 1)).await.result();
            // What failed matters more than that its intent stays.
            forgotten.map_err(|second| Error::from(error.clone()).cause(second.message))?;
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

    /// Fails if a part of a failed statement may remain, unless the schema shows that none does. The intent remains for the
    /// next run or an operator to resolve.
    pub(super) async fn refuse_part(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        entry: &Entry,
        error: &DatabaseError,
    ) -> Result<()> {
        // Until the schema has been probed, the outcome is unknown.
        state.unknown = Some((entry.step, entry.text.clone()));
        database.rollback().await?;
        if let Some(intent) = store::intent(database, self.run).await? {
            match resolve::known(database, &intent).await? {
                resolve::Known::NoEffect => {
                    state.unknown = None;
                    return Ok(());
                }
                resolve::Known::TookEffect => {
                    return Err(self
                        .in_part(error)
                        .cause("the database shows that the statement took effect all the same"));
                }
                resolve::Known::Repeatable => state.repeats = true,
                resolve::Known::Halved | resolve::Known::Nothing if error.is_unanswered() => {
                    return Err(self
                        .in_part(error)
                        .cause("the statement was still running when its session was ended"));
                }
                resolve::Known::Halved | resolve::Known::Nothing => {}
            }
        }
        Err(self.in_part(error).cause("the statement is not atomic: what it completed before it failed remains"))
    }

    /// Returns the error for a step of which a part remains although its transaction was rolled back. Records an intent, so
    /// that an operator has to resolve it.
    pub(super) async fn not_undone(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        entry: Entry,
        error: &DatabaseError,
        second: DatabaseError,
    ) -> Error {
        state.unknown = Some((entry.step, shown(&entry.text)));
        let reported = second.added_to(self.in_part(error));
        let intent = Entry { rows: 0, seal: String::new(), answer: None, ended_at: None, ..entry };
        let recorded = store::record(database, &store::insert(self.run, &intent)).await;
        match recorded {
            Ok(()) => reported,
            Err(second) => reported.cause(format!("this could not be recorded: {}", second.message)),
        }
    }

    fn in_part(&self, error: &DatabaseError) -> Error {
        match self.stop.reason().filter(|_| error.kind == DatabaseErrorKind::Interrupted) {
            Some(reason) => stopped(reason),
            None => Error::from(error.clone()),
        }
    }

    /// Records the failure of the previous step, which the migration has handled.
    pub(super) async fn record_failure(&self, database: &mut HostSession<'_>, state: &mut JournalState) -> Result<()> {
        let Some(mut entry) = state.failed.take() else { return Ok(()) };
        let is_transform = entry.kind == CallKind::Transform.name();
        if is_transform {
            // Others may have continued it until now.
            self.begin_closed(database).await?;
            let done = chunk::totals(database, self.run, entry.step, None).await.map_err(store::unwritable)?;
            entry.effect = done.chunks > 0;
            let answer = entry.answer.take().unwrap_or_default();
            state.sealed(&mut entry, answer);
        } else {
            database.begin(TransactionOptions::default()).await?;
        }
        store::clear_failed(database, self.run, entry.step).await?;
        store::make(database, store::insert(self.run, &entry)).await?;
        self.commit(database, state, entry.step).await??;
        state.recorded(&entry);
        if is_transform {
            // Its chunks were counted as one effect, if this run knew of any.
            state.effects = store::effects(database, self.run).await?;
        }
        crash::point();
        Ok(())
    }

    /// Returns the error for a step during which the connection was lost, and with it the transaction.
    async fn lost(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
        entry: &Entry,
        commit: Commit,
        error: DatabaseError,
    ) -> Error {
        if commit == Commit::Apart {
            state.unknown = Some((entry.step, entry.text.clone()));
        }
        // Reconnecting waits until the server has ended the statement in progress.
        after_loss(database, error.into(), &self.stop).await
    }
}
