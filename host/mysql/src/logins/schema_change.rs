//! Changes of the schema for a component that has a login of its own, which may make none. Each commits by itself, so the host's
//! session makes it, between the records that the journal keeps of the step.

use super::super::MysqlDatabase;
use super::super::session;
use super::catalogue::account;
use super::wanted::rights_on_new;
use runner_database::error::RAN;
use runner_database::{DatabaseError, DatabaseErrorKind, Grants, SchemaChange, Session as _};

impl MysqlDatabase {
    /// Makes a change, and gives the login of the component what its grants list for the new table or columns.
    pub(super) async fn change_schema_for_now(
        &mut self,
        change: &SchemaChange,
        grants: &Grants,
    ) -> Result<(), DatabaseError> {
        // The denial is for statements that a component words itself.
        let is_denied = std::mem::take(&mut self.is_denied);
        let changed = self.change_schema(change).await;
        self.is_denied = is_denied;
        changed?;
        let database = self.endpoint.database().to_owned();
        let user = account(&self.login_of(&grants.component));
        for right in rights_on_new(grants, change, &database) {
            self.renew_lease().await?;
            let granted = session::run(&mut self.connection, format!("GRANT {right} TO {user}")).await;
            granted.map(drop).map_err(|error| match error.kind {
                DatabaseErrorKind::Connection => error,
                // The change is committed; another attempt would find it.
                _ => error.code(RAN).hint("run `runner grants sync` as a login that may grant it, then go on"),
            })?;
        }
        Ok(())
    }
}
