//! Opens a database by its URL, creates and drops it, and copies it: the one place that knows all drivers.
//!
//! It may import the drivers, `runner-database` and what is below it.

pub mod copy;
pub mod lifecycle;
pub mod offline_checks;

#[cfg(test)]
mod host_sql_tests;
#[cfg(all(test, feature = "sqlite"))]
mod keyset_tests;
#[cfg(all(test, feature = "sqlite"))]
mod order_tests;

use runner_database::{
    ConnectOptions, Database, DatabaseError, DatabaseErrorKind, DatabaseUrl, Dialect, DialectSql, Facts,
};

/// How to make further connections to a database.
#[derive(Clone, Debug)]
pub struct Connector {
    /// The URL of the database.
    pub url: DatabaseUrl,
    /// The connect options.
    pub options: ConnectOptions,
}

impl Connector {
    /// Makes a connection.
    pub async fn connect(&self) -> Result<Box<dyn Database>, DatabaseError> {
        connect(&self.url, &self.options).await
    }
}

/// Connects to the database of a URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    url.check_set()?;
    match url.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => runner_sqlite::connect(url, options).await,
        #[cfg(feature = "postgres")]
        Dialect::Postgres => runner_postgres::connect(url, options).await,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => runner_mysql::connect(url, options).await,
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        missing => Err(no_driver(missing)),
    }
}

/// Returns what is true of the dialect before a server has been asked. There is no SQL without the driver.
pub fn facts(dialect: Dialect) -> Facts {
    let sql: &'static DialectSql = match dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => &runner_sqlite::SQL,
        #[cfg(feature = "postgres")]
        Dialect::Postgres => &runner_postgres::SQL,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => &runner_mysql::SQL,
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        _ => &DialectSql::NONE,
    };
    Facts { sql, ..Facts::of_dialect(dialect) }
}

/// Returns the error for a database whose driver is not part of this build.
pub fn no_driver(dialect: Dialect) -> DatabaseError {
    let feature = match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        Dialect::Mysql | Dialect::Mariadb => "mysql",
    };
    DatabaseError::new(DatabaseErrorKind::Configuration, format!("this build of runner has no driver for {dialect}"))
        .hint(format!("enable the Cargo feature `{feature}` of the crate `runner`"))
}
