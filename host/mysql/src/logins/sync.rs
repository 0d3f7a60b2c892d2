//! Checks the logins of components, and brings them in line. The server commits each statement about a user, so an
//! interrupted run leaves some of it done: the next one does the rest.

use super::catalogue::{Catalogue, Open, account};
use super::desired::{self, DesiredRights, rights_on_new};
use super::gate::{self, named};
use crate::error::{NO_DATABASE, NO_TABLE, Result};
use crate::host_sql::HostExecutor as _;
use crate::link::Link;
use crate::session::RunSession;
use runner_data::Value;
use runner_database::logins::refusals::{
    DBA, all_out_of_line, broken_gate, cannot_bring_in_line, check_secrets, out_of_line, superuser, unknown,
};
use runner_database::logins::sessions::LoginRights;
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest, LoginTask, names, rights};
use runner_database::{DatabaseError, DatabaseErrorKind, Grants, Meaning, QueryLimits, Role, SchemaChange, Session};

/// Fails, with all of them, if everybody has rights that no login can be kept from.
pub(crate) fn check_public_rights(open: &[Open]) -> Result<()> {
    let Some((first, rest)) = open.split_first() else { return Ok(()) };
    let error = DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("components under grants cannot run, because {}, and each of them would have these rights", first.what),
    );
    let mut revoke: Vec<&str> = open.iter().map(|open| open.revoke.as_str()).collect();
    // One statement ends all roles.
    revoke.dedup();
    let revoke = revoke.join("; ");
    let error = error.hint(format!("have a database administrator run `{revoke}`"));
    let rest: Vec<&str> = rest.iter().map(|open| open.what.as_str()).collect();
    Err(if rest.is_empty() { error } else { error.detail(rest.join("; ")) })
}

/// Fails if lines cannot be held to.
fn cannot_hold(id: &str, wanted: &DesiredRights) -> Result<()> {
    let Some((what, hint)) = wanted.refused.first() else { return Ok(()) };
    Err(DatabaseError::new(DatabaseErrorKind::Denied, format!("`{id}` cannot be held to {what}")).hint(*hint))
}

/// The name of a component's login.
pub(super) fn login_of(link: &Link, revision: &str) -> String {
    names::login_of(link.dialect(), &names::scope(link.facts(), link.endpoint().database()), revision)
}

/// Checks the logins; brings them in line if it is asked to.
pub(crate) async fn sync_logins(session: &mut RunSession, request: &LoginRequest) -> Result<LoginReport> {
    for wanted in &request.wanted {
        desired::check(wanted)?;
    }
    ready(session).await?;
    let (found, catalogue) = inspect_logins(&mut session.link, request).await?;
    if request.task == LoginTask::Look || found.statements.is_empty() && found.unknown.is_empty() {
        return Ok(found);
    }
    if !found.unknown.is_empty() {
        return Err(unknown(&found.unknown));
    }
    if request.task == LoginTask::Script {
        return Ok(found);
    }
    session.link.check_writable()?;
    let done = run_each(session, &found.statements).await;
    done.map_err(cannot_bring_in_line)?;
    if catalogue.is_blind {
        // What cannot be seen cannot be compared.
        return Ok(found);
    }
    let (after, _) = inspect_logins(&mut session.link, request).await?;
    if !after.statements.is_empty() {
        let left: Vec<String> = after.statements.iter().take(3).cloned().collect();
        return Err(DatabaseError::new(DatabaseErrorKind::Denied, "the logins cannot be brought in line")
            .detail(format!("the server did not do this for the login of this run: {}", left.join("; ")))
            .hint(DBA));
    }
    Ok(LoginReport { logins: after.logins, ..found })
}

/// Fails, with all reasons, if components with these grants could not run.
pub(crate) async fn check_logins(session: &mut RunSession, wanted: &[DesiredLogin]) -> Result<()> {
    for wanted in wanted {
        desired::check(wanted)?;
    }
    check_secrets(wanted)?;
    ready(session).await?;
    let (catalogue, gate) = catalogue_of(&mut session.link, &grants_of(wanted)).await?;
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
    check_public_rights(&catalogue.open)?;
    let refused = |wanted: &DesiredLogin| cannot_hold(&wanted.id, &DesiredRights::of(&wanted.grants, &catalogue));
    wanted.iter().try_for_each(refused)?;
    let mut reasons = Vec::new();
    for wanted in wanted {
        let login = catalogue.login_of(&wanted.grants.component);
        // The rights are brought in line when it runs: migrations before it may create the tables.
        let differences = desired::differences_apart(catalogue.logins.get(&login));
        let told = |difference: &String| format!("the login `{login}` of `{}`: {difference}", wanted.id);
        reasons.extend(differences.iter().map(told));
    }
    all_out_of_line(reasons)
}

/// Gives a login the rights that its component is granted now. Returns its name and these rights.
pub(super) async fn align(
    session: &mut RunSession,
    grants: &Grants,
    asked: LoginRights,
) -> Result<(String, DesiredRights)> {
    ready(session).await?;
    let (catalogue, gate) = catalogue_of(&mut session.link, &[grants]).await?;
    if let Some(difference) = gate {
        return Err(broken_gate(&difference));
    }
    let login = catalogue.login_of(&grants.component);
    let wanted = DesiredRights::of(grants, &catalogue);
    if !wanted.unknown.is_empty() {
        return Err(unknown(&wanted.unknown));
    }
    check_public_rights(&catalogue.open)?;
    cannot_hold(&grants.component, &wanted)?;
    let Some(found) = catalogue.logins.get(&login).filter(|found| found.exists) else {
        return Err(out_of_line(format!("the login `{login}` does not exist")));
    };
    // Where they cannot be seen, the login is asked when it is in.
    if !catalogue.is_blind {
        let statements = desired::align(&login, &found.rights, &wanted.rights);
        let unlike = out_of_line(format!("the login `{login}` does not have the rights that its component is granted"));
        if asked == LoginRights::Keep && !statements.is_empty() {
            return Err(unlike.detail(rights::differences(&found.rights, &wanted.rights).join("; ")));
        }
        run_each(session, &statements).await.map_err(|error| unlike.detail(error.message))?;
    }
    Ok((login, wanted))
}

/// Gets the host's session ready for statements of its own outside a transaction.
async fn ready(session: &mut RunSession) -> Result<()> {
    session.transaction.check_none()?;
    session.renew_if_due().await?;
    if session.link.role() == Role::Host { session.link.settle().await } else { Ok(()) }
}

pub(super) async fn run_each(session: &mut RunSession, statements: &[String]) -> Result<()> {
    for statement in statements {
        session.lock.renew_lease(&mut session.link).await?;
        session.link.work.run(statement).await?;
    }
    if !statements.is_empty() {
        // The gate is made in a mode of its own.
        session.link.work.establish_ours().await?;
    }
    Ok(())
}

async fn catalogue_of(link: &mut Link, grants: &[&Grants]) -> Result<(Catalogue, Option<String>)> {
    let names: Vec<String> = grants.iter().map(|grants| login_of(link, &grants.component)).collect();
    let catalogue = Catalogue::read(link, &DesiredRights::schemas(grants), &names).await?;
    Ok((catalogue, gate::difference(link).await?))
}

fn grants_of(wanted: &[DesiredLogin]) -> Vec<&Grants> {
    wanted.iter().map(|wanted| &*wanted.grants).collect()
}

async fn inspect_logins(link: &mut Link, request: &LoginRequest) -> Result<(LoginReport, Catalogue)> {
    let (catalogue, gate) = catalogue_of(link, &grants_of(&request.wanted)).await?;
    Ok((desired::report(request, &catalogue, gate.as_deref()), catalogue))
}

/// Gives the login of a component what its grants list for the new table or columns. Its session may not change the schema: that commits by
/// itself, so the host's session does it, between the records that the journal keeps of the step.
pub(crate) async fn grant_new(session: &mut RunSession, change: &SchemaChange, grants: &Grants) -> Result<()> {
    let user = account(&login_of(&session.link, &grants.component));
    for right in rights_on_new(grants, change, session.link.endpoint().database()) {
        session.lock.renew_lease(&mut session.link).await?;
        let granted = session.link.work.run(format!("GRANT {right} TO {user}")).await;
        granted.map(drop).map_err(|error| match error.kind {
            DatabaseErrorKind::Connection => error,
            // The change is committed; another attempt would find it.
            _ => error.means(Meaning::Ran).hint("run `runner grants sync` as a login that may grant it, then go on"),
        })?;
    }
    Ok(())
}

/// Drops the users that components under grants have in a database, which is going to be dropped: users belong to the whole server.
pub(crate) async fn drop_logins(session: &mut dyn Session, name: &str) -> Result<()> {
    let noted = format!("SELECT login, revision FROM {}", named(name, gate::LOGINS));
    let noted = match session.query(&noted, &[], QueryLimits::NONE).await {
        Err(error) if [NO_TABLE, NO_DATABASE].contains(&error.code.as_str()) => return Ok(()),
        // A user who may not read it may not drop the database either, and that error has the way out.
        Err(error) if error.kind == DatabaseErrorKind::Denied => return Ok(()),
        noted => noted?,
    };
    for row in &noted.rows {
        let [Some(login), Some(revision)] = [0, 1].map(|at| row.get(at).and_then(Value::as_text)) else { continue };
        // The rows of the original were copied too, and its users stay.
        if login == names::login_of(session.facts().dialect, &names::scope(session.facts(), name), revision) {
            session.execute(&format!("DROP USER IF EXISTS {}", account(login)), &[]).await?;
        }
    }
    Ok(())
}
