//! Retries: a migration that fails because of another transaction's lock is rolled back completely and retried, and a lost
//! connection is reopened.

use std::time::{Duration, Instant};

use super::{Action, Engine, Failure, Request, StepResult};
use crate::event::Event;
use crate::history::Numbers;
use crate::outcome::Done;
use crate::plan::PlannedMigration;
use crate::settle;
use runner_base::backoff::Backoff;
use runner_base::error::Error;
use runner_database::{DatabaseError, HostSession};

/// The pause before the first retry. Each further pause is twice as long: the lock may be held for a long time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. With a longer one, a table that is free only briefly would be missed.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// After this time no further attempt begins, however many are left: an operator waits for the run.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// Counts the retries of a migration.
pub(super) struct Retries {
    done: u32,
    most: u32,
    since: Instant,
    pauses: Backoff,
}

impl Retries {
    pub fn new(most: u32) -> Self {
        Self { done: 0, most, since: Instant::now(), pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    /// The number of retries so far.
    pub fn done(&self) -> u32 {
        self.done
    }

    /// Returns the pause before the next retry; `None` if there is no further one.
    fn next(&mut self) -> Option<Duration> {
        if self.done >= self.most || self.since.elapsed() >= LONGEST_WAIT {
            return None;
        }
        self.done += 1;
        Some(self.pauses.pause())
    }

    /// Returns the error of the last attempt.
    pub fn explain(&self, error: Error) -> Error {
        let error = match self.done {
            0 => error,
            1 => error.cause("it was retried once"),
            several => error.cause(format!("it was retried {several} times")),
        };
        if !error.hints.is_empty() {
            return error;
        }
        error
            .hint("another session holds a lock that the migration needs: look for a long transaction, or run at a quieter time")
    }
}

impl Engine {
    /// Runs a stepwise migration. If it fails because of another transaction's lock, it is resumed, as the next `apply`
    /// would do.
    pub(super) async fn run_stepwise_patiently(
        &self,
        request: &Request,
        migration: &PlannedMigration,
        numbers: &Numbers,
    ) -> StepResult {
        let mut retries = Retries::new(self.retries);
        let mut migration = migration.clone();
        loop {
            let failure = match self.run_stepwise(request, &migration, numbers).await {
                Ok(done) => return Ok(Done { retries: retries.done(), ..done }),
                Err(failure) => failure,
            };
            // A partly rolled back migration changes what the target means; what has not begun leads to the same plan again.
            let leads_back = matches!(request.action, Action::Apply(_)) || failure.took_effect.is_none();
            if !failure.met_a_lock || !leads_back || self.stop.is_raised() {
                return Err(failure);
            }
            if !self.pause_before_retry(&migration, &mut retries, &failure.error).await {
                let error = retries.explain(failure.error);
                return Err(Box::new(Failure { error, ..*failure }));
            }
            let next = self.plan(request).await.ok().and_then(|plan| plan.steps.into_iter().next());
            match next.filter(|next| next.revision == migration.revision) {
                Some(next) => migration = next,
                None => return Err(failure),
            }
        }
    }

    /// Pauses before a retry. Returns false if there is none: the retries are used up, or the run should stop.
    pub(super) async fn pause_before_retry(
        &self,
        migration: &PlannedMigration,
        retries: &mut Retries,
        error: &Error,
    ) -> bool {
        let Some(pause) = retries.next() else { return false };
        self.control.count_retry();
        let place = error.places.iter().find(|(label, _)| matches!(*label, "statement" | "step"));
        self.events.emit(&Event::Retrying {
            revision: migration.revision.clone(),
            name: migration.name.clone(),
            reason: match place {
                Some((label, place)) => format!("{} at {label} {}", error.message, place),
                None => error.message.clone(),
            },
            pause,
            retry: retries.done,
            of: retries.most,
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            _ = self.stop.raised() => false,
        }
    }

    /// Reopens a lost connection whose transaction was not committed.
    pub(super) async fn reconnect_after_loss(&self, database: &mut HostSession<'_>) -> Result<(), DatabaseError> {
        settle::reconnect(database, settle::AWAY, &self.stop).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Direction;
    use crate::apply::tests::{engine, sql};
    use crate::apply::{Action, Request};
    use crate::plan::PlanOptions;
    use crate::script::{RunContext, Script, ScriptLoader, ScriptSource};
    use crate::target::Target;
    use runner_base::error::ErrorKind;
    use runner_database::stop::StopReason;
    use runner_database::{DatabaseErrorKind, Meaning, QueryLimits};

    /// Fails with a lock conflict this many times before it succeeds.
    struct Meets(std::sync::Mutex<u32>);

    #[async_trait::async_trait]
    impl Script for Meets {
        async fn run(&self, _: Direction, context: &RunContext) -> runner_base::error::Result<()> {
            context.database.lock().await.script(&context.stop).execute("CREATE TABLE t (x)", &[]).await?;
            let mut left = self.0.lock().expect("not poisoned");
            if *left == 0 {
                return Ok(());
            }
            *left -= 1;
            let error = DatabaseError::new(DatabaseErrorKind::Busy, "lock timeout").means(Meaning::Conflict);
            context.recorder.note_error(&error);
            Err(Error::from(error).at("statement", "1 of 1, line 1"))
        }
    }

    #[tokio::test]
    async fn what_met_a_lock_is_rolled_back_and_tried_again() {
        for (locks, retries, tables) in [(2, Some(2), 1), (9, None, 0)] {
            let loader: Arc<dyn ScriptLoader> =
                Arc::new(move |_: &ScriptSource| Ok(Box::new(Meets(std::sync::Mutex::new(locks))) as Box<dyn Script>));
            let engine = Engine { loader, retries: 2, ..engine(vec![sql("1", "SELECT 1", None)]).await };
            let outcome = engine.run(&up()).await.expect("a plan");
            assert_eq!(outcome.done.first().map(|done| done.retries), retries);
            let count = "SELECT 1 FROM sqlite_schema WHERE name = 't'";
            let found = engine.database.lock().await.host().query(count, &[], QueryLimits::NONE).await.expect("rows");
            assert_eq!(found.rows.len(), tables);
            if let Some(error) = outcome.error {
                assert_eq!((error.kind, error.causes), (ErrorKind::LockTimeout, vec!["it was retried 2 times".into()]));
            }
        }
    }

    #[tokio::test]
    async fn a_signal_ends_the_pause() {
        let loader: Arc<dyn ScriptLoader> =
            Arc::new(|_: &ScriptSource| Ok(Box::new(Meets(std::sync::Mutex::new(99))) as Box<dyn Script>));
        let engine = Engine { loader, retries: 1000, ..engine(vec![sql("1", "SELECT 1", None)]).await };
        let stop = engine.stop.clone();
        let request = up();
        let (outcome, ()) = tokio::join!(engine.run(&request), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.raise(StopReason::Interrupt);
        });
        let error = outcome.expect("a plan").error.expect("stopped");
        assert_eq!(error.kind, ErrorKind::Interrupted);
    }

    fn up() -> Request {
        let action = Action::Apply(Target::Latest);
        Request {
            action,
            options: PlanOptions::default(),
            lock_wait: Duration::from_secs(1),
            dry_run: false,
            accept: None,
        }
    }

    #[test]
    fn retries_are_counted() {
        let mut retries = Retries::new(2);
        assert!(retries.next().is_some() && retries.next().is_some());
        assert!(retries.next().is_none());
        let error = retries.explain(Error::failed("busy"));
        assert_eq!(error.causes, ["it was retried 2 times"]);
        assert!(Retries::new(0).next().is_none());
    }
}
