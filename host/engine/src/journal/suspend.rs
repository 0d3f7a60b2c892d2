//! Suspends the transforms of an interrupted upgrade while it is rolled back, so that no other process works on their chunks
//! meanwhile. They are resumed if the rollback ends before it changes anything.

use crate::Direction;
use crate::call::answer::Transformed;
use crate::journal::chunk;
use crate::journal::store::{execute, transformed};
use crate::run::Run;
use crate::schema::journal as sql;
use runner_base::error::Result;
use runner_database::HostSession;

impl Run {
    /// Returns what the transforms in progress have committed so far, in all processes.
    pub async fn committed(self, database: &mut HostSession<'_>) -> Result<Transformed> {
        Ok(transformed(database, self, None).await?.unwrap_or_default())
    }

    /// Waits for all workers on chunks of the upgrade, and suspends its transforms.
    pub async fn suspend(self, database: &mut HostSession<'_>) -> Result<()> {
        let upgrade = Self { direction: Direction::Up, ..self };
        upgrade.close(database).await?;
        set_suspended(database, self.history, true).await
    }

    /// Resumes the transforms of the upgrade.
    pub async fn resume(self, database: &mut HostSession<'_>) -> Result<()> {
        set_suspended(database, self.history, false).await
    }

    /// Ends all transforms of a revision that is not resumed, even those with active workers.
    pub async fn give_up(self, database: &mut HostSession<'_>) -> Result<()> {
        self.resume(database).await?;
        for direction in [Direction::Up, Direction::Down] {
            let run = Self { direction, ..self };
            run.close(database).await?;
            run.trim(database).await?;
            chunk::clear(database, run).await?;
        }
        Ok(())
    }
}

async fn set_suspended(database: &mut HostSession<'_>, history: i64, suspended: bool) -> Result<()> {
    let (now, before) = (i64::from(suspended), i64::from(!suspended));
    for text in [sql::SUSPEND_CHECKPOINTS, sql::SUSPEND_CHUNKS] {
        execute(database, text, &[now.into(), history.into(), before.into()]).await?;
    }
    Ok(())
}
