//! What surrounds each statement: the rights check before it, a transaction or savepoint around it, and the timeouts of
//! the session role. The crate's comment has an overview.

use super::Session;
use crate::commit::{Unit, run_deferred};
use crate::denied_statements;
use crate::error::Result;
use crate::gate;
use crate::guard::Fingerprint;
use crate::host_sql::{LastAnswer, last_answer};
use crate::settings::{ENCODING, Formats, OURS, again, anew, prologue_of, reset_by};
use crate::transaction::{Names, Next, SAVEPOINT, Voice};
use crate::types::Asker;
use crate::verdict::explain;
use runner_database::logins::refusals::no_session;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Meaning, Role};
use runner_sql::classify::reads;
use runner_sql::{StatementClass, Tokens, classify, has_statement};

/// How a question of the host ends that wants a row only if it is free.
const MAY_MISS: &str = "SKIP LOCKED";

/// What precedes it. Where all others wait for the row, a process that is frozen meanwhile must not block them.
const HELD_BRIEFLY: &str = "SAVEPOINT runner_free; SET LOCAL idle_in_transaction_session_timeout = '3s'; ";

/// What is open around a statement. The caller passes it to [`Session::leave`], whatever happens in between.
#[must_use]
pub(crate) struct Scope {
    around: Around,
    /// The statement that has its own transaction may change something.
    changes: bool,
    /// The state of the tool's tables before a guest's statement that has its own transaction.
    tables: Option<Fingerprint>,
}

/// Who commits what a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commits {
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
    pub(crate) fn is_autocommit(&self) -> bool {
        self.around == Around::Nothing
    }

    /// Whether the transaction stays open after the statement, so that what it opens can stay open too.
    pub(crate) fn is_in_transaction(&self) -> bool {
        matches!(self.around, Around::Transaction | Around::Savepoint)
    }
}

impl Session {
    /// Prepares for a statement, or for work on a cursor or writer whose rights are checked elsewhere (`None`). If this
    /// fails, nothing has been opened.
    pub(crate) async fn enter(&mut self, statement: Option<&str>) -> Result<Scope> {
        self.enter_with(statement, "").await
    }

    /// As [`Self::enter`], as the host.
    pub(crate) async fn enter_as_host(&mut self) -> Result<Scope> {
        let role = std::mem::replace(&mut self.role, Role::Host);
        let scope = self.enter(None).await;
        self.role = role;
        scope
    }

    /// As [`Self::enter`], for what the host does on behalf of the session's role, in settings of its own.
    pub(crate) async fn enter_for(&mut self) -> Result<Scope> {
        self.enter_in(None, Commits::Host, Voice::Host, "").await
    }

    /// As [`Self::enter`], for a statement of which is known who commits it.
    pub(crate) async fn enter_to_execute(&mut self, statement: &str, commits: Commits) -> Result<Scope> {
        self.enter_in(Some(statement), commits, self.voice(), "").await
    }

    /// As [`Self::enter`]; `more`, internal statements that return nothing, is sent in the same message after the
    /// savepoint.
    pub(crate) async fn enter_with(&mut self, statement: Option<&str>, more: &str) -> Result<Scope> {
        self.enter_in(statement, Commits::Host, self.voice(), more).await
    }

    fn voice(&self) -> Voice {
        if self.role == Role::Host { Voice::Host } else { Voice::Guest }
    }

    async fn enter_in(&mut self, statement: Option<&str>, commits: Commits, voice: Voice, more: &str) -> Result<Scope> {
        self.check_connected()?;
        let tokens = |statement| Tokens::new(statement, Dialect::Postgres);
        let class = match statement {
            Some(statement) if statement.contains('\0') => return Err(zero_byte()),
            Some(statement) if !has_statement(statement, Dialect::Postgres) => {
                return Err(DatabaseError::no_statement());
            }
            Some(statement) if self.is_gated() && self.role != Role::Host => gate::check(&tokens(statement))?,
            Some(statement) => denied_statements::check(&tokens(statement), self.role)?,
            None => StatementClass::Rows,
        };
        self.link.check_ready()?;
        let refuses = class == StatementClass::RefusesTransaction || commits == Commits::Itself;
        let around = match (&self.transaction, self.role) {
            (Some(_), _) if refuses => return Err(refuses_transaction()),
            (Some(_), Role::Component) if self.code_free().is_none() => Around::Savepoint,
            (Some(_), _) => Around::Transaction,
            (None, _) if refuses => Around::Nothing,
            (None, _) => Around::Wrapped,
        };
        if let (Some(statement), StatementClass::Session, Around::Wrapped | Around::Transaction) =
            (statement, class, around)
        {
            self.note_settings(statement);
        }
        let changes = self.role != Role::Host || statement.is_some_and(|statement| !reads(&tokens(statement)));
        let mut scope = Scope { around, changes, tables: None };
        // The functions of the gate have a path of their own.
        let is_ours = |statement| self.role == Role::Host && !self.is_gated() && self.is_about_tool_tables(statement);
        let names = if statement.is_some_and(is_ours) { Names::Ours } else { Names::Theirs };
        self.types.ask_as(if names == Names::Ours { Asker::OnOurPath } else { Asker::Migration });
        self.link.occupy();
        let opened = match around {
            Around::Transaction | Around::Savepoint => self.proceed(around, names, voice, more).await,
            Around::Wrapped => self.open_wrapped(names, more).await.map(|tables| scope.tables = tables),
            Around::Nothing => self.enter_autocommit(statement.unwrap_or_default()).await,
        };
        if opened.is_err() {
            self.link.release();
        }
        self.link.note(&opened);
        opened.map(|()| scope)
    }

    /// Records what a script sets for its session by this statement. Within a transaction it counts from the commit on, and not at all if that
    /// ends the migration.
    fn note_settings(&mut self, statement: &str) {
        if self.role != Role::SqlScript {
            return;
        }
        match &mut self.transaction {
            Some(transaction) => transaction.set(statement),
            None => self.own.note(statement),
        }
    }

    /// Fails where nothing can be sent.
    fn check_connected(&mut self) -> Result<()> {
        if self.is_denied { Err(no_session()) } else { self.link.check() }
    }

    /// As [`Self::enter`], for statements of our own that are sent without anything around them.
    pub(super) fn check_ready(&mut self) -> Result<()> {
        self.check_connected()?;
        self.link.check_ready()
    }

    /// The savepoint that precedes each statement, if one does.
    pub(crate) fn savepoint(&self) -> Option<&'static str> {
        (self.role == Role::Component && self.has_transaction() && self.code_free().is_none()).then_some(SAVEPOINT)
    }

    /// Queues internal statements that return nothing and can wait for the next message in this transaction.
    pub(crate) fn later(&mut self, scope: &Scope, text: &str) {
        if let (Some(transaction), true) = (&mut self.transaction, scope.is_in_transaction()) {
            transaction.later(text);
        }
    }

    /// Forgets prepared statements that may be wrong: the schema may have changed or, behind a pooler, the session.
    pub(crate) async fn settle(&mut self, scope: &Scope, statement: &str) -> Result<()> {
        let (goes_on, class) = (scope.is_in_transaction(), classify(&Tokens::new(statement, Dialect::Postgres)));
        if goes_on && class == StatementClass::Rows {
            return Ok(());
        }
        let is_setting = goes_on && class == StatementClass::Session && self.role == Role::SqlScript;
        let names = if is_setting { reset_by(statement) } else { Vec::new() };
        if !names.is_empty() {
            let again = again(&names, &self.own);
            self.later(scope, &again);
        }
        self.types.clear();
        if scope.is_autocommit() { Ok(()) } else { self.link.drop_prepared().await }
    }

    /// Finishes a statement: keeps or undoes its effects, and returns its result.
    pub(crate) async fn leave<T>(&mut self, scope: Scope, result: Result<T>) -> Result<T> {
        self.link.note(&result);
        if self.link.is_lost() {
            self.link.release();
            return self.leave_lost(&scope, result).await;
        }
        let result = match (scope.around, result) {
            (Around::Transaction, Err(error)) => Err(self.failed_in_transaction(error)),
            (Around::Savepoint, Err(error)) => self.back_to_savepoint(error).await,
            (Around::Wrapped, Ok(value)) => self.close_wrapped(scope).await.map(|()| value),
            (Around::Wrapped, Err(error)) => {
                self.link.roll_back().await;
                Err(error)
            }
            (Around::Nothing, result) => self.leave_autocommit(result).await,
            (_, result) => result,
        };
        self.link.note(&result);
        self.link.release();
        result
    }

    /// Finishes a statement whose connection is lost. If its session was ended because the run stops, a new one takes its
    /// place, so that the run can still record what it did; an open transaction has to be rolled back first.
    async fn leave_lost<T>(&mut self, scope: &Scope, result: Result<T>) -> Result<T> {
        if !self.link.is_ended() {
            return result;
        }
        if !scope.is_in_transaction() {
            self.link.leave(None);
            match self.reconnect().await {
                // The tool's tables were not as they had been, or could not be read.
                Err(error) if scope.is_autocommit() && error.kind != DatabaseErrorKind::Connection => {
                    return Err(error.means(Meaning::Ran));
                }
                Err(error) if error.kind == DatabaseErrorKind::Denied => return Err(error),
                // Where there is no new connection, every further statement says so.
                Ok(()) | Err(_) => {}
            }
        }
        match result {
            // It had committed by itself before its session was ended.
            Ok(value) if scope.is_autocommit() => Ok(value),
            // Whatever it did was rolled back with its transaction.
            Ok(_) => Err(DatabaseError::stopped()),
            Err(error) if scope.is_autocommit() && error.kind != DatabaseErrorKind::Connection => {
                Err(error.means(Meaning::Unanswered))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a statement of the host in the open transaction, in one message with what surrounds it, and returns the last answer. `bytes`:
    /// the most that a row may have.
    pub(crate) async fn ask_plainly(&mut self, statement: &str, bytes: usize) -> Result<LastAnswer> {
        self.check_ready()?;
        self.link.occupy();
        let asked = self.send_plainly(statement, bytes).await;
        self.leave(Scope { around: Around::Transaction, changes: true, tables: None }, asked).await
    }

    async fn send_plainly(&mut self, statement: &str, bytes: usize) -> Result<LastAnswer> {
        let names = if self.is_about_tool_tables(statement) { Names::Ours } else { Names::Theirs };
        let (mut text, turns) = self.surround(Around::Transaction, names, Voice::Host, "")?;
        // Its answer has to be the last one, where it has one.
        let turns_apart = turns && self.code_free().is_none();
        if turns_apart {
            self.send_surrounding(&std::mem::take(&mut text), names, true).await?;
        }
        // A row that has changed since the transaction began is one that another session has locked, or had.
        let may_miss = statement.ends_with(MAY_MISS);
        if may_miss {
            text.push_str(HELD_BRIEFLY);
        }
        text.push_str(statement);
        let (watch, limit) = (self.watch(), self.limit());
        let answer = watch.run_within(limit, last_answer(self.link.wire(), &text, bytes)).await.map_err(explain);
        let answer = match answer {
            Err(error) if may_miss && error.meaning == Meaning::Outdated => {
                self.link.run("ROLLBACK TO SAVEPOINT runner_free").await?;
                LastAnswer::default()
            }
            answer => answer?,
        };
        if let (Some(transaction), true) = (&mut self.transaction, turns && !turns_apart) {
            transaction.turn(false, Fingerprint::default());
        }
        if names == Names::Ours {
            self.guard.has_inspected();
            self.types.trust();
        }
        Ok(answer)
    }

    /// Continues in the open transaction.
    async fn proceed(&mut self, around: Around, names: Names, voice: Voice, more: &str) -> Result<()> {
        let (text, turns) = self.surround(around, names, voice, more)?;
        if text.is_empty() && !turns { Ok(()) } else { self.send_surrounding(&text, names, turns).await }
    }

    /// What precedes a statement in the open transaction: see [`Transaction::before`](crate::transaction::Transaction::before).
    fn surround(&mut self, around: Around, names: Names, voice: Voice, more: &str) -> Result<(String, bool)> {
        let anew = self.anew();
        let Some(transaction) = &mut self.transaction else { return Ok((String::new(), false)) };
        let place = self.guard.place();
        let fingerprint = if transaction.is_tried { &place.without_locks } else { &place.fingerprint };
        transaction.before(&Next {
            voice,
            role: self.role,
            names,
            savepoint: around == Around::Savepoint,
            own: &self.own,
            options: self.link.endpoint().settings(),
            fingerprint,
            anew: &anew,
            inspect: self.guard.inspect(),
            more,
        })
    }

    async fn send_surrounding(&mut self, text: &str, names: Names, turns: bool) -> Result<()> {
        let rows = match text.is_empty() {
            true => Vec::new(),
            false => self.link.rows(text).await.map_err(explain)?,
        };
        if names == Names::Ours {
            self.guard.has_inspected();
        }
        if let (Some(transaction), true) = (&mut self.transaction, turns) {
            transaction.turn(self.role != Role::Host, Fingerprint::of(rows.last()));
        }
        Ok(())
    }

    /// The statements that restore all our settings of the session in the open transaction, whatever a component has set.
    pub(super) fn anew(&self) -> String {
        let path = self.gate.as_ref().map(|gate| format!("SELECT {}; ", gate.set_path()));
        anew(&self.own, &self.lock.name_again()) + &path.unwrap_or_default()
    }

    async fn back_to_savepoint<T>(&mut self, error: DatabaseError) -> Result<T> {
        match self.link.run(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await {
            Ok(()) => Err(error),
            Err(_) => Err(self.failed_in_transaction(error)),
        }
    }

    /// Records that an error from the server has ended the transaction, so that later statements can report it.
    fn failed_in_transaction(&mut self, error: DatabaseError) -> DatabaseError {
        if let Some(transaction) = &mut self.transaction
            && (!error.code.is_empty() || error.meaning != Meaning::Failed)
        {
            transaction.fail(&error);
        }
        error
    }

    /// Opens a transaction for a statement; returns the state of the tool's tables if a guest speaks in it.
    async fn open_wrapped(&mut self, names: Names, more: &str) -> Result<Option<Fingerprint>> {
        let is_script = self.role != Role::Host;
        let place = self.guard.place();
        let formats = Formats::of(self.role).unwrap_or_default();
        let also = self.lock.at_work(place, &self.path());
        let mut begin = self.renewed(prologue_of(None, None, (&self.own, formats), ["", &also]));
        if self.is_gated() {
            // What a component changes belongs into a transaction with what the host records of it.
            begin = begin.replacen("BEGIN ", "BEGIN READ ONLY, ", 1);
        }
        let mut text = format!("{begin}; ");
        if is_script {
            text.push_str(&self.own.set_timeouts(self.role, self.link.endpoint().settings()));
            text.push_str(&format!("{}; ", place.fingerprint));
        }
        if names == Names::Ours {
            text.push_str(OURS);
            text.push_str(self.guard.inspect());
        }
        text.push_str(more);
        let rows = self.link.begin(&text).await.map_err(explain)?;
        if names == Names::Ours {
            self.guard.has_inspected();
        }
        Ok(is_script.then(|| Fingerprint::of(rows.last())))
    }

    async fn close_wrapped(&mut self, scope: Scope) -> Result<()> {
        // A component under grants can only read here.
        let changes = scope.changes && !self.is_gated();
        let fence = if changes { self.lock.fence(self.link.facts())? } else { String::new() };
        let unit = match scope.tables {
            None => Unit::new(fence),
            Some(before) => {
                // Deferred constraints and triggers run before the tables are checked.
                let fingerprint = &self.guard.place().fingerprint;
                let text = format!("{}{ENCODING}{fingerprint}", run_deferred(self.asks_what_is_pending()));
                let looked = self.link.rows(&text).await.map_err(explain);
                if let Err(error) = looked.and_then(|rows| before.compare(&Fingerprint::of(rows.last()))) {
                    self.link.roll_back().await;
                    return Err(error);
                }
                let reset = if self.role == Role::Component { self.after_component() } else { String::new() };
                Unit::of_guest(fence).then(reset)
            }
        };
        self.link.commit(&unit, None).await.committed().map(drop)
    }
}

pub(crate) fn refuses_transaction() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "this statement cannot run inside a transaction")
        .code("25001")
        .hint("put it into a migration in SQL of its own that begins with the line `-- runner:no-transaction`")
}

/// Returns the error for a zero byte. It ends a string in the protocol, so the server would see half a statement.
fn zero_byte() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Syntax, "a statement cannot contain a zero byte")
        .hint("remove it; PostgreSQL cannot store zero bytes in text, only in `bytea`")
}
