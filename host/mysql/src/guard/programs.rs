//! What the programs of a database may do to it without any statement showing it: triggers, views and routines that a
//! statement runs, and events, which the server runs.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Result, unanswered};
use crate::host_sql::{HostExecutor as _, literal, number, text};
use crate::link::Link;
use runner_database::facts::{GATE_NAMES, LEASE_TABLES, TOOL_TABLES};
use runner_database::{DatabaseError, DatabaseErrorKind, Meaning};
use runner_sql::Tokens;

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
    /// A procedure or a package of the database has dynamic SQL.
    pub have_dynamic_sql: bool,
    /// Other databases that the user can see.
    databases: Vec<String>,
    /// The events that may reach a tool table.
    events: Vec<Event>,
    /// How many triggers, views and routines name a tool table, and the sum of their digests, which no setting cuts off.
    naming: String,
}

/// An event that may reach a tool table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    name: String,
    /// A digest of its state and its text.
    digest: String,
    /// Its text names one; otherwise it assembles a name, or runs a program that may reach one.
    names_one: bool,
}

/// Settings that the host relies on, as a regular expression.
const SETTINGS: &str = "sql_mode|time_zone|_checks|autocommit|completion_type|sql_select_limit|max_error_count|\
     sql_safe_updates|sql_big_selects|names|character|charset|collation|transaction|tx_";

/// Databases of the servers themselves.
const OF_THE_SERVER: &str = "'information_schema', 'performance_schema', 'mysql', 'sys'";

impl Programs {
    /// Whether a statement may reach the tool's tables through another database.
    pub fn leads_elsewhere(&self, tokens: &Tokens<'_>) -> bool {
        let is_database = |name: &Cow<'_, str>| self.databases.iter().any(|it| it.eq_ignore_ascii_case(name));
        !self.databases.is_empty() && tokens.identifiers().iter().any(is_database)
    }

    /// Fails if the server itself runs something that names the tables, unseen by any proof.
    pub fn check_events(&self) -> Result<()> {
        let Some(Event { name, .. }) = self.events.iter().find(|event| event.names_one) else { return Ok(()) };
        Err(DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!("the event `{name}` names a table that belongs to runner, and may change it at any time"),
        )
        .hint(format!("drop it: `DROP EVENT {name}`")))
    }

    /// Fails if there is such an event that was not there before.
    fn check_new_events(&self, before: &Self) -> Result<()> {
        let is_new = |event: &&Event| !before.events.contains(event);
        let Some(Event { name, .. }) = self.events.iter().find(is_new) else { return Ok(()) };
        Err(DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!(
                "the migration has created or changed the event `{name}`, which has dynamic SQL, or runs a program that may reach the \
                 tables of runner, and so may change them at any time"
            ),
        )
        .means(Meaning::Ran)
        .hint(format!("drop it: `DROP EVENT {name}`; {EVENT_BY_HAND}")))
    }
}

/// The way out for such an event.
pub(super) const EVENT_BY_HAND: &str =
    "if you need it, create it by hand, with a definer that has no privileges on the tables `runner_…`";

/// The programs, as far as they were looked up.
#[derive(Default)]
pub(super) struct ProgramCache {
    known: Option<Arc<Programs>>,
    /// What reached the tool's tables when the run first checked.
    before: Option<Arc<Programs>>,
}

impl ProgramCache {
    /// The programs, looked up once, and again after whatever may have created one.
    pub async fn get(&mut self, link: &mut Link) -> Result<Arc<Programs>> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let schema = literal(link.facts().schema.as_deref().unwrap_or_default());
        let found = link.work.answers(&question(&schema)).await?;
        let [flags, databases, events] = found.as_slice() else { return Err(unanswered()) };
        // Rows of several kinds: by its own text, an event names a table, has dynamic SQL, or does neither.
        let reaching = match events.iter().any(|row| text(row, 2) == "0") {
            true => link.work.all(reaching_events(&schema)).await?,
            false => Vec::new(),
        };
        let reaching: Vec<String> = reaching.iter().map(|row| text(row, 0)).collect();
        let events = events.iter().filter(|row| text(row, 2) != "0" || reaching.contains(&text(row, 0)));
        let events: Vec<Event> = events
            .map(|row| Event { name: text(row, 0), digest: text(row, 1), names_one: text(row, 2) == "2" })
            .collect();
        let flags = flags.first().ok_or_else(unanswered)?;
        let is_set = |at: usize| number(flags, at) == 1;
        let programs = Arc::new(Programs {
            run_with_statements: is_set(0),
            reach_tool_tables: is_set(1) || is_set(2),
            change_settings: is_set(3),
            have_dynamic_sql: is_set(4),
            databases: databases.iter().map(|row| text(row, 0)).collect(),
            events,
            naming: text(flags, 5),
        });
        self.before.get_or_insert_with(|| programs.clone());
        self.known = Some(programs.clone());
        Ok(programs)
    }

    /// Fails if a statement of a migration has left something that may reach the tool's tables later, unseen by any
    /// proof: an event, or a trigger, a view or a routine whose text names one.
    pub async fn check_new(&mut self, link: &mut Link) -> Result<()> {
        let programs = self.get(link).await?;
        let Some(before) = &self.before else { return Ok(()) };
        programs.check_new_events(before)?;
        if programs.naming == before.naming {
            return Ok(());
        }
        let schema = literal(link.facts().schema.as_deref().unwrap_or_default());
        let found = link.work.all(naming_programs(&schema)).await?;
        Err(DatabaseError::new(
            DatabaseErrorKind::Denied,
            "the migration has created or changed a program that names a table of runner, and so may change it at any time",
        )
        .means(Meaning::Ran)
        .detail(format!("such programs are: {}", found.iter().map(|row| text(row, 0)).collect::<Vec<_>>().join(", ")))
        .hint("drop it; what only reads the history can be made by hand"))
    }

    /// Looks before the first statement that may create one.
    pub async fn note_before(&mut self, link: &mut Link) -> Result<()> {
        if self.before.is_none() {
            self.get(link).await?;
        }
        Ok(())
    }

    /// Has them looked up again.
    pub fn forget(&mut self) {
        self.known = None;
    }
}

/// The names of the tool's tables, as a regular expression.
fn tool_names() -> String {
    [TOOL_TABLES.as_slice(), &LEASE_TABLES, &GATE_NAMES[1..]].concat().join("|")
}

/// The queries for the programs and their texts: triggers and views of a list of databases, and all routines.
fn sources(list: &str, schema: &str) -> [String; 3] {
    let text = |column: &str| format!("CONVERT({column} USING utf8mb4)");
    [
        format!(
            "SELECT 'trigger' AS kind, TRIGGER_SCHEMA = {schema} AS is_ours, TRIGGER_SCHEMA AS place, {} AS name, {} AS body \
             FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN ({list})",
            text("EVENT_OBJECT_TABLE"),
            text("ACTION_STATEMENT")
        ),
        format!(
            "SELECT 'view', TABLE_SCHEMA = {schema}, TABLE_SCHEMA, {}, {} FROM information_schema.VIEWS \
             WHERE TABLE_SCHEMA IN ({list})",
            text("TABLE_NAME"),
            text("VIEW_DEFINITION")
        ),
        // A text that the user may not read may be anything.
        format!(
            "SELECT LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA = {schema}, ROUTINE_SCHEMA, {}, IFNULL({}, '{} sql_mode execute') \
             FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ({OF_THE_SERVER}) AND \
             NOT (ROUTINE_SCHEMA = {schema} AND ROUTINE_NAME = '{}')",
            text("ROUTINE_NAME"),
            text("ROUTINE_DEFINITION"),
            TOOL_TABLES[0],
            // It admits sessions with a ticket only.
            GATE_NAMES[0]
        ),
    ]
}

/// The question, whose answers are flags, databases and events. Each catalogue is opened once: a view or a trigger takes
/// opening all tables of its database, so those of other databases are not asked for.
fn question(schema: &str) -> String {
    // The prefix alone is not enough: a database may have such a name, and each view names its database.
    let tables = tool_names();
    let naming = naming(schema);
    let digest = format!("IF({naming}, LEFT(SHA2(CONCAT_WS(' ', kind, place, program.name, body), 256), 16), NULL)");
    let text = |column: &str| format!("CONVERT({column} USING utf8mb4)");
    let others = format!(
        "SELECT {} AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({OF_THE_SERVER}, {schema})",
        text("SCHEMA_NAME")
    );
    format!(
        "SELECT IFNULL(MAX(kind IN ('trigger', 'function')), 0), \
         IFNULL(MAX({naming}), 0), \
         IFNULL(MAX(is_ours AND other.name IS NOT NULL), 0), \
         IFNULL(MAX(kind <> 'view' AND body REGEXP '{SETTINGS}'), 0), \
         IFNULL(MAX(is_ours AND kind LIKE 'p%' AND body REGEXP '{DYNAMIC}'), 0), \
         CONCAT(COUNT(DISTINCT {digest}), ' ', IFNULL(SUM(DISTINCT CAST(CONV({digest}, 16, 10) AS DECIMAL(20))), 0)) \
         FROM ({}) AS program LEFT JOIN ({others}) AS other ON is_ours AND INSTR(body, other.name) > 0; {others}; \
         SELECT {EVENT}, SHA2(CONCAT(STATUS, EVENT_DEFINITION), 256), CASE WHEN EVENT_DEFINITION REGEXP '{tables}' AND (EVENT_SCHEMA = {schema} \
         OR INSTR(EVENT_DEFINITION, {schema}) > 0) THEN 2 WHEN EVENT_DEFINITION REGEXP '{DYNAMIC}' THEN 1 ELSE 0 END \
         FROM information_schema.EVENTS WHERE {}",
        sources(schema, schema).join(" UNION ALL "),
        of_migrations(schema)
    )
}

/// The condition for a program that names a tool table.
fn naming(schema: &str) -> String {
    format!("((is_ours OR INSTR(body, {schema}) > 0) AND body REGEXP '{}')", tool_names())
}

/// The query for such programs. A trigger has the name of its table.
fn naming_programs(schema: &str) -> String {
    format!(
        "SELECT CONCAT('the ', kind, IF(kind = 'trigger', ' on `', ' `'), place, '.', name, '`') FROM ({}) AS program \
         WHERE {} ORDER BY 1 LIMIT 5",
        sources(schema, schema).join(" UNION ALL "),
        naming(schema)
    )
}

/// Dynamic SQL, as a regular expression.
const DYNAMIC: &str = "(^|[^a-z0-9_$])(execute|prepare)([^a-z0-9_$]|$)";

/// The name of an event.
const EVENT: &str = "CONCAT(EVENT_SCHEMA, '.', EVENT_NAME)";

/// The condition for events that a migration may have created, or that reach the database by its name.
fn of_migrations(schema: &str) -> String {
    format!("EVENT_SCHEMA = {schema} OR DEFINER = CURRENT_USER() OR INSTR(EVENT_DEFINITION, {schema}) > 0")
}

/// The query for the events in whose texts programs are named that name a tool table or have dynamic SQL, or that name such programs.
/// A trigger has the name of its table.
fn reaching_events(schema: &str) -> String {
    format!(
        "{} SELECT {EVENT} FROM information_schema.EVENTS e WHERE ({}) AND EXISTS (SELECT 1 FROM reach r WHERE {})",
        reach(schema, schema, &format!("body REGEXP '{}|{DYNAMIC}'", tool_names())),
        of_migrations(schema),
        mentions("e.EVENT_DEFINITION", "r.name")
    )
}

/// The beginning of a query about `reach`: the programs of the databases of a list whose `body` meets a condition, and those that name one
/// of them, through however many others. A trigger has the name of its table.
fn reach(list: &str, schema: &str, found: &str) -> String {
    format!(
        "WITH RECURSIVE program AS ({}), reach (kind, place, name, is_direct) AS (SELECT kind, place, name, 1 FROM program \
         WHERE {found} UNION SELECT p.kind, p.place, p.name, 0 FROM program p JOIN reach r ON {})",
        sources(list, schema).join(" UNION ALL "),
        mentions("p.body", "r.name")
    )
}

/// The query for the tables, views and functions of a list of databases through which a statement changes the tool's tables, or what is in
/// a database that is not listed, whose views may lead there: what it is, its database and name, and whether a view does so only where it
/// is written to.
pub(crate) fn reaching_objects(list: &str, schema: &str) -> String {
    let name = "CONVERT(o.SCHEMA_NAME USING utf8mb4)";
    // There can be a comment before the dot.
    let elsewhere = format!(
        "EXISTS (SELECT 1 FROM information_schema.SCHEMATA o WHERE o.SCHEMA_NAME NOT IN ({OF_THE_SERVER}, {list}) AND (\
         body REGEXP CONCAT('(^|[^a-z0-9_$])', {}, '[`\"]?[[:space:]]*[.]') \
         OR body REGEXP '/[*]|--|#' AND {}))",
        as_pattern(name),
        mentions("body", name)
    );
    format!(
        "{} SELECT kind, place, name, MIN(is_direct) FROM reach GROUP BY kind, place, name",
        reach(list, schema, &format!("body REGEXP '{}' OR {elsewhere}", tool_names()))
    )
}

/// The condition for a text that has a name in it as a word of its own.
fn mentions(text: &str, name: &str) -> String {
    format!("{text} REGEXP CONCAT('(^|[^a-z0-9_$])', {}, '([^a-z0-9_$]|$)')", as_pattern(name))
}

/// A name as a regular expression that it matches.
fn as_pattern(name: &str) -> String {
    format!("REGEXP_REPLACE({name}, '[^a-zA-Z0-9_]', '.')")
}
