//! The classes of attacks, and the arena of each dialect.

/// Columns of a row of 240 MB.
macro_rules! wide {
    () => {
        "repeat('a', 15000000) AS a, repeat('b', 15000000) AS b, repeat('c', 15000000) AS c, repeat('d', 15000000) AS d, \
         repeat('e', 15000000) AS e, repeat('f', 15000000) AS f, repeat('g', 15000000) AS g, repeat('h', 15000000) AS h, \
         repeat('i', 15000000) AS i, repeat('j', 15000000) AS j, repeat('k', 15000000) AS k, repeat('l', 15000000) AS l, \
         repeat('m', 15000000) AS m, repeat('n', 15000000) AS n, repeat('o', 15000000) AS o, repeat('p', 15000000) AS p"
    };
}

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use super::class::{Attacker, Class, Mode, Verb};
use runner_database::Dialect;

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

/// The attacks on a dialect, and on the process.
pub(super) fn of(dialect: Dialect) -> impl Iterator<Item = &'static Class> {
    ground(dialect).into_iter().flat_map(|ground| ground.classes.iter().chain(ON_PROCESS))
}

/// The attacks that concern no server.
const ON_PROCESS: &[Class] = &[
    Class {
        its: FLOODS,
        modes: &[Mode::Atomic, Mode::Stepwise],
        ..Class::new("calls", "go on when it is to stop", Attacker::Component, &[(Verb::Flood, "{it}")])
    },
    Class {
        its: CACHE,
        modes: &[Mode::Atomic],
        ..Class::new(
            "cache",
            "run other code than that of its components",
            Attacker::Neighbour,
            &[(Verb::Cache, "{it}")],
        )
    },
];

/// Calls that take long.
const FLOODS: &[&str] = &["log 30000000", "progress 30000000", "log 20000000", "progress 20000000"];

/// What happens to the directory of compiled code, or to a file in it.
const CACHE: &[&str] = &[
    "exchanged",
    "flipped {percent}",
    "cut {percent}",
    "replaced by a link",
    "directory replaced",
    "directory open to others",
    "directory within one that is open to others",
    "links planted",
];

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
