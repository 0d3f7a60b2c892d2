//! What `stamp` and `baseline` record: changes of the history that run nothing.

use super::apply::up_step;
use super::check::{check_dialect, check_history, find};
use super::{PlanInput, PlannedMigration, candidates};
use crate::history::Record;
use crate::target::{Target, compare_revisions};
use runner_base::error::{Error, ErrorKind, Result};

/// One change of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The revision is in the database: recorded as applied.
    Applied(Box<PlannedMigration>),
    /// The revision is not in the database: its history row is ended.
    NotApplied(Box<Record>),
}

impl Mark {
    /// Returns `REVISION_name`.
    pub fn id(&self) -> String {
        match self {
            Self::Applied(migration) => migration.id(),
            Self::NotApplied(record) => record.id(),
        }
    }
}

/// Returns the changes that bring the history to the target: newer revisions end, newest first, then those up to the
/// target are recorded as applied, oldest first.
pub fn plan_stamp(input: &PlanInput<'_>, target: &Target) -> Result<Vec<Mark>> {
    check_history(input, None)?;
    refuse_partial(input)?;
    let end = end(input, target)?;
    let is_within = |revision: &str| end.as_deref().is_some_and(|end| compare_revisions(revision, end).is_le());
    let mut ended: Vec<&Record> = input.history.live.iter().filter(|record| !is_within(&record.revision)).collect();
    ended.sort_by(|left, right| compare_revisions(&right.revision, &left.revision));
    let mut marks: Vec<Mark> = ended.into_iter().map(|record| Mark::NotApplied(Box::new(record.clone()))).collect();
    for migration in input.catalog.migrations.iter().filter(|migration| is_within(&migration.revision)) {
        if input.history.get(&migration.revision).is_none() {
            check_dialect(input.facts.dialect, migration)?;
            marks.push(Mark::Applied(Box::new(up_step(input, migration)?)));
        }
    }
    Ok(marks)
}

/// As [`plan_stamp`], for a database that has no history yet.
pub fn plan_baseline(input: &PlanInput<'_>, target: &Target) -> Result<Vec<Mark>> {
    refuse_partial(input)?;
    if let Some(newest) = input.history.newest() {
        return Err(Error::usage(format!("the database already has a history: it is at `{}`", newest.id()))
            .hint("`runner stamp --target TARGET` changes an existing history"));
    }
    plan_stamp(input, target)
}

fn refuse_partial(input: &PlanInput<'_>) -> Result<()> {
    match input.history.partial() {
        None => Ok(()),
        Some(record) => Err(Error::new(ErrorKind::Partial, format!("`{}` is partially applied", record.id()))
            .hint(format!("resolve it first: `runner repair {}` shows how", record.revision))),
    }
}

/// Returns the newest revision that counts as applied; `None` for the base.
fn end(input: &PlanInput<'_>, target: &Target) -> Result<Option<String>> {
    let mut known: Vec<&str> = input.catalog.migrations.iter().map(|migration| &*migration.revision).collect();
    known.extend(input.history.live.iter().map(|record| &*record.revision));
    known.sort_by(|left, right| compare_revisions(left, right));
    known.dedup_by(|left, right| compare_revisions(left, right).is_eq());
    let newest = input.history.newest().map(|record| &*record.revision);
    // The number of known revisions up to the newest applied one.
    let position = newest
        .map_or(0, |newest| known.iter().take_while(|revision| compare_revisions(revision, newest).is_le()).count());
    let count = match target {
        Target::Latest => known.len(),
        Target::Base => 0,
        Target::Current => position,
        Target::Next => (position + 1).min(known.len()),
        Target::Forward(count) => match position.checked_add(*count).filter(|count| *count <= known.len()) {
            Some(count) => count,
            None => {
                return Err(Error::usage(format!(
                    "`+{count}` is too far: {} newer revisions exist",
                    known.len() - position
                ))
                .hint("`runner status` lists them"));
            }
        },
        Target::Back(count) => match position.checked_sub(*count) {
            Some(count) => count,
            None => {
                return Err(Error::usage(format!("`-{count}` is too far: {position} revisions are applied"))
                    .hint("`--target base` is before the first"));
            }
        },
        Target::Revision(text) => {
            let revision = candidates(input).resolve(text)?;
            if input.history.get(revision).is_none() && find(input, revision).is_none() {
                return Err(Error::usage(format!("`{revision}` is not in the project")));
            }
            return Ok(Some(revision.to_owned()));
        }
    };
    Ok(count.checked_sub(1).map(|last| known[last].to_owned()))
}
