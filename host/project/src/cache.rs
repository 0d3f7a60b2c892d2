//! The user's directory for what runner need not work out twice: compiled components, and what is known of large SQL files.
//!
//! Write access to it is the right to run code, and to say what a file contains. So only a private directory is used: see
//! [`private`]. It is opened once, and what is renamed or linked meanwhile does not matter.

mod private;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::fs::{Dir, File, Metadata, OpenOptions};

use super::files::open_regular;
use runner_base::random;

/// How long a file is kept that is not used: such as that of an older version, or of an artifact that was built again.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// How exactly it is known when one was used last.
const EXACTLY: Duration = Duration::from_hours(24);

/// After this time, the writer of a temporary file has ended.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

/// What the name of a kept file can end with.
const ENDINGS: [&str; 2] = ["cwasm", "json"];

/// A private directory, whose files are named after a digest: 64 hexadecimal digits, `-`, and anything with one of the endings.
#[derive(Debug)]
pub struct CacheDirectory {
    directory: Dir,
    /// Where it was found, for messages.
    pub path: PathBuf,
}

impl CacheDirectory {
    /// Opens a directory, which is created if necessary; otherwise, why it is not private: the end of the sentence "it …".
    pub fn open(path: &Path) -> Result<Self, String> {
        Ok(Self { directory: private::open(path)?, path: path.to_owned() })
    }

    /// Opens a file.
    pub fn get(&self, name: &str) -> io::Result<File> {
        open_regular(&self.directory, name)
    }

    /// Removes a file. Failing to costs only time.
    pub fn remove(&self, name: &str) {
        let _ = self.directory.remove_file(name);
    }

    /// Stores a file, and removes what is not used any more. It is written to a temporary file, synced and renamed: readers find the
    /// whole file or none, even after a power failure.
    pub fn store(&self, name: &str, content: &[&[u8]]) -> io::Result<()> {
        // Random: in containers that share the directory, processes have the same id.
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        let aside = format!("{stem}.{:016x}.tmp", random::bits());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = self.directory.open_with(&aside, &options).and_then(|mut file| {
            content.iter().try_for_each(|content| file.write_all(content))?;
            file.sync_all()?;
            self.directory.rename(&aside, &self.directory, name)
        });
        if written.is_err() {
            self.remove(&aside);
        }
        self.tidy();
        written
    }

    /// Removes what is not used any more. A process that has it open keeps it, and what cannot be removed costs only space.
    fn tidy(&self) {
        for entry in self.directory.entries().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(kept) = name.to_str().and_then(kept) else { continue };
            let is_old =
                |found: Metadata| found.is_file() && found.modified().is_ok_and(|at| is_older(at.into_std(), kept));
            if entry.metadata().is_ok_and(is_old) {
                let _ = entry.remove_file();
            }
        }
    }
}

/// Notes that a file of the cache is used. Its access time would not do: few systems keep it.
pub fn touch(file: File) {
    let file = file.into_std();
    if file.metadata().and_then(|file| file.modified()).is_ok_and(|at| is_older(at, EXACTLY)) {
        // Without it, the file is made again in a month.
        let _ = file.set_modified(SystemTime::now());
    }
}

/// How long a file of that name is kept; `None` for one that is not of the cache.
fn kept(name: &str) -> Option<Duration> {
    let (digest, rest) = name.split_at_checked(64)?;
    if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) || !rest.starts_with('-') {
        return None;
    }
    match Path::new(name).extension()?.to_str()? {
        "tmp" => Some(LEFT_BEHIND),
        ending => ENDINGS.contains(&ending).then_some(UNUSED),
    }
}

fn is_older(modified: SystemTime, than: Duration) -> bool {
    modified.elapsed().is_ok_and(|age| age > than)
}
