//! What migrations may have left in a session, which the next one must not find.

use crate::link::settings::Quoting;
use runner_sql::Tokens;
use runner_sql::classify::temporary_table;
use runner_sql::session_effects::SessionEffects;

/// What migrations may have left in a session since it was made.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// A variable, a setting, a temporary table or a lock.
    is_used: bool,
    /// A script has changed rows, so that `LAST_INSERT_ID()` may reveal them.
    has_inserted: bool,
    /// That is to be reset before the session is used again.
    must_clean: bool,
    /// Temporary tables, quoted, as far as their names are known.
    temporary: Vec<String>,
    /// Where strings end in the mode that a script has set.
    quoting: Option<Quoting>,
}

impl Leftovers {
    /// Records what a statement may leave. `runs_programs`: triggers and functions may run with it.
    pub fn note(&mut self, traces: SessionEffects, runs_programs: bool) {
        match traces {
            SessionEffects::None => {}
            SessionEffects::Rows => {
                self.has_inserted = true;
                self.is_used |= runs_programs;
            }
            SessionEffects::Session => self.is_used = true,
        }
    }

    /// Records a temporary table that a statement creates.
    pub fn note_temporary(&mut self, tokens: &Tokens<'_>) {
        if let Some(names) = temporary_table(tokens) {
            self.add_temporary(names.iter().map(|name| tokens.dialect().quote(name)).collect::<Vec<_>>().join("."));
        }
    }

    /// Records a temporary table, quoted.
    pub fn add_temporary(&mut self, table: String) {
        self.temporary.push(table);
    }

    /// Forgets temporary tables that were dropped.
    pub fn dropped_temporary(&mut self, dropped: &[String]) {
        self.temporary.retain(|table| !dropped.contains(table));
    }

    /// Records the mode that a script has set.
    pub fn note_quoting(&mut self, quoting: Quoting) {
        self.quoting = Some(quoting);
    }

    /// Where strings end in the mode that a script has set.
    pub fn quoting(&self) -> Option<Quoting> {
        self.quoting
    }

    /// Records the end of a migration. Returns whether the session has to be replaced, and the statement that drops the temporary tables;
    /// empty if there are none.
    pub(in crate::link) fn end_migration(&mut self) -> (bool, String) {
        self.must_clean |= std::mem::take(&mut self.has_inserted);
        let temporary = std::mem::take(&mut self.temporary);
        let drop = match temporary.is_empty() {
            true => String::new(),
            false => format!("DROP TEMPORARY TABLE IF EXISTS {}; ", temporary.join(", ")),
        };
        (self.is_used, drop)
    }

    /// Returns the statement that cleans the session up, to be sent before the next ones; empty if it is clean.
    pub fn take_cleaning(&mut self) -> &'static str {
        if std::mem::take(&mut self.must_clean) { "DO LAST_INSERT_ID(0); " } else { "" }
    }
}
