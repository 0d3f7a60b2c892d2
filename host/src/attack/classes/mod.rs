//! The classes of attacks, and the arena of each dialect.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use super::class::Class;
use crate::database::Dialect;

/// What an arena is made of.
pub(super) struct Ground {
    /// The statements that make it in an empty database.
    pub make: &'static [&'static str],
    /// The statements that make the tool's tables like those that an older version made.
    pub aged: &'static [&'static str],
    /// The statements that make it as it was.
    pub reset: &'static [&'static str],
    /// Questions for what it holds. Each row is whose it is (`tool`: of runner; `own`: of the attacker under grants; `history`; `all`:
    /// of others), what it is, and how it is.
    pub state: &'static [&'static str],
    /// The attacks.
    pub classes: &'static [Class],
}

/// The attacks on a dialect.
pub(super) fn of(dialect: Dialect) -> &'static [Class] {
    ground(dialect).map_or(&[], |ground| ground.classes)
}

/// What the arena of a dialect is made of.
pub(super) fn ground(dialect: Dialect) -> Option<&'static Ground> {
    match dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => Some(&sqlite::GROUND),
        #[cfg(feature = "postgres")]
        Dialect::Postgres => Some(&postgres::GROUND),
        #[cfg(feature = "mysql")]
        Dialect::Mariadb => Some(&mysql::MARIADB),
        #[cfg(feature = "mysql")]
        Dialect::Mysql => Some(&mysql::MYSQL),
        #[allow(unreachable_patterns, reason = "a build without some driver")]
        _ => None,
    }
}
