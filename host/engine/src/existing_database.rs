//! A database that has tables and no history: another tool, or a person, has migrated it until now.

use super::history;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::facts::{TOOL_TABLES, is_tool_table, tool_table};
use runner_database::{DatabaseError, Facts, HostSession, QueryLimits};

/// The way out for those who mean it.
const APPLY: &str = "`--on-existing apply`, or `on_existing = \"apply\"` in `[database]`, applies all migrations to it";

/// What a database without a history has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// How many tables, without those of extensions and of tools like this one.
    pub tables: usize,
    /// The tool that has migrated it.
    pub tool: Option<FoundTool>,
    /// A history of runner in another place than that of the settings: its table.
    pub history: Option<String>,
}

/// A tool like this one, by its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTool {
    /// Its name, or several that share the name of the table.
    pub name: &'static str,
    /// Its table, as the database spells it.
    pub table: String,
    /// The newest version in it.
    pub version: Option<String>,
    /// It says of a migration that it failed.
    pub has_failed: bool,
}

/// The table in which a tool keeps what it has applied, and how to ask it for the newest version.
struct Tool {
    table: &'static str,
    name: &'static str,
    /// The version, and the rest of the query after the name of the table.
    newest: Option<(&'static str, &'static str)>,
    /// The condition of a migration that failed.
    failed: Option<&'static str>,
}

const fn tool(table: &'static str, name: &'static str, newest: Option<(&'static str, &'static str)>) -> Tool {
    Tool { table, name, newest, failed: None }
}

impl Tool {
    const fn failed(self, condition: &'static str) -> Self {
        Self { failed: Some(condition), ..self }
    }

    /// Whether this is its table.
    fn is_at(&self, schema: &str, table: &str) -> bool {
        match self.table.split_once('.') {
            Some((own, name)) => own == schema && name.eq_ignore_ascii_case(table),
            None => self.table.eq_ignore_ascii_case(table),
        }
    }
}

/// The first that is found counts: Rails has `schema_migrations`, too.
const TOOLS: [Tool; 23] = [
    tool("goose_db_version", "goose", Some(("version_id", "WHERE is_applied ORDER BY id DESC LIMIT 1"))),
    tool(
        "flyway_schema_history",
        "Flyway",
        Some(("version", "WHERE version IS NOT NULL AND success ORDER BY installed_rank DESC LIMIT 1")),
    )
    .failed("NOT success"),
    tool("alembic_version", "Alembic", Some(("version_num", "LIMIT 1"))),
    tool("ar_internal_metadata", "Rails", None),
    // Only golang-migrate has the column.
    tool("schema_migrations", "golang-migrate, dbmate or Ecto", Some(("version", "ORDER BY version DESC LIMIT 1")))
        .failed("dirty"),
    tool("django_migrations", "Django", Some(("name", "ORDER BY id DESC LIMIT 1"))),
    tool(
        "_prisma_migrations",
        "Prisma",
        Some((
            "migration_name",
            "WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name DESC LIMIT 1",
        )),
    )
    .failed("finished_at IS NULL AND rolled_back_at IS NULL"),
    tool("__drizzle_migrations", "Drizzle", None),
    tool("knex_migrations", "Knex", Some(("name", "ORDER BY id DESC LIMIT 1"))),
    tool("_sqlx_migrations", "sqlx", Some(("version", "ORDER BY version DESC LIMIT 1"))),
    tool("databasechangelog", "Liquibase", None),
    tool("refinery_schema_history", "refinery", Some(("version", "ORDER BY version DESC LIMIT 1"))),
    tool("__diesel_schema_migrations", "Diesel", Some(("version", "ORDER BY version DESC LIMIT 1"))),
    tool("SequelizeMeta", "Sequelize", Some(("name", "ORDER BY name DESC LIMIT 1"))),
    tool("__EFMigrationsHistory", "Entity Framework", None),
    tool("atlas_schema_revisions", "Atlas", Some(("version", "ORDER BY version DESC LIMIT 1"))),
    tool("doctrine_migration_versions", "Doctrine", Some(("version", "ORDER BY version DESC LIMIT 1"))),
    tool("phinxlog", "Phinx", Some(("version", "ORDER BY version DESC LIMIT 1"))),
    tool("mikro_orm_migrations", "MikroORM", Some(("name", "ORDER BY id DESC LIMIT 1"))),
    tool("pgmigrations", "node-pg-migrate", Some(("name", "ORDER BY id DESC LIMIT 1"))),
    tool("gorp_migrations", "sql-migrate", Some(("id", "ORDER BY id DESC LIMIT 1"))),
    tool("sqitch.changes", "Sqitch", Some(("change", "ORDER BY committed_at DESC LIMIT 1"))),
    tool("_yoyo_migration", "yoyo", Some(("migration_id", "ORDER BY migration_id DESC LIMIT 1"))),
];

/// Inspects a database that has no history; `None` if there is nothing in it, or if it has a history.
pub async fn inspect(database: &mut HostSession<'_>) -> Result<Option<Existing>> {
    let (ours, found): (Vec<_>, Vec<_>) =
        tables(database).await?.into_iter().partition(|(_, table)| is_tool_table(table));
    let tool = find_tool(database, &found).await;
    let facts = database.facts();
    let has_own_place = !facts.history.name(facts.dialect).is_empty();
    let history = others(facts, &ours).into_iter().next();
    let here = database.facts().schema_of_names().to_owned();
    let is_other =
        |(schema, table): &&(String, String)| *schema == here && !TOOLS.iter().any(|tool| tool.is_at(schema, table));
    let tables = found.iter().filter(is_other).count();
    // Asked last: where there is nothing, one question is enough, and what another run makes meanwhile is in its history.
    // With a place of its own, the project shares the database with the one whose history that is, and whose tables these are.
    let tables = if has_own_place && history.is_some() { 0 } else { tables };
    let history = history.filter(|_| !has_own_place);
    if (tables == 0 && tool.is_none() && history.is_none()) || history::is_there(database).await? {
        return Ok(None);
    }
    Ok(Some(Existing { tables, tool, history }))
}

/// The histories of other projects or tenants in the database: their tables.
pub async fn other_histories(database: &mut HostSession<'_>) -> Result<Vec<String>> {
    let found = tables(database).await?;
    Ok(others(database.facts(), &found))
}

/// The tables of histories in other places than that of the settings.
fn others(facts: &Facts, found: &[(String, String)]) -> Vec<String> {
    let own = format!("{}{}", facts.history.prefix(facts.dialect), TOOL_TABLES[0]);
    let is_history = |(schema, table): &&(String, String)| {
        let is_own = schema == facts.tool_schema() && table.eq_ignore_ascii_case(&own);
        tool_table(table) == Some(TOOL_TABLES[0]) && !is_own
    };
    let shown = |(schema, table): &(String, String)| match facts.sql.catalog.has_schemas {
        true => format!("{schema}.{table}"),
        false => table.clone(),
    };
    found.iter().filter(is_history).map(shown).collect()
}

/// Schema and name of all tables that do not belong to an extension.
async fn tables(database: &mut HostSession<'_>) -> Result<Vec<(String, String)>, DatabaseError> {
    let statement = database.facts().sql.catalog.tables;
    let rows = database.query(statement, &[], QueryLimits::NONE).await?.rows;
    let name = |row: Vec<Value>| {
        let mut values = row.into_iter().filter_map(shown);
        values.next().zip(values.next())
    };
    Ok(rows.into_iter().filter_map(name).collect())
}

/// The tool whose table is among these. What cannot be asked, as it is in another format, has no version.
async fn find_tool(database: &mut HostSession<'_>, found: &[(String, String)]) -> Option<FoundTool> {
    let of = |tool: &Tool| found.iter().find(|(schema, table)| tool.is_at(schema, table));
    let (tool, (schema, table)) = TOOLS.iter().find_map(|tool| Some((tool, of(tool)?)))?;
    let dialect = database.facts().dialect;
    let from = format!("FROM {}.{}", dialect.quote(schema), dialect.quote(table));
    let mut first = async |statement: String| {
        let answer = database.query(&statement, &[], QueryLimits { rows: 1, bytes: 1 << 16 }).await.ok();
        answer.and_then(|set| set.rows.into_iter().next()?.into_iter().next()).and_then(shown)
    };
    let mut version = None;
    if let Some((column, rest)) = tool.newest {
        version = first(format!("SELECT {column} {from} {rest}")).await;
    }
    let has_failed = match tool.failed {
        Some(condition) => first(format!("SELECT '' {from} WHERE {condition} LIMIT 1")).await.is_some(),
        None => false,
    };
    Some(FoundTool { name: tool.name, table: table.clone(), version, has_failed })
}

fn shown(value: Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Decimal(text) => Some(text),
        Value::Int64(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Existing {
    /// What was found, as the end of a sentence.
    pub fn found(&self) -> String {
        let tables = match self.tables {
            0 => None,
            1 => Some("1 table".to_owned()),
            tables => Some(format!("{tables} tables")),
        };
        let tool = self.tool.as_ref().map(|FoundTool { name, table, version, has_failed }| {
            let version = version.as_ref().map_or_else(String::new, |version| format!(" at `{version}`"));
            let failed = if *has_failed { ", with a migration that failed" } else { "" };
            format!("`{table}` of {name}{version}{failed}")
        });
        let history = self.history.as_ref().map(|table| format!("the history `{table}` of runner"));
        tables.into_iter().chain(tool).chain(history).collect::<Vec<_>>().join(", and ")
    }

    /// The ways out; `resolve` finds the revision that a version of the tool means.
    pub fn hints(&self, resolve: impl Fn(&str) -> Option<String>) -> [String; 2] {
        if let Some(table) = &self.history {
            return [
                format!(
                    "if `{table}` is the history of this project, say so in `[history]`: with `schema` on PostgreSQL, `prefix` \
                     elsewhere"
                ),
                APPLY.to_owned(),
            ];
        }
        if let Some(FoundTool { name, has_failed: true, .. }) = &self.tool {
            return [
                format!("fix the migration that failed, and have {name} record that, before its state is taken over"),
                APPLY.to_owned(),
            ];
        }
        let (tool, version) = self.tool.as_ref().map_or(("another tool", None), |it| (it.name, it.version.as_deref()));
        let revision = version.and_then(resolve).unwrap_or_else(|| "REVISION".to_owned());
        [
            format!(
                "if it has the schema of one of the migrations, record that: `runner baseline {revision} --why 'migrated with {tool} \
                 until now'`; it counts all migrations up to that one as applied"
            ),
            APPLY.to_owned(),
        ]
    }

    /// The refusal to apply the first migrations to it.
    pub fn refused(&self, resolve: impl Fn(&str) -> Option<String>) -> Error {
        let error = Error::mismatch(format!("the database has no history, and is not empty: it has {}", self.found()));
        self.hints(resolve).into_iter().fold(error, Error::hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_names_what_was_found_and_the_command_that_fits() {
        let found = |tables, tool| Existing { tables, tool, history: None };
        let goose = |version: Option<&str>| {
            Some(FoundTool {
                name: "goose",
                table: "goose_db_version".to_owned(),
                version: version.map(str::to_owned),
                has_failed: false,
            })
        };
        for (existing, told, command) in [
            (found(1, None), "1 table", "baseline REVISION --why 'migrated with another tool"),
            (
                found(12, goose(Some("4"))),
                "12 tables, and `goose_db_version` of goose at `4`",
                "baseline 0004 --why 'migrated with goose",
            ),
            (found(0, goose(None)), "`goose_db_version` of goose", "baseline REVISION --why"),
        ] {
            let error = existing.refused(|version| Some(format!("000{version}")));
            assert!(error.message.ends_with(&format!("it has {told}")), "{}", error.message);
            assert!(error.hints[0].contains(command), "{}", error.hints[0]);
        }
    }
}
