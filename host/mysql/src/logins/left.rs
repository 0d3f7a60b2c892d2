//! What a scratch copy leaves outside its database: users belong to the whole server.

use super::super::error::{NO_DATABASE, NO_TABLE};
use super::catalogue::account;
use super::gate::{self, named};
use runner_data::Value;
use runner_database::logins::names::{login_of, scope};
use runner_database::{DatabaseError, DatabaseErrorKind, QueryLimits, Session};

/// Drops the users that components under grants have in a database, which is going to be dropped.
pub(crate) async fn drop_logins(session: &mut dyn Session, name: &str) -> Result<(), DatabaseError> {
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
        if login == login_of(session.facts().dialect, &scope(session.facts(), name), revision) {
            session.execute(&format!("DROP USER IF EXISTS {}", account(login)), &[]).await?;
        }
    }
    Ok(())
}
