//! The transforms of an upgrade that broke off and is rolled back: they are set aside, so that no other process works on their
//! chunks meanwhile, and come back if the way down is given up before it did anything.

use crate::database::HostSession;
use crate::engine::Direction;
use crate::engine::call::answer::Transformed;
use crate::engine::journal::chunk;
use crate::engine::journal::store::{execute, transformed};
use crate::engine::run::Run;
use crate::engine::schema::journal as sql;
use crate::error::Result;

/// The direction of what is set aside, under which nobody looks for work.
const ASIDE: &str = "set-aside";

impl Run {
    /// What its transforms under way have committed so far, by all who took part.
    pub async fn committed(self, database: &mut HostSession<'_>) -> Result<Transformed> {
        Ok(transformed(database, self, None).await?.unwrap_or_default())
    }

    /// Waits for all who work on chunks of the upgrade, and takes its transforms out of their sight.
    pub async fn set_aside(self, database: &mut HostSession<'_>) -> Result<()> {
        let upgrade = Self { direction: Direction::Up, ..self };
        upgrade.close(database).await?;
        turn(database, self.history, &Direction::Up.to_string(), ASIDE).await
    }

    /// Has the transforms of the upgrade be as they were before they were set aside.
    pub async fn bring_back(self, database: &mut HostSession<'_>) -> Result<()> {
        turn(database, self.history, ASIDE, &Direction::Up.to_string()).await
    }

    /// Ends all transforms of a revision that does not go on, whoever is still at work on one.
    pub async fn give_up(self, database: &mut HostSession<'_>) -> Result<()> {
        self.bring_back(database).await?;
        for direction in [Direction::Up, Direction::Down] {
            let run = Self { direction, ..self };
            run.close(database).await?;
            run.trim(database).await?;
            chunk::clear(database, run).await?;
        }
        Ok(())
    }
}

async fn turn(database: &mut HostSession<'_>, history: i64, from: &str, to: &str) -> Result<()> {
    for text in [sql::TURN_CHECKPOINTS, sql::TURN_CHUNKS] {
        execute(database, text, &[to.into(), history.into(), from.into()]).await?;
    }
    Ok(())
}
