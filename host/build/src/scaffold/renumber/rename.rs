//! Does what is planned, all of it or nothing.

use std::path::{Path, PathBuf};

use super::{Edit, Renumbered, is_line_of};
use crate::scaffold::cannot_write;
use runner_base::error::{Error, Result};
use runner_project::digest::sha256;
use runner_project::files::{ProjectDirectory, behind_links};
use runner_project::lockfile::{LockLine, LockedArtifact, Lockfile, write_atomically};
use runner_project::problem::shown;
use runner_project::script::decode;
use runner_project::settings::Settings;

/// Renames the files, writes what names the migration, and the line of the lockfile. If one of it fails, everything is as it was.
pub fn renumber(settings: &Settings, plan: &Renumbered) -> Result<()> {
    let project = settings.project_directory()?;
    let mut done = Done { project: &project, renamed: Vec::new(), written: Vec::new() };
    done.rename(plan).and_then(|()| done.write(plan)).and_then(|()| lock(settings, &project, plan)).inspect_err(|_| {
        // The first error is the one to report.
        done.undo();
    })
}

/// What has been done of a plan.
struct Done<'a> {
    project: &'a ProjectDirectory,
    renamed: Vec<&'a (String, String)>,
    written: Vec<&'a Edit>,
}

impl<'a> Done<'a> {
    /// From the project: a directory in it may be a link.
    fn place(&self, name: &str) -> PathBuf {
        self.project.path.join(name)
    }

    fn rename(&mut self, plan: &'a Renumbered) -> Result<()> {
        let root = &self.project.root;
        for pair in &plan.files {
            let (old, new) = (self.place(&pair.0), self.place(&pair.1));
            if root.try_exists(&new).unwrap_or(false) {
                return Err(Error::usage(format!("`{}` already exists", shown(&pair.1))));
            }
            root.rename(old, root, &new).map_err(|error| cannot_write(&new, &error))?;
            self.renamed.push(pair);
        }
        Ok(())
    }

    fn write(&mut self, plan: &'a Renumbered) -> Result<()> {
        let root = &self.project.root;
        for edit in &plan.edits {
            // A link stays one.
            write_atomically(root, behind_links(root, &edit.renamed), &edit.after)
                .map_err(|error| cannot_write(Path::new(&edit.renamed), &error))?;
            self.written.push(edit);
        }
        Ok(())
    }

    fn undo(&self) {
        let root = &self.project.root;
        for edit in &self.written {
            let _ = write_atomically(root, behind_links(root, &edit.renamed), &edit.before);
        }
        for (old, new) in self.renamed.iter().rev() {
            let _ = root.rename(self.place(new), root, self.place(old));
        }
    }
}

/// Brings the lockfile in line. One that something else has changed is for `runner build` to write again.
fn lock(settings: &Settings, project: &ProjectDirectory, plan: &Renumbered) -> Result<()> {
    let name = settings.lockfile_name();
    let (mut lockfile, proven) = Lockfile::read_to_rewrite(&project.root, &name)?;
    let before = lockfile.clone();
    let moved = plan.shifted.iter().map(|(id, revision)| (&id.revision, &id.name, revision));
    let moved: Vec<_> = moved.chain([(&plan.old, &plan.name, &plan.revision)]).collect();
    for line in &mut lockfile.lines {
        if let Some((_, _, revision)) = moved.iter().find(|(old, name, _)| is_line_of(line, old, name)) {
            line.revision = (*revision).clone();
            for edit in &plan.edits {
                follow_edit(line, edit, &project.path);
            }
        }
        for (old, new) in &plan.files {
            follow_directory(line, &project.path.join(old), &project.path.join(new));
        }
    }
    if lockfile != before && proven {
        lockfile.lines.sort_by_key(LockLine::key);
        lockfile.write(&project.root, &name)?;
    }
    Ok(())
}

/// Replaces the digest of a script or of one of its files, if it is that of the bytes before.
fn follow_edit(line: &mut LockLine, edit: &Edit, migrations: &Path) {
    let LockedArtifact::Script { language, sha256: locked, files, .. } = &mut line.artifact else { return };
    let Ok(path) = Path::new(&edit.renamed).strip_prefix(migrations) else { return };
    let path = path.to_string_lossy();
    match path.split_once('/') {
        None if path.ends_with(language.end()) => {
            let digest = |bytes: &[u8]| decode(&path, bytes).map(|text| sha256(text.as_bytes()));
            if let (Ok(before), Ok(after)) = (digest(&edit.before), digest(&edit.after))
                && *locked == before
            {
                *locked = after;
            }
        }
        None => {}
        Some((_, file)) => {
            if let Some(locked) = files.get_mut(file).filter(|locked| **locked == sha256(&edit.before)) {
                *locked = sha256(&edit.after);
            }
        }
    }
}

/// Renames what a component was built from in the directory of the migration.
fn follow_directory(line: &mut LockLine, old: &Path, new: &Path) {
    let LockedArtifact::Component { shared, .. } = &mut line.artifact else { return };
    let renamed = |path: &String| {
        let below = Path::new(path).strip_prefix(old).ok()?;
        let slash = if path.ends_with('/') { "/" } else { "" };
        let parts: Vec<_> = new.join(below).iter().map(|part| part.to_string_lossy().into_owned()).collect();
        Some(parts.join("/") + slash)
    };
    if shared.keys().any(|path| renamed(path).is_some()) {
        *shared = std::mem::take(shared).into_iter().map(|(path, it)| (renamed(&path).unwrap_or(path), it)).collect();
    }
}
