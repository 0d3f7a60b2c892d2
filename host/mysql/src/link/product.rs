//! Which server it is, and whether runner works with it.
//!
//! Other databases speak the protocol too, and give themselves a version of MySQL. What they do differently, such as
//! user locks that end unnoticed, shows only when it has done harm, so they are refused by what they call themselves.

use std::fmt;

use crate::error::Result;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};

/// Databases that speak the protocol but are neither MySQL nor MariaDB: a part of the version or the version comment in
/// lower case, the name, and why they do not serve.
const OTHERS: [(&str, &str, &str); 10] = [
    ("dolt", "Dolt", "its transactions merge concurrent changes instead of keeping them apart"),
    (
        "tidb",
        "TiDB",
        "its user locks can end unnoticed, and `SKIP LOCKED` does not keep two processes from the same rows",
    ),
    ("vitess", "Vitess", SEVERAL),
    ("planetscale", "PlanetScale", SEVERAL),
    ("singlestore", "SingleStore", UNTRIED),
    ("memsql", "SingleStore", UNTRIED),
    ("oceanbase", "OceanBase", UNTRIED),
    ("starrocks", "StarRocks", UNTRIED),
    ("clickhouse", "ClickHouse", UNTRIED),
    ("matrixone", "MatrixOne", UNTRIED),
];

const SEVERAL: &str = "it spreads the statements of a session over several servers";
const UNTRIED: &str = "it is another database that speaks MySQL's protocol, and runner was never tried on it";

/// A variable of InnoDB, where the history is kept. Every version of MySQL and MariaDB that is new enough has it.
pub(crate) const OF_INNODB: &str = "innodb_read_only";

/// A variable of the plug-in for groups of MySQL, which only servers with that plug-in have.
pub(crate) const SINGLE_PRIMARY: &str = "group_replication_single_primary_mode";

/// What a server says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    /// `VERSION()`.
    pub version: &'a str,
    /// `@@version_comment`.
    pub comment: &'a str,
    /// Whether it has the variable [`OF_INNODB`].
    pub has_innodb: bool,
    /// Whether it is a node of a Galera cluster.
    pub is_node: bool,
    /// Whether it belongs to a group of which every member takes changes: [`SINGLE_PRIMARY`] is off.
    pub has_primaries: bool,
}

impl Said<'_> {
    /// Returns the dialect and the version; fails if runner does not work with this server.
    pub fn make(self) -> Result<(Dialect, Version)> {
        let said = format!("{} {}", self.version, self.comment).to_ascii_lowercase();
        if let Some((_, name, why)) = OTHERS.iter().find(|(part, ..)| said.contains(part)) {
            return Err(refused(format!(
                "the server is {name} ({}), which runner does not support: {why}",
                self.version
            )));
        }
        let dialect = if said.contains("mariadb") { Dialect::Mariadb } else { Dialect::Mysql };
        if !self.has_innodb {
            let comment = if self.comment.is_empty() { "nothing" } else { self.comment };
            return Err(refused(format!(
                "the server is of an unknown make: it calls itself `{comment}`, version {}, and lacks `{OF_INNODB}`, which \
                 every MySQL and MariaDB has",
                self.version
            )));
        }
        if self.is_node && dialect == Dialect::Mysql {
            return Err(refused(format!(
                "the server is a node of a Galera cluster of MySQL ({}), which runner does not support: a conflict with another \
                 node can roll back a part of a transaction unnoticed, and what prevents that exists on MariaDB only",
                self.version
            )));
        }
        if self.has_primaries {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Configuration,
                format!(
                    "the server belongs to a group of MySQL in which every member takes changes (`{SINGLE_PRIMARY} = OFF`), which \
                     runner does not support: its locks hold on one member only"
                ),
            )
            .hint("`SELECT group_replication_switch_to_single_primary_mode()` leaves one member that takes changes: give its URL"));
        }
        let version = Version::read(self.version);
        let oldest = Version::oldest(dialect);
        if version >= oldest {
            return Ok((dialect, version));
        }
        let error = format!("the server is {dialect} {}, and runner needs {oldest} or later", self.version);
        Err(DatabaseError::new(DatabaseErrorKind::Configuration, error).hint("upgrade the server"))
    }
}

fn refused(message: String) -> DatabaseError {
    let hint = format!(
        "give the URL of MySQL {} or MariaDB {}, or a later version",
        Version::oldest(Dialect::Mysql),
        Version::oldest(Dialect::Mariadb)
    );
    DatabaseError::new(DatabaseErrorKind::Configuration, message).hint(hint)
}

/// The three numbers of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

impl Version {
    /// Of `10.11.19-MariaDB-0+deb12u1`: `10.11.19`.
    fn read(text: &str) -> Self {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self(next(), next(), next())
    }

    /// The oldest with window functions, more than one user lock for each session, check constraints in the catalogue,
    /// by which an interrupted step is recognised, and on MySQL passwords that the server generates.
    fn oldest(dialect: Dialect) -> Self {
        if dialect == Dialect::Mariadb { Self(10, 5, 0) } else { Self(8, 0, 18) }
    }

    /// Whether a DDL statement is atomic.
    pub fn has_atomic_ddl(self, dialect: Dialect) -> bool {
        dialect != Dialect::Mariadb || self >= Self(10, 6, 1)
    }

    /// Whether there is `SHOW REPLICA STATUS`.
    pub fn has_replica_status(self, dialect: Dialect) -> bool {
        dialect == Dialect::Mysql && self >= Self(8, 0, 22)
    }

    /// Whether there is a type `UUID`.
    pub fn has_uuid(self, dialect: Dialect) -> bool {
        dialect == Dialect::Mariadb && self >= Self(10, 7, 0)
    }

    /// Whether there is `SKIP LOCKED`.
    pub fn skips_locked(self, dialect: Dialect) -> bool {
        dialect != Dialect::Mariadb || self >= Self(10, 6, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<'a>(version: &'a str, comment: &'a str) -> Said<'a> {
        Said { version, comment, has_innodb: true, is_node: false, has_primaries: false }
    }

    fn make(version: &str, comment: &str) -> Result<(Dialect, Version)> {
        said(version, comment).make()
    }

    #[test]
    fn makes_and_versions_are_read_from_what_servers_say() {
        for (version, comment, dialect, number) in [
            ("10.11.19-MariaDB-0+deb12u1", "Debian 12", Dialect::Mariadb, "10.11.19"),
            ("11.4.2-log", "MariaDB Server", Dialect::Mariadb, "11.4.2"),
            ("8.0.42", "MySQL Community Server - GPL", Dialect::Mysql, "8.0.42"),
            ("8.0.42-33", "Percona Server (GPL), Release 33", Dialect::Mysql, "8.0.42"),
            ("8.0.42-0ubuntu0.24.04.1", "(Ubuntu)", Dialect::Mysql, "8.0.42"),
            ("9.7.0", "(Debian)", Dialect::Mysql, "9.7.0"),
        ] {
            let (made, read) = make(version, comment).expect(version);
            assert_eq!((made, read.to_string().as_str()), (dialect, number));
        }
    }

    #[test]
    fn a_group_with_several_primaries_is_refused() {
        let server = said("8.4.6", "MySQL Community Server - GPL");
        assert!(server.make().is_ok(), "no group, or one with a single primary");
        let error = Said { has_primaries: true, ..server }.make().expect_err("several");
        assert_eq!(error.kind, DatabaseErrorKind::Configuration);
        assert!(error.message.contains("group_replication_single_primary_mode = OFF"), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("group_replication_switch_to_single_primary_mode()")));
    }

    #[test]
    fn ddl_is_atomic_since_mysql_8_and_mariadb_10_6() {
        let since = |version| Version::read(version).has_atomic_ddl(Dialect::Mariadb);
        assert!(since("10.6.1") && !since("10.5.29") && !since("10.6.0"));
        assert!(Version::read("8.0.16").has_atomic_ddl(Dialect::Mysql));
    }

    #[test]
    fn uuids_have_a_type_since_mariadb_10_7() {
        let since = |version, dialect| Version::read(version).has_uuid(dialect);
        assert!(since("10.7.1", Dialect::Mariadb) && !since("10.6.22", Dialect::Mariadb));
        assert!(!since("10.7.1", Dialect::Mysql));
    }

    #[test]
    fn replicas_are_called_so_since_mysql_8_0_22() {
        let since = |version| Version::read(version).has_replica_status(Dialect::Mysql);
        assert!(since("8.0.22") && since("9.7.0") && !since("8.0.21-12") && !since("8.0.16"));
        assert!(!Version::read("11.4.2").has_replica_status(Dialect::Mariadb));
    }
}
