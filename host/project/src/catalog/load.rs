//! Reads the project into a catalog.

mod sql;

use std::collections::BTreeMap;

use super::compare::{Digests, differences, missing, unlisted};
use super::packages;
use super::{
    Artifact, Catalog, CatalogProblem, CatalogProblemKind, CatalogReport, Checks, Description, Kind, Migration,
    StaleShared, UnknownShared,
};
use crate::digest::{component_digest, sha256};
use crate::discovery::{Compared, Found, FoundEntry, FoundFiles, SharedDigests, compare_shared, read_id};
use crate::files::no_directory;
use crate::lockfile::{LockLine, LockedArtifact, Lockfile};
use crate::package::package_of;
use crate::parallel;
use crate::problem::{Problem, shown};
use crate::revision::Reference;
use crate::revision::RevisionKey;
use crate::script::{self, RuntimePin, ScriptFiles, ScriptLanguage, decode};
use crate::settings::Settings;
use crate::source::Source;
use runner_base::error::{Error, ErrorKind, Result, several};

impl Catalog {
    /// Finds the migrations of a project and checks them against the lockfile; any mismatch is an error.
    pub fn load(settings: &Settings, checks: Checks) -> Result<Self> {
        Self::inspect(settings, checks)?.into_catalog()
    }

    /// As [`Catalog::load`], as if the lockfile had these lines too.
    pub fn load_with(settings: &Settings, checks: Checks, lines: &[LockLine]) -> Result<Self> {
        Self::inspect_with(settings, checks, lines)?.into_catalog()
    }

    /// As [`Catalog::inspect`], as if the lockfile had these lines too.
    pub fn inspect_with(settings: &Settings, checks: Checks, lines: &[LockLine]) -> Result<CatalogReport> {
        let (report, problems) = Self::survey_with(settings, checks, lines)?;
        reported(settings, report, problems)
    }

    /// As [`Catalog::load`], but returns mismatches with the lockfile together with the catalog. Problems of the project itself, such
    /// as names that do not parse, are still errors; a missing directory counts as empty.
    pub fn inspect(settings: &Settings, checks: Checks) -> Result<CatalogReport> {
        let (report, problems) = Self::survey_with(settings, checks, &[])?;
        reported(settings, report, problems)
    }

    /// As [`Catalog::inspect`], as if the lockfile had these lines too, but returns the problems of the project itself as well; the
    /// catalog has the migrations without any.
    pub fn survey_with(settings: &Settings, checks: Checks, lines: &[LockLine]) -> Result<(CatalogReport, Vec<Error>)> {
        let named = |error| settings.with_hints_for_database(error);
        let (mut report, problems) = Self::survey_lines(settings, checks, lines).map_err(named)?;
        for problem in &mut report.problems {
            problem.hint = settings.for_database(&problem.hint);
        }
        Ok((report, problems.into_iter().map(named).collect()))
    }

    fn survey_lines(settings: &Settings, checks: Checks, lines: &[LockLine]) -> Result<(CatalogReport, Vec<Error>)> {
        let lockfile_name = settings.lockfile_name();
        let source = Source::open(settings)?;
        let lockfile = Source::lockfile(settings)?.with(lines);
        let Some(source) = source else {
            let report = CatalogReport {
                problems: lockfile.lines.iter().map(|line| missing(line, &lockfile_name)).collect(),
                no_directory: Some(no_directory(&settings.root, &settings.migrations)),
                ..CatalogReport::default()
            };
            return Ok((report, Vec::new()));
        };
        let (found, mut problems) = source.discover()?;
        let line_keys = lockfile.lines.iter().map(LockLine::key).collect();
        let loader =
            Loader { settings, source: &source, lockfile: &lockfile, line_keys, lockfile_name: &lockfile_name, checks };
        let mut report = CatalogReport::default();
        report.catalog.migrations.reserve(found.len());
        for loaded in parallel::map(&found, Found::is_component, |found| loader.load(found)) {
            match loaded {
                Ok((migration, mismatches)) => {
                    report.catalog.migrations.extend(migration);
                    report.problems.extend(mismatches);
                }
                Err(wrong) => problems.extend(wrong),
            }
        }
        let found_keys: Vec<RevisionKey> = found.iter().map(Found::key).collect();
        for (line, key) in lockfile.lines.iter().zip(&loader.line_keys) {
            if package_of(&line.name).is_some() {
                problems.extend(found_keys.binary_search(key).ok().map(|at| taken(line, &found[at])));
            } else if found_keys.binary_search(key).is_err() {
                report.problems.push(missing(line, &lockfile_name));
            }
        }
        let packages = packages::load(settings, &source, &lockfile);
        problems.extend(packages.problems);
        report.catalog.without_package = without_package(settings, &lockfile);
        report.problems.extend(packages.mismatches);
        if !packages.migrations.is_empty() {
            report.catalog.migrations.extend(packages.migrations);
            report.catalog.migrations.sort_by_cached_key(|migration| RevisionKey::of(&migration.revision));
        }
        report.catalog.project.clone_from(&settings.name);
        for migration in &mut report.catalog.migrations {
            migration.description.project.clone_from(&settings.name);
        }
        let dialect = checks.dialect.unwrap_or_else(|| settings.database_url.value.dialect());
        let is_elsewhere = |migration: &mut Migration| migration.is_elsewhere(dialect);
        report.catalog.elsewhere = report.catalog.migrations.extract_if(.., is_elsewhere).collect();
        // With `--locked`, the lockfile's artifacts are meant, whatever their sources are.
        if !checks.locked {
            find_stale(settings, &source, (&found, &lockfile), &mut report.catalog);
        }
        report.problems.sort_by_cached_key(|problem| RevisionKey::of(&problem.revision));
        problems.extend(check_dependencies(&mut report.catalog, &report.problems));
        Ok((report, problems.into_iter().map(Error::from).collect()))
    }
}

/// The report, unless the project itself has problems.
fn reported(settings: &Settings, report: CatalogReport, problems: Vec<Error>) -> Result<CatalogReport> {
    let directory = settings.migrations.display();
    match several(problems, |count| format!("{count} problems in `{directory}`")) {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

/// The packages that only the settings have. The settings of all databases are in one file, and each has packages of its own.
fn without_package(settings: &Settings, lockfile: &Lockfile) -> Vec<String> {
    let is_listed = |name: &String| lockfile.packages.iter().any(|package| package.name.as_str() == name);
    let only_there = settings.packages.keys().filter(|name| settings.database.is_none() && !is_listed(name));
    only_there.cloned().collect()
}

/// A migration of a package and one of the project have the same revision, as after a merge.
fn taken(line: &LockLine, found: &Found) -> Problem {
    let message = format!("revision {} exists more than once: `{}` and `{}`", found.revision, found.id(), line.id());
    Problem::new(message).hint(format!("give one of the two another revision: `runner renumber {}`", found.id()))
}

/// Finds the components whose source code is no longer what they were built from, and the scripts whose packages are others. Source code that cannot be read is none of a
/// run's business: `runner build` reports it.
fn find_stale(settings: &Settings, source: &Source, (found, lockfile): (&[Found], &Lockfile), catalog: &mut Catalog) {
    let limit = settings.limits.asset_bytes;
    let mut known = SharedDigests::new();
    for found in found {
        if let FoundFiles::Script { file, language, directory: Some(directory) } = &found.files
            && source.has_stale_packages((file, *language, directory), limit)
        {
            catalog.stale.push(found.id());
        }
        let FoundFiles::Component { wasm: Some(_), directory: Some(directory) } = &found.files else { continue };
        let line = lockfile.get(&found.revision).map(|line| &line.artifact);
        let Some(LockedArtifact::Component { source: Some(built_from), shared, .. }) = line else { continue };
        // Where the source is not, what it shares with others does not matter.
        let Some(now) = source.source_digest(directory, limit) else { continue };
        if now != *built_from {
            catalog.stale.push(found.id());
            continue;
        }
        let (revision, id) = (found.revision.clone(), found.id());
        match compare_shared(&settings.root, shared, limit, &mut known) {
            Compared::Same => {}
            Compared::Changed(path) => {
                catalog.stale_shared.push(StaleShared { revision, id, path: path.to_owned() });
            }
            Compared::Unknown(path, Problem { message: reason, hint, .. }) => {
                catalog.unknown_shared.push(UnknownShared { revision, id, path: path.to_owned(), reason, hint });
            }
        }
    }
}

struct Loader<'a> {
    settings: &'a Settings,
    source: &'a Source,
    lockfile: &'a Lockfile,
    /// The revisions of its lines, to find one.
    line_keys: Vec<RevisionKey>,
    lockfile_name: &'a str,
    checks: Checks,
}

type Loaded = (Option<Migration>, Vec<CatalogProblem>);

impl Loader<'_> {
    fn load(&self, found: &Found) -> Result<Loaded, Vec<Problem>> {
        let line = self.line_keys.binary_search(&found.key()).ok().and_then(|at| self.lockfile.lines.get(at));
        let line = line.filter(|line| package_of(&line.name).is_none());
        let (migration, digests) = match &found.files {
            FoundFiles::Sql { files, metadata } => self.sql(found, files, metadata.as_ref())?,
            FoundFiles::Component { wasm: Some(wasm), directory } => {
                self.component(found, wasm, directory.as_ref(), line).map_err(|problem| vec![problem])?
            }
            FoundFiles::Component { wasm: None, .. } => return Ok((None, vec![self.unbuilt(found, line)])),
            FoundFiles::Script { file, language, directory } => {
                let script = (file, *language, directory.as_ref());
                match self.script(found, script, line).map_err(|problem| vec![problem])? {
                    Some(loaded) => loaded,
                    None => return Ok((None, vec![unlisted_script(found, file, self.lockfile_name)])),
                }
            }
        };
        let mut mismatches = match line {
            Some(line) => differences(&migration, &digests, line, self.lockfile_name),
            None => unlisted(&migration, self.checks.locked, self.lockfile_name).into_iter().collect(),
        };
        if let Artifact::Script(script) = &migration.artifact
            && mismatches.is_empty()
            && !self.source.has_runtime(&script.runtime)
        {
            mismatches.push(without_runtime(found, &script.runtime));
        }
        Ok((Some(Migration { locked: line.is_some(), ..migration }), mismatches))
    }

    fn component(
        &self,
        found: &Found,
        wasm: &FoundEntry,
        directory: Option<&FoundEntry>,
        line: Option<&LockLine>,
    ) -> Result<(Migration, Digests<'static>), Problem> {
        let limits = &self.settings.limits;
        let bytes = self.source.digest(wasm, limits.artifact_bytes)?;
        let assets = directory
            .map(|directory| self.source.assets(directory, limits.asset_bytes))
            .transpose()?
            .unwrap_or_default();
        let description = match line.map(|line| &line.artifact) {
            Some(LockedArtifact::Component { description, .. }) => description.description.clone(),
            _ => Description::default(),
        };
        let files = self.source.component(self.settings, found, wasm);
        let artifact = Artifact::Component { files, assets: assets.clone() };
        let sha256 = component_digest(&bytes, &assets);
        Ok((migration(found, Kind::Component, sha256, artifact, description), Digests::Component { bytes, assets }))
    }

    /// A script, if the lockfile says what runs it.
    fn script(
        &self,
        found: &Found,
        (file, language, directory): (&FoundEntry, ScriptLanguage, Option<&FoundEntry>),
        line: Option<&LockLine>,
    ) -> Result<Option<(Migration, Digests<'static>)>, Problem> {
        let limits = &self.settings.limits;
        let source = decode(&file.file_name, &self.source.read(file, limits.artifact_bytes)?)?;
        let files = directory
            .map(|directory| self.source.companions(directory, limits.asset_bytes))
            .transpose()?
            .unwrap_or_default();
        let locked = match line.map(|line| &line.artifact) {
            Some(LockedArtifact::Script { runtime, description, .. }) => Some((runtime.clone(), description)),
            // Another kind of migration has its place in the lockfile: a difference, which is reported.
            Some(_) => None,
            None => return Ok(None),
        };
        let (runtime, description) = match locked {
            Some((sha256, description)) => {
                let runtime = Some(format!("{} {sha256}", language.runtime()));
                (sha256, Description { runtime, ..description.description.clone() })
            }
            None => (String::new(), Description::default()),
        };
        let runtime = RuntimePin { name: language.runtime().to_owned(), sha256: runtime };
        let mut digests = files.clone();
        let sha256 = sha256(source.as_bytes());
        digests.insert(script::SOURCE.to_owned(), sha256.clone());
        let place = self.source.script(self.settings, found, &runtime);
        let path = self.settings.path_of_migration(&file.file_name);
        let script = ScriptFiles { path, language, source: source.into(), digests, runtime, place };
        let digest = script.sha256();
        let digests = Digests::Script { file: file.file_name.clone(), language, sha256, files };
        Ok(Some((migration(found, Kind::Script, digest, Artifact::Script(script), description), digests)))
    }

    fn unbuilt(&self, found: &Found, line: Option<&LockLine>) -> CatalogProblem {
        if let Some(line) = line {
            return missing(line, self.lockfile_name);
        }
        let (message, hint) = match &found.files {
            FoundFiles::Component { directory: Some(directory), .. } if self.source.is_empty(directory) => (
                format!("`{}` is an empty directory", directory.file_name),
                "remove it; `runner new` creates a migration".to_owned(),
            ),
            _ => (format!("`{}` is not built", found.id()), format!("run `runner build {}`", found.revision)),
        };
        let (revision, name) = (found.revision.clone(), found.name.clone());
        CatalogProblem { revision, name, kind: CatalogProblemKind::Unbuilt, message, hint }
    }
}

/// A script whose runtime is not in the project.
fn without_runtime(found: &Found, runtime: &RuntimePin) -> CatalogProblem {
    let Error { message, hints, .. } = runtime.missing();
    CatalogProblem {
        revision: found.revision.clone(),
        name: found.name.clone(),
        kind: CatalogProblemKind::Missing,
        message: format!("{message}: `{}` runs in it", found.id()),
        hint: hints.into_iter().map(String::from).collect(),
    }
}

/// A script that the lockfile has to list and does not.
fn unlisted_script(found: &Found, file: &FoundEntry, lockfile: &str) -> CatalogProblem {
    CatalogProblem {
        revision: found.revision.clone(),
        name: found.name.clone(),
        kind: CatalogProblemKind::UnlistedScript,
        message: format!("`{}` is not in `{lockfile}`", file.file_name),
        hint: format!("run `runner build {}`", found.revision),
    }
}

fn migration(found: &Found, kind: Kind, sha256: String, artifact: Artifact, mut description: Description) -> Migration {
    if description.summary.is_empty() {
        description.summary = found.name.replace('_', " ");
    }
    let (revision, name) = (found.revision.clone(), found.name.clone());
    Migration { revision, name, kind, sha256, artifact, description, locked: false }
}

/// Checks that dependencies are earlier revisions, and normalises their spelling.
fn check_dependencies(catalog: &mut Catalog, mismatches: &[CatalogProblem]) -> Vec<Problem> {
    if catalog.migrations.iter().all(|migration| migration.description.depends_on.is_empty()) {
        return Vec::new();
    }
    // What this database gets nothing of, nothing in it can depend on.
    let elsewhere: Vec<RevisionKey> =
        catalog.elsewhere.iter().filter_map(|migration| RevisionKey::of(&migration.revision)).collect();
    for migration in &mut catalog.migrations {
        let is_here = |revision: &String| RevisionKey::of(revision).is_none_or(|key| !elsewhere.contains(&key));
        migration.description.depends_on.retain(is_here);
    }
    let spelling: BTreeMap<Reference, String> =
        (catalog.migrations.iter().map(|migration| (&migration.revision, &migration.name)))
            .chain(mismatches.iter().map(|problem| (&problem.revision, &problem.name)))
            .filter_map(|(revision, name)| Some((Reference::to(revision, name)?, revision.clone())))
            .collect();
    let mut problems = Vec::new();
    for migration in &mut catalog.migrations {
        let id = migration.id();
        let own = RevisionKey::of(&migration.revision).unwrap_or_default();
        for dependency in &mut migration.description.depends_on {
            let known = |text: &str| Reference::of(text).and_then(|reference| spelling.get(&reference));
            match known(dependency).or_else(|| known(&read_id(dependency)?)) {
                Some(revision) if RevisionKey::of(revision) >= Some(own) => {
                    let message = format!("`{id}` depends on `{dependency}`, which is not earlier");
                    problems.push(Problem::new(message).hint("a migration can only depend on earlier revisions"));
                }
                Some(revision) => dependency.clone_from(revision),
                None => {
                    let message = format!("`{id}` depends on the unknown revision `{}`", shown(dependency));
                    let hint = match package_of(dependency) {
                        Some(package) => format!("add that package first: `{package}`"),
                        None => "use the digits at the start of the file name".to_owned(),
                    };
                    problems.push(Problem::new(message).hint(hint));
                }
            }
        }
    }
    problems.into_iter().map(|problem| problem.kind(ErrorKind::Usage)).collect()
}
