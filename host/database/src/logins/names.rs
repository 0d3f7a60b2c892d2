//! The names of logins.

use sha2::{Digest as _, Sha256};

use crate::{Dialect, Facts};

/// What the names of all logins begin with.
pub const PREFIX: &str = "runner_";

/// Returns the name of a component's login. Logins belong to the whole server, so it has the database in it; and a digest, since
/// a name may have 63 bytes only, and 32 on MySQL. `database`: see [`scope`].
pub fn login_of(dialect: Dialect, database: &str, revision: &str) -> String {
    let length = if dialect == Dialect::Mysql { 7 } else { 20 };
    let digest = hex::encode(Sha256::digest(format!("{database}\0{revision}")));
    let part = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).take(length).collect::<String>().to_ascii_lowercase()
    };
    format!("{PREFIX}{}_{}_{}", part(database), part(revision), &digest[..8])
}

/// What a login is for, in addition to its revision: the database, and the place of the history unless it is the usual
/// one, since projects with a history each in one database may have one revision each.
pub fn scope(facts: &Facts, database: &str) -> String {
    match facts.history.name(facts.dialect) {
        "" => database.to_owned(),
        place => format!("{database}/{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_differs_by_database_and_revision() {
        let long = "x".repeat(100);
        for (dialect, length) in [(Dialect::Postgres, 63), (Dialect::Mysql, 32), (Dialect::Mariadb, 80)] {
            assert!(login_of(dialect, &long, &long).len() <= length);
            assert!(login_of(dialect, "App", "0002").starts_with("runner_app_0002_"));
            assert_ne!(login_of(dialect, "app", "0002"), login_of(dialect, "ap", "p0002"));
            assert_ne!(login_of(dialect, "a-pp", "0002"), login_of(dialect, "app", "0002"));
        }
    }
}
