//! What was proven again.

use crate::styled::{BAD, DIM, GOOD, ODD, PLAIN, STRONG, Text};
use crate::table::{Cell, Table};
use crate::units::counted;
use runner_engine::verify::{Finding, Verdict, Verified};
use runner_project::migration_id;

/// The word for a verdict, and its style.
fn word(verdict: &Verdict) -> (anstyle::Style, &'static str) {
    match verdict {
        Verdict::Proven(_) => (GOOD, "proven"),
        Verdict::Unproven(_) => (ODD, "not proven"),
        Verdict::Differs(_) => (BAD, "differs"),
    }
}

/// A table of all checks of all revisions.
pub fn verified(verified: &[Verified]) -> Text {
    let mut table = Table::new(&["migration", "check", "result", "transform", "detail"]);
    for revision in verified {
        let mut id = migration_id(&revision.revision, &revision.name);
        for finding in &revision.findings {
            let (style, word) = word(&finding.verdict);
            table.row(vec![
                Cell::left(STRONG, std::mem::take(&mut id)),
                Cell::left(PLAIN, finding.level.name()),
                Cell::left(style, word),
                Cell::left(DIM, finding.subject.as_deref().unwrap_or_default()),
                Cell::left(PLAIN, finding.verdict.text()),
            ]);
        }
        for statement in &revision.unrepeatable {
            table.note(format!("not repeatable: it {}", statement.done()));
        }
    }
    table.text()
}

/// The number of checks with each result.
pub fn verify_summary(verified: &[Verified]) -> Text {
    let findings: Vec<&Finding> = verified.iter().flat_map(|it| &it.findings).collect();
    let number = |wanted: fn(&Verdict) -> bool| findings.iter().filter(|it| wanted(&it.verdict)).count() as u64;
    let proven = number(|it| matches!(it, Verdict::Proven(_)));
    let unproven = number(|it| matches!(it, Verdict::Unproven(_)));
    let differs = number(|it| matches!(it, Verdict::Differs(_)));
    let mut text = Text::new().plain(format!(
        "{} of {}: {proven} proven",
        counted(findings.len() as u64, "check", "checks"),
        counted(verified.len() as u64, "migration", "migrations"),
    ));
    if unproven > 0 {
        text = text.plain(", ").add(ODD, format!("{unproven} could not be proven"));
    }
    if differs > 0 {
        text = text.plain(", ").add(BAD, counted(differs, "differs", "differ"));
    }
    text.end()
}
