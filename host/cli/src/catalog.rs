//! The project's migrations as commands take them: with scripts that the lockfile does not list yet, and with warnings.

use std::collections::{BTreeMap, BTreeSet};

use super::applied::Applied;
use super::build::lines_of;
use super::context::Context;
use super::new_lines::NewLines;
use runner_base::error::{Error, Result};
use runner_project::lockfile::LockLine;
use runner_project::{Catalog, CatalogReport, Checks, StaleShared, UnknownShared};

/// Scripts that the lockfile does not list.
#[derive(Default)]
pub struct UnlistedScripts {
    /// What it would say about them.
    pub lines: Vec<LockLine>,
    /// Why others cannot be loaded, by their revisions.
    pub failures: BTreeMap<String, Error>,
}

impl Context {
    /// The project's migrations, which must match the lockfile; warns as [`Self::warn_of_catalog`] does. Scripts that
    /// the lockfile does not list are taken as they are, unless `locked`: building a script is easily forgotten.
    /// Returns their lines, too.
    pub fn catalog_for_now(&self, locked: bool) -> Result<(Catalog, NewLines)> {
        let report = Catalog::inspect(&self.settings, Checks { locked, ..Checks::default() })?;
        let unlisted = if locked { Vec::new() } else { report.unlisted_scripts() };
        let (catalog, lines) = if unlisted.is_empty() {
            (report.into_catalog()?, NewLines::default())
        } else {
            let lines = lines_of(self, &unlisted)?;
            (Catalog::load_with(&self.settings, Checks { locked, ..Checks::default() }, &lines)?, NewLines(lines))
        };
        self.warn_of_catalog(&catalog);
        Ok((catalog, lines))
    }

    /// The project's migrations, and where they disagree with the lockfile, for commands that only read; warns as
    /// [`Self::warn_of_catalog`] does. Scripts that the lockfile does not list are taken as they are, and one that
    /// cannot be loaded is a problem.
    pub fn inspect(&self) -> Result<CatalogReport> {
        let mut report = self.setup.inspect()?;
        let unlisted = self.unlisted_scripts(&report);
        if !unlisted.lines.is_empty() {
            report = Catalog::inspect_with(&self.settings, Checks::default(), &unlisted.lines)?;
            let revisions: BTreeSet<&str> = unlisted.lines.iter().map(|line| line.revision.as_str()).collect();
            for migration in &mut report.catalog.migrations {
                migration.locked &= !revisions.contains(migration.revision.as_str());
            }
        }
        for problem in &mut report.problems {
            if let Some(error) = unlisted.failures.get(&problem.revision) {
                problem.message = format!("{}, and cannot be loaded: {}", problem.message, error.message);
                if let Some(hint) = error.hints.first() {
                    problem.hint = hint.to_string();
                }
            }
        }
        self.warn_of_catalog(&report.catalog);
        Ok(report)
    }

    /// What the lockfile would say about the scripts that it does not list. They are loaded, each by itself.
    pub fn unlisted_scripts(&self, report: &CatalogReport) -> UnlistedScripts {
        let mut found = UnlistedScripts::default();
        for revision in report.unlisted_scripts() {
            match lines_of(self, std::slice::from_ref(&revision)) {
                Ok(lines) => found.lines.extend(lines),
                Err(error) => drop(found.failures.insert(revision, error)),
            }
        }
        found
    }

    /// Warns of artifacts whose source code changed since they were built, and of settings for packages that the
    /// project lacks. What is applied may do without what its migration shares with later ones, so the database is
    /// asked, if anything of that changed.
    pub fn warn_of_catalog(&self, catalog: &Catalog) {
        let applied = Applied::new(self);
        self.warn_of(catalog, |revision| applied.contains(revision).unwrap_or(false));
    }

    /// The same for a command that uses no database.
    pub fn warn_without_database(&self, catalog: &Catalog) {
        self.warn_of(catalog, |_| false);
    }

    fn warn_of(&self, catalog: &Catalog, is_applied: impl Fn(&str) -> bool) {
        for id in &catalog.stale {
            let hint = "`runner build` compiles it, unless it is applied: then make the change in a new migration";
            self.warn(&format!("the source code of `{id}` changed since it was built"), Some(hint));
        }
        for StaleShared { id, path, .. } in catalog.stale_shared.iter().filter(|stale| !is_applied(&stale.revision)) {
            let hint = "`runner build` rebuilds the migration unless it is already applied";
            self.warn(&format!("`{path}` has changed since `{id}` was built with it"), Some(hint));
        }
        let mut said = BTreeSet::new();
        for UnknownShared { id, path, reason, hint, .. } in
            catalog.unknown_shared.iter().filter(|unknown| !is_applied(&unknown.revision))
        {
            // Others share it.
            if said.insert(path) {
                let message =
                    format!("cannot tell whether `{path}` has changed since `{id}` was built with it: {reason}");
                self.warn(&message, hint.as_deref());
            }
        }
        for name in &catalog.without_package {
            let hint =
                "add it with `runner add`; if it was removed and no database has it any more, remove the table too";
            self.warn(&format!("`[packages.\"{name}\"]` is for no package of this project"), Some(hint));
        }
    }
}
