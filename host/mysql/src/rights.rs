//! What scripts and guests may not do: the first wall, a check of the statement's text; and what is checked after a
//! statement whose text does not show what it does.
//!
//! Every statement of a caller, however it is sent to the server, is enclosed by [`MysqlDatabase::before`] and
//! [`MysqlDatabase::after`]:
//!
//! ```text
//! let asked = self.before(statement).await?;
//! let watch = self.watch.clone();
//! let answer = watch.over(ask(self.connection.of_guests()?, statement)).await;
//! self.after(asked, answer).await
//! ```
//!
//! What the host itself asks on behalf of a caller (the INSERT of a writer, a further batch of a cursor) needs only
//! `watch.over`; a writer that is opened begins with
//! [`MysqlDatabase::before_writing`].

use std::sync::Arc;

use super::MysqlDatabase;
use super::error::NOT_PREPARABLE;
use super::programs::{Before, Programs};
use super::refusals::{self, Asking, is_tool_name, tool_table};
use super::refusals_login::{Quoting, check_with_login, denied};
use super::settings::Kept;
use super::tool_tables::Picture;
use runner_database::error::RAN;
use runner_database::logins::refusals::no_session;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role, TableName};
use runner_sql::classify::{reads, temporary_table};
use runner_sql::traces::{Traces, traces};
use runner_sql::{StatementClass, has_statement, identifiers, qualifiers};

/// A statement of a caller that has been allowed; see [`MysqlDatabase::before`].
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedStatement {
    reads: bool,
    /// Whether its text shows everything that it does, so that only rows or the schema can have changed.
    is_plain: bool,
    /// Whether it may store a program.
    stores: bool,
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
    /// The triggers, views and routines that statements may run without showing it, if they were looked up.
    pub programs: Option<Arc<Programs>>,
    /// What may reach the tool's tables, as the run has found it.
    pub before: Option<Before>,
    /// Where strings end in the mode that a script has set.
    pub quoting: Option<Quoting>,
    /// The tool's tables before a statement outside a transaction that may do anything.
    pub tool_tables: Option<Picture>,
    /// The questions for such a picture.
    pub looks: Option<Vec<(String, String)>>,
    /// Whether the session has to be replaced before it is used outside a transaction.
    pub must_renew: bool,
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
            programs: self.programs.take(),
            before: self.before.take(),
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
}

/// How often what follows a statement is tried against the statement's own limit on time.
const ATTEMPTS: usize = 20;

impl MysqlDatabase {
    /// Runs before a statement of a caller: prepares the session, and checks the stop signal and what the caller may
    /// do. Returns what [`Self::after`] needs to know.
    pub(super) async fn before(&mut self, statement: &str) -> Result<CheckedStatement, DatabaseError> {
        self.watch.check_stop()?;
        if self.is_denied {
            return Err(no_session());
        }
        let dialect = self.server.facts.dialect;
        // The servers accept a comment as a statement.
        if !has_statement(statement, dialect) {
            return Err(DatabaseError::no_statement());
        }
        let role = self.guard.rights();
        let asking = Asking {
            role,
            dialect,
            in_transaction: self.transaction.is_some(),
            database: self.endpoint.database(),
            folds_names: self.server.folds_table_names,
            quoting: self.guard.quoting.unwrap_or(self.server.quoting),
        };
        let class = match role == Role::Component && self.is_gated() {
            true => check_with_login(statement, asking.dialect, asking.quoting)?,
            false => refusals::check(statement, asking)?,
        };
        self.check_transaction()?;
        self.renew_if_due().await?;
        self.connection.settle(role).await?;
        let mut stores = false;
        let mut is_plain = matches!(class, StatementClass::Rows | StatementClass::Schema);
        if role == Role::Host {
            self.host_touches(statement).await?;
        } else if self.is_gated() {
            self.check_granted(statement).await?;
            is_plain = false;
        } else {
            stores = stores_program(statement, class, dialect);
            if stores && self.guard.before.is_none() {
                self.programs().await?;
            }
            if !stores && runs_programs(statement, class, dialect) {
                let programs = self.programs().await?;
                programs.check_events()?;
                let is_elsewhere = self.is_elsewhere() || programs.leads_elsewhere(statement, dialect);
                if role == Role::Component {
                    self.check_call(statement, &programs, is_elsewhere)?;
                }
                let may_reach = is_elsewhere || programs.reach_tool_tables || runs_anything(statement, class, dialect);
                self.look_at_tool_tables(may_reach).await?;
                self.note_traces(statement, programs.run_with_statements);
                is_plain &= !(is_elsewhere || programs.change_settings);
            } else {
                self.note_traces(statement, false);
            }
            self.guard.note_temporary(statement, dialect);
            if stores || !matches!(class, StatementClass::Rows | StatementClass::Schema) {
                self.guard.programs = None;
                stores |= runs_anything(statement, class, dialect);
            }
        }
        if self.transaction.is_none() && !reads(statement, dialect) {
            self.renew_lease().await?;
        }
        if role != Role::Host {
            self.connection.doubt();
        }
        Ok(CheckedStatement { is_plain, stores, reads: reads(statement, dialect) })
    }

    /// Fails if a component's `CALL` may run what its text does not show.
    fn check_call(&self, statement: &str, programs: &Programs, leads_elsewhere: bool) -> Result<(), DatabaseError> {
        let dialect = self.server.facts.dialect;
        let is_call = identifiers(statement, dialect).first().is_some_and(|first| first.eq_ignore_ascii_case("CALL"));
        let is_ours = |name: &String| name == self.endpoint.database();
        if !is_call {
            return Ok(());
        }
        if leads_elsewhere || programs.reach_tool_tables || !qualifiers(statement, dialect).iter().all(is_ours) {
            return Err(denied(
                "`CALL` from a component where programs lead to another database, or to runner's tables",
            )
            .hint("do it in a migration in SQL"));
        }
        if programs.have_dynamic_sql {
            return Err(denied("`CALL` from a component in a database whose procedures have dynamic SQL")
                .hint("do it in a migration in SQL"));
        }
        Ok(())
    }

    /// Runs before a writer opens a table, like [`Self::before`].
    pub(super) async fn before_writing(&mut self, table: &TableName) -> Result<(), DatabaseError> {
        self.watch.check_stop()?;
        if self.is_denied {
            return Err(no_session());
        }
        if self.guard.rights() != Role::Host && is_tool_name(&table.name) {
            return Err(tool_table(&table.name));
        }
        self.check_transaction()?;
        self.renew_if_due().await?;
        self.connection.settle(self.guard.rights()).await?;
        if self.guard.rights() == Role::Host {
            return self.host_touches(&table.name).await;
        }
        if self.is_gated() {
            self.connection.doubt();
            return Ok(());
        }
        self.guard.is_used = true;
        let programs = self.programs().await?;
        programs.check_events()?;
        let leads_elsewhere = table.schema.as_deref().is_some_and(|schema| schema != self.endpoint.database());
        self.look_at_tool_tables(leads_elsewhere || programs.reach_tool_tables).await?;
        self.connection.doubt();
        Ok(())
    }

    /// Runs after it: if a statement of a script or guest may have done anything, proves that the transaction is
    /// still ours, or ends whatever the statement began, and establishes whose settings the session has.
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
                    .hint("do it in a migration in SQL"))
            }
            answer => answer,
        };
        let is_lost = matches!(&answer, Err(error) if error.kind == DatabaseErrorKind::Connection);
        if is_lost || self.watch.has_ended() || self.guard.rights() == Role::Host {
            return answer;
        }
        if asked.is_plain {
            let answer = self.check_after_failure(answer).await;
            self.check_traces(asked).await?;
            return answer;
        }
        if self.transaction.is_none() {
            self.end_what_is_open(if answer.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
            self.check_traces(asked).await?;
            return answer;
        }
        if !self.prove_session().await? {
            // What it did before it ended the transaction is committed.
            let changed = self.check_tool_tables_now().await.err();
            let ended = super::transaction::ended(answer.err());
            return Err(match changed {
                Some(changed) if changed.kind == DatabaseErrorKind::Denied => changed.detail(ended.message),
                _ => ended,
            });
        }
        answer
    }

    /// Fails if a statement outside a transaction has changed the tool's tables, or has left an event that may do so. Inside one, whatever
    /// creates an event commits, which is found. The events come first: one that is gone by then has done what it does.
    async fn check_traces(&mut self, asked: CheckedStatement) -> Result<(), DatabaseError> {
        if asked.stores && self.transaction.is_none() {
            self.check_new_programs().await?;
        }
        self.compare_tool_tables().await
    }

    /// Whether the transaction is still ours; then the session has its character set again, and its settings are known. A
    /// component's changes of settings are undone.
    async fn prove_session(&mut self) -> Result<bool, DatabaseError> {
        let Some((renew, next)) = self.renewal() else { return Ok(false) };
        let learned = self.connection.learn(&renew, self.guard.rights()).await;
        let Some(kept) = self.renewed(next, learned)? else { return Ok(false) };
        if !kept.autocommits {
            return Err(denied("a statement that switches `autocommit` off")
                .code(RAN)
                .hint("remove it from the migration"));
        }
        self.note_quoting(&kept);
        Ok(true)
    }

    fn note_quoting(&mut self, kept: &Kept) {
        if self.guard.rights() != Role::Component {
            self.guard.quoting = Some(kept.quoting());
        }
    }

    /// Without a transaction, each statement commits by itself. A transaction that a statement left open
    /// (`START TRANSACTION` in a procedure, `autocommit = 0`) would capture what runner records afterwards; of one that
    /// failed, nothing else would commit what it left open. The same message restores the character set and asks for
    /// the settings that are the script's from now on.
    async fn end_what_is_open(&mut self, how: &str) -> Result<(), DatabaseError> {
        let end = format!("{how} AND NO CHAIN NO RELEASE; SET autocommit = 1, completion_type = 0");
        let mut attempts = 1..ATTEMPTS;
        let answer = loop {
            match self.connection.learn(&end, self.guard.rights()).await {
                // The script's limit on time is in force here. What ended stays ended.
                Err(error) if error.kind == DatabaseErrorKind::Timeout && attempts.next().is_some() => {}
                answer => break answer,
            }
        };
        match answer {
            Err(error) if error.kind == DatabaseErrorKind::Timeout => {
                self.guard.must_renew = true;
                Err(error)
            }
            Err(error) if error.kind != DatabaseErrorKind::Connection => {
                // Such as an XA transaction, which ends with the session.
                self.guard.must_renew = true;
                Err(denied("a statement that leaves a transaction open which cannot be committed")
                    .code(error.code.clone())
                    .detail(error.to_string())
                    .hint("remove `XA` from the migration"))
            }
            answer => {
                self.note_quoting(&answer?);
                Ok(())
            }
        }
    }

    /// Records what a statement of a migration may leave in the session, which the next migration must not find.
    fn note_traces(&mut self, statement: &str, runs_programs: bool) {
        let traces = match self.guard.rights() {
            Role::SqlScript => traces(statement, self.server.facts.dialect),
            _ => Traces::Session,
        };
        match traces {
            Traces::None => {}
            Traces::Rows => {
                self.guard.has_inserted = true;
                self.guard.is_used |= runs_programs;
            }
            Traces::Session => self.guard.is_used = true,
        }
    }
}

impl MysqlDatabase {
    /// Whether a script has left the database: then its names may be those of another one.
    fn is_elsewhere(&self) -> bool {
        self.connection.is_outside(self.server.facts.schema.as_deref())
    }
}

/// Whether a statement may run a trigger, a view or a routine.
fn runs_programs(statement: &str, class: StatementClass, dialect: Dialect) -> bool {
    // A change of the schema runs what it selects.
    let selects = |word: &String| ["SELECT", "VALUES", "CALL"].iter().any(|it| it.eq_ignore_ascii_case(word));
    class != StatementClass::Schema || identifiers(statement, dialect).iter().any(selects)
}

/// Whether a statement may reach the tables by a name that its text does not show.
fn runs_anything(statement: &str, class: StatementClass, dialect: Dialect) -> bool {
    match class {
        StatementClass::Rows | StatementClass::Schema => false,
        // A setting is given a value; only a call in it can do more. After `USE`, names are those of another database.
        StatementClass::Session => {
            statement.contains('(')
                || identifiers(statement, dialect).first().is_none_or(|first| !first.eq_ignore_ascii_case("SET"))
        }
        _ => true,
    }
}

/// Whether a statement may create a program, or a database that has some.
fn stores_program(statement: &str, class: StatementClass, dialect: Dialect) -> bool {
    const WORDS: [&str; 8] = ["TRIGGER", "FUNCTION", "PROCEDURE", "VIEW", "EVENT", "PACKAGE", "DATABASE", "SCHEMA"];
    let is_one = |word: &String| WORDS.iter().any(|it| it.eq_ignore_ascii_case(word));
    class == StatementClass::Schema && identifiers(statement, dialect).iter().any(is_one)
}

impl Guard {
    /// Records a temporary table that a statement creates.
    fn note_temporary(&mut self, statement: &str, dialect: Dialect) {
        if let Some(names) = temporary_table(statement, dialect) {
            self.temporary.push(names.iter().map(|name| dialect.quote(name)).collect::<Vec<_>>().join("."));
        }
    }
}
