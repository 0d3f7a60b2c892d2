//! Changes to the tool's own tables, and the end of a migration's transaction: one text each. The server stops at the first
//! statement that fails, so what has to hold before a COMMIT is asked by statements that fail where it does not.
//!
use sqlx::postgres::PgRow;

use super::PostgresDatabase;
use super::error::ABORTED;
use super::foreign::{self, CAPTURED, FOREIGN};
use super::formats::Formats;
use super::lease::UNLEASED;
use super::lock::{Lock, UNLOCKED, lock_lost, name_again};
use super::place::ToolPlace;
use super::reconnect::Left;
use super::scope::{Voice, backend_of, rows, text_of};
use super::search_path;
use super::settings::{prologue, prologue_of};
pub(super) use super::speech::literal;
use super::speech::{self, answers};
use super::temporary::{RESET, is_committed};
use super::tool_tables::Fingerprint;
use super::transaction::{COMMIT, PENDING, Transaction, explain_aborted, pending, wrote_late};
use runner_database::change::Literals;
use runner_database::{
    ChangedRows, DatabaseError, DatabaseErrorKind, Dialect, End, Facts, Role, ToolChange, TransactionOptions,
};

/// Begins what our own questions answer with when they fail.
const OURS: &str = "runner:";

/// Separates the parts of such an answer.
const SEPARATOR: char = '\u{1}';

/// The answers of our own questions.
const OVER: &str = "runner:over";
const CHANGED: &str = "runner:changed";
const ROWS: &str = "runner:rows";
const MISREAD: &str = "runner:misread";

impl PostgresDatabase {
    pub(super) async fn record_now(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError> {
        self.check_begin_now().await?;
        let inspects = !self.inspected;
        let inspect = if inspects { self.endpoint.place().inspect.as_str() } else { "" };
        let begin = prologue(&self.own, &self.at_work("NULL"));
        let text = format!("{begin}; {}{inspect}{}{}COMMIT", search_path::OURS, self.text_of(changes)?, self.fence()?);
        self.busy = true;
        let (found, result) = answers(&mut self.connection, &text).await;
        self.backend = backend_of(&found).unwrap_or(self.backend);
        self.note_loss(&result);
        if result.is_err() {
            self.roll_back().await;
        }
        self.inspected |= inspects && result.is_ok();
        self.busy = false;
        result.map_err(|error| ours(error, None))
    }

    pub(super) async fn finish_now(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError> {
        self.forget_statements();
        self.check_usable()?;
        let Some(transaction) = &self.transaction else { return Err(DatabaseError::no_transaction("commit")) };
        if let Some(first) = &transaction.failed {
            return Err(explain_aborted(first));
        }
        if let Some(error) = &transaction.tampered {
            return Err(error.clone());
        }
        // Right before the commit, so that it does not wait for a process that is stopped in between.
        let changes = self.text_of(changes)? + &self.fence()?;
        self.busy = true;
        let finished = self.end_with(&changes, end).await;
        self.busy = false;
        self.note_loss(&finished);
        if self.lost
            && let Some(transaction) = self.transaction.take()
        {
            self.left = Some(Left { backend: self.backend, xid: Some(transaction.xid) });
        }
        finished
    }

    /// Sends the end of the transaction. An error leaves the transaction for the caller to roll back.
    async fn end_with(&mut self, changes: &str, end: End) -> Result<(), DatabaseError> {
        self.drop_prepared().await?;
        let holds_lock = self.holds_lock();
        // Otherwise all of it is reset below, with what the migration leaves.
        let anew = if end == End::Step { self.anew_after_guest(Voice::Host) } else { String::new() };
        let run_deferred = self.run_deferred();
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        // Deferred constraints are the migration's, and are checked as it left the session.
        let mut text = std::mem::take(&mut transaction.later);
        text.push_str(&transaction.release());
        let before = match (transaction.had_script, transaction.before.clone()) {
            (false, _) => None,
            (true, Some(before)) => Some(before),
            // The host was last: what it wrote itself is not a change.
            (true, None) => {
                Some(Fingerprint::of(rows(&mut self.connection, &self.endpoint.place().fingerprint).await?.last()))
            }
        };
        if before.is_some() {
            text.push_str(&run_deferred);
        }
        text.push_str(&anew);
        text.push_str(search_path::OURS);
        text.push_str(&is_ours(&transaction.xid));
        text.push_str(&holds_lock);
        if let Some(before) = &before {
            text.push_str(&is_unchanged(before, self.endpoint.place()));
        }
        if end != End::Step {
            let application = name_again(self.locked_for.as_ref());
            // Of the settings of other transactions the changes need these three.
            text.push_str(&format!(
                "{RESET}; DISCARD TEMP{application}; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; {}",
                search_path::OURS
            ));
        }
        text.push_str(changes);
        text.push_str(if before.is_some() { COMMIT } else { "COMMIT" });
        let resets = end != End::Step || transaction.had_component;
        if resets {
            text.push_str(&self.after_guest(end != End::Step));
        }
        let (found, result) = answers(&mut self.connection, &text).await;
        if result.is_err() && !is_committed(&found) {
            return result.map_err(|error| wrote_late(ours(error, before.as_ref())));
        }
        // What follows the commit resets the session.
        self.lost |= result.is_err();
        let settings = self.transaction.take().map(|transaction| transaction.settings).unwrap_or_default();
        match end {
            End::Step => settings.iter().for_each(|statement| self.own.note(statement)),
            End::Migration => self.own.forget(),
        }
        Ok(())
    }

    /// Opens the transaction of a migration.
    pub(super) async fn begin_migration(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.check_free()?;
        if self.facts.read_only {
            return Err(super::transaction::read_only());
        }
        if self.lock.is_none() && self.locked_for.is_some() {
            return Err(lock_lost());
        }
        let text = self.prologue_for(options);
        self.busy = true;
        let begun = rows(&mut self.connection, &text).await;
        self.note_loss(&begun);
        let found = match begun {
            Ok(found) => found,
            Err(error) => {
                self.roll_back().await;
                return Err(ours(error, None));
            }
        };
        self.inspected = true;
        self.busy = false;
        self.backend = backend_of(&found).unwrap_or(self.backend);
        let Some((transaction, is_locked)) = Self::begun(&found) else {
            self.roll_back().await;
            return Err(super::error::lost("the server does not say which transaction it began"));
        };
        if !is_locked {
            self.roll_back().await;
            return Err(self.lock.as_ref().map_or_else(lock_lost, Lock::lost));
        }
        self.transaction = Some(transaction);
        self.types.unguard();
        Ok(())
    }

    /// The text that opens the transaction of a migration: its last row holds the state of the tool's tables, the one before the
    /// process, the transaction and whether the lock is held.
    fn prologue_for(&self, options: TransactionOptions) -> String {
        let is_locked =
            self.lock.as_ref().map_or_else(|| "true".to_owned(), |lock| lock.is_held_by(self.endpoint.place()));
        let also = self.at_work(&format!("pg_catalog.pg_current_xact_id()::pg_catalog.text, {is_locked}"));
        let timeouts = self.own.set_timeouts(Role::SqlScript, self.endpoint.settings());
        let (inspect, look) = (&self.endpoint.place().inspect, &self.endpoint.place().fingerprint);
        let inspect = if self.inspected { "" } else { inspect.as_str() };
        let settings = prologue_of(None, options.isolation, (&self.own, Formats::OfClient), [inspect, &also]);
        format!("{settings}; {timeouts}{look}")
    }

    /// The transaction that such a text has opened, and whether the lock is held.
    fn begun(found: &[PgRow]) -> Option<(Transaction, bool)> {
        let [.., begun, tables] = found else { return None };
        let mut transaction = Transaction::new(text_of(begun, 1)?);
        transaction.formats = Formats::OfClient;
        transaction.turn(true, Fingerprint::of(Some(tables)));
        Some((transaction, text_of(begun, 2).as_deref() == Some("t")))
    }

    /// A statement that fails unless the lock is still held, if it was taken.
    pub(super) fn holds_lock(&self) -> String {
        let Some(Lock::Advisory(lock)) = &self.lock else { return String::new() };
        format!(
            "SELECT CASE WHEN {} THEN 0 ELSE pg_catalog.concat('{UNLOCKED}', pg_catalog.now())::pg_catalog.int4 END; ",
            lock.is_held_by()
        )
    }

    /// The statements that have to precede a COMMIT of this run, in the same message.
    pub(super) fn fence(&self) -> Result<String, DatabaseError> {
        self.lock.as_ref().map_or_else(|| Ok(String::new()), |lock| lock.fence(&self.facts))
    }

    /// The changes as one text, each followed by `; `.
    pub(super) fn text_of(&self, changes: &[ToolChange]) -> Result<String, DatabaseError> {
        text_of_changes(changes, &self.facts)
    }
}

/// The changes as one text, each followed by `; `.
pub(super) fn text_of_changes(changes: &[ToolChange], facts: &Facts) -> Result<String, DatabaseError> {
    let mut text = String::new();
    for change in changes {
        let spelled = spelled(change, facts)?;
        // An INSERT adds its row or fails.
        if change.rows() == ChangedRows::One && !spelled.starts_with("INSERT") {
            text.push_str(&one_row(&spelled, ROWS));
        } else {
            text.push_str(&format!("{spelled}; "));
        }
    }
    Ok(text)
}

/// A change as a statement.
pub(super) fn spelled(change: &ToolChange, facts: &Facts) -> Result<String, DatabaseError> {
    change.spelled(facts, &LITERALS)
}

/// A change that fails with this answer unless it changes exactly one row.
pub(super) fn one_row(spelled: &str, answer: &str) -> String {
    format!(
        "WITH changed AS ({spelled} RETURNING 1) \
         SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.=) 1 THEN 0 \
         ELSE pg_catalog.concat('{answer}', pg_catalog.now())::pg_catalog.int4 END FROM changed; "
    )
}

/// Fails unless the open transaction is this one.
pub(super) fn is_ours(xid: &str) -> String {
    // Depends on the time, so that the server computes it only where it is needed.
    format!(
        "SELECT CASE WHEN pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text OPERATOR(pg_catalog.=) '{xid}' \
         THEN 0 ELSE pg_catalog.concat('{OVER}', pg_catalog.now())::pg_catalog.int4 END; "
    )
}

/// As [`is_ours`]; fails as well unless the server reads a text as we did when we checked its words. A transaction that
/// only reads has no id.
pub(super) fn is_ours_and_read(xid: &str) -> String {
    let is_ours = if xid.is_empty() { String::new() } else { is_ours(xid) };
    let encoding = "pg_catalog.current_setting('client_encoding')";
    let escapes = "pg_catalog.current_setting('standard_conforming_strings')";
    format!(
        "{is_ours}SELECT CASE WHEN {encoding} OPERATOR(pg_catalog.=) 'UTF8' AND {escapes} OPERATOR(pg_catalog.=) 'on' THEN 0 \
         ELSE pg_catalog.concat('{MISREAD}', pg_catalog.chr(1), {encoding}, pg_catalog.chr(1), {escapes})::pg_catalog.int4 END; "
    )
}

/// The error for a component that has changed how the server reads texts.
fn misread(told: &str) -> DatabaseError {
    let mut parts = told.split(SEPARATOR).skip(1);
    let (encoding, escapes) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let what = match encoding {
        "UTF8" => format!("`standard_conforming_strings` to `{escapes}`"),
        other => format!("`client_encoding` to `{other}`"),
    };
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("the component has set {what}, and the server would misread texts"),
    )
    .hint("leave that setting out: texts are in UTF-8, and a backslash in them is a backslash")
}

/// Fails, with what they are now, unless the tool's tables are as they were.
fn is_unchanged(before: &Fingerprint, place: &ToolPlace) -> String {
    let (look, same) = before.look(place);
    let told = ["a", "b", "c"].map(|name| format!(", pg_catalog.chr(1), now.{name}")).concat();
    format!(
        "SELECT CASE WHEN {same} THEN 0 ELSE pg_catalog.concat('{CHANGED}'{told})::pg_catalog.int4 END \
         FROM ({look}) AS now (a, b, c); "
    )
}

/// The values of the host in a text.
pub(super) const LITERALS: Literals = Literals { dialect: Dialect::Postgres, text: literal, bytes: speech::bytes };

/// The error behind the answer of one of our own questions, or else the error itself.
pub(super) fn ours(error: DatabaseError, before: Option<&Fingerprint>) -> DatabaseError {
    if error.code == ABORTED {
        return explain_aborted("an earlier statement failed");
    }
    let Some(at) = error.message.find(OURS) else { return error };
    let told = error.message[at..].trim_end_matches(['"', '\u{bb}', ' ']);
    if told.starts_with(OVER) {
        return DatabaseError::ended_by_migration();
    }
    if told.starts_with(ROWS) {
        return DatabaseError::unexpected_rows();
    }
    if told.starts_with(MISREAD) {
        return misread(told);
    }
    if told.starts_with(UNLOCKED) {
        return lock_lost();
    }
    if told.starts_with(UNLEASED) {
        return runner_database::lease::lost();
    }
    if told.starts_with(CAPTURED) {
        return foreign::captured(told.split(SEPARATOR).nth(1).unwrap_or_default());
    }
    if told.starts_with(PENDING) {
        return pending(told.split(SEPARATOR).nth(1).unwrap_or_default());
    }
    if told.starts_with(FOREIGN) {
        return foreign::error(told.split(SEPARATOR).nth(1).unwrap_or_default());
    }
    let Some(before) = before.filter(|_| told.starts_with(CHANGED)) else { return error };
    let mut parts = told.split(SEPARATOR).skip(1).map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
    let mut next = || parts.next().flatten();
    let now = Fingerprint::of_parts([next(), next(), next()]);
    before.compare(&now).err().unwrap_or(error)
}

impl PostgresDatabase {
    /// Fails where no transaction that writes can be opened.
    pub(super) async fn check_begin_now(&mut self) -> Result<(), DatabaseError> {
        self.check_free()?;
        if self.facts.read_only {
            return Err(super::transaction::read_only());
        }
        match (&mut self.lock, &self.locked_for) {
            (Some(lock), _) => lock.check().await,
            (None, Some(_)) => Err(lock_lost()),
            (None, None) => Ok(()),
        }
    }
}
