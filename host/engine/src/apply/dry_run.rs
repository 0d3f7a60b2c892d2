//! A dry run in one transaction that is rolled back; `on_scratch` does the same on a copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::atomic::note_ended;
use super::load::check_resumed;
use super::record::{Started, done};
use super::{Engine, Ground, Request};
use crate::Direction;
use crate::dry_run::lasting_table;
use crate::event::dry_run::Report;
use crate::history::{self, RunMode};
use crate::outcome::{Done, Left, Outcome};
use crate::plan::{Plan, PlannedMigration, check_dry_run};
use crate::recorder::RunRecorder;
use crate::script::ScriptSource;
use crate::transaction::not_undone;
use runner_base::error::{Error, Result};
use runner_database::message::{TAKES_PART, takes_nothing_back};
use runner_database::{Check, DatabaseError, DatabaseErrorKind, Facts, Grants, HostSession, TransactionOptions};
use runner_project::catalog::Kind;

impl Engine {
    /// Runs all planned migrations and rolls them back.
    pub(super) async fn dry_run(&self, request: &Request, plan: Plan) -> Result<Outcome> {
        self.check_dry_run_support(&plan).await?;
        let facts = self.database.lock().await.facts().clone();
        let confined = confinement(&plan.steps, &facts)?;
        // Enforcing foreign keys cannot be switched within the transaction.
        let foreign_keys_off = plan.steps.iter().any(|migration| migration.description.needs_table_rebuild());
        {
            let mut database = self.database.lock().await;
            let database = &mut database.host();
            match &confined {
                Some(grants) => match database.connection().component_logins() {
                    Some(logins) => logins.begin(grants.clone()).await?,
                    None => return Err(Error::failed("components have no logins of their own here")),
                },
                None => {
                    database
                        .begin(TransactionOptions { foreign_keys_off, is_tried: true, ..TransactionOptions::default() })
                        .await?;
                }
            }
        }
        let (is_confined, has_ended) = (confined.is_some(), Arc::new(AtomicBool::new(false)));
        let mut outcome = match self.dry_run_history(is_confined).await {
            Ok(notes) => {
                let has_ended = has_ended.clone();
                let transaction = DryRunTransaction { foreign_keys_off, notes, is_confined, has_ended };
                self.run_each(request, plan.steps.clone(), &Ground::RolledBack(transaction)).await
            }
            Err(error) => Outcome { error: Some(error), not_run: plan.steps.clone(), ..self.outcome(request) },
        };
        {
            let mut database = self.database.lock().await;
            let database = &mut database.host();
            match database.rollback().await {
                Ok(()) if !has_ended.load(Ordering::Relaxed) => {}
                // The server rolls back the transaction of a lost connection.
                Err(undone) if undone.kind == DatabaseErrorKind::Connection && outcome.error.is_some() => {}
                undone => {
                    let why =
                        undone.err().unwrap_or_else(|| DatabaseError::not_undone("its transaction had ended before"));
                    let error =
                        outcome.error.take().unwrap_or_else(|| Error::failed("the dry run could not be undone"));
                    outcome.error = Some(not_undone(error, why));
                    outcome.dry_run_left = Left::Unknown;
                }
            }
        }
        self.explain_dry_run(&mut outcome);
        let mut caveats = self.caveats(&plan).await;
        if is_confined {
            caveats.push(
                "a login of a component has a new password, as after each run, unless `password_env` names one"
                    .to_owned(),
            );
        }
        outcome.dry_run_report = self.report("transaction", caveats);
        Ok(outcome)
    }

    /// Fails if the dry run had to refuse something and the migration ignored the error.
    pub(super) fn not_refused(&self) -> Result<()> {
        let refused = self.dry_run.as_ref().and_then(|dry_run| dry_run.trial.recorder.refused());
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Returns the report of the dry run, if one was requested.
    pub(super) fn report(&self, ground: &'static str, caveats: Vec<String>) -> Option<Report> {
        let dry_run = self.dry_run.as_ref()?;
        Some(Report { ground, caveats, migrations: dry_run.trial.recorder.take() })
    }

    /// Creates the history in the open transaction if it does not exist. Returns false if there is none and a rollback would
    /// not remove it. `confined`: the transaction is that of a login, through whose gate the host only reads and writes.
    async fn dry_run_history(&self, confined: bool) -> Result<bool> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        if (confined || !database.facts().transactional_ddl) && !history::is_there(database).await? {
            return Ok(false);
        }
        history::ensure(database).await.map(|()| true)
    }

    /// Tries a migration in the open transaction. `left` is the number of those after it.
    pub(super) async fn dry_run_migration(
        &self,
        migration: &PlannedMigration,
        left: usize,
        transaction: &DryRunTransaction,
    ) -> Result<Done> {
        let stepwise = migration.mode == RunMode::Stepwise;
        let (script, source) = self.load(migration).await?;
        if let ScriptSource::Sql { up, .. } = &source {
            check_resumed(migration, up, &mut self.database.lock().await.host()).await?;
        }
        let started = Started::now();
        let mut left_out = 0;
        if let Some(dry_run) = &self.dry_run {
            dry_run.trial.recorder.set_stepwise(stepwise);
            left_out = dry_run.trial.recorder.left_out();
        }
        self.take_grants(migration, transaction).await?;
        let recorder = &Arc::default();
        let worked = script.run(migration.direction, &self.context(migration, recorder)).await;
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let worked = match worked {
            Ok(()) => leave(database, recorder).await,
            Err(error) => {
                note_ended(database, recorder).await;
                Err(error)
            }
        };
        transaction.has_ended.fetch_or(recorder.ended_transaction(), Ordering::Relaxed);
        if let (Err(error), Some(dry_run)) = (&worked, &self.dry_run)
            && dry_run.trial.recorder.left_out() > left_out
        {
            return Err(error.clone().cause(
                "earlier statements cannot run in a transaction and were skipped; this one may depend on them",
            ));
        }
        worked?;
        self.not_refused()?;
        // An interrupted migration already has a row, with another state.
        if transaction.notes && (migration.resume_after.is_none() || migration.direction == Direction::Down) {
            // A rollback does not reset the counter of a table. Numbers below zero are otherwise unused, and these are in the order of
            // the plan. Where even they advance it, no row is added.
            let number = migration.record.unwrap_or_else(|| i64::try_from(left).map_or(i64::MIN, |left| -1 - left));
            let changes = match migration.direction == Direction::Up && database.facts().sql.tool.own_number_counts {
                true => self.kept(database, migration, &source).await?,
                false => self.changes(database, migration, &source, &started, (recorder, number)).await?,
            };
            history::make(database, changes).await?;
        }
        let done = done(migration, &started, recorder);
        // Nothing is committed here, so what a commit would reject must be checked explicitly.
        let Err(error) = database.check(Check::Constraints).await else { return Ok(done) };
        let error = Error::from(error);
        // Without enforcement, nothing cascades either.
        Err(if transaction.foreign_keys_off && !migration.description.needs_table_rebuild() {
            error
                .cause("another migration in this dry run needs `table-rebuild`, which turns off foreign keys for all of them")
                .hint(format!("`--on-copy` commits each migration; `--target {}` and an earlier target try them separately", migration.revision))
        } else {
            error
        })
    }

    /// Restricts a component to what it is granted.
    async fn take_grants(&self, migration: &PlannedMigration, transaction: &DryRunTransaction) -> Result<()> {
        let mut database = self.database.lock().await;
        if !transaction.is_confined {
            return Ok(database.set_grants(migration.grants.clone())?);
        }
        let is_transactional = database.facts().transactional_ddl;
        match database.component_logins().filter(|_| is_transactional) {
            // The migrations before it may have created what it is granted. SQL has the rights of the host there, and is not to find the
            // names of the component before it.
            Some(logins) => Ok(logins.confine(migration.grants.clone()).await?),
            // It runs alone, and the login is the one that it should be.
            None => Ok(()),
        }
    }

    /// Rejects what cannot be rolled back, before anything has run.
    async fn check_dry_run_support(&self, plan: &Plan) -> Result<()> {
        let facts = self.database.lock().await.facts().clone();
        for migration in &plan.steps {
            let source = match migration.kind {
                Kind::Sql => Some(self.source(migration).await?),
                Kind::Component | Kind::Script => None,
            };
            let sql = match (&source, migration.direction) {
                (Some(ScriptSource::Sql { up, .. }), Direction::Up) => Some(up),
                (Some(ScriptSource::Sql { down, .. }), Direction::Down) => down.as_ref(),
                _ => None,
            };
            check_dry_run(migration, sql, &facts).map_err(|error| {
                error
                    .hint("`runner plan --sql` shows what would run")
                    .hint(format!("`--target` stops the dry run before `{}`", migration.id()))
            })?;
        }
        let found = lasting_table(&mut self.database.lock().await.host()).await?;
        let Some((table, engine)) = found else { return Ok(()) };
        Err(Error::usage(format!(
            "the database has {}, so a dry run in a transaction is not possible",
            takes_nothing_back(table, &engine)
        ))
        .hint(TAKES_PART)
        .hint("`--on-copy` runs it on a scratch copy of the database")
        .hint("`runner plan --sql` shows what would run"))
    }
}

/// Ends a migration, whose transaction stays open.
async fn leave(database: &mut HostSession<'_>, recorder: &RunRecorder) -> Result<()> {
    if !database.in_transaction().await? {
        recorder.note_ended_transaction();
        return Err(DatabaseError::ended_by_migration().into());
    }
    database.check(Check::ToolTables).await?;
    Ok(database.drop_temporary().await?)
}

/// The transaction of a dry run.
pub(super) struct DryRunTransaction {
    /// Foreign keys are not enforced in it.
    foreign_keys_off: bool,
    /// The history is written in it.
    notes: bool,
    /// It is on the session of a login of a component.
    is_confined: bool,
    /// A migration has ended it.
    has_ended: Arc<AtomicBool>,
}

/// Returns the grants of the component on whose login's session the transaction has to be; `None` if no planned component has a login
/// of its own. Fails if one transaction cannot hold all of them.
fn confinement(steps: &[PlannedMigration], facts: &Facts) -> Result<Option<Arc<Grants>>> {
    let Some(first) = steps.iter().find(|migration| migration.grants.is_some()).filter(|_| facts.separate_logins)
    else {
        return Ok(None);
    };
    if !facts.transactional_ddl {
        if steps.iter().all(|migration| migration.revision == first.revision) {
            return Ok(first.grants.clone());
        }
        let error = Error::denied(format!(
            "a dry run in a transaction cannot run `{}` together with other migrations: its login sees only what is committed",
            first.id()
        ))
        .hint("`--on-copy` runs them on a scratch copy of the database, where it has a login of its own too");
        return Err(match steps.first().filter(|migration| migration.revision == first.revision) {
            Some(migration) => error.hint(format!("`--target {}` runs it alone", migration.revision)),
            None => error.hint(format!("`--target` stops the dry run before `{}`", first.id())),
        });
    }
    let Some(open) = steps.iter().find(|migration| migration.kind.is_sandboxed() && migration.grants.is_none()) else {
        return Ok(first.grants.clone());
    };
    let of_two = steps.iter().filter(|migration| migration.kind.is_sandboxed()).map(PlannedMigration::id);
    let second = of_two.filter(|id| *id == open.id() || *id == first.id()).nth(1).unwrap_or_else(|| first.id());
    Err(Error::denied(format!(
        "one transaction cannot hold both `{}`, which has a login of its own, and `{}`, which has runner's",
        first.id(),
        open.id()
    ))
    .hint(format!("`--target` stops the dry run before `{second}`"))
    .hint(format!("with grants, `{}` has a login of its own as well", open.id())))
}
