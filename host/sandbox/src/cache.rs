//! Compiled components on disk, so that each is compiled once per machine (a Python component takes seconds).
//!
//! A compiled component is machine code that runs with the rights of this process, so the directory is private: see
//! [`runner_project::cache`].
//!
//! Each file ends with a digest of its code, keyed with its name, and so with the artifact, the engine and the bounds
//! that it was made for. That is no protection against a user who may write there, who can compute it as well. It finds
//! what is damaged or exchanged: wasmtime checks the header alone. So it is not a cryptographic one, which
//! would take three times as long for the 78 MB of Python. It is at the end because wasmtime maps the file as it is.

use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::File;
use twox_hash::xxhash3_128::Hasher;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::fingerprint;
use super::inspect::BOUNDS;
use runner_project::cache::{CacheDirectory, touch};

/// The bytes of a digest.
const DIGEST: usize = 16;

/// Receives what is worth saying of the cache: a run continues without it.
pub type CacheNote = Arc<dyn Fn(&str) + Send + Sync>;

/// A directory of compiled components, keyed by the artifact's digest and the engine.
pub struct Cache {
    directory: CacheDirectory,
    note: Option<CacheNote>,
}

impl Cache {
    /// Opens the cache in that directory, created if necessary; `None`, and a note, if the directory is not private to this user.
    pub fn open(directory: &Path, note: Option<CacheNote>) -> Option<Self> {
        match CacheDirectory::open(directory) {
            Ok(directory) => Some(Self { directory, note }),
            Err(why) => {
                say(note.as_ref(), directory, &format!("is not used: it {why}"));
                None
            }
        }
    }

    /// The compiled component with that digest, if it exists and this engine can load it.
    pub fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let name = name(engine, sha256);
        let mut file = self.directory.get(&name).ok()?;
        match self.load_from(engine, &name, &mut file) {
            Some(component) => {
                touch(file);
                Some(component)
            }
            None => {
                say(self.note.as_ref(), &self.directory.path, "has a damaged file, which is compiled again");
                self.directory.remove(&name);
                None
            }
        }
    }

    fn load_from(&self, engine: &Engine, name: &str, file: &mut File) -> Option<Component> {
        if !is_whole(name, file).ok()? {
            return None;
        }
        // SAFETY: the code is what `store` wrote under this name, by the digest that was just verified, into a directory that no other
        // user can write to; wasmtime checks the version and the settings of the engine in the file's header.
        #[allow(unsafe_code, reason = "loading compiled code is what the cache is for")]
        let mapped = unsafe { Component::deserialize_file(engine, self.path_of(name, file)) };
        mapped.ok().or_else(|| {
            // Where the system has no paths of open files.
            let mut code = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut code)).ok()?;
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "loading compiled code is what the cache is for")]
            let copied = unsafe { Component::deserialize(engine, &code) };
            copied.ok()
        })
    }

    /// The path of the very file that is open.
    #[cfg(unix)]
    fn path_of(&self, _: &str, file: &File) -> PathBuf {
        let of_files = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        Path::new(of_files).join(std::os::fd::AsRawFd::as_raw_fd(file).to_string())
    }

    #[cfg(not(unix))]
    fn path_of(&self, name: &str, _: &File) -> PathBuf {
        self.directory.path.join(name)
    }

    /// Stores a compiled component. A cache that cannot be written is not an error: the next run compiles again.
    pub fn store(&self, engine: &Engine, sha256: &str, code: &[u8]) {
        let name = name(engine, sha256);
        let mut digest = digest(&name);
        digest.write(code);
        if let Err(error) = self.directory.store(&name, &[code, &digest.finish_128().to_le_bytes()]) {
            say(self.note.as_ref(), &self.directory.path, &format!("cannot be written: {error}"));
        }
    }
}

fn say(note: Option<&CacheNote>, directory: &Path, what: &str) {
    if let Some(note) = note {
        note(&format!("the cache of compiled components, `{}`, {what}", directory.display()));
    }
}

/// The name of the file of an artifact.
fn name(engine: &Engine, sha256: &str) -> String {
    // What was compiled under older bounds is inspected and compiled again.
    format!("{sha256}-{:016x}-{BOUNDS}.cwasm", fingerprint(engine))
}

/// The beginning of the digest of a file of that name.
fn digest(name: &str) -> Hasher {
    Hasher::with_seed(Hasher::oneshot(name.as_bytes()) as u64)
}

/// Whether a file is what was stored under its name.
fn is_whole(name: &str, file: &mut File) -> io::Result<bool> {
    let mut rest = file.metadata()?.len().saturating_sub(DIGEST as u64);
    let mut digest = digest(name);
    // Larger pieces leave the processor's cache before they are read again.
    let mut piece = vec![0; 1 << 17];
    while rest > 0 {
        let length = piece.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        file.read_exact(&mut piece[..length])?;
        digest.write(&piece[..length]);
        rest -= length as u64;
    }
    let mut found = [0; DIGEST];
    file.read_exact(&mut found)?;
    Ok(digest.finish_128() == u128::from_le_bytes(found))
}

#[cfg(test)]
mod tests;
