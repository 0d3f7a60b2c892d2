//! The end of a piece of work: what is committed at once, and what became of it.

use super::{DatabaseError, DatabaseErrorKind, Meaning, ToolChange};

/// What is committed at once, with changes to the tool's own tables.
#[derive(Clone, Copy, Debug)]
pub enum UnitOfWork<'a> {
    /// The changes alone, in a transaction of their own.
    Apart(&'a [ToolChange]),
    /// The open transaction and the changes. What a migration has set in the session remains.
    Step(&'a [ToolChange]),
    /// As [`Self::Step`], at the end of a migration: the session becomes what it was before.
    Migration(&'a [ToolChange]),
}

/// What became of a unit of work.
#[must_use]
#[derive(Debug)]
pub enum Committed {
    /// All of it is in the database.
    Yes,
    /// None of it is committed. What was done in a transaction that was open before is left to
    /// [`rollback`](super::Database::rollback), which says whether all of it is undone.
    No(DatabaseError),
    /// The answer was lost: only the database knows.
    Unanswered(DatabaseError),
}

impl<'a> UnitOfWork<'a> {
    /// The changes to the tool's own tables.
    pub fn changes(self) -> &'a [ToolChange] {
        match self {
            Self::Apart(changes) | Self::Step(changes) | Self::Migration(changes) => changes,
        }
    }

    /// The same without the first of its changes.
    pub fn without(self, first: usize) -> Self {
        match self {
            Self::Apart(changes) => Self::Apart(changes.get(first..).unwrap_or_default()),
            Self::Step(changes) => Self::Step(changes.get(first..).unwrap_or_default()),
            Self::Migration(changes) => Self::Migration(changes.get(first..).unwrap_or_default()),
        }
    }

    /// Whether a migration ends with it.
    pub fn ends_migration(self) -> bool {
        matches!(self, Self::Migration(_))
    }
}

impl Committed {
    /// The outcome of work that failed: unknown if its connection was lost.
    pub fn failed(error: DatabaseError) -> Self {
        match error.kind == DatabaseErrorKind::Connection && error.meaning != Meaning::LockLost {
            true => Self::Unanswered(error),
            false => Self::No(error),
        }
    }

    /// The error of anything but a success.
    pub fn error(&self) -> Option<&DatabaseError> {
        match self {
            Self::Yes => None,
            Self::No(error) | Self::Unanswered(error) => Some(error),
        }
    }

    /// The outcome for a caller that does not ask what became of a lost one.
    pub fn result(self) -> Result<(), DatabaseError> {
        match self {
            Self::Yes => Ok(()),
            Self::No(error) | Self::Unanswered(error) => Err(error),
        }
    }
}

impl From<Result<(), DatabaseError>> for Committed {
    fn from(ended: Result<(), DatabaseError>) -> Self {
        ended.map_or_else(Self::failed, |()| Self::Yes)
    }
}
