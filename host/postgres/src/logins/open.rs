//! Opens the session of a component's login.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use super::desired::quote;
use super::{password, sync};
use crate::error::Result;
use crate::gate::{Gate, functions};
use crate::host_sql::{literal, simple};
use crate::link::endpoint::Connected;
use crate::session::Session;
use runner_database::logins::names::login_of;
use runner_database::logins::refusals::{WRONG_SECRET, cannot_set_password, no_secret, refused};
use runner_database::logins::sessions::LoginRights;
use runner_database::logins::{ATTEMPTS, PAUSES, Secret};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Grants};

/// How long the server accepts a password that the host has set. Sessions that are already open stay open.
const VALID: &str = "2 minutes";

/// How long this process uses such a password.
const RECENT: Duration = Duration::from_secs(60);

/// The SQLSTATE of two that change one login at the same moment: `tuple concurrently updated`, an internal error to the server.
const CONCURRENT: &str = "XX000";

/// SQLSTATEs of a wrong password.
const WRONG_PASSWORD: [&str; 2] = ["28P01", "28000"];

const PATH: &str = "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.name), ', ') \
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS s (name)";

/// Opens a session of the login of a component with these grants.
pub(crate) async fn log_in(host: &mut Session, grants: &Grants, rights: LoginRights) -> Result<Session> {
    host.check_free()?;
    let path = host.link_mut().value(PATH).await?;
    let login = match rights {
        LoginRights::Align => sync::align(host, grants).await?,
        LoginRights::Keep => login_of(Dialect::Postgres, &sync::scope_of(host), &grants.component),
    };
    let (mut connection, found) = open_as(host, &login, grants).await?;
    if let Some(set) = host.run_lock().set_application() {
        simple(&mut connection, &set).await?;
    }
    let token = Secret::random();
    let digest = hex::encode(Sha256::digest(token.reveal()));
    host.commit_apart(&functions::ticket(&digest, &login, found.backend)).await?.result()?;
    let path = path.unwrap_or_else(|| "pg_catalog".to_owned());
    let gate = Gate::new(token, path, login, Arc::new(grants.clone()));
    Ok(host.for_component(connection, found, gate))
}

async fn open_as(host: &mut Session, login: &str, grants: &Grants) -> Result<(PgConnection, Connected)> {
    if let (Some(variable), None) = (&grants.password_env, &grants.secret) {
        return Err(no_secret(variable, login));
    }
    if let Some(secret) = &grants.secret {
        let opened = host.link().endpoint().as_login(login, secret.reveal()).open_for_work().await;
        return opened.map_err(|error| match WRONG_PASSWORD.contains(&&*error.code) {
            true => refused(login, &error).hint(WRONG_SECRET),
            false => error,
        });
    }
    let passwords = host.link().endpoint().settings().passwords.clone();
    let _turn = passwords.turn().await;
    let mut last = None;
    let mut pauses = PAUSES;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(pauses.pause()).await;
        }
        let known = passwords.recent(login, RECENT);
        let secret = match known {
            Some(secret) => secret,
            None => match set_password(host, login).await {
                Ok(secret) => secret,
                Err(error) if error.code == CONCURRENT && attempt + 1 < ATTEMPTS => continue,
                Err(error) => return Err(error),
            },
        };
        match host.link().endpoint().as_login(login, secret.reveal()).open_for_work().await {
            Ok(opened) => return Ok(opened),
            Err(error) if WRONG_PASSWORD.contains(&&*error.code) => {
                passwords.forget(login);
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    let error = last.unwrap_or_else(|| DatabaseError::invalid("no attempt was made"));
    Err(refused(login, &error)
        .hint("let `pg_hba.conf` accept passwords (`scram-sha-256`) of this login from this machine"))
}

/// Gives a login a password of this run.
async fn set_password(host: &mut Session, login: &str) -> Result<Secret> {
    let secret = Secret::random();
    let text = format!(
        "DO LANGUAGE plpgsql $runner$ BEGIN EXECUTE pg_catalog.format('ALTER ROLE {} PASSWORD %L VALID UNTIL %L', {}, \
         pg_catalog.now() OPERATOR(pg_catalog.+) '{VALID}'::pg_catalog.interval); END $runner$; ",
        quote(login).replace('\'', "''").replace('%', "%%"),
        literal(&password::verifier(&secret))
    );
    host.commit_apart(&text).await.and_then(runner_database::Committed::result).map_err(|error| match error.kind {
        DatabaseErrorKind::Denied => {
            cannot_set_password(login, error.code, "CREATEROLE and, since PostgreSQL 16, the admin option on that role")
        }
        _ => error,
    })?;
    host.link().endpoint().settings().passwords.keep(login, secret.clone());
    Ok(secret)
}
