//! What statements leave in their session and the journal does not hold. Where later statements run in another session, the
//! settings of a migration in SQL are made again; a statement that needs anything else is refused, since it would take NULL or
//! 0 for it.
//!
//! Rejected: to refuse settings as well. On MySQL and MariaDB every change of a schema is stepwise, and a dump begins with settings:
//! after each lost connection and each killed run, the operator would have to copy them to where the file continues. What is made again are
//! constants alone (see [`SessionValues::is_setting`]), so that nothing is guessed.

use std::collections::BTreeSet;

use super::{Journal, JournalState};
use crate::call::{Call, CallKind};
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{Dialect, HostSession};
use runner_project::catalog::Kind;
use runner_sql::{SessionValues, Tokens, excerpt, keeps_last, may_read_last, session_values, split};

/// What the session of the run has, and what an earlier one had.
#[derive(Default)]
pub(super) struct Session {
    /// The statements that made settings, in order.
    settings: Vec<String>,
    /// The session does not have them.
    are_lost: bool,
    /// The user variables that these statements set.
    repeated: BTreeSet<String>,
    /// The user variables that statements of this session set.
    own: BTreeSet<String>,
    /// Those that statements of earlier sessions set, as far as their texts show.
    earlier: BTreeSet<String>,
    /// Statements took effect in an earlier session.
    has_earlier: bool,
    /// Statements took effect in this one.
    has_own: bool,
    /// One of them may have generated a key.
    has_key: bool,
}

impl Session {
    /// A new session took the place of this one.
    pub fn lost(&mut self) {
        let has_earlier = self.has_earlier || self.has_own;
        let before = std::mem::take(self);
        let earlier = before.earlier.into_iter().chain(before.own).collect();
        let (settings, repeated) = (before.settings, before.repeated);
        *self = Self { settings, repeated, earlier, are_lost: true, has_earlier, ..Self::default() };
    }

    /// Whether anything was done in it, or made again.
    fn holds_anything(&self) -> bool {
        self.has_own || (!self.settings.is_empty() && !self.are_lost)
    }

    /// Whether it took the place of another one, and has not been used.
    pub fn is_lost(&self) -> bool {
        self.are_lost
    }

    /// Remembers a statement that took effect: in an earlier session if `is_earlier`. `repeats` says that settings are made again.
    fn note(&mut self, statement: &str, values: SessionValues, repeats: bool, is_earlier: bool) {
        let is_known = values.reads.iter().all(|name| self.repeated.contains(name));
        let is_repeated = repeats && values.is_setting && is_known;
        for name in values.sets.into_iter().chain(values.passes) {
            if is_repeated {
                self.repeated.insert(name.clone());
            } else {
                self.repeated.remove(&name);
            }
            if is_earlier {
                self.earlier.insert(name)
            } else {
                self.own.insert(name)
            };
        }
        if is_repeated {
            self.settings.push(statement.to_owned());
            self.are_lost |= is_earlier;
        }
        if is_earlier {
            self.has_earlier = true;
        } else {
            self.has_own = true;
            self.has_key |= values.makes_key;
        }
    }

    /// Returns what a statement needs of an earlier session.
    fn missing(&self, statement: &str, dialect: Dialect) -> Option<String> {
        if !self.has_earlier {
            return None;
        }
        let values = session_values(&Tokens::new(statement, dialect));
        // One that nothing has set may still have been set by a trigger. An argument of a procedure is rather there to be set.
        let passes = values.passes.into_iter().filter(|name| self.earlier.contains(name));
        let mut needs = values.reads.into_iter().chain(passes);
        let variable = needs.find(|name| !self.own.contains(name) && !self.repeated.contains(name));
        variable
            .map(|name| format!("@{name}"))
            .or_else(|| values.reads_key.filter(|_| !self.has_key))
            .or_else(|| values.reads_last.filter(|_| !self.has_own))
    }
}

/// The error of a statement that takes a count of the one before it where the journal is written in between; `is_planned` before
/// anything ran.
pub fn counts_own_statements(count: &str, is_planned: bool) -> Error {
    let message =
        format!("`{count}` does not count the rows of the migration's last statement here, but those of runner's own");
    let error = if is_planned { Error::usage(message) } else { Error::failed(message) };
    error.hint(
        "replace it, for example by a subquery, put both statements into a stored procedure, or let the migration run in one transaction",
    )
}

impl Journal {
    /// Notes if another session has taken the place of the one that the last step used, no matter who opened it.
    pub(super) fn note_session(&self, state: &mut JournalState, number: u64) {
        let is_new = state.session_number.replace(number).is_some_and(|before| before != number);
        if is_new && state.session.holds_anything() {
            state.session.lost();
            // Otherwise they are made again before the next statement.
            state.session.are_lost = !state.session.settings.is_empty();
        }
    }

    /// Remembers a step that took effect.
    pub(super) fn note_step(&self, state: &mut JournalState, kind: &str, text: &str, is_earlier: bool) {
        let (dialect, repeats) = (self.facts.dialect, self.kind == Kind::Sql);
        if kind == CallKind::Transaction.name() {
            for statement in split(text, dialect).unwrap_or_default() {
                state.session.note(statement.text, session_values(&statement.tokens()), repeats, is_earlier);
            }
            return;
        }
        let values = || session_values(&Tokens::new(text, dialect));
        let is_statement = CallKind::from_name(kind).is_some_and(CallKind::is_statement);
        let values = if is_statement { values() } else { SessionValues::default() };
        // A component makes its settings by itself.
        state.session.note(text, values, repeats, is_earlier);
    }

    /// Refuses a statement that needs what an earlier session had, or what the statement before it left.
    pub(super) fn check_session(&self, state: &JournalState, call: &Call<'_>) -> Result<()> {
        if !call.kind.is_statement() {
            return Ok(());
        }
        self.check_counts(call)?;
        let Some(missing) = state.session.missing(call.text, self.facts.dialect) else { return Ok(()) };
        let message = format!("the statement needs `{missing}` of an earlier session, which has ended");
        let error = Error::new(ErrorKind::Partial, message)
            .cause("a migration that is resumed, or whose connection was lost, continues in a new session");
        Err(match self.kind {
            Kind::Sql => error.hint(format!(
                "replace `{missing}` in the statement, for example by a value or a subquery: statements that have not run yet \
                 may be changed"
            )),
            Kind::Component | Kind::Script => error.hint(
                "undo what took effect with `runner rollback`, or by hand and record that with `runner repair`; then let the \
                 migration query the value from a table",
            ),
        })
    }

    /// Refuses a statement that needs a count of the one before it: the journal is written in between. Of a migration in SQL, the plan
    /// has refused it. A component gets what it selects.
    fn check_counts(&self, call: &Call<'_>) -> Result<()> {
        let tokens = Tokens::new(call.text, self.facts.dialect);
        let selected = || {
            let is_selected = self.kind != Kind::Sql && may_read_last(&tokens) && tokens.begins_with(&["SELECT"]);
            is_selected.then(|| session_values(&tokens).reads_last).flatten()
        };
        let Some(count) = keeps_last(&tokens).or_else(selected) else { return Ok(()) };
        Err(counts_own_statements(&count, false).at("statement", excerpt(call.text)))
    }

    /// Makes the settings again if the session does not have them. No transaction may be open: some settings end with one.
    pub(super) async fn set_again(&self, database: &mut HostSession<'_>, state: &mut JournalState) -> Result<()> {
        if !state.session.are_lost {
            return Ok(());
        }
        for statement in &state.session.settings {
            let set = database.connection().script(&self.stop).execute(statement, &[]).await;
            set.map_err(|error| Error::from(error).at("while repeating", excerpt(statement)))?;
        }
        state.session.are_lost = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a statement misses after others in an earlier session and then in this one.
    fn missing(earlier: &[&str], own: &[&str], statement: &str) -> Option<String> {
        let mut session = Session::default();
        let note = |session: &mut Session, text: &str, is_earlier: bool| {
            session.note(text, session_values(&Tokens::new(text, Dialect::Mariadb)), true, is_earlier);
        };
        for text in earlier {
            note(&mut session, text, false);
        }
        session.lost();
        for text in own {
            note(&mut session, text, false);
        }
        session.missing(statement, Dialect::Mariadb)
    }

    #[test]
    fn an_argument_of_a_procedure_is_missed_if_it_had_a_value() {
        for (earlier, own, statement, missed) in [
            (&["SELECT 5 INTO @id"][..], &[][..], "CALL p(@id)", Some("@id")),
            (&["CALL q(@id)"], &[], "CALL p(@id)", Some("@id")),
            (&["SET @id = 5"], &[], "CALL p(@id)", None),
            (&["SELECT 1"], &[], "CALL p(@id)", None),
            (&["SELECT 1"], &["CALL q(@id)"], "INSERT INTO t VALUES (@id)", None),
            (&["SELECT 5 INTO @id"], &["CALL q(@id)"], "CALL p(@id)", None),
            // A trigger may have set it.
            (&["SELECT 1"], &[], "INSERT INTO t VALUES (@id)", Some("@id")),
            (&["CALL q(@id)"], &["SELECT 1"], "CREATE TABLE t AS SELECT @id", Some("@id")),
        ] {
            assert_eq!(missing(earlier, own, statement).as_deref(), missed, "{earlier:?} {own:?} {statement}");
        }
    }
}
