//! Dry runs of components under grants: one transaction on the session of a login, whose rights become those of one component after
//! the other. Granting is transactional, so all of it ends with the transaction. What belongs to the host, the statements of
//! migrations in SQL included, passes through the [`gate`](super::gate).

use std::sync::Arc;

use super::super::PostgresDatabase;
use super::super::rights::check;
use super::super::schema::literal;
use super::super::scope::{refuses_transaction, rows, simple, text_of};
use super::super::statement_describe::{Shape, one_statement, shape};
use super::catalogue::Catalogue;
use super::session::without_the_gate;
use super::wanted::{self, Wanted};
use runner_data::Value;
use runner_database::logins::refusals::{check_reached, out_of_line, unknown};
use runner_database::logins::rights;
use runner_database::{DatabaseError, Dialect, Grants, Role};
use runner_sql::StatementClass;
use runner_sql::has_statement;

/// The server leaves the schema of a type out if the path leads to it, and the functions of the gate have another path.
const OUR_NAMES: &str = "SET LOCAL search_path = pg_catalog, pg_temp; ";

impl PostgresDatabase {
    /// Gives the login of this session exactly what a component with these grants may do, in the open transaction, and the session the
    /// names of the host again; without grants, the names alone.
    pub(super) async fn confine_now(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError> {
        let Some((login, path)) = self.gated.as_ref().map(|gated| (gated.login.clone(), gated.set_path())) else {
            return Err(DatabaseError::invalid("this session has no gate"));
        };
        let role = std::mem::replace(&mut self.rights, Role::Host);
        let confined = match &grants {
            Some(grants) => self.confine_as_host(grants, &login).await,
            None => Ok(()),
        };
        let named = self.set_names(&path).await;
        self.rights = role;
        confined.and(named)?;
        if let (Some(gated), Some(grants)) = (&mut self.gated, grants) {
            gated.grants = grants;
        }
        Ok(())
    }

    /// The migration before it has ended with the settings of the session.
    async fn set_names(&mut self, path: &str) -> Result<(), DatabaseError> {
        let scope = self.enter(None).await?;
        let set = simple(&mut self.connection, &format!("SELECT {path}")).await;
        self.leave(scope, set).await
    }

    async fn confine_as_host(&mut self, grants: &Grants, login: &str) -> Result<(), DatabaseError> {
        let schema = self.schema_of_names();
        let found = self.catalogue_of(login).await?;
        let wanted = Wanted::of(grants, &found, &schema);
        if !wanted.unknown.is_empty() {
            return Err(unknown(&wanted.unknown));
        }
        check_reached(&wanted::reached(found.logins.get(login), &wanted, &found))?;
        let held = |catalogue: &Catalogue| catalogue.logins.get(login).map(|it| it.rights.clone()).unwrap_or_default();
        let statements = wanted::align(login, &held(&found), &wanted.rights);
        if !statements.is_empty() {
            self.write_text(&statements.join("; ")).await.map_err(without_the_gate)?;
            // The server only warns of what it did not do.
            let left = rights::differences(&held(&self.catalogue_of(login).await?), &wanted.rights);
            if !left.is_empty() {
                let text = format!("the login `{login}` cannot be given the rights of `{}`", grants.component);
                return Err(out_of_line(text).detail(left.join("; ")));
            }
        }
        Ok(())
    }

    async fn catalogue_of(&mut self, login: &str) -> Result<Catalogue, DatabaseError> {
        let scope = self.enter_with(None, |_| OUR_NAMES.to_owned()).await?;
        let logins_of = self.login_scope();
        let found = Catalogue::read(&mut self.connection, logins_of, &[login.to_owned()]).await;
        self.leave(scope, found).await
    }

    /// Runs a statement of a migration in SQL as the owner of the gate, with the names that the session has.
    pub(crate) async fn execute_script_confined(
        &mut self,
        statement: &str,
        values: &[Value],
    ) -> Result<u64, DatabaseError> {
        if !values.is_empty() {
            return Err(DatabaseError::invalid("a statement of a migration in SQL has no parameters"));
        }
        if !has_statement(statement, Dialect::Postgres) {
            return Err(DatabaseError::no_statement());
        }
        if check(statement, self.rights)? == StatementClass::RefusesTransaction {
            return Err(refuses_transaction());
        }
        let text = one_statement(statement)?;
        let scope = self.enter(None).await?;
        let path = rows(&mut self.connection, "SELECT pg_catalog.current_setting('search_path')").await;
        let path = self.leave(scope, path).await?.first().and_then(|row| text_of(row, 0)).unwrap_or_default();
        // The functions of the gate look names up nowhere. What the statement itself sets stays. The path is a value and no text of
        // SQL: a component can set it to anything.
        let path = format!("SELECT pg_catalog.set_config('search_path', {}, true)", literal(&path));
        let (watch, limit) = (self.watch(), self.own.limit(self.rights, self.endpoint.settings()));
        let written = watch.run_within(limit, self.write_text(&format!("{path}; {text}"))).await;
        let written = written.map_err(without_the_gate);
        self.types.clear();
        self.pages.forget_statement();
        // The server also counts rows that were only read.
        written.map(|rows| if shape(statement) == Shape::Change { rows } else { 0 })
    }
}
