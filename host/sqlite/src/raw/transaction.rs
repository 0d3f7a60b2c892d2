//! The ends of the transaction that the host holds, and its savepoint.

use rusqlite::ffi;

use super::connection::Connection;
use super::failure::Failure;
use super::hook_state::{COMMITTING, ENDING, FREE, HELD};

impl Connection {
    /// Whether the transaction that the host began is still open.
    pub(crate) fn holds(&self) -> bool {
        self.check().is_ok() && self.held().standing() == HELD
    }

    /// Begins a transaction, and holds it until `commit` succeeds or `roll_back` is called. `begin`: the statements.
    pub(crate) fn begin(&self, begin: &str) -> Result<(), Failure> {
        if self.held().standing() != FREE {
            return Err(Failure::new(ffi::SQLITE_MISUSE, "a transaction is held already"));
        }
        self.run(begin)?;
        self.held().hold();
        Ok(())
    }

    /// Commits the transaction. After a failure it is still held, and open if SQLite has not rolled it back.
    pub(crate) fn commit(&self) -> Result<(), Failure> {
        self.check()?;
        if self.held().standing() != HELD {
            return Err(Failure::new(ffi::SQLITE_MISUSE, "no transaction is held"));
        }
        self.held().set(COMMITTING);
        let committed = self.run("COMMIT");
        if committed.is_ok() {
            self.held().set(FREE);
        } else if self.held().standing() == COMMITTING {
            self.held().set(HELD);
        }
        committed
    }

    /// Ends the transaction, if one is open, and lets go of it. Where this succeeds, no part of it is in the database.
    pub(crate) fn roll_back(&self) -> Result<(), Failure> {
        self.held().set(ENDING);
        let ended = if self.is_autocommit() { Ok(()) } else { self.run("ROLLBACK") };
        self.held().set(FREE);
        ended
    }

    /// Sets a savepoint in the transaction that is held, and nowhere else: it would begin one. There is one at a time.
    pub(crate) fn set_savepoint(&self) -> Result<(), Failure> {
        self.at_savepoint("SAVEPOINT runner_definition")
    }

    /// Undoes what was done since the savepoint, which stays.
    pub(crate) fn return_to_savepoint(&self) -> Result<(), Failure> {
        self.at_savepoint("ROLLBACK TO runner_definition")
    }

    /// Removes the savepoint.
    pub(crate) fn release_savepoint(&self) -> Result<(), Failure> {
        self.at_savepoint("RELEASE runner_definition")
    }

    fn at_savepoint(&self, statement: &str) -> Result<(), Failure> {
        self.check()?;
        if self.held().standing() != HELD {
            return Err(Failure::new(ffi::SQLITE_MISUSE, "a savepoint needs a transaction"));
        }
        self.run(statement)
    }
}
