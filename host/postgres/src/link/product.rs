//! Which server it is, and whether runner works with it.
//!
//! Other databases speak PostgreSQL's protocol, and give themselves one of its versions. What they do differently, such as
//! advisory locks that lock nothing, shows only when it has done harm, so they are refused by what they call themselves.

use sqlx::{PgConnection, Row};

use crate::error::{Result, configuration};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// The oldest server with all the features used here, as `server_version_num`.
const OLDEST: i32 = 130_000;

/// Databases that speak the protocol but are not PostgreSQL: a part of `version()` in lower case, and the name.
const OTHERS: [(&str, &str); 10] = [
    ("cockroachdb", "CockroachDB"),
    ("-yb-", "YugabyteDB"),
    ("redshift", "Amazon Redshift"),
    ("greenplum", "Greenplum"),
    ("materialize", "Materialize"),
    ("risingwave", "RisingWave"),
    ("cratedb", "CrateDB"),
    ("questdb", "QuestDB"),
    ("opengauss", "openGauss"),
    ("gaussdb", "GaussDB"),
];

/// Fails if runner does not work with a server that says this of itself: `version()`, such as `PostgreSQL 15.20 on x86_64-pc-linux-gnu,
/// compiled by …`, `server_version` and `server_version_num`.
pub(crate) fn check(make: &str, version: &str, number: i32) -> Result<()> {
    refuse_others(make)?;
    if number >= OLDEST {
        return Ok(());
    }
    Err(configuration(format!("the server is PostgreSQL {version}, and runner needs 13 or later"))
        .hint("upgrade the server"))
}

/// Fails if a server, by its `version()`, is not PostgreSQL. Makers of PostgreSQL with additions begin it like all others.
fn refuse_others(make: &str) -> Result<()> {
    let said = make.to_ascii_lowercase();
    let message = match OTHERS.iter().find(|(part, _)| said.contains(part)) {
        Some((_, name)) => format!(
            "the server is {name} (`{make}`), which runner does not support: it is another database that speaks PostgreSQL's \
             protocol, and runner was never tried on it"
        ),
        None if said.starts_with("postgresql ") || said.starts_with("enterprisedb ") => return Ok(()),
        None => format!("the server is of an unknown make: it calls itself `{make}`, and not PostgreSQL"),
    };
    Err(configuration(message).hint("give the URL of PostgreSQL 13 or later"))
}

/// Explains why a server cannot answer what every PostgreSQL can: it is another database. Otherwise the error is kept.
pub(crate) async fn explain(connection: &mut PgConnection, error: DatabaseError) -> DatabaseError {
    if error.kind == DatabaseErrorKind::Connection {
        return error;
    }
    // The failed statement was part of a transaction.
    let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
    let Ok(row) = sqlx::raw_sql("SELECT pg_catalog.version()").fetch_one(connection).await else { return error };
    match row.try_get_unchecked::<Option<String>, _>(0) {
        Ok(Some(make)) => refuse_others(&make).err().unwrap_or(error),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_and_versions_are_read_from_what_servers_say() {
        let check = |make, version, number| check(make, version, number).map_err(|error| error.message);
        for make in [
            "PostgreSQL 13.23 on x86_64-pc-linux-gnu, compiled by gcc (Debian 8.3.0-6) 8.3.0, 64-bit",
            "PostgreSQL 16.3 (EnterpriseDB Advanced Server 16.3.0) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit",
        ] {
            assert_eq!(check(make, "13.23", 130_023), Ok(()), "{make}");
        }
        for (make, name) in [
            ("CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27)", "CockroachDB"),
            ("PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu", "YugabyteDB"),
            ("PostgreSQL 13.14.0-RisingWave-1.9.0 (abc)", "RisingWave"),
            (
                "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.1234",
                "Amazon Redshift",
            ),
            ("Quux 3", "an unknown make: it calls itself `Quux 3`"),
        ] {
            let error = check(make, "15.2", 150_002).expect_err(make);
            assert!(error.contains(name), "{error}");
        }
        let error =
            check("PostgreSQL 12.22 on x86_64-pc-linux-gnu", "12.22 (Debian 12.22-1)", 120_022).expect_err("too old");
        assert_eq!(error, "the server is PostgreSQL 12.22 (Debian 12.22-1), and runner needs 13 or later");
    }
}
