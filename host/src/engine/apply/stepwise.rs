//! SQL that runs outside of a transaction: every statement commits by itself, noted before and after in history.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::load::to_store;
use super::{Engine, Failure, Started, StepResult, as_host, as_migration, done, work};
use crate::database::{Database, DatabaseErrorKind, TransactionOptions};
use crate::engine::Direction;
use crate::engine::event::Event;
use crate::engine::history::{self, State};
use crate::engine::outcome::TookEffect;
use crate::engine::plan::Step;
use crate::engine::script::{ScriptSource, Tally, stopped};
use crate::engine::sql_script::{statement_failed, unreadable};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{Statement, split};

/// Digits of a digest that history keeps: enough to know the statements again.
const DIGITS: usize = 32;

/// How far a stepwise step has come.
struct Progress {
    /// Its row of history.
    record: i64,
    /// Statements that took effect, those of earlier runs included.
    done: u64,
    /// Of so many.
    of: u64,
    /// The next one was begun, and nobody knows whether it took effect.
    is_unknown: bool,
}

impl Engine {
    /// Runs a step statement by statement.
    pub(super) async fn run_stepwise(&self, step: &Step) -> StepResult {
        let source = self.source(step).await?;
        self.warn_of_another_way_back(step, &source).await;
        let ScriptSource::Sql { up, down } = &source else {
            return Err(Error::usage("components that run stepwise are not supported by this version of runner").into());
        };
        let text = match step.direction {
            Direction::Up => up,
            Direction::Down => down.as_ref().ok_or_else(|| Error::usage("the migration has no way back"))?,
        };
        let dialect = self.database.lock().await.facts().dialect;
        let statements = split(text, dialect).map_err(|error| unreadable(step.direction, error))?;
        let started = Started::now();
        let tally = Arc::new(Tally::default());
        let mut progress = self.open(step, &statements, &started, &tally).await?;
        let ran = self.run_statements(step, &statements, &mut progress, &tally).await;
        let mut database = self.database.lock().await;
        as_host(&mut **database);
        // What broke the run matters more than what is said about its temporary tables.
        let dropped = database.drop_temporary().await.map_err(Error::from);
        match ran.and(dropped) {
            Ok(()) => {
                self.close(&mut **database, step, &source, &progress, &started, &tally).await?;
                Ok(done(step, &started, &tally))
            }
            Err(error) => {
                let work = history::Work { steps: progress.done, ..work(&started, &tally) };
                Err(self.give_up(&mut **database, step, &progress, &work, error).await)
            }
        }
    }

    /// Makes the row of history say that the step is under way.
    async fn open(
        &self,
        step: &Step,
        statements: &[Statement<'_>],
        started: &Started,
        tally: &Tally,
    ) -> Result<Progress> {
        let mut database = self.database.lock().await;
        as_host(&mut **database);
        let of = statements.len() as u64;
        if let (Some(record), Some(done)) = (step.record, step.resume_after) {
            let earlier = history::read(&mut **database).await?;
            let digests = earlier.live.iter().find(|row| row.id == record).map(|row| row.statement_digests.clone());
            check_unchanged(&digests.unwrap_or_default(), statements, done)?;
            return Ok(Progress { record, done, of, is_unknown: false });
        }
        if let Some(record) = step.record {
            history::reopen(&mut **database, record, State::PartlyRolledBack).await?;
            return Ok(Progress { record, done: 0, of, is_unknown: false });
        }
        history::insert(&mut **database, &self.record(step, State::PartlyApplied, started, tally)).await?;
        let history = history::read(&mut **database).await?;
        let row = history.get(&step.revision).ok_or_else(|| Error::failed("history has lost the row just written"))?;
        Ok(Progress { record: row.id, done: 0, of, is_unknown: false })
    }

    /// Runs the statements that are not done, noting each before and after.
    async fn run_statements(
        &self,
        step: &Step,
        statements: &[Statement<'_>],
        progress: &mut Progress,
        tally: &Tally,
    ) -> Result<()> {
        let mut digest = RollingDigest::default();
        statements.iter().take(progress.done as usize).for_each(|statement| digest.add(statement));
        for (index, statement) in statements.iter().enumerate().skip(progress.done as usize) {
            if let Some(reason) = self.stop.reason() {
                return Err(stopped(reason));
            }
            let number = tally.begin_step(statement.text);
            let before = digest.noted();
            digest.add(statement);
            let begun = format!("{before} {}", digest.noted());
            let mut database = self.database.lock().await;
            as_host(&mut **database);
            history::begin_statement(&mut **database, progress.record, progress.done, &begun).await?;
            progress.is_unknown = true;
            as_migration(&mut **database, step.kind, &self.stop);
            let clock = std::time::Instant::now();
            let result = database.execute(statement.text, &[]).await;
            as_host(&mut **database);
            let rows = match result {
                Ok(rows) => rows,
                Err(error) => {
                    // A statement that failed has no effect, and one whose answer got lost may have.
                    let is_lost = error.kind == DatabaseErrorKind::Connection;
                    let place = format!("{} of {}, line {}", index + 1, progress.of, statement.line);
                    let error = statement_failed(error, &self.stop, statement.text, place)
                        .at("script", step.direction.to_string());
                    if is_lost {
                        return Err(error);
                    }
                    return Err(match history::forget_statement(&mut **database, progress.record).await {
                        Ok(()) => {
                            progress.is_unknown = false;
                            error
                        }
                        Err(second) => error.cause(second.message),
                    });
                }
            };
            history::finish_statement(&mut **database, progress.record, progress.done + 1).await?;
            progress.done += 1;
            progress.is_unknown = false;
            drop(database);
            tally.add_rows_written(rows);
            self.events.emit(&Event::StepFinished {
                revision: step.revision.clone(),
                step: number,
                statement: statement.text.to_owned(),
                rows,
                duration: clock.elapsed(),
            });
        }
        Ok(())
    }

    /// Makes the row of history say that the step is done.
    async fn close(
        &self,
        database: &mut dyn Database,
        step: &Step,
        source: &ScriptSource,
        progress: &Progress,
        started: &Started,
        tally: &Tally,
    ) -> Result<()> {
        if step.direction == Direction::Down {
            return history::end(database, progress.record, &self.end(started, tally)).await;
        }
        let mut record = self.record(step, State::Applied, started, tally);
        record.id = progress.record;
        record.steps = progress.of;
        let write = async |database: &mut dyn Database| -> Result<()> {
            let stored = to_store(source);
            history::store_artifact(database, &step.revision, &step.sha256, &stored, self.stored_artifact_bytes)
                .await?;
            history::finish_stepwise(database, &record).await
        };
        database.begin(TransactionOptions::default()).await?;
        match write(database).await {
            Ok(()) => Ok(database.commit().await?),
            Err(error) => Err(super::atomic::roll_back(database, error).await),
        }
    }

    /// Says what stays of a step that failed; one of which nothing took effect leaves no trace.
    async fn give_up(
        &self,
        database: &mut dyn Database,
        step: &Step,
        progress: &Progress,
        work: &history::Work,
        error: Error,
    ) -> Box<Failure> {
        if progress.done == 0 && !progress.is_unknown {
            let cleared = match step.direction {
                Direction::Up => history::discard(database, progress.record).await,
                Direction::Down => history::reopen(database, progress.record, State::Applied).await,
            };
            return match cleared {
                Ok(()) => error.into(),
                Err(second) => partial(error.cause(second.message), step, progress),
            };
        }
        // The run that goes on adds to it.
        match history::add_work(database, progress.record, step.direction, work).await {
            Ok(()) => partial(error, step, progress),
            Err(second) => partial(error.cause(second.message), step, progress),
        }
    }
}

/// The failure of a step that stays half done.
fn partial(mut error: Error, step: &Step, progress: &Progress) -> Box<Failure> {
    // That something is half done matters more than why; only a signal has a code of its own.
    if !matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) {
        error.kind = ErrorKind::Partial;
    }
    let verb = if step.direction == Direction::Up { "apply" } else { "rollback" };
    let took_effect = TookEffect { statements: progress.done, of: progress.of };
    let next = progress.done + 1;
    let error = if progress.is_unknown {
        error
            .hint(format!("nobody knows whether statement {next} took effect: look into the database"))
            .hint(format!("if it did: `runner {verb} --resume-at {}`", next + 1))
            .hint(format!("if it did not: `runner {verb} --resume-at {next}`"))
    } else {
        error.hint(format!(
            "{took_effect} took effect, and that stays; mend the cause, or the statements from {next} on, and run \
             `runner {verb}` to go on there"
        ))
    };
    Box::new(Failure { error, took_effect: Some(took_effect) })
}

/// The digest of the first statements of a script, whichever follow: what history notes does not grow with their number.
#[derive(Clone, Default)]
struct RollingDigest {
    state: Sha256,
    statements: u64,
}

impl RollingDigest {
    fn add(&mut self, statement: &Statement<'_>) {
        self.state.update((statement.text.len() as u64).to_le_bytes());
        self.state.update(statement.text);
        self.statements += 1;
    }

    /// As history notes it: how many statements, and their digest.
    fn noted(&self) -> String {
        format!("{}:{}", self.statements, &hex::encode(self.state.clone().finalize())[..DIGITS])
    }
}

/// Refuses to go on behind statements that are not those that took effect. `noted`: digests before and behind the statement
/// that was begun last.
fn check_unchanged(noted: &str, statements: &[Statement<'_>], done: u64) -> Result<()> {
    let mut digest = RollingDigest::default();
    statements.iter().take(done as usize).for_each(|statement| digest.add(statement));
    let now = digest.noted();
    if done == 0 || (digest.statements == done && noted.split(' ').any(|noted| noted == now)) {
        return Ok(());
    }
    let (message, hint) = match done {
        1 => (
            "the first statement has taken effect, and was changed since".to_owned(),
            "restore it as it was; those behind it may change".to_owned(),
        ),
        _ => (
            format!("the first {done} statements have taken effect, and were changed since"),
            "restore them as they were; those behind them may change".to_owned(),
        ),
    };
    Err(Error::mismatch(message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Dialect;

    #[test]
    fn only_what_took_effect_must_stay() {
        let split = |text: &'static str| split(text, Dialect::Sqlite).expect("SQL");
        let mut digest = RollingDigest::default();
        let mut noted = String::new();
        for statement in &split("SELECT 1; SELECT 2; SELECT 3") {
            noted = digest.noted();
            digest.add(statement);
        }
        let noted = format!("{noted} {}", digest.noted());
        for (text, done, changed) in [
            ("SELECT 1; SELECT 2; SELECT 3", 3, None),
            ("SELECT 1; SELECT 2; SELECT 4; SELECT 5", 2, None),
            ("SELECT 0; SELECT 2; SELECT 3", 0, None),
            (
                "SELECT 1; SELECT 0; SELECT 3",
                2,
                Some("the first 2 statements have taken effect, and were changed since"),
            ),
            ("SELECT 1", 2, Some("the first 2 statements have taken effect, and were changed since")),
            ("SELECT 0", 1, Some("the first statement has taken effect, and was changed since")),
        ] {
            let checked = check_unchanged(&noted, &split(text), done);
            assert_eq!(checked.err().map(|error| error.message).as_deref(), changed, "{text}");
        }
    }

    #[tokio::test]
    async fn a_first_statement_of_which_nobody_knows_keeps_its_row() {
        use crate::engine::apply::tests::{engine, sql};
        use crate::engine::plan::{Input, Options, plan_apply};
        use crate::engine::target::Target;
        for (is_unknown, rows, hint) in [(true, 1, Some("nobody knows whether statement 1")), (false, 0, None)] {
            let engine = engine(vec![sql("1", "-- runner:no-transaction\nSELECT 1; SELECT 2", None)]).await;
            engine.ensure_history().await.expect("tables");
            let history = history::History::default();
            let facts = engine.database.lock().await.facts().clone();
            let input =
                Input { catalog: &engine.catalog, history: &history, facts: &facts, options: Options::default() };
            let step = plan_apply(&input, &Target::Latest).expect("a plan").steps.remove(0);
            let statements = split("SELECT 1; SELECT 2", Dialect::Sqlite).expect("SQL");
            let (started, tally) = (Started::now(), Tally::default());
            let mut progress = engine.open(&step, &statements, &started, &tally).await.expect("a row");
            progress.is_unknown = is_unknown;
            let mut database = engine.database.lock().await;
            let work = history::Work::default();
            let lost = Error::failed("the connection is gone");
            let failure = engine.give_up(&mut **database, &step, &progress, &work, lost).await;
            assert_eq!(history::read_all(&mut **database).await.expect("history").len(), rows);
            assert_eq!(failure.took_effect.is_some(), is_unknown);
            assert_eq!(failure.error.hints.first().map(|it| it.starts_with(hint.unwrap_or("?"))), hint.map(|_| true));
        }
    }
}
