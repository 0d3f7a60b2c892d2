//! Citus, the extension that spreads the tables of a database over several servers.
//!
//! Each server of a cluster answers as PostgreSQL. The tool's own tables and its lock are on the coordinator, and on
//! nothing else: a worker has the tables of the users and has no history. `docs/src/guide/engines.md` says what was
//! tried.
//!
//! Everything depends on one fact, the extension's version, found when a connection is made:
//!
//! * Only the coordinator is accepted. A worker showed everything as pending and would have begun a second history. It
//!   is known by the number of its group and not by `citus_is_coordinator()`, which is false, too, in a database whose
//!   extension was just created.
//! * Transactions set `citus.multi_shard_modify_mode` to `sequential`. By default Citus spreads a statement over
//!   several connections, and then refuses a later one that would not see what they did. For 60,000 rows it took no
//!   longer.
//! * Settings reach the workers in a `DO` block, with propagation off again at its end: `propagate_set_commands =
//!   'local'` sends a worker the whole message that a `SET LOCAL` is part of, and ours contain `BEGIN`, questions and
//!   `COMMIT`. Without it, an `extract(hour FROM …)` used the time zone of the worker, and an `ALTER TABLE` waited
//!   there without regard to `table_lock_timeout`.
//! * The history is in ordinary tables: what distributes new schemas is off while they are created, and a history or a
//!   schema `runner` that is distributed already is refused, since the proofs do not see its rows.
//!
//! Tests have stand-ins for the extension in a plain database: its entry, its catalogue and its function are all that
//! is asked.
//!
//! Rejected: a setting for the mode, since a file can choose it in its first statement; sequential mode only where a
//! run has several statements, a rule harder to know than the time is worth; a lock that workers see, because there is
//! still no history there.

use sqlx::PgConnection;

use super::scope::{rows, text_of};
use runner_database::facts::Citus;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// The oldest version that was thought of. It knows `citus_is_coordinator`, and keeps the catalogue on all servers.
const OLDEST: (u32, u32) = (11, 2);

/// An expression for the version of the extension in the database; empty without it.
pub(super) const VERSION: &str = "coalesce((SELECT e.extversion FROM pg_catalog.pg_extension e \
    WHERE e.extname OPERATOR(pg_catalog.=) 'citus'), '')";

/// What the database is in its cluster. A database that has the extension and belongs to no cluster yet is in group 0,
/// too, but says that it is not a coordinator: so does each new one, until its first table is distributed or its first
/// worker added.
const LOOK: &str = "SELECT pg_catalog.citus_is_coordinator(), \
        coalesce((SELECT l.groupid FROM pg_catalog.pg_dist_local_group l LIMIT 1), 0), \
        (SELECT pg_catalog.concat(n.nodename, ':', n.nodeport) FROM pg_catalog.pg_dist_node n \
            WHERE n.groupid OPERATOR(pg_catalog.=) 0 LIMIT 1), \
        (SELECT pg_catalog.count(*) FROM pg_catalog.pg_dist_node n WHERE n.groupid OPERATOR(pg_catalog.<>) 0), \
        (SELECT pg_catalog.min(c.relname::pg_catalog.text) FROM pg_catalog.pg_dist_partition p \
            JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.logicalrelid::pg_catalog.oid \
            JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace \
            WHERE s.nspname OPERATOR(pg_catalog.=) '{place}' \
                AND c.relname OPERATOR(pg_catalog.~) '^runner_')";

/// Whether the schema of the tool's tables is a distributed one, so that whatever is created in it is distributed too.
const SCHEMA: &str = ", EXISTS (SELECT FROM pg_catalog.pg_dist_schema d \
    JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) d.schemaid::pg_catalog.oid \
    WHERE s.nspname OPERATOR(pg_catalog.=) '{place}')";

/// The first version with distributed schemas.
const SCHEMAS: (u32, u32) = (12, 0);

/// Asks a database with this version of the extension what it is; fails where runner does not work.
pub(super) async fn look(connection: &mut PgConnection, version: &str, place: &str) -> Result<Citus, DatabaseError> {
    check_version(version)?;
    let schema = if number(version) >= SCHEMAS { SCHEMA } else { "" };
    let text = format!("BEGIN; SET LOCAL statement_timeout = 0; {LOOK}{schema}; COMMIT").replace("{place}", place);
    let found = rows(connection, &text).await?;
    let cell = |column: usize| found.last().and_then(|row| text_of(row, column)).filter(|text| !text.is_empty());
    if let Some(group) = cell(1).filter(|group| group != "0") {
        return Err(is_worker(&group, cell(2).as_deref()));
    }
    if let Some(table) = cell(4) {
        return Err(is_distributed(place, &table));
    }
    if cell(5).as_deref() == Some("t") {
        return Err(configuration(format!("the schema `{place}` is distributed: Citus would manage the history"))
            .hint(format!("make it an ordinary schema: `SELECT citus_schema_undistribute('{place}')`")));
    }
    Ok(Citus {
        version: version.to_owned(),
        is_coordinator: cell(0).as_deref() == Some("t"),
        workers: cell(3).and_then(|count| count.parse().ok()).unwrap_or_default(),
    })
}

/// The number in a version such as `13.2-1`.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Fails if the version is too old.
fn check_version(version: &str) -> Result<(), DatabaseError> {
    if number(version) >= OLDEST {
        return Ok(());
    }
    let (major, minor) = OLDEST;
    Err(configuration(format!(
        "the database has the extension Citus {version}, and runner needs Citus {major}.{minor} or later"
    ))
    .hint("upgrade Citus on all servers of the cluster, then `ALTER EXTENSION citus UPDATE`"))
}

fn is_worker(group: &str, coordinator: Option<&str>) -> DatabaseError {
    let error = configuration(format!(
        "the server is a worker of a Citus cluster (group {group}): the history and the lock are on the coordinator"
    ));
    error.hint(match coordinator {
        Some(coordinator) => format!("give the URL of the coordinator, which the cluster knows as `{coordinator}`"),
        None => "give the URL of the coordinator".to_owned(),
    })
}

/// What protects the tool's tables checks the locks and the counts of this server only.
fn is_distributed(place: &str, table: &str) -> DatabaseError {
    configuration(format!("`{place}.{table}`, a table of runner's own, is managed by Citus"))
        .detail("the history has to be in ordinary tables of the coordinator")
        .hint(format!(
            "Citus cannot move them back, since they have identity columns: drop the tables `runner_…` in the schema `{place}`, then record what is \
             applied with `runner stamp`"
        ))
}

fn configuration(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}

/// A setting of Citus, which a script may change.
pub(super) const MODE: &str = "citus.multi_shard_modify_mode";

/// Makes one connection to each worker do all that a transaction does there. By default several do, in parallel, and a later
/// statement of the transaction can fail because it would not see what an earlier one has done on another connection.
pub(super) const SEQUENTIAL: &str = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'; ";

/// Returns a statement that runs these `SET LOCAL`, each followed by `; `, on this server and on the workers that the transaction
/// uses, now or later. Otherwise a worker computes with its own time zone, waits for locks as long as its own settings say, and so
/// on.
///
/// Citus sends a worker the whole message that a `SET LOCAL` is part of. In a block each is by itself.
pub(super) fn at_workers(settings: &str) -> String {
    if settings.is_empty() {
        return String::new();
    }
    format!(
        "DO LANGUAGE plpgsql $runner$ BEGIN SET LOCAL citus.propagate_set_commands = 'local'; {settings}\
         SET LOCAL citus.propagate_set_commands = 'none'; END $runner$; "
    )
}

/// What an error of Citus means, where its own hint does not help here. Its messages are in English only.
pub(super) fn hint(message: &str, hint: Option<&str>) -> Option<&'static str> {
    if hint.is_some_and(|hint| hint.contains(MODE)) {
        return Some(
            "runner's own transactions are in Citus' sequential mode, unless a migration changes \
             `citus.multi_shard_modify_mode`: leave that out; in a block that commits by itself, begin each transaction with `SET LOCAL \
             citus.multi_shard_modify_mode = 'sequential'`",
        );
    }
    message.starts_with("modifying the partition value of rows").then_some(
        "Citus cannot change the distribution column of a row: leave the column out of what is written, or make it part of the \
         key by which rows are found",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_below_the_floor_are_refused() {
        for (version, is_enough) in
            [("11.1-1", false), ("10.2-5", false), ("x", false), ("11.2-1", true), ("11.10-1", true), ("13.2-1", true)]
        {
            let checked = check_version(version);
            assert_eq!(checked.is_ok(), is_enough, "{version}: {checked:?}");
        }
    }

    #[test]
    fn nothing_to_set_is_no_statement() {
        assert_eq!(at_workers(""), "");
        assert!(at_workers("SET LOCAL a = 1; ").contains("'local'; SET LOCAL a = 1; SET LOCAL citus"));
    }
}
