//! Lets a changed build of a component or script continue an unfinished migration.

use super::request::AcceptChanged;
use super::{Engine, Request};
use crate::Direction;
use crate::clock::now;
use crate::history::{self, Repair, State};
use crate::journal::Successor;
use crate::plan::{PlanInput, PlannedMigration, candidates};
use crate::script::ScriptSource;
use crate::target::compare_revisions;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{HostSession, ToolChange};
use runner_project::catalog::Kind;

impl Engine {
    /// Fails before anything has run if the operator's decision concerns nothing that it can.
    pub(super) async fn check_accept(&self, request: &Request) -> Result<()> {
        let Some(AcceptChanged { wanted, .. }) = &request.accept else { return Ok(()) };
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let history = history::read(database).await?;
        let facts = database.facts().clone();
        let input = PlanInput { catalog: &self.catalog, history: &history, facts: &facts, options: request.options };
        let revision = candidates(&input).resolve(wanted)?;
        let Some(record) = history.get(revision) else {
            return Err(Error::usage(format!("`{revision}` is pending, so no build of it was interrupted"))
                .hint("omit `--accept-changed`: `runner apply` applies the project's build"));
        };
        let id = record.id();
        match record.state {
            State::PartlyApplied => {}
            State::PartlyRolledBack => {
                return Err(Error::new(ErrorKind::Partial, format!("`{id}` is partly rolled back"))
                    .hint("`runner rollback` finishes that"));
            }
            _ => {
                return Err(Error::usage(format!("`{id}` is applied, so there is nothing left to go on with")).hint(
                    format!(
                        "`runner repair {revision} --accept-checksum --why TEXT` accepts a change that does not matter"
                    ),
                ));
            }
        }
        let Some(migration) = self.catalog.get(revision) else {
            return Err(Error::usage(format!("`{id}` is not in the project")).hint("restore its files first"));
        };
        if record.kind == Kind::Sql || migration.kind == Kind::Sql {
            return Err(Error::usage(format!("`{id}` is not a component, so it needs no decision"))
                .hint("fix the statements that have not taken effect: `runner apply` resumes with them"));
        }
        if migration.sha256 == record.sha256 {
            return Err(Error::usage(format!("`{id}` is unchanged: the project has the build that was interrupted"))
                .hint("`runner apply` without `--accept-changed` resumes it")
                .hint("if you have changed it, `runner build` compiles it"));
        }
        Ok(())
    }

    /// What is recorded if the project's build continues this migration after another one; `None` if it cannot.
    pub(super) async fn successor(
        &self,
        database: &mut HostSession<'_>,
        request: &Request,
        migration: &PlannedMigration,
        source: &ScriptSource,
        history: i64,
    ) -> Result<Option<Successor>> {
        if migration.direction == Direction::Down || !migration.kind.is_sandboxed() {
            return Ok(None);
        }
        let accept = request.accept.as_ref().filter(|it| self.candidates_name(&it.wanted, migration));
        let (action, why) = match accept {
            Some(AcceptChanged { why, .. }) => (history::ACCEPT_CHANGED, why.clone()),
            None => (history::CORRECTED, "it repeats what was recorded".to_owned()),
        };
        let kept = self.kept(database, migration, source).await?;
        let handed = history::handed_over(history, &migration.name, &migration.sha256, &migration.description);
        let identity = self.identity.clone();
        let changes = move |number: u64, before: &str| -> Vec<ToolChange> {
            let repair = Repair {
                history,
                direction: Direction::Up.to_string(),
                step: Some(number),
                action: action.to_owned(),
                statement: before.to_owned(),
                rows: None,
                why: why.clone(),
                at: now(),
                by: identity.applied_by.clone(),
                run_id: identity.run_id.clone(),
            };
            kept.iter().cloned().chain([handed.clone(), history::repaired(&repair)]).collect()
        };
        let is_accepted = accept.is_some();
        Ok(Some(Successor { sha256: migration.sha256.clone(), is_accepted, changes: Box::new(changes) }))
    }

    /// Whether what the operator gave, which [`Self::check_accept`] has found to be unique, means this migration.
    fn candidates_name(&self, wanted: &str, migration: &PlannedMigration) -> bool {
        let all = self.catalog.migrations.iter().map(|it| (&*it.revision, &*it.name));
        let candidates: crate::target::Candidates<'_> = all.collect();
        candidates.resolve(wanted).is_ok_and(|revision| compare_revisions(revision, &migration.revision).is_eq())
    }
}
