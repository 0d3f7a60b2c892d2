//! Writes the lockfile: equal lines give equal bytes.

use std::io::{self, Write};
use std::path::Path;

use cap_std::fs::{Dir, Metadata, OpenOptions};

use super::line::render;
use super::read::LARGEST;
use super::{LockLine, Lockfile, VERSION, package};
use crate::digest::sha256;
use crate::files::{behind_links, cannot_write, open_root, read_regular};
use runner_base::error::Result;
use runner_base::random;

const HEADER: &str = "\
# Written by `runner build`; do not edit. Commit it together with the artifacts.
# If a merge conflicts here, run `runner build`.
";

impl Lockfile {
    /// The whole file.
    pub fn render(&self) -> String {
        let mut lines: String = self.lines.iter().map(|line| render(line) + "\n").collect();
        lines.push_str(&package::render(self));
        let digest = sha256(lines.as_bytes());
        format!("{HEADER}version = {VERSION}\ndigest = \"sha256:{digest}\"\n\n[artifacts]\n{lines}")
    }

    /// Writes the file atomically, if it changed; returns whether it was written.
    pub fn write(&self, root: &Dir, name: &str) -> Result<bool> {
        let text = self.render();
        let failed = |error: io::Error| cannot_write(name, &error);
        match read_regular(root, name, LARGEST) {
            Ok(Some(old)) if old == text.as_bytes() => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // A link stays one.
        write_atomically(root, behind_links(root, name), text.as_bytes()).map_err(failed)?;
        Ok(true)
    }
}

/// Adds lines, unless the file has one of that revision by now; returns those that were added.
pub fn add_lines(root: &Path, name: &str, lines: Vec<LockLine>) -> Result<Vec<LockLine>> {
    let root = open_root(root)?;
    let lockfile = Lockfile::read(&root, name)?;
    let added: Vec<LockLine> = lines.into_iter().filter(|line| lockfile.get(&line.revision).is_none()).collect();
    lockfile.with(&added).write(&root, name)?;
    Ok(added)
}

/// Writes a temporary file and renames it, so that a partial file is never visible. One that is replaced keeps its permissions.
pub fn write_atomically(dir: &Dir, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    replace(dir, path.as_ref(), bytes, 0o666)
}

/// As [`write_atomically`]; a new file can be read by its owner only.
pub fn write_secret_atomically(dir: &Dir, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    replace(dir, path.as_ref(), bytes, OWNER_ONLY)
}

/// The mode of a file that may have secrets, and of one that has no other mode yet.
const OWNER_ONLY: u32 = 0o600;

#[cfg_attr(not(unix), allow(unused_variables, reason = "files have no mode there"))]
fn replace(dir: &Dir, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that nothing else can have taken, with a link to another file.
    let temporary = path.with_file_name(format!(".{name}.{:016x}", random::bits()));
    let permissions = dir.metadata(path).ok().filter(Metadata::is_file).map(|there| there.permissions());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, if permissions.is_some() { OWNER_ONLY } else { mode });
    let write = || {
        let mut file = dir.open_with(&temporary, &options)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        dir.rename(&temporary, dir, path)
    };
    write().inspect_err(|_| {
        // The first error is the one to report.
        let _ = dir.remove_file(&temporary);
    })
}
