//! The result of a build.

use super::{DIM, GOOD, HINT, ODD, PLAIN, STRONG, Text};
use crate::project::build::{BuildReport, Change};
use crate::project::migration_id;
use crate::report::units;

/// A line for each artifact that changed, and one for the lockfile.
pub fn built(report: &BuildReport) -> Text {
    let mut text = Text::new();
    for artifact in &report.artifacts {
        if artifact.kept {
            let (revision, name) = (&artifact.revision, &artifact.name);
            text = text.add(ODD, "kept").plain(" ").add(STRONG, format!("{revision}_{name}"));
            text = text.plain(": it is applied, so it was not rebuilt").end();
            text = text.add(HINT, "hint").plain(": put the change in a new migration; or, before a release, ");
            text = text.plain(format!("`runner build {revision}` and `runner redo`")).end();
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
        text.push_end();
    }
    let artifacts = units::counted(report.artifacts.len() as u64, "artifact", "artifacts");
    let state = if report.lockfile_written { "written" } else { "up to date" };
    text.push(PLAIN, format!("`{}` is {state}: {artifacts}", report.lockfile));
    text.push_end();
    text
}
