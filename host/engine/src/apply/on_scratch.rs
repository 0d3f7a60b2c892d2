//! A dry run on a copy of the database, where everything runs and commits as in a real run; and what a dry run cannot
//! show.

use std::sync::Arc;

use super::{Engine, Request};
use crate::control::RunControl;
use crate::dry_run::{DryRun, Ground, OnScratch, Trial};
use crate::event::Event;
use crate::history::RunMode;
use crate::outcome::{Left, Outcome};
use crate::plan::Plan;
use crate::stopped::stopped;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::logins::{LoginRequest, LoginTask, Removal};
use runner_database::{Database, DatabaseErrorKind, DesiredLogin, Dialect, Grants};
use runner_drivers::copy::{self, ScratchPlace};
use runner_project::settings::ComponentGrants;

impl Engine {
    /// Runs all planned migrations on a copy, which is then removed.
    pub(super) async fn dry_run_on_scratch(
        &self,
        request: &Request,
        dry_run: &DryRun,
        on_scratch: &OnScratch,
    ) -> Result<Outcome> {
        let made = self.make_copy(on_scratch).await?;
        let copy::ScratchCopy { database, name, others, caveats, place } = made;
        let ran = self.run_on(database, others, request, dry_run).await;
        let removed = self.remove_copy(place).await;
        if let Err(error) = &removed {
            self.warn("", format!("the copy could not be removed; the next run removes it: {error}"));
        }
        let mut outcome = ran?;
        outcome.dry_run_left = if removed.is_ok() { Left::Nothing } else { Left::Copy };
        if let Some(error) = &mut outcome.error
            && error.kind == ErrorKind::Partial
        {
            // Nothing is left partly done: the copy is removed.
            error.kind = ErrorKind::Failed;
            let part = outcome.failed.as_ref().and_then(|failed| failed.took_effect);
            let part = part.map_or("partly applied".to_owned(), |part| format!("partly applied, after {part}"));
            error.hints = match self.not_refused() {
                Ok(()) => {
                    vec![format!("a real run would stop here, with the migration {part}; fix the cause first").into()]
                }
                // Only the dry run stops here.
                Err(refused) => refused.hints,
            };
        }
        if let Some(failed) = &mut outcome.failed {
            failed.took_effect = None;
        }
        self.explain_dry_run(&mut outcome);
        let mut told = vec!["the copy does not show what others commit during the run, nor their locks".to_owned()];
        told.extend(caveats);
        told.extend(self.caveat_of_chunks());
        outcome.dry_run_report = self.report(name, told);
        Ok(outcome)
    }

    async fn make_copy(&self, on_scratch: &OnScratch) -> Result<copy::ScratchCopy> {
        let events = self.events.clone();
        let progress = move |unit: &str, done: u64, total: Option<u64>| {
            let (what, unit) = ("copy".to_owned(), unit.to_owned());
            events.emit(&Event::Progress { revision: String::new(), what, done, total, unit });
        };
        let mut database = self.database.lock().await;
        let asked = copy::ScratchRequest {
            url: &on_scratch.connect.url,
            rows: on_scratch.rows,
            connect: &on_scratch.connect.options,
            stop: &self.stop,
            progress: &progress,
        };
        copy::make(&mut **database, &asked).await.map_err(|error| {
            match self.stop.reason().filter(|_| error.kind == DatabaseErrorKind::Interrupted) {
                Some(reason) => stopped(reason),
                None => Error::from(error),
            }
        })
    }

    async fn run_on(
        &self,
        database: Box<dyn Database>,
        others: Vec<String>,
        request: &Request,
        dry_run: &DryRun,
    ) -> Result<Outcome> {
        let dialect = database.facts().dialect;
        let trial = Trial::new(dry_run.trial.recorder.clone(), Ground::Copy { others });
        let engine = Engine {
            database: Arc::new(tokio::sync::Mutex::new(database)),
            grants: Arc::new(for_scratch(&self.grants, dialect)),
            // No other session uses the copy.
            control: Arc::new(RunControl::unthrottled(self.events.clone(), self.stop.clone())),
            dry_run: Some(DryRun { trial, on_scratch: None, chunks: dry_run.chunks }),
            backup: None,
            ..self.clone()
        };
        let request = &Request { options: request.options.on_scratch(dialect), ..request.clone() };
        let had_logins = engine.make_logins(request).await?;
        let ran = match engine.plan(request).await {
            Ok(plan) => engine.run_plan(request, plan).await,
            Err(error) => Err(error),
        };
        if had_logins {
            // The session of a component ends before its login.
            let _ = engine.database.lock().await.set_grants(None);
            if let Err(error) = engine.remove_logins().await {
                self.warn(
                    "",
                    format!("the logins for the copy could not be removed; the next run removes them: {error}"),
                );
            }
        }
        ran
    }

    /// Gives each planned component under grants a login for the copy, where it has one for the database. Returns whether there is one.
    async fn make_logins(&self, request: &Request) -> Result<bool> {
        let wanted = self.plan_alone(request).await?.logins();
        if wanted.is_empty() || !self.facts().await.separate_logins {
            return Ok(false);
        }
        let schema = self.facts().await.schema.unwrap_or_default();
        self.sync(wanted, Removal::Nothing).await.map_err(|error| match error.kind {
            ErrorKind::Denied => Error { hints: Vec::new(), ..error }.at("database", schema.clone()).hint(format!(
                "the copy has a login of its own for each component under grants: an administrator can allow that with CREATE USER, and \
                 GRANT ALL PRIVILEGES ON `{schema}`.* TO the user WITH GRANT OPTION"
            )),
            _ => error,
        })?;
        Ok(true)
    }

    async fn remove_logins(&self) -> Result<()> {
        self.sync(Vec::new(), Removal::Others).await
    }

    async fn sync(&self, wanted: Vec<DesiredLogin>, remove: Removal) -> Result<()> {
        let request = LoginRequest { task: LoginTask::Sync, wanted, remove };
        let mut database = self.database.lock().await;
        Ok(database.host().logins(&request).await.map(drop)?)
    }

    async fn remove_copy(&self, place: ScratchPlace) -> Result<()> {
        let mut database = self.database.lock().await;
        Ok(copy::discard(&mut **database, place).await?)
    }

    /// Removes the copy that a killed dry run left.
    pub(super) async fn sweep(&self) {
        let mut database = self.database.lock().await;
        let swept = copy::sweep(&mut **database).await;
        drop(database);
        match swept {
            Ok(None) => {}
            Ok(Some(name)) => self.warn("", format!("removed `{name}`, the scratch copy of a dry run that was killed")),
            Err(error) => {
                self.warn("", format!("the scratch copy of a dry run that was killed cannot be removed: {error}"))
            }
        }
    }

    /// Returns what a dry run in a transaction cannot show or does not roll back.
    pub(super) async fn caveats(&self, plan: &Plan) -> Vec<String> {
        let dialect = self.database.lock().await.facts().dialect;
        let mut told: Vec<String> = dialect.rollback_caveats().iter().map(|text| (*text).to_owned()).collect();
        let mut tell = |text: &str| told.push(text.to_owned());
        let stepwise = plan.steps.iter().filter(|migration| migration.mode == RunMode::Stepwise).count();
        if stepwise > 0 {
            tell("stepwise migrations ran in the one transaction; in a real run each step commits by itself");
        }
        if plan.steps.len() > 1 && plan.steps.iter().any(|migration| migration.description.needs_table_rebuild()) {
            tell("foreign keys were off for all migrations because one rebuilds a table: nothing cascaded");
        }
        match self.dry_run.as_ref().map(|dry_run| dry_run.trial.recorder.left_out()) {
            None | Some(0) => {}
            Some(1) => tell("1 statement was skipped: it cannot run in a transaction"),
            Some(several) => tell(&format!("{several} statements were skipped: they cannot run in a transaction")),
        }
        told.extend(self.caveat_of_chunks());
        told
    }

    /// Adds what only the dry run caused: what it refused, and that only some chunks ran, where a migration may have checked
    /// that all rows were processed.
    pub(super) fn explain_dry_run(&self, outcome: &mut Outcome) {
        if let Some(error) = outcome.error.as_mut().filter(|_| self.not_refused().is_err())
            && matches!(error.kind, ErrorKind::Failed | ErrorKind::Partial)
            && outcome.dry_run_left != Left::Unknown
        {
            error.kind = ErrorKind::Usage;
        }
        let is_part = self.dry_run.as_ref().is_some_and(|dry_run| dry_run.chunks.is_some());
        if let Some(error) = outcome.error.as_mut().filter(|_| is_part) {
            error.hints.push("only some chunks of each transform ran; without `--sample-chunks` all do".into());
        }
    }

    fn caveat_of_chunks(&self) -> Option<String> {
        let chunks = self.dry_run.as_ref()?.chunks?;
        Some(format!(
            "at most {} of each transform ran: later steps saw the other rows unchanged, and times and counts \
             cover only a part",
            if chunks == 1 { "1 chunk".to_owned() } else { format!("{chunks} chunks") }
        ))
    }
}

/// What components are granted on a scratch database. The operator's password is that of a login for the database; that for a copy is
/// made by the run. Where schemas are databases, the scratch database stands for all of them: see [`PlanOptions::on_scratch`].
///
/// [`PlanOptions::on_scratch`]: crate::plan::PlanOptions::on_scratch
pub fn for_scratch(grants: &ComponentGrants, dialect: Dialect) -> ComponentGrants {
    let granted = |grants: &Arc<Grants>| {
        let mut grants = Grants { password_env: None, secret: None, ..(**grants).clone() };
        if dialect.schemas_are_databases() {
            grants.tables.iter_mut().for_each(|grant| grant.tables.schema = None);
        }
        Arc::new(grants)
    };
    grants.iter().map(|(name, grants)| (name.clone(), granted(grants))).collect()
}
