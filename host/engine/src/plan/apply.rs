//! Plans upgrades.

use std::collections::BTreeSet;

use super::check::{check_built, check_dependencies, check_dialect, check_history, check_resumed, find};
use super::{Plan, PlanInput, PlannedMigration, Source, candidates, half_done, resume_after, run_mode};
use crate::Direction;
use crate::history::State;
use crate::target::{Target, compare_revisions};
use runner_base::dialect::Dialect;
use runner_base::error::{Error, Result};
use runner_project::catalog::Migration;

/// Plans what `apply` runs to reach the target. Never downgrades.
pub fn plan_apply(input: &PlanInput<'_>, target: &Target) -> Result<Plan> {
    check_history(input, None)?;
    check_files(input)?;
    let broken = input.history.partial();
    if let Some(record) = broken.filter(|record| record.state == State::PartlyRolledBack) {
        return Err(half_done(record, "rollback"));
    }
    let chosen = choose(input, target)?;
    if let Some(record) = broken {
        let is_chosen = chosen.iter().any(|migration| compare_revisions(&migration.revision, &record.revision).is_eq());
        if !is_chosen {
            return Err(half_done(record, "apply"));
        }
    }
    check_order(input, &chosen)?;

    let mut steps = Vec::with_capacity(chosen.len());
    for (index, migration) in chosen.iter().enumerate() {
        check_dialect(input.facts.dialect, migration)?;
        check_dependencies(input, migration, &chosen[..index])?;
        check_built(input, migration)?;
        let step = up_step(input, migration)?;
        if let Some(record) = broken.filter(|it| compare_revisions(&it.revision, &migration.revision).is_eq()) {
            check_resumed(input, migration, record)?;
        }
        steps.push(step);
    }
    Ok(Plan { steps, current: input.history.current().map(|record| record.id()) })
}

/// Refuses a project all of whose files are for other databases: the URL is likely to be another than the one that was meant.
fn check_files(input: &PlanInput<'_>) -> Result<()> {
    let elsewhere = &input.catalog.elsewhere;
    if !input.catalog.migrations.is_empty() || elsewhere.is_empty() {
        return Ok(());
    }
    let dialects: BTreeSet<Dialect> = elsewhere.iter().flat_map(|it| it.description.dialects.iter().copied()).collect();
    let names: Vec<String> = dialects.iter().map(ToString::to_string).collect();
    let dialect = input.facts.dialect;
    Err(Error::usage(format!(
        "every migration of the project is for {}, and the database is {dialect}",
        names.join(" or ")
    ))
    .hint(format!(
        "set the URL of such a database, or add files for {dialect}, such as `NAME.{}.up.sql`",
        dialect.name()
    )))
}

/// Returns the planned upgrade of a migration.
pub(super) fn up_step(input: &PlanInput<'_>, migration: &Migration) -> Result<PlannedMigration> {
    let broken =
        input.history.partial().filter(|record| compare_revisions(&record.revision, &migration.revision).is_eq());
    Ok(PlannedMigration {
        direction: Direction::Up,
        revision: migration.revision.clone(),
        name: migration.name.clone(),
        kind: migration.kind,
        sha256: migration.sha256.clone(),
        mode: run_mode(&migration.description, input.facts),
        description: migration.description.clone(),
        source: Source::Project,
        record: broken.map(|record| record.id),
        resume_after: broken.map(resume_after).transpose()?,
        broken: None,
        grants: None,
        not_granted: Vec::new(),
        above_limits: Vec::new(),
        isolation: None,
    })
}

/// Returns the migrations to apply up to the target; an interrupted one comes first.
fn choose<'a>(input: &PlanInput<'a>, target: &Target) -> Result<Vec<&'a Migration>> {
    let is_broken = |migration: &Migration| {
        input.history.partial().is_some_and(|record| compare_revisions(&record.revision, &migration.revision).is_eq())
    };
    let mut live: Vec<&str> = input.history.live.iter().map(|record| &*record.revision).collect();
    live.sort_by(|left, right| compare_revisions(left, right));
    let is_live =
        |migration: &Migration| live.binary_search_by(|live| compare_revisions(live, &migration.revision)).is_ok();
    let all = &input.catalog.migrations;
    let mut pending: Vec<&Migration> =
        all.iter().filter(|migration| is_broken(migration) || !is_live(migration)).collect();
    pending.sort_by_key(|migration| !is_broken(migration));

    match target {
        Target::Latest => {}
        Target::Next => pending.truncate(1),
        Target::Current => pending.clear(),
        Target::Forward(count) => {
            if pending.len() < *count {
                return Err(Error::usage(format!(
                    "`+{count}` is more than the number of pending migrations, {}",
                    pending.len()
                ))
                .hint("`--target latest` applies all of them"));
            }
            pending.truncate(*count);
        }
        Target::Base => {
            return Err(Error::usage("`apply` only upgrades, and `base` is before the first migration")
                .hint("`runner rollback --target base` rolls back every migration"));
        }
        Target::Back(count) => {
            return Err(Error::usage(format!("`apply` only upgrades, and `-{count}` is a downgrade")).hint(
                match count {
                    1 => "`runner rollback` rolls back the last migration".to_owned(),
                    _ => format!("`runner rollback -n {count}` rolls back the last {count} migrations"),
                },
            ));
        }
        Target::Revision(text) => {
            let revision = candidates(input).resolve(text)?;
            refuse_older(input, revision)?;
            pending.retain(|migration| compare_revisions(&migration.revision, revision).is_le());
        }
    }
    Ok(pending)
}

/// Returns the error for an applied revision that is not the newest one: it is not a target for `apply`.
fn refuse_older(input: &PlanInput<'_>, revision: &str) -> Result<()> {
    let applied = input.history.live.iter().find(|record| compare_revisions(&record.revision, revision).is_eq());
    match (applied, input.history.newest()) {
        (Some(record), Some(newest)) if compare_revisions(revision, &newest.revision).is_lt() => {
            let message = format!("the database is already past `{}`: it is at `{}`", record.id(), newest.id());
            Err(Error::usage(message).hint(format!("`runner rollback --target {revision}` returns to it")))
        }
        (None, _) if find(input, revision).is_none() => {
            Err(Error::usage(format!("`{revision}` is not in the project")))
        }
        _ => Ok(()),
    }
}

/// Rejects migrations that are older than the newest applied revision, unless that is allowed.
fn check_order(input: &PlanInput<'_>, chosen: &[&Migration]) -> Result<()> {
    let Some(newest) = input.history.newest().filter(|_| !input.options.allow_out_of_order) else { return Ok(()) };
    let late: Vec<&&Migration> =
        chosen.iter().filter(|migration| compare_revisions(&migration.revision, &newest.revision).is_lt()).collect();
    if late.is_empty() || late.iter().all(|migration| input.history.get(&migration.revision).is_some()) {
        return Ok(());
    }
    let mut error = Error::mismatch(match late.len() {
        1 => format!("a pending migration is older than `{}`, which is applied", newest.id()),
        several => format!("{several} pending migrations are older than `{}`, which is applied", newest.id()),
    });
    for migration in late.iter().rev() {
        error = error.at("migration", migration.id());
    }
    Err(error
        .hint("`runner renumber` gives them later revisions, so that every database gets the same order")
        .hint("`--allow-out-of-order` applies them anyway"))
}
