//! The output of `runner test`.

use std::time::Duration;

use crate::styled::{BAD, DIM, GOOD, HINT, ODD, STRONG, Text};
use crate::units;
use runner_testing::migration_tests::{DatabaseReport, Failure, MigrationReport, Verdict};

/// The result of a migration: a line, followed by its failures.
pub fn tested(database: &DatabaseReport, migration: &MigrationReport) -> Text {
    let style = match migration.verdict() {
        Verdict::Passed | Verdict::Applied => GOOD,
        Verdict::Failed => BAD,
        Verdict::NotRun => ODD,
    };
    let word = migration.verdict().name().replace('-', " ");
    let mut text = Text::new().add(style, word).plain(" ").add(STRONG, migration.id());
    text.push_line(DIM, format!(" on {}{}", database.engine, facts(migration)));
    for phase in &migration.phases {
        for failure in &phase.failures {
            append(&mut text, &phase.phase.to_string(), failure);
        }
    }
    for warning in &migration.warnings {
        text.push_block(ODD, "  ", &format!("warning: {}", warning.message));
        append_hint(&mut text, warning.hint.as_deref());
    }
    text
}

fn append(text: &mut Text, phase: &str, failure: &Failure) {
    text.push_block(BAD, "  ", &format!("{phase}: {}", failure.message));
    for detail in &failure.details {
        text.push_block(DIM, "    ", detail);
    }
    append_hint(text, failure.hint.as_deref());
}

fn append_hint(text: &mut Text, hint: Option<&str>) {
    if let Some(hint) = hint {
        text.push(HINT, "  hint");
        text.push_line(crate::styled::PLAIN, format!(": {hint}"));
    }
}

/// What was done, and how long it took.
fn facts(migration: &MigrationReport) -> String {
    if migration.phases.is_empty() {
        return String::new();
    }
    let way = match (migration.chosen, migration.irreversible) {
        (true, false) => "up, down, up",
        (true, true) => "up, irreversible",
        (false, _) => "up",
    };
    let mut facts = format!(": {way}");
    if migration.checks() > 0 {
        facts.push_str(&format!(", {}", units::counted(migration.checks() as u64, "check", "checks")));
    }
    if let Some(crashes) = &migration.crashes {
        let times = units::counted(crashes.up + crashes.down, "time", "times");
        let (longest, _) = crashes.longest_and_median();
        facts.push_str(&format!(", killed {times}, recovered in at most {}", units::duration(longest)));
    }
    format!("{facts} ({})", units::duration(migration.took))
}

/// How many passed and how many did not.
pub fn test_summary(reports: &[DatabaseReport], took: Duration) -> Text {
    let count = |verdict: Verdict| {
        let migrations = reports.iter().flat_map(|report| &report.migrations);
        migrations.filter(|migration| migration.chosen && migration.verdict() == verdict).count() as u64
    };
    let (passed, failed, not_run) = (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::NotRun));
    let mut text = Text::new();
    if passed + failed + not_run == 0 && reports.iter().all(DatabaseReport::passed) {
        return text.plain("nothing to test: the project has no migrations").end();
    }
    let tests = units::counted(passed + failed + not_run, "test", "tests");
    let databases = units::counted(reports.len() as u64, "database", "databases");
    text.push(crate::styled::PLAIN, format!("{tests} on {databases}: "));
    text.push(GOOD, format!("{passed} passed"));
    if failed > 0 {
        text.push(crate::styled::PLAIN, ", ");
        text.push(BAD, format!("{failed} failed"));
    }
    if not_run > 0 {
        text.push(crate::styled::PLAIN, ", ");
        text.push(ODD, format!("{not_run} not run"));
    }
    let warnings = reports.iter().flat_map(|report| &report.migrations).map(|it| it.warnings.len() as u64).sum();
    if warnings > 0 {
        text.push(crate::styled::PLAIN, ", ");
        text.push(ODD, units::counted(warnings, "warning", "warnings"));
    }
    text.plain(format!(" ({})", units::duration(took))).end()
}
