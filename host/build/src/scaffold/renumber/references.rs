//! What names a migration in other texts: imports of its script, grants in the settings, and the files of tools that list directories.

use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike};

use super::lists::{self, LISTS};
use super::paths::{Target, is_comment, line_of, named, parts, replaced, tokens};
use super::{Edit, Id, dependents};
use runner_base::error::{Error, Result};
use runner_project::files::{ProjectDirectory, read_regular};
use runner_project::line_ends::with_line_ends;
use runner_project::package_of;
use runner_project::problem::shown;
use runner_project::revision::{RevisionKey, migration_id};
use runner_project::script::{ScriptLanguage, is_companion};
use runner_project::settings::Settings;
use runner_project::units::format_size;

/// The largest text that is searched; sources are smaller.
const LARGEST: u64 = 16 << 20;

/// Ends of the names of files that may import others.
pub(super) const SOURCES: [&str; 7] = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".py"];

/// Beginnings of lines that may say anything.
const COMMENTS: [&str; 4] = ["//", "/*", "*", "#"];

/// A migration that gets another revision.
pub(super) struct Move<'a> {
    pub id: &'a Id,
    pub revision: &'a str,
    /// What is renamed, below the migrations.
    pub files: &'a [(String, String)],
    /// No other migration has its revision.
    pub alone: bool,
}

/// The texts that name the migration, with its new name. Fails if one names it in a way that cannot be changed safely.
pub(super) fn edits(settings: &Settings, project: &ProjectDirectory, it: &Move<'_>) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    let migrations = with_slashes(&project.path);
    let above = parts(&migrations);
    let renamed: Vec<(&str, &str)> =
        it.files.iter().map(|(old, new)| (old.as_str(), new.as_str())).filter(|(old, _)| !old.contains('/')).collect();
    let target = |&(old, new)| Target { place: above.iter().copied().chain([old]).collect(), old, new };
    let targets: Vec<Target<'_>> = renamed.iter().map(target).collect();
    dependents::refuse(project, &migrations, &targets)?;
    let is_directory = |name: &str| project.root.is_dir(format!("{migrations}/{name}"));
    for (old, new) in renamed {
        let (from, to) = (format!("{migrations}/{old}"), format!("{migrations}/{new}"));
        if let Some((name, _)) = ScriptLanguage::of_file(old) {
            // Without its directory, it imports nothing.
            if is_directory(name) {
                edits.extend(of_script(project, (&from, &to), &targets)?);
            }
        } else if is_directory(old) {
            for file in companions(project, &from)? {
                edits.extend(of_script(project, (&format!("{from}/{file}"), &format!("{to}/{file}")), &targets)?);
            }
        }
    }
    // A manifest above the migrations, or among them, lists directories.
    for directory in (0..=above.len()).map(|depth| &above[..depth]) {
        for list in LISTS {
            edits.extend(of_list(project, directory, list, &targets)?);
        }
    }
    // Those of a package have the name of that.
    if package_of(&it.id.name).is_none() {
        edits.extend(of_settings(settings, project, it)?);
    }
    Ok(edits)
}

/// The files in the directory of a script that may import others.
fn companions(project: &ProjectDirectory, directory: &str) -> Result<Vec<String>> {
    let failed = |error| Error::usage(format!("cannot list the directory `{}`", shown(directory))).cause(error);
    let (mut files, mut directories) = (Vec::new(), vec![String::new()]);
    while let Some(below) = directories.pop() {
        for entry in project.root.read_dir(format!("{directory}/{below}")).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = format!("{below}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(failed)?;
            // What packages contain names no migration, and where links lead belongs to others.
            if kind.is_dir() && is_companion(&path) && !path.ends_with("node_modules") {
                directories.push(path + "/");
            } else if kind.is_file() && is_companion(&path) && SOURCES.iter().any(|end| path.ends_with(end)) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The bytes of a file; `None` if it does not exist. One that is too large to be searched may name anything.
pub(super) fn read(project: &ProjectDirectory, file: &str) -> Result<Option<Vec<u8>>> {
    match read_regular(&project.root, file, LARGEST) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => {
            let message =
                format!("`{}` has more than {}, too much to look for the migration", shown(file), format_size(LARGEST));
            Err(Error::usage(message).hint("nothing was renamed; move the file elsewhere meanwhile"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::usage(format!("cannot read `{}`", shown(file))).cause(error)),
    }
}

/// A script or one of its modules, if it imports by the name.
fn of_script(
    project: &ProjectDirectory,
    (file, renamed): (&str, &str),
    targets: &[Target<'_>],
) -> Result<Option<Edit>> {
    let Some(before) = read(project, file)? else { return Ok(None) };
    // What is not UTF-8 imports nothing: the runtime refuses it.
    let Ok(text) = std::str::from_utf8(&before) else { return Ok(None) };
    let mut here = parts(file);
    here.pop();
    let mut places = Vec::new();
    for token in tokens(text).filter(|token| token.is_quoted) {
        for target in targets {
            if token.is_relative() {
                let found = named(token.path, &here, &target.place).into_iter();
                places.extend(found.map(|it| (token.start + it.start..token.start + it.end, target.new)));
            } else if leads_into(token.path, target.old) && !is_comment(text, token.start, &COMMENTS) {
                return Err(unclear(file, line_of(text, token.start), target.old));
            }
        }
    }
    let after = replaced(text, &places);
    Ok((after != text).then(|| Edit {
        file: file.to_owned(),
        renamed: renamed.to_owned(),
        after: after.into_bytes(),
        before,
    }))
}

/// Whether a piece of a path, such as one that is put together, leads into a directory of this name.
fn leads_into(path: &str, directory: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next();
    parts.any(|part| part == directory)
}

fn unclear(file: &str, line: usize, directory: &str) -> Error {
    let message = format!("`{}` names the directory `{directory}` in a way that cannot be changed safely", shown(file));
    Error::usage(message).at("file", format!("{file}:{line}")).hint(format!(
        "nothing was renamed; import from `./FILE`, without the directory, or from \"./{directory}/FILE\""
    ))
}

/// A file that lists what is renamed.
fn of_list(project: &ProjectDirectory, directory: &[&str], list: &str, targets: &[Target<'_>]) -> Result<Option<Edit>> {
    let file = directory.iter().copied().chain([list]).collect::<Vec<_>>().join("/");
    let Some(before) = read(project, &file)? else { return Ok(None) };
    let Ok(text) = std::str::from_utf8(&before) else { return Ok(None) };
    let after = lists::follow(text, list, directory, targets).map_err(|error| error.at("file", file.clone()))?;
    Ok((after != text).then(|| Edit { renamed: file.clone(), file, after: after.into_bytes(), before }))
}

/// The settings, if they grant the migration something: a component without its grants may do what SQL may.
fn of_settings(settings: &Settings, project: &ProjectDirectory, it: &Move<'_>) -> Result<Option<Edit>> {
    let Some(name) = settings.file.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let Some(before) = read(project, name)? else { return Ok(None) };
    let Ok(text) = std::str::from_utf8(&before) else { return Ok(None) };
    let unsuitable =
        |error: toml_edit::TomlError| Error::usage(format!("cannot change `{name}`")).cause(error.message());
    let mut document: DocumentMut = text.parse().map_err(unsuitable)?;
    let Some(grants) = document.get_mut("grants").and_then(Item::as_table_like_mut) else { return Ok(None) };
    let names: Vec<String> = grants.iter().map(|(name, _)| name.to_owned()).collect();
    let mut has_changed = false;
    for old in names {
        let new = match old == it.id.shown() {
            true => migration_id(it.revision, &it.id.name),
            false if RevisionKey::of(&old).is_some() && RevisionKey::of(&old) == RevisionKey::of(&it.id.revision) => {
                if !it.alone {
                    return Err(ambiguous(text, name, &old, it));
                }
                it.revision.to_owned()
            }
            false => continue,
        };
        rename(grants, &old, &new);
        has_changed = true;
    }
    let after = with_line_ends(text, &document.to_string()).into_bytes();
    Ok(has_changed.then(|| Edit { file: name.to_owned(), renamed: name.to_owned(), after, before }))
}

/// Gives an entry another key. Comments and the order of tables stay.
fn rename(table: &mut dyn TableLike, old: &str, new: &str) {
    let decor = table.key(old).map(|key| (key.leaf_decor().clone(), key.dotted_decor().clone()));
    let Some(item) = table.remove(old) else { return };
    table.insert(new, item);
    if let (Some(mut key), Some((leaf, dotted))) = (table.key_mut(new), decor) {
        *key.leaf_decor_mut() = leaf;
        *key.dotted_decor_mut() = dotted;
    }
}

fn ambiguous(text: &str, file: &str, name: &str, it: &Move<'_>) -> Error {
    let line = text.lines().position(|line| line.contains(name)).map_or(1, |at| at + 1);
    let id = it.id.shown();
    Error::usage(format!("`[grants.{name}]` may be for `{id}` or for another migration with its revision"))
        .at("file", format!("{file}:{line}"))
        .hint(format!("nothing was renamed; name the one that it is for, such as `[grants.{id}]`"))
}

fn with_slashes(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
