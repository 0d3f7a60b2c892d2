//! The output of `runner show`.

use crate::styled::{DIM, ODD, PLAIN, STRONG, Text, one_line};
use crate::units;
use runner_engine::event::Unrepeatable;
use runner_engine::history::{Record, Repair, State};
use runner_engine::status::StatusRow;
use runner_project::catalog::{Artifact, Kind, Migration};
use runner_project::migration_id;

/// Everything about a revision: its description, its state, and its runs.
pub fn show(
    row: &StatusRow<'_>,
    records: &[&Record],
    repairs: &[Repair],
    stored: bool,
    unrepeatable: &[Unrepeatable],
) -> Text {
    let mut text = Text::new().add(STRONG, migration_id(row.revision(), row.name())).end();
    line(&mut text, "state", row.standing.name());
    match row.migration {
        Some(migration) => of_project(&mut text, migration),
        None => line(&mut text, "project", "not found"),
    }
    if !records.is_empty() {
        line(&mut text, "stored copy", if stored { "in the database" } else { "none" });
    }
    for statement in unrepeatable {
        line(&mut text, "risk", &format!("it {}", statement.done()));
    }
    for record in records {
        of_history(&mut text, record);
        for repair in repairs.iter().filter(|repair| repair.history == record.id) {
            line(&mut text, "repaired", &format!("{}: {} by {}", repair.at, repair.shown(), repair.by));
            optional(&mut text, "", &one_line(&repair.why));
        }
    }
    text
}

fn of_project(text: &mut Text, migration: &Migration) {
    let description = &migration.description;
    line(text, "summary", &description.summary);
    line(text, "kind", migration.kind.name());
    line(text, "sha256", &migration.sha256);
    line(text, "mode", description.mode.name());
    let dialects: Vec<&str> = description.dialects.iter().map(|dialect| dialect.name()).collect();
    optional(text, "dialects", &dialects.join(", "));
    optional(text, "depends on", &description.depends_on.join(", "));
    optional(text, "needs", &description.shown_needs().join(", "));
    let is_irreversible = description.irreversible || migration.has_no_downgrade();
    line(text, "reversible", if is_irreversible { "no" } else { "yes" });
    optional(text, "time zones", description.time_zones.as_deref().unwrap_or_default());
    line(text, "lockfile", if migration.locked { "listed" } else { "not listed" });
    match &migration.artifact {
        Artifact::Sql { .. } => {}
        Artifact::Component { files, assets } => {
            line(text, "artifact", &files.shown());
            for (asset, sha256) in assets {
                line(text, "asset", &format!("{asset} (sha256 {sha256})"));
            }
        }
        Artifact::Script(script) => {
            line(text, "script", &script.path);
            line(text, "runtime", &format!("{} (sha256 {})", script.runtime.name, script.runtime.sha256));
            for (file, sha256) in script.companions() {
                line(text, "file", &format!("{file} (sha256 {sha256})"));
            }
        }
    }
}

fn of_history(text: &mut Text, record: &Record) {
    text.push_end();
    text.push(PLAIN, format!("run {}", record.run_id));
    text.push_line(DIM, format!(" by {}, runner {}", record.applied_by, record.tool_version));
    line(text, "started", &record.started_at);
    optional(text, "finished", record.finished_at.as_deref().unwrap_or_default());
    line(text, "took", &units::milliseconds(record.duration_ms));
    line(text, "mode", record.mode.name());
    line(text, "steps", &units::count(record.steps));
    line(text, "rows read", &units::count(record.rows_read));
    line(text, "rows written", &units::count(record.rows_written));
    line(text, "sha256", &record.sha256);
    let description = record.description().unwrap_or_default();
    optional(text, "runtime", description.runtime.as_deref().unwrap_or_default());
    optional(text, "time zones", description.time_zones.as_deref().unwrap_or_default());
    optional(text, "transcript", &record.transcript);
    if record.state.is_partial() {
        let (one, many) = if record.kind == Kind::Sql { ("statement", "statements") } else { ("step", "steps") };
        let done = record.committed.after(record.steps_done, one, many);
        let unknown = record.unknown_step.map_or(String::new(), |unknown| {
            format!("; it is unknown whether {one} {} took effect", units::count(unknown))
        });
        text.push_line(ODD, format!("  {}: {done} took effect{unknown}", record.state.name()));
    }
    if matches!(record.state, State::RolledBack | State::PartlyRolledBack) && !record.was_whole() {
        line(text, "upgrade", "not completed");
    }
    optional(text, "reason", &one_line(record.reason.as_deref().unwrap_or_default()));
    if let (State::RolledBack, Some(at)) = (record.state, &record.rolled_back_at) {
        let by = record.rolled_back_by.as_deref().unwrap_or("an unknown user");
        let run = record.rolled_back_run_id.as_deref().unwrap_or("?");
        line(text, "rolled back", &format!("{at} by {by}, run {run}"));
        let took = record.rolled_back_duration_ms.map(units::milliseconds);
        optional(text, "took", &took.unwrap_or_default());
        let rows = record.rolled_back_rows_written.map(units::count);
        optional(text, "rows written", &rows.unwrap_or_default());
        optional(text, "transcript", record.rolled_back_transcript.as_deref().unwrap_or_default());
    }
}

/// A line with a label; more of the same has none.
pub(super) fn line(text: &mut Text, label: &str, value: &str) {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    text.push(DIM, format!("  {label:<14}"));
    text.push_line(PLAIN, value);
}

fn optional(text: &mut Text, label: &str, value: &str) {
    if !value.is_empty() {
        line(text, label, value);
    }
}
