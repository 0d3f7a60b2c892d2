//! What is applied to the database of the settings, for commands that need it rarely.

use std::cell::OnceCell;

use super::context::{Context, HistoryDetail};
use runner_base::error::Result;
use runner_base::runtime;
use runner_engine::history::{self, History, State};

/// What is applied. The database is queried the first time that it is needed: most commands on files need none.
pub struct Applied<'a> {
    context: &'a Context,
    known: OnceCell<Result<Known>>,
}

/// What the database says.
struct Known {
    history: History,
    /// Whether the database exists and a run has been there.
    is_there: bool,
}

impl<'a> Applied<'a> {
    /// Asks nothing yet.
    pub fn new(context: &'a Context) -> Self {
        Self { context, known: OnceCell::new() }
    }

    /// Whether a revision is applied, and so must stay as it is; one that is partly applied may be corrected. An error if the database
    /// cannot be asked; one that does not exist has nothing applied.
    pub fn contains(&self, revision: &str) -> Result<bool> {
        self.ask(|known| known.history.get(revision).is_some_and(|record| record.state != State::PartlyApplied))
    }

    /// Whether the database has a history. One without says nothing about others, such as that of production.
    pub fn has_history(&self) -> Result<bool> {
        self.ask(|known| known.is_there)
    }

    fn ask(&self, what: impl Fn(&Known) -> bool) -> Result<bool> {
        let read = || runtime::run(self.read());
        self.known.get_or_init(read).as_ref().map(what).map_err(Clone::clone)
    }

    async fn read(&self) -> Result<Known> {
        let mut opened = self.context.open(HistoryDetail::Live).await?;
        let is_there = match &mut opened.database {
            Some(database) => history::is_there(&mut database.host()).await?,
            None => false,
        };
        Ok(Known { history: opened.history, is_there })
    }
}
