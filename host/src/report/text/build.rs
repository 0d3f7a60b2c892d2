//! The result of a build.

use super::{DIM, GOOD, ODD, PLAIN, STRONG, Text};
use crate::project::build::{BuildReport, Change};
use crate::report::units;

/// A line for each artifact that changed, and one for the lockfile.
pub fn built(report: &BuildReport) -> Text {
    let mut text = Text::new();
    for artifact in &report.artifacts {
        let (style, word) = match (artifact.compiled, artifact.change) {
            (_, Change::Removed) => (ODD, "removed"),
            (true, _) => (GOOD, "built"),
            (false, Change::Added) => (GOOD, "locked"),
            (false, Change::Changed) => (ODD, "changed"),
            (false, Change::Unchanged) => continue,
        };
        text.push(style, word);
        text.push(PLAIN, " ");
        text.push(STRONG, format!("{}_{}", artifact.revision, artifact.name));
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
