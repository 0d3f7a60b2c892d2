//! The bytes of a migration, as its script is made from them.

use super::script::{Assets, ScriptSource};
use crate::error::Result;
use crate::project::catalog::{Artifact, Migration};
use crate::project::sha256;

/// The bytes of a project's migration.
pub fn source_of(migration: &Migration) -> Result<ScriptSource> {
    match &migration.artifact {
        Artifact::Sql { up, down } => Ok(ScriptSource::Sql { up: up.clone(), down: down.clone() }),
        Artifact::Component { assets_folder, assets, .. } => {
            let bytes = migration.read_component()?.unwrap_or_default();
            let assets = Assets { folder: assets_folder.clone(), digests: assets.clone() };
            Ok(ScriptSource::Component { sha256: sha256(&bytes), bytes: bytes.into(), assets: Some(assets) })
        }
    }
}
