//! `runner renumber`

use super::context::Context;
use super::exit;
use runner_base::error::{Error, Result};
use runner_build::scaffold::{RenumberRequest, Renumbered, plan_renumber, renumber};
use runner_engine::identity::Identity;
use runner_project::catalog::Migration;
use runner_project::revision::revision_at;
use runner_project::{Catalog, Checks, RevisionKey};
use runner_report::json::RenumberJson;
use runner_report::text;

/// Gives a migration another revision.
pub fn run(context: &Context, migration: &str, revision: Option<&str>) -> Result<u8> {
    let now = revision_at(Identity::now().run_timestamp / 1_000_000);
    let plan = plan_renumber(&context.settings, &RenumberRequest { migration, revision, now: &now })?;
    // Also another one that gets another revision with it.
    let changes = plan.shifted.iter().map(|(id, _)| (&id.revision, &id.name)).chain([(&plan.old, &plan.name)]);
    if let Some(record) = context.applied_of(changes, "migration", "keep its revision") {
        return Err(context.place(
            Error::mismatch(format!("`{}` is applied, so it must keep its revision", record.id()))
                .hint("`runner rollback` first, if it is not released"),
        ));
    }
    let dependents = dependents(context, &plan);
    renumber(&context.settings, &plan)?;
    context.printer.json_or_talk(
        || RenumberJson::new(&plan),
        || text::renumbered(&plan, |hint| context.settings.for_database(hint)),
    );
    for (id, old, new) in dependents {
        let message = format!("`{id}` depends on the revision {old}, which is {new} now");
        context.printer.warn(
            &message,
            Some("a migration can only depend on earlier ones: change what it depends on, or its revision"),
        );
    }
    Ok(exit::DONE)
}

/// The migrations that depend on one whose revision changes, with that revision before and after. Of a project with
/// mistakes, as many as can be determined.
fn dependents(context: &Context, plan: &Renumbered) -> Vec<(String, String, String)> {
    let Ok((report, _)) = Catalog::survey_with(&context.settings, Checks::default(), &[]) else { return Vec::new() };
    let moved = plan.shifted.iter().map(|(id, revision)| (&id.revision, revision));
    let moved: Vec<_> = moved.chain([(&plan.old, &plan.revision)]).collect();
    let of = |migration: &Migration| {
        let on = |dependency: &String| {
            let key = RevisionKey::of(dependency)?;
            let (old, new) = moved.iter().find(|(old, _)| RevisionKey::of(old) == Some(key))?;
            Some((migration.id(), (*old).clone(), (*new).clone()))
        };
        migration.description.depends_on.iter().filter_map(on).collect::<Vec<_>>()
    };
    report.catalog.migrations.iter().flat_map(of).collect()
}
