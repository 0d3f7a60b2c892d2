//! Creates projects and migrations from templates that work unchanged.

/// Files of a directory in `guest-sdk`, by their names there.
macro_rules! files {
    ($include:ident, $directory:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, $include!(concat!("../../../../guest-sdk/", $directory, "/", $name)))),+]
    };
}

mod compiled;
mod database;
mod editors;
pub mod github;
mod init;
mod name;
mod new;
mod renumber;
mod sdk;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions};

use runner_base::error::{Error, Result};
use runner_project::files::behind_links;
use runner_project::lockfile::write_secret_atomically;

pub use compiled::CompiledLanguage;
pub use init::init;
pub use new::{Language, NewRequest, new_migration};
pub use renumber::{RenumberRequest, Renumbered, plan_renumber, renumber};

/// The files that were created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scaffolded {
    /// The directory of the project.
    pub root: PathBuf,
    /// `REVISION_name` of the migration, if one was created.
    pub migration: Option<String>,
    /// The files that were written, relative to the project.
    pub files: Vec<PathBuf>,
    /// What is left to the user, such as a line in a file that is theirs.
    pub notes: Vec<String>,
}

impl Scaffolded {
    /// Writes a file that must not exist yet.
    fn add(&mut self, dir: &Dir, path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
        let write = || -> io::Result<()> {
            if let Some(parent) = path.parent() {
                dir.create_dir_all(parent)?;
            }
            let mut file = dir.open_with(path, OpenOptions::new().write(true).create_new(true))?;
            file.write_all(content.as_ref())
        };
        write().map_err(|error| cannot_write(path, &error))?;
        self.files.push(path.to_path_buf());
        Ok(())
    }

    /// Writes a file with secrets, or replaces it.
    fn replace_secret(&mut self, dir: &Dir, path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
        // A link stays one.
        write_secret_atomically(dir, behind_links(dir, path), content.as_ref())
            .map_err(|error| cannot_write(path, &error))?;
        self.files.push(path.to_path_buf());
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => Error::usage(format!("`{path}` already exists")),
        _ => runner_project::files::cannot_write(path, error),
    }
}

#[cfg(test)]
mod tests;
