//! Whether and where backups are made before a run.

use std::path::{Path, PathBuf};

use super::request::Sources;
use crate::env;
use crate::origin::{Origin, Sourced};
use crate::toml_reader::Section;
use runner_base::error::{Error, Result};

/// A section `[backup]` of the settings file.
#[derive(Clone, Debug, Default)]
pub(super) struct BackupSection {
    to: Option<Sourced<String>>,
    directory: Option<PathBuf>,
    command: Option<Vec<String>>,
}

/// Where a backup is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupTo {
    /// To a file with a generated name.
    Auto,
    /// To this file, or into this directory; absolute, and given relative to the project or to the current directory.
    At(PathBuf),
    /// The same, given from the root of the file system.
    Absolute(PathBuf),
}

impl BackupTo {
    /// The file or directory, if it is given.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Auto => None,
            Self::At(path) | Self::Absolute(path) => Some(path),
        }
    }

    /// The directory, if it is one: it exists, or its name ends with a slash.
    pub fn directory(&self) -> Option<&Path> {
        let path = self.path()?;
        let says_so =
            path.as_os_str().as_encoded_bytes().last().is_some_and(|last| std::path::is_separator(*last as char));
        (says_so || path.is_dir()).then_some(path)
    }
}

/// Settings for backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where they are written; `None`: no backups.
    pub to: Option<BackupTo>,
    /// The directory for generated names, absolute.
    pub directory: Option<PathBuf>,
    /// The program that creates them, and its arguments.
    pub command: Option<Vec<String>>,
}

/// Reads `[backup]`, `[environments.NAME.backup]` or `[databases.NAME.backup]`.
pub(super) fn read(parent: &Section<'_, '_>) -> BackupSection {
    let path = parent.key("backup");
    let Some(section) = parent.section("backup", &path) else { return BackupSection::default() };
    section.only(&["to", "directory", "command"]);
    let command = section.has("command").then(|| section.strings("command"));
    if command.as_ref().is_some_and(|command| command.first().is_none_or(|program| program.trim().is_empty())) {
        section.wrong(
            "command",
            format!("`{}` has no program", section.key("command")),
            "use a program and its arguments, such as `[\"pg_dump\", \"--file={file}\"]`",
        );
    }
    let to = section.string("to");
    if to.as_ref().is_some_and(|to| to.value.trim().is_empty()) {
        section.wrong("to", format!("`{}` is empty", section.key("to")), "use `auto`, `none`, or a path");
    }
    BackupSection { to, directory: section.text("directory").map(PathBuf::from), command }
}

/// The file, then its named database, then its environment, then the variable, then the flag; the last one wins. Paths of the file
/// and of variables are relative to the project, those of flags to the current directory.
pub(super) fn choose<'s>(
    sources: Sources<'_>,
    sections: impl Iterator<Item = &'s BackupSection>,
) -> Result<BackupSettings> {
    let Sources { request, root, .. } = sources;
    let mut settings = BackupSettings::default();
    let mut to = None;
    for section in sections {
        to = section.to.clone().or(to);
        settings.directory = section.directory.as_ref().map(|directory| root.join(directory)).or(settings.directory);
        settings.command = section.command.clone().or(settings.command);
    }
    let to = sources.given("--backup", env::BACKUP).or(to);
    let Some(to) = to else { return Ok(settings) };
    let text = to.value.trim();
    settings.to = match text {
        "" => {
            return Err(Error::usage("`--backup` is empty").hint("use `auto`, `none`, or a path"));
        }
        "none" => None,
        "auto" => Some(BackupTo::Auto),
        path if Path::new(path).is_absolute() => Some(BackupTo::Absolute(path.into())),
        path => {
            let base = if matches!(to.origin, Origin::Flag(_)) { &request.start_dir } else { root };
            Some(BackupTo::At(base.join(path)))
        }
    };
    Ok(settings)
}
