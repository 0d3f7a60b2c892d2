//! The connection for the work: what the host sends on it, how it is lost, and how another takes its place.

pub(crate) mod cluster;
pub(crate) mod endpoint;
mod failure;
mod lost_session;
pub(crate) mod options;
mod product;
pub(crate) mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use self::endpoint::{Connected, Endpoint, Running, Target};
pub(crate) use self::lost_session::LostSession;
use self::watchdog::Watchdog;
use crate::commit::{self, Outcome, Unit};
use crate::error::{Result, is_lost, lost, of_pooler};
use crate::host_sql;
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, Facts, StopSignal};

/// A connection for the work, and the server behind it.
pub(crate) struct Link {
    connection: PgConnection,
    /// Counts what the server sends on it.
    meter: Meter,
    /// How to open further connections to the same database.
    endpoint: Arc<Endpoint>,
    facts: Facts,
    /// The name of the database, as the server says it.
    database: String,
    stop: StopSignal,
    /// The server process that runs the current or last transaction: the target of a cancel request.
    backend: i32,
    /// Something is being done on it. If this is set when something else begins, a future was dropped halfway.
    busy: bool,
    /// The connection is closed, or in the middle of something; only [`Self::reopen`] helps.
    lost: bool,
    /// What a pooler said when it closed the connection, which would close another for the same reason.
    pooler: Option<DatabaseError>,
    /// Its session was ended, because a statement continued after it was cancelled.
    ended: Arc<AtomicBool>,
    /// What a lost connection may have left on the server.
    left: Option<LostSession>,
}

impl Link {
    /// Works on a connection that was just made. `endpoint` makes those that cancel its statements.
    pub(crate) fn new(connection: PgConnection, endpoint: Arc<Endpoint>, found: Connected) -> Self {
        Self {
            connection,
            meter: found.meter,
            endpoint,
            facts: found.facts,
            database: found.database,
            stop: StopSignal::never(),
            backend: found.backend,
            busy: false,
            lost: false,
            pooler: None,
            ended: Arc::default(),
            left: None,
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    pub(crate) fn stop(&self) -> &StopSignal {
        &self.stop
    }

    pub(crate) fn stop_by(&mut self, stop: StopSignal) {
        self.stop = stop;
    }

    /// The connection, for work that a [`Watchdog`] runs, and what counts its answers.
    pub(crate) fn wire(&mut self) -> (&mut PgConnection, &Meter) {
        (&mut self.connection, &self.meter)
    }

    /// The work that follows uses [`Self::wire`], until [`Self::release`].
    pub(crate) fn occupy(&mut self) {
        self.busy = true;
    }

    pub(crate) fn release(&mut self) {
        self.busy = false;
    }

    /// Runs a text of the host and returns the rows of all its statements, in text format.
    pub(crate) async fn rows(&mut self, text: &str) -> Result<Vec<PgRow>> {
        let found = self.during(async |connection| host_sql::rows(connection, text).await).await;
        if let Ok(rows) = &found {
            self.backend = host_sql::backend_of(rows).unwrap_or(self.backend);
        }
        found
    }

    /// Does something on the connection by itself.
    pub(crate) async fn during<T>(&mut self, work: impl AsyncFnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
        let busy = std::mem::replace(&mut self.busy, true);
        let done = work(&mut self.connection).await;
        self.busy = busy;
        self.note(&done);
        done
    }

    /// Runs a text of the host.
    pub(crate) async fn run(&mut self, text: &str) -> Result<()> {
        self.rows(text).await.map(drop)
    }

    /// The first cell of the answer to a text of the host.
    pub(crate) async fn value(&mut self, text: &str) -> Result<Option<String>> {
        Ok(self.rows(text).await?.first().and_then(|row| host_sql::text_of(row, 0)))
    }

    /// Sends a text that opens a transaction, which an error rolls back.
    pub(crate) async fn begin(&mut self, prologue: &str) -> Result<Vec<PgRow>> {
        let begun = self.rows(prologue).await;
        if begun.is_err() {
            self.roll_back().await;
        }
        begun
    }

    /// Commits, or rolls back. Where the session could not be reset after the COMMIT, another one takes its place. `xid`: the id of the
    /// transaction, if it is known.
    pub(crate) async fn commit(&mut self, unit: &Unit, xid: Option<&str>) -> Outcome {
        self.occupy();
        let outcome = unit.commit(&mut self.connection).await;
        self.release();
        self.note_outcome(&outcome, xid);
        outcome
    }

    /// As [`Self::commit`], of what may take long, and ends when the run is to stop.
    pub(crate) async fn commit_watched(&mut self, unit: &Unit, watch: &Watchdog) -> Outcome {
        self.occupy();
        let sent = watch.run(unit.send(&mut self.connection)).await;
        self.note(&sent);
        let outcome = match sent {
            Err(error) if self.lost => Outcome::Unanswered(error),
            sent => commit::outcome(&mut self.connection, sent).await,
        };
        self.release();
        self.note_outcome(&outcome, None);
        outcome
    }

    fn note_outcome(&mut self, outcome: &Outcome, xid: Option<&str>) {
        match outcome {
            Outcome::Committed(answers) => {
                self.lost |= !answers.is_reset;
                self.backend = host_sql::backend_of(answers.rows.iter().flatten()).unwrap_or(self.backend);
            }
            Outcome::RolledBack(error) => self.note::<()>(&Err(error.clone())),
            Outcome::Unanswered(error) => {
                self.note::<()>(&Err(error.clone()));
                self.lost = true;
                if xid.is_some() {
                    self.leave(xid.map(str::to_owned));
                }
            }
        }
    }

    /// Rolls back. If that fails, gives up the connection, so that the server rolls back by itself.
    pub(crate) async fn roll_back(&mut self) {
        if self.lost {
            return;
        }
        self.busy = true;
        let rolled_back = commit::roll_back(&mut self.connection).await;
        self.note(&rolled_back);
        self.lost |= rolled_back.is_err();
        self.busy = false;
    }

    /// Whether sqlx has prepared statements on it.
    pub(crate) fn has_prepared(&self) -> bool {
        use sqlx::Connection as _;
        self.connection.cached_statements_size() > 0
    }

    /// See [`commit::drop_prepared`].
    pub(crate) async fn drop_prepared(&mut self) -> Result<()> {
        self.during(commit::drop_prepared).await
    }

    /// Fails if the connection is closed, or in the middle of something that its caller abandoned.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.busy {
            self.lost = true;
        }
        if let Some(error) = &self.pooler {
            return Err(error.clone());
        }
        if self.lost {
            if let Some(error) = self.meter.exceeded() {
                return Err(error);
            }
            return Err(
                lost("the connection to the server is lost").hint("run it again when the server can be reached")
            );
        }
        Ok(())
    }

    /// As [`Self::check`]; fails as well if the run is to stop.
    pub(crate) fn check_ready(&mut self) -> Result<()> {
        self.check()?;
        if self.stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// Notes what an error says about the connection.
    pub(crate) fn note<T>(&mut self, result: &Result<T>) {
        self.lost |= self.is_ended();
        let Err(error) = result else { return };
        self.lost |= is_lost(error);
        if of_pooler(&error.code, &error.message).is_some() {
            self.pooler = Some(error.clone());
        }
    }

    /// Gives the connection up.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether its session was ended, because a statement continued after it was cancelled.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Returns a watch for work on the connection: see [`Watchdog::run`]. It is independent of `self`, so that the work
    /// may borrow it.
    pub(crate) fn watch(&self) -> Watchdog {
        self.watch_for(None)
    }

    /// As [`Self::watch`], for a message of this text that no transaction was begun for. `application`: the name of the session.
    pub(crate) fn watch_alone(&self, text: &str, application: Option<&str>) -> Watchdog {
        self.watch_for(Some(Running { text: text.to_owned(), application: application.map(str::to_owned) }))
    }

    fn watch_for(&self, running: Option<Running>) -> Watchdog {
        let target = Target { backend: self.backend, running };
        Watchdog {
            endpoint: self.endpoint.clone(),
            stop: self.stop.clone(),
            target,
            meter: self.meter.clone(),
            ended: self.ended.clone(),
        }
    }

    /// Notes what the lost session may have left on the server: the transaction with this id, if that writes.
    pub(crate) fn leave(&mut self, xid: Option<String>) {
        self.left.get_or_insert(LostSession { backend: self.backend, xid });
    }

    /// What the session, which is given up, may have left on the server.
    pub(crate) fn into_left(mut self, xid: Option<String>) -> LostSession {
        self.leave(xid);
        self.left.unwrap_or(LostSession { backend: self.backend, xid: None })
    }

    /// Waits until the server has finished with another session.
    pub(crate) async fn wait_for_end(&mut self, left: &LostSession) -> Result<()> {
        left.done(&mut self.connection).await
    }

    /// Opens another connection, once the server has finished with the old one. What that left is noted until [`Self::is_new`].
    pub(crate) async fn reopen(&mut self) -> Result<()> {
        self.lost = true;
        let (connection, found) = self.endpoint.open_for_work().await?;
        // The old one is dropped, which closes its socket: a server that waits for the client sees that it is gone.
        self.connection = connection;
        self.meter = found.meter;
        self.ended = Arc::default();
        self.facts = Facts { session: self.facts.session + 1, ..found.facts };
        self.backend = found.backend;
        if let Some(left) = &self.left {
            left.done(&mut self.connection).await?;
        }
        (self.busy, self.lost, self.pooler) = (false, false, None);
        Ok(())
    }

    /// The run has its lock again: what an earlier session left is of the past.
    pub(crate) fn is_new(&mut self) {
        self.left = None;
    }
}
