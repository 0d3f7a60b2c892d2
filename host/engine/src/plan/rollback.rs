//! Plans downgrades.

use super::apply::up_step;
use super::check::{check_built, check_dependencies, check_dialect, check_history, find, means, of_others};
use super::{
    Plan, PlanInput, PlannedMigration, Source, broken_upgrade, candidates, down_mode, half_done, resume_after,
};
use crate::Direction;
use crate::history::{History, Record, RunMode, State};
use crate::target::{Target, compare_revisions};
use runner_base::error::{Error, Result};
use runner_project::catalog::{Kind, Migration};
use runner_project::short;

/// Plans what `rollback` runs to reach the target, which stays applied. The migration applied last comes first.
pub fn plan_rollback(input: &PlanInput<'_>, target: &Target) -> Result<Plan> {
    let broken = input.history.partial();
    let mut chosen = choose(input, target)?;
    if let Some(record) = broken {
        // It must be finished before anything else: later migrations build on it.
        let Some(at) = chosen.iter().position(|other| other.id == record.id) else {
            return Err(half_done(record, if record.state == State::PartlyApplied { "apply" } else { "rollback" }));
        };
        chosen[..=at].rotate_right(1);
    }
    check_projects(input, &chosen)?;
    check_dependents(input, &chosen)?;
    let steps = chosen.iter().map(|record| down_step(input, record)).collect::<Result<_>>()?;
    Ok(Plan { steps, current: input.history.current().map(Record::id) })
}

/// Plans the downgrade of the last migration and its upgrade. It may have changed since it was applied.
pub fn plan_redo(input: &PlanInput<'_>) -> Result<Plan> {
    let Some(last) = input.history.live.last() else {
        return Err(Error::usage("nothing is applied, so there is nothing to redo")
            .hint("`runner apply` applies the first migration"));
    };
    check_history(input, Some(&last.revision))?;
    let mut plan = plan_rollback(input, &Target::Back(1))?;
    let Some(migration) = find(input, &last.revision) else {
        return Err(Error::mismatch(format!(
            "`{}` is missing from the project, so it cannot be applied again",
            last.id()
        ))
        .hint("`runner rollback` rolls it back without applying it again"));
    };
    check_dialect(input.facts.dialect, migration)?;
    check_dependencies(input, migration, &[])?;
    check_built(input, migration)?;
    // The downgrade ends the row of an interrupted upgrade.
    let healed = History { live: Vec::new(), ..History::default() };
    plan.steps.push(up_step(&PlanInput { history: &healed, ..*input }, migration)?);
    Ok(plan)
}

/// Returns the rows to end, the one applied last first.
fn choose<'a>(input: &PlanInput<'a>, target: &Target) -> Result<Vec<&'a Record>> {
    let mut applied: Vec<&Record> = input.history.live.iter().rev().collect();
    match target {
        Target::Base => {}
        Target::Current => applied.clear(),
        Target::Back(count) => {
            if applied.is_empty() && *count == 1 {
                return Ok(applied);
            }
            if applied.len() < *count {
                return Err(Error::usage(format!(
                    "{count} is more than the number of applied migrations, {}",
                    applied.len()
                ))
                .hint("`runner rollback --all` rolls back all of them"));
            }
            applied.truncate(*count);
        }
        Target::Revision(text) => {
            let revision = candidates(input).resolve(text)?;
            let is_applied = applied.iter().any(|record| compare_revisions(&record.revision, revision).is_eq());
            if !is_applied {
                return Err(Error::usage(format!("`{revision}` is not applied, so it cannot be rolled back to"))
                    .hint(format!("`runner apply --target {revision}` upgrades to it")));
            }
            applied.retain(|record| compare_revisions(&record.revision, revision).is_gt());
        }
        Target::Latest | Target::Next | Target::Forward(_) => {
            return Err(Error::usage(format!("`rollback` only downgrades, and `{target}` is an upgrade"))
                .hint(format!("`runner apply --target {target}` upgrades")));
        }
    }
    Ok(applied)
}

/// Fails if one of them is another project's, whatever copy of it the database has.
fn check_projects(input: &PlanInput<'_>, chosen: &[&Record]) -> Result<()> {
    let others = of_others(input, chosen.iter().copied())?;
    let Some((_, project)) = others.first() else { return Ok(()) };
    let here = &input.catalog.project;
    let mut error = Error::mismatch(match others.len() {
        1 => format!("a migration was applied by the project `{project}`, and this is `{here}`"),
        several => format!("{several} migrations were applied by other projects than `{here}`"),
    });
    for (record, project) in &others {
        error = error.at("migration", format!("{} (project: {project})", record.id()));
    }
    Err(error
        .hint("roll it back in its own project; `[history]` gives each project in one database a history of its own")
        .hint(format!("if this is the same project, give it that name: `name = \"{project}\"` in `[project]`")))
}

/// Fails if a migration that stays applied depends on one that would be rolled back.
fn check_dependents(input: &PlanInput<'_>, chosen: &[&Record]) -> Result<()> {
    let leaves = |record: &Record| chosen.iter().any(|other| other.id == record.id);
    for stays in input.history.live.iter().filter(|record| !leaves(record)) {
        for wanted in stays.description()?.depends_on {
            if let Some(gone) = chosen.iter().find(|record| means(&wanted, &record.revision, &record.name)) {
                return Err(Error::usage(format!("`{}` depends on it and would stay applied", stays.id()))
                    .at("migration", gone.id())
                    .hint(format!("roll back `{}` too", stays.id())));
            }
        }
    }
    Ok(())
}

/// Returns the planned downgrade of a migration, from the artifact that was applied.
fn down_step(input: &PlanInput<'_>, record: &Record) -> Result<PlannedMigration> {
    let broken = broken_upgrade(record);
    // In an interrupted migration in SQL, the remaining statements and the downgrade may be fixed.
    let may_differ =
        |migration: &Migration| broken.is_some() && (migration.kind, record.kind) == (Kind::Sql, Kind::Sql);
    let same =
        find(input, &record.revision).filter(|migration| migration.sha256 == record.sha256 || may_differ(migration));
    let is_kept = input.history.keeps(record);
    let has_no_downgrade = same.is_some_and(Migration::has_no_downgrade);
    // The digest of SQL does not cover the downgrade: if it was fixed in the project since, that one is used, and the run
    // reports it. If the project no longer has it, the database may have stored it.
    let declared = record.description()?;
    let (source, description) = match same {
        Some(_) if has_no_downgrade && is_kept && !declared.irreversible && !declared.no_downgrade => {
            (Source::Database, declared)
        }
        // The tables have the names that they were made with.
        Some(migration) if migration.description.renames != declared.renames => (Source::Project, declared),
        Some(migration) => (Source::Project, migration.description.clone()),
        None if is_kept => (Source::Database, declared),
        None => return Err(lost(record, find(input, &record.revision))),
    };
    if description.irreversible {
        return Err(Error::usage("the migration is declared irreversible")
            .at("migration", record.id())
            .hint("restore a backup, or continue with a new migration"));
    }
    if description.no_downgrade || (has_no_downgrade && source == Source::Project) {
        let file =
            find(input, &record.revision).map_or_else(|| format!("{}.down.sql", record.id()), Migration::down_file);
        return Err(Error::usage("the migration has no downgrade")
            .at("migration", record.id())
            .hint(format!("write `{file}`, or restore a backup")));
    }
    Ok(PlannedMigration {
        direction: Direction::Down,
        revision: record.revision.clone(),
        name: record.name.clone(),
        kind: record.kind,
        sha256: record.sha256.clone(),
        // A half-done one ends as it began: only what runs stepwise can be half done, though the upgrade may have been atomic.
        mode: if record.state.is_partial() { RunMode::Stepwise } else { down_mode(&description, record.mode) },
        description,
        source,
        record: Some(record.id),
        resume_after: (record.state == State::PartlyRolledBack).then(|| resume_after(record)).transpose()?,
        broken,
        grants: None,
        not_granted: Vec::new(),
        above_limits: Vec::new(),
        isolation: None,
    })
}

fn lost(record: &Record, changed: Option<&Migration>) -> Error {
    let error = Error::mismatch(match changed {
        Some(_) => "the migration was changed after it was applied, and the database has no copy of what was applied",
        None => "the migration is missing from the project, and the database has no copy of what was applied",
    });
    error
        .at("migration", format!("{} (applied: sha256 {})", record.id(), short(&record.sha256)))
        .hint("restore its files as they were applied, from the release of the project that has them")
}
