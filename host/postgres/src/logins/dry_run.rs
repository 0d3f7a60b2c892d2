//! Dry runs of components under grants: one transaction on the session of a login, whose rights become those of one component after
//! the other. Granting is transactional, so all of it ends with the transaction. What belongs to the host, the statements of
//! migrations in SQL included, passes through the [`gate`](super::gate).

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::desired::{self, DesiredRights, quote, rights_on_new};
use super::sync::{catalogue_of, schema_of_names};
use crate::error::Result;
use crate::gate::Call;
use crate::host_sql::without_place;
use crate::schema::change::check_index;
use crate::session::Session;
use runner_database::logins::refusals::out_of_line;
use runner_database::logins::rights;
use runner_database::{DatabaseError, Dialect, Grants, Role, SchemaChange};

/// The server leaves the schema of a type out if the path leads to it, and the functions of the gate have another path.
const OUR_NAMES: &str = "SET LOCAL search_path = pg_catalog, pg_temp; ";

/// Gives the login of this session exactly what a component with these grants may do, in the open transaction, and the session the
/// names of the host again; without grants, the names alone.
pub(crate) async fn confine(session: &mut Session, grants: Option<Arc<Grants>>) -> Result<()> {
    let Some((login, path)) = session.gate().map(|gate| (gate.login().to_owned(), gate.set_path())) else {
        return Err(DatabaseError::invalid("this session has no gate"));
    };
    let role = session.replace_role(Role::Host);
    let confined = match &grants {
        Some(grants) => align(session, grants, &login).await,
        None => Ok(()),
    };
    let named = set_names(session, &path).await;
    session.replace_role(role);
    confined.and(named)?;
    if let (Some(gate), Some(grants)) = (session.gate(), grants) {
        gate.grant(grants);
    }
    Ok(())
}

/// The migration before it has ended with the settings of the session.
async fn set_names(session: &mut Session, path: &str) -> Result<()> {
    let scope = session.enter(None).await?;
    let set = session.link_mut().run(&format!("SELECT {path}")).await;
    session.leave(scope, set).await
}

async fn align(session: &mut Session, grants: &Grants, login: &str) -> Result<()> {
    let found = catalogue(session, login).await?;
    let wanted = DesiredRights::reachable(grants, &found, login, &schema_of_names(session))?;
    let statements = desired::align(login, &found.rights_of(login), &wanted.rights);
    if statements.is_empty() {
        return Ok(());
    }
    session.write_gated(&statements.join("; ")).await.map_err(without_place)?;
    // The server only warns of what it did not do.
    let left = rights::differences(&catalogue(session, login).await?.rights_of(login), &wanted.rights);
    if left.is_empty() {
        return Ok(());
    }
    let text = format!("the login `{login}` cannot be given the rights of `{}`", grants.component);
    Err(out_of_line(text).detail(left.join("; ")))
}

async fn catalogue(session: &mut Session, login: &str) -> Result<Catalogue> {
    let scope = session.enter_with(None, OUR_NAMES).await?;
    let found = catalogue_of(session, &[login.to_owned()]).await;
    session.leave(scope, found).await
}

/// Changes the schema as the owner of the gate, who then owns what is created, and gives the login the rights that its
/// component is granted there.
pub(crate) async fn change_schema(session: &mut Session, change: &SchemaChange) -> Result<()> {
    let Some((grants, login)) = session.gate().map(|gate| (Arc::clone(gate.grants()), gate.login().to_owned())) else {
        return Err(DatabaseError::invalid("this session has no gate"));
    };
    grants.check_change(change, session.facts())?;
    let schema = schema_of_names(session);
    // The functions of the gate look names up nowhere.
    let change = change.in_schema(&schema);
    let statement = change.statement(Dialect::Postgres)?;
    check_index(session, &change).await?;
    let role = quote(&login);
    let rights = rights_on_new(&grants, &change, &schema);
    let grants: String = rights.iter().map(|right| format!("; GRANT {right} TO {role}")).collect();
    let text = format!("{statement}{grants}");
    let scope = session.enter_for().await?;
    let (watch, limit) = (session.watch(), session.limit());
    let done = watch.run_within(limit, session.call(Call::Write, &[&text])).await.map(drop);
    let settled = session.settle(&scope, &statement).await;
    session.leave(scope, done.map_err(without_place).and(settled)).await
}
