//! Compiled components on disk, so that each is compiled once per machine (a Python component takes seconds).
//!
//! A compiled component is machine code that runs with the rights of this process: write access to the cache is the
//! right to run code. So only a private directory is used (mode 0700, owned by this user).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::fingerprint;
use super::inspect::BOUNDS;

/// A directory of compiled components, keyed by the artifact's digest and the engine.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Opens the cache in that directory, created if necessary; `None` if the directory cannot be made private to
    /// this user.
    pub fn open(directory: &Path) -> Option<Self> {
        make_private(directory)?;
        Some(Self { directory: directory.to_owned() })
    }

    /// The compiled component with that digest, if it exists and this engine can load it.
    pub fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let path = self.path(engine, sha256);
        if !path.is_file() {
            return None;
        }
        // SAFETY: only files that `store` wrote are loaded, from a directory that no other user can write to, and
        // wasmtime checks the version and the settings of the engine in the file's header.
        #[allow(unsafe_code, reason = "loading compiled code is what the cache is for")]
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        match loaded {
            Ok(component) => Some(component),
            Err(_) => {
                // Damaged or foreign: compile again. Failing to remove it costs only time.
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Stores a compiled component. A cache that cannot be written is no error: the next run compiles again.
    pub fn store(&self, engine: &Engine, sha256: &str, code: &[u8]) {
        let path = self.path(engine, sha256);
        // Written to a temporary file, synced and renamed: readers find the whole file or none, even after a power failure.
        let aside = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = fs::File::create(&aside)
            .and_then(|mut file| file.write_all(code).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&aside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        // What was compiled under older bounds is inspected and compiled again.
        self.directory.join(format!("{sha256}-{:016x}-{BOUNDS}.cwasm", fingerprint(engine)))
    }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> Option<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    if !directory.exists() {
        fs::create_dir_all(directory.parent()?).ok()?;
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return None,
            _ => {}
        }
    }
    let metadata = fs::symlink_metadata(directory).ok()?;
    // The owner of a probe file reveals this user's id without unsafe code.
    let probe = directory.join(format!(".probe-{}-{:?}", std::process::id(), std::thread::current().id()));
    let owner = fs::File::create(&probe).and_then(|file| file.metadata()).map(|metadata| metadata.uid());
    let _ = fs::remove_file(&probe);
    let private = metadata.is_dir() && metadata.permissions().mode() & 0o077 == 0 && metadata.uid() == owner.ok()?;
    private.then_some(())
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> Option<()> {
    // The user's cache directory is private by default there.
    fs::create_dir_all(directory).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_directory_writable_by_others_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).expect("a directory");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("permissions");
        assert!(Cache::open(&shared).is_none());
        assert!(Cache::open(&directory.path().join("new/private")).is_some());
    }
}
