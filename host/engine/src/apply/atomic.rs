//! Runs a migration whose changes and history row are committed together.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::record::{Started, done};
use super::retry::Retries;
use super::{Engine, StepResult};
use crate::Direction;
use crate::history::{self, Numbers, State};
use crate::journal::crash;
use crate::outcome::Done;
use crate::plan::PlannedMigration;
use crate::recorder::RunRecorder;
use crate::script::{Script, ScriptSource};
use crate::settle::{Settled, settle};
use crate::transaction::not_undone;
use crate::transcript::store::EvidenceOf;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{Committed, DatabaseErrorKind, HostSession, ToolChange, TransactionOptions, UnitOfWork};
use runner_sql::Isolation;

/// The cause of an error that came with the loss of the connection.
const ROLLED_BACK_WITH_SESSION: &str = "the connection was lost, and the server has rolled back the migration";

impl Engine {
    /// Runs a migration in its own transaction.
    pub(super) async fn run_atomic(&self, migration: &PlannedMigration, numbers: &Numbers) -> StepResult {
        // Loading may compile for seconds: before the transaction, and before the clock.
        let (script, source) = self.load(migration).await?;
        let mut retries = Retries::new(self.retries);
        loop {
            let recorder = Arc::new(self.recorder(migration));
            let failure = match self.attempt(migration, &*script, &source, &recorder, numbers).await {
                Ok(done) => {
                    if migration.kind.is_sandboxed() {
                        // Returning the memory of an interpreter to the system takes longer than small migrations.
                        drop(spawn_blocking(move || drop(script)));
                    }
                    return Ok(Done { retries: retries.done(), ..done });
                }
                Err(failure) => failure,
            };
            // If the lock was taken again meanwhile, another run may have added rows.
            numbers.forget();
            // A retry would repeat what was not rolled back.
            let stays = failure.error.kind == ErrorKind::Partial;
            if !(recorder.had_lock_conflict() || failure.met_a_lock) || self.stop.is_raised() || stays {
                return Err(failure);
            }
            if !self.pause_before_retry(migration, &mut retries, &failure.error).await {
                return Err(retries.explain(failure.error).into());
            }
        }
    }

    /// Attempts a migration once. The recorder keeps the errors it encountered; a failed attempt leaves nothing behind.
    async fn attempt(
        &self,
        migration: &PlannedMigration,
        script: &dyn Script,
        source: &ScriptSource,
        recorder: &Arc<RunRecorder>,
        numbers: &Numbers,
    ) -> StepResult {
        let started = Started::now();
        let dialect = self.database.lock().await.facts().dialect;
        let isolation = isolation(source, migration.direction, dialect);
        let options = TransactionOptions { isolation, ..options_of(migration) };
        let number;
        self.grant(migration).await?;
        {
            let mut database = self.database.lock().await;
            let database = &mut database.host_until(&self.stop);
            let begin = async |database: &mut HostSession<'_>| {
                let number = match migration.direction {
                    Direction::Up => numbers.next(database).await?,
                    Direction::Down => 0,
                };
                database.begin(options).await.map(|()| number)
            };
            let mut begun = begin(database).await;
            // Compiling, or an earlier pause, may have outlasted the idle timeout of a firewall.
            if begun.as_ref().is_err_and(|error| error.kind == DatabaseErrorKind::Connection) {
                self.reconnect_after_loss(database).await.map_err(Error::from)?;
                numbers.forget();
                begun = begin(database).await;
            }
            number = begun.map_err(history::unmade)?;
        }
        let worked = script.run(migration.direction, &self.context(migration, recorder)).await;
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let worked = match worked {
            Ok(()) => self.changes(database, migration, source, &started, (recorder, number)).await,
            Err(error) => {
                if migration.kind.is_sandboxed() {
                    note_ended(database, recorder).await;
                }
                Err(error)
            }
        };
        let changes = match worked {
            Ok(changes) => changes,
            Err(error) => return Err(self.undo(database, error, recorder).await.into()),
        };
        let done = done(migration, &started, recorder);
        crash::point();
        let committed = database.commit(UnitOfWork::Migration(&changes)).await;
        self.settled(database, migration, committed, (recorder, done)).await
    }

    /// The changes that bring the history to what a migration did.
    pub(super) async fn changes(
        &self,
        database: &mut HostSession<'_>,
        migration: &PlannedMigration,
        source: &ScriptSource,
        started: &Started,
        (recorder, number): (&RunRecorder, i64),
    ) -> Result<Vec<ToolChange>> {
        if migration.direction == Direction::Down {
            return Ok(history::ended(migration.record.unwrap_or_default(), &self.end(started, recorder)).to_vec());
        }
        let mut changes = self.kept(database, migration, source).await?;
        let record = self.record(migration, State::Applied, started, recorder);
        changes.push(history::inserted(&history::Record { id: number, ..record }));
        if migration.kind.is_sandboxed() {
            let inputs = self.inputs(migration, source, database.facts().version.clone());
            changes.extend(recorder.evidence(EvidenceOf::Applied(&migration.revision), &inputs));
        }
        Ok(changes)
    }

    /// What became of a migration.
    async fn settled(
        &self,
        database: &mut HostSession<'_>,
        migration: &PlannedMigration,
        committed: Committed,
        (recorder, done): (&RunRecorder, Done),
    ) -> StepResult {
        crash::point();
        match committed.error() {
            // A component may have continued after a lock conflict, with which the server had rolled back.
            Some(error) if error.has_ended_transaction() && migration.kind.is_sandboxed() => {
                recorder.note_ended_transaction()
            }
            Some(error) => recorder.note_error(error),
            None => {}
        }
        if let Committed::Unanswered(error) = &committed {
            self.warn(&migration.revision, format!("the connection was lost during the commit: {error}; reconnecting"));
        }
        let marker = match migration.direction {
            Direction::Up => history::in_force(&migration.revision, &self.identity.run_id),
            Direction::Down => history::in_state(migration.record.unwrap_or_default(), State::RolledBack),
        };
        let is_unanswered = matches!(committed, Committed::Unanswered(_));
        match settle(database, committed, &marker, &self.stop).await {
            Settled::Committed { lost: None } => Ok(done),
            Settled::Committed { lost: Some(error) } => {
                let message = format!("the commit succeeded although the database reported: {}", error.message);
                self.warn(&migration.revision, message);
                Ok(done)
            }
            // The connection is another one already.
            Settled::RolledBack(error) if is_unanswered => {
                Err(Error::from(error).cause(ROLLED_BACK_WITH_SESSION).into())
            }
            Settled::RolledBack(error) => Err(self.undo(database, history::unmade(error), recorder).await.into()),
            Settled::Unknown { error, why } => Err(unknown(&error.into(), &why.into()).into()),
        }
    }

    /// Rolls back because of an error, and returns that error. If the connection is lost, the server rolls back by itself;
    /// the connection is reopened so that the history can be read.
    async fn undo(&self, database: &mut HostSession<'_>, mut error: Error, recorder: &RunRecorder) -> Error {
        let is_lost = recorder.lost_connection();
        if recorder.ended_transaction() {
            // What was done before the statement that ended it is committed: there is something, whatever is rolled back now.
            error.kind = ErrorKind::Partial;
        }
        let second = match database.rollback().await {
            Ok(()) if !is_lost => return error,
            // The server rolls back the transaction of a lost connection.
            Err(second) if second.is_not_undone() || !(is_lost || second.kind == DatabaseErrorKind::Connection) => {
                return not_undone(error, second);
            }
            Ok(()) | Err(_) => self.reconnect_after_loss(database).await,
        };
        match second {
            Ok(()) => error.cause(ROLLED_BACK_WITH_SESSION),
            Err(second) => error
                .cause(format!("the connection was lost, and the database does not answer: {second}"))
                .hint("the server rolls back what was not committed; `runner status` works once the database answers again"),
        }
    }
}

/// The error of a commit whose outcome is unknown.
fn unknown(error: &Error, second: &Error) -> Error {
    Error::new(ErrorKind::Partial, "the commit failed, and it is unknown whether the migration took effect")
        .cause(&error.message)
        .cause(&second.message)
        .hint(
            "`runner status` shows it once the database answers again; if it is not applied, `runner apply` applies it",
        )
}

/// The isolation level that the SQL of a migration sets.
fn isolation(source: &ScriptSource, direction: Direction, dialect: Dialect) -> Option<Isolation> {
    let ScriptSource::Sql { up, down, .. } = source else { return None };
    let sql = if direction == Direction::Up { up } else { down.as_ref()? };
    sql.program(dialect).ok()?.isolation
}

/// How the transaction of a migration begins, except for an isolation level that its SQL sets.
fn options_of(migration: &PlannedMigration) -> TransactionOptions {
    TransactionOptions {
        foreign_keys_off: migration.description.needs_table_rebuild(),
        isolation: None,
        for_migration: true,
        is_tried: false,
    }
}

/// Notes whether a migration that failed has ended its transaction.
pub(super) async fn note_ended(database: &mut HostSession<'_>, recorder: &RunRecorder) {
    if database.in_transaction().await == Ok(false) {
        recorder.note_ended_transaction();
    }
}
