//! The bytes of a migration, as its script is made from them.

mod parameters;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::history::{Stored, load_artifact};
use super::script::{AssetPlace, Assets, ScriptSource, Template};
pub use parameters::{Named, SqlValues, as_text, asks, filled, unfilled};
use runner_base::error::Result;
use runner_database::HostSession;
use runner_project::catalog::{Artifact, ComponentFiles, Migration};
use runner_project::{component_digest, sha256};

/// The bytes of a project's migration; those of SQL as they are written.
pub fn source_of(migration: &Migration) -> Result<ScriptSource> {
    match &migration.artifact {
        Artifact::Sql { texts, .. } => {
            let (up, down) = texts.read()?.clone();
            Ok(ScriptSource::Sql { up, down, template: None })
        }
        Artifact::Component { files, assets } => {
            let bytes = migration.read_component()?.unwrap_or_default();
            let place = match files {
                ComponentFiles::Packaged { .. } => AssetPlace::Embedded(Arc::default()),
                ComponentFiles::Disk { assets_directory, .. } => AssetPlace::Directory(assets_directory.clone()),
                ComponentFiles::Embedded { assets, .. } => AssetPlace::Embedded(assets.clone()),
            };
            let assets = Assets { place, digests: assets.clone() };
            Ok(ScriptSource::Component { sha256: sha256(&bytes), bytes: Arc::new(bytes.into()), assets: Some(assets) })
        }
        Artifact::Script(files) => Ok(ScriptSource::Script(Arc::new(files.load()?))),
    }
}

/// Returns what the database stores of a migration's bytes.
pub fn to_store(source: &ScriptSource) -> Stored {
    match source {
        ScriptSource::Sql { template: Some(Template { up, down, values }), .. } => {
            Stored::Sql { up: up.clone(), down: down.clone(), values: values.clone() }
        }
        ScriptSource::Sql { up, down, template: None } => {
            Stored::Sql { up: up.clone(), down: down.clone(), values: BTreeMap::new() }
        }
        ScriptSource::Component { bytes, assets, .. } => Stored::Component {
            bytes: bytes.clone(),
            assets: assets.as_ref().map(|assets| assets.digests.clone()).unwrap_or_default(),
        },
        ScriptSource::Script(script) => Stored::Script(script.clone()),
    }
}

/// Returns a component or a script that the database keeps, if it is the one with the digest `applied`. A component's assets are
/// not kept.
pub fn of_stored(stored: Stored, applied: &str) -> Option<ScriptSource> {
    match stored {
        Stored::Sql { .. } => None,
        Stored::Component { bytes, assets } => {
            let own = sha256(&bytes);
            (component_digest(&own, &assets) == applied).then(|| ScriptSource::Component {
                bytes,
                sha256: own,
                assets: None,
            })
        }
        Stored::Script(script) => (script.sha256() == applied).then_some(ScriptSource::Script(script)),
    }
}

/// The values of parameters that the database keeps with an artifact. A copy that is missing or unreadable has none.
pub async fn kept_values(database: &mut HostSession<'_>, revision: &str, sha256: &str) -> BTreeMap<String, String> {
    match load_artifact(database, revision, sha256).await {
        Ok(Some(Stored::Sql { values, .. })) => values,
        _ => BTreeMap::new(),
    }
}
