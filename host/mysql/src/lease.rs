//! The rows of a lease on MySQL and MariaDB.
//!
//! # A message of several statements on Galera
//!
//! A conflict with another node's write ends a transaction here between any two statements. Within a message, the
//! server (MariaDB 10.11, Galera 26.4) then rolls back silently, continues with the rest of the message, each statement
//! in a transaction of its own, and reports success: of 6,300 messages
//! `START TRANSACTION; UPDATE …; INSERT …; UPDATE …; COMMIT`, 130 were kept in part. With `autocommit = 0` and a
//! savepoint that is released before the COMMIT none was, and none where the message was one compound statement
//! (`BEGIN NOT ATOMIC … END`), in which the server reports the conflict. On a node, whatever ends a transaction is one
//! compound statement, which leaves a script's `autocommit` alone.

use async_trait::async_trait;
use sqlx::MySqlConnection;

use super::connect::Endpoint;
use super::error::{DUPLICATE, NO_TABLE};
use super::lock::Names;
use super::node::{Attempts, as_one, run_patiently};
use super::record::{ONE_ROW, OUT_OF_RANGE, text_of_changes};
use super::session::{self, LITERALS, SessionFacts, Spoken, literal, row_text};
use super::{MysqlDatabase, inspect, owner};
use runner_database::lease::{Heart, Lease, LeaseRows, Open, Seen, lost};
use runner_database::{DatabaseError, Dialect, Facts, LockHolder, LockKind, ToolChange};

/// The database's clock, in microseconds since 1970, at the moment when a row is changed. Our sessions use UTC.
const NOW: &str = "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";

/// How long a statement waits for the holder's transaction, which is at its end.
const WAIT: &str = "SET SESSION innodb_lock_wait_timeout = 2";

/// A number that the proof of a lease exceeds the greatest BIGINT UNSIGNED from, and by which its error is
/// distinguished from others.
const LEASE: &str = "18446744073709551614 + 2 * ";
const OF_LEASE: &str = "18446744073709551614";

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
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, DatabaseError> {
        let (mut connection, server) = endpoint.connect_further().await?;
        session::run(&mut connection, WAIT.to_owned()).await?;
        let names = Names::of(&server);
        Ok(Self { connection, facts: server.facts, names })
    }
}

/// Begins to renew a lease that was taken.
pub(super) async fn hold(endpoint: &Endpoint, names: &Names, token: i64) -> Result<Lease, DatabaseError> {
    let (length, endpoint) = (endpoint.lock.length, endpoint.clone());
    let open: Open = Box::new(move || {
        let endpoint = endpoint.clone();
        Box::pin(async move { Ok(Box::new(Rows::open(&endpoint).await?) as Box<dyn LeaseRows>) })
    });
    let heart = Heart::start(open, token, length).await?;
    Ok(Lease::new(names.scope.clone(), token, length, heart))
}

/// Reads the rows; `None` if they do not exist.
pub(super) async fn look(
    connection: &mut impl Spoken,
    facts: &Facts,
    names: &Names,
) -> Result<Option<Seen>, DatabaseError> {
    // What exists may be a view, or whatever others have made under that name.
    let guard = inspect::guard(facts);
    let question = guard + &Seen::question(&names.scope, NOW).spelled(facts, &LITERALS)?;
    let mut attempts = Attempts::default();
    let found = loop {
        match session::all(connection, &question).await {
            Err(error) if error.code == NO_TABLE => return Ok(None),
            // Another run creates the tables.
            Err(error) if attempts.again(&error).await => {}
            Err(error) => return Err(inspect::told(connection, facts, error).await),
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

    async fn native_holder(&mut self) -> Result<Option<String>, DatabaseError> {
        Ok(owner::read(&mut self.connection, &self.names.run, &self.names.owner).await?.map(
            |(id, record)| match record.is_empty() {
                true => format!("the connection {id}"),
                false => LockHolder::parse(&record).name,
            },
        ))
    }

    async fn look(&mut self) -> Result<Option<Seen>, DatabaseError> {
        look(&mut self.connection, &self.facts, &self.names).await
    }

    async fn make_tables(&mut self) -> Result<(), DatabaseError> {
        for table in TABLES {
            let table = self.facts.placed(table);
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {table} ENGINE = InnoDB ROW_FORMAT = DYNAMIC \
                 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            );
            match session::run(&mut self.connection, create).await {
                // Another node of a cluster creates them too.
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.detail("while creating the tables of the lease")),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    async fn change(&mut self, changes: &[ToolChange]) -> Result<bool, DatabaseError> {
        let text = text_of_changes(changes, &self.facts)?;
        let text = format!("START TRANSACTION; {text}COMMIT");
        let text = if self.facts.dialect == Dialect::Mariadb { as_one(&text) } else { text };
        let mut attempts = Attempts::default();
        loop {
            let Err(error) = session::run(&mut self.connection, text.clone()).await else { return Ok(true) };
            // Where the connection is lost, the server does that.
            let _ = session::run(&mut self.connection, "ROLLBACK".to_owned()).await;
            if [OUT_OF_RANGE, DUPLICATE].contains(&error.code.as_str()) {
                return Ok(false);
            }
            if !attempts.again(&error).await {
                return Err(error);
            }
        }
    }

    async fn evict(&mut self, _holder: &LockHolder) {
        let Names { run, work, .. } = &self.names;
        // Only some users may end sessions of others. What they do is fenced, or ends with its statement.
        let is_used = |lock: &str| format!("IS_USED_LOCK({})", literal(lock));
        let ask = format!("SELECT {}, {}, {}", is_used(run), is_used(work), is_used(&self.names.guest()));
        let Ok(row) = session::one(&mut self.connection, ask).await else { return };
        if row_text(&row, 0).is_some() {
            return; // A run that has the server's own lock waits for us.
        }
        for session in [1, 2].into_iter().filter_map(|at| row_text(&row, at)) {
            let _ = session::run(&mut self.connection, format!("KILL {session}")).await;
        }
    }
}

impl SessionFacts {
    /// Whether runs are kept apart by a lease: the URL says so, or other nodes would not see user locks.
    pub(super) fn has_lease(&self) -> bool {
        self.facts.lock == LockKind::Lease
    }

    /// Whether all sessions of the database see the same clock.
    pub(super) fn is_one_clock(&self) -> bool {
        self.node.is_none()
    }
}

impl MysqlDatabase {
    /// The statement that fails if the run has lost its lease. Empty where it has none.
    pub(super) fn proof_of_lease(&self) -> String {
        let Some(lease) = self.lease() else { return String::new() };
        format!(
            "SELECT {LEASE}(NOT EXISTS (SELECT 1 FROM {} WHERE scope = {} AND token = {})) LIMIT 1; ",
            self.server.facts.placed("@.runner_lease"),
            literal(&lease.scope),
            lease.token
        )
    }

    /// The statements that have to precede a COMMIT of this run, in the same message: they keep another run from taking the lease
    /// until then, or fail if it has it.
    pub(super) fn fence(&self) -> Result<String, DatabaseError> {
        match self.lease() {
            Some(lease) => self.one_row(&lease.fence()),
            None => Ok(String::new()),
        }
    }

    /// Before a statement that no transaction fences: it begins in a lease of full length, or not at all.
    pub(super) async fn renew_lease(&mut self) -> Result<(), DatabaseError> {
        let Some(lease) = self.lease() else { return Ok(()) };
        let renew = self.one_row(&lease.renewal(NOW))?;
        match run_patiently(&mut self.connection, renew.trim_end_matches([';', ' '])).await {
            Err(error) if is_of_lease(&error) => Err(lost()),
            renewed => renewed.map(drop),
        }
    }

    /// Fails if another run has taken the lease; the task that renews it may not have noticed yet.
    pub(super) async fn prove_lease(&mut self) -> Result<(), DatabaseError> {
        let proof = self.proof_of_lease();
        if proof.is_empty() {
            return Ok(());
        }
        match run_patiently(&mut self.connection, proof.trim_end_matches([';', ' '])).await {
            Err(error) if is_of_lease(&error) => Err(lost()),
            proven => proven.map(drop),
        }
    }

    fn one_row(&self, change: &ToolChange) -> Result<String, DatabaseError> {
        let spelled = change.spelled(&self.server.facts, &LITERALS)?;
        Ok(format!("{spelled}; {}", ONE_ROW.replace("18446744073709551615 + ", LEASE)))
    }
}

/// Whether an error is that of a lease that was lost.
pub(super) fn is_of_lease(error: &DatabaseError) -> bool {
    error.code == OUT_OF_RANGE && error.message.contains(OF_LEASE)
}
