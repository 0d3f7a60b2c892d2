//! The second wall around the tool tables: which of them exist, their definitions and contents are compared before and after the
//! statements of a migration, and what is attached to them is refused (see `inspect`). Inside a transaction that is still
//! ours, only rows can have changed, because everything else commits; besides that, a temporary table can hide one of them.
//!
//! The digest is taken before the first statement that could change the tables without naming them: dynamic SQL, calls,
//! and, since triggers and functions cannot assemble names, any statement where a trigger, view or routine of the
//! database names them or another database, or where it names another database itself. So a journal of many steps is
//! not read again for each of them. An event runs unseen by any proof, so one that names the tables is refused, and
//! one that a migration creates with dynamic SQL. What was there before is not: maintenance by such events is common,
//! and their author could do it without a migration.

use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::error::{Result, unanswered};
use crate::host_sql::{HostExecutor as _, literal, text};
use crate::inspect;
use crate::link::Link;
use runner_database::facts::{TOOL_TABLES, is_tool_table};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Meaning, TableName};

/// Tables that sessions write at any time: those that watch a run, and runs that wait.
const SHARED: [&str; 4] = ["runner_control", "runner_progress", "runner_lease", "runner_heartbeat"];

/// Tables that sessions which share a transform write while its migration runs. The rows of migrations that are done stay as they
/// are.
const OF_MIGRATIONS: [&str; 3] = ["runner_checkpoint", "runner_chunk", "runner_evidence"];

/// What the server answers to a question for a table, a column or a database that is gone.
const CHANGED: [&str; 3] = ["1146", "1054", "1049"];

/// Each tool table that exists, with digests of its definition and contents.
type Picture = Vec<(String, String)>;

/// What is known of the tables.
#[derive(Default)]
pub(super) struct ToolTables {
    /// The tables before the first statement of the transaction that may reach them, or after the host's last one; outside of one, before
    /// the statement.
    picture: Option<Picture>,
    /// The questions for a picture.
    looks: Option<Vec<(String, String)>>,
}

impl ToolTables {
    /// Takes a snapshot before a statement of a script or guest that may reach the tables without naming them, if there is none. In a
    /// transaction, the first one is compared at its end. Outside one nothing can be rolled back, so each is compared right after its
    /// statement.
    pub async fn snapshot(&mut self, link: &mut Link) -> Result<()> {
        if self.picture.is_none() {
            self.picture = Some(self.picture(link).await?);
        }
        Ok(())
    }

    /// Forgets the picture.
    pub fn forget(&mut self) {
        self.picture = None;
    }

    /// Fails if the tables are not as in the picture.
    pub async fn check(&mut self, link: &mut Link) -> Result<()> {
        let Some(before) = self.picture.clone() else { return Ok(()) };
        match self.picture(link).await {
            Ok(now) => compare(&before, &now),
            Err(error) if CHANGED.contains(&error.code.as_str()) => {
                Err(changed("runner_history").detail(error.to_string()))
            }
            // A picture that has something foreign in it is none, so there was no such thing before.
            Err(error) if error.kind == DatabaseErrorKind::Denied => Err(error.means(Meaning::Ran)),
            Err(error) => Err(error),
        }
    }

    /// The same, and the picture is taken again before the next statement.
    pub async fn compare(&mut self, link: &mut Link) -> Result<()> {
        self.check(link).await?;
        self.forget();
        Ok(())
    }

    /// The tables as they are now.
    async fn picture(&mut self, link: &mut Link) -> Result<Picture> {
        let looks = match self.looks.take() {
            Some(looks) => looks,
            None => read_snapshot(link).await?,
        };
        let texts: Vec<&str> = looks.iter().map(|(_, look)| look.as_str()).collect();
        let answers = link.work.answers(texts.join("; ")).await?;
        let digest = |rows: &Vec<MySqlRow>| {
            let mut digest = Sha256::new();
            for row in rows {
                for column in 0..row.len() {
                    digest.update(text(row, column));
                    digest.update([0]);
                }
            }
            hex::encode(digest.finalize())
        };
        let [foreign, there, answers @ ..] = answers.as_slice() else { return Err(unanswered()) };
        if let Some(row) = foreign.first() {
            return Err(inspect::foreign(link.facts().tool_schema(), &text(row, 0)));
        }
        let there = there.iter().map(|row| (text(row, 0), String::new()));
        let digests = looks.iter().skip(2).zip(answers).map(|((table, _), rows)| (table.clone(), digest(rows)));
        let picture = there.chain(digests).collect();
        self.looks = Some(looks);
        Ok(picture)
    }
}

/// The questions: for what does not belong there, for the tables that exist, and then, each with its table, for their definitions,
/// and for most the digest of their rows.
async fn read_snapshot(link: &mut Link) -> Result<Vec<(String, String)>> {
    let facts = link.facts().clone();
    let schema = facts.schema.clone().unwrap_or_default();
    // Without the prefix.
    let among = |tables: &[&str], name: &str| {
        name.strip_prefix(facts.history.prefix(facts.dialect)).is_some_and(|name| tables.contains(&name))
    };
    let columns = link
        .work
        .all(format!(
            "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} \
             AND TABLE_NAME IN ({}) ORDER BY TABLE_NAME, ORDINAL_POSITION",
            literal(&schema),
            facts.history.guarded(facts.dialect)
        ))
        .await?;
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for row in &columns {
        let (table, column, data_type) = (text(row, 0), text(row, 1), text(row, 2));
        let quoted = Dialect::Mysql.quote(&column);
        // Stored artifacts are large, and have digests of their own.
        let is_large = data_type.ends_with("blob") && !among(&OF_MIGRATIONS, &table);
        let value = if is_large { format!("LENGTH({quoted})") } else { quoted };
        match tables.last_mut() {
            Some((last, values)) if *last == table => values.push(value),
            _ => tables.push((table, vec![value])),
        }
    }
    let history = tables
        .iter()
        .find(|(table, columns)| among(&[TOOL_TABLES[0]], table) && columns.iter().any(|it| it == "`state`"));
    let done = history.map(|(table, _)| {
        let name = TableName { schema: Some(schema.clone()), name: table.clone() }.quoted(Dialect::Mysql);
        format!("SELECT h.id FROM {name} h WHERE h.state IN ('applied', 'rolled-back')")
    });
    let there = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME IN ({}) ORDER BY 1",
        literal(&schema),
        inspect::tables(&facts)
    );
    let mut looks = vec![(String::new(), inspect::question(&facts)), (String::new(), there)];
    for (table, values) in tables {
        let name = TableName { schema: Some(schema.clone()), name: table.clone() }.quoted(Dialect::Mysql);
        looks.push((table.clone(), format!("SHOW CREATE TABLE {name}")));
        let which = match (among(&OF_MIGRATIONS, &table), &done) {
            (true, Some(done)) => format!(" WHERE history_id IN ({done})"),
            (true, None) => continue,
            (false, _) if among(&SHARED, &table) => continue,
            (false, _) => String::new(),
        };
        let values: Vec<String> =
            // With its length, no value can be taken for two, or for none.
            values.iter().map(|it| format!("IFNULL(CONCAT(LENGTH({it}), ':', CAST({it} AS BINARY)), '~')")).collect();
        let rows = format!(
            "SELECT COUNT(*), SUM(CAST(CONV(LEFT(SHA2(CONCAT({}), 256), 15), 16, 10) AS UNSIGNED)) FROM {name}{which}",
            values.join(", ")
        );
        looks.push((table, rows));
    }
    Ok(looks)
}

fn compare(before: &Picture, now: &Picture) -> Result<()> {
    if now == before {
        return Ok(());
    }
    let other = before.iter().chain(now).find(|it| !(before.contains(it) && now.contains(it)));
    Err(changed(other.map_or("runner_history", |(name, _)| name.as_str())))
}

fn changed(table: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        format!("the migration changed `{table}`, which belongs to runner"),
    )
    .means(Meaning::Ran)
    .hint(
        "look for triggers, procedures and `EXECUTE` that write to it or change it; a loop over all tables must leave out \
         those whose names begin with `runner_`, after the `prefix` of `[history]` if there is one",
    )
}

/// Whether a statement of the host names one of the tables.
pub(crate) fn names_tool_table(statement: &str) -> bool {
    statement.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(is_tool_table)
}
