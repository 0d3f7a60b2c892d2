//! The rows of a lease on PostgreSQL. Each question is a transaction of its own, so that a pooler can give its server connection to
//! others in between.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::advisory::{holder, holder_query};
use crate::changes::{self, LITERALS};
use crate::commit::Unit;
use crate::dialect_sql::CLOSE;
use crate::error::Result;
use crate::host_sql::{literal, text_of};
use crate::link::endpoint::Endpoint;
use crate::place::ToolPlace;
use crate::settings::{OURS, Own, in_transaction};
use crate::verdict::Verdict;
use runner_database::facts::Citus;
use runner_database::lease::{Heartbeat, Lease, LeaseRows, Open, Seen};
use runner_database::{Facts, LockHolder, ToolChange};

/// The schema, or a table in it, does not exist.
const MISSING: [&str; 2] = ["3F000", "42P01"];

/// Another session has created the same thing meanwhile.
const MADE: [&str; 3] = ["23505", "42P06", "42P07"];

/// How long a statement waits for the holder's transaction, which is at its end.
const WAIT: &str = "SET LOCAL lock_timeout = '2s'; ";

/// The database's clock, in microseconds since 1970.
const NOW: &str = "(extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8";

/// Creates the tables: one with what a holder proves, and one with what it renews.
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS @.runner_lease (scope text NOT NULL PRIMARY KEY, token bigint NOT NULL, \
     holder text NOT NULL, length_ms bigint NOT NULL, proofs bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS @.runner_heartbeat (scope text NOT NULL PRIMARY KEY, token bigint NOT NULL, \
     beats bigint NOT NULL, until_us bigint NOT NULL)",
];

/// The rows, through a connection of their own.
pub(super) struct Rows {
    pub(super) connection: PgConnection,
    scope: String,
    place: Arc<ToolPlace>,
}

impl Rows {
    pub(super) async fn open(endpoint: &Endpoint, scope: &str) -> Result<Self> {
        Ok(Self { connection: endpoint.open().await?, scope: scope.to_owned(), place: endpoint.place().clone() })
    }
}

/// Begins to renew a lease that was taken.
pub(super) async fn hold(endpoint: &Arc<Endpoint>, scope: &str, token: i64) -> Result<Lease> {
    let (length, endpoint, of) = (endpoint.lock().length, Arc::clone(endpoint), scope.to_owned());
    let open: Open = Box::new(move || {
        let (endpoint, scope) = (Arc::clone(&endpoint), of.clone());
        Box::pin(async move { Ok(Box::new(Rows::open(&endpoint, &scope).await?) as Box<dyn LeaseRows>) })
    });
    let heartbeat = Heartbeat::start(open, token, length).await?;
    Ok(Lease::new(scope.to_owned(), token, length, heartbeat))
}

/// Runs our texts, each followed by `; `, in a transaction of its own.
async fn ask(connection: &mut PgConnection, text: &str) -> Result<Vec<PgRow>> {
    let settings = in_transaction(&Own::default());
    let unit = Unit::new(format!("BEGIN ISOLATION LEVEL READ COMMITTED; {settings}; {WAIT}{OURS}{text}; "));
    // Where the connection is lost, the server rolls back.
    let answers = unit.commit(connection).await.committed()?;
    Ok(answers.rows.into_iter().flatten().collect())
}

/// Reads the rows; `None` if they do not exist.
pub(super) async fn read(connection: &mut PgConnection, facts: &Facts, scope: &str) -> Result<Option<Seen>> {
    let question = Seen::question(scope, NOW).spelled(facts, &LITERALS)?;
    let found = match ask(connection, &question).await {
        Err(error) if MISSING.contains(&&*error.code) => return Ok(None),
        found => found?,
    };
    let cells = |row: &PgRow| (0..sqlx::Row::len(row)).map(|column| text_of(row, column)).collect::<Vec<_>>();
    // The settings answer before.
    Ok(found.last().and_then(|row| Seen::read(&cells(row))))
}

#[async_trait]
impl LeaseRows for Rows {
    fn scope(&self) -> &str {
        &self.scope
    }

    fn now(&self) -> &'static str {
        NOW
    }

    async fn native_holder(&mut self) -> Result<Option<String>> {
        let found = ask(&mut self.connection, &holder_query(self.place.key)).await?;
        Ok(holder(&found).map(|holder| holder.name))
    }

    async fn read(&mut self) -> Result<Option<Seen>> {
        read(&mut self.connection, &self.place.facts, &self.scope).await
    }

    async fn make_tables(&mut self) -> Result<()> {
        let facts = &self.place.facts;
        let found = facts.placed("SELECT 'found' WHERE pg_catalog.to_regnamespace('@') IS NOT NULL");
        let found = ask(&mut self.connection, &found).await?;
        let exists = found.last().and_then(|row| text_of(row, 0)).as_deref() == Some("found");
        // `IF NOT EXISTS` requires the privilege to create schemas even if the schema exists.
        let schema = if exists { "" } else { "CREATE SCHEMA IF NOT EXISTS @; " };
        let made = facts.placed(&format!("{}; {schema}{}; {CLOSE}", Citus::STAYS, TABLES.join("; ")));
        match ask(&mut self.connection, &made).await {
            Err(error) if MADE.contains(&&*error.code) => Ok(()),
            Err(error) => Err(error.detail("while creating the tables of the lease")),
            Ok(_) => Ok(()),
        }
    }

    async fn change(&mut self, changes: &[ToolChange]) -> Result<bool> {
        let text = changes::text_of(changes, &self.place.facts)?;
        match ask(&mut self.connection, text.trim_end_matches([';', ' '])).await {
            Err(error) if error.is_unexpected_rows() || MADE.contains(&&*error.code) => Ok(false),
            changed => changed.map(|_| true),
        }
    }

    async fn evict(&mut self, holder: &LockHolder) {
        let Some(run) = &holder.run_id else { return };
        let end = format!(
            "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
             WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
             AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() \
             AND a.application_name OPERATOR(pg_catalog.=) {}",
            literal(&format!("{}{run}", self.place.application))
        );
        // Only the owner of a session may end it. What it does is fenced, or ends with its statement.
        let _ = ask(&mut self.connection, &end).await;
    }
}

/// The condition that the lease still has this token, on any session that may read the tool's tables.
pub(super) fn is_held(lease: &Lease, place: &ToolPlace) -> String {
    format!(
        "EXISTS (SELECT 1 FROM {} l WHERE l.scope OPERATOR(pg_catalog.=) {} \
         AND l.token OPERATOR(pg_catalog.=) {})",
        place.table("runner_lease"),
        literal(&lease.scope),
        lease.token
    )
}

/// The statements that renew the lease, and fail if another run has taken it.
pub(super) fn renew(lease: &Lease, facts: &Facts) -> Result<String> {
    one_row(&lease.renewal(NOW), facts)
}

/// A change of the lease's row, which fails if another run has taken the lease.
pub(super) fn one_row(change: &ToolChange, facts: &Facts) -> Result<String> {
    Ok(format!("{OURS}{}", changes::one_row(&change.spelled(facts, &LITERALS)?, Verdict::Unleased)))
}
