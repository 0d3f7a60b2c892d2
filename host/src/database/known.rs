//! Which statements of a migration in SQL a database refuses whatever is in it, so that this can be told before anything runs. The
//! drivers decide, by the code that decides when the statement runs.

use super::{DatabaseError, Dialect, Facts};

/// Why a migration in SQL may not run a statement, as far as that is known from its text. `tables`: statements that create the tool's
/// tables. A driver that is not part of this build refuses nothing.
pub fn refused_text(
    statement: &str,
    facts: &Facts,
    in_transaction: bool,
    tables: impl Fn() -> Vec<String>,
) -> Option<DatabaseError> {
    match facts.dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => super::sqlite::known::refused_text(statement, in_transaction, tables),
        #[cfg(feature = "postgres")]
        Dialect::Postgres => super::postgres::refused_text(statement),
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => super::mysql::refused_text(statement, facts, in_transaction),
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        _ => {
            let _ = (statement, in_transaction, tables);
            None
        }
    }
}

#[cfg(test)]
mod tests;
