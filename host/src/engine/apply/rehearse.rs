//! A dry run: everything that the plan has, in one transaction that is rolled back.

use std::sync::Arc;

use super::{Engine, Request, Started, as_host};
use crate::database::TransactionOptions;
use crate::engine::history::{self, RunMode};
use crate::engine::outcome::{Done, Failed, Outcome};
use crate::engine::plan::{Plan, Step};
use crate::engine::script::stopped;
use crate::error::{Error, Result};

impl Engine {
    /// Runs all steps and rolls them back.
    pub(super) async fn rehearse(&self, request: &Request, plan: &Plan) -> Result<Outcome> {
        let mut outcome = self.outcome(request);
        self.refuse_stepwise(plan).await?;
        // Whether foreign keys are enforced is one decision for the whole transaction.
        let foreign_keys_off = plan.steps.iter().any(|step| step.description.needs_table_rebuild());
        {
            let mut database = self.database.lock().await;
            as_host(&mut **database);
            database.begin(TransactionOptions { foreign_keys_off }).await?;
        }
        let made = history::ensure(&mut **self.database.lock().await).await;
        let mut steps = plan.steps.iter();
        if let Err(error) = made {
            outcome.error = Some(error);
        } else {
            let mut direction = None;
            while let Some(step) = steps.next() {
                self.emit_turn(&mut direction, step, steps.as_slice());
                if let Some(reason) = self.stop.reason() {
                    outcome.error = Some(stopped(reason));
                    outcome.not_run.push(step.clone());
                    break;
                }
                self.emit_started(step);
                match self.rehearse_step(step, foreign_keys_off).await {
                    Ok(done) => {
                        self.emit_finished(&done);
                        outcome.done.push(done);
                    }
                    Err(error) => {
                        self.emit_failed(step);
                        outcome.error = Some(self.explain(error, step));
                        outcome.failed = Some(Failed { step: step.clone(), took_effect: None });
                        break;
                    }
                }
            }
        }
        outcome.not_run.extend(steps.cloned());
        let mut database = self.database.lock().await;
        as_host(&mut **database);
        database.rollback().await?;
        Ok(outcome)
    }

    async fn rehearse_step(&self, step: &Step, foreign_keys_off: bool) -> Result<Done> {
        let (script, source) = self.load(step).await?;
        let tally = Arc::default();
        let done = self.work(step, &*script, &source, &Started::now(), &tally).await?;
        // Nothing is committed here, so that what a commit refuses must be looked for.
        let Err(error) = self.database.lock().await.check_constraints().await else { return Ok(done) };
        let error = Error::from(error);
        // Without enforcement nothing cascades either.
        Err(if foreign_keys_off && !step.description.needs_table_rebuild() {
            error
                .cause("another migration of this dry run needs `table-rebuild`, which turns foreign keys off for all of it")
                .hint(format!("`--target {}` and one below it try them apart", step.revision))
        } else {
            error
        })
    }

    /// What commits by itself cannot be rolled back.
    async fn refuse_stepwise(&self, plan: &Plan) -> Result<()> {
        let facts = self.database.lock().await.facts().clone();
        if !facts.transactional_ddl {
            return Err(Error::usage(format!(
                "{} cannot roll schema changes back, so there is no dry run",
                facts.dialect
            ))
            .hint("`runner plan --sql` shows what would run"));
        }
        match plan.steps.iter().find(|step| step.mode == RunMode::Stepwise) {
            None => Ok(()),
            Some(step) => Err(Error::usage("what runs outside of a transaction cannot be tried in a dry run")
                .at("migration", step.id())
                .hint("`runner plan --sql` shows what would run")
                .hint(format!("`--target` stops the dry run before `{}`", step.id()))),
        }
    }
}
