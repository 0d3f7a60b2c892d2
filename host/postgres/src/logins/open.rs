//! Opens the session of a component's login.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use super::super::PostgresDatabase;
use super::super::connect::Connected;
use super::super::schema::literal;
use super::super::scope::{rows, simple, text_of};
use super::super::search_path::OURS;
use super::super::settings::prologue;
use super::session::Gated;
use super::wanted::quote;
use super::{gate, password};
use runner_database::logins::names::login_of;
use runner_database::logins::refusals::{WRONG_SECRET, cannot_set_password, no_secret, refused};
pub use runner_database::logins::sessions::LoginRights;
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

impl PostgresDatabase {
    /// Opens a session of the login of a component with these grants.
    pub(super) async fn log_in_now(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self, DatabaseError> {
        self.check_free()?;
        let path = self.ask(PATH).await?;
        let login = match rights {
            LoginRights::Align => self.align_now(grants).await?,
            LoginRights::Keep => login_of(Dialect::Postgres, &self.login_scope(), &grants.component),
        };
        let (mut connection, found) = self.open_as(&login, grants).await?;
        if let Some(locked_for) = &self.locked_for {
            simple(&mut connection, &locked_for.set_application()).await?;
        }
        let token = Secret::random();
        let digest = hex::encode(Sha256::digest(token.reveal()));
        self.run(&gate::ticket(&digest, &login, found.backend)).await?;
        let mut guest = Self::of(connection, self.endpoint.clone(), found);
        // What names mean is decided by the host.
        guest.facts = self.facts.clone();
        guest.inspected = true;
        // Its transactions are those of the run.
        guest.locked_for = self.locked_for.clone();
        let path = path.unwrap_or_else(|| "pg_catalog".to_owned());
        guest.gated = Some(Gated::new(token, path, login, Arc::new(grants.clone())));
        Ok(guest)
    }

    async fn open_as(&mut self, login: &str, grants: &Grants) -> Result<(PgConnection, Connected), DatabaseError> {
        if let (Some(variable), None) = (&grants.password_env, &grants.secret) {
            return Err(no_secret(variable, login));
        }
        if let Some(secret) = &grants.secret {
            let opened = self.endpoint.as_login(login, secret.reveal()).open_for_work().await;
            return opened.map_err(|error| match WRONG_PASSWORD.contains(&&*error.code) {
                true => refused(login, &error).hint(WRONG_SECRET),
                false => error,
            });
        }
        let passwords = self.endpoint.settings().passwords.clone();
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
                None => match self.set_password(login).await {
                    Ok(secret) => secret,
                    Err(error) if error.code == CONCURRENT && attempt + 1 < ATTEMPTS => continue,
                    Err(error) => return Err(error),
                },
            };
            match self.endpoint.as_login(login, secret.reveal()).open_for_work().await {
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
    async fn set_password(&mut self, login: &str) -> Result<Secret, DatabaseError> {
        let secret = Secret::random();
        let text = format!(
            "DO LANGUAGE plpgsql $runner$ BEGIN EXECUTE pg_catalog.format('ALTER ROLE {} PASSWORD %L VALID UNTIL %L', {}, \
             pg_catalog.now() OPERATOR(pg_catalog.+) '{VALID}'::pg_catalog.interval); END $runner$; ",
            quote(login).replace('\'', "''").replace('%', "%%"),
            literal(&password::verifier(&secret))
        );
        self.run(&text).await.map_err(|error| match error.kind {
            DatabaseErrorKind::Denied => cannot_set_password(
                login,
                error.code,
                "CREATEROLE and, since PostgreSQL 16, the admin option on that role",
            ),
            _ => error,
        })?;
        self.endpoint.settings().passwords.keep(login, secret.clone());
        Ok(secret)
    }

    /// Runs one of our texts in a transaction of its own.
    async fn run(&mut self, text: &str) -> Result<(), DatabaseError> {
        let inspect = if self.inspected { "" } else { self.endpoint.place().inspect.as_str() };
        let text = format!("{}; {OURS}{inspect}{text}{}COMMIT", prologue(&self.own, "NULL"), self.fence()?);
        self.busy = true;
        let done = simple(&mut self.connection, &text).await.map_err(|error| super::super::record::ours(error, None));
        self.note_loss(&done);
        if done.is_err() {
            self.roll_back().await;
        }
        self.busy = false;
        done
    }

    async fn ask(&mut self, text: &str) -> Result<Option<String>, DatabaseError> {
        self.busy = true;
        let found = rows(&mut self.connection, text).await;
        self.busy = false;
        self.note_loss(&found);
        Ok(found?.first().and_then(|row| text_of(row, 0)))
    }
}
