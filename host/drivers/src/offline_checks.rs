//! Which statements of a migration in SQL a database refuses whatever is in it, so that this can be reported before
//! anything runs. The drivers decide, by the code that decides when the statement runs.

use runner_database::{DatabaseError, Dialect, Facts};
use runner_sql::Tokens;

/// Checks the statements of one migration in SQL, for the database of `facts`.
pub struct OfflineChecks<'a> {
    facts: &'a Facts,
    in_transaction: bool,
    #[cfg(feature = "sqlite")]
    memory: runner_sqlite::offline_checks::Memory,
}

impl<'a> OfflineChecks<'a> {
    /// Nothing is made before a statement needs it.
    pub fn new(facts: &'a Facts, in_transaction: bool) -> Self {
        Self {
            facts,
            in_transaction,
            #[cfg(feature = "sqlite")]
            memory: runner_sqlite::offline_checks::Memory::default(),
        }
    }

    /// Why the migration may not run a statement, as far as that is known from its text. A driver that is not part of this build
    /// refuses nothing.
    pub fn refused(&mut self, statement: &Tokens<'_>) -> Option<DatabaseError> {
        let Self { facts, in_transaction, .. } = *self;
        match facts.dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => self.memory.refused(statement, in_transaction, facts),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => runner_postgres::refused_text(statement),
            #[cfg(feature = "mysql")]
            Dialect::Mysql | Dialect::Mariadb => runner_mysql::refused_text(statement, facts, in_transaction),
            #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => {
                let _ = (statement, in_transaction);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
