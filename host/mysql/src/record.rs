//! Changes to the tool's own tables: one text, which begins and commits the transaction that they are made in, or ends
//! the one of a migration. The server stops at the first statement that fails, so what comes before a COMMIT decides
//! whether it is reached.
//!
//! A statement that must change one row is followed by `SELECT 18446744073709551615 + (ROW_COUNT() <> 1)`, which is out
//! of range where it did not. Values are literals in these texts, quoted in the settings that the host has established.

use super::error::from_sqlx;
use super::lease::is_of_lease;
use super::lock::gone;
use super::node::{Attempts, as_one};
use super::session::{self, LITERALS};
use super::transaction::NO_SAVEPOINT;
use super::work::note_loss;
use super::{MysqlDatabase, parameters};
use runner_database::lease::lost;
use runner_database::{ChangedRows, DatabaseError, DatabaseErrorKind, End, Facts, ToolChange, TransactionOptions};

/// Fails unless the statement before it has changed exactly one row: above the greatest BIGINT UNSIGNED there is none, whatever
/// the `sql_mode`. The limit takes precedence over `sql_select_limit`, without which 0 would keep it from being computed.
pub(super) const ONE_ROW: &str = "SELECT 18446744073709551615 + (ROW_COUNT() <> 1) LIMIT 1; ";

/// The code of that failure.
pub(super) const OUT_OF_RANGE: &str = "1690";

/// Ends a transaction, whatever `completion_type` says.
pub(super) const COMMIT: &str = "COMMIT AND NO CHAIN NO RELEASE";

/// How much of a packet is left for what surrounds the changes.
const PACKET_MARGIN: usize = 64 << 10;

/// The changes as one text, each followed by `; `.
pub(super) fn text_of_changes(changes: &[ToolChange], facts: &Facts) -> Result<String, DatabaseError> {
    let mut text = String::new();
    for change in changes {
        text.push_str(&change.spelled(facts, &LITERALS)?);
        text.push_str("; ");
        if change.rows() == ChangedRows::One {
            text.push_str(ONE_ROW);
        }
    }
    Ok(text)
}

impl MysqlDatabase {
    pub(super) async fn record_now(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        let mut attempts = Attempts::default();
        loop {
            match self.try_record(changes).await {
                Err(error) if attempts.again(&error).await => {}
                recorded => return recorded,
            }
        }
    }

    async fn try_record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.check_writable()?;
        self.renew_if_due().await?;
        let Some(text) = self.text_of(changes)? else {
            self.begin_now(TransactionOptions::default()).await?;
            return match self.make_singly(changes).await {
                Ok(()) => self.commit_now().await,
                Err(error) => {
                    // The error of the change matters more than that of the rollback.
                    let _ = self.rollback_now().await;
                    Err(error)
                }
            };
        };
        let (clean, held) = (self.guard.take_cleaning(), self.proof_of_lock());
        let fence = self.fence()?;
        let transaction = self.on_node(format!("START TRANSACTION; {text}{fence}{COMMIT}"));
        let recorded = self.run_as_host(format!("{clean}{held}{transaction}")).await;
        if let Err(error) = &recorded
            && error.kind != DatabaseErrorKind::Connection
        {
            session::run(&mut self.connection, "ROLLBACK AND NO CHAIN NO RELEASE".to_owned()).await?;
        }
        recorded
    }

    pub(super) async fn finish_now(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        self.close_statements();
        let proof = match &self.transaction {
            None => return Err(DatabaseError::no_transaction("commit")),
            Some(transaction) if transaction.is_over || self.watch.has_ended() => {
                return Err(DatabaseError::ended_by_migration());
            }
            Some(transaction) => transaction.proof.clone(),
        };
        self.check_tool_tables_now().await?;
        let mut dropped = String::new();
        if end != End::Step {
            self.guard.end_migration();
            let temporary = std::mem::take(&mut self.guard.temporary);
            if !temporary.is_empty() {
                dropped = format!("DROP TEMPORARY TABLE IF EXISTS {}; ", temporary.join(", "));
            }
        }
        let text = match self.text_of(changes)? {
            Some(text) => text,
            None => {
                self.make_singly(changes).await?;
                String::new()
            }
        };
        // Released first: it exists only while the transaction is the one that `begin` opened.
        let (held, fence) = (self.proof_of_lock(), self.fence()?);
        let end = self.on_node(format!("RELEASE SAVEPOINT {proof}; {dropped}{text}{held}{fence}{COMMIT}"));
        match self.run_as_host(end).await {
            Err(error) if error.code == NO_SAVEPOINT => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.is_over = true;
                }
                Err(DatabaseError::ended_by_migration())
            }
            // The caller rolls back what the text did before it failed.
            Err(error) if error.kind != DatabaseErrorKind::Connection => Err(error),
            ended => {
                self.transaction = None;
                ended
            }
        }
    }

    /// A text that ends a transaction, as the server takes it: on a node of a cluster, one statement; see [`as_one`].
    pub(super) fn on_node(&self, text: String) -> String {
        if self.server.node.is_some() { as_one(&text) } else { text }
    }

    /// Runs one of our texts in our settings, and leaves those of a script as they were.
    async fn run_as_host(&mut self, text: String) -> Result<(), DatabaseError> {
        let watch = self.watch.clone();
        let connection = &mut self.connection;
        match watch.over(async { session::all(connection, text).await }).await {
            Err(error) if is_of_lease(&error) => Err(lost()),
            Err(error) if error.code == OUT_OF_RANGE => Err(match self.unheld(error).await {
                error if error.code == OUT_OF_RANGE => DatabaseError::unexpected_rows(),
                lost => lost,
            }),
            ran => ran.map(drop),
        }
    }

    /// Fails as [`ONE_ROW`] does, unless the session, and the one that does nothing else, still hold the lock: a
    /// statement of a migration may have released it or ended that session. Empty for a session that does not hold it.
    pub(super) fn proof_of_lock(&self) -> String {
        self.proof_for("CONNECTION_ID()")
    }

    /// The same on whatever session it is sent. `session`: the one that holds the second part of the lock.
    pub(super) fn proof_for(&self, session: &str) -> String {
        match self.held_by(session) {
            Some(held) => format!("SELECT 18446744073709551615 + (NOT {held}) LIMIT 1; "),
            None => String::new(),
        }
    }

    /// What an error means after a text with such a proof.
    pub(super) async fn unheld(&mut self, error: DatabaseError) -> DatabaseError {
        if is_of_lease(&error) {
            return lost();
        }
        let Some(held) = self.held_by("CONNECTION_ID()").filter(|_| error.code == OUT_OF_RANGE) else { return error };
        match session::one(&mut self.connection, format!("SELECT {held} LIMIT 1")).await {
            Ok(row) if session::number(&row, 0) == 0 => gone(),
            _ => error,
        }
    }

    /// The changes as one text, each followed by `; `; none where a packet does not hold it.
    fn text_of(&self, changes: &[ToolChange]) -> Result<Option<String>, DatabaseError> {
        let text = text_of_changes(changes, &self.server.facts)?;
        Ok((text.len() + PACKET_MARGIN <= self.server.max_allowed_packet).then_some(text))
    }

    /// Makes changes one by one in the open transaction; their values go as bytes, which takes half the room.
    async fn make_singly(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.connection.settle(self.guard.rights()).await?;
        for change in changes {
            let text = change.spelled(&self.server.facts, &LITERALS)?;
            let rows = if text.len() + PACKET_MARGIN <= self.server.max_allowed_packet {
                session::run(&mut self.connection, text).await?
            } else {
                let (text, values) = change.statement(&self.server.facts)?;
                let arguments = parameters::arguments(&values, None)?;
                let query = sqlx::query_with(sqlx::AssertSqlSafe(text), arguments).persistent(false);
                let done = query.execute(self.connection.of_guests()?).await.map_err(from_sqlx);
                note_loss(&self.watch.meter, &done);
                done?.rows_affected()
            };
            change.check(rows)?;
        }
        Ok(())
    }
}
