//! The sources of `runner-guest`, embedded in the binary, so that components of a project can always be built.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir as Directory;
use include_dir::{Dir, include_dir};

use super::{Scaffolded, cannot_write};
use runner_base::error::Result;

/// `Cargo.toml` of a new migration; with `{{name}}` and `{{sdk_path}}`.
pub(super) const CARGO_TEMPLATE: &str = include_str!("../../../../guest-sdk/template/Cargo.toml.tmpl");
/// `src/lib.rs` of a new migration; with `{{name}}`.
pub(super) const LIB_TEMPLATE: &str = include_str!("../../../../guest-sdk/template/src/lib.rs.tmpl");

const MANIFEST: &str = include_str!("../../../../guest-sdk/Cargo.toml");
const README: &str = include_str!("../../../../guest-sdk/README.md");
static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/src");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// Unpacks the SDK into the project, unless this version exists, and returns its directory relative to the project. It belongs
/// into version control: migrations are built from it.
pub(super) fn unpack(root: &Directory, made: &mut Scaffolded) -> Result<PathBuf> {
    let directory = Path::new(".runner/sdk").join(format!("runner-guest-{}", version()));
    if root.is_file(directory.join("Cargo.toml")) {
        return Ok(directory);
    }
    write(root, &directory).map_err(|error| cannot_write(&directory, &error))?;
    made.files.push(directory.clone());
    Ok(directory)
}

fn write(root: &Directory, directory: &Path) -> io::Result<()> {
    root.create_dir_all(directory)?;
    let target = root.open_dir(directory)?;
    target.write("README.md", README)?;
    for (name, dir) in [("src", &SOURCES), ("wit", &WIT)] {
        target.create_dir_all(name)?;
        extract(&target.open_dir(name)?, dir)?;
    }
    // Last: an SDK with this file is complete.
    target.write("Cargo.toml", manifest())
}

fn extract(target: &Directory, dir: &Dir<'_>) -> io::Result<()> {
    for file in dir.files() {
        target.write(file.path(), file.contents())?;
    }
    for inner in dir.dirs() {
        target.create_dir_all(inner.path())?;
        extract(target, inner)?;
    }
    Ok(())
}

/// The manifest without dev-dependencies, since the copy has no tests. It is its own workspace, independent of the project's.
fn manifest() -> String {
    let mut document: toml_edit::DocumentMut = MANIFEST.parse().unwrap_or_default();
    document.remove("dev-dependencies");
    format!("{document}\n[workspace]\n")
}

/// An SDK that consists of files. The last one is written last: an SDK that has it is complete.
pub(super) struct Sdk {
    pub name: &'static str,
    pub files: &'static [(&'static str, &'static [u8])],
}

impl Sdk {
    /// Unpacks it into the project, unless this version exists, and returns its directory relative to the project. It belongs into
    /// version control: migrations are built from it, and editors read it.
    pub fn unpack(&self, root: &Directory, made: &mut Scaffolded) -> Result<PathBuf> {
        let directory = Path::new(".runner/sdk").join(format!("{}-{}", self.name, version()));
        if self.files.last().is_some_and(|(last, _)| root.is_file(directory.join(last))) {
            return Ok(directory);
        }
        let write = || -> io::Result<()> {
            for (name, content) in self.files {
                let file = directory.join(name);
                root.create_dir_all(file.parent().unwrap_or(&directory))?;
                root.write(file, content)?;
            }
            Ok(())
        };
        write().map_err(|error| cannot_write(&directory, &error))?;
        made.files.push(directory.clone());
        Ok(directory)
    }
}

/// The SDK's version.
pub(super) fn version() -> String {
    let document: toml_edit::DocumentMut = MANIFEST.parse().unwrap_or_default();
    document["package"]["version"].as_str().unwrap_or_default().to_owned()
}
