//! Everything that is wrong with a project, and what cannot run of the migrations without an error.

use super::context::{Context, HistoryDetail, OpenedDatabase};
use super::remarks::Remarks;
use runner_base::error::{Error, Result, several};
use runner_base::runtime;
use runner_project::Checks;
use runner_project::catalog::{Catalog, CatalogProblem, mismatched};

/// A project and its errors.
pub(super) struct Survey {
    /// The migrations without an error of their own.
    pub catalog: Catalog,
    /// Errors of the project itself, such as names that do not parse.
    pub problems: Vec<Error>,
    /// Where project and lockfile disagree.
    pub mismatches: Vec<CatalogProblem>,
    /// Scripts that cannot be loaded.
    pub failures: Vec<Error>,
}

impl Survey {
    /// Surveys the project; an error if there is nothing to survey. Scripts that the lockfile does not list are taken as they are,
    /// unless it has to.
    pub fn of(context: &Context, checks: Checks) -> Result<Self> {
        let (mut report, mut problems) = Catalog::survey_with(&context.settings, checks, &[])?;
        let mut failures = Vec::new();
        if !checks.locked {
            let unlisted = context.unlisted_scripts(&report);
            if !unlisted.lines.is_empty() {
                (report, problems) = Catalog::survey_with(&context.settings, checks, &unlisted.lines)?;
            }
            report.problems.retain(|problem| !unlisted.failures.contains_key(&problem.revision));
            failures.extend(unlisted.failures.into_values());
        }
        match report.no_directory {
            Some(error) => Err(error),
            None => Ok(Self { catalog: report.catalog, problems, mismatches: report.problems, failures }),
        }
    }

    /// What is said above the errors of a project, of which `refused` are about statements or descriptions.
    pub fn heading(&self, context: &Context, refused: bool) -> impl Fn(usize) -> String + use<> {
        let (only_project, only_lockfile) = (self.mismatches.is_empty(), self.problems.is_empty());
        let (of_lockfile, directory) =
            (mismatched(&self.mismatches), context.settings.migrations.display().to_string());
        move |count| match (refused, only_project, only_lockfile) {
            (false, true, _) => format!("{count} problems in `{directory}`"),
            (false, _, true) => of_lockfile.clone(),
            _ => format!("{count} problems in the project"),
        }
    }

    /// The migrations, and the errors in the order in which they are reported.
    pub fn into_parts(self) -> (Catalog, Vec<Error>) {
        let mismatches = self.mismatches.into_iter().map(CatalogProblem::into_error);
        (self.catalog, self.problems.into_iter().chain(mismatches).chain(self.failures).collect())
    }
}

/// Adds to the error of a project that cannot be planned what cannot run of its other pending migrations, so that one
/// run reports everything. Without a database it is unknown what is pending, and the error stays as it is.
pub(super) fn with_refusals(context: &Context, locked: bool, error: Error) -> Error {
    let Ok(survey) = Survey::of(context, Checks { locked, ..Checks::default() }) else { return error };
    let Ok(OpenedDatabase { history, facts, .. }) = runtime::run(context.open(HistoryDetail::Live)) else {
        return error;
    };
    let is_pending = |revision: &str| history.get(revision).is_none_or(|record| record.state.is_partial());
    let mut remarks = Remarks::default();
    let mut refusals = Vec::new();
    for migration in survey.catalog.migrations.iter().filter(|migration| is_pending(&migration.revision)) {
        refusals.extend(remarks.check(migration, &facts, &context.settings.parameters));
    }
    if refusals.is_empty() {
        return error;
    }
    let heading = survey.heading(context, true);
    let (_, mut errors) = survey.into_parts();
    if errors.is_empty() {
        errors.push(error.clone());
    }
    errors.extend(refusals);
    several(errors, heading).unwrap_or(error)
}
