//! Wires the engine for `verify`.

use std::sync::Arc;

use super::setup::{HistoryDetail, Setup};
use runner_base::error::{Error, Result};
use runner_database::{BatchLimits, StopSignal};
use runner_engine::EventSink;
use runner_engine::verify::{Extent, Verified, Verifier};
use runner_project::CatalogReport;

/// Number of component instances: chunks are checked one after another.
const JOBS: usize = 1;

/// Proves the given revisions again; if there are none, all components in force.
pub async fn verify(
    setup: &Setup,
    project: CatalogReport,
    revisions: &[String],
    extent: Extent,
    events: Arc<dyn EventSink>,
    stop: StopSignal,
) -> Result<Vec<Verified>> {
    let Some(database) = setup.open(HistoryDetail::Live).await?.database else {
        return match revisions.first() {
            None => Ok(Vec::new()),
            Some(revision) => Err(setup.place(
                Error::usage(format!("`{revision}` is not applied: the database does not exist"))
                    .hint("`runner apply` creates it"),
            )),
        };
    };
    let limits = &setup.settings.limits;
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let verifier = Verifier {
        loader: setup.loader(JOBS, database.facts().dialect, stop.clone()),
        database: Arc::new(tokio::sync::Mutex::new(database)),
        project,
        events,
        stop,
        extent,
        limits: BatchLimits {
            rows: size(limits.batch_rows),
            bytes: size(limits.batch_bytes),
            cell_bytes: size(limits.cell_bytes),
            call_bytes: size(limits.host_call_bytes),
        },
    };
    verifier.run(revisions).await.map_err(|error| setup.place(error))
}
