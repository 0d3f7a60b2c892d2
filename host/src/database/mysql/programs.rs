//! What the programs of a database may do to it without any statement showing it: triggers, views and routines that a
//! statement runs, and events, which the server runs.

use std::sync::Arc;

use super::error::lost;
use super::session::{literal, number, text};
use super::{MysqlDatabase, look};
use crate::database::facts::{GATE_NAMES, LEASE_TABLES, TOOL_TABLES};
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect};
use crate::sql::identifiers;

/// What the programs may do, judged by the names in their texts. None of them but a procedure can assemble a name, and a
/// procedure only runs where its `CALL` can be seen.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// A statement may run a trigger or a function.
    pub run_with_statements: bool,
    /// One of them names a tool table, or another database, whose programs may.
    pub reach_tool_tables: bool,
    /// One of them names a setting that the host relies on.
    pub change_settings: bool,
    /// A procedure of the database has dynamic SQL.
    pub have_dynamic_sql: bool,
    /// Other databases that the user can see.
    databases: Vec<String>,
    /// An event that names a tool table.
    event: Option<String>,
}

/// Settings that the host relies on, as a regular expression.
const SETTINGS: &str = "sql_mode|time_zone|_checks|autocommit|completion_type|sql_select_limit|max_error_count|\
     sql_safe_updates|sql_big_selects|names|character|charset|collation|transaction|tx_";

/// Databases of the servers themselves.
const OF_THE_SERVER: &str = "'information_schema', 'performance_schema', 'mysql', 'sys'";

impl Programs {
    /// Whether a statement may reach the tool's tables through another database.
    pub fn leads_elsewhere(&self, statement: &str, dialect: Dialect) -> bool {
        let is_database = |name: &String| self.databases.iter().any(|it| it.eq_ignore_ascii_case(name));
        !self.databases.is_empty() && identifiers(statement, dialect).iter().any(is_database)
    }

    /// Fails if the server itself runs something that names the tables, behind every proof.
    pub fn check_events(&self) -> Result<(), DatabaseError> {
        let Some(event) = &self.event else { return Ok(()) };
        Err(DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!("the event `{event}` names a table that belongs to runner, and may change it at any time"),
        )
        .hint(format!("drop it: `DROP EVENT {event}`")))
    }
}

impl MysqlDatabase {
    /// The programs, looked up once, and again after whatever may have created one.
    pub(super) async fn programs(&mut self) -> Result<Arc<Programs>, DatabaseError> {
        if let Some(known) = &self.guard.programs {
            return Ok(known.clone());
        }
        let schema = literal(self.server.facts.schema.as_deref().unwrap_or_default());
        let found = look::results(&mut self.connection, &question(&schema)).await?;
        let [flags, databases, events] = found.as_slice() else {
            return Err(lost("the server did not answer what it was asked"));
        };
        let flags = flags.first().ok_or_else(|| lost("the server did not answer what it was asked"))?;
        let is_set = |at: usize| number(flags, at) == 1;
        let programs = Arc::new(Programs {
            run_with_statements: is_set(0),
            reach_tool_tables: is_set(1) || is_set(2),
            change_settings: is_set(3),
            have_dynamic_sql: is_set(4),
            databases: databases.iter().map(|row| text(row, 0)).collect(),
            event: events.first().map(|row| text(row, 0)),
        });
        self.guard.programs = Some(programs.clone());
        Ok(programs)
    }

    /// Whether statements on rows may reach the tool's tables.
    pub(super) async fn programs_reach_tool_tables(&mut self) -> Result<bool, DatabaseError> {
        Ok(self.programs().await?.reach_tool_tables)
    }
}

/// The question, whose answers are flags, databases and events. Each catalogue is opened once: a view or a trigger takes
/// opening all tables of its database, so those of other databases are not asked for.
fn question(schema: &str) -> String {
    // The prefix alone is not enough: a database may have such a name, and each view names its database.
    let tables = [TOOL_TABLES.as_slice(), &LEASE_TABLES].concat().join("|");
    let text = |column: &str| format!("CONVERT({column} USING utf8mb4)");
    let sources = [
        format!(
            "SELECT 'trigger' AS kind, 1 AS is_ours, {} AS body FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema}",
            text("ACTION_STATEMENT")
        ),
        format!(
            "SELECT 'view', 1, {} FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {schema}",
            text("VIEW_DEFINITION")
        ),
        // A text that the user may not read may be anything.
        format!(
            "SELECT LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA = {schema}, IFNULL({}, '{} sql_mode execute') FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA NOT IN ({OF_THE_SERVER}) AND NOT (ROUTINE_SCHEMA = {schema} AND ROUTINE_NAME = '{}')",
            text("ROUTINE_DEFINITION"),
            TOOL_TABLES[0],
            // It admits sessions with a ticket only.
            GATE_NAMES[0]
        ),
    ];
    let others = format!(
        "SELECT {} AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({OF_THE_SERVER}, {schema})",
        text("SCHEMA_NAME")
    );
    format!(
        "SELECT IFNULL(MAX(kind IN ('trigger', 'function')), 0), \
         IFNULL(MAX((is_ours OR INSTR(body, {schema}) > 0) AND body REGEXP '{tables}'), 0), \
         IFNULL(MAX(is_ours AND other.name IS NOT NULL), 0), \
         IFNULL(MAX(kind <> 'view' AND body REGEXP '{SETTINGS}'), 0), \
         IFNULL(MAX(is_ours AND kind = 'procedure' AND body REGEXP 'execute|prepare'), 0) \
         FROM ({}) AS program LEFT JOIN ({others}) AS other ON is_ours AND INSTR(body, other.name) > 0; {others}; \
         SELECT CONCAT(EVENT_SCHEMA, '.', EVENT_NAME) FROM information_schema.EVENTS WHERE (EVENT_SCHEMA = {schema} OR \
         INSTR(EVENT_DEFINITION, {schema}) > 0) AND EVENT_DEFINITION REGEXP '{tables}' LIMIT 1",
        sources.join(" UNION ALL ")
    )
}
