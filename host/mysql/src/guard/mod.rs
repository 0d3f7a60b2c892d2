//! What scripts and guests may not do: the first wall, a check of the statement's text; and what is checked after a
//! statement whose text does not show what it does.
//!
//! Every statement of a caller, however it is sent to the server, is enclosed by [`Guard::before`] and [`Guard::after`]:
//!
//! ```text
//! let checked = self.guard.before(&mut self.session, statement).await?;
//! let answer = statement.execute(&mut self.session.link).await;
//! self.guard.after(&mut self.session, checked, answer).await
//! ```
//!
//! What the host itself asks on behalf of a caller (the INSERT of a writer, a further batch of a cursor) is only watched over; a writer
//! that is opened begins with [`Guard::before_writing`].

mod login;
mod programs;
mod refusals;
mod tool_tables;

use std::borrow::Cow;

use self::login::{Granted, check_with_login, denied};
use self::programs::{ProgramCache, Programs};
use self::refusals::{Asking, tool_table};
use self::tool_tables::ToolTables;
use crate::commit::{COMMIT_TEXT, ROLLBACK_TEXT};
use crate::error::{NOT_PREPARABLE, Result};
use crate::link::Link;
use crate::link::settings::Kept;
use crate::session::RunSession;
use crate::transaction::ended_by;
use runner_database::logins::refusals::no_session;
use runner_database::{DatabaseError, DatabaseErrorKind, Meaning, Role, TableName};
use runner_sql::classify::reads;
use runner_sql::session_effects::{SessionEffects, session_effects};
use runner_sql::{StatementClass, Tokens, has_statement, qualifiers};

pub(crate) use self::programs::reaching_objects;
pub(crate) use self::refusals::is_tool_name;
pub use self::refusals::refused_text;
pub(crate) use self::tool_tables::names_tool_table;

/// A statement of a caller that has been allowed; see [`Guard::before`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedStatement {
    reads: bool,
    /// Whether its text shows everything that it does, so that only rows or the schema can have changed.
    is_plain: bool,
    /// Whether it may store a program.
    stores: bool,
}

/// What callers may do, and what may reach the tool's tables.
#[derive(Default)]
pub(crate) struct Guard {
    programs: ProgramCache,
    tool_tables: ToolTables,
    /// What the server has found that a component under grants may run.
    granted: Granted,
    /// Statements are refused: they would be those of a component under grants, on the session of the host.
    is_denied: bool,
}

/// How often what follows a statement is tried against the statement's own limit on time.
const ATTEMPTS: usize = 20;

impl Guard {
    /// Refuses statements of a component from now on, or no longer. Returns what was before.
    pub fn deny(&mut self, denied: bool) -> bool {
        std::mem::replace(&mut self.is_denied, denied)
    }

    /// Fails if statements are refused or the stop signal is raised.
    pub fn check_open(&self, link: &Link) -> Result<()> {
        link.watch.check_stop()?;
        if self.is_denied { Err(no_session()) } else { Ok(()) }
    }

    /// Whether statements on rows may reach the tool's tables.
    pub async fn reaches_tool_tables(&mut self, link: &mut Link) -> Result<bool> {
        Ok(self.programs.get(link).await?.reach_tool_tables)
    }

    /// Records that a transaction begins.
    pub fn begun(&mut self) {
        self.tool_tables.forget();
    }

    /// Fails if the open transaction has changed the tool's tables.
    pub async fn check_tool_tables(&mut self, session: &mut RunSession) -> Result<()> {
        match session.transaction.is_open() {
            true => self.tool_tables.check(&mut session.link).await,
            false => Ok(()),
        }
    }

    /// Runs before a statement of a caller: prepares the session, and checks the stop signal and what the caller may
    /// do. Returns what [`Self::after`] needs to know.
    pub async fn before(&mut self, session: &mut RunSession, statement: &str) -> Result<CheckedStatement> {
        self.check_open(&session.link)?;
        let (dialect, role) = (session.link.dialect(), session.link.role());
        let in_transaction = session.transaction.is_open();
        // The servers accept a comment as a statement.
        if !has_statement(statement, dialect) {
            return Err(DatabaseError::no_statement());
        }
        let tokens = Tokens::new(statement, dialect);
        let asking = Asking {
            role,
            in_transaction,
            database: session.link.endpoint().database(),
            folds_names: session.link.server().folds_table_names,
            quoting: session.link.quoting(),
        };
        let class = match role == Role::Component && session.is_gated() {
            true => check_with_login(&tokens, asking.quoting)?,
            false => refusals::check(&tokens, asking)?,
        };
        self.ready(session).await?;
        let mut stores = false;
        let mut is_plain = matches!(class, StatementClass::Rows | StatementClass::Schema);
        if role == Role::Host {
            self.host_touches(session, statement).await?;
        } else if session.is_gated() {
            self.granted.check(&mut session.link, &tokens).await?;
            is_plain = false;
        } else {
            stores = stores_program(&tokens, class);
            if stores {
                self.programs.note_before(&mut session.link).await?;
            }
            if !stores && runs_programs(&tokens, class) {
                let programs = self.programs.get(&mut session.link).await?;
                programs.check_events()?;
                let has_left = session.link.work.is_outside(session.link.facts().schema.as_deref());
                let is_elsewhere = has_left || programs.leads_elsewhere(&tokens);
                if role == Role::Component {
                    check_call(&session.link, &tokens, &programs, is_elsewhere)?;
                }
                let may_reach = is_elsewhere || programs.reach_tool_tables || runs_anything(&tokens, class);
                if may_reach {
                    self.tool_tables.snapshot(&mut session.link).await?;
                }
                note_traces(&mut session.link, &tokens, programs.run_with_statements);
                is_plain &= !(is_elsewhere || programs.change_settings);
            } else {
                note_traces(&mut session.link, &tokens, false);
            }
            session.link.leftovers.note_temporary(&tokens);
            if stores || !matches!(class, StatementClass::Rows | StatementClass::Schema) {
                self.programs.forget();
                stores |= runs_anything(&tokens, class);
            }
        }
        let reads = reads(&tokens);
        if !in_transaction && !reads {
            session.lock.renew_lease(&mut session.link).await?;
        }
        if role != Role::Host {
            session.link.work.note_guest();
        }
        Ok(CheckedStatement { is_plain, stores, reads })
    }

    /// Runs before a writer opens a table, like [`Self::before`].
    pub async fn before_writing(&mut self, session: &mut RunSession, table: &TableName) -> Result<()> {
        self.check_open(&session.link)?;
        let role = session.link.role();
        if role != Role::Host && is_tool_name(&table.name) {
            return Err(tool_table(&table.name));
        }
        self.ready(session).await?;
        if role == Role::Host {
            return self.host_touches(session, &table.name).await;
        }
        if !session.is_gated() {
            let link = &mut session.link;
            link.leftovers.note(SessionEffects::Session, true);
            let programs = self.programs.get(link).await?;
            programs.check_events()?;
            let leads_elsewhere = table.schema.as_deref().is_some_and(|schema| schema != link.endpoint().database());
            if leads_elsewhere || programs.reach_tool_tables {
                self.tool_tables.snapshot(link).await?;
            }
        }
        session.link.work.note_guest();
        Ok(())
    }

    /// Runs after it: if a statement of a script or guest may have done anything, proves that the transaction is
    /// still ours, or ends whatever the statement began, and establishes whose settings the session has.
    pub async fn after<T>(
        &mut self,
        session: &mut RunSession,
        asked: CheckedStatement,
        answer: Result<T>,
    ) -> Result<T> {
        let role = session.link.role();
        let answer = match answer {
            // Some functions (`SLEEP`, `BENCHMARK`) return another value when they are killed, which is not an error.
            Ok(_) if asked.reads => session.link.watch.check_killed().and(answer),
            Err(error) if error.code == NOT_PREPARABLE && role == Role::Component => {
                Err(denied("this statement from a component: the prepared protocol does not know it")
                    .hint("do it in a migration in SQL"))
            }
            answer => answer,
        };
        let is_lost = matches!(&answer, Err(error) if error.kind == DatabaseErrorKind::Connection);
        if is_lost || session.link.watch.has_ended() || role == Role::Host {
            return answer;
        }
        // A component with a login of its own changes rows alone: only the server can have ended its transaction.
        let is_failure_of_rows = answer.is_err() && session.is_gated() && session.transaction.is_open();
        if asked.is_plain || is_failure_of_rows {
            let answer = session.transaction.check_after_failure(&mut session.link, answer).await;
            self.check_traces(session, asked).await?;
            return answer;
        }
        if !session.transaction.is_open() {
            end_what_is_open(&mut session.link, if answer.is_ok() { COMMIT_TEXT } else { ROLLBACK_TEXT }).await?;
            self.check_traces(session, asked).await?;
            return answer;
        }
        if !prove_session(session).await? {
            // What it did before it ended the transaction is committed.
            let changed = self.check_tool_tables(session).await.err();
            let ended = ended_by(answer.err());
            return Err(match changed {
                Some(changed) if changed.kind == DatabaseErrorKind::Denied => changed.detail(ended.message),
                _ => ended,
            });
        }
        answer
    }

    /// Fails if a statement outside a transaction has changed the tool's tables, or has left an event that may do so. Inside one, whatever
    /// creates an event commits, which is found. The events come first: one that is gone by then has done what it does.
    async fn check_traces(&mut self, session: &mut RunSession, asked: CheckedStatement) -> Result<()> {
        if session.transaction.is_open() {
            return Ok(());
        }
        if asked.stores {
            self.programs.check_new(&mut session.link).await?;
        }
        self.tool_tables.compare(&mut session.link).await
    }

    /// Gets the session ready for a statement.
    async fn ready(&mut self, session: &mut RunSession) -> Result<()> {
        session.transaction.check(&session.link)?;
        session.renew_if_due().await?;
        if !session.transaction.is_open() {
            self.tool_tables.forget();
        }
        session.link.settle().await
    }

    /// Before a statement of the host that may change the tables: checks what migrations did so far; a new picture is
    /// taken after it.
    async fn host_touches(&mut self, session: &mut RunSession, statement: &str) -> Result<()> {
        match session.transaction.is_open() && names_tool_table(statement) {
            true => self.tool_tables.compare(&mut session.link).await,
            false => Ok(()),
        }
    }
}

/// Fails if a component's `CALL` may run what its text does not show.
fn check_call(link: &Link, tokens: &Tokens<'_>, programs: &Programs, leads_elsewhere: bool) -> Result<()> {
    let is_ours = |name: &Cow<'_, str>| name == link.endpoint().database();
    if !tokens.begins_with(&["CALL"]) {
        return Ok(());
    }
    if leads_elsewhere || programs.reach_tool_tables || !qualifiers(tokens).iter().all(is_ours) {
        return Err(denied("`CALL` from a component where programs lead to another database, or to runner's tables")
            .hint("do it in a migration in SQL"));
    }
    if programs.have_dynamic_sql {
        return Err(denied("`CALL` from a component in a database whose procedures have dynamic SQL")
            .hint("do it in a migration in SQL"));
    }
    Ok(())
}

/// Whether the transaction is still ours; then the session has its character set again, and its settings are known. A
/// component's changes of settings are undone.
async fn prove_session(session: &mut RunSession) -> Result<bool> {
    let Some((renew, next)) = session.transaction.renewal(&session.link) else { return Ok(false) };
    let learned = session.link.work.learn(&renew, session.link.watch.role()).await;
    let Some(kept) = session.transaction.renewed(next, learned)? else { return Ok(false) };
    if !kept.autocommits {
        return Err(denied("a statement that switches `autocommit` off")
            .means(Meaning::Ran)
            .hint("remove it from the migration"));
    }
    note_quoting(&mut session.link, &kept);
    Ok(true)
}

fn note_quoting(link: &mut Link, kept: &Kept) {
    if link.role() != Role::Component {
        link.leftovers.note_quoting(kept.quoting());
    }
}

/// Without a transaction, each statement commits by itself. A transaction that a statement left open
/// (`START TRANSACTION` in a procedure, `autocommit = 0`) would capture what runner records afterwards; of one that
/// failed, nothing else would commit what it left open. The same message restores the character set and asks for
/// the settings that are the script's from now on.
async fn end_what_is_open(link: &mut Link, how: &str) -> Result<()> {
    let end = format!("{how}; SET autocommit = 1, completion_type = 0");
    let mut attempts = 1..ATTEMPTS;
    let answer = loop {
        match link.work.learn(&end, link.watch.role()).await {
            // The script's limit on time is in force here. What ended stays ended.
            Err(error) if error.kind == DatabaseErrorKind::Timeout && attempts.next().is_some() => {}
            answer => break answer,
        }
    };
    match answer {
        Err(error) if error.kind == DatabaseErrorKind::Timeout => {
            link.replace_later();
            Err(error)
        }
        Err(error) if error.kind != DatabaseErrorKind::Connection => {
            // Such as an XA transaction, which ends with the session.
            link.replace_later();
            Err(denied("a statement that leaves a transaction open which cannot be committed")
                .code(error.code.clone())
                .means(error.meaning)
                .detail(error.to_string())
                .hint("remove `XA` from the migration"))
        }
        answer => {
            note_quoting(link, &answer?);
            Ok(())
        }
    }
}

/// Records what a statement of a migration may leave in the session, which the next migration must not find.
fn note_traces(link: &mut Link, tokens: &Tokens<'_>, runs_programs: bool) {
    let traces = match link.role() {
        Role::SqlScript => session_effects(tokens),
        _ => SessionEffects::Session,
    };
    link.leftovers.note(traces, runs_programs);
}

/// Whether a statement may run a trigger, a view or a routine.
fn runs_programs(tokens: &Tokens<'_>, class: StatementClass) -> bool {
    // A change of the schema runs what it selects.
    class != StatementClass::Schema || tokens.mentions(&["SELECT", "VALUES", "CALL"])
}

/// Whether a statement may reach the tables by a name that its text does not show.
fn runs_anything(tokens: &Tokens<'_>, class: StatementClass) -> bool {
    match class {
        StatementClass::Rows | StatementClass::Schema => false,
        // A setting is given a value; only a call in it can do more. After `USE`, names are those of another database.
        StatementClass::Session => tokens.text().contains('(') || !tokens.begins_with(&["SET"]),
        _ => true,
    }
}

/// Whether a statement may create a program, or a database that has some.
fn stores_program(tokens: &Tokens<'_>, class: StatementClass) -> bool {
    const WORDS: [&str; 8] = ["TRIGGER", "FUNCTION", "PROCEDURE", "VIEW", "EVENT", "PACKAGE", "DATABASE", "SCHEMA"];
    class == StatementClass::Schema && tokens.mentions(&WORDS)
}
