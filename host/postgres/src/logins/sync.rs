//! Checks the logins of components, and brings them in line: in one transaction, so that an interrupted run leaves
//! nothing half-way.

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use super::desired::{self, DesiredRights};
use crate::error::{Result, denied};
use crate::gate::functions as gate;
use crate::host_sql::{in_server, without_place};
use crate::session::Session;
use runner_database::facts::Citus;
use runner_database::logins::names::{login_of, scope};
use runner_database::logins::refusals::{
    DBA, all_out_of_line, broken_gate, cannot_bring_in_line, check_reached, check_secrets, out_of_line, superuser,
    unknown,
};
use runner_database::logins::rights;
use runner_database::logins::{DesiredLogin, LoginReport, LoginRequest, LoginTask};
use runner_database::{Dialect, Grants};

/// See [`scope`].
pub(super) fn scope_of(session: &Session) -> String {
    scope(session.facts(), session.link().database())
}

/// Checks the logins; brings them in line if it is asked to.
pub(crate) async fn logins(session: &mut Session, request: &LoginRequest) -> Result<LoginReport> {
    let task = request.task;
    for wanted in &request.wanted {
        desired::check(wanted)?;
    }
    session
        .apart(async |session: &mut Session| {
            let found = inspect(session, request).await?;
            if task == LoginTask::Look {
                return Ok((found, false));
            }
            if !found.unknown.is_empty() {
                return Err(unknown(&found.unknown));
            }
            if task == LoginTask::Script {
                return Ok((found, false));
            }
            check_reached(&found.reached)?;
            if found.statements.is_empty() {
                return Ok((found, false));
            }
            session.check_not_read_only()?;
            let done = session.link_mut().run(&in_server(&found.statements.join(";\n"))).await;
            done.map_err(without_place).map_err(cannot_bring_in_line)?;
            // What the server only warned of was not done.
            let after = inspect(session, request).await?;
            let differences =
                after.logins.iter().filter(|login| login.component.is_some()).flat_map(|it| &it.differences);
            let left: Vec<String> = after.statements.iter().chain(differences).take(3).cloned().collect();
            if !left.is_empty() {
                return Err(denied("the logins cannot be brought in line, and nothing was changed")
                    .detail(format!("the server did not do this for the login of this run: {}", left.join("; ")))
                    .hint(DBA));
            }
            Ok((LoginReport { logins: after.logins, ..found }, true))
        })
        .await
}

/// Fails, with all reasons, if components with these grants could not run.
pub(crate) async fn check_logins(session: &mut Session, wanted: &[DesiredLogin]) -> Result<()> {
    for wanted in wanted {
        desired::check(wanted)?;
    }
    check_secrets(wanted)?;
    session
        .apart(async |session: &mut Session| {
            let names = names_of(session, wanted);
            let catalogue = catalogue_of(session, &names).await?;
            if let Some(wanted) = wanted.iter().find(|wanted| catalogue.is_superuser && !wanted.grants.superuser) {
                return Err(superuser(
                    &wanted.id,
                    &catalogue.host,
                    "is a superuser",
                    "a role that owns the database and is no superuser",
                ));
            }
            check_gate(session).await?;
            let schema = schema_of_names(session);
            let (mut reasons, mut reached) = (Vec::new(), BTreeSet::new());
            for wanted in wanted {
                let login = login_of(Dialect::Postgres, &catalogue.scope, &wanted.grants.component);
                let whole = DesiredRights { rights: catalogue.rights_of(&login), ..DesiredRights::default() };
                // The rights are brought in line when it runs: migrations before it may create the tables.
                let found = catalogue.logins.get(&login);
                let differences = desired::differences(found, &whole, &catalogue);
                // What it has itself is brought in line then; what everybody has is not.
                let of = DesiredRights::of(&wanted.grants, &catalogue, &schema);
                reached.extend(desired::reached(found, &of, &catalogue));
                reasons.extend(
                    differences
                        .iter()
                        .map(|difference| format!("the login `{login}` of `{}`: {difference}", wanted.id)),
                );
            }
            if catalogue.temporary || catalogue.create {
                reasons.push("every role may create temporary tables or schemas in the database".to_owned());
            }
            let open = catalogue.open_schemas.iter();
            reasons.extend(open.map(|schema| format!("every role may create objects in the schema `{schema}`")));
            all_out_of_line(reasons)?;
            check_reached(&reached.into_iter().collect::<Vec<_>>()).map(|()| ((), false))
        })
        .await
}

/// Gives a login the rights that its component is granted now. Returns its name.
pub(super) async fn align(session: &mut Session, grants: &Grants) -> Result<String> {
    session
        .apart(async |session: &mut Session| {
            let login = login_of(Dialect::Postgres, &scope_of(session), &grants.component);
            let catalogue = catalogue_of(session, std::slice::from_ref(&login)).await?;
            check_gate(session).await?;
            // A migration of this run may have granted it to everybody.
            let wanted = DesiredRights::reachable(grants, &catalogue, &login, &schema_of_names(session))?;
            if !catalogue.logins.contains_key(&login) {
                return Err(out_of_line(format!("the login `{login}` does not exist")));
            }
            let statements = desired::align(&login, &catalogue.rights_of(&login), &wanted.rights);
            if statements.is_empty() {
                return Ok((login, false));
            }
            let again =
                out_of_line(format!("the login `{login}` does not have the rights that its component is granted"));
            if let Err(error) = session.link_mut().run(&in_server(&statements.join(";\n"))).await {
                return Err(again.detail(error.message));
            }
            let after = catalogue_of(session, std::slice::from_ref(&login)).await?;
            let left = rights::differences(&after.rights_of(&login), &wanted.rights);
            if left.is_empty() { Ok((login, true)) } else { Err(again.detail(left.join("; "))) }
        })
        .await
}

/// What the server has on these logins.
pub(super) async fn catalogue_of(session: &mut Session, logins: &[String]) -> Result<Catalogue> {
    let scope = scope_of(session);
    Catalogue::read(session.wire().0, scope, logins).await
}

async fn check_gate(session: &mut Session) -> Result<()> {
    gate::difference(session.wire().0).await?.map_or(Ok(()), |difference| Err(broken_gate(&difference)))
}

async fn inspect(session: &mut Session, request: &LoginRequest) -> Result<LoginReport> {
    let schema = schema_of_names(session);
    let names = names_of(session, &request.wanted);
    let catalogue = catalogue_of(session, &names).await?;
    let gate = gate::difference(session.wire().0).await?;
    let mut report = desired::report(request, &catalogue, &schema, gate.as_deref())?;
    if session.facts().citus.is_some() && gate.is_some() && !report.statements.is_empty() {
        report.statements.insert(0, Citus::STAYS.to_owned());
    }
    Ok(report)
}

fn names_of(session: &Session, wanted: &[DesiredLogin]) -> Vec<String> {
    let scope = scope_of(session);
    wanted.iter().map(|wanted| login_of(Dialect::Postgres, &scope, &wanted.grants.component)).collect()
}

pub(super) fn schema_of_names(session: &Session) -> String {
    session.facts().schema_of_names().to_owned()
}
