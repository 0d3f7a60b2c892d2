//! Loads the script of a planned migration from the project or from the database.

use super::Engine;
use crate::database::Database;
use crate::engine::Direction;
use crate::engine::artifact::source_of;
use crate::engine::history::{self, Stored};
use crate::engine::plan::{Plan, PlannedMigration, Source, file_of, inspect, refused};
use crate::engine::script::{Script, ScriptSource};
use crate::error::{Error, Result};
use crate::project::catalog::{Artifact, Catalog, Kind};
use crate::project::{component_digest, sha256};

/// The SQL that each planned migration would run; `None` for components.
pub async fn planned_sql(
    plan: &Plan,
    catalog: &Catalog,
    database: &mut Option<Box<dyn Database>>,
) -> Result<Vec<Option<String>>> {
    let mut texts = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let (up, down) = match (step.source, step.kind) {
            (_, Kind::Component) => (None, None),
            (Source::Project, Kind::Sql) => match catalog.get(&step.revision).map(|found| &found.artifact) {
                Some(Artifact::Sql { up, down, .. }) => (Some(up.clone()), down.clone()),
                _ => (None, None),
            },
            (Source::Database, Kind::Sql) => {
                let database = database.as_mut().ok_or_else(damaged)?;
                match history::load_artifact(&mut database.host(), &step.revision, &step.sha256)
                    .await?
                    .ok_or_else(damaged)?
                {
                    Stored::Sql { up, down } => (Some(up), down),
                    Stored::Component { .. } => (None, None),
                }
            }
        };
        texts.push(if step.direction == Direction::Up { up } else { down });
    }
    Ok(texts)
}

impl Engine {
    /// Returns the bytes of a planned migration.
    pub(super) async fn source(&self, step: &PlannedMigration) -> Result<ScriptSource> {
        match step.source {
            Source::Project => {
                let migration = self.catalog.get(&step.revision);
                source_of(migration.ok_or_else(|| Error::failed("the project has lost the migration"))?)
            }
            Source::Database => {
                let mut database = self.database.lock().await;
                let database = &mut database.host();
                let stored = history::load_artifact(database, &step.revision, &step.sha256).await?;
                from_database(stored.ok_or_else(damaged)?, step)
            }
        }
    }

    /// Warns if the downgrade is not the one that was stored when the migration was applied.
    pub(super) async fn warn_of_another_way_back(&self, step: &PlannedMigration, source: &ScriptSource) {
        let ScriptSource::Sql { down: Some(project), .. } = source else { return };
        if step.direction == Direction::Up || step.source == Source::Database {
            return;
        }
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let stored = history::load_artifact(database, &step.revision, &step.sha256).await;
        // A copy that is missing or unreadable is no reason not to run the project's file.
        let Ok(Some(Stored::Sql { down, .. })) = stored else { return };
        if down.as_ref() != Some(project) {
            let file = file_of(&self.catalog, step, Direction::Down);
            self.warn(&step.revision, format!("`{file}` was changed after `{}` was applied", step.id()));
        }
    }

    /// Rejects SQL that cannot be split or run in its mode, before anything has run.
    pub(super) async fn check_sql(&self, plan: &Plan) -> Result<()> {
        let facts = self.database.lock().await.facts().clone();
        let mut refusals = Vec::new();
        for step in plan.steps.iter().filter(|step| step.kind == Kind::Sql) {
            let source = self.source(step).await.map_err(|error| error.at("migration", step.id()))?;
            let ScriptSource::Sql { up, down } = &source else { continue };
            let text = if step.direction == Direction::Up { Some(up) } else { down.as_ref() };
            let Some(text) = text else { continue };
            let file = file_of(&self.catalog, step, step.direction);
            refusals.extend(inspect(&step.id(), &file, step.mode, text, &facts).1);
        }
        refused(refusals).map_or(Ok(()), Err)
    }

    /// Returns the script of a planned migration, ready to run, and the bytes it was built from.
    pub(super) async fn load(&self, step: &PlannedMigration) -> Result<(Box<dyn Script>, ScriptSource)> {
        let source = self.source(step).await?;
        self.warn_of_another_way_back(step, &source).await;
        Ok(((self.loader)(&source)?, source))
    }
}

/// Returns the stored artifact if it matches its digest. The digest of a component with assets covers the assets too,
/// which are not stored, so it cannot be checked.
fn from_database(stored: Stored, step: &PlannedMigration) -> Result<ScriptSource> {
    match stored {
        Stored::Sql { up, down } => {
            if sha256(up.as_bytes()) != step.sha256 {
                return Err(damaged());
            }
            Ok(ScriptSource::Sql { up, down })
        }
        Stored::Component { bytes, assets } => {
            let digest = sha256(&bytes);
            if component_digest(&digest, &assets) != step.sha256 {
                return Err(damaged());
            }
            Ok(ScriptSource::Component { bytes: bytes.into(), sha256: digest, assets: None })
        }
    }
}

fn damaged() -> Error {
    Error::mismatch("the database's copy of the artifact differs from what was applied")
        .hint("restore the migration's files in the project, from the release that has them")
}
