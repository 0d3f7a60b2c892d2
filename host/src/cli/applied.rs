//! What is applied to the database of the settings, for commands that need it rarely.

use std::cell::OnceCell;

use super::context::{Context, HistoryDetail};
use crate::engine::history::History;
use crate::error::Result;
use crate::runtime;

/// What is applied. The database is asked the first time that anybody wants to know: most commands on files need none.
pub struct Applied<'a> {
    context: &'a Context,
    history: OnceCell<Result<History>>,
}

impl<'a> Applied<'a> {
    /// Asks nothing yet.
    pub fn new(context: &'a Context) -> Self {
        Self { context, history: OnceCell::new() }
    }

    /// Whether a revision is applied. An error if the database cannot be asked; one that does not exist has nothing applied.
    pub fn contains(&self, revision: &str) -> Result<bool> {
        let open = || runtime::run(self.context.open(HistoryDetail::Live)).map(|opened| opened.history);
        match self.history.get_or_init(open) {
            Ok(history) => Ok(history.get(revision).is_some()),
            Err(error) => Err(error.clone()),
        }
    }
}
