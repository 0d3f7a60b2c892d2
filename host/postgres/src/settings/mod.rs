//! Settings of the server's session. All of them are set for one transaction only: a pooler hands the server process to
//! the next client, and session settings would affect other clients.

mod client;
mod formats;
mod own;
mod search_path;

pub(crate) use client::reset_by;
pub(crate) use formats::{Formats, again, configured, for_session, read_configured, reset};
pub(crate) use own::Own;
pub(crate) use search_path::{OURS, PIN, UNPIN};

use crate::citus;
use crate::host_sql::literal;
use runner_database::Part;
use runner_sql::Isolation;

/// The settings of every transaction, unless a script that commits statement by statement has changed them itself.
///
/// Keep-alives end a session within about 20 s after its client vanished, so that its statement does not run for hours.
///
/// Notices are shown nowhere, and a statement may raise any number of them.
///
/// The log of the server, and with it the text of an error, would have the values of a statement that fails, such as the token of a
/// component's transaction.
///
/// The server writes the gate's trigger otherwise with `quote_all_identifiers`, and refuses its functions with `plpgsql.extra_errors`.
///
/// With `row_security` off, a policy that would hide rows from the role is an error. Otherwise a migration that changed
/// only some rows, or none, would count as applied.
const SETTINGS: [(&str, &str); 11] = [
    ("standard_conforming_strings", "on"),
    ("row_security", "off"),
    ("quote_all_identifiers", "off"),
    ("plpgsql.extra_errors", "''"),
    ("client_min_messages", "warning"),
    ("log_parameter_max_length_on_error", "0"),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// The encoding that texts and answers are in, which no script may change for the host.
pub(crate) const ENCODING: &str = "SET LOCAL client_encoding = 'UTF8'; ";

/// Gives the session its own user and settings again, except for those that are meant for one transaction only.
pub(crate) const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL";

/// The name of the limit on whole transactions. Available since version 17.
const TRANSACTION_TIMEOUT: &str = "transaction_timeout";

/// Makes a statement end within a second after its client was killed. Available since version 14, and refused on
/// systems that cannot detect a closed connection.
const CHECK_CLIENT: &str = "CASE \
    WHEN pg_catalog.current_setting('client_connection_check_interval', true) IS NOT NULL \
    AND pg_catalog.version() OPERATOR(pg_catalog.~~) '%linux%' \
    THEN pg_catalog.set_config('client_connection_check_interval', '1000', true) END";

/// Turns the limit on transactions off. The server applies it from this moment on, also to the transaction that is
/// open.
const NO_TRANSACTION_TIMEOUT: &str = "CASE \
    WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL \
    THEN pg_catalog.set_config('transaction_timeout', '0', true) END";

/// Returns the text that sets the settings of every transaction.
pub(crate) fn in_transaction(own: &Own) -> String {
    in_transaction_of(own, Formats::Fixed)
}

fn in_transaction_of(own: &Own, formats: Formats) -> String {
    let settings = SETTINGS.iter().filter(|(name, _)| !own.has(name));
    let mut text: String = settings.map(|(name, value)| format!("SET LOCAL {name} = {value}; ")).collect();
    if formats == Formats::Fixed {
        text.push_str(&formats.set(own));
    }
    if own.has_workers() {
        if !own.has(citus::MODE) {
            text.push_str(citus::SEQUENTIAL);
        }
        text = citus::at_workers(&text);
    }
    if formats == Formats::OfClient {
        text.push_str(&formats.set(own));
    }
    let unlimited = if own.has(TRANSACTION_TIMEOUT) { "NULL" } else { NO_TRANSACTION_TIMEOUT };
    format!("{ENCODING}{text}SELECT {CHECK_CLIENT}, {unlimited}")
}

/// Returns the text that restores all our settings of the session in the open transaction, whatever a component has
/// set: what it changed need not be known. Other statements can directly follow it. `application`: see `RunLock::name_again`.
pub(crate) fn anew(own: &Own, application: &str) -> String {
    format!("{RESET}{application}; {}; ", in_transaction(own))
}

/// Returns a text that opens a transaction so that what a component has set in an earlier one is gone.
pub(crate) fn in_new_settings(prologue: &str, application: &str) -> String {
    prologue.replacen("; ", &format!("; {RESET}{application}; "), 1)
}

/// Returns the text that turns the limit on transactions off for the session, where a statement runs outside our
/// transactions: the server counts that statement as one. Other statements can directly follow it.
pub(crate) fn unlimited_session(own: &Own) -> String {
    set_transaction_timeout(own, "'0'")
}

/// Returns the text that undoes [`unlimited_session`], as `RESET` does.
pub(crate) fn limited_session(own: &Own) -> String {
    let reset = format!(
        "(SELECT reset_val FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) '{TRANSACTION_TIMEOUT}')"
    );
    set_transaction_timeout(own, &reset)
}

/// `value` is asked for only where the setting exists: the list of all settings takes longer than most statements.
fn set_transaction_timeout(own: &Own, value: &str) -> String {
    if own.has(TRANSACTION_TIMEOUT) {
        return String::new();
    }
    format!(
        "SELECT CASE WHEN pg_catalog.current_setting('{TRANSACTION_TIMEOUT}', true) IS NOT NULL \
         THEN pg_catalog.set_config('{TRANSACTION_TIMEOUT}', {value}, false) END; "
    )
}

/// Returns the text that opens a transaction; its last row is the server process and `also`, an expression.
pub(crate) fn prologue(own: &Own, also: &str) -> String {
    prologue_of(None, None, (own, Formats::Fixed), ["", also])
}

/// As [`prologue`], for a part of a transform, or with formats. `first`: statements that come first in it.
pub(crate) fn prologue_of(
    part: Option<Part>,
    isolation: Option<Isolation>,
    (own, formats): (&Own, Formats),
    [first, also]: [&str; 2],
) -> String {
    let settings = in_transaction_of(own, formats);
    let (level, more) = match part {
        None => (isolation.unwrap_or(Isolation::ReadCommitted).name(), ""),
        // A row that another transaction changes after it was read cannot be written.
        Some(Part::Chunk) => ("REPEATABLE READ", ""),
        Some(Part::LockedChunk) => ("READ COMMITTED", ""),
        // The commit does not wait for the disk: it is flushed before anything that is committed later. All other
        // processes wait for the one that claims a chunk, so a process that is frozen meanwhile must not block them.
        Some(Part::Claim) => (
            "READ COMMITTED",
            "; SET LOCAL synchronous_commit = off; SET LOCAL idle_in_transaction_session_timeout = '3s'",
        ),
    };
    format!(
        "BEGIN ISOLATION LEVEL {level}; {first}{settings}{more}; \
         SELECT pg_catalog.pg_backend_pid() AS pg_backend_pid, {also}"
    )
}

/// Returns the text that opens a transaction which only reads `table`; `path`, an expression, sets the search path first; the last
/// row is that of [`prologue`]. The table is locked against schema changes: a session waiting to make one must never come between
/// the reading and the writing connection, which would then wait for each other in a deadlock that the server cannot detect. So this
/// one waits for a millisecond at most, and the lock is that of a query: `LOCK TABLE … NOWAIT` asks for more than a right to
/// some columns.
pub(crate) fn prologue_reading(own: &Own, path: &str, table: &str, also: &str) -> String {
    let settings = in_transaction(own);
    let look = literal(&format!("SELECT 1 FROM ONLY {table} LIMIT 0"));
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY; {settings}, {path}; \
         SET LOCAL lock_timeout = 1; SELECT pg_catalog.query_to_xml({look}, true, true, '') IS NULL; \
         SET LOCAL lock_timeout = DEFAULT; \
         SELECT pg_catalog.pg_backend_pid() AS pg_backend_pid, {also}"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use runner_database::facts::Citus;
    use runner_database::{ConnectOptions, Dialect, Facts, Role};

    #[test]
    fn settings_of_a_script_are_kept() {
        let mut own = Own::default();
        for statement in [
            "SET LOCAL datestyle = 'SQL'",
            "SET TIME ZONE 'Asia/Tokyo'",
            "SET Session Lock_Timeout TO '1h'",
            "SET \"intervalstyle\" = 'iso_8601'",
        ] {
            own.note(statement);
        }
        let text = in_transaction(&own);
        assert!(!text.contains("timezone") && !text.contains("intervalstyle"), "{text}");
        assert!(text.contains("datestyle") && text.contains("statement_timeout"), "{text}");
        assert!(text.contains("'transaction_timeout', '0'"), "{text}");
        own.note("SET TIME ZONE LOCAL");
        assert!(in_transaction(&own).contains("timezone"), "{}", in_transaction(&own));
        own.note("SET bytea_output TO DEFAULT");
        assert!(!in_transaction(&own).contains("bytea_output"), "{}", in_transaction(&own));
        own.note("SET transaction_timeout = '1h'");
        assert!(!in_transaction(&own).contains("transaction_timeout"), "{}", in_transaction(&own));
        assert_eq!(unlimited_session(&own) + &limited_session(&own), "");
        let facts = Facts::of_dialect(Dialect::Postgres);
        assert!(!in_transaction(&Own::of(&facts, "", Vec::new())).contains("citus"), "there are no workers");
        let citus = Citus { version: "13.2-1".to_owned(), is_coordinator: true, workers: 2 };
        let mut spread = Own::of(&Facts { citus: Some(citus), ..facts }, "", Vec::new());
        assert!(
            in_transaction(&spread).contains(citus::SEQUENTIAL) && in_transaction(&spread).contains("; DO "),
            "{spread:?}"
        );
        spread.note("SET citus.multi_shard_modify_mode = 'parallel'");
        assert!(!in_transaction(&spread).contains("sequential"), "{}", in_transaction(&spread));
        spread.forget();
        assert!(in_transaction(&spread).contains("sequential"), "{}", in_transaction(&spread));
        let options = ConnectOptions { lock_timeout: Some(Duration::from_secs(3)), ..ConnectOptions::default() };
        assert_eq!(own.timeouts(Role::SqlScript, &options), [("statement_timeout", "0".to_owned())]);
        let all = Own::default().timeouts(Role::Component, &options);
        assert_eq!(all[1], ("lock_timeout", "3000".to_owned()));
        assert_eq!(Own::default().timeouts(Role::Host, &options)[1], ("lock_timeout", "DEFAULT".to_owned()));
    }
}
