//! How PostgreSQL's own programs find the database at a URL.

use crate::error::Result;
use crate::link::options;
use runner_database::DatabaseUrl;

/// Returns the connection parameters as the environment variables that `pg_dump` and similar programs read. What the
/// URL leaves out stays unset: like runner itself, the programs read `PGPASSWORD`, the password file and so on.
pub fn environment(url: &DatabaseUrl) -> Result<Vec<(&'static str, String)>> {
    let options = options::read(url, "runner backup")?;
    let host = match options.get_socket() {
        Some(directory) => directory.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let mut found = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
        ("PGAPPNAME", "runner backup".to_owned()),
    ];
    let database = options.get_database().unwrap_or(options.get_username()).to_owned();
    found.push(("PGDATABASE", database));
    found.extend(options.get_options().map(|options| ("PGOPTIONS", options.to_owned())));
    found.extend(url.password().map(|password| ("PGPASSWORD", password)));
    for (variable, names) in [
        ("PGSSLMODE", &["sslmode", "ssl-mode"][..]),
        ("PGSSLROOTCERT", &["sslrootcert", "ssl-root-cert", "ssl-ca"]),
        ("PGSSLCERT", &["sslcert", "ssl-cert"]),
        ("PGSSLKEY", &["sslkey", "ssl-key"]),
    ] {
        found.extend(url.parameter(names).map(|value| (variable, value)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_follow_the_url() {
        let url = "postgres://me:s%20cret@db.example:5433/app?sslmode=verify-ca&sslrootcert=/ca.pem&options=-c%20a%3Db";
        let url = DatabaseUrl::parse(url, std::path::Path::new("/")).expect("a URL");
        let found = environment(&url).expect("variables");
        for expected in [
            ("PGHOST", "db.example"),
            ("PGPORT", "5433"),
            ("PGUSER", "me"),
            ("PGDATABASE", "app"),
            ("PGPASSWORD", "s cret"),
            ("PGSSLMODE", "verify-ca"),
            ("PGSSLROOTCERT", "/ca.pem"),
            ("PGOPTIONS", "-c a=b"),
        ] {
            assert!(found.contains(&(expected.0, expected.1.to_owned())), "{expected:?} is not in {found:?}");
        }
    }
}
