//! The bytes of a migration, as its script is made from them.

use super::history::Stored;
use super::script::{AssetPlace, Assets, ScriptSource};
use crate::error::Result;
use crate::project::catalog::{Artifact, ComponentFiles, Migration};
use crate::project::sha256;

/// The bytes of a project's migration.
pub fn source_of(migration: &Migration) -> Result<ScriptSource> {
    match &migration.artifact {
        Artifact::Sql { up, down, .. } => Ok(ScriptSource::Sql { up: up.clone(), down: down.clone() }),
        Artifact::Component { files, assets } => {
            let bytes = migration.read_component()?.unwrap_or_default();
            let place = match files {
                ComponentFiles::Disk { assets_folder, .. } => AssetPlace::Folder(assets_folder.clone()),
                ComponentFiles::Embedded { assets, .. } => AssetPlace::Embedded(assets.clone()),
            };
            let assets = Assets { place, digests: assets.clone() };
            Ok(ScriptSource::Component { sha256: sha256(&bytes), bytes: bytes.into(), assets: Some(assets) })
        }
    }
}

/// Returns what the database stores of a migration's bytes.
pub fn to_store(source: &ScriptSource) -> Stored {
    match source {
        ScriptSource::Sql { up, down } => Stored::Sql { up: up.clone(), down: down.clone() },
        ScriptSource::Component { bytes, assets, .. } => Stored::Component {
            bytes: bytes.to_vec(),
            assets: assets.as_ref().map(|assets| assets.digests.clone()).unwrap_or_default(),
        },
    }
}
