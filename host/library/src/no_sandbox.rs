//! Builds without the feature `components`.

use runner_base::error::{Error, Result};
use runner_database::Database;
use runner_engine::apply::Action;
use runner_engine::history;
use runner_engine::plan::{PlanInput, PlanOptions, plan_apply, plan_redo, plan_rollback};
use runner_project::Catalog;

/// The error for a component.
pub(super) fn no_components() -> Error {
    Error::usage("this build of runner cannot run components")
        .hint("enable the Cargo feature `components` of the crate `runner`")
}

/// Refuses a run with a component before its first migration runs, and not when the component's turn comes.
pub(super) async fn check(
    (action, options): (&Action, PlanOptions),
    catalog: &Catalog,
    database: &mut dyn Database,
) -> Result<()> {
    let history = history::read_with_artifacts(&mut database.host()).await?;
    let input = PlanInput { catalog, history: &history, facts: database.facts(), options };
    let plan = match action {
        Action::Apply(target) => plan_apply(&input, target),
        Action::Rollback(target) => plan_rollback(&input, target),
        Action::Redo => plan_redo(&input),
    };
    // The engine reports what is wrong with the plan.
    let Ok(plan) = plan else { return Ok(()) };
    match plan.steps.iter().find(|migration| migration.kind.is_sandboxed()) {
        Some(component) => Err(no_components().at("migration", component.id())),
        None => Ok(()),
    }
}
