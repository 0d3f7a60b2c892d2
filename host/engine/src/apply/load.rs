//! Loads the script of a planned migration from the project or from the database.

use std::collections::BTreeMap;

use super::Engine;
use crate::Direction;
use crate::artifact::{Named, SqlValues, as_text, asks, filled, kept_values, of_stored, source_of, unfilled};
use crate::history::{self, Stored};
use crate::journal::check_statements;
use crate::plan::{Plan, PlannedMigration, Refusal, Source, Statements, file_of, inspect, refused};
use crate::run::Run;
use crate::script::{Script, ScriptSource, Template};
use crate::unreadable::unreadable;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{Database, Dialect, Facts, HostSession};
use runner_project::catalog::{Catalog, Kind, Migration};
use runner_project::sha256;
use runner_sql::Sql;

/// The SQL of planned migrations, their parameters filled in.
pub struct PlannedSql {
    /// What each would run; `None` for components.
    pub runs: Vec<Option<Sql>>,
    /// What the statements of these imply.
    pub statements: Vec<Option<Statements>>,
    /// The downgrade of each upgrade, if it has one.
    pub downs: Vec<Option<Sql>>,
}

/// The SQL that each planned migration would run; an error if any of it cannot run as it is.
pub async fn planned_sql(
    plan: &Plan,
    catalog: &Catalog,
    database: &mut Option<Box<dyn Database>>,
    (facts, given): (&Facts, &BTreeMap<String, Value>),
) -> Result<PlannedSql> {
    let mut planned = PlannedSql { runs: Vec::new(), statements: Vec::new(), downs: Vec::new() };
    let mut refusals = Refusals::default();
    for migration in &plan.steps {
        let mut host = database.as_mut().map(|database| database.host());
        let (up, down) = match migration.kind {
            Kind::Component | Kind::Script => (None, None),
            Kind::Sql => match sql(migration, catalog, host.as_mut(), (facts.dialect, given)).await? {
                Ok(ScriptSource::Sql { up, down, .. }) => {
                    if let Some(host) = &mut host {
                        check_resumed(migration, &up, host)
                            .await
                            .map_err(|error| error.at("migration", migration.id()))?;
                    }
                    (Some(up), down)
                }
                Ok(_) => (None, None),
                Err(unfilled) => {
                    refusals.without_value.extend(unfilled);
                    (None, None)
                }
            },
        };
        let (runs, down) = if migration.direction == Direction::Up { (up, down) } else { (down, None) };
        planned.statements.push(runs.as_ref().map(|sql| refusals.inspect(migration, sql, catalog, facts)));
        planned.runs.push(runs);
        planned.downs.push(down);
    }
    refusals.into_error().map_or(Ok(planned), Err)
}

/// Why planned migrations in SQL cannot run: all of it at once.
#[derive(Default)]
struct Refusals {
    /// What has a parameter without a value; the rest of such a file is not inspected.
    without_value: Vec<Refusal>,
    /// Statements that cannot run as they are.
    statements: Vec<Refusal>,
}

impl Refusals {
    /// Inspects what a planned migration runs.
    fn inspect(&mut self, migration: &PlannedMigration, sql: &Sql, catalog: &Catalog, facts: &Facts) -> Statements {
        let file = file_of(catalog, migration, migration.direction);
        let (statements, refused) = inspect(&migration.id(), &file, migration.mode, sql, facts);
        self.statements.extend(refused);
        statements
    }

    fn into_error(self) -> Option<Error> {
        if self.statements.is_empty() {
            return unfilled(self.without_value);
        }
        refused([self.without_value, self.statements].concat())
    }
}

/// Fails if an interrupted upgrade could not resume, since statements of it that took effect are not those of its SQL any more.
pub(super) async fn check_resumed(
    migration: &PlannedMigration,
    up: &Sql,
    database: &mut HostSession<'_>,
) -> Result<()> {
    let (Some(history), Direction::Up) = (migration.record, migration.direction) else { return Ok(()) };
    let program = up.program(database.facts().dialect).map_err(|error| unreadable(Direction::Up, error))?;
    check_statements(database, Run { history, direction: Direction::Up }, &program).await
}

/// What a planned migration in SQL runs. The refusals are of its parameters.
async fn sql(
    migration: &PlannedMigration,
    catalog: &Catalog,
    database: Option<&mut HostSession<'_>>,
    (dialect, given): (Dialect, &BTreeMap<String, Value>),
) -> Result<std::result::Result<ScriptSource, Vec<Refusal>>> {
    let mut kept = None;
    let (up, down) = match migration.source {
        Source::Project => {
            let (up, down) = of_project(catalog, migration)?.read_sql()?.ok_or_else(damaged)?;
            if migration.direction == Direction::Down
                && asks(up, down.map(|down| &**down), dialect).1
                && let Some(database) = database
            {
                kept = Some(kept_values(database, &migration.revision, &migration.sha256).await);
            }
            (up.clone(), down.cloned())
        }
        Source::Database => {
            let stored =
                history::load_artifact(database.ok_or_else(damaged)?, &migration.revision, &migration.sha256).await?;
            let Some(Stored::Sql { up, down, values }) = stored else { return Err(damaged()) };
            if sha256(up.as_bytes()) != migration.sha256 {
                return Err(damaged());
            }
            kept = (migration.direction == Direction::Down).then_some(values);
            (up, down)
        }
    };
    let file = |direction| file_of(catalog, migration, direction);
    let named = Named { migration: migration.id(), up: file(Direction::Up), down: file(Direction::Down) };
    let values = SqlValues { kept: kept.as_ref(), given };
    Ok(filled(up, down, migration.direction, (dialect, values), &named))
}

fn of_project<'a>(catalog: &'a Catalog, migration: &PlannedMigration) -> Result<&'a Migration> {
    catalog.get(&migration.revision).ok_or_else(|| Error::failed("the project has lost the migration"))
}

impl Engine {
    /// Returns the bytes of a planned migration.
    pub(super) async fn source(&self, migration: &PlannedMigration) -> Result<ScriptSource> {
        match migration.kind {
            Kind::Sql => self.sql(migration).await?.map_err(|refusals| unfilled(refusals).unwrap_or_else(damaged)),
            _ if migration.source == Source::Project => source_of(of_project(&self.catalog, migration)?),
            Kind::Component | Kind::Script => {
                let mut database = self.database.lock().await;
                let database = &mut database.host();
                let stored = history::load_artifact(database, &migration.revision, &migration.sha256).await?;
                stored.and_then(|stored| of_stored(stored, &migration.sha256)).ok_or_else(damaged)
            }
        }
    }

    /// Returns the SQL of a planned migration.
    async fn sql(&self, migration: &PlannedMigration) -> Result<std::result::Result<ScriptSource, Vec<Refusal>>> {
        let mut database = self.database.lock().await;
        let dialect = database.facts().dialect;
        sql(migration, &self.catalog, Some(&mut database.host()), (dialect, &self.parameters)).await
    }

    /// Warns if the downgrade is not the one that was stored when the migration was applied.
    pub(super) async fn warn_of_another_way_back(&self, migration: &PlannedMigration, source: &ScriptSource) {
        let ScriptSource::Sql { down, template, .. } = source else { return };
        let Some(project) = template.as_ref().map_or(down.as_ref(), |it| it.down.as_ref()) else { return };
        if migration.direction == Direction::Up || migration.source == Source::Database {
            return;
        }
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let stored = history::load_artifact(database, &migration.revision, &migration.sha256).await;
        // A copy that is missing or unreadable is no reason not to run the project's file.
        let Ok(Some(Stored::Sql { down, .. })) = stored else { return };
        self.warn_of_other_values(migration, template.as_ref());
        if down.as_ref() != Some(project) {
            let file = file_of(&self.catalog, migration, Direction::Down);
            let what = if down.is_some() { "changed" } else { "added" };
            self.warn(&migration.revision, format!("`{file}` was {what} after `{}` was applied", migration.id()));
        }
    }

    /// Warns if a downgrade gets other values than those that the operator gives.
    fn warn_of_other_values(&self, migration: &PlannedMigration, template: Option<&Template>) {
        let values = template.map(|template| &template.values).into_iter().flatten();
        let other = values.filter(|(name, value)| self.parameters.get(*name).is_some_and(|it| as_text(it) != **value));
        for (name, _) in other {
            let message = format!("the parameter `{name}` has the value that `{}` was applied with", migration.id());
            self.warn(&migration.revision, message);
        }
    }

    /// Rejects SQL that cannot be split or run in its mode, before anything has run.
    pub(super) async fn check_sql(&self, plan: &Plan) -> Result<()> {
        let facts = self.database.lock().await.facts().clone();
        let mut refusals = Refusals::default();
        for migration in plan.steps.iter().filter(|migration| migration.kind == Kind::Sql) {
            let source = match self.sql(migration).await.map_err(|error| error.at("migration", migration.id()))? {
                Ok(source) => source,
                Err(unfilled) => {
                    refusals.without_value.extend(unfilled);
                    continue;
                }
            };
            let ScriptSource::Sql { up, down, .. } = &source else { continue };
            let text = if migration.direction == Direction::Up { Some(up) } else { down.as_ref() };
            if let Some(text) = text {
                refusals.inspect(migration, text, &self.catalog, &facts);
            }
        }
        refusals.into_error().map_or(Ok(()), Err)
    }

    /// Returns the script of a planned migration, ready to run, and the bytes it was built from.
    pub(super) async fn load(&self, migration: &PlannedMigration) -> Result<(Box<dyn Script>, ScriptSource)> {
        let (source, compiled) = match self.preloaded(migration).await? {
            Some(found) => found,
            None => (self.source(migration).await?, None),
        };
        self.warn_of_another_way_back(migration, &source).await;
        let script = match compiled {
            Some(compiled) => compiled(&source),
            None => self.loader.load(&source)?,
        };
        Ok((script, source))
    }
}

fn damaged() -> Error {
    Error::mismatch("the database's copy of the artifact differs from what was applied")
        .hint("restore the migration's files in the project, from the release that has them")
}
