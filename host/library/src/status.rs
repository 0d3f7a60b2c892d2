//! Project and history side by side.

use runner_engine::control::overview::Overview;
use runner_engine::history::{History, Record};
use runner_engine::status::{Standing, StatusRow, status};
use runner_project::CatalogReport;

/// The state of a database and its project.
#[derive(Clone, Debug)]
pub struct Status {
    /// The project's migrations, and where they disagree with the lockfile.
    pub project: CatalogReport,
    /// What is applied, in brief.
    pub history: History,
    /// The runs that are under way, and what is paused.
    pub runs: Overview,
}

impl Status {
    /// Every revision that project or history knows, in order.
    pub fn rows(&self) -> Vec<StatusRow<'_>> {
        status(&self.project.catalog, &self.history)
    }

    /// How many revisions of the project are not applied.
    pub fn pending(&self) -> usize {
        self.rows().iter().filter(|row| row.standing == Standing::Pending).count()
    }

    /// The newest applied revision, as `REVISION_name`.
    pub fn current(&self) -> Option<String> {
        self.history.current().map(Record::id)
    }
}
