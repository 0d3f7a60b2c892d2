//! The phases of a test.

use std::time::Instant;

use super::report::{DatabaseReport, Failure, MigrationReport, Phase, PhaseReport, Verdict};
use super::{MigrationTest, check, load};
use crate::dump::{self, Dump, Ignore};
use crate::scratch::Scratch;
use runner_base::error::{Error, Result};
use runner_database::{Database, DatabaseUrl};
use runner_drivers::connect;
use runner_engine::apply::Action;
use runner_engine::stopped::stopped;
use runner_engine::target::Target;
use runner_project::Migration;
use runner_project::fixtures::{Check, MigrationTests};

/// A phase that did not complete; the following ones cannot run.
pub(super) struct Broken;

/// Context of the test of a migration.
pub(super) struct Course<'a> {
    pub test: &'a MigrationTest,
    pub scratch: &'a mut Scratch,
    /// Index of the migration in the catalog.
    pub at: usize,
    pub migration: &'a Migration,
    pub tests: &'a MigrationTests,
    pub ignore: Ignore,
    pub report: &'a mut MigrationReport,
    /// Number of checks in the phase.
    asked: usize,
}

/// A phase in progress.
struct Part {
    phase: Phase,
    began: Instant,
    failures: Vec<Failure>,
}

impl Part {
    fn begin(phase: Phase) -> Self {
        Self { phase, began: Instant::now(), failures: Vec::new() }
    }
}

impl MigrationTest {
    /// Tests the migrations on a scratch database, which is dropped afterwards.
    pub async fn run(self) -> DatabaseReport {
        let began = Instant::now();
        let mut report = DatabaseReport {
            engine: self.url.dialect().to_string(),
            database: self.url.sqlite_path().map_or_else(|| self.url.to_string(), |_| "a temporary file".to_owned()),
            migrations: Vec::new(),
            error: None,
            took: began.elapsed(),
        };
        match Scratch::for_migrations(&self.url, &self.options).await {
            Err(error) => report.error = Some(error),
            Ok(mut scratch) => {
                let tested = self.all(&mut scratch, &mut report).await;
                let discarded = scratch.discard().await;
                report.error = tested.and(discarded).err();
            }
        }
        report.took = began.elapsed();
        report
    }

    /// Runs up to the last migration to be tested.
    async fn all(&self, scratch: &mut Scratch, report: &mut DatabaseReport) -> Result<()> {
        let database = self.open(&scratch.url).await?;
        report.engine = format!("{} {}", database.facts().dialect, database.facts().version);
        drop(database);
        let last = self.catalog.migrations.iter().rposition(|it| self.chosen.contains(&it.revision));
        let none = MigrationTests::default();
        let mut broken = false;
        for (at, migration) in self.catalog.migrations.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
            let mut one = MigrationReport {
                revision: migration.revision.clone(),
                name: migration.name.clone(),
                chosen: self.chosen.contains(&migration.revision),
                irreversible: is_irreversible(migration),
                ..MigrationReport::default()
            };
            if !broken {
                self.check_stop()?;
                let began = Instant::now();
                let tests = self.tests.get(&migration.revision).unwrap_or(&none);
                let own = Ignore { rows: tests.ignore_rows.clone(), schema: tests.ignore_schema.clone() };
                let ignore = self.ignore.and(&own);
                let report = &mut one;
                let mut course = Course { test: self, scratch, at, migration, tests, ignore, report, asked: 0 };
                broken = course.migration().await.is_err();
                one.took = began.elapsed();
            }
            if one.chosen || one.verdict() == Verdict::Failed {
                (self.hears)(report, &one);
            }
            report.migrations.push(one);
            self.check_stop()?;
        }
        Ok(())
    }

    pub(super) fn check_stop(&self) -> Result<()> {
        self.stop.reason().map_or(Ok(()), |reason| Err(stopped(reason)))
    }

    pub(super) async fn open(&self, url: &DatabaseUrl) -> Result<Box<dyn Database>> {
        Ok(connect(url, &self.options).await?)
    }

    /// Loads the fixtures of the current migration.
    pub(super) async fn load(&self, url: &DatabaseUrl, tests: &MigrationTests) -> Result<()> {
        let mut database = self.open(url).await?;
        let dialect = database.facts().dialect;
        for fixture in tests.fixtures.iter().filter(|fixture| fixture.origin.is_for(dialect)) {
            load::load(&mut *database, fixture).await?;
        }
        Ok(())
    }
}

/// Whether the migration is irreversible.
fn is_irreversible(migration: &Migration) -> bool {
    migration.description.irreversible || migration.has_no_downgrade()
}

impl Course<'_> {
    async fn migration(&mut self) -> Result<(), Broken> {
        if !self.report.chosen {
            let part = Part::begin(Phase::Up);
            let worked = self.up().await;
            self.end(part, worked)?;
            return self.fixtures().await;
        }
        let mut part = Part::begin(Phase::Up);
        let worked = self.first_up(&mut part.failures).await;
        let (before, after) = self.end(part, worked)?;
        self.warn_of_empty_tables(&before, &after).await;
        if !self.report.irreversible {
            let mut part = Part::begin(Phase::Down);
            let worked = self.way_back(&before, &mut part.failures).await;
            self.end(part, worked)?;
            let mut part = Part::begin(Phase::UpAgain);
            let worked = self.second_up(&after, &mut part.failures).await;
            self.end(part, worked)?;
        }
        if self.test.crash {
            let mut part = Part::begin(Phase::Crash);
            let worked = self.crash(&before, &after, &mut part.failures).await;
            self.end(part, worked)?;
        }
        self.fixtures().await
    }

    /// Returns the content of the database before and after.
    async fn first_up(&mut self, failures: &mut Vec<Failure>) -> Result<(Dump, Dump)> {
        let before = self.dump().await?;
        self.up().await?;
        failures.extend(self.ask(&self.tests.up).await?);
        Ok((before, self.dump().await?))
    }

    async fn way_back(&mut self, before: &Dump, failures: &mut Vec<Failure>) -> Result<()> {
        self.test.check_stop()?;
        self.down().await?;
        failures.extend(self.ask(&self.tests.down).await?);
        failures.extend(self.differences(before).await?);
        Ok(())
    }

    async fn second_up(&mut self, after: &Dump, failures: &mut Vec<Failure>) -> Result<()> {
        self.test.check_stop()?;
        self.up().await?;
        failures.extend(self.differences(after).await?);
        Ok(())
    }

    async fn fixtures(&mut self) -> Result<(), Broken> {
        if self.tests.fixtures.is_empty() {
            return Ok(());
        }
        let part = Part::begin(Phase::Fixtures);
        let worked = self.test.load(&self.scratch.url, self.tests).await;
        self.end(part, worked)
    }

    /// Records the result of a phase.
    fn end<T>(&mut self, part: Part, worked: Result<T>) -> Result<T, Broken> {
        let Part { phase, began, mut failures } = part;
        let worked = worked.map_err(|error| {
            // An error that aborts the test is reported once, at the end.
            if !self.test.stop.is_raised() {
                failures.push(Failure::from(error).at(match phase {
                    Phase::Up => "the upgrade failed",
                    Phase::Down => "the downgrade failed",
                    Phase::UpAgain => "the second upgrade failed",
                    Phase::Crash => "the run could not be repeated",
                    Phase::Fixtures => "a fixture could not be loaded",
                }));
            }
            Broken
        });
        let checks = std::mem::take(&mut self.asked);
        self.report.phases.push(PhaseReport { phase, took: began.elapsed(), checks, failures });
        worked
    }

    /// Applies up to the migration.
    pub(super) async fn up(&mut self) -> Result<()> {
        self.test.runs.run(&self.scratch.url, Action::Apply(Target::Revision(self.migration.revision.clone()))).await
    }

    /// Rolls back to the previous migration. By target and not by number, so that it is idempotent.
    pub(super) async fn down(&mut self) -> Result<()> {
        let target = self.below().map_or(Target::Base, |revision| Target::Revision(revision.to_owned()));
        self.test.runs.run(&self.scratch.url, Action::Rollback(target)).await
    }

    /// The previous revision; `None` for the first.
    pub(super) fn below(&self) -> Option<&str> {
        self.test.catalog.migrations[..self.at].last().map(|migration| migration.revision.as_str())
    }

    pub(super) async fn dump(&mut self) -> Result<Dump> {
        let mut database = self.test.open(&self.scratch.url).await?;
        dump::take(&mut *database, &self.ignore)
            .await
            .map_err(|error| Error::from(error).at("doing", "comparing the content of the database"))
    }

    /// Differences from the expected content.
    pub(super) async fn differences(&mut self, expected: &Dump) -> Result<Vec<Failure>> {
        let now = self.dump().await?;
        self.warn_of_moved_columns(expected, &now);
        let differences = now.differences(expected, &self.ignore);
        let mut failures: Vec<Failure> = differences.into_iter().map(Failure::from).collect();
        if let Some(last) = failures.last_mut() {
            last.hint = Some(format!(
                "list expected differences under `ignore_rows` or `ignore_schema` in `tests/{}/test.toml`",
                self.migration.id()
            ));
        }
        Ok(failures)
    }

    async fn ask(&mut self, checks: &[Check]) -> Result<Vec<Failure>> {
        let mut failures = Vec::new();
        if checks.is_empty() {
            return Ok(failures);
        }
        let mut database = self.test.open(&self.scratch.url).await?;
        let dialect = database.facts().dialect;
        for check in checks.iter().filter(|check| check.origin.is_for(dialect)) {
            failures.extend(check::ask(&mut *database, check).await);
            self.asked += 1;
        }
        Ok(failures)
    }
}
