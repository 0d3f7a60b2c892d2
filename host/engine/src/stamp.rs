//! Writes history without running anything, for databases whose schema another tool or a person brought up to date. Who
//! did it, when and why is kept.

use std::time::Duration;

use super::Direction;
use super::artifact::{source_of, to_store};
use super::history::{self, End, Record, Repair, State, Work, declared_json};
use super::identity::Identity;
use super::plan::{Mark, PlanInput, PlanOptions, PlannedMigration, plan_baseline, plan_stamp};
use super::stopped::stopped;
use super::target::Target;
use crate::clock::now;
use crate::transaction::in_transaction;
use runner_base::error::{Error, Result};
use runner_database::{Database, HostSession, LockRequest, StopSignal};
use runner_project::catalog::Catalog;

runner_base::named! {
    /// Which of the two commands it is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum StampKind {
        /// Brings an existing or empty history to a target.
        Stamp = "stamp",
        /// Begins the history of a database that has none.
        Baseline = "baseline",
    }
}

/// What to record.
#[derive(Clone, Debug)]
pub struct StampRequest {
    /// The command.
    pub kind: StampKind,
    /// The revision that the database is at.
    pub target: Target,
    /// The reason.
    pub why: String,
    /// Only plan.
    pub dry_run: bool,
    /// What the operator allows.
    pub options: PlanOptions,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// The largest artifact that is stored in the database, in bytes.
    pub stored_artifact_bytes: u64,
}

/// Records what the request says and returns the changes, in order.
pub async fn stamp(
    database: &mut dyn Database,
    catalog: &Catalog,
    request: &StampRequest,
    identity: &Identity,
    stop: &StopSignal,
    waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
) -> Result<Vec<Mark>> {
    // Mistakes are reported before the lock is requested, and an empty plan takes none.
    let marks = marks(database, catalog, request).await?;
    if marks.is_empty() || request.dry_run {
        return Ok(marks);
    }
    if database.facts().read_only {
        return Err(Error::failed("the server is read-only: a standby, a replica, or configured so")
            .hint("use the URL of the primary server"));
    }
    let owner = identity.lock_owner(request.kind.name());
    let lock = LockRequest { wait: request.lock_wait, run_id: identity.run_id.clone(), owner };
    database.lock(&lock, stop, waiting).await.map_err(|error| match stop.reason() {
        Some(reason) => stopped(reason),
        None => error.into(),
    })?;
    let recorded = stamp_locked(database, catalog, request, identity).await;
    let unlocked = database.unlock().await;
    let recorded = recorded?;
    unlocked?;
    Ok(recorded)
}

async fn marks(database: &mut dyn Database, catalog: &Catalog, request: &StampRequest) -> Result<Vec<Mark>> {
    let session = &mut database.host();
    let history = history::read(session).await?;
    let input = PlanInput { catalog, history: &history, facts: session.facts(), options: request.options };
    match request.kind {
        StampKind::Stamp => plan_stamp(&input, &request.target),
        StampKind::Baseline => plan_baseline(&input, &request.target),
    }
}

async fn stamp_locked(
    database: &mut dyn Database,
    catalog: &Catalog,
    request: &StampRequest,
    identity: &Identity,
) -> Result<Vec<Mark>> {
    // Another run may have changed the history before the lock was taken.
    let marks = marks(database, catalog, request).await?;
    let session = &mut database.host();
    let makes_tables = session.facts().transactional_ddl;
    if !makes_tables {
        // Creating the tables would commit the transaction.
        history::ensure(session).await?;
    }
    in_transaction(session, async |session| write(session, catalog, &marks, request, identity, makes_tables).await)
        .await?;
    Ok(marks)
}

async fn write(
    session: &mut HostSession<'_>,
    catalog: &Catalog,
    marks: &[Mark],
    request: &StampRequest,
    identity: &Identity,
    create: bool,
) -> Result<()> {
    if create {
        history::ensure(session).await?;
    }
    let at = now();
    for mark in marks {
        match mark {
            Mark::Applied(migration) => {
                let source = catalog.get(&migration.revision).map(source_of).transpose()?;
                let stored = source.as_ref().map(to_store);
                if let Some(stored) = &stored {
                    let (revision, sha256) = (&migration.revision, &migration.sha256);
                    let limit = request.stored_artifact_bytes;
                    let kept = history::artifact_changes(session, revision, sha256, stored, limit).await?;
                    history::make(session, kept).await?;
                }
                history::make(session, [history::inserted(&record(migration, request, identity, &at))]).await?;
            }
            Mark::NotApplied(record) => {
                let (by, run_id) = (identity.applied_by.clone(), identity.run_id.clone());
                let end = End { at: at.clone(), by, run_id, work: Work::default(), transcript: String::new() };
                history::make(session, history::ended(record.id, &end)).await?;
                history::set_reason(session, record.id, &request.why).await?;
            }
        }
    }
    // Only now do the new rows have numbers.
    let history = history::read(session).await?;
    for mark in marks {
        let (id, direction) = match mark {
            Mark::NotApplied(record) => (record.id, Direction::Down),
            Mark::Applied(migration) => match history.get(&migration.revision) {
                Some(record) => (record.id, Direction::Up),
                None => return Err(Error::failed("the database did not keep a history row that was just written")),
            },
        };
        let repair = Repair {
            history: id,
            direction: direction.to_string(),
            step: None,
            action: request.kind.name().to_owned(),
            statement: String::new(),
            rows: None,
            why: request.why.clone(),
            at: at.clone(),
            by: identity.applied_by.clone(),
            run_id: identity.run_id.clone(),
        };
        history::add_repair(session, &repair).await?;
    }
    Ok(())
}

/// The history row of a revision that was not run.
fn record(migration: &PlannedMigration, request: &StampRequest, identity: &Identity, at: &str) -> Record {
    let description = &migration.description;
    Record {
        revision: migration.revision.clone(),
        name: migration.name.clone(),
        summary: description.summary.clone(),
        kind: migration.kind,
        sha256: migration.sha256.clone(),
        mode: migration.mode,
        declared: declared_json(description),
        state: State::Applied,
        started_at: at.to_owned(),
        finished_at: Some(at.to_owned()),
        run_id: identity.run_id.clone(),
        run_timestamp: identity.run_timestamp,
        seed: identity.seed,
        applied_by: identity.applied_by.clone(),
        tool_version: identity.tool_version.clone(),
        reason: Some(match request.why.as_str() {
            "" => request.kind.name().to_owned(),
            why => format!("{}: {why}", request.kind.name()),
        }),
        ..Record::blank()
    }
}
