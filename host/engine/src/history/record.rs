//! One row of the history table.

use std::sync::Arc;

use serde_json::json;

use crate::call::answer::Transformed;
use runner_base::error::{Error, Result};
use runner_database::Renames;
use runner_project::catalog::{Description, Kind, Mode, Need};
use runner_project::migration_id;

runner_base::named! {
    /// How a migration's work is committed, once the database is known.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum RunMode {
        /// One transaction holds the work and its history row.
        Atomic = "atomic",
        /// Every step commits by itself.
        Stepwise = "stepwise",
    }
}

runner_base::named! {
    /// How far a recorded revision has progressed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum State {
        /// All of its upgrade is in the database.
        Applied = "applied",
        /// Part of its upgrade is in the database.
        PartlyApplied = "partial",
        /// Part of its downgrade is in the database.
        PartlyRolledBack = "partly-rolled-back",
        /// It was rolled back; the row is kept as a record.
        RolledBack = "rolled-back",
    }
}

impl State {
    /// Returns whether a run was interrupted partway.
    pub fn is_partial(self) -> bool {
        matches!(self, Self::PartlyApplied | Self::PartlyRolledBack)
    }
}

/// One application of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The row's number, which gives the order of application; 0 before it is written.
    pub id: i64,
    /// The revision, as in the file name.
    pub revision: String,
    /// The migration's name.
    pub name: String,
    /// The migration's own one-line summary.
    pub summary: String,
    /// How it was written.
    pub kind: Kind,
    /// The artifact's digest.
    pub sha256: String,
    /// How it was committed.
    pub mode: RunMode,
    /// What the migration declared, as JSON; see [`Record::description`].
    pub declared: String,
    /// How far it has progressed.
    pub state: State,
    /// When it began: ISO 8601, UTC.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The number of completed steps.
    pub steps: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// The digest of the transcript.
    pub transcript: String,
    /// The run that did it.
    pub run_id: String,
    /// The run's time as the migration saw it: microseconds since 1970-01-01T00:00:00Z.
    pub run_timestamp: i64,
    /// The run's seed, limited to 63 bits so that every database has a type for it.
    pub seed: u64,
    /// The operator who ran it: `user@host`.
    pub applied_by: String,
    /// The version of runner that applied it.
    pub tool_version: String,
    /// Why the row was written by hand, if it was.
    pub reason: Option<String>,
    /// Stepwise: the number of completed steps in the direction in progress. Read from the journal, not a column.
    pub steps_done: u64,
    /// Stepwise: the step whose outcome only an operator can determine. Read from the journal.
    pub unknown_step: Option<u64>,
    /// Stepwise: what a transform in progress has committed. Read from the journal.
    pub committed: Transformed,
    /// When it was rolled back.
    pub rolled_back_at: Option<String>,
    /// The operator who rolled it back.
    pub rolled_back_by: Option<String>,
    /// The run that rolled it back.
    pub rolled_back_run_id: Option<String>,
    /// How long the downgrade took.
    pub rolled_back_duration_ms: Option<u64>,
    /// Rows that the downgrade read.
    pub rolled_back_rows_read: Option<u64>,
    /// Rows that the downgrade wrote.
    pub rolled_back_rows_written: Option<u64>,
    /// The digest of the downgrade's transcript.
    pub rolled_back_transcript: Option<String>,
}

impl Record {
    /// Returns an empty record, the base for records that fill in only some fields.
    pub fn blank() -> Self {
        Self {
            id: 0,
            revision: String::new(),
            name: String::new(),
            summary: String::new(),
            kind: Kind::Sql,
            sha256: String::new(),
            mode: RunMode::Atomic,
            declared: String::new(),
            state: State::Applied,
            started_at: String::new(),
            finished_at: None,
            duration_ms: 0,
            steps: 0,
            rows_read: 0,
            rows_written: 0,
            transcript: String::new(),
            run_id: String::new(),
            run_timestamp: 0,
            seed: 0,
            applied_by: String::new(),
            tool_version: String::new(),
            reason: None,
            steps_done: 0,
            unknown_step: None,
            committed: Transformed::default(),
            rolled_back_at: None,
            rolled_back_by: None,
            rolled_back_run_id: None,
            rolled_back_duration_ms: None,
            rolled_back_rows_read: None,
            rolled_back_rows_written: None,
            rolled_back_transcript: None,
        }
    }

    /// Returns whether all of its upgrade was ever in the database. False for an upgrade that was interrupted and never
    /// completed.
    pub fn was_whole(&self) -> bool {
        self.finished_at.is_some()
    }

    /// Returns `REVISION_name`, as files and messages spell it.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// Returns what the migration declared when it was applied.
    pub fn description(&self) -> Result<Description> {
        parse_declared(&self.declared, &self.summary).ok_or_else(|| {
            Error::mismatch("history contains data that runner did not write").at("migration", self.id())
        })
    }
}

/// Returns a description as history stores it.
pub fn declared_json(description: &Description) -> String {
    let mut declared = json!({
        "depends_on": description.depends_on,
        "mode": description.mode.name(),
        "dialects": description.dialects.iter().map(|dialect| dialect.name()).collect::<Vec<_>>(),
        "irreversible": description.irreversible,
        "needs": description.needs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "down_mode": description.down_mode.map(Mode::name),
        "no_downgrade": description.no_downgrade,
    });
    if !description.requires.is_empty() {
        declared["requires"] = json!(description.requires);
    }
    if let Some(runtime) = &description.runtime {
        declared["runtime"] = json!(runtime);
    }
    if let Some(edition) = &description.time_zones {
        declared["time_zones"] = json!(edition);
    }
    if !description.renames.is_empty() {
        declared["tables"] = json!(description.renames.lines());
    }
    if !description.project.is_empty() {
        declared["project"] = json!(description.project);
    }
    declared.to_string()
}

fn parse_declared(declared: &str, summary: &str) -> Option<Description> {
    let declared: serde_json::Value = serde_json::from_str(declared).ok()?;
    let texts = |key: &str| -> Option<Vec<String>> {
        declared[key].as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mode = |key: &str| declared[key].as_str().and_then(Mode::from_name);
    Some(Description {
        summary: summary.to_owned(),
        depends_on: texts("depends_on")?,
        mode: mode("mode")?,
        dialects: texts("dialects")?.iter().map(|name| name.parse().ok()).collect::<Option<_>>()?,
        irreversible: declared["irreversible"].as_bool()?,
        // Builds before 0.1.0 wrote needs in other words: what a migration may do is not decided by what it said then.
        needs: texts("needs")?.iter().filter_map(|need| Need::parse(need)).collect(),
        // Older rows have none.
        down_mode: mode("down_mode"),
        no_downgrade: declared["no_downgrade"].as_bool().unwrap_or_default(),
        // Only migrations of packages have it.
        requires: texts("requires").unwrap_or_default(),
        runtime: declared["runtime"].as_str().map(str::to_owned),
        time_zones: declared["time_zones"].as_str().map(str::to_owned),
        renames: Arc::new(renames(&declared["tables"])?),
        project: declared["project"].as_str().unwrap_or_default().to_owned(),
    })
}

/// The names of tables as a row of the history has them. Only migrations of packages have any.
fn renames(tables: &serde_json::Value) -> Option<Renames> {
    if tables.is_null() {
        return Some(Renames::default());
    }
    let lines = tables.as_object()?.iter().map(|(from, to)| Some((from.as_str(), to.as_str()?)));
    Renames::parse(lines.collect::<Option<Vec<_>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

    #[test]
    fn a_description_survives_the_history() {
        let description = Description {
            summary: "adds users".to_owned(),
            depends_on: vec!["0001".to_owned()],
            mode: Mode::Stepwise,
            dialects: vec![Dialect::Sqlite, Dialect::Mariadb],
            irreversible: true,
            needs: ["table-rebuild", "read users(id)", "raw_sql", "function random", "limit fuel = 7"]
                .map(|need| Need::parse(need).expect(need))
                .to_vec(),
            down_mode: Some(Mode::Stepwise),
            no_downgrade: true,
            requires: vec!["read users(id)".to_owned()],
            runtime: Some("javascript 00".to_owned()),
            time_zones: Some("2026f".to_owned()),
            renames: Arc::new(Renames::parse([("out*", "a.\"o x\"*"), ("users", "clients")]).expect("rules")),
            project: "shop".to_owned(),
        };
        assert_eq!(parse_declared(&declared_json(&description), "adds users"), Some(description));
        assert_eq!(parse_declared("{}", ""), None);
        // The words of builds before 0.1.0.
        let old = declared_json(&Description::default())
            .replace("\"needs\":[]", "\"needs\":[\"write users\",\"read users\"]");
        let needs = parse_declared(&old, "").expect("a description").needs;
        assert_eq!(needs, [Need::parse("read users").expect("a need")]);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
        }
        for mode in [RunMode::Atomic, RunMode::Stepwise] {
            assert_eq!(RunMode::from_name(mode.name()), Some(mode));
        }
    }
}
