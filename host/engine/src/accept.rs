//! Accepts a changed migration: from then on, the project's version counts as the one that was applied.

use std::time::Duration;

use super::Direction;
use super::artifact::{kept_values, source_of, to_store};
use super::history::{self, Record, Repair, State, Stored, declared_json};
use super::identity::Identity;
use super::plan::{PlanInput, PlanOptions, candidates, check_kind, is_another, took_the_place};
use crate::clock::now;
use crate::transaction::in_transaction;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{Database, LockRequest, StopSignal};
use runner_project::catalog::Catalog;

/// Accepts the project's version of an applied revision as the one that is in the database. `wanted` is a revision, a
/// name, or a prefix of either. `waiting` is called with the holder of the lock.
pub async fn accept_checksum(
    database: &mut dyn Database,
    catalog: &Catalog,
    wanted: &str,
    request: &AcceptRequest,
    identity: &Identity,
    waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
) -> Result<Accepted> {
    find_changed(database, catalog, wanted).await?;
    let owner = identity.lock_owner("repair");
    let lock = LockRequest { wait: request.lock_wait, run_id: identity.run_id.clone(), owner };
    database.lock(&lock, &StopSignal::default(), waiting).await?;
    let accepted = accept_locked(database, catalog, wanted, request, identity).await;
    let unlocked = database.unlock().await;
    let accepted = accepted?;
    unlocked?;
    Ok(accepted)
}

/// How to accept a changed artifact.
#[derive(Clone, Debug)]
pub struct AcceptRequest {
    /// The reason.
    pub why: String,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// The largest artifact that is stored in the database, in bytes.
    pub stored_artifact_bytes: u64,
}

/// A changed artifact that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The history row before.
    pub before: Record,
    /// The digest that the history now has.
    pub sha256: String,
    /// What was recorded.
    pub repair: Repair,
}

async fn find_changed(database: &mut dyn Database, catalog: &Catalog, wanted: &str) -> Result<Record> {
    let session = &mut database.host();
    let history = history::read(session).await?;
    let input = PlanInput { catalog, history: &history, facts: session.facts(), options: PlanOptions::default() };
    let revision = candidates(&input).resolve(wanted)?;
    let Some(record) = history.get(revision) else {
        return Err(Error::usage(format!("`{revision}` is not applied, so history has no checksum of it"))
            .hint("edit it freely: `runner build` updates the lockfile"));
    };
    if record.state != State::Applied {
        return Err(Error::new(ErrorKind::Partial, format!("`{}` is partially applied", record.id()))
            .hint(format!("`runner repair {}` shows how to resolve it", record.revision)));
    }
    match catalog.get(revision) {
        None => Err(Error::usage(format!("`{}` is not in the project", record.id())).hint("restore its files first")),
        Some(migration) if migration.sha256 == record.sha256 => {
            Err(Error::usage(format!("`{}` is unchanged: the project has what was applied", record.id())))
        }
        Some(migration) if took_the_place(catalog, migration, record) => Err(is_another(migration, record)),
        Some(migration) => check_kind(migration, record).map(|()| record.clone()),
    }
}

async fn accept_locked(
    database: &mut dyn Database,
    catalog: &Catalog,
    wanted: &str,
    request: &AcceptRequest,
    identity: &Identity,
) -> Result<Accepted> {
    let before = find_changed(database, catalog, wanted).await?;
    let migration = catalog.get(&before.revision).ok_or_else(|| Error::failed("the project has lost the migration"))?;
    let description = &migration.description;
    let mut stored = to_store(&source_of(migration)?);
    if let Stored::Sql { values, .. } = &mut stored {
        *values = kept_values(&mut database.host(), &before.revision, &before.sha256).await;
    }
    let at = now();
    let repair = Repair {
        history: before.id,
        direction: Direction::Up.to_string(),
        step: None,
        action: history::ACCEPT_CHECKSUM.to_owned(),
        statement: String::new(),
        rows: None,
        why: request.why.clone(),
        at: at.clone(),
        by: identity.applied_by.clone(),
        run_id: identity.run_id.clone(),
    };
    let session = &mut database.host();
    in_transaction(session, async |session| {
        let (revision, sha256) = (&before.revision, &migration.sha256);
        let limit = request.stored_artifact_bytes;
        let kept = history::artifact_changes(session, revision, sha256, &stored, limit).await?;
        history::make(session, kept).await?;
        let reason = format!("accept-checksum: {}", request.why);
        history::set_applied(session, before.id, sha256, &declared_json(description), &at, &reason).await?;
        history::make(session, [history::unused_artifacts(revision)]).await?;
        history::add_repair(session, &repair).await
    })
    .await?;
    Ok(Accepted { before, sha256: migration.sha256.clone(), repair })
}
