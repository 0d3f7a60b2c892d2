//! Enforces the stop signal and the statement timeout on every answer that the work connection waits for. A statement
//! that has to end is never abandoned, because its connection would be left in the middle of an answer: a second
//! connection asks the server to end it, and its answer is awaited.
//!
//! When killed, `SELECT SLEEP(9)` and `BENCHMARK` return a wrong value and no error. So a statement that only reads
//! counts as failed once it was asked to end, and one that writes counts as done if it reports success. The process
//! list shows one that is ending, or being undone, as `Killed`; one that was asked twice and is shown as running is
//! given `KILL`, and its session is replaced. One that is being undone is never hurried. While an answer is awaited,
//! the server is asked every 30 s whether it still knows the session. `max_statement_time` alone was rejected: a script
//! can raise it, and MySQL has it for SELECT only; it is set too, for runs that were killed.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Result, is_interrupted, lost};
use crate::host_sql::{HostExecutor, number, text};
use crate::link::endpoint::Endpoint;
use crate::link::facts::SessionFacts;
use crate::link::work::note_loss;
use crate::link::{keepalive, processlist};
use runner_database::pipe::Meter;
use runner_database::{DatabaseError, Meaning, Role, StopSignal};

/// A request to end a statement is repeated after this time: the first may have arrived between two statements.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a statement may take to end before the server is asked what it is doing. A block may catch the request and
/// continue; then its session is ended, which it cannot catch. A statement that is being undone is left to it.
const HEED: Duration = Duration::from_millis(60);

/// How often that is asked at this rate; then with each repeated request.
const LOOKS: u32 = 10;

/// How many times in a row the request may fail before the server counts as lost.
const ATTEMPTS: u32 = 10;

/// Watches over the answers of one session.
pub(crate) struct Watchdog {
    endpoint: Endpoint,
    /// The session's number.
    id: u64,
    /// Counts what the server sends.
    meter: Meter,
    stop: StopSignal,
    role: Role,
    /// Why the last statement was asked to end, if it was.
    killed: Mutex<Option<Reason>>,
    /// Whether the session was ended because a statement did not end.
    ended: AtomicBool,
}

/// Why a statement was asked to end.
#[derive(Clone, Copy)]
enum Reason {
    Stop,
    Time(Duration),
}

impl Watchdog {
    pub fn new(endpoint: Endpoint, server: &SessionFacts) -> Self {
        let (killed, ended) = (Mutex::default(), AtomicBool::default());
        let (id, meter) = (server.id, server.meter.clone());
        Self { endpoint, id, meter, stop: StopSignal::never(), role: Role::Host, killed, ended }
    }

    /// Watches over another session from now on.
    pub fn renewed(&mut self, server: &SessionFacts) {
        (self.id, self.meter) = (server.id, server.meter.clone());
        self.ended = AtomicBool::default();
    }

    /// Counts what the server sends.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether the session was ended because a statement did not end, or an answer could not be read: it must be replaced, and its transaction is over.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || self.meter.is_broken()
    }

    /// Whose statements follow.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Sets the role of the following statements and what ends them.
    pub fn take_role(&mut self, role: Role, stop: StopSignal) {
        self.role = role;
        self.stop = stop;
    }

    /// Fails with `DatabaseErrorKind::Interrupted` once the signal is raised.
    pub fn check_stop(&self) -> Result<()> {
        if self.stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// Awaits an answer of the work connection. If the stop signal is raised meanwhile, or a statement of a migration
    /// exceeds its time limit, the server is asked to end it, and its answer decides:
    /// `DatabaseErrorKind::Interrupted` or `DatabaseErrorKind::Timeout`, or success if the statement completed
    /// first.
    pub async fn over<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.check_stop()?;
        self.note(None);
        let mut work = pin!(async {
            let answer = self.meter.judge(work.await);
            note_loss(&self.meter, &answer);
            answer
        });
        let limit = self.endpoint.statement_timeout().filter(|_| self.role != Role::Host);
        let reason = tokio::select! {
            biased;
            answer = &mut work => return answer,
            _ = self.stop.raised() => Reason::Stop,
            limit = elapsed(limit) => Reason::Time(limit),
            error = self.gone() => {
                // A query on the connection would now wait for the answer that does not come.
                self.ended.store(true, Ordering::Relaxed);
                return Err(error);
            }
        };
        self.note(Some(reason));
        let (mut failed, mut looks) = (0, 0);
        let mut request = "KILL QUERY";
        loop {
            match self.kill(request).await {
                Ok(()) => {
                    failed = 0;
                    self.ended.fetch_or(request == "KILL", Ordering::Relaxed);
                }
                Err(_) => failed += 1,
            }
            looks += 1;
            let wait = if looks <= LOOKS && failed == 0 { HEED } else { AGAIN };
            match tokio::time::timeout(wait, &mut work).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if is_interrupted(&error) => return Err(reason.error()),
                // The server continues with what cannot be interrupted, such as the end of a `DROP TABLE`.
                Ok(Err(_)) if self.has_ended() => return Err(reason.error().means(Meaning::Unanswered)),
                Ok(Err(error)) => return Err(error),
                Err(_) if failed == ATTEMPTS => {
                    self.ended.store(true, Ordering::Relaxed);
                    return Err(lost("it does not answer, nor does it take another connection"));
                }
                // The first request may have arrived between two statements. What the host itself runs catches nothing.
                Err(_) if looks > 1 && self.role != Role::Host && self.ignores_request().await => request = "KILL",
                Err(_) => {}
            }
        }
    }

    /// Whether the session is running something although it was asked to end it. The server shows a statement that is
    /// ending as `Killed`.
    async fn ignores_request(&self) -> bool {
        let Ok(mut connection) = self.endpoint.connect_briefly().await else { return false };
        let Ok(sessions) = connection.all("SHOW PROCESSLIST").await else { return false };
        let ours = sessions.iter().find(|row| number(row, 0) == self.id);
        ours.is_some_and(|row| text(row, 4) != "Killed" && !text(row, 7).is_empty())
    }

    /// Returns when the server has lost the session, or does not answer other connections either: a cut link shows no
    /// error.
    async fn gone(&self) -> DatabaseError {
        let mut unanswered = 0;
        loop {
            tokio::time::sleep(keepalive::PERIOD).await;
            match self.is_known().await {
                Ok(true) => unanswered = 0,
                Ok(false) => return lost("the server has ended it"),
                Err(_) if unanswered == ATTEMPTS => return lost("the server does not answer"),
                Err(_) => unanswered += 1,
            }
        }
    }

    /// Whether the session is in the server's process list.
    pub(crate) async fn is_known(&self) -> Result<bool> {
        let asked = async {
            let mut connection = self.endpoint.connect_as_itself().await?;
            processlist::describe(&mut connection, self.id).await
        };
        match asked.await {
            // A refusal is an answer, such as that the server is full. Another user would not be shown the session.
            Err(error) if !error.code.is_empty() => Ok(true),
            told => told.map(|told| !told.is_empty()),
        }
    }

    /// Fails if the last statement was asked to end, even if it answered without an error.
    pub fn check_killed(&self) -> Result<()> {
        match *self.killed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(reason.error()),
            None => Ok(()),
        }
    }

    fn note(&self, reason: Option<Reason>) {
        *self.killed.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Asks the server over a second connection to end the session's statement (`KILL QUERY`) or the session
    /// (`KILL`).
    async fn kill(&self, what: &str) -> Result<()> {
        let mut connection = self.endpoint.connect_briefly().await?;
        connection.run(format!("{what} {}", self.id)).await?;
        Ok(())
    }
}

impl Reason {
    fn error(&self) -> DatabaseError {
        match self {
            Self::Stop => DatabaseError::stopped(),
            Self::Time(limit) => DatabaseError::too_long(*limit),
        }
    }
}

async fn elapsed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}
