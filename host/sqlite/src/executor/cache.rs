//! Prepared statements that are kept for reuse.

use crate::raw::Statement;
use runner_database::Role;

/// How many are kept.
const CACHED: usize = 64;

/// Prepared statements, the most recently used last.
#[derive(Default)]
pub(super) struct Cache {
    entries: Vec<(Key, Statement)>,
}

/// A statement is authorized for one role in one state of the transaction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub role: Role,
    /// Whether our own transaction is open.
    pub transaction: bool,
    pub text: String,
}

impl Cache {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn take(&mut self, key: &Key) -> Option<Statement> {
        let at = self.entries.iter().position(|(other, _)| other == key)?;
        Some(self.entries.remove(at).1)
    }

    pub(super) fn keep(&mut self, key: Key, statement: Statement) {
        if self.entries.len() >= CACHED {
            self.entries.remove(0);
        }
        self.entries.push((key, statement));
    }
}
