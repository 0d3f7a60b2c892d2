//! A catalog with everything in which project and lockfile disagree.

use super::Catalog;
use crate::error::{Error, ErrorKind, Result};
use crate::project::problem::{Problem, error_for};

/// How strictly a project is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// `--locked`: the lockfile must list every migration, SQL as well.
    pub locked: bool,
}

/// In what project and lockfile disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogProblemKind {
    /// An artifact is not what the lockfile says: other bytes, another name, another asset.
    Changed,
    /// The lockfile lists an artifact whose file is gone.
    Missing,
    /// An artifact that the lockfile must list is not listed.
    Unlisted,
    /// There is a source and no artifact yet.
    Unbuilt,
}

impl CatalogProblemKind {
    /// The name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unlisted => "unlisted",
            Self::Unbuilt => "unbuilt",
        }
    }
}

/// One disagreement of project and lockfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogProblem {
    /// The revision it is about.
    pub revision: String,
    /// The name behind the revision.
    pub name: String,
    /// In what they disagree.
    pub kind: CatalogProblemKind,
    /// What is wrong, naming the file.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A catalog and what is wrong with it, for those who only look.
#[derive(Clone, Debug, Default)]
pub struct CatalogReport {
    /// The migrations whose artifacts are there.
    pub catalog: Catalog,
    /// In the order of their revisions.
    pub problems: Vec<CatalogProblem>,
    /// The project has no folder for its migrations: the catalog is empty. Version control drops an empty folder, and
    /// whoever looks or goes back needs none.
    pub no_folder: Option<Error>,
}

impl CatalogReport {
    /// The catalog, if nothing is wrong with it.
    pub fn into_catalog(self) -> Result<Catalog> {
        if let Some(error) = self.no_folder {
            return Err(error);
        }
        let problem = |problem: CatalogProblem| {
            let kind = match problem.kind {
                CatalogProblemKind::Unbuilt => ErrorKind::Usage,
                _ => ErrorKind::Mismatch,
            };
            Problem::new(problem.message).hint(problem.hint).kind(kind)
        };
        let heading = |count| format!("{count} migrations do not fit the lockfile");
        match error_for(self.problems.into_iter().map(problem).collect(), heading) {
            Some(error) => Err(error),
            None => Ok(self.catalog),
        }
    }
}
