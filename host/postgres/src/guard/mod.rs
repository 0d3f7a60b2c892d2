//! Whether the tool's own tables are as the tool made them and left them.

mod contents;
mod fingerprint;

use std::sync::Arc;

use self::contents::Stored;
pub(crate) use self::fingerprint::Fingerprint;
use crate::error::Result;
use crate::link::Link;
use crate::place::ToolPlace;
use runner_database::{DatabaseErrorKind, Meaning};

/// What a session knows about the tool's tables.
pub(crate) struct Guard {
    place: Arc<ToolPlace>,
    /// Nothing foreign is attached to the tables, as far as this session has seen.
    inspected: bool,
    /// What the tables held before a script's statement that has no transaction.
    stored: Option<Stored>,
}

impl Guard {
    pub(crate) fn new(place: Arc<ToolPlace>) -> Self {
        Self { place, inspected: false, stored: None }
    }

    /// For the session of a component: the host has seen the tables.
    pub(crate) fn for_component(&self) -> Self {
        Self { inspected: true, ..Self::new(Arc::clone(&self.place)) }
    }

    /// Where the tables are.
    pub(crate) fn place(&self) -> &ToolPlace {
        &self.place
    }

    /// The question that fails if something foreign is attached to the tables, unless this session has asked it.
    pub(crate) fn inspect(&self) -> &str {
        if self.inspected { "" } else { &self.place.inspect }
    }

    /// A message with [`Self::inspect`] did not fail.
    pub(crate) fn has_inspected(&mut self) {
        self.inspected = true;
    }

    /// Another session takes the place of this one.
    pub(crate) fn is_new(&mut self) {
        self.inspected = false;
    }

    /// Reads what the tables hold before a statement that has no transaction, in one message with other statements.
    pub(crate) async fn store(&mut self, link: &mut Link, first: &str) -> Result<()> {
        self.stored = Some(Stored::read(link, &self.place, first, self.inspected).await?);
        self.inspected = true;
        Ok(())
    }

    /// Compares what the tables hold after a statement that has no transaction. The statements of `reset` take effect before,
    /// whether or not the tables can be read.
    pub(crate) async fn compare_stored(&mut self, link: &mut Link, reset: &str) -> Result<()> {
        let now = match self.stored {
            Some(_) => Some(Stored::read(link, &self.place, reset, false).await),
            None => None,
        };
        if !matches!(now, Some(Ok(_))) && !reset.is_empty() {
            // Where the session is lost, its settings are, too.
            let _ = link.run(reset).await;
        }
        let (Some(before), Some(now)) = (self.stored.take(), now) else { return Ok(()) };
        match now {
            // What is attached to them was not there before the statement.
            Err(error) if error.kind == DatabaseErrorKind::Denied => Err(error.means(Meaning::Ran)),
            Err(error) => Err(error),
            Ok(now) => before.compare(&now),
        }
    }
}
