//! The transforms of an upgrade that broke off and is being rolled back are suspended, so that no other process works on their
//! chunks meanwhile. They are resumed if the rollback is given up before it did anything.

use crate::database::Database;
use crate::engine::Direction;
use crate::engine::call::answer::Transformed;
use crate::engine::journal::chunk;
use crate::engine::journal::store::{execute, transformed};
use crate::engine::run::Run;
use crate::engine::schema::journal as sql;
use crate::error::Result;

impl Run {
    /// What its transforms in progress have committed so far, in all processes.
    pub async fn committed(self, database: &mut dyn Database) -> Result<Transformed> {
        Ok(transformed(database, self, None).await?.unwrap_or_default())
    }

    /// Waits for everyone who works on chunks of the upgrade, and suspends its transforms.
    pub async fn suspend(self, database: &mut dyn Database) -> Result<()> {
        let upgrade = Self { direction: Direction::Up, ..self };
        upgrade.close(database).await?;
        set_suspended(database, self.history, true).await
    }

    /// Resumes the transforms of the upgrade.
    pub async fn resume(self, database: &mut dyn Database) -> Result<()> {
        set_suspended(database, self.history, false).await
    }

    /// Ends all transforms of a revision that is not continued, even those that are still being worked on.
    pub async fn give_up(self, database: &mut dyn Database) -> Result<()> {
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

async fn set_suspended(database: &mut dyn Database, history: i64, suspended: bool) -> Result<()> {
    let (now, before) = (i64::from(suspended), i64::from(!suspended));
    for text in [sql::SUSPEND_CHECKPOINTS, sql::SUSPEND_CHUNKS] {
        execute(database, text, &[now.into(), history.into(), before.into()]).await?;
    }
    Ok(())
}
