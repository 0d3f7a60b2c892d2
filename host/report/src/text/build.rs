//! The result of a build.

use crate::styled::{BAD, DIM, GOOD, HINT, ODD, PLAIN, STRONG, Text};
use crate::units;
use runner_build::build::{BuildReport, CheckReport, Digested, Verdict};
use runner_project::built::Change;
use runner_project::migration_id;

/// A line for each artifact that changed, and one for the lockfile. `hint` completes the commands of a hint.
pub fn built(report: &BuildReport, hint: impl Fn(&str) -> String) -> Text {
    let mut text = Text::new();
    for artifact in &report.artifacts {
        if artifact.kept {
            let (revision, name) = (&artifact.revision, &artifact.name);
            text = text.add(ODD, "kept").plain(" ").add(STRONG, format!("{revision}_{name}"));
            if let Some(path) = &artifact.changed_path {
                text = text
                    .plain(format!(": `{path}` has changed since, but it may be applied to a database elsewhere"))
                    .end();
                let command = hint(&format!("`runner build {revision}` rebuilds it, if no database has it yet"));
                text = text.add(HINT, "hint").plain(": ").plain(command).end();
                continue;
            }
            text = text.plain(": it is applied, so it was not rebuilt").end();
            let commands = hint(&format!("`runner build {revision}` and `runner redo`"));
            text = text.add(HINT, "hint").plain(": put the change in a new migration; or, before a release, ");
            text = text.plain(commands).end();
            continue;
        }
        let (style, word) = match (artifact.compiled, artifact.change) {
            (_, Change::Removed) => (ODD, "removed"),
            (true, _) => (GOOD, "built"),
            (false, Change::Added) => (GOOD, "locked"),
            (false, Change::Changed) => (ODD, "changed"),
            (false, Change::Unchanged) => continue,
        };
        text.push(style, word);
        text.push(PLAIN, " ");
        text.push(STRONG, migration_id(&artifact.revision, &artifact.name));
        if artifact.change != Change::Removed {
            text.push(DIM, format!(" ({} bytes)", units::count(artifact.size)));
        }
        if let Some(path) = &artifact.changed_path {
            text.push(PLAIN, format!(", because `{path}` changed"));
        }
        text.push_end();
    }
    let artifacts = units::counted(report.listed as u64, "artifact", "artifacts");
    let state = if report.lockfile_written { "written" } else { "up to date" };
    text.push_line(PLAIN, format!("`{}` is {state}; it lists {artifacts}", report.lockfile));
    text
}

/// A line for each component that was checked, and what differs.
pub fn checked(report: &CheckReport) -> Text {
    let mut text = Text::new();
    for artifact in &report.artifacts {
        let id = migration_id(&artifact.revision, &artifact.name);
        let (style, word) = match &artifact.verdict {
            Verdict::Same => (GOOD, "same"),
            Verdict::Differs { .. } => (BAD, "differs"),
            Verdict::NoSource => (ODD, "no source"),
            Verdict::Failed(_) => (BAD, "failed"),
        };
        text = text.add(style, word).plain(" ").add(STRONG, &id).end();
        let Verdict::Differs { findings, .. } = &artifact.verdict else { continue };
        for finding in findings {
            text = text.plain(format!("  {}", finding.text(&id, &report.lockfile))).end();
        }
        for (whose, artifact) in [("built", &artifact.built), ("committed", &artifact.committed)] {
            if let Some(digested) = artifact {
                text = text.plain(format!("  {whose}: sha256 {}", described(digested))).end();
            }
        }
        if let Some(sha256) = &artifact.locked {
            text = text.plain(format!("  {}: sha256 {sha256}", report.lockfile)).end();
        }
    }
    text
}

/// The digest, the size and the tools of an artifact.
fn described(artifact: &Digested) -> String {
    let Digested { sha256, size, made_by } = artifact;
    let size = units::counted(*size, "byte", "bytes");
    match made_by.is_empty() {
        true => format!("{sha256}, {size}"),
        false => format!("{sha256}, {size}, by {}", made_by.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

/// The numbers of a check that found nothing.
pub fn check_summary(report: &CheckReport) -> Text {
    let number = |wanted: fn(&Verdict) -> bool| report.artifacts.iter().filter(|it| wanted(&it.verdict)).count() as u64;
    let (same, without) = (number(|it| matches!(it, Verdict::Same)), number(|it| matches!(it, Verdict::NoSource)));
    let mut text = Text::new();
    text.push(
        PLAIN,
        match same {
            0 => "no artifact has source code, so nothing was checked".to_owned(),
            1 => "1 artifact comes from its source".to_owned(),
            same => format!("{same} artifacts come from their sources"),
        },
    );
    if same > 0 && without > 0 {
        let verb = if without == 1 { "has" } else { "have" };
        text.push(PLAIN, format!("; {without} {verb} no source code and could not be checked"));
    }
    text.end()
}
