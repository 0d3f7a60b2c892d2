//! Checks the logins of components, and brings them in line. The server commits each statement about a user, so an
//! interrupted run leaves some of it done: the next one does the rest.

use super::super::MysqlDatabase;
use super::super::session;
use super::catalogue::{Catalogue, Open};
use super::gate;
use super::wanted::{self, Wanted};
use runner_database::logins::refusals::{
    DBA, all_out_of_line, broken_gate, cannot_bring_in_line, check_secrets, out_of_line, superuser, unknown,
};
use runner_database::logins::rights;
use runner_database::logins::sessions::LoginRights;
use runner_database::logins::{LoginReport, LoginRequest, LoginTask, WantedLogin};
use runner_database::{DatabaseError, DatabaseErrorKind, Grants, Role};

/// Fails, with all of them, if everybody has rights that no login can be kept from.
pub(super) fn everybody(open: &[Open]) -> Result<(), DatabaseError> {
    let Some((first, rest)) = open.split_first() else { return Ok(()) };
    let error = DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("components under grants cannot run, because {}, and each of them would have these rights", first.what),
    );
    let mut revoke: Vec<&str> = open.iter().map(|open| open.revoke.as_str()).collect();
    // One statement ends all roles.
    revoke.dedup();
    let revoke = revoke.join("; ");
    let error = error.hint(format!("let somebody who may run `{revoke}`"));
    let rest: Vec<&str> = rest.iter().map(|open| open.what.as_str()).collect();
    Err(if rest.is_empty() { error } else { error.detail(rest.join("; ")) })
}

/// Fails if lines cannot be held to.
fn cannot_hold(id: &str, wanted: &Wanted) -> Result<(), DatabaseError> {
    let Some((what, hint)) = wanted.refused.first() else { return Ok(()) };
    Err(DatabaseError::new(DatabaseErrorKind::Denied, format!("`{id}` cannot be held to {what}")).hint(*hint))
}

impl MysqlDatabase {
    /// Checks the logins; brings them in line if it is asked to.
    pub(crate) async fn logins_now(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        for wanted in &request.wanted {
            wanted::check(wanted)?;
        }
        self.ready().await?;
        let (found, catalogue) = self.look_at_logins(request).await?;
        if request.task == LoginTask::Look || found.statements.is_empty() && found.unknown.is_empty() {
            return Ok(found);
        }
        if !found.unknown.is_empty() {
            return Err(unknown(&found.unknown));
        }
        if request.task == LoginTask::Script {
            return Ok(found);
        }
        self.check_writable()?;
        let done = self.run_each(&found.statements).await;
        done.map_err(cannot_bring_in_line)?;
        if catalogue.is_blind {
            // What cannot be seen cannot be compared.
            return Ok(found);
        }
        let (after, _) = self.look_at_logins(request).await?;
        if !after.statements.is_empty() {
            let left: Vec<String> = after.statements.iter().take(3).cloned().collect();
            return Err(DatabaseError::new(DatabaseErrorKind::Denied, "the logins cannot be brought in line")
                .detail(format!("the server did not do this for the login of this run: {}", left.join("; ")))
                .hint(DBA));
        }
        Ok(LoginReport { logins: after.logins, ..found })
    }

    /// Fails, with all reasons, if components with these grants could not run.
    pub(crate) async fn check_logins_now(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        for wanted in wanted {
            wanted::check(wanted)?;
        }
        check_secrets(wanted)?;
        self.ready().await?;
        let (catalogue, gate) = self.catalogue_of(wanted).await?;
        if let Some(wanted) = wanted.iter().find(|wanted| catalogue.is_superuser && !wanted.grants.superuser) {
            return Err(superuser(
                &wanted.id,
                &catalogue.host,
                "may write everything on the server",
                "a user that has all privileges on its own database, with `GRANT OPTION`, and not on others",
            ));
        }
        if let Some(difference) = gate {
            return Err(broken_gate(&difference));
        }
        everybody(&catalogue.open)?;
        let refused = |wanted: &WantedLogin| cannot_hold(&wanted.id, &Wanted::of(&wanted.grants, &catalogue));
        wanted.iter().try_for_each(refused)?;
        let mut reasons = Vec::new();
        for wanted in wanted {
            let login = catalogue.login_of(&wanted.grants.component);
            // The rights are brought in line when it runs: migrations before it may create the tables.
            let differences = wanted::differences_apart(catalogue.logins.get(&login));
            let told = |difference: &String| format!("the login `{login}` of `{}`: {difference}", wanted.id);
            reasons.extend(differences.iter().map(told));
        }
        all_out_of_line(reasons)
    }

    /// Gives a login the rights that its component is granted now. Returns its name and these rights.
    pub(super) async fn align_now(
        &mut self,
        grants: &Grants,
        asked: LoginRights,
    ) -> Result<(String, Wanted), DatabaseError> {
        self.ready().await?;
        let (database, facts) = (self.endpoint.database().to_owned(), self.server.facts.clone());
        let login = self.login_of(&grants.component);
        let schemas = Wanted::schemas(&[grants]);
        let logins = std::slice::from_ref(&login);
        let catalogue = Catalogue::read(&mut self.connection, &facts, &database, &schemas, logins).await?;
        if let Some(difference) = gate::difference(&mut self.connection, &database, &facts).await? {
            return Err(broken_gate(&difference));
        }
        let wanted = Wanted::of(grants, &catalogue);
        if !wanted.unknown.is_empty() {
            return Err(unknown(&wanted.unknown));
        }
        everybody(&catalogue.open)?;
        cannot_hold(&grants.component, &wanted)?;
        let Some(found) = catalogue.logins.get(&login).filter(|found| found.exists) else {
            return Err(out_of_line(format!("the login `{login}` does not exist")));
        };
        // Where they cannot be seen, the login is asked when it is in.
        if !catalogue.is_blind {
            let statements = wanted::align(&login, &found.rights, &wanted.rights);
            let unlike =
                out_of_line(format!("the login `{login}` does not have the rights that its component is granted"));
            if asked == LoginRights::Keep && !statements.is_empty() {
                return Err(unlike.detail(rights::differences(&found.rights, &wanted.rights).join("; ")));
            }
            self.run_each(&statements).await.map_err(|error| unlike.detail(error.message))?;
        }
        Ok((login, wanted))
    }

    /// Gets the host's session ready for statements of its own outside a transaction.
    pub(super) async fn ready(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.renew_if_due().await?;
        if self.guard.rights() == Role::Host { self.connection.settle(Role::Host).await } else { Ok(()) }
    }

    pub(super) async fn run_each(&mut self, statements: &[String]) -> Result<(), DatabaseError> {
        for statement in statements {
            self.renew_lease().await?;
            session::run(&mut self.connection, statement.clone()).await?;
        }
        if !statements.is_empty() {
            // The gate is made in a mode of its own.
            self.connection.establish_ours().await?;
        }
        Ok(())
    }

    async fn catalogue_of(&mut self, wanted: &[WantedLogin]) -> Result<(Catalogue, Option<String>), DatabaseError> {
        let (database, facts) = (self.endpoint.database().to_owned(), self.server.facts.clone());
        let grants: Vec<&Grants> = wanted.iter().map(|wanted| &*wanted.grants).collect();
        let names: Vec<String> = grants.iter().map(|grants| self.login_of(&grants.component)).collect();
        let connection = &mut self.connection;
        let catalogue = Catalogue::read(connection, &facts, &database, &Wanted::schemas(&grants), &names).await?;
        let gate = gate::difference(connection, &database, &facts).await?;
        Ok((catalogue, gate))
    }

    async fn look_at_logins(&mut self, request: &LoginRequest) -> Result<(LoginReport, Catalogue), DatabaseError> {
        let (catalogue, gate) = self.catalogue_of(&request.wanted).await?;
        Ok((wanted::report(request, &catalogue, gate.as_deref()), catalogue))
    }
}
