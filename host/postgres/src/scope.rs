//! What surrounds each statement: the rights check before it, a transaction or savepoint around it, and the timeouts of
//! the session role. The module's comment has an overview.

use std::sync::atomic::Ordering;

use sqlx::{PgConnection, Row};

use super::PostgresDatabase;
use super::error::{CANCELED, lost, of_pooler};
use super::formats::Formats;
use super::lock::UNLOCKED;
use super::logins::session::{Gated, check as check_granted};
use super::record::{is_ours, is_ours_and_read, ours};
use super::search_path::{OURS, PIN, UNPIN};
use super::settings::{ENCODING, anew, in_new_settings, prologue_of};
pub(super) use super::speech::{rows, simple};
use super::tool_tables::Fingerprint;
use super::transaction::explain_aborted;
use super::types::Asker;
use super::{Left, rights};
use runner_database::error::{RAN, UNANSWERED};
use runner_database::logins::refusals::no_session;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role};
use runner_sql::classify::{StatementClass, reads};
use runner_sql::has_statement;

/// The savepoint before each statement of a guest.
pub(super) const SAVEPOINT: &str = "runner_guest";

/// How often what has to end or reset a session is tried against a statement timeout of the migration, which may be a millisecond.
pub(super) const ATTEMPTS: u32 = 10;

/// The row that [`backend_of`] finds.
pub(super) const ASK_BACKEND: &str = "SELECT pg_catalog.pg_backend_pid() AS pg_backend_pid";

/// What is open around a statement. The caller passes it to [`PostgresDatabase::leave`], whatever happens in between.
#[must_use]
pub(super) struct Scope {
    around: Around,
}

/// Who commits what a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commits {
    Host,
    /// The procedure that it calls, which can do so outside of transactions only.
    Itself,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    /// The transaction that `begin` opened.
    Transaction,
    /// That transaction, with a savepoint before the statement.
    Savepoint,
    /// A transaction for this statement only.
    Wrapped,
    /// No transaction: the statement cannot run inside one.
    Nothing,
}

impl Scope {
    /// Whether the statement must use the simple protocol: alone, without a transaction, and in a single message, so
    /// that a pooler cannot split it.
    pub(super) fn is_bare(&self) -> bool {
        self.around == Around::Nothing
    }

    /// Returns the savepoint before the statement, if there is one.
    pub(super) fn savepoint(&self) -> Option<&'static str> {
        (self.around == Around::Savepoint).then_some(SAVEPOINT)
    }

    /// Whether the transaction stays open after the statement, so that what it opens can stay open too.
    pub(super) fn is_in_transaction(&self) -> bool {
        matches!(self.around, Around::Transaction | Around::Savepoint)
    }
}

impl PostgresDatabase {
    /// Prepares for a statement, or for work on a cursor or writer whose rights are checked elsewhere (`None`). If this
    /// fails, nothing has been opened.
    pub(super) async fn enter(&mut self, statement: Option<&str>) -> Result<Scope, DatabaseError> {
        self.enter_with(statement, |_| String::new()).await
    }

    /// As [`Self::enter`], for what the host does on behalf of the session's role, in settings of its own.
    pub(super) async fn enter_for(&mut self) -> Result<Scope, DatabaseError> {
        self.enter_as(None, Commits::Host, Voice::Host, |_| String::new()).await
    }

    /// As [`Self::enter`], for a statement of which is known who commits it.
    pub(super) async fn enter_to_execute(&mut self, statement: &str, commits: Commits) -> Result<Scope, DatabaseError> {
        self.enter_as(Some(statement), commits, self.voice(), |_| String::new()).await
    }

    /// As [`Self::enter`]; `more`, internal statements that return nothing, is sent in the same message after the
    /// savepoint.
    pub(super) async fn enter_with(
        &mut self,
        statement: Option<&str>,
        more: impl FnOnce(&Scope) -> String,
    ) -> Result<Scope, DatabaseError> {
        self.enter_as(statement, Commits::Host, self.voice(), more).await
    }

    fn voice(&self) -> Voice {
        if self.rights == Role::Host { Voice::Host } else { Voice::Guest }
    }

    async fn enter_as(
        &mut self,
        statement: Option<&str>,
        commits: Commits,
        voice: Voice,
        more: impl FnOnce(&Scope) -> String,
    ) -> Result<Scope, DatabaseError> {
        self.check_connected()?;
        let class = match statement {
            Some(statement) if statement.contains('\0') => return Err(zero_byte()),
            Some(statement) if !has_statement(statement, Dialect::Postgres) => {
                return Err(DatabaseError::no_statement());
            }
            Some(statement) if self.is_gated() && self.rights != Role::Host => check_granted(statement)?,
            Some(statement) => rights::check(statement, self.rights)?,
            None => StatementClass::Rows,
        };
        if self.stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let refuses = class == StatementClass::RefusesTransaction || commits == Commits::Itself;
        let around = match (&self.transaction, self.rights) {
            (Some(_), _) if refuses => return Err(refuses_transaction()),
            (Some(_), Role::Component) => Around::Savepoint,
            (Some(_), _) => Around::Transaction,
            (None, _) if refuses => Around::Nothing,
            (None, _) => Around::Wrapped,
        };
        if let (Some(statement), StatementClass::Session, Around::Wrapped | Around::Transaction) =
            (statement, class, around)
        {
            self.note_settings(statement);
        }
        let scope = Scope { around };
        let more = more(&scope);
        let names = match statement {
            // The functions of the gate have a path of their own.
            Some(statement)
                if self.rights == Role::Host && !self.is_gated() && self.endpoint.place().is_named_in(statement) =>
            {
                Names::Ours
            }
            _ => Names::Theirs,
        };
        self.types.ask_as(if names == Names::Ours { Asker::OnOurPath } else { Asker::Migration });
        self.changes =
            self.rights != Role::Host || statement.is_some_and(|statement| !reads(statement, Dialect::Postgres));
        self.busy = true;
        let opened = match around {
            Around::Transaction | Around::Savepoint => self.go_on(around, names, voice, &more).await,
            Around::Wrapped => self.open_wrapped(names, &more).await,
            Around::Nothing => self.enter_bare(statement.unwrap_or_default()).await,
        };
        self.busy = opened.is_ok();
        self.note_loss(&opened);
        opened.map(|()| scope)
    }

    /// Fails where nothing can be sent.
    fn check_connected(&mut self) -> Result<(), DatabaseError> {
        if self.is_denied {
            return Err(no_session());
        }
        self.check_usable()
    }

    /// As [`Self::enter`], for statements of our own that are sent without anything around them.
    pub(super) async fn check_ready(&mut self) -> Result<(), DatabaseError> {
        self.check_connected()?;
        if self.stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// Queues internal statements that return nothing and can wait for the next message in this transaction.
    pub(super) fn later(&mut self, scope: &Scope, text: &str) {
        if let (Some(transaction), true) = (&mut self.transaction, scope.is_in_transaction()) {
            transaction.later.push_str(text);
        }
    }

    /// Finishes a statement: keeps or undoes its effects, and returns its result.
    pub(super) async fn leave<T>(
        &mut self,
        scope: Scope,
        result: Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.note_loss(&result);
        if self.lost {
            self.busy = false;
            return self.leave_lost(&scope, result).await;
        }
        let result = match (scope.around, result) {
            (Around::Transaction, Err(error)) => Err(self.failed_in_transaction(error)),
            (Around::Savepoint, Err(error)) => self.back_to_savepoint(error).await,
            (Around::Wrapped, Ok(value)) => self.close_wrapped().await.map(|()| value),
            (Around::Wrapped, Err(error)) => {
                let back = end(&mut self.connection).await;
                self.note_loss(&back);
                Err(error)
            }
            (Around::Nothing, result) => self.leave_bare(result).await,
            (_, result) => result,
        };
        self.note_loss(&result);
        self.busy = false;
        result
    }

    /// Fails if the connection is closed, or in the middle of something that its caller abandoned.
    pub(super) fn check_usable(&mut self) -> Result<(), DatabaseError> {
        if self.busy {
            self.lost = true;
        }
        if let Some(error) = &self.pooler {
            return Err(error.clone());
        }
        if self.lost {
            if let Some(error) = self.meter.exceeded() {
                return Err(error);
            }
            return Err(
                lost("the connection to the server is lost").hint("run it again when the server can be reached")
            );
        }
        Ok(())
    }

    pub(super) fn note_loss<T>(&mut self, result: &Result<T, DatabaseError>) {
        self.lost |= self.ended.load(Ordering::Acquire);
        if matches!(result, Err(error) if error.kind == DatabaseErrorKind::Connection && error.code != UNLOCKED) {
            self.lost = true;
        }
        if let Err(error) = result
            && of_pooler(&error.code, &error.message).is_some()
        {
            self.pooler = Some(error.clone());
        }
    }

    /// Finishes a statement whose connection is lost. If its session was ended because the run stops, a new one takes its
    /// place, so that the run can still record what it did; an open transaction has to be rolled back first.
    async fn leave_lost<T>(&mut self, scope: &Scope, result: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if !self.ended.load(Ordering::Acquire) {
            return result;
        }
        if !scope.is_in_transaction() {
            self.left.get_or_insert(Left { backend: self.backend, xid: None });
            match self.reconnect_now().await {
                // The tool's tables were not as they had been, or could not be read.
                Err(error) if scope.is_bare() && error.kind != DatabaseErrorKind::Connection => {
                    return Err(error.code(RAN));
                }
                Err(error) if error.kind == DatabaseErrorKind::Denied => return Err(error),
                // Where there is no new connection, every further statement says so.
                Ok(()) | Err(_) => {}
            }
        }
        match result {
            // It had committed by itself before its session was ended.
            Ok(value) if scope.is_bare() => Ok(value),
            // Whatever it did was rolled back with its transaction.
            Ok(_) => Err(DatabaseError::stopped()),
            Err(error) if scope.is_bare() && error.kind != DatabaseErrorKind::Connection => Err(error.code(UNANSWERED)),
            Err(error) => Err(error),
        }
    }

    /// Continues in the open transaction: proves that it is ours, restores our settings if the host speaks after a
    /// guest, sets the role's timeouts, checks the tool's tables if the role changed, and sets a savepoint if one is
    /// needed. Sends all of it in one message, or no message if nothing is needed.
    async fn go_on(&mut self, around: Around, names: Names, voice: Voice, more: &str) -> Result<(), DatabaseError> {
        let anew = self.anew_after_guest(voice);
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        if let Some(first) = &transaction.failed {
            return Err(explain_aborted(first));
        }
        let is_script = self.rights != Role::Host;
        let turns = transaction.script_speaks != is_script;
        let resets = transaction.is_touched_by(Role::Component) && voice == Voice::Host;
        transaction.note(voice, self.rights);
        let mut text = String::new();
        if around == Around::Savepoint || resets {
            text.push_str(&is_ours_and_read(&transaction.xid));
        } else if !anew.is_empty() {
            text.push_str(&is_ours(&transaction.xid));
        }
        text.push_str(&std::mem::take(&mut transaction.later));
        text.push_str(&anew);
        // With the others, the path became that of the login.
        match (transaction.pinned && !resets, names) {
            (false, Names::Ours) => text.push_str(PIN),
            (true, Names::Theirs) => text.push_str(UNPIN),
            _ => {}
        }
        let inspects = names == Names::Ours && !self.inspected;
        if inspects {
            text.push_str(&self.endpoint.place().inspect);
        }
        if turns || resets {
            text.push_str(&self.own.set_timeouts(self.rights, self.endpoint.settings()));
        }
        let before = if resets { Formats::Fixed } else { transaction.formats };
        let formats = Formats::of(self.rights).unwrap_or(before);
        if formats != before {
            text.push_str(&formats.set(&self.own));
        }
        if turns {
            text.push_str(&self.endpoint.place().fingerprint);
            text.push_str("; ");
        }
        if around == Around::Savepoint {
            text.push_str(&transaction.release());
            text.push_str(&format!("SAVEPOINT {SAVEPOINT}; "));
        }
        text.push_str(more);
        if text.is_empty() {
            return Ok(());
        }
        let rows = rows(&mut self.connection, &text).await.map_err(|error| ours(error, None))?;
        transaction.pinned = names == Names::Ours;
        transaction.formats = formats;
        self.inspected |= inspects;
        transaction.savepoint |= around == Around::Savepoint;
        if turns {
            transaction.turn(is_script, Fingerprint::of(rows.last()));
        }
        Ok(())
    }

    /// Returns the statements that restore our settings of the session in the open transaction, if a guest spoke last
    /// and the host is to speak: all settings, whatever a component has set. A migration in SQL keeps its own, which
    /// are meant for its next statements; of those, only the encoding decides what the host reads.
    pub(super) fn anew_after_guest(&self, voice: Voice) -> String {
        match self.transaction.as_ref().and_then(|transaction| transaction.touched) {
            Some(Role::Component) if voice == Voice::Host => {
                let path = self.gated.as_ref().map(|gated| format!("SELECT {}; ", gated.set_path()));
                anew(&self.own, self.locked_for.as_ref()) + &path.unwrap_or_default()
            }
            Some(Role::SqlScript) if voice == Voice::Host => ENCODING.to_owned(),
            _ => String::new(),
        }
    }

    async fn back_to_savepoint<T>(&mut self, error: DatabaseError) -> Result<T, DatabaseError> {
        match simple(&mut self.connection, &format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await {
            Ok(()) => Err(error),
            Err(_) => Err(self.failed_in_transaction(error)),
        }
    }

    /// Records that an error from the server has ended the transaction, so that later statements can report it.
    fn failed_in_transaction(&mut self, error: DatabaseError) -> DatabaseError {
        if let Some(transaction) = &mut self.transaction
            && !error.code.is_empty()
            && transaction.failed.is_none()
        {
            transaction.failed = Some(error.to_string());
        }
        error
    }

    async fn open_wrapped(&mut self, names: Names, more: &str) -> Result<(), DatabaseError> {
        let is_script = self.rights != Role::Host;
        let mut text = String::new();
        if is_script {
            text.push_str(&self.own.set_timeouts(self.rights, self.endpoint.settings()));
            text.push_str(&self.endpoint.place().fingerprint);
        }
        let path = self.gated.as_ref().map_or_else(|| "NULL".to_owned(), Gated::set_path);
        let formats = Formats::of(self.rights).unwrap_or_default();
        let mut begin = prologue_of(None, None, (&self.own, formats), ["", &self.at_work(&path)]);
        if self.is_gated() {
            // What a component changes belongs into a transaction with what the host records of it.
            begin = in_new_settings(&begin, self.locked_for.as_ref()).replacen("BEGIN ", "BEGIN READ ONLY, ", 1);
        }
        let inspects = names == Names::Ours && !self.inspected;
        if names == Names::Ours {
            text.push_str(OURS);
        }
        if inspects {
            text.push_str(&self.endpoint.place().inspect);
        }
        let text = if is_script { format!("{begin}; {text}; {more}") } else { format!("{begin}; {text}{more}") };
        let rows = match rows(&mut self.connection, &text).await {
            Ok(rows) => rows,
            Err(error) => {
                let _ = end(&mut self.connection).await;
                return Err(ours(error, None));
            }
        };
        self.inspected |= inspects;
        self.backend = backend_of(&rows).unwrap_or(self.backend);
        self.wrapped = is_script.then(|| Fingerprint::of(rows.last()));
        Ok(())
    }

    async fn close_wrapped(&mut self) -> Result<(), DatabaseError> {
        // A component under grants can only read here.
        let fence = if self.changes && !self.is_gated() { self.fence()? } else { String::new() };
        let Some(before) = self.wrapped.take() else {
            let committed = simple(&mut self.connection, &format!("{fence}COMMIT")).await;
            return self.roll_back_failed(committed.map_err(|error| ours(error, None))).await;
        };
        // Deferred constraints and triggers run before the tables are checked.
        let text = format!("{}{ENCODING}{}", self.run_deferred(), self.endpoint.place().fingerprint);
        let looked = rows(&mut self.connection, &text).await.map_err(|error| ours(error, None));
        let looked = looked.and_then(|rows| before.compare(&Fingerprint::of(rows.last())));
        if let Err(error) = looked {
            let back = end(&mut self.connection).await;
            self.note_loss(&back);
            return Err(error);
        }
        let committed = self.commit_guest(&fence, self.rights == Role::Component).await;
        self.roll_back_failed(committed).await
    }

    /// After a text that ends with a COMMIT, which the server does not reach if something before it fails: a lease that is over, or
    /// the statement timeout of the migration.
    async fn roll_back_failed(&mut self, committed: Result<(), DatabaseError>) -> Result<(), DatabaseError> {
        if committed.is_err() {
            let back = end(&mut self.connection).await;
            self.note_loss(&back);
        }
        committed
    }
}

/// Who speaks next, and in whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// The host, for itself or for a guest, in the settings that the host pins.
    Host,
    /// A guest, or the host within one of its statements: in the settings as the guest left them.
    Guest,
}

/// Whose names a statement uses: see [`search_path`](super::search_path).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Ours,
    Theirs,
}

pub(super) fn refuses_transaction() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "this statement cannot run inside a transaction")
        .code("25001")
        .hint("put it into a migration in SQL of its own that begins with the line `-- runner:no-transaction`")
}

/// Returns the error for a zero byte. It ends a string in the protocol, so the server would see half a statement.
fn zero_byte() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Syntax, "a statement cannot contain a zero byte")
        .hint("remove it; PostgreSQL cannot store zero bytes in text, only in `bytea`")
}

/// Rolls back. The statement timeout of a migration counts for this, too, until the session is reset: what it cancels is tried again.
pub(super) async fn end(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let mut more = 1..ATTEMPTS;
    loop {
        match simple(connection, "ROLLBACK").await {
            Err(error) if error.code == CANCELED && more.next().is_some() => {}
            ended => return ended,
        }
    }
}

/// Returns a column of a row in text format.
pub(super) fn text_of(row: &sqlx::postgres::PgRow, column: usize) -> Option<String> {
    row.try_get_unchecked::<Option<String>, _>(column).ok().flatten()
}

/// Returns the server process from the rows of [`prologue`](super::settings::prologue), or of a query for the process
/// alone.
pub(super) fn backend_of(rows: &[sqlx::postgres::PgRow]) -> Option<i32> {
    rows.iter().find_map(|row| {
        let is_pid = row.columns().first().is_some_and(|column| sqlx::Column::name(column) == "pg_backend_pid");
        if is_pid { text_of(row, 0)?.parse().ok() } else { None }
    })
}
