//! Views that a component with grants would break: one that names what does not exist keeps everybody from renaming tables and
//! dropping columns, since SQLite reads all views then.

use super::Executor;
use crate::error::text_of;
use crate::raw::{Connection, Failure};
use crate::text::something_else;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};

/// First words of what creates, changes or drops something.
const DEFINES: [&str; 3] = ["CREATE", "ALTER", "DROP"];

impl Executor {
    /// Runs a statement; if a component with grants defines something by it that leaves a view broken, it is undone and an error.
    pub(crate) fn keeping_views<T>(
        &mut self,
        statement: &str,
        run: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let defines = || {
            let text = something_else(statement.as_bytes()).and_then(|at| statement.get(at..)).unwrap_or_default();
            let begins = |word: &&str| text.get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word));
            DEFINES.iter().any(begins)
        };
        if !self.guard.has_grants() || !defines() {
            return run(self);
        }
        self.connection.check()?;
        if !self.connection.holds() {
            return Err(DatabaseError::no_transaction("undo a definition in"));
        }
        let before = self.broken_views()?;
        self.as_host(Connection::set_savepoint)?;
        let done = run(self).and_then(|done| {
            let broken = self.broken_views()?.into_iter().find(|view| !before.contains(view));
            broken.map_or(Ok(done), |view| Err(breaks(&view)))
        });
        // An error that ended the whole transaction, as a stop does, took the savepoint with it.
        if done.is_ok() || self.as_host(Connection::return_to_savepoint).is_ok() {
            self.as_host(Connection::release_savepoint)?;
        }
        done
    }

    fn as_host(&self, work: fn(&Connection) -> Result<(), Failure>) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        Ok(work(&self.connection)?)
    }

    /// The views that cannot be read.
    fn broken_views(&self) -> Result<Vec<String>, DatabaseError> {
        let _host = self.guard.as_host();
        let views = "SELECT name FROM main.sqlite_schema WHERE type = 'view'";
        let mut broken = Vec::new();
        for view in self.connection.fetch_all(views, &[], |row| text_of(row, 0))? {
            // Components decide how many there are.
            self.guard.check_stop()?;
            let read = format!("SELECT 1 FROM main.{}", Dialect::Sqlite.quote(&view));
            if self.connection.prepare(&read, false).is_err() {
                broken.push(view);
            }
        }
        Ok(broken)
    }
}

fn breaks(view: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("the view `{view}` could not be read after this, so it is undone"),
    )
    .hint("a component with grants has to leave every view readable: drop or change the view first")
}
