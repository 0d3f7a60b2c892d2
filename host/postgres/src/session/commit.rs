//! How transactions end, and what the host commits by itself.

use sqlx::postgres::PgRow;

use super::Session;
use crate::changes;
use crate::commit::{Outcome, Unit, run_deferred};
use crate::error::{Result, read_only};
use crate::gate::Call;
use crate::guard::Fingerprint;
use crate::link::watchdog::Watchdog;
use crate::settings::{OURS, prologue};
use crate::transaction::Voice;
use runner_database::{Committed, DatabaseError, Role, ToolChange, UnitOfWork};

impl Session {
    /// Commits a unit of work.
    pub(crate) async fn commit(&mut self, unit: UnitOfWork<'_>) -> Committed {
        let committed = match unit {
            UnitOfWork::Apart(changes) => self.commit_changes(changes).await,
            UnitOfWork::Step(_) | UnitOfWork::Migration(_) => self.commit_transaction(unit).await,
        };
        committed.unwrap_or_else(Committed::failed)
    }

    async fn commit_changes(&mut self, changes: &[ToolChange]) -> Result<Committed> {
        self.check_begin().await?;
        let changes = changes::text_of(changes, self.facts())?;
        self.commit_apart(&changes).await
    }

    /// Runs statements about the tool's tables, each followed by `; `, in a transaction of their own.
    pub(crate) async fn commit_apart(&mut self, statements: &str) -> Result<Committed> {
        let begin = prologue(&self.own, &self.lock.at_work(self.guard.place(), "NULL"));
        let (inspect, fence) = (self.guard.inspect(), self.lock.fence(self.link.facts())?);
        let unit = Unit::new(format!("{begin}; {OURS}{inspect}{statements}{fence}"));
        let outcome = self.link.commit(&unit, None).await;
        if matches!(outcome, Outcome::Committed(_)) {
            self.guard.has_inspected();
        }
        Ok(outcome.into())
    }

    /// Asks questions of the host in a transaction of their own. Returns the rows of each statement of it, from the first.
    pub(crate) async fn ask_apart(&mut self, questions: &[&str]) -> Result<Vec<Vec<PgRow>>> {
        let is_ours = questions.iter().any(|question| self.is_about_tool_tables(question));
        let (path, inspect) = if is_ours { (OURS, self.guard.inspect()) } else { ("", "") };
        let begin = prologue(&self.own, "NULL");
        let unit = Unit::new(format!("{begin}; {path}{inspect}{}; ", questions.join("; ")));
        let watch = self.watch_alone(&unit.text());
        let answers = self.link.commit_watched(&unit, &watch).await.committed()?;
        if is_ours {
            self.guard.has_inspected();
        }
        Ok(answers.rows)
    }

    /// Works in a transaction of its own, with our names; the work says whether it is committed.
    pub(crate) async fn apart<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> Result<(T, bool)>) -> Result<T> {
        self.check_free()?;
        let fence = self.lock.fence(self.link.facts())?;
        self.link.begin(&format!("{}; {OURS}", prologue(&self.own, "NULL"))).await?;
        self.link.occupy();
        let done = work(self).await;
        self.link.release();
        match done {
            Ok((value, true)) => self.link.commit(&Unit::new(fence), None).await.committed().map(|_| value),
            done => {
                self.link.roll_back().await;
                done.map(|(value, _)| value)
            }
        }
    }

    /// Fails where a change is not possible at all.
    pub(crate) fn check_not_read_only(&self) -> Result<()> {
        if self.facts().read_only { Err(read_only()) } else { Ok(()) }
    }

    /// Makes changes to the tool's tables in the open transaction, and commits it.
    async fn commit_transaction(&mut self, unit: UnitOfWork<'_>) -> Result<Committed> {
        self.link.check()?;
        let Some(transaction) = &self.transaction else { return Err(DatabaseError::no_transaction("commit")) };
        transaction.check()?;
        transaction.check_tool_tables()?;
        let xid = transaction.xid().to_owned();
        let changes = changes::text_of(unit.changes(), self.facts())?;
        let ends_migration = unit.ends_migration();
        let (unit, before) = self.ending(&changes, ends_migration).await?;
        Ok(match self.link.commit(&unit, Some(&xid)).await {
            Outcome::Committed(_) => {
                let settings = self.transaction.take().map(|transaction| transaction.into_settings());
                match ends_migration {
                    false => settings.iter().flatten().for_each(|statement| self.own.note(statement)),
                    true => self.own.forget(),
                }
                Committed::Yes
            }
            Outcome::RolledBack(error) => {
                let error = before.map_or_else(|| error.clone(), |before| before.explain(error.clone()));
                if let Some(transaction) = &mut self.transaction {
                    transaction.is_rolled_back(&error);
                }
                Committed::No(error)
            }
            Outcome::Unanswered(error) => {
                self.transaction = None;
                Committed::Unanswered(error)
            }
        })
    }

    /// What ends the transaction, and the state of the tool's tables that it proves if a guest has spoken.
    async fn ending(&mut self, changes: &str, ends_migration: bool) -> Result<(Unit, Option<Fingerprint>)> {
        self.link.drop_prepared().await?;
        let anew = self.anew();
        // Right before the commit, so that it does not wait for a process that is stopped in between.
        let fence = self.lock.fence(self.link.facts())?;
        let asks = self.asks_what_is_pending();
        let Some(transaction) = &mut self.transaction else { return Err(DatabaseError::no_transaction("commit")) };
        // Deferred constraints are the migration's, and are checked as it left the session.
        let mut text = transaction.end_of_guest();
        let before = match (transaction.had_script(), transaction.tables()) {
            (false, _) => None,
            (true, Some(before)) => Some(before.clone()),
            // The host was last: what it wrote itself is not a change.
            (true, None) => Some(Fingerprint::of(self.link.rows(&self.guard.place().fingerprint).await?.last())),
        };
        if before.is_some() {
            text.push_str(&run_deferred(asks));
        }
        if !ends_migration {
            // Otherwise all of it is reset below, with what the migration leaves.
            text.push_str(transaction.restore(Voice::Host, &anew));
        }
        if transaction.code_free().is_some() {
            // There was nothing else to restore.
            text.push_str(&self.own.set_timeouts(Role::Host, self.link.endpoint().settings()));
        }
        text.push_str(&format!("{OURS}{}{}", transaction.proof(), self.lock.proof()));
        if let Some(before) = &before {
            text.push_str(&before.proof(self.guard.place()));
        }
        let had_component = transaction.had_component();
        if ends_migration {
            // Of the settings of other transactions the changes need these three.
            let reset = self.reset_all();
            text.push_str(&format!("{reset}; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; {OURS}"));
        }
        text.push_str(changes);
        text.push_str(&fence);
        let unit = if before.is_some() { Unit::of_guest(text) } else { Unit::new(text) };
        let reset = match ends_migration {
            true => self.reset_all(),
            false if had_component => self.after_component(),
            false => String::new(),
        };
        Ok((unit.then(reset), before))
    }

    /// Whether it has to be asked what of a guest's code is still to run in a commit. A component with a login of its own has no rights
    /// to the tool's tables.
    pub(super) fn asks_what_is_pending(&self) -> bool {
        let major = self.facts().version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major < 16) && !self.is_gated()
    }

    /// Rolls the transaction back, if one is open.
    pub(crate) async fn rollback(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        if !transaction.is_over() {
            self.link.roll_back().await;
        }
        if self.link.is_lost() {
            self.link.leave(Some(transaction.into_xid()));
        }
        if self.link.is_ended() {
            // Where that fails, every further statement says so.
            let _ = self.reconnect().await;
        }
    }

    /// Checks the deferred constraints as a commit would, and then undoes the check: they are still deferred
    /// afterwards.
    pub(crate) async fn check_constraints(&mut self) -> Result<()> {
        if self.transaction.is_none() {
            return Err(DatabaseError::no_transaction("check"));
        }
        let scope = self.enter_as_host().await?;
        let watch = self.watch();
        let checked = self.check_deferred(&watch).await;
        let back = self.link.run("ROLLBACK TO SAVEPOINT runner_check; RELEASE SAVEPOINT runner_check").await;
        // The error of a failed check has not ended the transaction, because of the savepoint.
        self.leave(scope, back).await.and(checked)
    }

    async fn check_deferred(&mut self, watch: &Watchdog) -> Result<()> {
        self.link.run("SAVEPOINT runner_check").await?;
        if self.is_gated() {
            // Until then the gate refuses every end of the transaction, of which this is a trial.
            self.call(Call::Seal, &[]).await?;
        }
        watch.run(self.link.run("SET CONSTRAINTS ALL IMMEDIATE")).await
    }

    /// Fails if the migration has changed the tool's tables.
    pub(crate) async fn check_tool_tables(&mut self) -> Result<()> {
        if self.transaction.is_none() {
            return Ok(());
        }
        // Entering as the host checks the tables.
        let scope = self.enter_as_host().await?;
        self.leave(scope, Ok(())).await?;
        self.transaction.as_ref().map_or(Ok(()), |transaction| transaction.check_tool_tables())
    }
}
