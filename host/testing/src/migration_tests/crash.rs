//! Kills runs at every step. The number of steps is known once a run completes.

use std::process::Stdio;
use std::time::Instant;

use super::report::{Crashes, Failure};
use super::run::Course;
use crate::dump::Dump;
use crate::scratch::Scratch;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::facts::is_tool_table;
use runner_database::{Dialect, QueryLimits};
use runner_engine::Direction;
use runner_engine::apply::Action;
use runner_engine::target::Target;

/// More steps than any migration has: a run that is still killed makes no progress.
const MOST: u64 = 1_000_000;

/// Rounds of two kills and two heals until tables are rebuilt. What a migration adds to a row may then have a quarter of
/// the server's limit, about 8,000 bytes; and a rebuild takes longer than a round on small tables.
const ROUNDS_PER_REBUILD: u64 = 4;

/// A failure ends the crash test.
type Failures<'a> = &'a mut Vec<Failure>;

impl Course<'_> {
    /// Kills runs of the migration at the first step, the second, and so on until a run completes. After each, the next run must
    /// reach the same result as an undisturbed run. The database is at the migration before and after.
    pub(super) async fn crash(&mut self, before: &Dump, after: &Dump, failures: Failures<'_>) -> Result<()> {
        let mut crashes = Crashes::default();
        let result = if self.report.irreversible {
            self.crash_one_way(after, &mut crashes, failures).await
        } else {
            self.crash_both_ways(before, after, &mut crashes, failures).await
        };
        self.report.crashes = Some(crashes);
        result
    }

    /// Alternates up and down: each downgrade prepares the next upgrade.
    async fn crash_both_ways(
        &mut self,
        before: &Dump,
        after: &Dump,
        crashes: &mut Crashes,
        failures: Failures<'_>,
    ) -> Result<()> {
        self.down().await?;
        let (mut up, mut down) = (true, true);
        for moment in 1..MOST {
            self.test.check_stop()?;
            if up {
                up = self.killed(Direction::Up, moment, crashes).await?;
            }
            self.heal(Direction::Up, up, moment, after, crashes, failures).await?;
            if !failures.is_empty() || !(up || down) {
                return Ok(());
            }
            if down {
                down = self.killed(Direction::Down, moment, crashes).await?;
            }
            self.heal(Direction::Down, down, moment, before, crashes, failures).await?;
            if !failures.is_empty() {
                return Ok(());
            }
            if moment % ROUNDS_PER_REBUILD == 1 {
                self.rebuild_tables().await?;
            }
        }
        Err(endless())
    }

    /// Rewrites the tables of the scratch database, where the server keeps dropped columns in them. Otherwise, adding a
    /// column again and again would exceed the size of a row.
    async fn rebuild_tables(&self) -> Result<()> {
        const TABLES: &str = "SELECT table_name FROM information_schema.tables \
                              WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine = 'InnoDB'";
        if !matches!(self.scratch.url.dialect(), Dialect::Mysql | Dialect::Mariadb) {
            return Ok(());
        }
        let mut database = self.test.open(&self.scratch.url).await?;
        let dialect = database.facts().dialect;
        let mut session = database.host();
        let found = session.query(TABLES, &[], QueryLimits::NONE).await?;
        let names = found.rows.iter().filter_map(|row| row.first().and_then(Value::as_text));
        for name in names.filter(|name| !is_tool_table(name)) {
            // A table that cannot be rewritten stays as it is.
            let _ = session.execute(&format!("ALTER TABLE {} FORCE", dialect.quote(name)), &[]).await;
        }
        Ok(())
    }

    /// An irreversible migration gets a fresh database for each step.
    async fn crash_one_way(&mut self, after: &Dump, crashes: &mut Crashes, failures: Failures<'_>) -> Result<()> {
        for moment in 1..MOST {
            self.test.check_stop()?;
            self.begin_anew().await?;
            let killed = self.killed(Direction::Up, moment, crashes).await?;
            self.heal(Direction::Up, killed, moment, after, crashes, failures).await?;
            if !failures.is_empty() || !killed {
                return Ok(());
            }
        }
        Err(endless())
    }

    /// A fresh database before the migration.
    async fn begin_anew(&mut self) -> Result<()> {
        let fresh = Scratch::for_migrations(&self.test.url, &self.test.options).await?;
        std::mem::replace(self.scratch, fresh).discard().await?;
        let test = self.test;
        for migration in &test.catalog.migrations[..self.at] {
            let target = Target::Revision(migration.revision.clone());
            test.runs.run(&self.scratch.url, Action::Apply(target)).await?;
            if let Some(tests) = test.tests.get(&migration.revision) {
                test.load(&self.scratch.url, tests).await?;
            }
        }
        Ok(())
    }

    /// Starts a run that crashes at a step; false if it completed before.
    async fn killed(&mut self, direction: Direction, moment: u64, crashes: &mut Crashes) -> Result<bool> {
        let target = match direction {
            Direction::Up => Some(self.migration.revision.as_str()),
            Direction::Down => self.below(),
        };
        let mut command = self.test.runs.victim(&self.scratch.url, direction, target, moment);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = tokio::process::Command::from(command).kill_on_drop(true).output();
        let output = child.await.map_err(|error| Error::failed("cannot start the run to be killed").cause(error))?;
        let count = if direction == Direction::Up { &mut crashes.up } else { &mut crashes.down };
        match output.status.code() {
            Some(0) => Ok(false),
            // A signal ended it, or where there are none, what stands for one.
            None => {
                *count += 1;
                Ok(true)
            }
            Some(_) if cfg!(not(unix)) && output.stderr.is_empty() => {
                *count += 1;
                Ok(true)
            }
            Some(code) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let error = Error::failed(format!("the run to be killed at step {moment} exited with {code}"));
                Err(said.lines().filter(|line| !line.trim().is_empty()).fold(error, |error, line| error.cause(line)))
            }
        }
    }

    /// Runs once more, undisturbed, and compares.
    async fn heal(
        &mut self,
        direction: Direction,
        was_killed: bool,
        moment: u64,
        expected: &Dump,
        crashes: &mut Crashes,
        failures: Failures<'_>,
    ) -> Result<()> {
        let began = Instant::now();
        let healed = match direction {
            Direction::Up => self.up().await,
            Direction::Down => self.down().await,
        };
        let way = if direction == Direction::Up { "up" } else { "down" };
        let when = match was_killed {
            true => format!("a run was killed at step {moment} on the way {way}"),
            false => format!("a run on the way {way} was not killed"),
        };
        if let Err(error) = healed {
            self.test.check_stop()?;
            failures.push(Failure::from(error).at(&format!("{when}, and the next one failed")));
            return Ok(());
        }
        if was_killed {
            crashes.healed.push(began.elapsed());
        }
        let differences = self.differences(expected).await?;
        failures.extend(differences.into_iter().map(|failure| failure.at(&when)));
        Ok(())
    }
}

fn endless() -> Error {
    Error::failed(format!("no run completed after {MOST} kills"))
}
