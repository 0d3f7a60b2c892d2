//! Loads the next component or script while something else is in progress: the lock is taken, the migration before it
//! runs, the disk syncs. What this takes, milliseconds for an interpreter, then passes on another core.
//!
//! Only what is compiled already is loaded ahead. Compiling waits for its turn under the lock: of many processes that wait to apply
//! the same component, one is to compile it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, spawn_blocking};

use super::Engine;
use crate::Direction;
use crate::artifact::source_of;
use crate::plan::{PlannedMigration, Source};
use crate::script::{Compiled, ScriptSource};
use runner_base::error::Result;
use runner_project::catalog::Artifact;

/// The bytes of a component or a script, and it compiled, if it was.
pub(super) type Found = (ScriptSource, Option<Compiled>);

/// What is loaded ahead, by revision. A clone is of the same run: a dry run on a copy takes what was loaded while the copy was made.
#[derive(Clone, Default)]
pub struct Preload {
    loading: Arc<Mutex<BTreeMap<String, Loading>>>,
}

struct Loading {
    /// The digest of the migration.
    sha256: String,
    /// Its bytes, which are checked against their digests; those of a component, compiled.
    found: JoinHandle<Result<Found>>,
    /// The runtime of a script. It is known by its digest, and so is loaded while its file is read.
    runtime: Option<JoinHandle<Option<Compiled>>>,
}

impl Engine {
    /// Begins to load a planned migration, if it is a component or a script of the project.
    pub(super) fn preload(&self, planned: &PlannedMigration) {
        if !planned.kind.is_sandboxed() || planned.source != Source::Project {
            return;
        }
        let Some(migration) = self.catalog.get(&planned.revision) else { return };
        let mut loading = self.ahead.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if loading.contains_key(&planned.revision) {
            return;
        }
        let runtime = match &migration.artifact {
            Artifact::Script(files) => {
                let (loader, sha256) = (self.loader.clone(), files.runtime.sha256.clone());
                Some(spawn_blocking(move || loader.compiled(&sha256)))
            }
            Artifact::Component { .. } | Artifact::Sql { .. } => None,
        };
        let (loader, migration) = (self.loader.clone(), migration.clone());
        let (is_stored, limit) = (planned.direction == Direction::Up, self.stored_artifact_bytes);
        let found = spawn_blocking(move || {
            let source = source_of(&migration)?;
            let compiled = match &source {
                ScriptSource::Component { sha256, bytes, .. } => {
                    if is_stored {
                        // Only the end of the migration waits for it: megabytes take longer to compress than to load.
                        let bytes = bytes.clone();
                        drop(spawn_blocking(move || bytes.pack_within(limit)));
                    }
                    loader.compiled(sha256)
                }
                ScriptSource::Script(_) | ScriptSource::Sql { .. } => None,
            };
            Ok((source, compiled))
        });
        loading.insert(planned.revision.clone(), Loading { sha256: planned.sha256.clone(), found, runtime });
    }

    /// Returns what was loaded ahead of a planned migration.
    pub(super) async fn preloaded(&self, migration: &PlannedMigration) -> Result<Option<Found>> {
        let loading = self.ahead.loading.lock().unwrap_or_else(PoisonError::into_inner).remove(&migration.revision);
        let Some(Loading { sha256, found, runtime }) = loading else { return Ok(None) };
        if sha256 != migration.sha256 || migration.source != Source::Project {
            return Ok(None);
        }
        // What panicked panics again at its turn.
        let Ok(found) = found.await else { return Ok(None) };
        let (source, compiled) = found?;
        let compiled = match runtime {
            Some(runtime) => runtime.await.ok().flatten(),
            None => compiled,
        };
        Ok(Some((source, compiled)))
    }
}
