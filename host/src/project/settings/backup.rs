//! Whether and where backups are made before a run.

use std::path::{Path, PathBuf};

use super::LoadRequest;
use super::choose::Choice;
use super::file::SettingsFile;
use super::named::said;
use crate::error::{Error, Result};
use crate::project::env::{self, Variables};
use crate::project::origin::{Origin, Sourced};
use crate::project::toml_reader::Section;

/// What one section of the settings file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    to: Option<Sourced<String>>,
    folder: Option<PathBuf>,
    command: Option<Vec<String>>,
}

/// Where a backup goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupTo {
    /// It names itself.
    Auto,
    /// To this file, or into this folder; absolute.
    At(PathBuf),
}

/// What is set of backups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where they go; none: there are none.
    pub to: Option<BackupTo>,
    /// The folder of those that name themselves, absolute.
    pub folder: Option<PathBuf>,
    /// The program that makes them, and its arguments.
    pub command: Option<Vec<String>>,
}

/// Reads `[backup]`, `[environments.NAME.backup]` or `[databases.NAME.backup]`.
pub(super) fn read(parent: &Section<'_, '_>) -> Said {
    let path = parent.key("backup");
    let Some(section) = parent.section("backup", &path) else { return Said::default() };
    section.only(&["to", "folder", "command"]);
    let command = section.has("command").then(|| section.strings("command"));
    if command.as_ref().is_some_and(|command| command.first().is_none_or(|program| program.trim().is_empty())) {
        section.wrong(
            "command",
            format!("`{}` names no program", section.key("command")),
            "write the program and its arguments, such as `[\"pg_dump\", \"--file={file}\"]`",
        );
    }
    let to = section.string("to");
    if to.as_ref().is_some_and(|to| to.value.trim().is_empty()) {
        section.wrong("to", format!("`{}` says nothing", section.key("to")), "write `auto`, `none`, or a path");
    }
    Said { to, folder: section.text("folder").map(PathBuf::from), command }
}

/// The file's, then its named database's, then its environment's, then the variable's, then the flag's. Paths of the file and
/// of variables stand below the project, those of flags below the folder one stands in.
pub(super) fn choose(
    request: &LoadRequest,
    variables: &Variables,
    content: &SettingsFile,
    choice: &Choice<'_>,
    root: &Path,
) -> Result<BackupSettings> {
    let mut settings = BackupSettings::default();
    let mut to = None;
    for said in choice.layers(&content.backup, |database| &database.backup, |environment| &environment.backup) {
        to = said.to.clone().or(to);
        settings.folder = said.folder.as_ref().map(|folder| root.join(folder)).or(settings.folder);
        settings.command = said.command.clone().or(settings.command);
    }
    let to = said(request.backup.as_ref(), "--backup", variables, env::BACKUP).or(to);
    let Some(to) = to else { return Ok(settings) };
    let text = to.value.trim();
    settings.to = match text {
        "" => {
            return Err(Error::usage("`--backup` says nothing").hint("write `auto`, `none`, or a path"));
        }
        "none" => None,
        "auto" => Some(BackupTo::Auto),
        path => {
            let base = if matches!(to.origin, Origin::Flag(_)) { &request.start_dir } else { root };
            Some(BackupTo::At(base.join(path)))
        }
    };
    Ok(settings)
}
