//! The one transaction of a migration, as the driver knows it. PostgreSQL answers the COMMIT of a transaction that an error has ended
//! with a ROLLBACK and no error, and a COMMIT without a transaction with a warning. So each commit is preceded by a proof that
//! the transaction is alive and is the one that was begun.

use crate::error::{Result, aborted};
use crate::guard::Fingerprint;
use crate::settings::{ENCODING, Formats, Own, PIN, UNPIN};
use crate::verdict::Verdict;
use runner_database::{ConnectOptions, DatabaseError, Role};

/// The savepoint before each statement of a guest.
pub(crate) const SAVEPOINT: &str = "runner_guest";

/// The query for the transaction's id, which assigns none.
pub(crate) const WHICH: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text";

/// Who speaks next, and in whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// The host, for itself or for a guest, in the settings that the host pins.
    Host,
    /// A guest, or the host within one of its statements: in the settings as the guest left them.
    Guest,
}

/// Whose names a statement uses: see `settings::search_path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Ours,
    Theirs,
}

/// A transaction that is open.
#[derive(Default)]
pub(crate) struct Transaction {
    xid: String,
    /// It holds many migrations, and is rolled back.
    pub(crate) is_tried: bool,
    /// No code of a migration can run in it: the version of the tables that it works on, see `session::code_free`.
    code_free: Option<String>,
    /// The first error that the server returned in it; the transaction accepts no more statements after that.
    failed: Option<String>,
    /// It was rolled back after that.
    is_over: bool,
    /// The savepoint before the guest's last statement is still set.
    savepoint: bool,
    /// The search path is ours, and that of the migration is noted.
    pinned: bool,
    /// SQL to run before the next statement, in the same message as what surrounds that statement.
    later: String,
    /// Whose statement may have changed settings of the session since the host made them its own.
    touched: Option<Role>,
    /// Whose formats it has.
    formats: Formats,
    /// The script's timeouts are in force, and the last statement may have been a script's.
    script_speaks: bool,
    /// A script has run statements.
    had_script: bool,
    /// A component has, which sets nothing for the session that is meant to last.
    had_component: bool,
    /// The state of the tool's tables when the script's role began.
    before: Option<Fingerprint>,
    /// A script has changed the tool's tables.
    tampered: Option<DatabaseError>,
    /// The statements with which a script has set something for its session, which lasts if the transaction commits.
    settings: Vec<String>,
}

/// A statement that comes next.
pub(crate) struct Next<'a> {
    pub(crate) voice: Voice,
    pub(crate) role: Role,
    pub(crate) names: Names,
    /// Whether a savepoint has to precede it.
    pub(crate) savepoint: bool,
    pub(crate) own: &'a Own,
    pub(crate) options: &'a ConnectOptions,
    /// The query for the state of the tool's tables.
    pub(crate) fingerprint: &'a str,
    /// What restores all settings, whatever a component has set.
    pub(crate) anew: &'a str,
    /// Fails if something foreign is attached to the tool's tables; needed where the names are ours.
    pub(crate) inspect: &'a str,
    /// Sent right before the statement.
    pub(crate) more: &'a str,
}

impl Transaction {
    /// A transaction that has just begun, with this id; without one if it only reads.
    pub(crate) fn new(xid: String) -> Self {
        Self { xid, ..Self::default() }
    }

    /// That of a part of a transform, with the version of its tables if no code of a migration can run in it.
    pub(crate) fn of_part(xid: String, code_free: Option<String>) -> Self {
        Self { code_free, ..Self::new(xid) }
    }

    /// See [`Session::code_free`](crate::session::Session::code_free).
    pub(crate) fn code_free(&self) -> Option<&String> {
        self.code_free.as_ref()
    }

    /// That of a migration in SQL, which begins with the script's timeouts and formats, and this state of the tool's tables.
    pub(crate) fn of_script(xid: String, now: Fingerprint) -> Self {
        let mut transaction = Self { formats: Formats::OfClient, ..Self::new(xid) };
        transaction.turn(true, now);
        transaction
    }

    pub(crate) fn xid(&self) -> &str {
        &self.xid
    }

    pub(crate) fn into_xid(self) -> String {
        self.xid
    }

    /// Fails if an error has ended it.
    pub(crate) fn check(&self) -> Result<()> {
        self.failed.as_ref().map_or(Ok(()), |first| Err(aborted(first)))
    }

    /// Fails if a script has changed the tool's tables, as far as was seen.
    pub(crate) fn check_tool_tables(&self) -> Result<()> {
        self.tampered.clone().map_or(Ok(()), Err)
    }

    /// Records the error that has ended it, so that later statements can report it.
    pub(crate) fn fail(&mut self, error: &DatabaseError) {
        self.failed.get_or_insert_with(|| error.to_string());
    }

    /// Records that it was rolled back because of an error.
    pub(crate) fn is_rolled_back(&mut self, error: &DatabaseError) {
        self.fail(error);
        self.is_over = true;
    }

    /// Whether the server was asked to roll back.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Queues statements of the host that return nothing.
    pub(crate) fn later(&mut self, text: &str) {
        self.later.push_str(text);
    }

    /// Records a statement with which a script sets something for its session.
    pub(crate) fn set(&mut self, statement: &str) {
        self.settings.push(statement.to_owned());
    }

    /// What a script has set for its session.
    pub(crate) fn into_settings(self) -> Vec<String> {
        self.settings
    }

    pub(crate) fn had_script(&self) -> bool {
        self.had_script
    }

    pub(crate) fn had_component(&self) -> bool {
        self.had_component
    }

    /// Whether the last statement may have been a guest's.
    pub(crate) fn script_speaks(&self) -> bool {
        self.script_speaks
    }

    /// The state of the tool's tables when the guest that speaks began to.
    pub(crate) fn tables(&self) -> Option<&Fingerprint> {
        self.before.as_ref()
    }

    /// A question that fails unless the open transaction is this one.
    pub(crate) fn proof(&self) -> String {
        let xid = &self.xid;
        let is_ours =
            format!("pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text OPERATOR(pg_catalog.=) '{xid}'");
        format!("{}; ", Verdict::Over.unless(&is_ours, &[]))
    }

    /// As [`Self::proof`]; fails as well unless the server reads a text as we did when we checked its words. A transaction that
    /// only reads has no id.
    fn proof_with_texts(&self) -> String {
        let proof = if self.xid.is_empty() { String::new() } else { self.proof() };
        let encoding = "pg_catalog.current_setting('client_encoding')";
        let escapes = "pg_catalog.current_setting('standard_conforming_strings')";
        let is_read = format!("{encoding} OPERATOR(pg_catalog.=) 'UTF8' AND {escapes} OPERATOR(pg_catalog.=) 'on'");
        format!("{proof}{}; ", Verdict::Misread.unless(&is_read, &[encoding, escapes]))
    }

    /// What ends a guest's part of it: the statements that were queued, and the release of the savepoint before its last statement.
    pub(crate) fn end_of_guest(&mut self) -> String {
        std::mem::take(&mut self.later) + &self.release()
    }

    fn release(&self) -> String {
        if self.savepoint { format!("RELEASE SAVEPOINT {SAVEPOINT}; ") } else { String::new() }
    }

    /// The statements that restore our settings of the session, if a guest spoke last and the host is to speak: all settings, `anew`,
    /// whatever a component has set. A migration in SQL keeps its own, which are meant for its next statements; of those, only the
    /// encoding decides what the host reads.
    pub(crate) fn restore<'a>(&self, voice: Voice, anew: &'a str) -> &'a str {
        match self.touched {
            Some(Role::Component) if voice == Voice::Host => anew,
            Some(Role::SqlScript) if voice == Voice::Host => ENCODING,
            _ => "",
        }
    }

    /// What precedes a statement: proves that the transaction is ours, restores our settings if the host speaks after a guest, sets the
    /// role's timeouts, reads the state of the tool's tables if the role changes, and sets a savepoint if one is needed. It is one
    /// message, or empty if nothing is needed. Also returns whether the role changes: then the last row of the answer is for
    /// [`Self::turn`]. An error in the message ends the transaction.
    pub(crate) fn before(&mut self, next: &Next<'_>) -> Result<(String, bool)> {
        self.check()?;
        let restore = self.restore(next.voice, next.anew);
        let is_script = next.role != Role::Host;
        let turns = self.script_speaks != is_script;
        let resets = self.touched == Some(Role::Component) && next.voice == Voice::Host;
        self.note(next.voice, next.role);
        let mut text = if next.savepoint || resets {
            self.proof_with_texts()
        } else if !restore.is_empty() {
            self.proof()
        } else {
            String::new()
        };
        text.push_str(&std::mem::take(&mut self.later));
        text.push_str(restore);
        // With the others, the path became that of the login.
        match (self.pinned && !resets, next.names) {
            (false, Names::Ours) => text.push_str(PIN),
            (true, Names::Theirs) => text.push_str(UNPIN),
            _ => {}
        }
        if next.names == Names::Ours {
            text.push_str(next.inspect);
        }
        if turns || resets {
            text.push_str(&next.own.set_timeouts(next.role, next.options));
        }
        let was = if resets { Formats::Fixed } else { self.formats };
        let formats = Formats::of(next.role).unwrap_or(was);
        if formats != was {
            text.push_str(&formats.set(next.own));
        }
        if turns && self.code_free.is_none() {
            text.push_str(&format!("{}; ", next.fingerprint));
        }
        if next.savepoint {
            text.push_str(&format!("{}SAVEPOINT {SAVEPOINT}; ", self.release()));
        }
        text.push_str(next.more);
        self.pinned = next.names == Names::Ours;
        self.formats = formats;
        self.savepoint |= next.savepoint;
        Ok((text, turns))
    }

    /// Records who speaks next. What a component has set remains until the host speaks.
    fn note(&mut self, voice: Voice, role: Role) {
        if self.code_free.is_some() {
            return;
        }
        self.had_component |= role == Role::Component;
        match voice {
            Voice::Host => self.touched = None,
            Voice::Guest if self.touched == Some(Role::Component) => {}
            Voice::Guest => self.touched = Some(role),
        }
    }

    /// Records that another role runs statements from here on, and the current state of the tool's tables, if it matters.
    pub(crate) fn turn(&mut self, is_script: bool, now: Fingerprint) {
        if self.code_free.is_some() {
            self.script_speaks = is_script;
            return;
        }
        if let Some(before) = self.before.take()
            && let Err(error) = before.compare(&now)
        {
            self.tampered.get_or_insert(error);
        }
        self.script_speaks = is_script;
        self.had_script |= is_script;
        self.before = is_script.then_some(now);
    }

    /// Records that all settings were reset, our own of the transaction included.
    pub(crate) fn was_reset(&mut self) {
        self.pinned = false;
        self.formats = Formats::Fixed;
    }
}
