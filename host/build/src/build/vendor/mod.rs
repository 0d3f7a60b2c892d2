//! Puts the packages of npm or pip that a script's directory names into its `vendor/`.
//!
//! They are installed and bundled elsewhere, looked at, and only then take the place of what was there: what fails changes nothing. The
//! user's own npm, esbuild and pip do it, of which the manifest pins the versions; running a script needs none of them. Code of packages is
//! run only where the bundler asks a module of npm for the names that it exports, and scripts of its installation are not.
//!
//! Rejected: a command of each migration's `migration.toml`, some eighty lines of bundling and refusing in every project; a bundler in
//! this program; the files of npm as they are, thousands of modules in a dialect that the interpreter does not read.

mod native;
mod npm;
mod pip;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::refresh::Refresh;
use super::{BuildRequest, process, toolchain};
use runner_base::error::{Error, Result};
use runner_project::discovery::{Found, FoundFiles};
use runner_project::files::{cannot_write, too_large};
use runner_project::script::{Installer, Packages, VENDORED, VENDORED_FROM};
use runner_project::settings::Settings;

/// How many of a program's last lines an error has.
const LAST_LINES: usize = 5;

/// Where a script's packages are made, and where they come from.
struct Place<'a> {
    settings: &'a Settings,
    request: &'a BuildRequest<'a>,
    /// The script's directory, absolute.
    directory: PathBuf,
    /// As messages show it.
    shown: String,
    /// A directory that exists while they are made.
    stage: PathBuf,
    /// The directory that is to become `vendor/`.
    out: PathBuf,
}

/// What a program did.
struct Ran {
    succeeded: bool,
    /// Its messages.
    said: String,
}

impl Refresh<'_> {
    /// The packages that a script's directory names.
    pub(super) fn packages(&self, found: &Found) -> Result<Option<Packages>> {
        let FoundFiles::Script { file, language, directory: Some(directory) } = &found.files else { return Ok(None) };
        let bytes = self.project.read(&file.file_name, file.link, self.settings.limits.artifact_bytes)?;
        Packages::read(self.project, (directory, *language), &String::from_utf8_lossy(&bytes))
            .map_err(|problem| Error::from(problem).at("migration", found.id()))
    }

    /// Makes `vendor/` of a script, or replaces it.
    pub(super) fn vendor(&self, found: &Found) -> Result<()> {
        let Some(packages) = self.packages(found)? else { return Ok(()) };
        let shown = self.settings.path_of_migration(&found.directory());
        if packages.has_vendored && packages.made_from.is_none() {
            return Err(Error::usage(format!(
                "`{shown}/{VENDORED}` was not written by `runner build`, which would replace it"
            ))
            .hint(format!(
                "give it another name; or delete `{shown}/{}`, if its packages are there already",
                packages.installer.manifest()
            )));
        }
        // Below the project, for a directory is renamed within its file system; ignored by version control, and swept away by the next build.
        let stage = self.settings.root.join(".runner/target").join(format!("vendor-{}", found.id()));
        let place = Place {
            settings: self.settings,
            request: self.request,
            directory: self.settings.migrations_directory().join(found.directory()),
            shown,
            out: stage.join(VENDORED),
            stage,
        };
        let made = place.make(&packages, &|| Ok(self.packages(found)?.and_then(|packages| packages.lock)));
        let removed = remove(&place.stage).map_err(|error| cannot_write(place.stage.display(), &error));
        made.and(removed)
    }
}

impl Place<'_> {
    /// `lock`: reads the lock, which may be new.
    fn make(&self, packages: &Packages, lock: &dyn Fn() -> Result<Option<String>>) -> Result<()> {
        let write = |error| cannot_write(self.stage.display(), &error);
        remove(&self.stage).and_then(|()| std::fs::create_dir_all(&self.out)).map_err(write)?;
        let new_lock = match packages.installer {
            Installer::Npm => npm::make(self, packages).map(|()| None)?,
            Installer::Pip => pip::make(self, packages)?,
        };
        self.check(&self.out, "")?;
        let put = |path: PathBuf, text: &str| {
            std::fs::write(&path, text).map_err(|error| cannot_write(path.display(), &error))
        };
        if let Some(text) = new_lock {
            put(self.directory.join(packages.installer.lock()), &text)?;
        }
        let made_from = Packages { lock: lock()?, ..packages.clone() }.digest();
        put(self.out.join(VENDORED_FROM), &format!("{made_from}\n"))?;
        let (target, before) = (self.directory.join(VENDORED), self.stage.join("before"));
        let moved = match packages.has_vendored {
            true => std::fs::rename(&target, &before),
            false => Ok(()),
        };
        moved.and_then(|()| std::fs::rename(&self.out, &target)).map_err(|error| {
            // What was there is as good as before.
            if !target.exists() {
                let _ = std::fs::rename(&before, &target);
            }
            cannot_write(target.display(), &error)
        })
    }

    /// Refuses what a runtime cannot read, before it is in the project.
    fn check(&self, directory: &Path, below: &str) -> Result<()> {
        let unreadable =
            |error: io::Error| Error::failed(format!("cannot read `{}`", directory.display())).cause(error);
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = format!("{below}{}", entry.file_name().to_string_lossy());
            let about = entry.metadata().map_err(unreadable)?;
            if about.is_dir() {
                self.check(&entry.path(), &format!("{path}/"))?;
            } else if about.len() > self.settings.limits.asset_bytes {
                let name = format!("{}/{VENDORED}/{path}", self.shown);
                return Err(too_large(&name, self.settings.limits.asset_bytes, "asset_bytes").into());
            } else if native::is_native(&path) {
                let package = path.split('/').next().unwrap_or_default();
                return Err(native::refused(package, &format!("it contains `{path}`")));
            }
        }
        Ok(())
    }

    /// Runs a program in the script's directory.
    fn run(&self, program: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> Result<Ran> {
        let messages = self.stage.join("messages");
        let broken = |error: io::Error| cannot_write(messages.display(), &error);
        let file = File::create(&messages).map_err(broken)?;
        let both = file.try_clone().map_err(broken)?;
        let mut command = toolchain::command(program, None, &self.directory, self.request.env);
        with(&mut command).stdin(Stdio::null()).stdout(both).stderr(file);
        let output = process::output(&mut command, self.request.stop)?.map_err(|error| {
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            let error = Error::usage(format!("a tool is missing: cannot run `{program}`")).cause(error);
            match program {
                _ if !is_missing => error,
                pip::PYTHON => error.hint("install Python 3 with pip: https://www.python.org/downloads"),
                _ => error.hint("install Node.js with npm: https://nodejs.org"),
            }
        })?;
        let bytes = std::fs::read(&messages).map_err(broken)?;
        Ok(Ran { succeeded: output.status.success(), said: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// A file of the script's directory, as messages show it.
    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }
}

impl Ran {
    /// An error with the last of what the program said.
    fn failed(&self, error: Error) -> Error {
        let lines: Vec<&str> = self.said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].iter();
        last.fold(error, |error, line| error.cause(*line))
    }

    /// As [`Self::failed`], with the first line that has one of these texts.
    fn failed_by(&self, error: Error, texts: &[&str]) -> Error {
        match self.said.lines().find(|line| texts.iter().any(|text| line.contains(text))) {
            Some(line) => error.cause(line.trim()),
            None => self.failed(error),
        }
    }

    fn has(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.said.contains(text))
    }
}

/// Removes a directory, if it exists.
fn remove(directory: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
