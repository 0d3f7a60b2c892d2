//! The settings of a new session, and what its server reports about itself.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::MySqlConnection;

use crate::dialect_sql::SQL;
use crate::error::{Result, lost};
use crate::host_sql::{HostExecutor, literal, number, row_text, text};
use crate::link::galera::Node;
use crate::link::product::{OF_INNODB, SINGLE_PRIMARY, Said};
use crate::link::settings::Quoting;
use crate::link::settings::{HostSettings, MODE, PINNED, spelled, time_limit};
use runner_database::facts::UnreadMode;
use runner_database::pipe::Meter;
use runner_database::{ConnectOptions, Dialect, Facts, LockKind};

/// What is known of a server and of the session on it.
#[derive(Clone, Debug)]
pub(crate) struct SessionFacts {
    /// The facts.
    pub facts: Facts,
    /// The connection ID, by which another session can kill it.
    pub id: u64,
    /// The settings that make the server read and write as intended.
    pub settings: HostSettings,
    /// The largest packet that the server accepts, in bytes.
    pub max_allowed_packet: usize,
    /// Its binary log holds statements, so that transactions must be repeatable.
    pub logs_statements: bool,
    /// Where strings end in the mode of its callers.
    pub quoting: Quoting,
    /// The mode in which the texts of callers begin, where it is not that of the host.
    pub callers_mode: Option<String>,
    /// The time zone in which the texts of scripts begin, that of the server, where it is not that of the host.
    pub scripts_zone: Option<String>,
    /// NULL in a `TIMESTAMP NOT NULL` becomes the time: always on MariaDB, on MySQL where `explicit_defaults_for_timestamp` is off.
    pub null_is_now: bool,
    /// Table names are compared without regard to case (`lower_case_table_names`).
    pub folds_table_names: bool,
    /// The server, if it is a node of a cluster.
    pub node: Option<Node>,
    /// Counts what the server sends.
    pub meter: Meter,
}

impl SessionFacts {
    /// Whether runs are kept apart by a lease: the URL says so, or other nodes would not see user locks.
    pub(crate) fn has_lease(&self) -> bool {
        self.facts.lock == LockKind::Lease
    }

    /// Whether all sessions of the database see the same clock.
    pub(crate) fn is_one_clock(&self) -> bool {
        self.node.is_none()
    }
}

/// Queries the server's facts, and applies the settings that all our sessions share.
pub(crate) async fn prepare(
    connection: &mut MySqlConnection,
    meter: Meter,
    settings: &ConnectOptions,
    names: &str,
) -> Result<SessionFacts> {
    let found = connection.all(format!("SELECT VERSION(), CONNECTION_ID(), DATABASE(); {}", variables())).await?;
    let row = found.first().ok_or_else(|| lost("it does not say what it is"))?;
    let (reported, id, schema): (String, u64, Option<String>) = (text(row, 0), number(row, 1), row_text(row, 2));
    let variables: HashMap<String, String> = found[1..].iter().map(|row| (text(row, 0), text(row, 1))).collect();
    let get = |name: &str| variables.get(name).map_or("", String::as_str);
    let is_on = |name: &str| matches!(get(name), "ON" | "1" | "NO_LOCK" | "NO_LOCK_NO_ADMIN");
    let comment = get("version_comment");
    // A server that was built for clusters and replicates nowhere says `none`.
    let is_node = is_on("wsrep_on") && !matches!(get("wsrep_provider"), "none");
    let has_innodb = variables.contains_key(OF_INNODB);
    let has_primaries = get(SINGLE_PRIMARY) == "OFF";
    let (dialect, version) = Said { version: &reported, comment, has_innodb, is_node, has_primaries }.make()?;
    let mode = sql_mode(get("sql_mode"), get("global_sql_mode"));
    let own = own_mode(&mode);
    let mut pinned = settings_of_texts(dialect, &own, settings);
    let there = PINNED.iter().filter_map(|(name, value)| Some((*name, value, variables.get(*name)?)));
    pinned.splice(..0, there.map(|(name, value, found)| (name, spelled(value.unwrap_or(found)))));
    let warnings = get("max_error_count").to_owned();
    let host = HostSettings { dialect, names: names.to_owned(), pinned, warnings };
    // The servers' own default, set explicitly so that a server's configuration does not change what a migration
    // sees. READ COMMITTED would be refused where the binary log holds statements. Sessions that were made read-only
    // stay so.
    let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    let mut all = format!("{}; {}; {isolation}", host.set(&host.warnings), settings_of_sessions(settings));
    if is_node {
        // A statement that is run again hides that the transaction of the one before it is lost: see `commit`.
        all.push_str("; SET SESSION wsrep_retry_autocommit = 0");
    }
    connection.run(all).await?;
    let node = match is_node {
        true => Some(Node::ask(connection, get("wsrep_node_name")).await?),
        false => None,
    };
    let max_allowed_packet = get("max_allowed_packet").parse().unwrap_or(1 << 20);
    let facts = Facts {
        sql: &SQL,
        packet_bytes: Some(max_allowed_packet),
        version: version.to_string(),
        atomic_ddl: version.has_atomic_ddl(dialect),
        skips_locked: version.skips_locked(dialect),
        has_replica_status: version.has_replica_status(dialect),
        has_uuid: version.has_uuid(dialect),
        read_only: READ_ONLY.into_iter().any(is_on),
        schema,
        comment: Some(comment.to_owned()).filter(|comment| !comment.is_empty()),
        unread_modes: UNREAD_MODES
            .into_iter()
            .filter(|(name, _)| has_mode(get("sql_mode"), name))
            .map(|it| it.1)
            .collect(),
        increment: get("auto_increment_increment").parse().ok(),
        history: settings.history.clone(),
        session: id,
        ..Facts::of_dialect(dialect)
    }
    .forced_in_tests()?;
    Ok(SessionFacts {
        facts,
        id,
        settings: host,
        max_allowed_packet,
        logs_statements: is_on("log_bin") && get("binlog_format").eq_ignore_ascii_case("STATEMENT"),
        quoting: Quoting::of(&mode),
        callers_mode: Some(mode).filter(|mode| *mode != own),
        scripts_zone: scripts_zone(get("time_zone"), get("system_time_zone")),
        null_is_now: dialect == Dialect::Mariadb || get("explicit_defaults_for_timestamp") == "OFF",
        folds_table_names: get("lower_case_table_names") != "0",
        node,
        meter,
    })
}

/// Each of these makes the session or the server read-only. `tx_read_only` is MariaDB's, `transaction_read_only`
/// MySQL's.
const READ_ONLY: [&str; 5] = ["read_only", OF_INNODB, "super_read_only", "tx_read_only", "transaction_read_only"];

/// The query for the server's variables; those that a dialect does not have are absent from the result.
fn variables() -> String {
    const OTHERS: [&str; 15] = [
        "time_zone",
        "system_time_zone",
        "explicit_defaults_for_timestamp",
        SINGLE_PRIMARY,
        "max_error_count",
        "auto_increment_increment",
        "version_comment",
        "sql_mode",
        "max_allowed_packet",
        "wsrep_on",
        "wsrep_provider",
        "wsrep_node_name",
        "lower_case_table_names",
        "log_bin",
        "binlog_format",
    ];
    let pinned = PINNED.iter().map(|(name, _)| name);
    let names =
        READ_ONLY.iter().chain(&OTHERS).chain(pinned).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    format!("SELECT 'global_sql_mode', @@GLOBAL.sql_mode; SHOW SESSION VARIABLES WHERE Variable_name IN ({names})")
}

/// Modes that are removed. Without backslash escapes, or in Oracle mode, a script would have to be parsed by other
/// rules than those of MySQL and MariaDB. Where an empty string is NULL, or a CHAR is returned with its padding,
/// values do not come back as they were written. And a `SHOW CREATE TABLE` that leaves out parts is useless for a
/// copy.
const MODES_OUT: [&str; 7] = [
    "NO_BACKSLASH_ESCAPES",
    "ORACLE",
    "EMPTY_STRING_IS_NULL",
    "PAD_CHAR_TO_FULL_LENGTH",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_FIELD_OPTIONS",
];

/// Those of them that change what a text in SQL means.
const UNREAD_MODES: [(&str, UnreadMode); 3] = [
    ("NO_BACKSLASH_ESCAPES", UnreadMode::NoBackslashEscapes),
    ("ORACLE", UnreadMode::Oracle),
    ("EMPTY_STRING_IS_NULL", UnreadMode::EmptyStringIsNull),
];

fn has_mode(modes: &str, mode: &str) -> bool {
    modes.split(',').any(|it| it == mode)
}

/// The mode of the host: what the server prints of tables, checks and privileges is in backticks without `ANSI_QUOTES`.
fn own_mode(mode: &str) -> String {
    mode.split(',').filter(|mode| *mode != "ANSI_QUOTES").collect::<Vec<_>>().join(",")
}

/// The session's own modes plus strict mode, without those that change how a script is read or that only the driver
/// adds.
fn sql_mode(session: &str, global: &str) -> String {
    let mut modes: Vec<&str> = session
        .split(',')
        .filter(|mode| !mode.is_empty() && !MODES_OUT.contains(mode))
        // A flag that sqlx sets when it connects, and that turns function names into reserved words.
        .filter(|mode| *mode != "IGNORE_SPACE" || has_mode(global, mode))
        .collect();
    if !modes.iter().any(|mode| mode.starts_with("STRICT_")) {
        modes.push("STRICT_TRANS_TABLES");
    }
    modes.join(",")
}

/// As long as possible: a session that waits for a person, or for a component to compile, must not be closed,
/// whatever `wait_timeout` is set for idle web servers. All platforms accept up to 2,147,483 s, about 24 days.
const IDLE_SECONDS: u32 = 2_147_483;

/// How long the server waits for a client that reads rows, in seconds: a component may work on one chunk for that
/// long.
const READER_SECONDS: u32 = 86_400;

/// How much longer the server's own statement limit is than ours: it ends the statements of killed runs.
const ORPHANED: Duration = Duration::from_secs(10);

/// The settings that decide how text and values are read, and how long that may take.
fn settings_of_texts(dialect: Dialect, sql_mode: &str, settings: &ConnectOptions) -> Vec<(&'static str, String)> {
    let checks = u8::from(settings.foreign_keys);
    let longest = settings.statement_timeout.map_or(Duration::ZERO, |limit| limit + ORPHANED);
    let limit = match dialect {
        Dialect::Mariadb => format!("{:.3}", longest.as_secs_f64()),
        _ => longest.as_millis().to_string(),
    };
    vec![
        (MODE, literal(sql_mode)),
        ("time_zone", literal("+00:00")),
        ("foreign_key_checks", checks.to_string()),
        ("unique_checks", "1".to_owned()),
        (time_limit(dialect), limit),
    ]
}

/// The time zone of a session, unless it is that of the host, which needs no message then.
fn scripts_zone(zone: &str, of_system: &str) -> Option<String> {
    let meant = if zone == "SYSTEM" { of_system } else { zone };
    (!["", "+00:00", "UTC", "Etc/UTC"].contains(&meant)).then(|| zone.to_owned())
}

fn settings_of_sessions(settings: &ConnectOptions) -> String {
    let mut set = vec![
        "autocommit = 1".to_owned(),
        "completion_type = 0".to_owned(),
        format!("wait_timeout = {IDLE_SECONDS}"),
        format!("net_write_timeout = {READER_SECONDS}"),
        format!("net_read_timeout = {READER_SECONDS}"),
    ];
    if let Some(wait) = settings.lock_timeout {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        set.push(format!("innodb_lock_wait_timeout = {seconds}"));
        set.push(format!("lock_wait_timeout = {seconds}"));
    }
    format!("SET {}", set.iter().map(|set| format!("SESSION {set}")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_modes_stay_but_for_those_that_change_how_a_script_is_read() {
        for (session, global, mode) in [
            ("", "", "STRICT_TRANS_TABLES"),
            ("IGNORE_SPACE,STRICT_ALL_TABLES", "STRICT_ALL_TABLES", "STRICT_ALL_TABLES"),
            ("ANSI_QUOTES,IGNORE_SPACE", "IGNORE_SPACE", "ANSI_QUOTES,IGNORE_SPACE,STRICT_TRANS_TABLES"),
            ("NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT", "", "PIPES_AS_CONCAT,STRICT_TRANS_TABLES"),
            ("EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH,STRICT_ALL_TABLES", "", "STRICT_ALL_TABLES"),
        ] {
            assert_eq!(sql_mode(session, global), mode, "{session}");
        }
    }
}
