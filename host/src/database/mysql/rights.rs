//! What scripts and guests may not do: the first wall, a check of the statement's text; and what is checked after a
//! statement whose text does not show what it does.
//!
//! Every statement of a caller, however it is sent to the server, is enclosed by [`MysqlDatabase::before`] and
//! [`MysqlDatabase::after`]:
//!
//! ```text
//! let asked = self.before(statement).await?;
//! let watch = self.watch.clone();
//! let answer = watch.over(ask(&mut self.connection, statement)).await;
//! self.after(asked, answer).await
//! ```
//!
//! What the host itself asks on behalf of a caller (the INSERT of a writer, a further batch of a cursor) needs only
//! `watch.over`; a writer that is opened begins with
//! [`MysqlDatabase::before_writing`].

use super::error::NOT_PREPARABLE;
use super::settings::{self, Kept, SessionSettings};
use super::tool_tables::Picture;
use super::{MysqlDatabase, session};
use crate::database::facts::is_tool_table;
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, Role, TableName};
use crate::sql::classify::{open_run_comments, reads, temporary_table};
use crate::sql::traces::{Traces, traces};
use crate::sql::{StatementClass, classify, has_statement, identifiers};

/// A statement of a caller that has been allowed; see [`MysqlDatabase::before`].
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedStatement {
    class: StatementClass,
    reads: bool,
}

/// What the role may do, and what has happened in the session.
#[derive(Default)]
pub(super) struct Guard {
    rights: Option<Role>,
    /// Whether a script or a guest may have left something in the session since it was made: a variable, a setting, a
    /// temporary table, a lock.
    pub is_used: bool,
    /// Whether a script has changed rows, so that `LAST_INSERT_ID()` may reveal them.
    has_inserted: bool,
    /// Whether that is to be reset before the session is used again.
    must_clean: bool,
    /// Whether the database has triggers, or the server functions, which statements may run without showing it, if that
    /// was looked up.
    has_programs: Option<bool>,
    /// The tool's tables before a statement outside a transaction that may do anything.
    pub tool_tables: Option<Picture>,
    /// The questions for such a picture.
    pub looks: Option<Vec<(String, String)>>,
    /// Whether the session has to be replaced before it is used outside a transaction.
    pub must_renew: bool,
    /// Whether a trigger, view or routine names a tool table, if that was looked up.
    pub others_name_tool_tables: Option<bool>,
    /// Whose settings the session has.
    pub settings: SessionSettings,
    /// Temporary tables created in the session, as far as their names are known.
    pub temporary: Vec<String>,
}

impl Guard {
    pub fn set_role(&mut self, rights: Role) {
        self.rights = Some(rights);
    }

    pub fn rights(&self) -> Role {
        self.rights.unwrap_or(Role::Host)
    }

    /// Resets what belongs to the replaced session.
    pub fn renewed(&mut self) {
        *self = Self {
            rights: self.rights,
            // These belong to the database, not to the session.
            others_name_tool_tables: self.others_name_tool_tables,
            has_programs: self.has_programs,
            looks: self.looks.take(),
            ..Self::default()
        };
    }

    /// Records that a migration has ended: what it may have left ends with the session, or before the next statement.
    pub fn end_migration(&mut self) {
        self.must_renew |= self.is_used;
        self.must_clean |= std::mem::take(&mut self.has_inserted);
    }

    /// Returns the statement that cleans the session up, to be sent before the next ones.
    pub fn take_cleaning(&mut self) -> &'static str {
        if std::mem::take(&mut self.must_clean) { "DO LAST_INSERT_ID(0); " } else { "" }
    }

    /// Fails if the role may not run a statement.
    fn check(&self, statement: &str, dialect: Dialect, in_transaction: bool) -> Result<StatementClass, DatabaseError> {
        let opened = open_run_comments(statement, dialect);
        let class = classify(opened.as_deref().unwrap_or(statement), dialect);
        let rights = self.rights();
        if rights == Role::Host {
            return Ok(class);
        }
        if rights == Role::Component && opened.is_some() {
            return Err(denied("a statement with a comment `/*! … */` that the server runs")
                .hint("write its text without the comment; `dialect` tells which server it is"));
        }
        for text in std::iter::once(statement).chain(opened.as_deref()) {
            check_names(text, classify(text, dialect), dialect, rights)?;
        }
        // In such comments, a name counts wherever it occurs.
        if opened.is_some()
            && let Some(name) = tool_table_in(statement)
        {
            return Err(tool_table(name));
        }
        if in_transaction && class == StatementClass::Schema {
            return Err(denied(
                "a statement that changes the schema, in a transaction: MySQL and MariaDB would commit what \
                               was done so far",
            )
            .hint("set `mode = \"stepwise\"`, or write `-- runner:no-transaction` on top of the file"));
        }
        Ok(class)
    }
}

fn denied(what: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("a migration may not run {what}"))
}

fn tool_table(name: &str) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Denied, format!("`{name}` belongs to runner, and no migration may change it"))
        .hint("give your own table another name; what runner keeps is shown by `runner status` and `runner history`")
}

fn tool_table_in(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    crate::database::facts::TOOL_TABLES.into_iter().find(|name| text.contains(name))
}

/// Functions that release the locks by which runner recognises its live session.
const FREES_LOCKS: [&str; 2] = ["RELEASE_LOCK", "RELEASE_ALL_LOCKS"];

fn check_names(text: &str, class: StatementClass, dialect: Dialect, rights: Role) -> Result<(), DatabaseError> {
    let names = identifiers(text, dialect);
    let has = |name: &str| names.iter().any(|it| it.eq_ignore_ascii_case(name));
    let first = names.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    match class {
        StatementClass::TransactionControl if first == "XA" => {
            return Err(denied("XA transactions")
                .hint("they outlive the session and keep their locks; use ordinary statements"));
        }
        StatementClass::TransactionControl => {
            return Err(denied(&format!("`{first}`: runner itself begins and ends the transaction"))
                .hint("remove it from the migration"));
        }
        StatementClass::Session if rights == Role::Component => {
            return Err(denied(&format!("`{first}` from a component: it would change the session for the host too"))
                .hint("do it in a migration in SQL"));
        }
        StatementClass::Session if has("autocommit") || has("completion_type") => {
            return Err(denied("`SET autocommit` or `SET completion_type`: runner decides what is committed when")
                .hint("remove it from the migration"));
        }
        StatementClass::Unknown
            if rights == Role::Component && matches!(first.as_str(), "KILL" | "SHUTDOWN" | "RESTART") =>
        {
            return Err(denied(&format!("`{first}` from a component")).hint("do it by hand, or in a migration in SQL"));
        }
        _ => {}
    }
    if !reads(text, dialect)
        && let Some(name) = names.iter().find(|name| is_tool_table(name))
    {
        return Err(tool_table(name));
    }
    if let Some(name) = FREES_LOCKS.into_iter().find(|name| has(name)) {
        return Err(denied(&format!("`{name}`: runner's own lock is held by the session"))
            .hint("locks that a migration takes end with it"));
    }
    Ok(())
}

impl MysqlDatabase {
    /// Runs before a statement of a caller: prepares the session, and checks the stop signal and what the caller may
    /// do. Returns what [`Self::after`] needs to know.
    pub(super) async fn before(&mut self, statement: &str) -> Result<CheckedStatement, DatabaseError> {
        self.watch.check_stop()?;
        let dialect = self.server.facts.dialect;
        // The servers accept a comment as a statement.
        if !has_statement(statement, dialect) {
            return Err(DatabaseError::no_statement());
        }
        let class = self.guard.check(statement, dialect, self.transaction.is_some())?;
        self.check_transaction()?;
        self.renew_if_due().await?;
        self.settle().await?;
        if self.guard.rights() == Role::Host {
            self.host_touches(statement).await?;
        } else {
            self.note_traces(statement).await?;
            self.look_at_tool_tables(class).await?;
            self.look_before(class).await?;
            self.guard.note_temporary(statement, dialect);
        }
        Ok(CheckedStatement { class, reads: reads(statement, dialect) })
    }

    /// Runs before a writer opens a table, like [`Self::before`].
    pub(super) async fn before_writing(&mut self, table: &TableName) -> Result<(), DatabaseError> {
        self.watch.check_stop()?;
        if self.guard.rights() != Role::Host && is_tool_table(&table.name) {
            return Err(tool_table(&table.name));
        }
        self.check_transaction()?;
        self.renew_if_due().await?;
        self.settle().await?;
        if self.guard.rights() == Role::Host {
            return self.host_touches(&table.name).await;
        }
        self.guard.is_used = true;
        self.look_at_tool_tables(StatementClass::Rows).await
    }

    /// Runs after it: if a statement of a script or guest may have done anything, proves that the transaction is
    /// still ours, or ends whatever the statement began.
    pub(super) async fn after<T>(
        &mut self,
        asked: CheckedStatement,
        answer: Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let answer = match answer {
            // Some functions (`SLEEP`, `BENCHMARK`) return another value when they are killed, which is not an error.
            Ok(_) if asked.reads => self.watch.check_killed().and(answer),
            Err(error) if error.code == NOT_PREPARABLE && self.guard.rights() == Role::Component => {
                Err(denied("this statement from a component: the prepared protocol does not know it")
                    .code(error.code)
                    .hint("do it in a migration in SQL"))
            }
            answer => answer,
        };
        let is_lost = matches!(&answer, Err(error) if error.kind == DatabaseErrorKind::Connection);
        let is_plain = matches!(asked.class, StatementClass::Rows | StatementClass::Schema);
        if is_lost || self.guard.rights() == Role::Host {
            return answer;
        }
        if is_plain {
            return self.check_after_failure(answer).await;
        }
        self.guard.others_name_tool_tables = None;
        self.guard.has_programs = None;
        if self.transaction.is_none() {
            self.end_what_is_open().await?;
            self.compare_tool_tables().await?;
            return answer;
        }
        if !self.in_transaction_now().await? {
            return Err(super::transaction::ended(answer.err()));
        }
        self.guard.settings = SessionSettings::Theirs(None);
        session::run(&mut self.connection, format!("SET {}", self.endpoint.names())).await?;
        answer
    }

    /// Without a transaction, each statement commits by itself. A transaction that a statement left open (`START
    /// TRANSACTION` in a procedure, `autocommit = 0`) would capture what runner records afterwards. The same message
    /// restores the character set and asks for the settings that are the script's from now on.
    async fn end_what_is_open(&mut self) -> Result<(), DatabaseError> {
        let end = format!(
            "COMMIT AND NO CHAIN NO RELEASE; SET autocommit = 1, completion_type = 0, {}; {}",
            self.endpoint.names(),
            settings::ASK
        );
        match session::one(&mut self.connection, end).await {
            Err(error) if error.kind != DatabaseErrorKind::Connection => {
                // Such as an XA transaction, which ends with the session.
                self.guard.must_renew = true;
                Err(denied("a statement that leaves a transaction open which cannot be committed")
                    .code(error.code.clone())
                    .detail(error.to_string())
                    .hint("remove `XA` from the migration"))
            }
            answer => {
                self.guard.settings = SessionSettings::Theirs(Some(Kept::of(&answer?)));
                Ok(())
            }
        }
    }

    /// Records what a statement of a migration may leave in the session, which the next migration must not find.
    async fn note_traces(&mut self, statement: &str) -> Result<(), DatabaseError> {
        if self.guard.is_used && self.guard.has_programs.is_none() {
            return Ok(());
        }
        let traces = match self.guard.rights() {
            Role::SqlScript => traces(statement, self.server.facts.dialect),
            _ => Traces::Session,
        };
        match traces {
            Traces::None => {}
            Traces::Rows => {
                self.guard.has_inserted = true;
                if !self.guard.is_used {
                    self.guard.is_used = self.has_programs().await?;
                }
            }
            Traces::Session => {
                self.guard.is_used = true;
                // It may create a trigger or a function.
                self.guard.has_programs = None;
            }
        }
        Ok(())
    }

    /// Whether the database has triggers, or the server functions, that statements on rows may run. Looked up once, and
    /// again after whatever may have created one.
    async fn has_programs(&mut self) -> Result<bool, DatabaseError> {
        if let Some(found) = self.guard.has_programs {
            return Ok(found);
        }
        let schema = session::literal(self.server.facts.schema.as_deref().unwrap_or_default());
        let ask = format!(
            "SELECT EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema}) OR EXISTS (SELECT 1 \
             FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA NOT IN ('sys', 'mysql'))"
        );
        let found = session::number(&session::one(&mut self.connection, ask).await?, 0) == 1;
        self.guard.has_programs = Some(found);
        Ok(found)
    }
}

impl Guard {
    /// Records a temporary table that a statement creates.
    fn note_temporary(&mut self, statement: &str, dialect: Dialect) {
        if let Some(names) = temporary_table(statement, dialect) {
            self.temporary.push(names.iter().map(|name| dialect.quote(name)).collect::<Vec<_>>().join("."));
        }
    }
}
