//! Compiled components on disk, so that each is compiled once per machine (a Python component takes seconds).
//!
//! A compiled component is machine code that runs with the rights of this process: write access to the cache is the
//! right to run code. So only a private directory is used: see [`private`]. It is opened once, and what is renamed or linked
//! meanwhile does not matter.
//!
//! Each file ends with a digest of its code, keyed with its name, and so with the artifact, the engine and the bounds
//! that it was made for. That is no protection against a user who may write there, who can compute it as well. It finds
//! what is damaged or exchanged: wasmtime checks the header alone. It is at the end because wasmtime maps the file as
//! it is.

mod private;

use std::io::{self, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_std::fs::{Dir, File, OpenOptions};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::fingerprint;
use super::inspect::BOUNDS;
use runner_base::random;
use runner_project::open_regular;

/// How long a compiled component is kept that is not loaded: such as that of an older version, or of an artifact that
/// was built again.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// How exactly it is known when one was loaded last.
const EXACTLY: Duration = Duration::from_hours(24);

/// After this time, the writer of a temporary file has ended.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

/// Receives what is worth saying of the cache: a run continues without it.
pub type CacheNote = Arc<dyn Fn(&str) + Send + Sync>;

/// A directory of compiled components, keyed by the artifact's digest and the engine.
pub struct Cache {
    directory: Dir,
    /// Where it was found, for messages.
    path: PathBuf,
    note: Option<CacheNote>,
}

impl Cache {
    /// Opens the cache in that directory, created if necessary; `None`, and a note, if the directory is not private to this user.
    pub fn open(directory: &Path, note: Option<CacheNote>) -> Option<Self> {
        match private::open(directory) {
            Ok(opened) => Some(Self { directory: opened, path: directory.to_owned(), note }),
            Err(why) => {
                say(note.as_ref(), directory, &format!("is not used: it {why}"));
                None
            }
        }
    }

    /// The compiled component with that digest, if it exists and this engine can load it.
    pub fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let name = name(engine, sha256);
        let mut file = open_regular(&self.directory, &name).ok()?;
        match self.load_from(engine, &name, &mut file) {
            Some(component) => {
                touch(file);
                Some(component)
            }
            None => {
                say(self.note.as_ref(), &self.path, "has a damaged file, which is compiled again");
                // Failing to remove it costs only time.
                let _ = self.directory.remove_file(&name);
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
        self.path.join(name)
    }

    /// Stores a compiled component. A cache that cannot be written is not an error: the next run compiles again.
    pub fn store(&self, engine: &Engine, sha256: &str, code: &[u8]) {
        let name = name(engine, sha256);
        // Written to a temporary file, synced and renamed: readers find the whole file or none, even after a power failure. Its name
        // is random: in containers that share the directory, processes have the same id.
        let aside = format!("{}.{:016x}.tmp", name.trim_end_matches(".cwasm"), random::bits());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = self.directory.open_with(&aside, &options).and_then(|mut file| {
            file.write_all(code)?;
            file.write_all(digest(&name).update(code).finalize().as_bytes())?;
            file.sync_all()?;
            self.directory.rename(&aside, &self.directory, &name)
        });
        if let Err(error) = written {
            say(self.note.as_ref(), &self.path, &format!("cannot be written: {error}"));
            let _ = self.directory.remove_file(&aside);
        }
        self.tidy();
    }

    /// Removes what is not used any more. A process that has it open keeps it, and what cannot be removed costs only
    /// space.
    fn tidy(&self) {
        for entry in self.directory.entries().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(kept) = name.to_str().and_then(kept) else { continue };
            let is_old = |found: cap_std::fs::Metadata| {
                found.is_file() && found.modified().is_ok_and(|at| is_older(at.into_std(), kept))
            };
            if entry.metadata().is_ok_and(is_old) {
                let _ = entry.remove_file();
            }
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
fn digest(name: &str) -> blake3::Hasher {
    blake3::Hasher::new_keyed(blake3::hash(name.as_bytes()).as_bytes())
}

/// Whether a file is what was stored under its name.
fn is_whole(name: &str, file: &mut File) -> io::Result<bool> {
    let mut rest = file.metadata()?.len().saturating_sub(blake3::OUT_LEN as u64);
    let mut digest = digest(name);
    // Larger pieces leave the processor's cache before they are read again.
    let mut piece = vec![0; 1 << 17];
    while rest > 0 {
        let length = piece.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        file.read_exact(&mut piece[..length])?;
        digest.update(&piece[..length]);
        rest -= length as u64;
    }
    let mut found = [0; blake3::OUT_LEN];
    file.read_exact(&mut found)?;
    Ok(digest.finalize() == found)
}

/// How long a file of that name is kept; `None` for one that is not of the cache.
fn kept(name: &str) -> Option<Duration> {
    let (digest, rest) = name.split_at_checked(64)?;
    if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) || !rest.starts_with('-') {
        return None;
    }
    let ending = Path::new(name).extension()?;
    match ending.to_str()? {
        "cwasm" => Some(UNUSED),
        "tmp" => Some(LEFT_BEHIND),
        _ => None,
    }
}

fn is_older(modified: SystemTime, than: Duration) -> bool {
    modified.elapsed().is_ok_and(|age| age > than)
}

/// Notes that a file is used. Its access time would not do: few systems keep it.
fn touch(file: File) {
    let file = file.into_std();
    if file.metadata().and_then(|file| file.modified()).is_ok_and(|at| is_older(at, EXACTLY)) {
        // Without it, the file is compiled again in a month.
        let _ = file.set_modified(SystemTime::now());
    }
}

#[cfg(test)]
mod tests;
