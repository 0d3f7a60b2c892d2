//! A catalog and its mismatches with the lockfile.

use std::collections::BTreeSet;

use super::Catalog;
use runner_base::dialect::Dialect;
use runner_base::error::{Error, ErrorKind, Result, several};

/// How strictly a project is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// `--locked`: the lockfile must list every migration, SQL as well.
    pub locked: bool,
    /// The dialect whose SQL is chosen; `None` for that of the database's URL.
    pub dialect: Option<Dialect>,
    /// Which texts of a migration in SQL are compared with the lockfile. `--locked` compares all of them.
    pub texts: ComparedTexts,
}

/// Which texts of a migration in SQL are compared with the lockfile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ComparedTexts {
    /// Those that the database gets: a file for another one does not concern it.
    #[default]
    Chosen,
    /// Those for all databases.
    All,
}

/// Kind of a mismatch between project and lockfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogProblemKind {
    /// An artifact differs from the lockfile: its bytes, its name or its assets.
    Changed,
    /// The lockfile lists an artifact whose file does not exist.
    Missing,
    /// An artifact that the lockfile must list is not listed.
    Unlisted,
    /// A script that the lockfile must list is not listed.
    UnlistedScript,
    /// There is source code and no artifact yet.
    Unbuilt,
}

impl CatalogProblemKind {
    /// The name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unlisted | Self::UnlistedScript => "unlisted",
            Self::Unbuilt => "unbuilt",
        }
    }
}

/// A mismatch between project and lockfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogProblem {
    /// The revision.
    pub revision: String,
    /// The name after the revision.
    pub name: String,
    /// Its kind.
    pub kind: CatalogProblemKind,
    /// What is wrong, naming the file.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A catalog and its problems, for commands that only read.
#[derive(Clone, Debug, Default)]
pub struct CatalogReport {
    /// The migrations whose artifacts exist.
    pub catalog: Catalog,
    /// In the order of their revisions.
    pub problems: Vec<CatalogProblem>,
    /// The project has no directory of migrations: the catalog is empty. Version control drops empty directories, and reading or
    /// rolling back does not need one.
    pub no_directory: Option<Error>,
}

impl CatalogReport {
    /// The revisions of the scripts that the lockfile does not list.
    pub fn unlisted_scripts(&self) -> Vec<String> {
        let is_script = |problem: &&CatalogProblem| problem.kind == CatalogProblemKind::UnlistedScript;
        self.problems.iter().filter(is_script).map(|problem| problem.revision.clone()).collect()
    }

    /// The catalog, if it has no problems.
    pub fn into_catalog(self) -> Result<Catalog> {
        if let Some(error) = self.no_directory {
            return Err(error);
        }
        let heading = mismatched(&self.problems);
        match several(self.problems.into_iter().map(CatalogProblem::into_error).collect(), |_| heading.clone()) {
            Some(error) => Err(error),
            None => Ok(self.catalog),
        }
    }
}

/// What is said above several problems. A migration may have more than one, in its files.
pub fn mismatched(problems: &[CatalogProblem]) -> String {
    // Those of a package that have no line yet have no revision either.
    let migrations: BTreeSet<(&str, &str)> =
        problems.iter().map(|problem| (&*problem.revision, &*problem.name)).collect();
    match migrations.len() {
        1 => "a migration does not match the lockfile".to_owned(),
        count => format!("{count} migrations do not match the lockfile"),
    }
}

impl CatalogProblem {
    /// The problem as an error.
    pub fn into_error(self) -> Error {
        let kind = match self.kind {
            CatalogProblemKind::Unbuilt => ErrorKind::Usage,
            _ => ErrorKind::Mismatch,
        };
        Error::new(kind, self.message).hint(self.hint)
    }
}
