//! URLs as other tools spell them, answered with ours. No part of such a URL is shown: its password may be anywhere.

use runner_base::error::Error;

/// The error of a URL that another tool would read, by its scheme.
pub(super) fn foreign(scheme: &str, rest: &str) -> Option<Error> {
    let answer = |whose: &str, ours: &str| {
        Error::usage(format!("`{scheme}:` begins a database URL of {whose}")).hint(format!("write {ours}"))
    };
    let (kind, driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    let ours = match kind {
        "postgres" | "postgresql" | "psql" | "pgsql" | "postgis" | "pgx" | "pgx5" | "cockroachdb" => "postgres",
        "mysql" | "mysql2" | "mysqlx" => "mysql",
        "mariadb" => "mariadb",
        "sqlite" | "sqlite3" => "sqlite",
        "jdbc" => return Some(of_jdbc(rest)),
        "file" => {
            let hint =
                "`sqlite:` in place of `file:`, such as `sqlite:dev.db`; a relative path is relative to `runner.toml`";
            return Some(answer("Prisma or SQLite", hint));
        }
        _ => return None,
    };
    Some(match (ours, driver.is_empty()) {
        ("sqlite", false) => answer(
            "SQLAlchemy",
            "`sqlite:app.db` for its `sqlite:///app.db`, and `sqlite:///srv/app.db` for its `sqlite:////srv/app.db`",
        ),
        (_, false) => answer("SQLAlchemy", &format!("`{ours}://` in place of `{scheme}://`")),
        _ => answer("another tool", &format!("`{ours}:` in place of `{scheme}:`")),
    })
}

/// Whether a scheme names a driver of SQLAlchemy, and so may be long: `postgresql+psycopg2`.
pub(super) fn names_a_driver(scheme: &str) -> bool {
    ["postgresql+", "postgres+", "mysql+", "mariadb+", "sqlite+"].iter().any(|kind| scheme.starts_with(kind))
}

fn of_jdbc(rest: &str) -> Error {
    let error = Error::usage("`jdbc:` begins a database URL of Java");
    let kind = rest.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "postgresql" | "mysql" | "mariadb" => error.hint(format!(
            "write `{kind}://USER:PASSWORD@HOST/DATABASE`: without `jdbc:`, and with the user and the password before the host"
        )),
        "sqlite" => error.hint("leave out `jdbc:`"),
        _ => error.hint("use one of `sqlite:`, `postgres:`, `mysql:` and `mariadb:`"),
    }
}

/// Whether a text is a data source name of Go's driver for MySQL: `user:password@tcp(host:port)/database`.
pub(super) fn is_of_go(text: &str) -> bool {
    ["@tcp(", "@unix("].iter().any(|mark| text.contains(mark))
}

/// The error of such a name.
pub(super) fn of_go() -> Error {
    Error::usage("the database URL is a data source name of Go's driver for MySQL").hint(
        "write `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, or `mysql://USER:PASSWORD@localhost/DATABASE?socket=PATH`",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::DatabaseUrl;

    #[test]
    fn spellings_of_other_tools_are_answered_with_ours() {
        for (url, hint) in [
            ("postgresql+psycopg2://me:SECRET@h/d", "write `postgres://` in place of `postgresql+psycopg2://`"),
            ("mysql+pymysql://me:SECRET@h/d", "write `mysql://` in place of `mysql+pymysql://`"),
            ("mysql2://me:SECRET@h/d", "write `mysql:` in place of `mysql2:`"),
            ("sqlite+pysqlite:///r.db", "write `sqlite:app.db` for its `sqlite:///app.db`"),
            ("jdbc:postgresql://h/d?user=me&password=SECRET", "write `postgresql://USER:PASSWORD@HOST/DATABASE`"),
            ("me:SECRET@tcp(h:3306)/d", "write `mysql://USER:PASSWORD@HOST:PORT/DATABASE`"),
            ("mysql://me:SECRET@tcp(h:3306)/d", "write `mysql://USER:PASSWORD@HOST:PORT/DATABASE`"),
            ("file:./dev.db", "write `sqlite:` in place of `file:`"),
        ] {
            let error = DatabaseUrl::parse(url, Path::new("/")).expect_err(url);
            assert!(error.hints[0].starts_with(hint), "{url}: {}", error.hints[0]);
            assert!(!format!("{error:#}").contains("SECRET"), "{error:#}");
        }
    }
}
