//! What others have made of the tool's tables, or attached to them. A view or a trigger would run its code, with the
//! rights of the tool's user, whenever the tool reads or writes there; a foreign key would change its rows, or keep it
//! from changing them.

use crate::assertion::Assertion;
use crate::error::Result;
use crate::host_sql::{HostExecutor, literal, text};
use runner_database::facts::{GATE_NAMES, LEASE_TABLES};
use runner_database::{DatabaseError, DatabaseErrorKind, Facts};

/// The columns of the tables of a lease, which are created when a run first needs them.
const OF_LEASE: [&str; 9] = [
    "runner_lease.scope varchar",
    "runner_lease.token bigint",
    "runner_lease.holder longtext",
    "runner_lease.length_ms bigint",
    "runner_lease.proofs bigint",
    "runner_heartbeat.scope varchar",
    "runner_heartbeat.token bigint",
    "runner_heartbeat.beats bigint",
    "runner_heartbeat.until_us bigint",
];

/// The names of all tables of the tool, as a list of literals.
pub(crate) fn tables(facts: &Facts) -> String {
    let of_gate = GATE_NAMES.map(|name| format!(", '{name}'")).concat();
    format!("{}{of_gate}", facts.history.guarded(facts.dialect))
}

/// The query for what does not belong there, in words; no rows if all is as the tool made it. The conditions on both names come first
/// in each part: MariaDB opens no other tables for them, but those of the database for foreign keys.
pub(crate) fn question(facts: &Facts) -> String {
    let (schema, tables, prefix) = (literal(facts.tool_schema()), tables(facts), facts.history.prefix(facts.dialect));
    let place = format!("TABLE_SCHEMA = {schema} AND TABLE_NAME IN ({tables})");
    let lease = LEASE_TABLES.map(|name| format!("'{prefix}{name}'")).join(", ");
    let lease = format!("TABLE_NAME IN ({lease})");
    let of_lease = OF_LEASE.map(|column| format!("'{prefix}{column}'")).join(", ");
    format!(
        "SELECT CONVERT(CONCAT('`', TABLE_NAME, '`, which is not a plain table of InnoDB') USING utf8mb4) AS what \
             FROM information_schema.TABLES WHERE {place} AND (TABLE_TYPE <> 'BASE TABLE' OR IFNULL(ENGINE, '') <> 'InnoDB' \
             OR IFNULL(CREATE_OPTIONS, '') LIKE '%partitioned%') \
         UNION ALL SELECT CONVERT(CONCAT('the trigger `', TRIGGER_NAME, '` on `', EVENT_OBJECT_TABLE, '`') USING utf8mb4) \
             FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {schema} AND EVENT_OBJECT_TABLE IN ({tables}) \
         UNION ALL SELECT CONVERT(CONCAT('the column `', COLUMN_NAME, '` of `', TABLE_NAME, '`') USING utf8mb4) \
             FROM information_schema.COLUMNS WHERE {place} AND (IFNULL(GENERATION_EXPRESSION, '') <> '' OR {lease} AND \
             (COLUMN_DEFAULT IS NOT NULL OR CONCAT(TABLE_NAME, '.', COLUMN_NAME, ' ', DATA_TYPE) NOT IN ({of_lease}))) \
         UNION ALL SELECT CONVERT(CONCAT('the constraint `', CONSTRAINT_NAME, '` of `', TABLE_NAME, '`') USING utf8mb4) \
             FROM information_schema.TABLE_CONSTRAINTS WHERE {place} AND (CONSTRAINT_TYPE = 'FOREIGN KEY' OR {lease} AND \
             CONSTRAINT_TYPE <> 'PRIMARY KEY') \
         UNION ALL SELECT CONVERT(CONCAT('the foreign key `', CONSTRAINT_NAME, '` of `', TABLE_NAME, '` to `', REFERENCED_TABLE_NAME, \
             '`') USING utf8mb4) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {schema} AND \
             UNIQUE_CONSTRAINT_SCHEMA = {schema} AND REFERENCED_TABLE_NAME IN ({tables})"
    )
}

/// A statement that fails, before those that follow it in its message, if there is something of that kind: they would run its code.
pub(crate) fn guard(facts: &Facts) -> String {
    Assertion::Unattached.fails_if(&format!("EXISTS (SELECT 1 FROM ({}) AS found)", question(facts)))
}

/// What an error means that a text with a [`guard`] has failed with.
pub(crate) async fn explain(connection: &mut impl HostExecutor, facts: &Facts, error: DatabaseError) -> DatabaseError {
    match Assertion::Unattached.failed(&error) {
        true => check(connection, facts).await.err().unwrap_or(error),
        false => error,
    }
}

/// Fails, with what it is, if there is something.
pub(crate) async fn check(connection: &mut impl HostExecutor, facts: &Facts) -> Result<()> {
    let found = connection.all(question(facts)).await?;
    found.first().map_or(Ok(()), |row| Err(foreign(facts.tool_schema(), &text(row, 0))))
}

/// The error for what was found.
pub(crate) fn foreign(database: &str, what: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("runner's own tables in the database `{database}` are not as runner made them: there is {what}"),
    )
    .hint("find out who made it, and drop it: its code would run with the privileges of the user that runs runner")
}
