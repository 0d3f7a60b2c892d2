//! The migrations of the packages that a project has, checked against the lockfile and the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::report::{CatalogProblem, CatalogProblemKind};
use crate::digest::sha256;
use crate::discovery::VENDOR;
use crate::lockfile::{LockLine, LockedArtifact, LockedPackage, Lockfile};
use crate::migration::{Artifact, ComponentFiles, Kind, Migration};
use crate::package::{package_of, package_revision};
use crate::problem::{Problem, shown};
use crate::revision::{Reference, RevisionKey};
use crate::settings::Settings;
use crate::source::Source;
use crate::vendored::{Manifest, PackageFile, SIGNATURE, SIGNATURE_BYTES, claims, key_is_lost, range_hint};
use runner_base::error::ErrorKind;
use runner_database::Renames;

/// What was found of packages.
#[derive(Default)]
pub(crate) struct Found {
    /// Their migrations.
    pub migrations: Vec<Migration>,
    /// Where they disagree with the lockfile.
    pub mismatches: Vec<CatalogProblem>,
    /// What else is wrong.
    pub problems: Vec<Problem>,
}

/// Loads the packages that the lockfile lists.
pub(crate) fn load(settings: &Settings, source: &Source, lockfile: &Lockfile) -> Found {
    let lockfile_name = &settings.lockfile_name();
    let mut found = Found::default();
    found.problems.extend(not_listed(source, lockfile, lockfile_name));
    let mut manifests: BTreeMap<String, Manifest> = BTreeMap::new();
    for package in &lockfile.packages {
        let lines: Vec<&LockLine> =
            lockfile.lines.iter().filter(|line| package_of(&line.name) == Some(package.name.as_str())).collect();
        let loader = Loader { settings, source, package, lines, lockfile_name };
        match loader.read() {
            Ok((bytes, mut file)) => {
                file.rename(&package.renames);
                loader.migrations(&bytes, &file, &mut found);
                manifests.insert(package.name.to_string(), file.manifest);
            }
            Err(Wrong::Mismatch(problem)) => found.mismatches.push(problem),
            Err(Wrong::Problem(problem)) => found.problems.push(problem),
        }
    }
    for conflict in claims::conflicts(&manifests) {
        let [one, other] = &conflict.packages;
        let message = format!("the packages `{one}` and `{other}` both claim the table `{}`", conflict.tables);
        let hint = format!("keep one of them: `runner remove {other}`");
        found.problems.push(Problem::new(message).hint(hint));
    }
    found
}

/// Files and lines of packages that the lockfile does not list.
fn not_listed(source: &Source, lockfile: &Lockfile, lockfile_name: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_file = |name: &str| lockfile.packages.iter().any(|it| name == it.file() || name == it.file() + SIGNATURE);
    match source.vendored_files() {
        Ok(names) => {
            for name in names.iter().filter(|name| !is_file(name)) {
                let message = format!("`{VENDOR}/{}` is not a file of a package in `{lockfile_name}`", shown(name));
                problems.push(Problem::new(message).hint("add a package with `runner add`, and remove other files"));
            }
        }
        Err(problem) => problems.push(problem),
    }
    let is_listed = |name: &str| lockfile.packages.iter().any(|package| package.name.as_str() == name);
    for line in &lockfile.lines {
        if let Some(package) = package_of(&line.name).filter(|package| !is_listed(package)) {
            let message = format!("`{}` is in `{lockfile_name}`, but the package `{package}` is not", line.id());
            problems
                .push(Problem::new(message).kind(ErrorKind::Mismatch).hint("restore the file from version control"));
        }
    }
    problems
}

/// Why a package was not loaded.
enum Wrong {
    Mismatch(CatalogProblem),
    Problem(Problem),
}

struct Loader<'a> {
    settings: &'a Settings,
    source: &'a Source,
    package: &'a LockedPackage,
    /// The lines of its migrations.
    lines: Vec<&'a LockLine>,
    lockfile_name: &'a str,
}

impl Loader<'_> {
    /// The file of the package, which is what was added, signed by the key that is pinned.
    fn read(&self) -> Result<(Vec<u8>, PackageFile), Wrong> {
        let (package, lockfile) = (self.package, self.lockfile_name);
        let file = format!("{VENDOR}/{}", package.file());
        let limit = self.settings.limits.artifact_bytes;
        let bytes = self.source.vendored(&package.file(), limit, "artifact_bytes").map_err(Wrong::Problem)?;
        let restore = format!("restore it from version control, or run `runner remove {}`", package.name);
        let Some(bytes) = bytes else {
            let message = format!("`{file}` is listed in `{lockfile}` but does not exist");
            return Err(self.wrong(CatalogProblemKind::Missing, message, restore));
        };
        let changed = |message: String| self.wrong(CatalogProblemKind::Changed, message, restore.clone());
        if sha256(&bytes) != package.sha256 {
            return Err(changed(format!("`{file}` does not match the digest in `{lockfile}`")));
        }
        let parsed = PackageFile::parse(&bytes).map_err(|problem| changed(format!("`{file}` {problem}")))?;
        if (&parsed.name, parsed.version) != (&package.name, package.version) {
            let there = format!("{} {}", parsed.name, parsed.version);
            return Err(changed(format!("`{file}` is `{there}`, not `{} {}`", package.name, package.version)));
        }
        self.check_pins(&file, &bytes)?;
        Ok((bytes, parsed))
    }

    /// Compares the package with what the settings pin.
    fn check_pins(&self, file: &str, bytes: &[u8]) -> Result<(), Wrong> {
        let (package, pinned) = (self.package, self.settings.packages.get(self.package.name.as_str()));
        let table = format!("[packages.\"{}\"]", package.name);
        let key = pinned.and_then(|pinned| pinned.key.as_deref());
        if key != package.key.as_deref() {
            let taken = || format!("if the new key is the right one, run `runner update {}`", package.name);
            let (message, hint) = match (key, &package.key) {
                (Some(_), Some(_)) => {
                    let what = format!("the key in `{table}` is not the one that `{}` was added with", package.name);
                    (what, taken())
                }
                (Some(_), None) => (format!("`{}` was added before `{table}` had a key", package.name), taken()),
                (None, _) => key_is_lost(&package.name),
            };
            return Err(self.wrong(CatalogProblemKind::Changed, message, hint));
        }
        let renames = pinned.map(|pinned| &*pinned.renames).cloned().unwrap_or_default();
        if renames != package.renames {
            let names = |of: &Renames| if of.is_empty() { "their own names".to_owned() } else { of.to_string() };
            let message = format!(
                "the tables of `{}` have other names in `{table}` than in `{}`: {}, not {}",
                package.name,
                self.lockfile_name,
                names(&renames),
                names(&package.renames)
            );
            let hint = format!(
                "restore `tables`; if none of its migrations is applied anywhere, `runner update {}` takes the new names",
                package.name
            );
            return Err(self.wrong(CatalogProblemKind::Changed, message, hint));
        }
        if let Some(range) =
            pinned.and_then(|pinned| pinned.version.as_ref()).filter(|it| !it.contains(package.version))
        {
            let message = format!(
                "`{} {}` is not a version that `{table}` grants something to: {range}",
                package.name, package.version
            );
            let problem = Problem::new(message).kind(ErrorKind::Denied);
            return Err(Wrong::Problem(problem.hint(range_hint(&package.name, package.version))));
        }
        self.check_signature(file, key, bytes)
    }

    #[cfg(feature = "components")]
    fn check_signature(&self, file: &str, key: Option<&str>, bytes: &[u8]) -> Result<(), Wrong> {
        let Some(key) = key else { return Ok(()) };
        let name = self.package.file() + SIGNATURE;
        let restore = "restore it from version control".to_owned();
        let Some(signature) = self.source.vendored(&name, SIGNATURE_BYTES, "").map_err(Wrong::Problem)? else {
            let message = format!("`{VENDOR}/{name}` does not exist");
            return Err(self.wrong(CatalogProblemKind::Missing, message, restore));
        };
        crate::signature::verify(key, &signature, bytes).map_err(|problem| {
            self.wrong(CatalogProblemKind::Changed, format!("the signature of `{file}` {problem}"), restore)
        })
    }

    /// A build that runs no components trusts none.
    #[cfg(not(feature = "components"))]
    fn check_signature(&self, _file: &str, _key: Option<&str>, _bytes: &[u8]) -> Result<(), Wrong> {
        let _ = (SIGNATURE, SIGNATURE_BYTES);
        Ok(())
    }

    /// The migrations of a package that was read.
    fn migrations(&self, bytes: &[u8], file: &PackageFile, found: &mut Found) {
        let package: Arc<[u8]> = bytes.into();
        let renames = Arc::new(self.package.renames.clone());
        let shown = format!("{VENDOR}/{}", self.package.file());
        for manifest in &file.manifest.migrations {
            let is_listed = |line: &&&LockLine| {
                package_revision(&line.name).and_then(RevisionKey::of) == RevisionKey::of(&manifest.revision)
            };
            if self.lines.iter().find(is_listed).is_none() {
                let id = self.package.name.migration(&manifest.revision);
                let message = format!("`{id}` is not in `{}`", self.lockfile_name);
                found.mismatches.push(CatalogProblem {
                    revision: String::new(),
                    name: id,
                    kind: CatalogProblemKind::Unlisted,
                    message,
                    hint: "run `runner build`".to_owned(),
                });
            }
        }
        let mut seen = BTreeSet::new();
        for line in &self.lines {
            let problem = |message: String| CatalogProblem {
                revision: line.revision.clone(),
                name: line.name.clone(),
                kind: CatalogProblemKind::Changed,
                message,
                hint: format!("restore `{}` from version control", self.lockfile_name),
            };
            // It would run twice.
            if !seen.insert(Reference::of(&line.name)) {
                let message = format!("`{}` has more than one line in `{}`", line.id(), self.lockfile_name);
                let hint = "run `runner build`: it keeps one of them".to_owned();
                found.mismatches.push(CatalogProblem { hint, ..problem(message) });
                continue;
            }
            let Some((manifest, range)) = package_revision(&line.name).and_then(|revision| file.get(revision)) else {
                found.mismatches.push(problem(format!("`{shown}` has no migration `{}`", line.id())));
                continue;
            };
            let LockedArtifact::Component { sha256: locked, description, .. } = &line.artifact else {
                found.mismatches.push(problem(format!("`{}` is a component, but the lockfile lists SQL", line.id())));
                continue;
            };
            if sha256(&bytes[range.clone()]) != *locked {
                found.mismatches.push(problem(format!("`{}` does not match its digest", line.id())));
            }
            let mut description = description.description.clone();
            description.rename(&renames);
            description.requires = manifest.requires();
            for dependency in &mut description.depends_on {
                // Without a name, a revision is one of the same package.
                if package_of(dependency).is_none() {
                    *dependency = self.package.name.migration(dependency);
                }
            }
            if description.summary.is_empty() {
                description.summary = manifest.name.replace('_', " ");
            }
            found.migrations.push(Migration {
                revision: line.revision.clone(),
                name: line.name.clone(),
                kind: Kind::Component,
                sha256: locked.clone(),
                artifact: Artifact::Component {
                    files: ComponentFiles::Packaged { file: shown.clone(), package: package.clone(), range },
                    assets: BTreeMap::new(),
                },
                description,
                locked: true,
            });
        }
    }

    /// A mismatch of the whole package.
    fn wrong(&self, kind: CatalogProblemKind, message: String, hint: String) -> Wrong {
        let first = self.lines.first();
        Wrong::Mismatch(CatalogProblem {
            revision: first.map(|line| line.revision.clone()).unwrap_or_default(),
            name: first.map_or_else(|| self.package.name.to_string(), |line| line.name.clone()),
            kind,
            message,
            hint,
        })
    }
}
