//! What another user of the machine does to the cache of compiled components, and whether its code is loaded then.

use std::fs;
use std::path::{Path, PathBuf};

use super::arena::Verdict;
use super::class::Attempt;
use runner_base::error::{Error, Result};
use runner_drivers::copy::Directory;
use runner_project::limits::Limits;
use runner_sandbox::Cache;

/// Two artifacts.
const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// Tries an attempt in a directory of its own.
pub(super) fn try_out(attempt: &Attempt) -> Result<Verdict> {
    let mut broken = Vec::new();
    for (_, text) in &attempt.calls {
        let place = Directory::make(&std::env::temp_dir())
            .map_err(|error| Error::failed("cannot make a directory").cause(error))?;
        let tried = try_in(&place.path, text);
        broken.extend(tried.map_err(|error| Error::failed(format!("cannot try `{text}`")).cause(error))?);
    }
    Ok(Verdict { broken, ran: Vec::new(), heard: Vec::new() })
}

fn try_in(place: &Path, text: &str) -> std::io::Result<Option<String>> {
    let failed = |error: &dyn std::fmt::Display| std::io::Error::other(error.to_string());
    let engine = runner_sandbox::engine::engine(&Limits::default()).map_err(|error| failed(&error))?;
    let code = engine.precompile_component(&wat::parse_str("(component)").map_err(|error| failed(&error))?);
    let code = code.map_err(|error| failed(&error))?;
    let directory = place.join("cache");
    let (what, number) =
        text.rsplit_once(' ').and_then(|(what, number)| Some((what, number.parse().ok()?))).unwrap_or((text, 0_usize));
    match what {
        "directory open to others" => {
            make(&directory, 0o777)?;
            return Ok(Cache::open(&directory, None).map(|_| "a directory that others may write to is used".to_owned()));
        }
        "directory within one that is open to others" => {
            make(&place.join("open"), 0o777)?;
            let opened = Cache::open(&place.join("open/cache"), None);
            return Ok(opened.map(|_| "a directory that others may exchange is used".to_owned()));
        }
        "links planted" => {
            let target = place.join("file");
            fs::write(&target, "of the operator")?;
            make(&directory, 0o777)?;
            for thread in 1..100 {
                let name = format!(".probe-{}-ThreadId({thread})", std::process::id());
                link(&target, &directory.join(name))?;
            }
            drop(Cache::open(&directory, None));
            return Ok(
                (fs::read(&target)? != b"of the operator").then(|| "a file of the operator is changed".to_owned())
            );
        }
        _ => {}
    }
    let open = |directory: &Path| Cache::open(directory, None).ok_or_else(|| failed(&"a private directory is refused"));
    let cache = open(&directory)?;
    let store = |cache: &Cache, directory: &Path, artifact: &str| {
        cache.store(&engine, artifact, &code);
        file_of(directory, artifact)
    };
    let one = store(&cache, &directory, ONE)?;
    if cache.load(&engine, ONE).is_none() {
        return Err(failed(&"what was stored is not loaded"));
    }
    let mut bytes = fs::read(&one)?;
    let at = |length: usize| (length * number / 100).min(length.saturating_sub(1));
    let mut artifact = ONE;
    match what {
        "exchanged" => drop(fs::copy(store(&cache, &directory, TWO)?, &one)?),
        "flipped" => {
            let at = at(bytes.len());
            bytes[at] ^= 1;
            fs::write(&one, bytes)?;
        }
        "cut" => fs::write(&one, &bytes[..at(bytes.len())])?,
        "replaced by a link" => {
            let two = store(&cache, &directory, TWO)?;
            fs::remove_file(&one)?;
            link(&two, &one)?;
        }
        "directory replaced" => {
            let other = place.join("other");
            drop(store(&open(&other)?, &other, TWO)?);
            fs::rename(&directory, place.join("away"))?;
            fs::rename(&other, &directory)?;
            artifact = TWO;
        }
        _ => return Err(failed(&"it is not known")),
    }
    Ok(cache.load(&engine, artifact).map(|_| "code is loaded that was not stored for the component".to_owned()))
}

/// The file of an artifact.
fn file_of(directory: &Path, artifact: &str) -> std::io::Result<PathBuf> {
    let mut files =
        fs::read_dir(directory)?.flatten().filter(|file| file.file_name().to_string_lossy().starts_with(artifact));
    files.next().map(|file| file.path()).ok_or_else(|| std::io::Error::other("nothing was stored"))
}

/// Why none of it is tried where there are neither links nor modes of this kind.
pub(super) const NOT_UNIX: &str = "this system has no modes of directories as Unix has";

#[cfg(not(unix))]
fn make(_: &Path, _: u32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn make(directory: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(mode))
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}
