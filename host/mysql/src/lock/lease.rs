//! The rows of a lease on MySQL and MariaDB.

use async_trait::async_trait;
use sqlx::MySqlConnection;

use super::names::{self, Names};
use crate::assertion::{Assertion, OUT_OF_RANGE};
use crate::commit::{Outcome, Unit, text_of_changes};
use crate::error::{DUPLICATE, NO_TABLE, Result};
use crate::host_sql::{HostExecutor, LITERALS, literal, row_text};
use crate::inspect;
use crate::link::endpoint::Endpoint;
use crate::link::galera::Attempts;
use runner_database::lease::{Heartbeat, Lease, LeaseRows, Open, Seen};
use runner_database::{Dialect, Facts, LockHolder, ToolChange};

/// The database's clock, in microseconds since 1970, at the moment when a row is changed. Our sessions use UTC.
const NOW: &str = "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";

/// How long a statement waits for the holder's transaction, which is at its end.
const WAIT: &str = "SET SESSION innodb_lock_wait_timeout = 2";

/// Creates the tables: one with what a holder proves, and one with what it renews.
const TABLES: [&str; 2] = [
    "@.runner_lease (scope VARCHAR(64) NOT NULL PRIMARY KEY, token BIGINT NOT NULL, holder LONGTEXT NOT NULL, \
     length_ms BIGINT NOT NULL, proofs BIGINT NOT NULL)",
    "@.runner_heartbeat (scope VARCHAR(64) NOT NULL PRIMARY KEY, token BIGINT NOT NULL, beats BIGINT NOT NULL, \
     until_us BIGINT NOT NULL)",
];

/// The rows, through a connection of their own.
pub(super) struct Rows {
    pub(super) connection: MySqlConnection,
    facts: Facts,
    names: Names,
}

impl Rows {
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self> {
        let (mut connection, server) = endpoint.connect_further().await?;
        connection.run(WAIT).await?;
        let names = Names::of(&server);
        Ok(Self { connection, facts: server.facts, names })
    }
}

/// Begins to renew a lease that was taken.
pub(super) async fn hold(endpoint: &Endpoint, names: &Names, token: i64) -> Result<Lease> {
    let (length, endpoint) = (endpoint.lock.length, endpoint.clone());
    let open: Open = Box::new(move || {
        let endpoint = endpoint.clone();
        Box::pin(async move { Ok(Box::new(Rows::open(&endpoint).await?) as Box<dyn LeaseRows>) })
    });
    let heartbeat = Heartbeat::start(open, token, length).await?;
    Ok(Lease::new(names.scope.clone(), token, length, heartbeat))
}

/// Reads the rows; `None` if they do not exist.
pub(super) async fn read(connection: &mut impl HostExecutor, facts: &Facts, names: &Names) -> Result<Option<Seen>> {
    // What exists may be a view, or whatever others have made under that name.
    let guard = inspect::guard(facts);
    let question = guard + &Seen::question(&names.scope, NOW).spelled(facts, &LITERALS)?;
    let mut attempts = Attempts::default();
    let found = loop {
        match connection.all(&question).await {
            Err(error) if error.code == NO_TABLE => return Ok(None),
            // Another run creates the tables.
            Err(error) if attempts.again(&error).await => {}
            Err(error) => return Err(inspect::explain(connection, facts, error).await),
            Ok(found) => break found,
        }
    };
    let cells = |row: &sqlx::mysql::MySqlRow| (0..sqlx::Row::len(row)).map(|at| row_text(row, at)).collect::<Vec<_>>();
    // The first row is the guard's.
    Ok(found.get(1).and_then(|row| Seen::read(&cells(row))))
}

#[async_trait]
impl LeaseRows for Rows {
    fn scope(&self) -> &str {
        &self.names.scope
    }

    fn now(&self) -> &'static str {
        NOW
    }

    async fn native_holder(&mut self) -> Result<Option<String>> {
        Ok(names::read(&mut self.connection, &self.facts, &self.names).await?.map(|holder| holder.name))
    }

    async fn read(&mut self) -> Result<Option<Seen>> {
        read(&mut self.connection, &self.facts, &self.names).await
    }

    async fn make_tables(&mut self) -> Result<()> {
        for table in TABLES {
            let table = self.facts.placed(table);
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {table} ENGINE = InnoDB ROW_FORMAT = DYNAMIC \
                 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            );
            match self.connection.run(create).await {
                // Another node of a cluster creates them too.
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.detail("while creating the tables of the lease")),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    async fn change(&mut self, changes: &[ToolChange]) -> Result<bool> {
        let text = text_of_changes(changes, &self.facts)?;
        let mut attempts = Attempts::default();
        loop {
            let unit = Unit::whole(String::new()).and(&text);
            match unit.commit(&mut self.connection, self.facts.dialect == Dialect::Mariadb, None).await {
                Outcome::Committed => return Ok(true),
                Outcome::NotCommitted(error) if [OUT_OF_RANGE, DUPLICATE].contains(&error.code.as_str()) => {
                    return Ok(false);
                }
                Outcome::NotCommitted(error) if attempts.again(&error).await => {}
                Outcome::NotCommitted(error) | Outcome::Unanswered(error) => return Err(error),
            }
        }
    }

    async fn evict(&mut self, _holder: &LockHolder) {
        let Names { run, work, guest, .. } = &self.names;
        // Only some users may end sessions of others. What they do is fenced, or ends with its statement.
        let ask = format!("SELECT {}, {}, {}", names::is_used(run), names::is_used(work), names::is_used(guest));
        let Ok(row) = self.connection.one(ask).await else { return };
        if row_text(&row, 0).is_some() {
            return; // A run that has the server's own lock waits for us.
        }
        for session in [1, 2].into_iter().filter_map(|at| row_text(&row, at)) {
            let _ = self.connection.run(format!("KILL {session}")).await;
        }
    }
}

/// The statement that fails if another run has the lease, followed by `; `.
pub(super) fn proof(lease: &Lease, facts: &Facts) -> String {
    Assertion::Lease.fails_if(&format!(
        "NOT EXISTS (SELECT 1 FROM {} WHERE scope = {} AND token = {})",
        facts.placed("@.runner_lease"),
        literal(&lease.scope),
        lease.token
    ))
}

/// The statements that renew the lease, and fail if another run has it.
pub(super) fn renewal(lease: &Lease, facts: &Facts) -> Result<String> {
    one_row(&lease.renewal(NOW), facts)
}

/// A change of the row of a lease as text, which fails if another run has it, followed by `; `.
pub(super) fn one_row(change: &ToolChange, facts: &Facts) -> Result<String> {
    Ok(format!("{}; {}", change.spelled(facts, &LITERALS)?, Assertion::Lease.one_row()))
}
