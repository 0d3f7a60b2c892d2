//! The way down.

use super::apply::up_step;
use super::check::{check_dependencies, check_dialect, check_history, find, means, short};
use super::{Input, Plan, PlannedMigration, Source, broken_upgrade, candidates, half_done, resume_after};
use crate::engine::Direction;
use crate::engine::history::{History, Record, State};
use crate::engine::target::{Target, compare_revisions};
use crate::error::{Error, Result};
use crate::project::catalog::{Artifact, Kind, Migration};

/// What `rollback` would run to get to the target, which itself stays applied. The last applied goes first.
pub fn plan_rollback(input: &Input<'_>, target: &Target) -> Result<Plan> {
    let broken = input.history.partial();
    let mut chosen = choose(input, target)?;
    if let Some(record) = broken {
        // It must be finished before anything else: it stands above whatever it came from.
        let Some(at) = chosen.iter().position(|other| other.id == record.id) else {
            return Err(half_done(record, if record.state == State::PartlyApplied { "apply" } else { "rollback" }));
        };
        chosen[..=at].rotate_right(1);
    }
    check_dependents(input, &chosen)?;
    let steps = chosen.iter().map(|record| down_step(input, record)).collect::<Result<_>>()?;
    Ok(Plan { steps, current: input.history.current().map(Record::id) })
}

/// One down and up again. The migration may have changed since it was applied.
pub fn plan_redo(input: &Input<'_>) -> Result<Plan> {
    let Some(last) = input.history.live.last() else {
        return Err(Error::usage("nothing is applied, so there is nothing to redo").hint("`runner apply` begins"));
    };
    check_history(input, Some(&last.revision))?;
    let mut plan = plan_rollback(input, &Target::Back(1))?;
    let Some(migration) = find(input, &last.revision) else {
        return Err(Error::mismatch(format!(
            "`{}` is missing from the project, so it could not be applied again",
            last.id()
        ))
        .hint("`runner rollback` rolls it back without applying it again"));
    };
    check_dialect(input, migration)?;
    check_dependencies(input, migration, &[])?;
    // The row of what broke off ends with the way down.
    let healed = History { live: Vec::new(), ..History::default() };
    plan.steps.push(up_step(&Input { history: &healed, ..*input }, migration)?);
    Ok(plan)
}

/// The rows to end, the last applied first.
fn choose<'a>(input: &Input<'a>, target: &Target) -> Result<Vec<&'a Record>> {
    let mut applied: Vec<&Record> = input.history.live.iter().rev().collect();
    match target {
        Target::Base => {}
        Target::Current => applied.clear(),
        Target::Back(count) => {
            if applied.is_empty() && *count == 1 {
                return Ok(applied);
            }
            if applied.len() < *count {
                return Err(Error::usage(format!("{count} is more than there is: {} applied", applied.len()))
                    .hint("`runner rollback --all` rolls all of them back"));
            }
            applied.truncate(*count);
        }
        Target::Revision(text) => {
            let revision = candidates(input).resolve(text)?;
            let is_applied = applied.iter().any(|record| compare_revisions(&record.revision, revision).is_eq());
            if !is_applied {
                return Err(Error::usage(format!("`{revision}` is not applied, so there is no way back to it"))
                    .hint(format!("`runner apply --target {revision}` goes up to it")));
            }
            applied.retain(|record| compare_revisions(&record.revision, revision).is_gt());
        }
        Target::Latest | Target::Next | Target::Forward(_) => {
            return Err(Error::usage(format!("`rollback` only goes down, and `{target}` leads up"))
                .hint(format!("`runner apply --target {target}` goes up")));
        }
    }
    Ok(applied)
}

/// Refuses to take away what a migration that stays depends on.
fn check_dependents(input: &Input<'_>, chosen: &[&Record]) -> Result<()> {
    let leaves = |record: &Record| chosen.iter().any(|other| other.id == record.id);
    for stays in input.history.live.iter().filter(|record| !leaves(record)) {
        for wanted in stays.description()?.depends_on {
            if let Some(gone) = chosen.iter().find(|record| means(&wanted, &record.revision, &record.name)) {
                return Err(Error::usage(format!("`{}` depends on it and would stay", stays.id()))
                    .at("migration", gone.id())
                    .hint(format!("roll `{}` back too", stays.id())));
            }
        }
    }
    Ok(())
}

/// The step that takes a migration back, from the artifact that was applied.
fn down_step(input: &Input<'_>, record: &Record) -> Result<PlannedMigration> {
    let broken = broken_upgrade(record);
    // Of SQL that broke off the rest may be mended, and with it the way back.
    let may_differ =
        |migration: &Migration| broken.is_some() && (migration.kind, record.kind) == (Kind::Sql, Kind::Sql);
    let same =
        find(input, &record.revision).filter(|migration| migration.sha256 == record.sha256 || may_differ(migration));
    let is_kept = input.history.keeps(record);
    let has_no_downgrade = same.is_some_and(|migration| matches!(migration.artifact, Artifact::Sql { down: None, .. }));
    // The digest of SQL says nothing of the way back: one that was mended in the project since then is the one to take, and
    // the run says so. What the project has lost, the database may have kept.
    let declared = record.description()?;
    let (source, description) = match same {
        Some(_) if has_no_downgrade && is_kept && !declared.irreversible => (Source::Database, declared),
        Some(migration) => (Source::Project, migration.description.clone()),
        None if is_kept => (Source::Database, declared),
        None => return Err(lost(record, find(input, &record.revision))),
    };
    let has_no_downgrade = has_no_downgrade && source == Source::Project;
    if description.irreversible || has_no_downgrade {
        let error = Error::usage("the migration has no way back").at("migration", record.id());
        return Err(if record.kind == Kind::Sql && !description.irreversible {
            error.hint(format!("write `{}.down.sql`", record.id()))
        } else {
            error.hint("it says of itself that it is irreversible: restore a backup, or go on with a new migration")
        });
    }
    Ok(PlannedMigration {
        direction: Direction::Down,
        revision: record.revision.clone(),
        name: record.name.clone(),
        kind: record.kind,
        sha256: record.sha256.clone(),
        mode: record.mode,
        description,
        source,
        record: Some(record.id),
        resume_after: (record.state == State::PartlyRolledBack).then(|| resume_after(record)).transpose()?,
        broken,
    })
}

fn lost(record: &Record, changed: Option<&Migration>) -> Error {
    let error = Error::mismatch(match changed {
        Some(_) => "the migration was changed after it was applied, and the database keeps no copy of what was applied",
        None => "the migration is missing from the project, and the database keeps no copy of what was applied",
    });
    error
        .at("migration", format!("{} (applied: sha256 {})", record.id(), short(&record.sha256)))
        .hint("bring its files back as they were applied, from the release of the project that has them")
}
