//! The names of logins.

use sha2::{Digest as _, Sha256};

/// What the names of all logins begin with.
pub(in crate::database) const PREFIX: &str = "runner_";

/// Returns the name of a component's login. Logins belong to the whole server, so it has the database in it; and a digest, since
/// a name may have 63 bytes only.
pub(in crate::database) fn login_of(database: &str, revision: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{database}\0{revision}")));
    let part = |text: &str, length| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).take(length).collect::<String>().to_ascii_lowercase()
    };
    format!("{PREFIX}{}_{}_{}", part(database, 20), part(revision, 20), &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_differs_by_database_and_revision() {
        let long = "x".repeat(100);
        assert!(login_of(&long, &long).len() <= 63);
        assert!(login_of("App", "0002").starts_with("runner_app_0002_"));
        assert_ne!(login_of("app", "0002"), login_of("ap", "p0002"));
        assert_ne!(login_of("a-pp", "0002"), login_of("app", "0002"));
    }
}
