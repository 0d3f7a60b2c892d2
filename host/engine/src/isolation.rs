//! What holds a component back on a database, and what its login may do beyond that database.

use runner_base::error::Result;
use runner_database::HostSession;
use runner_database::dialect_sql::{Login, Power};

runner_base::named! {
    /// What keeps a component from what it is not meant to do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Barrier {
        /// The database itself decides about each statement, by SQLite's authorizer.
        Authorizer = "authorizer",
        /// Each component has a login of its own, with the rights that it is granted.
        SeparateLogins = "separate-logins",
        /// A component has the login of the tool. Its statements are inspected, and the tool's own tables are proven
        /// unchanged before anything is committed.
        SharedLogin = "shared-login",
    }
}

/// How well components are isolated on a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The login on the server; `None` where there is none.
    pub login: Option<String>,
    /// What holds components back.
    pub barrier: Barrier,
    /// What the login may do beyond its database, without what a superuser may do anyway.
    pub powers: Vec<Power>,
}

/// Checks the rights of the login.
pub async fn check(database: &mut HostSession<'_>) -> Result<Isolation> {
    let server = database.facts().sql.server;
    Ok(match server.login(database).await? {
        None => Isolation { login: None, barrier: Barrier::Authorizer, powers: Vec::new() },
        Some(Login { name, powers }) => Isolation { login: name, barrier: Barrier::SharedLogin, powers },
    })
}
