//! The source code of a component: a digest that shows whether its artifact is out of date.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use cap_std::fs::Dir;

use super::FoundEntry;
use super::assets::ASSETS;
use crate::digest::{component_digest, sha256};
use crate::files::{ProjectDirectory, open_regular, too_large, unreadable};
use crate::problem::Problem;

/// The file that marks a directory with source code that can be built.
pub const MANIFEST: &str = "Cargo.toml";

/// The file that says with which command a component is built; it takes precedence.
pub const BUILD_MANIFEST: &str = "migration.toml";

/// Directories of a migration that are not part of its source: read at run time, test data, and what compilers write.
const OTHERS: [&str; 3] = [ASSETS, super::TESTS, TARGET];

/// What cargo writes.
const TARGET: &str = "target";

/// What commands write into, as the manifests of `runner new` have it.
const BUILD: &str = "build";

/// Directories that commands write, at any depth: what is in them follows from the source, and there may be much of it.
const WRITTEN: [&str; 5] = [BUILD, "node_modules", "zig-out", "zig-cache", "__pycache__"];

/// Whether builds write the directory with this name, at the top of a migration's or anywhere below.
pub fn is_written(name: &str, at_top: bool, by_command: bool) -> bool {
    (at_top && name == TARGET) || (by_command && WRITTEN.contains(&name))
}

/// Whether builds write the directory with this name wherever it is, also outside of the migrations. Source code may have a directory
/// `build`, too.
pub(super) fn is_written_anywhere(name: &str) -> bool {
    name == TARGET || (name != BUILD && WRITTEN.contains(&name))
}

/// Maximum depth of directories of source code.
pub(super) const DEPTH: usize = 32;

/// The digest of a migration's source code; `None` if it has none. Hidden files do not count, and neither do line ends, which
/// version control may change, nor what a command of the manifest writes into the usual places. `limit` is the largest size of a file.
pub fn source_digest(
    project: &ProjectDirectory,
    directory: &FoundEntry,
    limit: u64,
) -> Result<Option<String>, Problem> {
    let name = &directory.file_name;
    let here = project.open_directory(name, directory.link).map_err(|error| unreadable(name, &error))?;
    let by_command = here.is_file(BUILD_MANIFEST);
    if !by_command && !here.is_file(MANIFEST) {
        return Ok(None);
    }
    let mut files = BTreeMap::new();
    // What the manifest cannot say about itself, `runner build` reports.
    let has_command = by_command && read_manifest(&here, limit).is_none_or(|manifest| names_command(&manifest));
    let place = project.path.join(name);
    Walk { root: &project.root, place, top: name, limit, has_command }.read(&here, "", (DEPTH, false), &mut files)?;
    Ok(Some(component_digest("source", &files)))
}

/// The digest of a file of source code, with LF line ends.
pub(super) fn text_digest(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => sha256(text.replace("\r\n", "\n").as_bytes()),
        Err(_) => sha256(bytes),
    }
}

/// How the files of a directory are read.
struct Walk<'a> {
    /// The project: a link leads anywhere in it.
    root: &'a Dir,
    /// The directory's path in the project.
    place: PathBuf,
    /// The directory's name, for messages.
    top: &'a str,
    limit: u64,
    /// Whether a command builds the component; cargo writes into its target directory alone. Without one, the artifact that a manifest
    /// names is the source.
    has_command: bool,
}

fn read_manifest(here: &Dir, limit: u64) -> Option<String> {
    let mut text = String::new();
    open_regular(here, BUILD_MANIFEST).ok()?.take(limit).read_to_string(&mut text).ok()?;
    Some(text)
}

fn names_command(manifest: &str) -> bool {
    let table = toml::de::DeTable::parse(manifest).ok();
    table.as_ref().and_then(|table| table.get_ref().get("build")?.get_ref().get("command")).is_some()
}

impl Walk<'_> {
    /// Adds the digests of the files of a directory. `below` is its path in the top one, with a slash at its end; `is_linked`: a link
    /// led here.
    fn read(
        &self,
        dir: &Dir,
        below: &str,
        (depth, is_linked): (usize, bool),
        files: &mut BTreeMap<String, String>,
    ) -> Result<(), Problem> {
        let failed = |path: &str, error: std::io::Error| unreadable(&format!("{}/{path}", self.top), &error);
        for entry in dir.entries().map_err(|error| failed(below, error))? {
            let entry = entry.map_err(|error| failed(below, error))?;
            // A file with another name cannot be part of a Rust package.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') || (below.is_empty() && OTHERS.contains(&name.as_str())) {
                continue;
            }
            let path = format!("{below}{name}");
            let kind = entry.file_type().map_err(|error| failed(&path, error))?;
            let is_link = kind.is_symlink();
            // Where a link leads does not matter if a command made it.
            if self.is_written(&name, kind.is_dir()) || (is_link && self.is_written(&name, true)) {
                continue;
            }
            // What a link leads to is compiled like the rest.
            let (dir, place) = if is_link { (self.root, self.place.join(&path)) } else { (dir, PathBuf::from(&name)) };
            let kind = match is_link {
                true => dir.metadata(&place).map_err(|error| failed(&path, error))?.file_type(),
                false => kind,
            };
            if is_link && is_linked && kind.is_dir() {
                // It may lead back.
                let message =
                    format!("`{}/{path}` is a link to a directory, in a directory that is linked itself", self.top);
                return Err(Problem::new(message).hint("replace the link by a copy of what it leads to"));
            }
            if kind.is_dir() && depth > 0 {
                let inner = dir.open_dir(&place).map_err(|error| failed(&path, error))?;
                self.read(&inner, &format!("{path}/"), (depth - 1, is_linked || is_link), files)?;
            } else if kind.is_file() {
                let mut bytes = Vec::new();
                let file = open_regular(dir, &place).map_err(|error| failed(&path, error))?;
                file.take(self.limit.saturating_add(1))
                    .read_to_end(&mut bytes)
                    .map_err(|error| failed(&path, error))?;
                if bytes.len() as u64 > self.limit {
                    return Err(too_large(&format!("{}/{path}", self.top), self.limit, "asset_bytes"));
                }
                files.insert(path, text_digest(&bytes));
            }
        }
        Ok(())
    }

    /// Whether a command has written this: nothing in it is read.
    fn is_written(&self, name: &str, is_directory: bool) -> bool {
        let is_output = if is_directory { WRITTEN.contains(&name) } else { name.ends_with(".wasm") };
        self.has_command && is_output
    }
}
