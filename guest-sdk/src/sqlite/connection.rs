//! The database interface of a rebuild, so that its tests can run on a real database without a host.

use crate::sql::{self, Rows};
use crate::{Result, Value};

/// Runs single statements.
pub(super) trait Connection {
    /// Like [`sql::execute`].
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64>;

    /// Like [`sql::query`].
    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows>;
}

/// The database that the migration runs on.
pub(super) struct Host;

impl Connection for Host {
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<u64> {
        sql::execute(statement, parameters)
    }

    fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows> {
        sql::query(statement, parameters)
    }
}
