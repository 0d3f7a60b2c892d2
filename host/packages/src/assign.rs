//! Gives the migrations of packages their lines in the lockfile, with revisions in the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use runner_base::error::{Error, Result};
use runner_database::Renames;
use runner_project::built::{Describe, Described};
use runner_project::catalog::Description;
use runner_project::digest::sha256;
use runner_project::discovery::discover;
use runner_project::files::ProjectDirectory;
use runner_project::lockfile::{ComponentDescription, LockLine, LockedArtifact, Lockfile};
use runner_project::package::{package_of, package_revision};
use runner_project::revision::Reference;
use runner_project::revision::RevisionKey;
use runner_project::revision::{revision_after_all, revision_at};
use runner_project::vendored::format::{ManifestMigration, PackageFile};

/// A migration of a package that is part of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendoredMigration {
    /// Its revision in the project.
    pub revision: String,
    /// `vendor/package:REVISION`.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// What it needs, as a plan shows it.
    pub needs: Vec<String>,
    /// Whether it was not in the project before.
    pub added: bool,
}

impl VendoredMigration {
    /// A migration with its line in the lockfile and what its package says about it. Both name tables as they are
    /// called here.
    pub(super) fn of(line: &LockLine, manifest: &ManifestMigration, renames: &Renames, added: bool) -> Self {
        let mut described = match &line.artifact {
            LockedArtifact::Component { description, .. } => description.description.clone(),
            LockedArtifact::Sql(_) | LockedArtifact::Script { .. } => Description::default(),
        };
        described.needs = described.needs.iter().flat_map(|need| need.renamed(renames)).collect();
        let description = Description { requires: manifest.requires(), ..described };
        let needs = description.shown_needs();
        Self {
            revision: line.revision.clone(),
            name: line.name.clone(),
            summary: if description.summary.is_empty() { manifest.name.replace('_', " ") } else { description.summary },
            needs,
            added,
        }
    }
}

/// What migrations need, each line once.
pub fn needs_of(migrations: &[VendoredMigration]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let lines = migrations.iter().flat_map(|migration| &migration.needs);
    lines.filter(|line| seen.insert(*line)).cloned().collect()
}

/// The line of a migration of a package, by its name there.
pub(super) fn line_of<'l>(lockfile: &'l Lockfile, name: &str) -> Option<&'l LockLine> {
    let wanted = Reference::of(name);
    lockfile.lines.iter().find(|line| package_of(&line.name).is_some() && Reference::of(&line.name) == wanted)
}

/// The lines for migrations of packages that have another line too: two branches that add the same package give its
/// migrations two revisions, and a merge may keep both. The line stays whose revision is applied, or the first.
pub fn repeated(lines: &[LockLine], is_applied: impl Fn(&str) -> Result<bool>) -> Result<Vec<&LockLine>> {
    let mut all: BTreeMap<Reference, Vec<&LockLine>> = BTreeMap::new();
    for line in lines.iter().filter(|line| package_of(&line.name).is_some()) {
        if let Some(migration) = Reference::of(&line.name) {
            all.entry(migration).or_default().push(line);
        }
    }
    let mut repeated = Vec::new();
    for mut lines in all.into_values().filter(|lines| lines.len() > 1) {
        let applied: Vec<bool> = lines.iter().map(|line| is_applied(&line.revision)).collect::<Result<_>>()?;
        lines.remove(applied.into_iter().position(|it| it).unwrap_or_default());
        repeated.extend(lines);
    }
    Ok(repeated)
}

/// Gives migrations of packages their revisions in the project.
pub(super) struct Assigner<'a> {
    lockfile: &'a mut Lockfile,
    /// The newest revision.
    newest: Option<String>,
    /// The time as a revision.
    now: String,
    describe: &'a Describe<'a>,
    /// Whether the descriptions in the lockfile may not be what the components say.
    asks_again: bool,
}

impl<'a> Assigner<'a> {
    /// Revisions come after those that the project and its packages have.
    pub fn new(project: &ProjectDirectory, lockfile: &'a mut Lockfile, describe: &'a Describe<'a>) -> Result<Self> {
        let (found, _) = discover(project)?;
        let locked = lockfile.lines.iter().map(|line| line.revision.clone());
        let all = found.into_iter().map(|found| found.revision).chain(locked);
        let newest = all.max_by_key(|revision| RevisionKey::of(revision));
        let now = revision_at(jiff::Timestamp::now().as_second());
        Ok(Self { lockfile, newest, now, describe, asks_again: false })
    }

    /// The same; with `asks_again`, components that have lines are asked again what they say about themselves.
    pub fn asking(self, asks_again: bool) -> Self {
        Self { asks_again, ..self }
    }

    /// Adds the lines that a package does not have yet. Those that it has must be of the same bytes. `renames`: those that the
    /// package was read with.
    pub fn package(&mut self, file: &PackageFile, renames: &Renames, bytes: &[u8]) -> Result<Vec<VendoredMigration>> {
        let mut migrations = Vec::new();
        for (manifest, range) in file.manifest.migrations.iter().zip(&file.components) {
            let component = &bytes[range.clone()];
            let name = file.name.migration(&manifest.revision);
            let line = match line_of(self.lockfile, &name) {
                Some(line) => {
                    refuse_other_bytes(line, file, &sha256(component))?;
                    let line = line.clone();
                    (if self.asks_again { self.described_again(line, &name, component)? } else { line }, false)
                }
                None => {
                    let line = self.new_line(file, manifest, component)?;
                    self.lockfile.lines.push(line.clone());
                    (line, true)
                }
            };
            migrations.push(VendoredMigration::of(&line.0, manifest, renames, line.1));
        }
        let is_gone = |line: &&LockLine| {
            package_of(&line.name) == Some(file.name.as_str())
                && package_revision(&line.name).is_some_and(|revision| file.get(revision).is_none())
        };
        match self.lockfile.lines.iter().find(is_gone) {
            None => Ok(migrations),
            Some(line) => {
                Err(Error::mismatch(format!("`{} {}` has no `{}` any more", file.name, file.version, line.id())).hint(
                    "every version of a package has all migrations of the versions before: ask its author for one",
                ))
            }
        }
    }

    /// What a component says about itself. `name`: that of its migration.
    fn description(&self, name: &str, component: &[u8]) -> Result<ComponentDescription> {
        // Packages have no assets.
        let (assets, nowhere) = (BTreeMap::new(), Path::new(""));
        let of = Described::Component { bytes: component, assets: &assets, assets_directory: nowhere };
        (self.describe)(of).map_err(|error| error.at("migration", name))
    }

    /// A line with what its component says now, which is in the lockfile then. Its revision stays.
    fn described_again(&mut self, mut line: LockLine, name: &str, component: &[u8]) -> Result<LockLine> {
        if let LockedArtifact::Component { description, .. } = &mut line.artifact {
            *description = self.description(name, component)?;
        }
        if let Some(place) = self.lockfile.lines.iter_mut().find(|it| it.name == line.name) {
            place.clone_from(&line);
        }
        Ok(line)
    }

    fn new_line(&mut self, file: &PackageFile, manifest: &ManifestMigration, component: &[u8]) -> Result<LockLine> {
        let name = file.name.migration(&manifest.revision);
        let description = self.description(&name, component)?;
        for dependency in &description.description.depends_on {
            let wanted = match package_of(dependency) {
                Some(_) => dependency.clone(),
                None => file.name.migration(dependency),
            };
            // Those of the same package come before it, so they have lines already.
            if line_of(self.lockfile, &wanted).is_none() {
                let message = format!("it depends on `{wanted}`, which is not in the project");
                return Err(Error::usage(message).at("migration", name).hint("add the packages that it needs first"));
            }
        }
        let revision = match self.newest.as_deref() {
            Some(newest) => revision_after_all(newest, newest, &self.now)?,
            None => self.now.clone(),
        };
        self.newest = Some(revision.clone());
        let artifact = LockedArtifact::Component {
            sha256: sha256(component),
            source: None,
            shared: BTreeMap::new(),
            description,
            assets: BTreeMap::new(),
        };
        Ok(LockLine { revision, name, artifact })
    }
}

fn refuse_other_bytes(line: &LockLine, file: &PackageFile, digest: &str) -> Result<()> {
    match &line.artifact {
        LockedArtifact::Component { sha256, .. } if sha256 == digest => Ok(()),
        _ => Err(Error::mismatch(format!(
            "`{} {}` contains a different `{}` than the version before",
            file.name,
            file.version,
            line.id()
        ))
        .hint("a migration that was released is never changed: ask the author of the package for a new one")),
    }
}
