//! Compiled components on disk, so that each is compiled once per machine (a Python component takes seconds).
//!
//! A compiled component is machine code that runs with the rights of this process: write access to the cache is the
//! right to run code. So only a private directory is used (mode 0700, owned by this user).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::compile::fingerprint;
use super::inspect::BOUNDS;
use crate::random;

/// How long a compiled component is kept that nobody loads: such as that of an older version, or of an artifact that was built again.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// How exactly it is known when one was loaded last.
const EXACTLY: Duration = Duration::from_hours(24);

/// After this time, whoever was writing a temporary file is gone.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

/// Receives what is worth saying of the cache: a run goes on without it.
pub type CacheNote = Arc<dyn Fn(&str) + Send + Sync>;

/// A directory of compiled components, keyed by the artifact's digest and the engine.
#[derive(Clone)]
pub struct Cache {
    directory: PathBuf,
    note: Option<CacheNote>,
}

impl Cache {
    /// Opens the cache in that directory, created if necessary; `None`, and a note, if the directory cannot be made private to
    /// this user.
    pub fn open(directory: &Path, note: Option<CacheNote>) -> Option<Self> {
        let cache = Self { directory: directory.to_owned(), note };
        match make_private(directory) {
            Ok(()) => Some(cache),
            Err(why) => {
                cache.say(&format!("is not used: it {why}"));
                None
            }
        }
    }

    fn say(&self, what: &str) {
        if let Some(note) = &self.note {
            note(&format!("the cache of compiled components, `{}`, {what}", self.directory.display()));
        }
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
            Ok(component) => {
                touch(&path);
                Some(component)
            }
            Err(_) => {
                self.say("has a damaged file, which is compiled again");
                // Failing to remove it costs only time.
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Stores a compiled component. A cache that cannot be written is no error: the next run compiles again.
    pub fn store(&self, engine: &Engine, sha256: &str, code: &[u8]) {
        let path = self.path(engine, sha256);
        // Written to a temporary file, synced and renamed: readers find the whole file or none, even after a power failure. Its name
        // is random: in containers that share the directory, processes have the same id.
        let aside = path.with_extension(format!("{:016x}.tmp", random::bits()));
        let written = fs::File::create(&aside)
            .and_then(|mut file| file.write_all(code).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&aside, &path));
        if let Err(error) = written {
            self.say(&format!("cannot be written: {error}"));
            let _ = fs::remove_file(&aside);
        }
        self.tidy();
    }

    /// Removes what is not used any more. Whoever has it open goes on with it, and what cannot be removed costs only space.
    fn tidy(&self) {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(kept) = name.to_str().and_then(kept) else { continue };
            if entry.metadata().is_ok_and(|found| found.is_file() && is_older(&found, kept)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        // What was compiled under older bounds is inspected and compiled again.
        self.directory.join(format!("{sha256}-{:016x}-{BOUNDS}.cwasm", fingerprint(engine)))
    }
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

fn is_older(file: &fs::Metadata, than: Duration) -> bool {
    file.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > than))
}

/// Notes that a file is used. Its access time would not do: few systems keep it.
fn touch(path: &Path) {
    if fs::metadata(path).is_ok_and(|file| is_older(&file, EXACTLY))
        && let Ok(file) = fs::File::options().append(true).open(path)
    {
        // Without it, the file is compiled again in a month.
        let _ = file.set_modified(SystemTime::now());
    }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> Result<(), String> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    let uncreated = |error: std::io::Error| format!("cannot be created ({error})");
    if !directory.exists() {
        fs::create_dir_all(directory.parent().unwrap_or(directory)).map_err(uncreated)?;
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(uncreated(error)),
            _ => {}
        }
    }
    let metadata = fs::symlink_metadata(directory).map_err(|error| format!("cannot be read ({error})"))?;
    if !metadata.is_dir() {
        return Err("is not a directory".to_owned());
    }
    // The owner of a probe file reveals this user's id without unsafe code.
    let probe = directory.join(format!(".probe-{}-{:?}", std::process::id(), std::thread::current().id()));
    let owner = fs::File::create(&probe).and_then(|file| file.metadata()).map(|metadata| metadata.uid());
    let _ = fs::remove_file(&probe);
    let owner = owner.map_err(|error| format!("cannot be written ({error})"))?;
    if metadata.uid() != owner {
        return Err("belongs to another user".to_owned());
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err("is accessible to other users (`chmod 700` makes it private)".to_owned());
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> Result<(), String> {
    // The user's cache directory is private by default there.
    fs::create_dir_all(directory).map_err(|error| format!("cannot be created ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_directory_that_is_not_private_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let said = Arc::new(std::sync::Mutex::new(String::new()));
        let hears = said.clone();
        let note: CacheNote = Arc::new(move |text: &str| hears.lock().expect("a lock").push_str(text));
        let open = |directory: &Path| {
            said.lock().expect("a lock").clear();
            let is_used = Cache::open(directory, Some(note.clone())).is_some();
            (is_used, said.lock().expect("a lock").clone())
        };
        let directory = tempfile::tempdir().expect("a directory");
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).expect("a directory");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("permissions");
        let (is_used, note) = open(&shared);
        assert!(!is_used && note.contains("accessible to other users"), "{note}");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("written");
        let (is_used, note) = open(&file);
        assert!(!is_used && note.contains("is not a directory"), "{note}");
        let (is_used, note) = open(&file.join("below"));
        assert!(!is_used && note.contains("cannot be created"), "{note}");
        let foreign = directory.path().join("foreign");
        fs::create_dir(&foreign).expect("a directory");
        // Only the superuser can give a directory away.
        if std::os::unix::fs::chown(&foreign, Some(1), None).is_ok() {
            let (is_used, note) = open(&foreign);
            assert!(!is_used && note.contains("belongs to another user"), "{note}");
        }
        assert_eq!(open(&directory.path().join("new/private")), (true, String::new()));
    }

    #[test]
    fn what_is_not_used_any_more_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::open(&directory.path().join("cache"), None).expect("a cache");
        let engine = crate::sandbox::engine::engine(&crate::project::limits::Limits::default()).expect("an engine");
        let code = engine.precompile_component(&runner_tests::components::empty()).expect("compiled");
        let age = |path: &Path, hours: u64| {
            let file = fs::File::options().append(true).open(path).expect("opened");
            file.set_modified(SystemTime::now() - Duration::from_hours(hours)).expect("its time");
        };
        let [used, unused, new] = [1, 2, 3].map(|number| format!("{number:064}"));
        for sha256 in [&used, &unused] {
            cache.store(&engine, sha256, &code);
        }
        for sha256 in [&used, &unused] {
            age(&cache.path(&engine, sha256), 31 * 24);
        }
        let beside = |name: &str, hours: u64| {
            let path = cache.directory.join(name);
            fs::write(&path, "half").expect("written");
            age(&path, hours);
            path
        };
        let [left, under_way] =
            [2, 0].map(|hours| beside(&format!("{new}-{hours:016x}-1.0123456789abcdef.tmp"), hours));
        let others = ["notes.tmp", "mine.cwasm"].map(|name| beside(name, 1000 * 24));
        assert!(cache.load(&engine, &used).is_some());
        cache.store(&engine, &new, &code);
        assert!(cache.load(&engine, &used).is_some() && cache.load(&engine, &new).is_some());
        assert!(!cache.path(&engine, &unused).exists() && !left.exists() && under_way.exists());
        assert!(others.iter().all(|path| path.exists()), "what the cache did not write");
    }

    /// Such as processes with the same id in containers that share the directory.
    #[test]
    fn several_can_store_one_component_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let said = Arc::new(std::sync::Mutex::new(String::new()));
        let hears = said.clone();
        let note: CacheNote = Arc::new(move |text: &str| hears.lock().expect("a lock").push_str(text));
        let cache = Cache::open(&directory.path().join("cache"), Some(note)).expect("a cache");
        let engine = crate::sandbox::engine::engine(&crate::project::limits::Limits::default()).expect("an engine");
        let code = engine.precompile_component(&runner_tests::components::empty()).expect("compiled");
        let all_at_once = std::sync::Barrier::new(8);
        for round in 0..20 {
            let sha256 = format!("{round:064}");
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        all_at_once.wait();
                        cache.store(&engine, &sha256, &code);
                    });
                }
            });
            assert!(cache.load(&engine, &sha256).is_some());
        }
        assert_eq!(*said.lock().expect("a lock"), "");
        assert_eq!(fs::read_dir(&cache.directory).expect("listed").count(), 20, "only what is complete stays");
    }
}
