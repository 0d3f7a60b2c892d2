//! Updates the line of a migration in the lockfile.

use std::collections::{BTreeMap, BTreeSet};

use super::encode::{of_command, to_component};
use super::{BuildRequest, BuiltArtifact, Change, command, external_inputs, rust};
use runner_base::error::{Error, Result};
use runner_database::Dialect;
use runner_project::built::Described;
use runner_project::digest::sha256;
use runner_project::discovery::{
    ASSETS, Compared, Found, FoundEntry, FoundFiles, SharedDigests, SqlFile, compare_shared, find_assets, source_digest,
};
use runner_project::files::{ProjectDirectory, cannot_write, too_large};
use runner_project::lockfile::{ComponentDescription, LockLine, LockedArtifact, Lockfile, write_atomically};
use runner_project::problem::{Problem, error_for};
use runner_project::settings::Settings;
use runner_project::sql_file::SqlTexts;

/// How often a source is compiled that is another one after each time: the build itself writes something else there.
const ROUNDS: usize = 3;

/// What an artifact comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The source code as it is, if there is any.
    Same,
    /// The source code as it was: it changed since.
    Changed,
    /// The source code as it is, and something outside of the directory that changed since: its path.
    SharedChanged(String),
    /// The lockfile does not say.
    Unknown,
}

/// What an artifact was built from, as far as it is known.
#[derive(Debug, Default)]
struct BuiltFrom {
    /// The digest of the migration's directory.
    source: Option<String>,
    /// The digests of what is outside of it, by path.
    shared: BTreeMap<String, String>,
}

/// Context for updating lines.
pub(super) struct Refresh<'a> {
    pub settings: &'a Settings,
    pub project: &'a ProjectDirectory,
    pub request: &'a BuildRequest<'a>,
    pub old: &'a Lockfile,
    /// Whether the digest of the old lockfile matches, so that descriptions of unchanged bytes can be reused.
    pub proven: bool,
}

impl Refresh<'_> {
    /// Whether what has a source is made, also if nothing changed.
    pub fn is_wanted(&self) -> bool {
        self.request.all || !self.request.revisions.is_empty()
    }

    /// The line of a migration, which is compiled first if `source` is given.
    pub fn artifact(&self, found: &Found, source: Option<&FoundEntry>) -> Result<(LockLine, BuiltArtifact)> {
        let (artifact, size) = match &found.files {
            FoundFiles::Sql { files, metadata } => self.sql(found, files, metadata.as_ref()),
            FoundFiles::Component { wasm, directory } => {
                self.component(found, wasm.as_ref(), directory.as_ref(), source)
            }
            FoundFiles::Script { file, language, directory } => {
                let vendored = source.map_or(Ok(()), |_| {
                    (self.request.compiling)(&found.id());
                    self.vendor(found)
                });
                vendored.and_then(|()| self.script(found, (file, *language, directory.as_ref())))
            }
        }
        .map_err(|error| error.at("migration", found.id()))?;
        let line = LockLine { revision: found.revision.clone(), name: found.name.clone(), artifact };
        let change = match self.old.all_of(found.key()) {
            [] => Change::Added,
            old if old.contains(&line) => Change::Unchanged,
            _ => Change::Changed,
        };
        let (revision, name, kind) = (line.revision.clone(), line.name.clone(), line.kind());
        Ok((
            line,
            BuiltArtifact {
                revision,
                name,
                kind,
                compiled: source.is_some(),
                kept: false,
                changed_path: None,
                change,
                size,
            },
        ))
    }

    fn sql(&self, found: &Found, files: &[SqlFile], metadata: Option<&FoundEntry>) -> Result<(LockedArtifact, u64)> {
        let limit = self.settings.limits.artifact_bytes;
        let invalid = |problems: Vec<Problem>| {
            let heading = |count| format!("{count} problems in the SQL");
            error_for(problems, heading).unwrap_or_else(|| Error::usage("invalid SQL"))
        };
        let read = |file: &FoundEntry| self.project.read(&file.file_name, file.link, limit);
        let texts = SqlTexts::read(files, metadata, read).map_err(invalid)?;
        let dialect: Dialect = self.settings.database_url.value.dialect();
        let chosen = texts.choose(dialect).ok_or_else(|| Error::usage(format!("`{}` has no upgrade", found.id())))?;
        texts.describe(&chosen).map_err(invalid)?;
        Ok((LockedArtifact::Sql(texts.digests()), texts.size() as u64))
    }

    fn component(
        &self,
        found: &Found,
        wasm: Option<&FoundEntry>,
        directory: Option<&FoundEntry>,
        source: Option<&FoundEntry>,
    ) -> Result<(LockedArtifact, u64)> {
        let limits = &self.settings.limits;
        let file_name = found.wasm();
        let there = match wasm {
            Some(file) => Some(self.project.read(&file.file_name, file.link, limits.artifact_bytes)?),
            None => None,
        };
        let (bytes, built_from) = match (source, &there) {
            (Some(source), _) => {
                (self.request.compiling)(&found.id());
                self.compiled(found, source)?
            }
            (None, Some(bytes)) => (to_component(&file_name, bytes.clone(), None)?, BuiltFrom::default()),
            (None, None) => {
                return Err(Error::usage(format!(
                    "`{}` has neither source code to build nor a `{file_name}`",
                    found.id()
                ))
                .hint(rust::LANGUAGES_HINT));
            }
        };
        if bytes.len() as u64 > limits.artifact_bytes {
            return Err(too_large(&file_name, limits.artifact_bytes, "artifact_bytes").into());
        }
        let assets = directory
            .map(|directory| find_assets(self.project, directory, limits.asset_bytes))
            .transpose()?
            .unwrap_or_default();
        let digest = sha256(&bytes);
        let description = match self.known(found, &digest, &assets) {
            Some(description) => description,
            // Before it is written: an artifact without a description is unusable.
            None => {
                let assets_directory = self.settings.migrations_directory().join(found.directory()).join(ASSETS);
                (self.request.describe)(Described::Component {
                    bytes: &bytes,
                    assets: &assets,
                    assets_directory: &assets_directory,
                })?
            }
        };
        if there.as_ref() != Some(&bytes) {
            write_atomically(&self.project.migrations, &file_name, &bytes)
                .map_err(|error| cannot_write(&file_name, &error))?;
        }
        let BuiltFrom { source, shared } = match (source, directory) {
            (Some(_), _) => built_from,
            // The artifact was not made here: if it is the same, so is what it was made from.
            (None, Some(directory)) if rust::is_source(self.project, directory, true)? => {
                self.built_from(found, &digest).unwrap_or_default()
            }
            (None, _) => BuiltFrom::default(),
        };
        Ok((LockedArtifact::Component { sha256: digest, source, shared, description, assets }, bytes.len() as u64))
    }

    /// The component of a source, and what it was built from. A source that changed meanwhile is compiled again: it was
    /// saved, or cargo wrote a `Cargo.lock`, and it is unknown what the compiler has read.
    fn compiled(&self, found: &Found, source: &FoundEntry) -> Result<(Vec<u8>, BuiltFrom)> {
        let (settings, file_name) = (self.settings, found.wasm());
        let digest = || source_digest(self.project, source, settings.limits.asset_bytes);
        // Cargo reports only afterwards what it read. What the last build did not know is checked once more then, at
        // which cargo finds nothing to do unless it changed.
        let mut before =
            BuiltFrom { source: digest()?, shared: external_inputs::known_digests(settings, self.listed(found)) };
        let mut rounds = 0;
        loop {
            let (bytes, shared) = match command::manifest(self.project, source)? {
                Some(manifest) => {
                    let shared = command::sources(settings, source, &manifest, self.request)?;
                    before.shared = external_inputs::digests(settings, shared.clone())?;
                    let made = command::build(settings, source, &manifest, self.request)?;
                    (of_command(&made.file, made.bytes, made.world)?, shared)
                }
                None => {
                    let made = rust::compile(settings, self.project, source, self.request)?;
                    (to_component(&file_name, made.bytes, None)?, made.shared)
                }
            };
            let now = BuiltFrom { source: digest()?, shared: external_inputs::digests(settings, shared)? };
            let is_as_before = |(path, digest): (&String, &String)| before.shared.get(path) == Some(digest);
            let is_same = now.source == before.source && now.shared.iter().all(is_as_before);
            rounds += 1;
            if is_same || rounds == ROUNDS {
                return Ok((bytes, now));
            }
            before = now;
        }
    }

    /// The paths that the lockfile lists for a migration, outside of its directory.
    fn listed(&self, found: &Found) -> BTreeSet<String> {
        match self.locked(found).map(|line| &line.artifact) {
            Some(LockedArtifact::Component { shared, .. }) => shared.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    /// Whether the artifact comes from the source code as it is now.
    pub fn origin(&self, found: &Found, wasm: &FoundEntry, directory: &FoundEntry) -> Result<Origin> {
        let limits = &self.settings.limits;
        let Some(now) = source_digest(self.project, directory, limits.asset_bytes)? else {
            return Ok(Origin::Same);
        };
        let bytes = self.project.read(&wasm.file_name, wasm.link, limits.artifact_bytes)?;
        let Some(before) = self.built_from(found, &sha256(&bytes)) else { return Ok(Origin::Unknown) };
        if before.source.as_ref() != Some(&now) {
            return Ok(Origin::Changed);
        }
        let mut known = SharedDigests::new();
        match compare_shared(&self.settings.root, &before.shared, limits.asset_bytes, &mut known) {
            Compared::Same => Ok(Origin::Same),
            // What is applied stays in any case.
            Compared::Unknown(..) if (self.request.is_applied)(&found.revision).unwrap_or(false) => Ok(Origin::Same),
            Compared::Changed(path) => Ok(Origin::SharedChanged(path.to_owned())),
            Compared::Unknown(_, problem) => Err(Error::from(problem).at("migration", found.id())),
        }
    }

    /// What an artifact was built from. The line of another revision knows it as well: a merge may have left both sides' lines, and the
    /// migration may have got another revision since.
    fn built_from(&self, found: &Found, digest: &str) -> Option<BuiltFrom> {
        let lines = self.old.all_of(found.key()).iter().chain(&self.old.lines);
        lines.into_iter().find_map(|line| match &line.artifact {
            LockedArtifact::Component { sha256, source: source @ Some(_), shared, .. } if sha256 == digest => {
                Some(BuiltFrom { source: source.clone(), shared: shared.clone() })
            }
            _ => None,
        })
    }

    /// The line of a migration in the lockfile; of several, that with its name.
    pub fn locked(&self, found: &Found) -> Option<&LockLine> {
        let lines = self.old.all_of(found.key());
        lines.iter().find(|line| line.name == found.name).or(lines.first())
    }

    /// The description of the same bytes and assets in the lockfile, which a check does not take for granted.
    fn known(&self, found: &Found, digest: &str, assets: &BTreeMap<String, String>) -> Option<ComponentDescription> {
        match &self.locked(found).filter(|_| self.proven && self.request.stage.is_none())?.artifact {
            LockedArtifact::Component { sha256, description, assets: locked, .. }
                if sha256 == digest && locked == assets =>
            {
                Some(description.clone())
            }
            _ => None,
        }
    }
}
