//! The line of a script in the lockfile, and the runtime that it pins.

use std::collections::BTreeMap;

use super::BuildRequest;
use super::refresh::Refresh;
use runner_base::error::{Error, Result};
use runner_project::built::Described;
use runner_project::digest::sha256;
use runner_project::discovery::{Found, FoundEntry};
use runner_project::files::{ProjectDirectory, cannot_write};
use runner_project::lockfile::{ComponentDescription, LockedArtifact, write_atomically};
use runner_project::script::{
    self, LoadedScript, RUNTIMES, Runtime, RuntimePin, ScriptFiles, ScriptLanguage, ScriptPlace, companions_within,
    decode,
};
use runner_project::settings::Settings;

impl Refresh<'_> {
    pub(super) fn script(
        &self,
        found: &Found,
        (file, language, directory): (&FoundEntry, ScriptLanguage, Option<&FoundEntry>),
    ) -> Result<(LockedArtifact, u64)> {
        let limits = &self.settings.limits;
        let name = &file.file_name;
        let bytes = self.project.read(name, file.link, limits.artifact_bytes)?;
        let source = decode(name, &bytes)?;
        let files = directory
            .map(|directory| companions_within(self.project, directory, limits.asset_bytes))
            .transpose()?
            .unwrap_or_default();
        let digest = sha256(source.as_bytes());
        let runtime = self.runtime(found, language)?;
        if let Some(description) = self.known_script(found, (&digest, &runtime.pin, &files)) {
            keep(self.project, &runtime)?;
            let runtime = runtime.pin.sha256;
            return Ok((
                LockedArtifact::Script { language, sha256: digest, runtime, description, files },
                bytes.len() as u64,
            ));
        }
        let mut digests = files.clone();
        digests.insert(script::SOURCE.to_owned(), digest.clone());
        let migrations = self.settings.migrations_directory();
        let place =
            ScriptPlace::Disk { companions: migrations.join(found.directory()), runtimes: migrations.join(RUNTIMES) };
        let path = self.settings.path_of_migration(name);
        let pin = runtime.pin.clone();
        let files_of =
            ScriptFiles { path: path.clone(), language, source: source.into(), digests, runtime: pin, place };
        let loaded = LoadedScript { path, files: files_of.read_files()?, runtime };
        // Before anything is written: a script without a description is unusable.
        let description = (self.request.describe)(Described::Script(&loaded))?;
        keep(self.project, &loaded.runtime)?;
        let runtime = loaded.runtime.pin.sha256;
        Ok((LockedArtifact::Script { language, sha256: digest, runtime, description, files }, bytes.len() as u64))
    }

    /// The runtime that the lockfile pins, or the one that this program has.
    fn runtime(&self, found: &Found, language: ScriptLanguage) -> Result<Runtime> {
        let pinned = match self.locked(found).map(|line| &line.artifact) {
            Some(LockedArtifact::Script { runtime, language: of, .. }) if of.runtime() == language.runtime() => runtime,
            _ => return of_program(self.request, language),
        };
        let pin = RuntimePin { name: language.runtime().to_owned(), sha256: pinned.clone() };
        if let Some(file) = pin.read(&self.settings.migrations_directory().join(RUNTIMES))? {
            return Runtime::open(&pin, file);
        }
        // A lost file comes back if this program has the same.
        match of_program(self.request, language) {
            Ok(runtime) if runtime.pin == pin => Ok(runtime),
            Ok(runtime) => Err(pin.missing().cause(format!("this build brings {}", runtime.pin.shown()))),
            Err(_) => Err(pin.missing()),
        }
    }

    /// The description of the same script in the lockfile.
    fn known_script(
        &self,
        found: &Found,
        (digest, pin, files): (&str, &RuntimePin, &BTreeMap<String, String>),
    ) -> Option<ComponentDescription> {
        match &self.locked(found).filter(|_| self.proven)?.artifact {
            LockedArtifact::Script { sha256, runtime, description, files: locked, .. }
                if sha256 == digest && *runtime == pin.sha256 && locked == files =>
            {
                Some(description.clone())
            }
            _ => None,
        }
    }
}

/// The runtime of this program.
fn of_program(request: &BuildRequest<'_>, language: ScriptLanguage) -> Result<Runtime> {
    match (request.runtime)(language.runtime()) {
        Some(file) => Runtime::of_file(language.runtime(), file),
        None => Err(no_runtime(language)),
    }
}

/// The error for a language without a runtime.
fn no_runtime(language: ScriptLanguage) -> Error {
    Error::usage(format!("this build has no {} runtime", language.title()))
        .hint("write the migration in SQL, in another language, or as a component")
}

/// Writes the runtime of a language into the project, unless it exists; returns its path below the migrations if it was
/// written.
pub fn keep_runtime(
    settings: &Settings,
    language: ScriptLanguage,
    of_program: &dyn Fn(&str) -> Option<&'static [u8]>,
) -> Result<Option<String>> {
    let file = of_program(language.runtime()).ok_or_else(|| no_runtime(language))?;
    let project = settings.project_directory()?;
    keep(&project, &Runtime::of_file(language.runtime(), file)?)
}

fn keep(project: &ProjectDirectory, runtime: &Runtime) -> Result<Option<String>> {
    let name = runtime.pin.file_name();
    let path = format!("{RUNTIMES}/{name}");
    if project.root.is_file(project.path.join(&path)) {
        return Ok(None);
    }
    let written = project.create_directory(RUNTIMES).and_then(|it| write_atomically(&it, &name, &runtime.file));
    written.map_err(|error| cannot_write(&path, &error))?;
    Ok(Some(path))
}
