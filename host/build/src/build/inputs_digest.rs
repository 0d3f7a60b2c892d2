//! What a build depends on, in one digest, so that what a build writes does not start the next one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{rust, select};
use runner_base::error::Result;
use runner_project::digest::sha256;
use runner_project::discovery::{Found, FoundFiles, discover, find_assets, shared_digest, source_digest};
use runner_project::files::{ProjectDirectory, open_root};
use runner_project::lockfile::{LockedArtifact, Lockfile};
use runner_project::problem::{Problem, error_for};
use runner_project::script::companions_within;
use runner_project::settings::Settings;

/// The digest of the files of the named migrations, or of all, without those that a build writes. What cannot be read counts as it is
/// reported: the build says more about it.
pub fn fingerprint(settings: &Settings, revisions: &[String]) -> String {
    let all = of_all(settings, revisions).unwrap_or_else(|error| format!("{error:#}"));
    sha256(all.as_bytes())
}

/// The directories of what the last build found that components are built from, outside of that of the migrations, which is watched as
/// a whole: whether what is below them counts, too.
pub fn shared_directories(settings: &Settings) -> BTreeMap<PathBuf, bool> {
    let lockfile = open_root(&settings.root).and_then(|root| Lockfile::read(&root, &settings.lockfile_name()));
    let lines = lockfile.map(|lockfile| lockfile.lines).unwrap_or_default();
    let shared = lines.iter().filter_map(|line| match &line.artifact {
        LockedArtifact::Component { shared, .. } => Some(shared.keys()),
        _ => None,
    });
    let mut directories = BTreeMap::new();
    for path in shared.flatten() {
        let (place, is_directory) = (settings.root.join(path), path.ends_with('/'));
        // An editor puts another file in the place of one.
        let Some(directory) = (if is_directory { Some(&*place) } else { place.parent() }) else { continue };
        // Watching a part of it would end that of the whole, on some systems.
        if !directory.starts_with(settings.migrations_directory()) {
            *directories.entry(directory.to_path_buf()).or_default() |= is_directory;
        }
    }
    directories
}

fn of_all(settings: &Settings, revisions: &[String]) -> Result<String> {
    let project = settings.project_directory()?;
    let (found, problems) = discover(&project)?;
    if let Some(error) = error_for(problems, |count| format!("{count} problems")) {
        return Err(error);
    }
    let mut all = String::new();
    // What the last build found. A lockfile that cannot be read is reported by the next one.
    let lockfile = Lockfile::read(&project.root, &settings.lockfile_name()).unwrap_or_default();
    for found in select::select(&found, revisions)? {
        let of = of_one(settings, &project, found).unwrap_or_else(|problem| problem.message);
        all.push_str(&format!("{}\n{of}\n", found.id()));
        if let Some(LockedArtifact::Component { shared, .. }) = lockfile.get(&found.revision).map(|line| &line.artifact)
        {
            for path in shared.keys() {
                let digest = shared_digest(&settings.root, path, settings.limits.asset_bytes);
                all.push_str(&format!("{path} {:?}\n", digest.unwrap_or_else(|problem| Some(problem.message))));
            }
        }
    }
    Ok(all)
}

fn of_one(settings: &Settings, project: &ProjectDirectory, found: &Found) -> Result<String, Problem> {
    let limits = &settings.limits;
    let digest = |name: &str, link: bool| {
        project.read(name, link, limits.artifact_bytes).map(|bytes| format!("{name} {}\n", sha256(&bytes)))
    };
    let mut parts = String::new();
    match &found.files {
        FoundFiles::Sql { files, metadata } => {
            for file in files.iter().map(|file| &file.entry).chain(metadata) {
                parts.push_str(&digest(&file.file_name, file.link)?);
            }
        }
        FoundFiles::Component { wasm, directory } => {
            let mut is_built = false;
            if let Some(directory) = directory {
                is_built = rust::is_source(project, directory, true).unwrap_or(false);
                let source = source_digest(project, directory, limits.asset_bytes)?;
                parts.push_str(&format!("{source:?} {:?}\n", find_assets(project, directory, limits.asset_bytes)?));
            }
            // The artifact of a build is its result.
            if let Some(wasm) = wasm.as_ref().filter(|_| !is_built) {
                parts.push_str(&digest(&wasm.file_name, wasm.link)?);
            }
        }
        FoundFiles::Script { file, directory, .. } => {
            parts.push_str(&digest(&file.file_name, file.link)?);
            if let Some(directory) = directory {
                parts.push_str(&format!("{:?}\n", companions_within(project, directory, limits.asset_bytes)?));
            }
        }
    }
    Ok(parts)
}
