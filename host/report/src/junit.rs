//! JUnit XML report: a suite for each database, a case for each migration.

use super::escape;
use runner_testing::migration_tests::{DatabaseReport, MigrationReport, Verdict};

/// The document.
pub fn document(reports: &[DatabaseReport]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"runner test\">\n");
    for report in reports {
        let cases: Vec<&MigrationReport> =
            report.migrations.iter().filter(|it| it.chosen || it.verdict() == Verdict::Failed).collect();
        let failed = cases.iter().filter(|it| it.verdict() == Verdict::Failed).count();
        let skipped = cases.iter().filter(|it| it.verdict() == Verdict::NotRun).count();
        let errors = usize::from(report.error.is_some());
        let tests = cases.len() + errors;
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\" skipped=\"{skipped}\" \
             time=\"{:.3}\">\n",
            escape::xml(&report.engine),
            report.took.as_secs_f64()
        ));
        for case in cases {
            xml.push_str(&testcase(&report.engine, case));
        }
        if let Some(error) = &report.error {
            let texts = std::iter::once(&*error.message).chain(error.causes.iter().map(String::as_str));
            let text = texts.chain(error.hints.iter().map(|hint| &**hint)).collect::<Vec<_>>().join("\n");
            xml.push_str(&format!(
                "    <testcase classname=\"{}\" name=\"test run\"><error message=\"{}\">{}</error></testcase>\n",
                escape::xml(&report.engine),
                escape::xml(&error.message),
                escape::xml(&text)
            ));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn testcase(engine: &str, case: &MigrationReport) -> String {
    let mut xml = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
        escape::xml(engine),
        escape::xml(&case.id()),
        case.took.as_secs_f64()
    );
    for phase in &case.phases {
        for failure in &phase.failures {
            let message = format!("{}: {}", phase.phase, failure.message);
            let text = failure.details.iter().chain(&failure.hint).cloned().collect::<Vec<_>>().join("\n");
            xml.push_str(&format!("<failure message=\"{}\">{}</failure>", escape::xml(&message), escape::xml(&text)));
        }
    }
    if case.verdict() == Verdict::NotRun {
        xml.push_str("<skipped/>");
    }
    if !case.warnings.is_empty() {
        let lines = case.warnings.iter().flat_map(|warning| {
            let hint = warning.hint.iter().map(|hint| format!("hint: {hint}"));
            std::iter::once(format!("warning: {}", warning.message)).chain(hint)
        });
        let lines: Vec<String> = lines.collect();
        xml.push_str(&format!("<system-out>{}</system-out>", escape::xml(&lines.join("\n"))));
    }
    xml.push_str("</testcase>\n");
    xml
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use runner_testing::migration_tests::{Failure, Phase, PhaseReport, Warning, WarningKind};

    #[test]
    fn failures_and_skipped_migrations() {
        let migration = |revision: &str, failures: Vec<Failure>, phases: usize| MigrationReport {
            revision: revision.to_owned(),
            name: "m".to_owned(),
            chosen: true,
            phases: vec![PhaseReport { phase: Phase::Down, took: Duration::ZERO, checks: 0, failures }; phases],
            ..MigrationReport::default()
        };
        let failure = Failure { message: "a < b".to_owned(), details: vec!["\"x\"\u{1b}".to_owned()], hint: None };
        let warned = MigrationReport {
            warnings: vec![Warning {
                kind: WarningKind::EmptyTables,
                tables: vec!["t".to_owned()],
                message: "`t` was empty & so on".to_owned(),
                hint: Some("add rows".to_owned()),
            }],
            ..migration("4", Vec::new(), 1)
        };
        let report = DatabaseReport {
            engine: "SQLite 3".to_owned(),
            database: "a temporary file".to_owned(),
            migrations: vec![
                migration("1", Vec::new(), 1),
                migration("2", vec![failure], 1),
                migration("3", Vec::new(), 0),
                warned,
            ],
            error: None,
            took: Duration::from_millis(1500),
        };
        let xml = document(&[report]);
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.500\""), "{xml}");
        assert!(xml.contains("<failure message=\"after the downgrade: a &lt; b\">&quot;x&quot;?</failure>"), "{xml}");
        let said = "<system-out>warning: `t` was empty &amp; so on\nhint: add rows</system-out></testcase>";
        assert!(xml.contains(said), "{xml}");
        assert!(xml.contains("name=\"3_m\" time=\"0.000\"><skipped/></testcase>"), "{xml}");
    }
}
